package import Core
import Crypto

extension WorkspaceKey {
    /// What signs security events: a P-256 key that follows from the key of purpose `event`, named by its thumbprint.
    package func eventSigner() -> TokenSigner {
        var round = 0
        while true {
            let seed = authenticationCode(Array("lockstep.events/1:es256:\(round)".utf8))
            // The few numbers that are no key are skipped.
            if let key = try? P256.Signing.PrivateKey(rawRepresentation: seed) {
                let unnamed = TokenSigner(.p256(key), id: nil)
                return TokenSigner(.p256(key), id: Base64URL.encode(unnamed.thumbprint))
            }
            round += 1
        }
    }
}

extension TokenSigner {
    /// The public key as an entry of a key set (RFC 7517 §5).
    package var published: JSON.Value {
        var members = publicMembers
        members["use"] = "sig"
        members["alg"] = .string(algorithm.rawValue)
        members["kid"] = id.map(JSON.Value.string)
        return .object(members)
    }
}
