package import Core
import Crypto

extension WorkspaceKey {
    /// What signs policy bundles: an Ed25519 and an ML-DSA-65 key that follow from the key of purpose `bundle`.
    ///
    /// Other keys than those that sign kills, so that neither can be taken for the other.
    package func bundleSigners() throws -> [DSSESigner] {
        let classical = authenticationCode(Array("lockstep.policy-bundle/1:ed25519".utf8))
        let lattice = authenticationCode(Array("lockstep.policy-bundle/1:ml-dsa-65".utf8))
        return [
            .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: classical)),
            .mldsa65(try MLDSA65.PrivateKey(seedRepresentation: lattice, publicKey: nil)),
        ]
    }

    /// What signs the statements of a gateway about itself, by the key of its own folder.
    package func heartbeatSigners(gateway: String) throws -> [DSSESigner] {
        let classical = authenticationCode(Array("lockstep.heartbeat/1:ed25519:\(gateway)".utf8))
        let lattice = authenticationCode(Array("lockstep.heartbeat/1:ml-dsa-65:\(gateway)".utf8))
        return [
            .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: classical)),
            .mldsa65(try MLDSA65.PrivateKey(seedRepresentation: lattice, publicKey: nil)),
        ]
    }
}

/// Whose envelopes are believed: sets of keys, of which one set has to have signed with all of its keys.
///
/// A set with a classical key and one of ML-DSA-65 is good until both are broken, since a signature that was taken away is
/// missed. A set with keys of two people wants both.
package struct BundleTrust: Sendable {
    package let sets: [[DSSEKey]]

    private static let mostSets = 64

    package init?(_ sets: [[DSSEKey]]) {
        guard !sets.isEmpty, sets.count <= Self.mostSets, sets.allSatisfy({ !$0.isEmpty && $0.count <= 16 }) else {
            return nil
        }
        self.sets = sets
    }

    /// Reads `{"bundles":[[{"algorithm":"ed25519","key":"<base64>"},…],…]}`; nothing where one is no key.
    package init?(parsing bytes: [UInt8]) {
        guard let lists = (try? JSON.parse(bytes))?["bundles"]?.array else { return nil }
        var sets: [[DSSEKey]] = []
        for list in lists {
            guard let entries = list.array else { return nil }
            var keys: [DSSEKey] = []
            for entry in entries {
                guard let algorithm = entry["algorithm"]?.string,
                    let raw = entry["key"]?.string.flatMap({ Base64.decode($0.utf8) }),
                    let key = DSSEKey(algorithm: algorithm, bytes: raw)
                else { return nil }
                keys.append(key)
            }
            // One key twice would look like two.
            guard Set(keys.map(\.id)).count == keys.count else { return nil }
            sets.append(keys)
        }
        self.init(sets)
    }

    /// As such a file has it.
    package var json: JSON.Value { .array(sets.map { .array($0.map(\.json)) }) }

    /// The payload, if all keys of one set have signed it and its type.
    ///
    /// - Throws: What is missing of the first set.
    package func verify(_ envelope: DSSEEnvelope, type: String) throws(DSSEError) -> [UInt8] {
        var first: DSSEError?
        for set in sets {
            do throws(DSSEError) { return try envelope.verify(by: set, type: type) } catch { first = first ?? error }
        }
        throw first ?? DSSEError(.noKeys, "there is no key to verify the envelope with")
    }
}
