import Core
package import Identity
import Wire

/// What callers and tasks are proven by.
package struct Proofs: Sendable {
    /// Proves tokens; nil where no issuer is believed.
    package let tokens: TokenVerifier?
    package let possession: DPoPVerifier
    /// Who may sign tasks.
    package let orchestrators: KeySet?
    /// What callers show of their machines; nil asks for nothing.
    package let posture: PostureDemand?

    package init(
        tokens: TokenVerifier?,
        possession: DPoPVerifier,
        orchestrators: KeySet?,
        posture: PostureDemand? = nil
    ) {
        self.posture = posture
        self.tokens = tokens
        self.possession = possession
        self.orchestrators = orchestrators
    }
}

/// Proves who sends a request; what was proven of a token is remembered on this event loop.
struct Authenticator {
    enum Outcome {
        case caller(Caller)
        /// Status, and `error` of the challenge (RFC 6750 §3.1).
        case refused(status: Int, error: String?, cause: Unproven.Cause)
    }

    private var cache = TokenCache()

    mutating func authenticate(
        _ head: MessageHead,
        svid: X509SVID?,
        method: String,
        route: GatewayConfiguration.Route,
        settings: Settings,
        now: Timestamp
    ) -> Outcome {
        let fields = head.values(of: .authorization)
        let certificate = svid.flatMap { now < $0.notAfter ? $0 : nil }
        // A workload that proved its name to the connection needs no token; one that sends a token is held to it.
        if fields.isEmpty, let certificate {
            let principal = CallRecord.Principal(id: certificate.id.description, kind: .spiffe)
            var caller = Caller(principal: principal, credentials: ["serial:\(certificate.serial)"])
            caller.provenKey = certificate.keyThumbprint
            return .caller(caller)
        }
        guard let verifier = settings.proofs.tokens, !(fields.isEmpty && settings.configuration.declared != nil) else {
            guard let name = settings.configuration.declared, fields.isEmpty else {
                return .refused(status: 401, error: nil, cause: fields.isEmpty ? .nobody : .noIssuer)
            }
            return .caller(Caller(principal: CallRecord.Principal(id: name, kind: .declared)))
        }
        do throws(TokenFault) {
            let credentials = try Credentials(fields: fields)
            let token = try cache.verify(
                credentials.token,
                resource: settings.resource(of: route),
                by: verifier,
                now: now
            )
            guard let address = settings.address(of: route) else {
                return .refused(status: 401, error: nil, cause: .nobody)
            }
            try settings.proofs.possession.admit(
                token,
                scheme: credentials.scheme,
                proofs: head.values(of: .dpop).map { Array($0.utf8) },
                method: method,
                address: address,
                certificate: certificate?.digest,
                now: now
            )
            var caller = Caller(token)
            switch token.confirmation {
            case .none: break
            case .key(let thumbprint): caller.provenKey = thumbprint
            case .certificate: caller.provenKey = certificate?.keyThumbprint
            }
            return .caller(caller)
        } catch {
            let cause = Unproven.Cause(code: error.code.rawValue, message: error.message)
            return .refused(status: error.answer.status, error: error.answer.error, cause: cause)
        }
    }
}

extension Caller {
    init(_ token: VerifiedToken) {
        var credentials = [token.digest.description]
        if let id = token.id { credentials.append("token:\(token.issuer)/\(id)") }
        if case .key(let thumbprint) = token.confirmation {
            credentials.append("key:\(Base64URL.encode(thumbprint))")
        }
        self.init(
            principal: CallRecord.Principal(id: token.subject, kind: token.kind == .spiffe ? .spiffe : .jwt),
            delegation: token.delegation,
            purpose: token.purpose,
            credentials: credentials
        )
    }
}
