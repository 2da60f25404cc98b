package import Core

/// What a machine says about the agent that runs on it: a signed, short-lived token (RFC 9711 names where they fit).
///
/// It is signed by a posture agent, or by the agent's own key where there is none; `cnf` binds it to the key whose holder
/// it speaks of, so it cannot be shown for another agent. What it says is as good as the machine that says it.
package struct PostureStatement: Sendable, Hashable {
    /// The workload that it is about.
    package var subject: String
    /// The SHA-256 of the client's binary.
    package var binary: Digest
    /// The SHA-256 of its configuration: which servers it may reach.
    package var configuration: Digest
    /// The version of the client, as its maker writes it.
    package var version: String
    /// The thumbprint of the agent's key.
    package var thumbprint: [UInt8]
    package var audience: String?
    /// What the verifier asked to be repeated (`eat_nonce`).
    package var nonce: String?
    package var issued: Timestamp
    package var expires: Timestamp

    package static let longestLife: Duration = .seconds(300)
    package static let type = "posture+jwt"
    private static let profile = "tag:lockstep.dev,2026:posture/1"
    private static let longestText = 512

    package init(
        subject: String,
        binary: Digest,
        configuration: Digest,
        version: String,
        thumbprint: [UInt8],
        audience: String? = nil,
        nonce: String? = nil,
        issued: Timestamp,
        life: Duration = longestLife
    ) {
        self.subject = subject
        self.binary = binary
        self.configuration = configuration
        self.version = version
        self.thumbprint = thumbprint
        self.audience = audience
        self.nonce = nonce
        self.issued = issued
        expires = issued + min(life, Self.longestLife)
    }

    /// The statement as a compact JWS.
    package func sign(with signer: TokenSigner) throws -> [UInt8] {
        var claims: JSON.Object = [
            "eat_profile": .string(Self.profile), "sub": .string(subject), "swversion": .string(version),
            "binary_digest": .string(binary.description), "configuration_digest": .string(configuration.description),
            "cnf": ["jkt": .string(Base64URL.encode(thumbprint))], "iat": .integer(issued.epochSeconds),
            "exp": .integer(expires.epochSeconds),
        ]
        if let audience { claims["aud"] = .string(audience) }
        if let nonce { claims["eat_nonce"] = .string(nonce) }
        return try signer.sign(claims, type: Self.type)
    }

    /// Proves a statement.
    ///
    /// - Parameters:
    ///   - bytes: The compact JWS.
    ///   - keys: Who may make statements.
    ///   - subject: The workload that shows it, as its token or certificate proved it.
    ///   - thumbprint: The key that this workload proved, where it proved one.
    ///   - audience: Who asks; a statement for somebody else is refused.
    ///   - nonce: What was asked to be repeated.
    ///   - now: The time of the request.
    /// - Throws: Why the statement is not accepted.
    package init(
        verifying bytes: [UInt8],
        keys: KeySet,
        subject: String,
        thumbprint: [UInt8]? = nil,
        audience: String? = nil,
        nonce: String? = nil,
        now: Timestamp
    ) throws(TokenFault) {
        let token = try JSONWebToken(parsing: bytes)
        guard token.envelope.type == Self.type else { throw Self.fault("the statement's `typ` is not `\(Self.type)`") }
        try token.envelope.verify(by: keys)
        guard token.claims["eat_profile"]?.string == Self.profile else {
            throw Self.fault("the statement is of another profile")
        }
        guard let about = try token.text("sub", limit: 2048), about.isSameText(as: subject) else {
            throw Self.fault("the statement is about another workload")
        }
        guard case .key(let key) = try VerifiedToken.confirmation(of: token.claims) else {
            throw Self.fault("the statement is bound to no key")
        }
        guard thumbprint == nil || thumbprint == key else { throw Self.fault("the statement is bound to another key") }
        let named = try token.audience()
        if let audience {
            guard named.contains(where: { $0.isSameText(as: audience) }) else {
                throw Self.fault("the statement is for somebody else")
            }
        } else if named.count > 1 {
            throw Self.fault("the statement is for more than one verifier")
        }
        let repeated = try token.text("eat_nonce", limit: Self.longestText)
        if let nonce {
            guard repeated?.isSameText(as: nonce) == true else {
                throw Self.fault("the statement does not repeat the nonce")
            }
        }
        guard let issued = try token.time("iat"), let expires = try token.time("exp") else {
            throw Self.fault("the statement lacks its times")
        }
        guard issued <= now + TokenVerifier.standardSkew else { throw Self.fault("the statement is from the future") }
        guard now < expires else { throw TokenFault(.postureExpired, "the statement has expired") }
        guard expires <= issued + Self.longestLife else {
            throw Self.fault("the statement lives longer than five minutes")
        }
        guard let binary = Self.digest("binary_digest", token),
            let settings = Self.digest("configuration_digest", token),
            let version = try token.text("swversion", limit: Self.longestText)
        else { throw Self.fault("the statement lacks the digests or the version of the client") }
        self.subject = about
        self.binary = binary
        configuration = settings
        self.version = version
        self.thumbprint = key
        self.audience = named.first
        self.nonce = repeated
        self.issued = issued
        self.expires = expires
    }

    private static func digest(_ name: String, _ token: JSONWebToken) -> Digest? {
        token.claims[name]?.string.flatMap { Digest($0) }
    }

    private static func fault(_ message: String) -> TokenFault { TokenFault(.posture, message) }
}
