package import Core
import Crypto

/// A key that signs notes; it prints without its secret.
package struct NoteSigner: Sendable {
    package let verifier: VerifierKey
    private let seed: Redacted<[UInt8]>

    /// A key out of 32 secret bytes (the seed of RFC 8032 §5.1.5).
    ///
    /// - Throws: `malformed` for a bad name or length, `unsupported` for a kind that this version cannot sign with.
    package init(name: String, kind: VerifierKey.Kind, seed: Redacted<[UInt8]>) throws(AuditError) {
        switch kind {
        case .ed25519, .cosignature:
            guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed.revealed) else {
                throw AuditError(.malformed, "the secret key of `\(name)` has the wrong length")
            }
            verifier = try VerifierKey(name: name, kind: kind, publicKey: Array(key.publicKey.rawRepresentation))
            self.seed = seed
        case .postQuantumCosignature:
            throw AuditError(.unsupported, "this version makes no ML-DSA-44 signatures")
        }
    }

    /// Signs the text of a note; a cosignature carries the time, in seconds since 1970.
    package func sign(_ text: String, at time: UInt64) throws(AuditError) -> SignedNote.Signature {
        let signature: [UInt8]
        switch verifier.kind {
        case .ed25519:
            signature = try ed25519(Array(text.utf8))
        case .cosignature:
            let stamp = (0..<8).map { UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * $0)) }
            signature = stamp + (try ed25519(Cosignature.message(text: text, time: time)))
        case .postQuantumCosignature:
            throw AuditError(.unsupported, "this version makes no ML-DSA-44 signatures")
        }
        return SignedNote.Signature(name: verifier.name, keyID: verifier.id, bytes: signature)
    }

    private func ed25519(_ message: [UInt8]) throws(AuditError) -> [UInt8] {
        do {
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed.revealed)
            return Array(try key.signature(for: message))
        } catch {
            throw AuditError(.unusable, "`\(verifier.name)` could not sign")
        }
    }
}
