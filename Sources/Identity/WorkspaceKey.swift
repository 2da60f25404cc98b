package import Core

/// What a workspace key is for; a key never serves two purposes.
package enum KeyPurpose: String, Sendable, CaseIterable {
    /// Seals the chains of events in the ledger; the key that signs the workspace's audit log follows from it.
    case audit
    /// Digests secrets, so that equal ones can be told without being stored.
    case redact
    /// Signs what gateways are told: kills and policy bundles. The signing keys follow from it.
    case bundle
    /// Encrypts recordings.
    case recording
    /// Signs workload identities.
    case issuer
    /// Signs what a gateway tells others of kills.
    case event

    /// The algorithm of a new key.
    package var algorithm: KeyAlgorithm {
        switch self {
        case .redact, .audit, .bundle: .hmacSHA256
        case .recording: .aes256GCM
        case .issuer, .event: .p256Seed
        }
    }
}

package enum KeyAlgorithm: String, Sendable, CaseIterable {
    case hmacSHA256 = "hmac-sha256"
    case aes256GCM = "aes-256-gcm"
    /// A secret from which private keys of P-256 follow, one a use.
    case p256Seed = "p256-seed"

    var keyBytes: Int {
        switch self {
        case .hmacSHA256, .aes256GCM, .p256Seed: 32
        }
    }
}

/// One key with its dates; it prints without its secret.
package struct WorkspaceKey: Equatable, Sendable {
    /// Eight hexadecimal digits, random: says which key made a digest and nothing about the key.
    package let id: String
    package let algorithm: KeyAlgorithm
    package let created: Timestamp
    /// When a new key is due.
    ///
    /// An expired key still works: refusing to redact would only leak more.
    package let expires: Timestamp?
    /// Since when the key only serves to recognise what it made; nothing for the key in use.
    package let retired: Timestamp?
    package let secret: Redacted<[UInt8]>

    package func isExpired(at now: Timestamp) -> Bool {
        expires.map { $0 <= now } ?? false
    }
}

/// The keys of one purpose: the one in use and those before it, newest first.
package struct KeyRing: Equatable, Sendable {
    package let purpose: KeyPurpose
    package let current: WorkspaceKey
    package let retired: [WorkspaceKey]

    /// The key that made something, also when it is retired.
    package func key(id: String) -> WorkspaceKey? {
        ([current] + retired).first { $0.id == id }
    }
}

extension KeyRing {
    private static let members = ["id", "purpose", "algorithm", "created", "expires", "key", "retired"]
    private static let retiredMembers = ["id", "algorithm", "created", "expires", "key", "retired"]

    var json: JSON.Value {
        var object = Self.json(current)
        object["purpose"] = .string(purpose.rawValue)
        object["retired"] = .array(
            retired.map { key in
                var object = Self.json(key)
                object["retired"] = key.retired.map { .string($0.description) }
                return .object(object)
            }
        )
        return .object(object)
    }

    private static func json(_ key: WorkspaceKey) -> JSON.Object {
        [
            "id": .string(key.id), "algorithm": .string(key.algorithm.rawValue),
            "created": .string(key.created.description),
            "expires": key.expires.map { .string($0.description) } ?? .null,
            "key": .string(Base64.encode(key.secret.revealed)),
        ]
    }

    /// Reads a key file strictly, or nothing: a key file has no author who would want to know what is wrong with it.
    init?(json: JSON.Value, purpose: KeyPurpose) {
        guard let object = json.object, object.keys.sorted() == Self.members.sorted(),
            object["purpose"]?.string == purpose.rawValue,
            let current = Self.key(object, retired: nil), let list = object["retired"]?.array
        else { return nil }
        var retired: [WorkspaceKey] = []
        for entry in list {
            guard let object = entry.object, object.keys.sorted() == Self.retiredMembers.sorted(),
                let text = object["retired"]?.string, let time = Timestamp(rfc3339: text),
                let key = Self.key(object, retired: time)
            else { return nil }
            retired.append(key)
        }
        guard Set([current.id] + retired.map(\.id)).count == retired.count + 1 else { return nil }
        self.init(purpose: purpose, current: current, retired: retired)
    }

    private static func key(_ object: JSON.Object, retired: Timestamp?) -> WorkspaceKey? {
        guard let id = object["id"]?.string, id.utf8.count == 8, Hexadecimal.decode(id.utf8) != nil,
            let algorithm = object["algorithm"]?.string.flatMap({ KeyAlgorithm(rawValue: $0) }),
            let created = object["created"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let expiry = object["expires"], let encoded = object["key"]?.string,
            let secret = Base64.decode(encoded.utf8), secret.count == algorithm.keyBytes
        else { return nil }
        let expires = expiry.string.flatMap { Timestamp(rfc3339: $0) }
        guard expires != nil || expiry.isNull else { return nil }
        return WorkspaceKey(
            id: id,
            algorithm: algorithm,
            created: created,
            expires: expires,
            retired: retired,
            secret: Redacted(secret)
        )
    }
}

extension WorkspaceKey {
    /// A key that everybody knows, for what is compared and never shown: equal secrets are equal in every process.
    package static let open = WorkspaceKey(
        id: "00000000",
        algorithm: .hmacSHA256,
        created: Timestamp(microseconds: 0),
        expires: nil,
        retired: nil,
        secret: Redacted([UInt8](repeating: 0, count: KeyAlgorithm.hmacSHA256.keyBytes))
    )

    /// A key that nobody keeps, for what is done outside of a workspace: equal secrets are equal while it lives.
    package static func ephemeral() -> WorkspaceKey {
        var random = SystemRandomNumberGenerator()
        let algorithm = KeyAlgorithm.hmacSHA256
        return WorkspaceKey(
            id: Hexadecimal.encode((0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }),
            algorithm: algorithm,
            created: Timestamp(microseconds: 0),
            expires: nil,
            retired: nil,
            secret: Redacted((0..<algorithm.keyBytes).map { _ in UInt8.random(in: 0...255, using: &random) })
        )
    }
}
