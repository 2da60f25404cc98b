import Core

/// That an entry is in a log, in one file that needs no other: C2SP tlog-proof.
///
/// The entry itself goes with it as `extra`, so that whoever has the file and the writer's key can check all of it.
package struct LogProof: Hashable, Sendable {
    package let index: Int
    package let entry: [UInt8]
    package let path: [TreeHash]
    package let checkpoint: SignedCheckpoint

    private static let header = "c2sp.org/tlog-proof@v1"
    package static let maximumBytes = SignedNote.maximumBytes + 200_000

    package init(index: Int, entry: [UInt8], path: [TreeHash], checkpoint: SignedCheckpoint) {
        self.index = index
        self.entry = entry
        self.path = path
        self.checkpoint = checkpoint
    }

    package var bytes: [UInt8] {
        let lines = [Self.header, "extra \(Base64.encode(entry))", "index \(index)"] + path.map(\.base64) + [""]
        return Array(lines.map { $0 + "\n" }.joined().utf8) + checkpoint.bytes
    }

    /// Reads a proof strictly; it must carry its entry.
    package init(_ bytes: [UInt8]) throws(AuditError) {
        guard bytes.count <= Self.maximumBytes else { throw Self.malformed("it is too large") }
        let newline = UInt8(ascii: "\n")
        guard let end = bytes.indices.dropLast().first(where: { bytes[$0] == newline && bytes[$0 + 1] == newline }),
            let head = String(validating: bytes[..<end], as: UTF8.self)
        else { throw Self.malformed("it has no checkpoint") }
        let lines = head.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, lines[0] == Self.header else { throw Self.malformed("it does not begin as one") }
        guard lines[1].hasPrefix("extra "), let entry = Base64.decode(lines[1].dropFirst(6).utf8) else {
            throw Self.malformed("it does not carry its entry")
        }
        let number = lines[2].dropFirst(6)
        guard lines[2].hasPrefix("index "), let index = Int(number), index >= 0, String(index) == number else {
            throw Self.malformed("it does not say which entry")
        }
        let rest = lines.dropFirst(3)
        let path = rest.compactMap { Base64.decode($0.utf8).flatMap { TreeHash($0) } }
        guard path.count == rest.count, path.count <= MerkleProof.maximumLength else {
            throw Self.malformed("its path is not made of hashes")
        }
        self.index = index
        self.entry = entry
        self.path = path
        checkpoint = try SignedCheckpoint(Array(bytes[(end + 2)...]))
    }

    /// The checkpoint under which the entry stands, believed.
    ///
    /// - Throws: `untrusted` where no trusted writer signed, `contradiction` where the entry is not in the signed tree.
    package func verified(by keys: [VerifierKey]) throws(AuditError) -> Checkpoint {
        let believed = try checkpoint.verified(by: keys)
        guard
            MerkleProof.includes(
                leaf: .leaf(entry),
                index: index,
                size: believed.size,
                path: path,
                root: believed.root
            )
        else { throw AuditError(.contradiction, "the proof does not lead from entry \(index) to the signed root") }
        return believed
    }

    private static func malformed(_ reason: String) -> AuditError {
        AuditError(.malformed, "this is no proof of an entry: \(reason)")
    }
}

/// That a log only grew from one checkpoint to another: the body that C2SP tlog-witness sends to a witness.
package struct GrowthProof: Hashable, Sendable {
    package let oldSize: Int
    package let path: [TreeHash]
    package let checkpoint: SignedCheckpoint

    package init(oldSize: Int, path: [TreeHash], checkpoint: SignedCheckpoint) {
        self.oldSize = oldSize
        self.path = path
        self.checkpoint = checkpoint
    }

    package var bytes: [UInt8] {
        let lines = ["old \(oldSize)"] + path.map(\.base64) + [""]
        return Array(lines.map { $0 + "\n" }.joined().utf8) + checkpoint.bytes
    }

    /// Reads a proof strictly.
    package init(_ bytes: [UInt8]) throws(AuditError) {
        guard bytes.count <= LogProof.maximumBytes else { throw Self.malformed }
        let newline = UInt8(ascii: "\n")
        guard let end = bytes.indices.dropLast().first(where: { bytes[$0] == newline && bytes[$0 + 1] == newline }),
            let head = String(validating: bytes[..<end], as: UTF8.self)
        else { throw Self.malformed }
        let lines = head.split(separator: "\n", omittingEmptySubsequences: false)
        let number = lines[0].dropFirst(4)
        guard lines[0].hasPrefix("old "), let oldSize = Int(number), oldSize >= 0, String(oldSize) == number else {
            throw Self.malformed
        }
        let path = lines.dropFirst().compactMap { Base64.decode($0.utf8).flatMap { TreeHash($0) } }
        guard path.count == lines.count - 1 else { throw Self.malformed }
        self.oldSize = oldSize
        self.path = path
        checkpoint = try SignedCheckpoint(Array(bytes[(end + 2)...]))
    }

    private static var malformed: AuditError { AuditError(.malformed, "this is no proof that a log only grew") }
}
