package import Core

/// A compact JWS (RFC 7515 §3.1) that was read strictly and not verified yet.
///
/// The header may hold `alg`, `kid`, `typ`, and `jwk` where the caller says so, and nothing else: `crit`, `b64`, `zip`
/// and whatever names keys from elsewhere (`jku`, `x5u`, `x5c`) would change what the signature means.
package struct CompactSignature: Sendable {
    package let bytes: [UInt8]
    package let algorithm: SignatureAlgorithm
    package let keyID: String?
    /// `typ` in small letters without `application/` (RFC 7515 §4.1.9).
    package let type: String?
    package let embeddedKey: JSON.Object?
    package let payload: [UInt8]
    package let signature: [UInt8]
    /// How many of the bytes are signed: header, dot and payload.
    private let signedCount: Int

    package static let standardLimit = 16 << 10

    /// Reads the three parts; a text longer than the limit is not looked at.
    package init(
        parsing bytes: [UInt8],
        limit: Int = standardLimit,
        mayEmbedKey: Bool = false
    ) throws(TokenFault) {
        guard bytes.count <= limit else {
            throw TokenFault(.tooLarge, "the token is longer than \(limit) bytes")
        }
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw TokenFault(.malformed, "a token has three parts") }
        guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2]), !header.isEmpty
        else { throw TokenFault(.malformed, "a part of the token is not base64url without padding") }
        guard let members = (try? JSON.parse(header, limits: JSON.Limits(maxDepth: 4, maxMembers: 32)))?.object else {
            throw TokenFault(.malformed, "the header of the token is no json object with one meaning")
        }
        let allowed: Set = mayEmbedKey ? ["alg", "kid", "typ", "jwk"] : ["alg", "kid", "typ"]
        guard members.keys.allSatisfy(allowed.contains) else {
            throw TokenFault(.header, "the header of the token has a member that is not accepted")
        }
        guard let name = members["alg"]?.string, let algorithm = SignatureAlgorithm(rawValue: name) else {
            throw TokenFault(.algorithm, "the token's algorithm is not accepted")
        }
        // A signature that cannot be one is not worth a key.
        guard !signature.isEmpty else { throw TokenFault(.signature, "the token is not signed") }
        self.bytes = bytes
        self.algorithm = algorithm
        keyID = try Self.text("kid", members)
        type = try Self.text("typ", members).map { typ in
            let small = typ.lowercased()
            return small.hasPrefix("application/") ? String(small.dropFirst("application/".count)) : small
        }
        if let key = members["jwk"] {
            guard let object = key.object else { throw TokenFault(.header, "`jwk` of the header is no object") }
            embeddedKey = object
        } else {
            embeddedKey = nil
        }
        self.payload = payload
        self.signature = signature
        signedCount = parts[0].count + 1 + parts[1].count
    }

    private static func text(_ name: String, _ members: JSON.Object) throws(TokenFault) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.count <= 512 else {
            throw TokenFault(.header, "`\(name)` of the header is no text")
        }
        return text
    }

    /// Whether the key made the signature.
    package func isSigned(by key: VerificationKey) -> Bool {
        key.isValid(signature, of: bytes[..<signedCount], by: algorithm)
    }

    /// Proves the signature by a key of the set that fits, and returns that key.
    @discardableResult
    package func verify(
        by keys: KeySet,
        algorithms: Set<SignatureAlgorithm> = SignatureAlgorithm.standard
    ) throws(TokenFault) -> JSONWebKey {
        guard algorithms.contains(algorithm) else {
            throw TokenFault(.algorithm, "the token's algorithm is not accepted from this issuer")
        }
        let candidates = keys.candidates(id: keyID, algorithm: algorithm)
        guard !candidates.isEmpty else {
            throw TokenFault(.unknownKey, "the token names a key that its issuer does not have")
        }
        guard let key = candidates.first(where: { isSigned(by: $0.key) }) else {
            throw TokenFault(.signature, "the signature of the token is wrong")
        }
        return key
    }
}

/// A compact JWS whose payload is one JSON object of claims (RFC 7519), not verified yet.
package struct JSONWebToken: Sendable {
    package let envelope: CompactSignature
    package let claims: JSON.Object

    /// Reads a token; claims are read as strictly as everything else, so no name stands twice.
    package init(
        parsing bytes: [UInt8],
        limit: Int = CompactSignature.standardLimit,
        mayEmbedKey: Bool = false
    ) throws(TokenFault) {
        try self.init(try CompactSignature(parsing: bytes, limit: limit, mayEmbedKey: mayEmbedKey))
    }

    init(_ envelope: CompactSignature) throws(TokenFault) {
        let limits = JSON.Limits(maxDepth: 32, maxMembers: 512, maxTokens: 4096)
        guard let claims = (try? JSON.parse(envelope.payload, limits: limits))?.object else {
            throw TokenFault(.malformed, "the claims of the token are no json object with one meaning")
        }
        self.envelope = envelope
        self.claims = claims
    }

    /// The claim as a text that is not empty; nothing where it is absent.
    func text(_ name: String, limit: Int = 1024) throws(TokenFault) -> String? {
        guard let value = claims[name] else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.count <= limit else {
            throw TokenFault(.claim, "the claim `\(name)` is no text")
        }
        return text
    }

    /// The last moment that a token may name: the end of the year 9999.
    private static let lastSecond = 253_402_300_799.0

    /// The claim as a NumericDate, which may have a fraction (RFC 7519 §2); nothing where it is absent.
    func time(_ name: String) throws(TokenFault) -> Timestamp? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.double, seconds >= 0, seconds <= Self.lastSecond else {
            throw TokenFault(.claim, "the claim `\(name)` is no time")
        }
        return Timestamp(microseconds: Int64(seconds * 1_000_000))
    }

    /// The audiences, one or a list (RFC 7519 §4.1.3); none where the claim is absent.
    func audience() throws(TokenFault) -> [String] {
        guard let value = claims["aud"] else { return [] }
        if let one = value.string { return [one] }
        guard let list = value.array, list.count <= 64 else {
            throw TokenFault(.claim, "the claim `aud` is no audience")
        }
        var texts: [String] = []
        for element in list {
            guard let text = element.string else { throw TokenFault(.claim, "the claim `aud` is no audience") }
            texts.append(text)
        }
        return texts
    }
}
