package import Core
import Crypto

extension WorkspaceKey {
    /// What signs envelopes in the name of a workspace: an Ed25519 key that follows from the key of purpose `bundle`.
    package func envelopeSigner() throws -> DSSESigner {
        // Made for this alone, so that nothing else that follows from the key can be taken for it.
        let seed = authenticationCode(Array("lockstep.bundle/1:ed25519".utf8))
        return .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: seed))
    }
}

extension DSSEKey {
    /// Reads a file of public keys, `{"keys":[{"algorithm":"ed25519","key":"<base64>"}]}`; nothing where one is no key.
    package static func list(_ bytes: [UInt8]) -> [DSSEKey]? {
        guard let entries = (try? JSON.parse(bytes))?["keys"]?.array else { return nil }
        var keys: [DSSEKey] = []
        for entry in entries {
            guard let algorithm = entry["algorithm"]?.string,
                let raw = entry["key"]?.string.flatMap({ Base64.decode($0.utf8) }),
                let key = DSSEKey(algorithm: algorithm, bytes: raw)
            else { return nil }
            keys.append(key)
        }
        return keys
    }

    /// As such a file has it.
    package var json: JSON.Value {
        ["algorithm": .string(algorithm), "id": .string(id), "key": .string(Base64.encode(bytes))]
    }
}
