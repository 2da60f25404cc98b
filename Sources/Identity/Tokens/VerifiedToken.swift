package import Core

/// What a token proves about its caller, after everything in it was checked.
package struct VerifiedToken: Sendable, Hashable {
    /// How the subject is known, in the words of a call record.
    package enum Kind: String, Sendable, Hashable {
        case jwt, spiffe
    }

    /// What the caller has to show besides the token.
    package enum Confirmation: Sendable, Hashable {
        case none
        /// A DPoP proof by the key of this SHA-256 thumbprint (RFC 9449 §6.1).
        case key(thumbprint: [UInt8])
        /// A TLS client certificate of this SHA-256 digest (RFC 8705 §3.1).
        case certificate(digest: [UInt8])
    }

    package let issuer: String
    package let subject: String
    package let kind: Kind
    /// `jti`.
    package let id: String?
    package let expiry: Timestamp
    package let issuedAt: Timestamp?
    package let notBefore: Timestamp?
    package let audience: [String]
    package let scopes: [String]
    /// The task for which the token was issued (`purpose`).
    package let purpose: String?
    /// Who acts for the subject, the present actor first (`act`, RFC 8693 §4.1).
    package let delegation: [String]
    package let confirmation: Confirmation
    /// The SHA-256 of the token's bytes: what a DPoP proof names as `ath`, and what a revocation can name.
    package let digest: Digest

    /// Whether the token is for this resource, byte for byte.
    package func isFor(_ resource: String) -> Bool {
        audience.contains { $0.isSameText(as: resource) }
    }
}

extension VerifiedToken {
    package static let deepestDelegation = 10

    /// Whether a text can be a subject: 1 to 255 printable ASCII characters (OpenID Connect Core §2), no space at an
    /// end, and no `*`, which stands for every agent in policies.
    static func isSubject(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...2048).contains(bytes.count), bytes.first != 0x20, bytes.last != 0x20 else { return false }
        guard bytes.count <= 255 || text.hasPrefix("spiffe://") else { return false }
        return bytes.allSatisfy { 0x20...0x7E ~= $0 && $0 != UInt8(ascii: "*") }
    }

    static func scopes(of claims: JSON.Object) throws(TokenFault) -> [String] {
        let fault = TokenFault(.claim, "the claim `scope` is no list of scopes")
        guard let value = claims["scope"] else { return [] }
        guard let text = value.string, text.utf8.count <= 8192 else { throw fault }
        return text.split(separator: " ").map(String.init)
    }

    static func delegation(of claims: JSON.Object) throws(TokenFault) -> [String] {
        var chain: [String] = []
        var next = claims["act"]
        while let value = next {
            guard chain.count < deepestDelegation else {
                throw TokenFault(.claim, "the token was handed on more than \(deepestDelegation) times")
            }
            guard let actor = value.object, let subject = actor["sub"]?.string, isSubject(subject) else {
                throw TokenFault(.claim, "an actor in the claim `act` has no name")
            }
            chain.append(subject)
            next = actor["act"]
        }
        return chain
    }

    /// What `cnf` demands; a demand that cannot be checked here is never dropped.
    static func confirmation(of claims: JSON.Object) throws(TokenFault) -> Confirmation {
        guard let value = claims["cnf"] else { return .none }
        guard let members = value.object, members.count == 1 else {
            throw TokenFault(.claim, "the claim `cnf` does not name one key")
        }
        for name in ["jkt", "x5t#S256"] {
            guard let member = members[name] else { continue }
            guard let digest = member.string.flatMap({ Base64URL.decode($0.utf8) }), digest.count == 32 else { break }
            return name == "jkt" ? .key(thumbprint: digest) : .certificate(digest: digest)
        }
        throw TokenFault(.claim, "the claim `cnf` binds the token in a way that cannot be checked")
    }
}
