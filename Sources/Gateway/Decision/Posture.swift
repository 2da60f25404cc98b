import Core
package import Identity

/// What callers have to show of the machine that they run on.
package struct PostureDemand: Sendable {
    /// Who may make statements.
    package let keys: KeySet
    /// Whether a request without a statement is refused.
    package let isRequired: Bool

    package init(keys: KeySet, isRequired: Bool) {
        self.keys = keys
        self.isRequired = isRequired
    }
}

/// Why a request is refused for what it shows, or does not show, of its client.
enum PostureFault: String, Error {
    case missing = "posture-missing"
    case expired = "posture-expired"
    case invalid = "posture-invalid"
    /// A digest that it states is denied, as `posture:sha256:…`.
    case revoked = "posture-revoked"
}

/// Holds every request to the statement in its `Lockstep-Posture` field; what was proven once is remembered until it ends.
///
/// A value without locks: each event loop holds its own. Refusals are not kept.
struct PostureCache {
    private struct Known {
        let statement: PostureStatement
        /// The digests of client and configuration, as revocations name them.
        let credentials: [String]
    }

    private static let capacity = 4_096
    private static let longest = 8 << 10

    private var known: [Digest: Known] = [:]
    private var revision: Digest?

    /// The caller with what its statement says of it.
    ///
    /// - Throws: Why the request is refused; a wrong statement is refused also where none is needed.
    mutating func admit(
        _ caller: Caller,
        fields: [String],
        settings: Settings,
        route: GatewayConfiguration.Route,
        now: Timestamp
    ) throws(PostureFault) -> Caller {
        guard let demand = settings.proofs.posture else { return caller }
        guard let field = fields.first else {
            if demand.isRequired { throw .missing }
            return caller
        }
        guard fields.count == 1, field.utf8.count <= Self.longest else { throw .invalid }
        let bytes = Array(field.utf8)
        let known = try prove(bytes, caller, demand.keys, now)
        let statement = known.statement
        guard now < statement.expires else { throw .expired }
        guard statement.subject == caller.principal.id else { throw .invalid }
        // Who proved a key is spoken of by it, and not by another's statement.
        if let key = caller.provenKey, key != statement.thumbprint { throw .invalid }
        if let audience = statement.audience {
            let names = [settings.configuration.id, settings.configuration.address, settings.resource(of: route)]
            guard names.contains(audience) else { throw .invalid }
        }
        var caller = caller
        caller.credentials += known.credentials
        return caller
    }

    private mutating func prove(
        _ bytes: [UInt8],
        _ caller: Caller,
        _ keys: KeySet,
        _ now: Timestamp
    ) throws(PostureFault) -> Known {
        if revision != keys.revision {
            known = [:]
            revision = keys.revision
        }
        let digest = Digest.sha256(bytes)
        if let found = known[digest] { return found }
        let statement: PostureStatement
        do throws(TokenFault) {
            statement = try PostureStatement(verifying: bytes, keys: keys, subject: caller.principal.id, now: now)
        } catch {
            throw error.code == .postureExpired ? .expired : .invalid
        }
        let made = Known(
            statement: statement,
            credentials: ["posture:\(statement.binary)", "posture:\(statement.configuration)"]
        )
        if known.count >= Self.capacity {
            known = known.filter { now < $0.value.statement.expires }
            if known.count >= Self.capacity { known = [:] }
        }
        known[digest] = made
        return made
    }
}

extension Admission {
    /// The caller, if nothing of it is denied and it shows what it has to.
    func standing(
        of caller: Caller,
        _ route: GatewayConfiguration.Route,
        _ now: Timestamp
    ) throws(PostureFault) -> Caller {
        let known = try worker.postures.admit(
            caller,
            fields: head.values(of: .posture),
            settings: settings,
            route: route,
            now: now
        )
        if known.credentials.count > caller.credentials.count, shared.revocations.denies(known) { throw .revoked }
        return known
    }

    func refuse(_ fault: PostureFault, _ caller: Caller, _ route: GatewayConfiguration.Route) -> Outcome {
        shared.refused(fault, caller, route, gateway: settings.configuration.id)
        return .answer(Answer(status: 403, body: GatewayError.posture(fault).body(id: requestID)))
    }
}

extension Shared {
    /// Counts and writes down that a caller was refused for what it shows of its machine.
    func refused(_ fault: PostureFault, _ caller: Caller, _ route: GatewayConfiguration.Route, gateway: String) {
        counters.count(.denied)
        note(
            "gateway.posture",
            [
                "principal": .string(caller.principal.id), "server": .string(route.server),
                "reason": .string(fault.rawValue),
            ],
            gateway: gateway
        )
    }
}
