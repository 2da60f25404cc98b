package import Core

/// Who may issue tokens, and with which keys.
package struct TokenIssuer: Sendable {
    /// The exact value of `iss`.
    package let name: String
    package let keys: KeySet
    package let algorithms: Set<SignatureAlgorithm>
    /// The trust domain whose workloads the issuer may name.
    package let trustDomain: String?
    /// Stands before every subject of the issuer, so that two issuers cannot name the same one; workloads have none.
    package let prefix: String

    /// An issuer; one whose name is a trust domain (`spiffe://acme`) speaks for the workloads of that domain, and no
    /// other does unless `trustDomain` says so.
    package init(
        name: String,
        keys: KeySet,
        trustDomain: String? = nil,
        prefix: String = "",
        algorithms: Set<SignatureAlgorithm>? = nil
    ) {
        self.name = name
        self.keys = keys
        self.prefix = prefix
        let own = try? SPIFFEID(name)
        let isDomain = own?.isTrustDomain == true
        self.trustDomain = trustDomain ?? (isDomain ? own?.trustDomain : nil)
        self.algorithms = algorithms ?? (isDomain ? SignatureAlgorithm.svid : SignatureAlgorithm.standard)
    }

    fileprivate func name(_ subject: String, isWorkload: Bool) -> String {
        isWorkload || prefix.isEmpty ? subject : prefix + subject
    }
}

/// Decides whether a token proves a caller to one resource; a pure value that event loops share.
///
/// JWT access tokens (RFC 9068) and JWT-SVIDs are read alike. A JWT-SVID may lack `iss`; its keys are then those of the
/// trust domain in its subject.
package struct TokenVerifier: Sendable {
    package let issuers: [TokenIssuer]
    /// How far other clocks may run ahead.
    package let skew: Duration
    /// How old a token may be, and how long it may still live.
    package let longestLife: Duration
    package let limit: Int
    /// Changes when an issuer or one of its keys does.
    package let revision: Digest

    package static let standardSkew: Duration = .seconds(30)
    package static let standardLife: Duration = .seconds(86_400)
    private static let types: Set = ["jwt", "at+jwt", "jose"]

    package init(
        issuers: [TokenIssuer],
        skew: Duration = standardSkew,
        longestLife: Duration = standardLife,
        limit: Int = CompactSignature.standardLimit
    ) {
        self.issuers = issuers
        self.skew = skew
        self.longestLife = longestLife
        self.limit = limit
        revision = Digest.sha256(
            issuers.flatMap { issuer in
                let algorithms = issuer.algorithms.map(\.rawValue).sorted().joined(separator: ",")
                let text =
                    "\(issuer.name)\u{0}\(issuer.trustDomain ?? "")\u{0}\(issuer.prefix)\u{0}\(algorithms)\u{0}"
                return Array(text.utf8) + issuer.keys.revision.bytes
            }
        )
    }

    /// Proves a token for the resource (RFC 8707) at a moment.
    package func verify(_ bytes: [UInt8], resource: String, now: Timestamp) throws(TokenFault) -> VerifiedToken {
        let token = try JSONWebToken(parsing: bytes, limit: limit)
        if let type = token.envelope.type, !Self.types.contains(type) {
            throw TokenFault(.type, "the token is not one for access")
        }
        let subject = try Self.subject(of: token)
        let workload = try Self.workload(subject)
        let issuer = try issuer(of: token, workload: workload)
        // Nothing that the token says counts before this line, not even for the choice of a refusal's status.
        try token.envelope.verify(by: issuer.keys, algorithms: issuer.algorithms)
        guard let subject else { throw TokenFault(.subject, "the token names no subject that can be told from others") }
        let audience = try token.audience()
        guard audience.contains(where: { $0.isSameText(as: resource) }) else {
            throw TokenFault(.audience, "the token is not for this resource")
        }
        guard let expiry = try token.time("exp") else { throw TokenFault(.claim, "the token never expires") }
        let verified = VerifiedToken(
            issuer: issuer.name,
            subject: issuer.name(subject, isWorkload: workload != nil),
            kind: workload == nil ? .jwt : .spiffe,
            id: try token.text("jti"),
            expiry: expiry,
            issuedAt: try token.time("iat"),
            notBefore: try token.time("nbf"),
            audience: audience,
            scopes: try VerifiedToken.scopes(of: token.claims),
            purpose: try Self.purpose(of: token),
            delegation: try VerifiedToken.delegation(of: token.claims).map {
                issuer.name($0, isWorkload: $0.hasPrefix("spiffe://"))
            },
            confirmation: try VerifiedToken.confirmation(of: token.claims),
            digest: Digest.sha256(bytes)
        )
        try checkTime(of: verified, now: now)
        return verified
    }

    /// Whether the token counts at this moment; the rest of it never changes.
    func checkTime(of token: VerifiedToken, now: Timestamp) throws(TokenFault) {
        guard now < token.expiry else { throw TokenFault(.expired, "the token has expired") }
        let ahead = now + skew
        if let notBefore = token.notBefore, notBefore > ahead {
            throw TokenFault(.notYetValid, "the token is not valid yet")
        }
        if let issuedAt = token.issuedAt {
            guard issuedAt <= ahead else { throw TokenFault(.notYetValid, "the token was issued in the future") }
            guard issuedAt + longestLife >= now else { throw TokenFault(.tooOld, "the token was issued too long ago") }
        }
        guard token.expiry <= ahead + longestLife else {
            throw TokenFault(.tooOld, "the token lives longer than tokens may here")
        }
    }

    /// The task that the token is for, under the rules of every task's id: no name of it may stand for others.
    private static func purpose(of token: JSONWebToken) throws(TokenFault) -> String? {
        guard let text = try token.text("purpose") else { return nil }
        guard TaskStatement.isID(text) else { throw TokenFault(.claim, "the claim `purpose` names no task") }
        return text
    }

    private static func subject(of token: JSONWebToken) throws(TokenFault) -> String? {
        guard let text = token.claims["sub"]?.string, VerifiedToken.isSubject(text) else { return nil }
        return text
    }

    /// The SPIFFE ID that the subject is; whatever looks like one must be one.
    private static func workload(_ subject: String?) throws(TokenFault) -> SPIFFEID? {
        guard let subject,
            subject.utf8.prefix(7).elementsEqual("spiffe:".utf8) || subject.lowercased().hasPrefix("spiffe:")
        else { return nil }
        let id: SPIFFEID
        do throws(SPIFFEID.Fault) {
            id = try SPIFFEID(subject)
        } catch {
            throw TokenFault(.subject, "the subject is no spiffe id: \(error.rawValue)")
        }
        guard !id.isTrustDomain else { throw TokenFault(.subject, "the subject is a trust domain and no workload") }
        return id
    }

    private func issuer(of token: JSONWebToken, workload: SPIFFEID?) throws(TokenFault) -> TokenIssuer {
        let unknown = TokenFault(.unknownIssuer, "the token is of an issuer that is not known here")
        let issuer: TokenIssuer?
        if let claim = token.claims["iss"] {
            guard let name = claim.string else { throw unknown }
            issuer = issuers.first { $0.name.isSameText(as: name) }
        } else {
            issuer = workload.flatMap { id in issuers.first { $0.trustDomain == id.trustDomain } }
        }
        guard let issuer else { throw unknown }
        // An issuer of people's tokens must not be able to name the workloads of a trust domain.
        if let workload, issuer.trustDomain != workload.trustDomain {
            throw TokenFault(.subject, "the issuer does not speak for this trust domain")
        }
        return issuer
    }
}
