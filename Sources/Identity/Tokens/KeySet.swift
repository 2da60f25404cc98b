package import Core

/// Why a set of keys is not used; nothing of it is used then.
package struct KeySetError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}

/// The public keys of one issuer, as read from a JWK set (RFC 7517 §5).
///
/// Keys of types that are not known here, and keys for encryption, are left out, as the RFC wants; a key that is broken,
/// too short or private makes the whole set useless, since its owner has to know.
package struct KeySet: Sendable {
    package let keys: [JSONWebKey]
    /// How many keys of the set are for others.
    package let ignored: Int
    /// Changes when a key comes or goes.
    package let revision: Digest

    private static let mostKeys = 256

    /// A set of keys that were read already; ids must differ.
    package init(_ keys: [JSONWebKey], ignored: Int = 0) throws(KeySetError) {
        guard !keys.isEmpty else { throw KeySetError("the set holds no key that can verify a signature") }
        guard keys.count <= Self.mostKeys else { throw KeySetError("the set holds more than \(Self.mostKeys) keys") }
        var seen: Set<[UInt8]> = []
        for key in keys {
            guard let id = key.id else { continue }
            guard seen.insert(Array(id.utf8)).inserted else { throw KeySetError("two keys have the id `\(id)`") }
        }
        self.keys = keys
        self.ignored = ignored
        revision = Digest.sha256(
            JSON.canonical(
                .array(
                    keys.map { key in
                        [
                            "id": key.id.map { .string($0) } ?? .null,
                            "alg": key.algorithm.map { .string($0.rawValue) } ?? .null,
                            "key": .string(Base64URL.encode(key.thumbprint)),
                        ]
                    }
                )
            )
        )
    }

    /// Reads a JWK set; `uses` are the values of `use` that count, and a key without one counts where that is `sig`.
    package init(parsing bytes: [UInt8], uses: Set<String> = ["sig", "jwt-svid"]) throws(KeySetError) {
        let value: JSON.Value
        do {
            value = try JSON.parse(bytes, limits: JSON.Limits(maxBytes: 1 << 20, maxDepth: 16))
        } catch {
            throw KeySetError("the key set is no json: \(error)")
        }
        guard let list = value["keys"]?.array else { throw KeySetError("the key set has no list `keys`") }
        try self.init(list, uses: uses)
    }

    /// Reads the keys of a list; with `needsIDs` each must have one, as those of a SPIFFE bundle.
    init(_ list: [JSON.Value], uses: Set<String>, needsIDs: Bool = false) throws(KeySetError) {
        var keys: [JSONWebKey] = []
        var ignored = 0
        for (position, value) in list.enumerated() {
            guard let object = value.object else { throw KeySetError("key \(position + 1) is no object") }
            if let use = object["use"], !use.isNull {
                guard let use = use.string else { throw KeySetError("`use` of key \(position + 1) is no text") }
                guard uses.contains(use) else {
                    ignored += 1
                    continue
                }
            }
            do throws(JSONWebKey.Fault) {
                let key = try JSONWebKey(object)
                guard key.id != nil || !needsIDs else { throw .malformed("`kid` is missing") }
                keys.append(key)
            } catch {
                switch error {
                case .unsupported: ignored += 1
                case .secret: throw KeySetError("key \(position + 1) is a secret one; a key set holds public keys only")
                case .malformed(let message): throw KeySetError("key \(position + 1): \(message)")
                }
            }
        }
        try self.init(keys, ignored: ignored)
    }

    /// The keys that may have made a signature: the one of this id, or without an id all that fit the algorithm.
    func candidates(id: String?, algorithm: SignatureAlgorithm) -> [JSONWebKey] {
        keys.filter { key in
            guard key.fits(algorithm) else { return false }
            guard let id else { return true }
            return key.id.map { $0.isSameText(as: id) } ?? false
        }
    }
}
