import Core

/// How long a log is and what its root is, as its writer signs it (C2SP tlog-checkpoint v1.0.0).
package struct Checkpoint: Hashable, Sendable {
    /// Who writes the log: one origin a writer.
    package let origin: String
    package let size: Int
    package let root: TreeHash
    /// Lines that a stranger's log may have; ours has none, since ML-DSA-44 signatures do not cover them.
    package let extensions: [String]

    /// No log comes near, and what is computed from a stranger's size stays an `Int`.
    package static let maximumSize = 1 << 62

    package init(origin: String, size: Int, root: TreeHash) {
        self.origin = origin
        self.size = size
        self.root = root
        extensions = []
    }

    /// The text that is signed, with its last newline.
    package var text: String {
        ([origin, String(size), root.base64] + extensions).map { $0 + "\n" }.joined()
    }

    /// Reads the text of a note strictly.
    package init(text: String) throws(AuditError) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, lines.last == "", lines.dropLast().allSatisfy({ !$0.isEmpty }) else {
            throw Self.malformed("it does not have three lines")
        }
        guard let size = Int(lines[1]), size >= 0, String(size) == lines[1] else {
            throw Self.malformed("its size is not a number")
        }
        guard let bytes = Base64.decode(lines[2].utf8), let root = TreeHash(bytes) else {
            throw Self.malformed("its root is not 32 bytes in base64")
        }
        guard size <= Self.maximumSize else { throw Self.malformed("its size is more than any log can have") }
        guard size > 0 || root == .empty else { throw Self.malformed("it has a root and no entries") }
        origin = String(lines[0])
        self.size = size
        self.root = root
        extensions = lines[3..<(lines.count - 1)].map(String.init)
    }

    private static func malformed(_ reason: String) -> AuditError {
        AuditError(.malformed, "this is no checkpoint: \(reason)")
    }
}

/// A checkpoint with its signatures, as it lies in the log's folder and is handed to others.
package struct SignedCheckpoint: Hashable, Sendable {
    package let checkpoint: Checkpoint
    package let note: SignedNote

    /// Reads one without believing it: see `verified`.
    package init(_ bytes: [UInt8]) throws(AuditError) {
        note = try SignedNote(bytes)
        checkpoint = try Checkpoint(text: note.text)
    }

    /// Signs with each of the keys.
    package init(_ checkpoint: Checkpoint, signers: [NoteSigner], at time: UInt64) throws(AuditError) {
        var signatures: [SignedNote.Signature] = []
        for signer in signers { signatures.append(try signer.sign(checkpoint.text, at: time)) }
        self.checkpoint = checkpoint
        note = SignedNote(text: checkpoint.text, signatures: signatures)
    }

    /// The same with one more signature: that of a witness, or of the workspace on the log of a gateway.
    package func adding(_ signer: NoteSigner, at time: UInt64) throws(AuditError) -> SignedCheckpoint {
        let others = note.signatures.filter { $0.name != signer.verifier.name || $0.keyID != signer.verifier.id }
        return SignedCheckpoint(
            checkpoint: checkpoint,
            note: SignedNote(text: note.text, signatures: others + [try signer.sign(note.text, at: time)])
        )
    }

    private init(checkpoint: Checkpoint, note: SignedNote) {
        self.checkpoint = checkpoint
        self.note = note
    }

    package var bytes: [UInt8] { note.bytes }

    /// The checkpoint, believed: its writer signed it, and no trusted key's signature is wrong.
    ///
    /// A key of the writer has the origin as its name; cosignatures of others do not stand in for it.
    package func verified(by keys: [VerifierKey]) throws(AuditError) -> Checkpoint {
        let verified = try note.verified(by: keys)
        guard verified.contains(where: { $0.key.name == checkpoint.origin && $0.key.kind != .cosignature }) else {
            throw AuditError(.untrusted, "the writer of `\(checkpoint.origin)` did not sign it with a trusted key")
        }
        return checkpoint
    }
}
