import Core

/// A text with the signatures of one or more keys (C2SP signed-note v1.0.0).
///
/// Having one says nothing yet: only what `verified` returns may be believed.
package struct SignedNote: Hashable, Sendable {
    /// What is signed, with its last newline.
    package let text: String
    package let signatures: [Signature]

    /// One signature line.
    package struct Signature: Hashable, Sendable {
        package let name: String
        package let keyID: UInt32
        package let bytes: [UInt8]

        package init(name: String, keyID: UInt32, bytes: [UInt8]) {
            self.name = name
            self.keyID = keyID
            self.bytes = bytes
        }

        var line: String {
            let id = (0..<4).map { UInt8(truncatingIfNeeded: keyID >> UInt32(24 - 8 * $0)) }
            return "\u{2014} \(name) \(Base64.encode(id + bytes))\n"
        }
    }

    /// More are refused; the specification asks for 16 at least, and the largest has nearly 5 kB.
    package static let maximumSignatures = 64
    package static let maximumBytes = 1 << 20

    package init(text: String, signatures: [Signature]) {
        self.text = text
        self.signatures = signatures
    }

    package var bytes: [UInt8] {
        Array((text + "\n" + signatures.map(\.line).joined()).utf8)
    }

    /// Reads a note strictly: one form for one note.
    package init(_ bytes: [UInt8]) throws(AuditError) {
        guard bytes.count <= Self.maximumBytes else { throw Self.malformed("it is too large") }
        guard let whole = String(validating: bytes, as: UTF8.self) else { throw Self.malformed("it is not UTF-8") }
        guard !bytes.contains(where: { $0 < 0x20 && $0 != UInt8(ascii: "\n") }) else {
            throw Self.malformed("it has control characters")
        }
        // The signatures follow the last empty line; the text may have others.
        let newline = UInt8(ascii: "\n")
        guard bytes.last == newline,
            let split = bytes.indices.dropLast().last(where: { bytes[$0] == newline && bytes[$0 + 1] == newline })
        else { throw Self.malformed("it has no signatures") }
        text = String(decoding: bytes[...split], as: UTF8.self)
        let lines = whole.utf8.dropFirst(split + 2).dropLast()
            .split(separator: newline, omittingEmptySubsequences: false)
        guard lines.count <= Self.maximumSignatures else { throw Self.malformed("it has too many signatures") }
        var signatures: [Signature] = []
        for line in lines {
            let fields = Substring(line).split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == "\u{2014}", VerifierKey.isName(fields[1]),
                let decoded = Base64.decode(fields[2].utf8), decoded.count > 4
            else { throw Self.malformed("line \(signatures.count + 1) of its signatures is none") }
            let id = decoded[..<4].reduce(0) { $0 << 8 | UInt32($1) }
            signatures.append(Signature(name: String(fields[1]), keyID: id, bytes: Array(decoded[4...])))
        }
        guard !signatures.isEmpty else { throw Self.malformed("it has no signatures") }
        self.signatures = signatures
    }

    /// The signatures of known keys, each checked.
    ///
    /// Unknown keys are passed over, as the specification asks: so keys can be rotated, and types of signatures added.
    /// - Throws: `untrusted` where no known key signed, and where the signature of a known one does not hold.
    package func verified(by keys: [VerifierKey]) throws(AuditError) -> [Verified] {
        var verified: [Verified] = []
        for signature in signatures {
            let known = keys.first { $0.name == signature.name && $0.id == signature.keyID && $0.isSupported }
            guard let known else { continue }
            guard let result = known.check(signature, on: text) else {
                throw AuditError(.untrusted, "the signature of `\(known.name)` does not hold")
            }
            verified.append(result)
        }
        guard !verified.isEmpty else {
            let names = Set(signatures.map(\.name)).sorted().map { "`\($0)`" }.joined(separator: ", ")
            throw AuditError(.untrusted, "no trusted key signed it, only \(names)")
        }
        return verified
    }

    /// A signature that holds.
    package struct Verified: Hashable, Sendable {
        package let key: VerifierKey
        /// Seconds since 1970 where the signature says when it was made.
        package let time: UInt64?
    }

    private static func malformed(_ reason: String) -> AuditError {
        AuditError(.malformed, "this is no signed note: \(reason)")
    }
}
