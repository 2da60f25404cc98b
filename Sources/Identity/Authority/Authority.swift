package import Core
package import Crypto

/// A small authority for a team that has none: names workloads of one trust domain for hours.
///
/// Its keys are those of the purpose `issuer` in the key store; `authority.json` beside them holds the trust domain and
/// the certificates, which are public. A new key is published at once and signs only after `lead`, when verifiers have
/// had time to fetch it; an old one stays published until all that it signed has ended.
package struct Authority: Sendable {
    package let trustDomain: String
    /// Newest first.
    private let keys: [AuthorityKey]

    /// How long a key is published before it signs.
    package static let lead: Duration = .seconds(600)
    /// How often who verifies should fetch the bundle.
    package static let refresh: Duration = .seconds(300)
    package static let longestLife: Duration = .seconds(86_400)
    package static let standardLife: Duration = .seconds(3600)
    /// How long a key of the authority lives.
    package static let keyLife: Duration = .seconds(365 * 86_400)
    private static let file = "authority.json"

    /// The authority of a key store, or nothing where none was made.
    package static func open(_ store: KeyStore) throws -> Authority? {
        guard let domain = try readFile(store) else { return nil }
        return try load(store, domain, using: nil)
    }

    /// The authority of a trust domain, made where the key store has none yet.
    package static func openOrCreate(
        _ store: KeyStore,
        trustDomain: String,
        now: Timestamp,
        using random: inout some RandomNumberGenerator
    ) throws -> Authority {
        guard (try? SPIFFEID("spiffe://\(trustDomain)"))?.isTrustDomain == true else {
            throw AuthorityError(.trustDomain, "`\(trustDomain)` is no name of a trust domain")
        }
        let held = try readFile(store)
        if let held, held.trustDomain != trustDomain {
            throw AuthorityError(
                .trustDomain,
                "the authority of this workspace is that of `\(held.trustDomain)`",
                help: "an authority names the workloads of one trust domain"
            )
        }
        _ = try store.loadOrCreate(.issuer, now: now, lifetime: keyLife, using: &random)
        return try load(store, held ?? (trustDomain, [:]), using: now)
    }

    /// Puts a new key beside the present one; it signs from `lead` on.
    package static func rotate(
        _ store: KeyStore,
        now: Timestamp,
        using random: inout some RandomNumberGenerator
    ) throws -> Authority {
        guard let held = try readFile(store) else {
            throw AuthorityError(
                .missing,
                "this workspace has no authority",
                help: "make one by issuing to a workload: `lockstep identity issue spiffe://DOMAIN/NAME`"
            )
        }
        _ = try store.rotate(.issuer, now: now, lifetime: keyLife, using: &random)
        return try load(store, held, using: now)
    }

    /// The key that signs at a moment: the newest one that was published long enough, else the oldest that is left.
    private func signingKey(_ now: Timestamp) throws -> AuthorityKey {
        let usable = keys.filter { now < $0.expires && Self.isPublished($0, now) }
        guard let key = usable.first(where: { $0.created + Self.lead <= now }) ?? usable.last else {
            throw AuthorityError(
                .expired,
                "the key of the authority has expired",
                help: "put a new one into use with `lockstep identity rotate`"
            )
        }
        return key
    }

    private static func isPublished(_ key: AuthorityKey, _ now: Timestamp) -> Bool {
        guard let retired = key.retired else { return true }
        return now < retired + lead + longestLife
    }

    /// The chain of an X509-SVID as DER, leaf first; the private key never leaves its owner.
    package func issueCertificate(
        _ id: SPIFFEID,
        publicKey: P256.Signing.PublicKey,
        life: Duration = standardLife,
        now: Timestamp
    ) throws -> [[UInt8]] {
        try check(id, life)
        let key = try signingKey(now)
        let end = min(now + life, key.expires)
        let start = now - TokenVerifier.standardSkew
        return [try key.issue(id, publicKey: publicKey, from: start, until: end)]
    }

    /// A JWT-SVID for the audiences (JWT-SVID §3), with `iss` so that verifiers of access tokens take it too.
    ///
    /// - Parameters:
    ///   - id: The workload.
    ///   - audience: Who may take the token; at least one.
    ///   - life: How long it counts.
    ///   - purpose: The task for which it is, where it is for one.
    ///   - confirmation: The thumbprint of the key that its owner has to prove (`cnf.jkt`).
    ///   - tokenID: `jti`, different for each token.
    ///   - now: When it is issued.
    /// - Returns: The compact JWS.
    /// - Throws: What is wrong with the request, or that no key may sign.
    package func issueToken(
        _ id: SPIFFEID,
        audience: [String],
        life: Duration = standardLife,
        purpose: String? = nil,
        confirmation: [UInt8]? = nil,
        tokenID: String,
        now: Timestamp
    ) throws -> [UInt8] {
        try check(id, life)
        guard !audience.isEmpty, audience.allSatisfy({ !$0.isEmpty }) else {
            throw AuthorityError(.request, "a token is for at least one audience")
        }
        let key = try signingKey(now)
        var claims: JSON.Object = [
            "iss": .string("spiffe://\(trustDomain)"), "sub": .string(id.description),
            "aud": .array(audience.map { .string($0) }), "iat": .integer(now.epochSeconds),
            "exp": .integer(min(now + life, key.expires).epochSeconds), "jti": .string(tokenID),
        ]
        if let purpose { claims["purpose"] = .string(purpose) }
        if let confirmation { claims["cnf"] = ["jkt": .string(Base64URL.encode(confirmation))] }
        return try key.tokenSigner.sign(claims, type: "JWT")
    }

    /// What verifiers need, as a SPIFFE bundle; it is a JWK set too, with the keys for tokens.
    package func bundle(now: Timestamp) -> JSON.Value {
        let published = keys.filter { Self.isPublished($0, now) && now < $0.expires }
        var entries: [JSON.Value] = []
        for key in published {
            var members = TokenSigner(.p256(key.certificateKey), id: nil).publicMembers
            members["use"] = "x509-svid"
            members["x5c"] = [.string(Base64.encode(key.certificate))]
            entries.append(.object(members))
            members = key.tokenSigner.publicMembers
            members["use"] = "jwt-svid"
            members["kid"] = .string(key.id)
            members["alg"] = "ES256"
            entries.append(.object(members))
        }
        // Grows whenever a key comes or goes.
        let sequence = keys.count + (keys.count - published.count)
        return [
            "keys": .array(entries), "spiffe_sequence": .integer(Int64(sequence)),
            "spiffe_refresh_hint": .integer(Int64(Self.refresh.components.seconds)),
        ]
    }

    /// The keys with their times, newest first: id, when it was made, when it was replaced, when it ends.
    package var summary: [(id: String, created: Timestamp, retired: Timestamp?, expires: Timestamp)] {
        keys.map { ($0.id, $0.created, $0.retired, $0.expires) }
    }

    private func check(_ id: SPIFFEID, _ life: Duration) throws {
        guard id.trustDomain == trustDomain, !id.isTrustDomain else {
            throw AuthorityError(.request, "`\(id)` is no workload of `\(trustDomain)`")
        }
        guard life > .seconds(TokenVerifier.standardSkew.components.seconds), life <= Self.longestLife else {
            throw AuthorityError(.request, "an identity lives more than 30 seconds and at most a day")
        }
    }
}

extension Authority {
    private typealias Held = (trustDomain: String, certificates: [String: [UInt8]])

    private static func readFile(_ store: KeyStore) throws -> Held? {
        let path = "\(store.directory)/\(file)"
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: 16 << 20, kind: .secret, mayFollowLink: false)
        } catch {
            if error == .missing { return nil }
            throw AuthorityError(.damaged, "`\(path)` \(error.sentence)")
        }
        let damaged = AuthorityError(.damaged, "`\(path)` is damaged", help: "bring it back from a backup")
        guard let object = (try? JSON.parse(bytes))?.object, object.count == 2,
            let domain = object["trust_domain"]?.string, let entries = object["certificates"]?.object
        else { throw damaged }
        var certificates: [String: [UInt8]] = [:]
        for (id, value) in entries {
            guard let bytes = value.string.flatMap({ Base64.decode($0.utf8) }) else { throw damaged }
            certificates[id] = bytes
        }
        return (domain, certificates)
    }

    /// Joins keys and certificates; with a time, a key that has none gets one, also after a crash between the two files.
    private static func load(_ store: KeyStore, _ held: Held, using now: Timestamp?) throws -> Authority {
        let ring = try store.load(.issuer)
        var certificates = held.certificates
        let all = [ring.current] + ring.retired
        if now != nil, all.contains(where: { certificates[$0.id] == nil }) {
            for key in all where certificates[key.id] == nil {
                certificates[key.id] = try AuthorityKey.makeCertificate(
                    for: key,
                    trustDomain: held.trustDomain,
                    expires: key.expires ?? key.created + keyLife
                )
            }
            try write((held.trustDomain, certificates), store)
        }
        let keys = try all.compactMap { key -> AuthorityKey? in
            guard let certificate = certificates[key.id] else { return nil }
            guard let made = AuthorityKey(key, certificate: certificate) else {
                throw AuthorityError(.damaged, "the certificate of the key `\(key.id)` is not its own")
            }
            return made
        }
        guard !keys.isEmpty else { throw AuthorityError(.missing, "the authority has no key with a certificate") }
        return Authority(trustDomain: held.trustDomain, keys: keys)
    }

    private static func write(_ held: Held, _ store: KeyStore) throws {
        let entries = held.certificates.map { (key: $0.key, value: JSON.Value.string(Base64.encode($0.value))) }
        let value: JSON.Value = [
            "trust_domain": .string(held.trustDomain), "certificates": .object(JSON.Object(entries)),
        ]
        do throws(FileFault) {
            let folder = try HeldFolder(store.directory, isPrivate: true, isLocked: true)
            try folder.write(JSON.canonical(value), to: file)
        } catch {
            throw AuthorityError(.damaged, "`\(store.directory)/\(file)` \(error.sentence)")
        }
    }
}

/// Why the authority cannot do what was asked.
package struct AuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reasons; the raw value is stable.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case missing = "authority.missing"
        case trustDomain = "authority.trust-domain"
        case request = "authority.request"
        case expired = "authority.expired"
        case damaged = "authority.damaged"
    }

    package let code: Code
    package let message: String
    package let help: String?

    init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
