import ArgumentParser
import Core
import Gateway

struct MonitorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Deny an agent everything, and give access back.",
        subcommands: [Kill.self, Lift.self, List.self, Publish.self]
    )

    struct Kill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deny a principal everything, from now on, on every gateway.",
            discussion: """
                A principal is an agent, a person, or the id of one token; whoever acts for one is denied as well. Open
                streams are closed. One line a gateway: `denied`, `unreachable`, or `stale` where it answered but did not
                confirm, or denied it but has had no new list of who is denied for a minute. The exit code is 0 only if all
                of them denied it and wrote it down. Where gateways pull who is denied from a folder, the kill is published
                there as well, for those that cannot be reached now.
                """
        )

        @Argument(help: "Whom to deny, as the gateway's records name them.") var principal: String
        @Option(help: "Why; kept with the kill.") var reason: String?
        @Flag(help: "Only show what would end and whom it would touch.") var dryRun = false
        @OptionGroup var signing: ControlSigning
        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            try checkName(principal)
            let reach = try gateways.reach()
            if dryRun { return try await show(reach) }
            let reason = try said(self.reason, "kill")
            let by = signing.name
            let statement = RevocationStatement(
                .kill,
                principal: principal,
                reason: reason,
                by: by,
                time: SystemClock().now()
            )
            var proof: RevocationProof?
            do {
                proof = try signing.stamped(statement)
            } catch {
                // Denying needs no signature, and nobody has time for a key that cannot be read.
                Output.talk("warning: the kill goes out unsigned: \(error)")
            }
            var body: JSON.Object = [
                "principal": .string(principal), "reason": .string(reason), "by": .string("user:\(by)"),
            ]
            body["proof"] = proof?.json
            let sent = JSON.Value.object(body)
            let lists = PublishedLists(reach)
            async let published: Void = lists.add(proof)
            let outcomes = await reach.atOnce { gateway in
                switch await gateway.post("/v1/revocations", sent) {
                case .failure(let error): GatewayOutcome.unreachable(gateway.id, error)
                case .success(let reply): Self.outcome(gateway.id, reply)
                }
            }
            await published
            GatewayOutcome.answer(outcomes, gateways.output.format)
            hint(outcomes)
            if outcomes.contains(where: { !$0.isDone }) { throw ExitStatus.failed }
        }

        /// A name that nobody goes by is denied as well, and may be a slip of the hand.
        private func hint(_ outcomes: [GatewayOutcome]) {
            let isNew = outcomes.contains { $0.otherNames != nil }
            guard isNew, outcomes.allSatisfy({ $0.otherNames != nil || $0.state == "unreachable" }) else { return }
            let names = Set(outcomes.flatMap { $0.otherNames ?? [] })
            let near = nearest(to: principal, in: names.sorted())
            Output.talk(
                "hint: `\(Output.printable(principal))` is denied, but these gateways saw nobody of that name lately"
                    + (near.map { "; did you mean `\(Output.printable($0))`?" } ?? "")
                    + " (`lockstep monitor list` says who is denied, `lockstep monitor lift` takes it back)"
            )
        }

        private static func outcome(_ gateway: String, _ reply: AdminClient.Reply) -> GatewayOutcome {
            guard reply.body["state"]?.string == "denied" else {
                let why = reply.body["error"]?.string ?? "it answered with \(reply.status)"
                return GatewayOutcome(gateway: gateway, state: "stale", message: why, isDone: false)
            }
            let isDurable = reply.status == 200 && reply.body["durable"]?.bool == true
            if isDurable, let list = reply.body["list"], list["stale"]?.bool == true {
                return GatewayOutcome(
                    gateway: gateway,
                    state: "stale",
                    message: "the kill is in force, but other kills may be missing: \(GatewayOutcome.staleness(list))",
                    isDone: false,
                    members: ["number": reply.body["number"] ?? .null, "durable": true, "list": list]
                )
            }
            return GatewayOutcome(
                gateway: gateway,
                state: isDurable ? "denied" : "denied, not durable",
                message: isDurable ? nil : "the kill is in force but could not be written: a restart forgets it",
                isDone: isDurable,
                members: [
                    "number": reply.body["number"] ?? .null, "durable": .bool(isDurable),
                    "signer": reply.body["signer"] ?? .null,
                ],
                otherNames: reply.body["known"]?.bool == false
                    ? (reply.body["names"]?.array ?? []).compactMap(\.string) : nil
            )
        }

        private func show(_ reach: [GatewayReach]) async throws {
            let body: JSON.Value = ["principal": .string(principal)]
            let replies = await reach.atOnce { gateway in
                (gateway.id, await gateway.post("/v1/revocations/reach", body))
            }
            var rows: [[String]] = []
            var all: [JSON.Value] = []
            var isWhole = true
            for (id, reply) in replies {
                guard case .success(let reply) = reply, reply.status == 200, let object = reply.body.object else {
                    isWhole = false
                    rows.append([id, "unreachable", "", "", "", ""])
                    all.append(["gateway": .string(id), "state": "unreachable"])
                    if case .failure(let error) = reply { Output.talk("\(Output.printable(id)): \(error.message)") }
                    continue
                }
                var shown = object
                shown["gateway"] = .string(id)
                all.append(.object(shown))
                let names = { (key: String) in (object[key]?.array ?? []).compactMap(\.string).joined(separator: ", ") }
                let number = { (key: String) in object[key]?.int.map { String($0) } ?? "" }
                rows.append([
                    id, object["denied"]?.bool == true ? "denied already" : "would be denied", number("sessions"),
                    number("conversations"), names("tools"), names("people"),
                ])
            }
            switch gateways.output.format {
            case .table:
                Output.answer(
                    Output.table(["gateway", "state", "sessions", "conversations", "tools", "people"], rows)
                )
            case .json: Output.answer(.array(all))
            }
            if !isWhole { throw ExitStatus.failed }
        }
    }

    struct Lift: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give access back to a principal that was killed.",
            discussion: """
                Gateways that know people want the vote of one, signed with the key that they vote with. It names the very
                kills that it ends.
                """
        )

        @Argument(help: "Who gets access back.") var principal: String
        @Option(help: "Why; kept with the lift.") var reason: String?
        @OptionGroup var signing: ControlSigning
        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            try checkName(principal)
            let reach = try gateways.reach()
            let reason = try said(self.reason, "lift")
            let principal = principal
            let lists = await reach.atOnce { gateway in (gateway.id, await gateway.get("/v1/revocations")) }
            var entries: [String: Digest] = [:]
            for case (let id, .success(let reply)) in lists {
                let open = reply.body.array?.last { $0["principal"]?.string == principal && $0["lifted"] == nil }
                entries[id] = open?["digest"]?.string.flatMap { Digest($0) }
            }
            let by = signing.name
            let statement = RevocationStatement(
                .lift,
                principal: principal,
                reason: reason,
                by: by,
                time: SystemClock().now(),
                entries: entries
            )
            var body: JSON.Object = [
                "principal": .string(principal), "reason": .string(reason), "by": .string("user:\(by)"),
            ]
            if !entries.isEmpty { body["proof"] = try signing.signed(statement)?.json }
            let sent = JSON.Value.object(body)
            let outcomes = await reach.atOnce { gateway in
                switch await gateway.post("/v1/revocations/lift", sent) {
                case .failure(let error): return GatewayOutcome.unreachable(gateway.id, error)
                case .success(let reply):
                    let why = reply.body["error"]?.string ?? "it answered with \(reply.status)"
                    switch reply.status {
                    case 200: return GatewayOutcome(gateway: gateway.id, state: "lifted", isDone: true)
                    case 404: return GatewayOutcome(gateway: gateway.id, state: "not denied", isDone: true)
                    case 403:
                        return GatewayOutcome(
                            gateway: gateway.id,
                            state: "refused",
                            message: "\(why); sign as one of its people: `--as PERSON --key FILE`",
                            isDone: false
                        )
                    default: return GatewayOutcome(gateway: gateway.id, state: "failed", message: why, isDone: false)
                    }
                }
            }
            if outcomes.allSatisfy(\.isDone) { await PublishedLists(reach).remove(principal) }
            GatewayOutcome.answer(outcomes, gateways.output.format)
            if outcomes.contains(where: { !$0.isDone && $0.state != "refused" }) { throw ExitStatus.failed }
            if outcomes.contains(where: { $0.state == "refused" }) { throw ExitStatus.answerIsNo }
            guard outcomes.contains(where: { $0.state == "lifted" }) else {
                throw CommandFailure(
                    "monitor.not-denied",
                    "`\(Output.printable(principal))` is denied on none of these gateways",
                    help: "`lockstep monitor list` says who is"
                )
            }
        }
    }
}

/// Refuses what can be nobody's name before anything is signed: a variable of a script that is empty, or a line too many.
private func checkName(_ principal: String) throws {
    let isBare = principal.first.map { !$0.isWhitespace } ?? false && principal.last.map { !$0.isWhitespace } ?? false
    guard isBare, principal.utf8.count <= 2_048, Output.printable(principal) == principal else {
        throw CommandFailure(
            "monitor.principal",
            "`\(Output.cell(principal, limit: 60))` is nobody's name",
            help: "give the name as the gateway's records have it, without spaces around it",
            status: ExitStatus.invalidInput
        )
    }
}

/// The reason, which is kept for those who ask later.
private func said(_ reason: String?, _ what: String) throws -> String {
    if let reason, !reason.allSatisfy(\.isWhitespace) { return reason }
    throw CommandFailure(
        "monitor.reason",
        "a \(what) needs a reason",
        help: "say why with --reason",
        status: ExitStatus.invalidInput
    )
}
