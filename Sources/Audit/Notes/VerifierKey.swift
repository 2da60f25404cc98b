import Core
import Crypto

/// The public half of a key that signs notes, with the name that it signs under; printed as a `vkey` of C2SP signed-note.
package struct VerifierKey: Hashable, Sendable, CustomStringConvertible {
    /// What kind of signature the key makes; the byte is the one that C2SP signed-note §Signature types assigns.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// Ed25519 over the text.
        case ed25519 = 0x01
        /// Ed25519 over a time and the text of a checkpoint (C2SP tlog-cosignature).
        case cosignature = 0x04
        /// ML-DSA-44 over a time and the tree of a checkpoint (C2SP tlog-cosignature). Known by name, not checked yet.
        case postQuantumCosignature = 0x06

        var publicBytes: Int {
            switch self {
            case .ed25519, .cosignature: 32
            case .postQuantumCosignature: 1312
            }
        }
    }

    package let name: String
    package let kind: Kind
    package let publicKey: [UInt8]
    /// The first four bytes of SHA-256 over name, newline, kind and public key.
    package let id: UInt32

    /// - Throws: `malformed` for a name with spaces or a plus, and for a key of another length.
    package init(name: String, kind: Kind, publicKey: [UInt8]) throws(AuditError) {
        guard Self.isName(name[...]) else {
            throw AuditError(.malformed, "`\(name)` cannot be the name of a key: it is empty or has a space or a `+`")
        }
        guard publicKey.count == kind.publicBytes else {
            throw AuditError(.malformed, "the public key of `\(name)` has \(publicKey.count) bytes")
        }
        self.name = name
        self.kind = kind
        self.publicKey = publicKey
        id = Self.id(name, kind.rawValue, publicKey[...])
    }

    private static func id(_ name: some StringProtocol, _ type: UInt8, _ key: ArraySlice<UInt8>) -> UInt32 {
        Digest.sha256(Array(name.utf8) + [UInt8(ascii: "\n"), type] + key).bytes[..<4].reduce(0) {
            $0 << 8 | UInt32($1)
        }
    }

    private static func hexadecimal(_ id: UInt32) -> String {
        Hexadecimal.encode((0..<4).map { UInt8(truncatingIfNeeded: id >> UInt32(24 - 8 * $0)) })
    }

    /// Reads what `description` prints; nothing else is accepted.
    package init(_ text: some StringProtocol) throws(AuditError) {
        // Base64 has plus signs too: only the first two separate.
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let material = Base64.decode(parts[2].utf8), let type = material.first else {
            throw AuditError(.malformed, "this is no verifier key of the form `name+id+key`")
        }
        guard parts[1] == Self.hexadecimal(Self.id(parts[0], type, material.dropFirst())) else {
            throw AuditError(.malformed, "the key of `\(parts[0])` does not have the id that stands beside it")
        }
        guard let kind = Kind(rawValue: type) else {
            throw AuditError(
                .unsupported,
                "the key of `\(parts[0])` is of type \(type), which this version does not know"
            )
        }
        try self.init(name: String(parts[0]), kind: kind, publicKey: Array(material.dropFirst()))
    }

    /// Whether this version can check what the key signed.
    package var isSupported: Bool {
        switch kind {
        case .ed25519, .cosignature: true
        case .postQuantumCosignature: false
        }
    }

    package var hexadecimalID: String { Self.hexadecimal(id) }

    package var description: String {
        "\(name)+\(hexadecimalID)+\(Base64.encode([kind.rawValue] + publicKey))"
    }

    /// Whether this may name a key: not empty, without Unicode spaces and `+`.
    static func isName(_ name: some StringProtocol) -> Bool {
        !name.isEmpty
            && !name.unicodeScalars.contains {
                $0 == "+" || $0.properties.isWhitespace || $0.properties.generalCategory == .control
            }
    }

    /// What a signature that holds says; nothing where it does not.
    func check(_ signature: SignedNote.Signature, on text: String) -> SignedNote.Verified? {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return nil }
        switch kind {
        case .ed25519:
            guard key.isValidSignature(signature.bytes, for: Array(text.utf8)) else { return nil }
            return SignedNote.Verified(key: self, time: nil)
        case .cosignature:
            guard signature.bytes.count == 72 else { return nil }
            let time = signature.bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            guard time <= UInt64(Int64.max), (try? Checkpoint(text: text)) != nil,
                key.isValidSignature(signature.bytes[8...], for: Cosignature.message(text: text, time: time))
            else { return nil }
            return SignedNote.Verified(key: self, time: time)
        case .postQuantumCosignature:
            return nil
        }
    }
}

/// What a timestamped Ed25519 signature of a checkpoint is made over (C2SP tlog-cosignature).
enum Cosignature {
    static func message(text: String, time: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(time)\n\(text)".utf8)
    }
}
