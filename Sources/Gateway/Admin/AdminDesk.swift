import Core
import NIOCore

/// Answers on the admin port: how it stands, who is denied, what people are asked.
///
/// The port is on loopback, where agents may run as well: every request but the metrics needs the token that only the
/// owner of the gateway's folder can read.
///
/// What changes something waits for the disk, and that on no event loop; what is denied is denied before.
final class AdminDesk: ConnectionOwner, Sendable {
    let loop: any EventLoop
    let limits = GatewayConfiguration.Limits(
        bodyBytes: 1 << 20,
        headBytes: 16 << 10,
        requestSeconds: 10,
        idleSeconds: 60
    )
    let isDraining = false
    private static let mostConnections = 64
    private let connections: NIOLoopBoundBox<[ClientConnection]>
    private let shared: Shared
    private let settings: @Sendable () -> Settings
    private let token: Redacted<String>
    /// Puts the mode in force that is due.
    private let apply: @Sendable () -> Void

    init(
        loop: any EventLoop,
        shared: Shared,
        token: Redacted<String>,
        settings: @escaping @Sendable () -> Settings,
        apply: @escaping @Sendable () -> Void
    ) {
        self.apply = apply
        self.loop = loop
        connections = NIOLoopBoundBox.makeBoxSendingValue([], eventLoop: loop)
        self.shared = shared
        self.token = token
        self.settings = settings
    }

    /// Whoever holds connections open without a request gives way to who comes with one.
    func opened(_ connection: ClientConnection) {
        connections.value.append(connection)
        if connections.value.count > Self.mostConnections,
            let oldest = connections.value.first(where: { $0.work == nil && $0 !== connection })
        {
            loop.assumeIsolated().execute { oldest.close() }
        }
        watch(connection)
    }

    func closed(_ connection: ClientConnection) { connections.value.removeAll { $0 === connection } }

    private func watch(_ connection: ClientConnection) {
        loop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            guard self.connections.value.contains(where: { $0 === connection }) else { return }
            let isLate = connection.deadline < .now()
            if isLate, let work = connection.work { work.end(.late) }
            if isLate, connection.work == nil { connection.close() }
            self.watch(connection)
        }
    }

    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)? {
        switch answer(request) {
        case .now(let answer):
            connection.write(answer.bytes(closes: connection.closesAfterAnswer))
            return nil
        case .later(let answer):
            return AdminWork(connection, loop: loop, disk: shared.disk, answer)
        }
    }

    private enum Pending {
        case now(Answer)
        /// An answer that has to wait for the disk.
        case later(@Sendable () -> Answer)
    }

    private func answer(_ request: ClientRequest) -> Pending {
        let head = request.head
        // A page in a browser on this machine must not reach it under another name.
        let host = head.authority.split(separator: ":").first.map(String.init) ?? ""
        guard ["127.0.0.1", "localhost", "[", "[::1]"].contains(host), !head.head.has(.origin) else {
            return .now(Answer(status: 403, reason: "host"))
        }
        if head.method == .get, head.path == "/metrics" {
            return .now(
                Answer(
                    status: 200,
                    body: Array(shared.metrics(settings()).utf8),
                    contentType: "text/plain; version=0.0.4; charset=utf-8"
                )
            )
        }
        guard head.head.value(of: .authorization).map(isToken) ?? false else {
            return .now(Answer(status: 401, reason: "token"))
        }
        let parts = head.path.split(separator: "/").map(String.init)
        switch (head.method, parts.count, parts.first, parts.dropFirst().first) {
        case (.get, 2, "v1", "status"): return .now(json(status))
        case (.get, 2, "v1", "heartbeat"): return .now(Answer(status: 200, body: shared.delivery.heartbeat))
        case (.get, 2, "v1", "asks"): return .now(json(.array(shared.asks.open(at: shared.now()).map(\.shownJSON))))
        case (.post, 4, "v1", "asks"): return .now(answerAsk(parts[2], parts[3], request))
        case (.get, 2, "v1", "revocations"): return .later { self.denied() }
        case (.post, 2, "v1", "revocations"): return revoke(request)
        case (.post, 3, "v1", "revocations") where parts[2] == "lift": return .later { self.lift(request) }
        case (.post, 3, "v1", "revocations") where parts[2] == "reach": return .now(reach(request))
        case (.post, 2, "v1", "mode"): return .later { self.changeMode(request) }
        case (.post, 2, "v1", "canaries"): return .now(permitCanary(request))
        case (.post, 2, "v1", "reload"): return .now(reload())
        case (.post, 3, "v1", "mode") where parts[2] == "reviewed": return .later { self.review(request) }
        default: return .now(Answer(status: 404, reason: "path"))
        }
    }

    private func isToken(_ field: String) -> Bool {
        guard field.hasPrefix("Bearer ") else { return false }
        return token.isSame(as: field.utf8.dropFirst(7))
    }

    private func json(_ value: JSON.Value) -> Answer { Answer(status: 200, body: JSON.canonical(value)) }

    private func members(_ request: ClientRequest) -> JSON.Object {
        (try? JSON.parse(request.body.readableBytesUInt8Span))?.object ?? [:]
    }

    private func answerAsk(_ id: String, _ word: String, _ request: ClientRequest) -> Answer {
        guard let answer = Asks.Answer(rawValue: word) else { return Answer(status: 404, reason: "path") }
        let members = members(request)
        let question = shared.answerAsk(
            id,
            answer,
            by: members["by"]?.string ?? "admin",
            reason: members["reason"]?.string,
            gateway: settings().configuration.id
        )
        guard let question else { return Answer(status: 404, reason: "no such question is open") }
        return json(question.shownJSON)
    }

    /// Everybody who is denied, also those whom a program denied a moment ago.
    private func denied() -> Answer {
        guard shared.followRevocations() else {
            return Answer(status: 500, reason: "the list of who is denied cannot be read, or is not as it was written")
        }
        return json(.array(shared.revocations.entries.map(\.shownJSON)))
    }

    private func revoke(_ request: ClientRequest) -> Pending {
        let members = members(request)
        guard let principal = members["principal"]?.string, !principal.isEmpty, principal.utf8.count <= 2_048,
            let reason = members["reason"]?.string, !reason.isEmpty
        else { return .now(Answer(status: 400, reason: "a principal and a reason are needed")) }
        let by = members["by"]?.string ?? "admin"
        let names = shared.conversations.principals(at: shared.now())
        let isKnown = names.contains(principal) || shared.revocations.entries.contains { $0.principal == principal }
        let denial = shared.revocations.deny(
            principal: principal,
            reason: reason,
            by: by,
            proof: members["proof"].flatMap { RevocationProof($0) },
            at: shared.now()
        )
        shared.enforceRevocations()
        return .later { [shared] in
            let isDurable = shared.revocations.write(denial)
            shared.noteRevocation(denial, principal: principal, reason: reason, by: by, isDurable: isDurable)
            // It is in force either way; that it would not outlive a restart must be known.
            return Answer(
                status: isDurable ? 200 : 500,
                body: JSON.canonical([
                    "principal": .string(principal), "state": "denied",
                    "number": .integer(Int64(shared.revocations.number(of: denial))),
                    "durable": .bool(isDurable), "signer": denial.signer.map(JSON.Value.string) ?? .null,
                    "list": shared.pull?.json ?? .null, "known": .bool(isKnown),
                    "names": isKnown ? [] : .array(names.sorted().prefix(1_000).map(JSON.Value.string)),
                ])
            )
        }
    }

    private func lift(_ request: ClientRequest) -> Answer {
        let members = members(request)
        guard let principal = members["principal"]?.string, let reason = members["reason"]?.string, !reason.isEmpty
        else {
            return Answer(status: 400, reason: "a principal and a reason are needed")
        }
        let proof = members["proof"].flatMap { RevocationProof($0) }
        let by = members["by"]?.string ?? "admin"
        let lifting = shared.revocations.lift(
            principal: principal,
            reason: reason,
            by: by,
            proof: proof,
            at: shared.now()
        )
        switch lifting {
        case .unknown: return Answer(status: 404, reason: "nobody of that name is denied")
        case .unproven(let why): return Answer(status: 403, reason: why)
        case .unwritten: return Answer(status: 500, reason: "the lift could not be written, so nothing changed")
        case .lifted, .partly: break
        }
        let lifted = shared.revocations.entries.last { $0.principal == principal && $0.lifted != nil }
        note(
            "gateway.lift",
            [
                "by": .string(lifted?.lifted?.by ?? by), "principal": .string(principal), "reason": .string(reason),
                "number": .integer(Int64(lifted?.number ?? 0)), "signed": .bool(lifted?.lifted?.proof != nil),
            ]
        )
        if lifting == .partly { return Answer(status: 500, reason: Revocations.partly) }
        return json(["principal": .string(principal), "state": "allowed"])
    }

    /// What a kill would end, and whom it would touch.
    private func reach(_ request: ClientRequest) -> Answer {
        guard let principal = members(request)["principal"]?.string, !principal.isEmpty else {
            return Answer(status: 400, reason: "a principal is needed")
        }
        let reach = shared.conversations.reach(of: principal, at: shared.now())
        let tools = reach.tools.map { "\($0.server)/\($0.tool)" }.sorted()
        let isDenied = shared.revocations.entries.contains { $0.principal == principal && $0.lifted == nil }
        return json([
            "principal": .string(principal), "denied": .bool(isDenied),
            "sessions": .integer(Int64(shared.sessions.count(of: principal))),
            "conversations": .integer(Int64(reach.count)), "tools": .array(tools.map(JSON.Value.string)),
            "people": .array(reach.people.subtracting([principal]).sorted().map(JSON.Value.string)),
        ])
    }

    private func note(_ kind: String, _ members: JSON.Object) {
        shared.note(kind, members, gateway: settings().configuration.id)
    }

    private func changeMode(_ request: ClientRequest) -> Answer {
        let members = members(request)
        guard let mode = members["mode"]?.string.flatMap({ GatewayConfiguration.Mode(rawValue: $0) }),
            let reason = members["reason"]?.string, !reason.isEmpty
        else { return Answer(status: 400, reason: "a mode and a reason are needed") }
        let (by, now) = (members["by"]?.string ?? "admin", shared.now())
        let isKept: Bool
        var entry: JSON.Object = ["mode": .string(mode.rawValue), "by": .string(by), "reason": .string(reason)]
        if members["break-glass"]?.bool == true {
            guard mode == .shadow, let seconds = members["seconds"]?.int, seconds > 0,
                .seconds(seconds) <= Modes.longest
            else { return Answer(status: 400, reason: "break-glass is shadow for at most four hours") }
            isKept = shared.modes.breakGlass(by: by, reason: reason, for: .seconds(seconds), at: now)
            entry["break-glass"] = true
            entry["until"] = .string((now + .seconds(seconds)).description)
        } else {
            isKept = shared.modes.set(mode, by: by, reason: reason, at: now)
        }
        guard isKept else { return Answer(status: 500, reason: "the mode could not be written, so nothing changed") }
        apply()
        note("gateway.mode", entry)
        return json(status)
    }

    /// Lets whoever may command the gateway call in the name of a principal, for two minutes.
    private func permitCanary(_ request: ClientRequest) -> Answer {
        let members = members(request)
        guard let principal = members["principal"]?.string, !principal.isEmpty, principal.utf8.count <= 2_048,
            let kind = CallRecord.PrincipalKind(rawValue: members["kind"]?.string ?? "declared"),
            let isHeld = members["held"]?.bool
        else { return Answer(status: 400, reason: "a principal is needed, and whether its calls are held") }
        let token = shared.canaries.issue(
            for: CallRecord.Principal(id: principal, kind: kind),
            purpose: members["task"]?.string,
            isHeld ? .held : .sent,
            at: shared.now()
        )
        guard let token else { return Answer(status: 503, reason: "too many canaries") }
        note(
            "gateway.canary",
            [
                "by": .string(members["by"]?.string ?? "admin"), "principal": .string(principal),
                "held": .bool(isHeld),
            ]
        )
        return json(["token": .string(token.revealed), "seconds": .integer(Canaries.life.components.seconds)])
    }

    private func reload() -> Answer {
        guard let number = shared.reloads.ask() else { return Answer(status: 503, reason: "nothing can be read anew") }
        return json(["reload": .integer(Int64(number))])
    }

    private func review(_ request: ClientRequest) -> Answer {
        let by = members(request)["by"]?.string ?? "admin"
        guard shared.modes.review(by: by, at: shared.now()) else {
            return Answer(status: 404, reason: "there is no break-glass that nobody has reviewed")
        }
        apply()
        note("gateway.review", ["by": .string(by)])
        return json(status)
    }

    private var status: JSON.Value {
        let settings = settings()
        var counts: JSON.Object = [:]
        for name in Counters.Name.allCases { counts["\(name)"] = .integer(Int64(shared.counters[name])) }
        let state = shared.modes.state
        let reloads = shared.reloads.state
        var glass: JSON.Value = .null
        if let broken = state.breakGlass, broken.reviewed == nil {
            glass = [
                "by": .string(broken.by), "reason": .string(broken.reason), "time": .string(broken.at.description),
                "until": .string(broken.until.description), "open": .bool(shared.modes.isBroken(at: shared.now())),
            ]
        }
        return [
            "gateway": .string(settings.configuration.id),
            "listen": .string(settings.configuration.listen.authority),
            "mode": .string(settings.configuration.mode.rawValue),
            "break-glass": glass, "tls": shared.tls.json, "unproven": shared.unproven.json,
            "reloads": [
                "asked": .integer(Int64(reloads.asked)), "done": .integer(Int64(reloads.done)),
                "fault": reloads.fault.map(JSON.Value.string) ?? .null,
            ],
            "connections": [
                "open": .integer(Int64(shared.descriptors.open)), "most": .integer(Int64(shared.descriptors.clients)),
            ],
            "policy": .string(settings.policyName), "bundle": shared.delivery.json, "counters": .object(counts),
            "changed_definitions": .array(
                shared.definitions.changed.map { ["server": .string($0.server), "tool": .string($0.tool)] }
            ),
            "revocations": .integer(Int64(shared.revocations.entries.filter { $0.lifted == nil }.count)),
            "durable": .bool(shared.revocations.isDurable), "list": shared.pull?.json ?? .null,
            "events": shared.events.map {
                ["sent": .integer(Int64($0.sent)), "dropped": .integer(Int64($0.dropped))]
            } ?? .null,
            "asks": .integer(Int64(shared.asks.open(at: shared.now()).count)),
        ]
    }
}
