import ArgumentParser
import Core
import Gateway

extension GatewayCommand {
    struct SetMode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mode",
            abstract: "Change what a gateway does with its decisions, and break the glass.",
            discussion: """
                The mode is kept over restarts and stands above the one of the document. Break-glass lets pass what the
                policy denies, but nobody who was killed, for at most four hours; it ends by itself and is shown until
                somebody says --reviewed.
                """
        )

        @Argument(help: "Id of the gateway.") var gateway: String
        @Argument(help: "record, shadow or enforce.") var mode: String?
        @Flag(help: "Only for a while, because something that matters more is at stake.") var breakGlass = false
        @Option(name: .customLong("for"), help: "How long the glass stays broken, such as 2h; at most 4h.")
        var time: String?
        @Flag(help: "Say that what break-glass let pass was looked at; ends it.") var reviewed = false
        @Option(help: "Why; kept in the gateway's audit log.") var reason: String?
        @Option(
            name: .customLong("as"),
            help: "Who says so; the person of lockstep.yaml with this OS user unless given."
        )
        var person: String?
        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            let reach = try gateways.reach()
            guard let named = reach.first(where: { $0.id == gateway }) else {
                let near = nearest(to: gateway, in: reach.map(\.id))
                throw CommandFailure(
                    "gateway.unknown",
                    "`\(Output.printable(gateway))` is not among the gateways",
                    help: near.map { "did you mean `\(Output.printable($0))`?" } ?? "name its document with --config",
                    status: ExitStatus.invalidInput
                )
            }
            let by = try person ?? ControlSigning.parse([]).name
            var body: JSON.Object = ["by": .string("user:\(by)")]
            if !reviewed { try fill(&body) }
            switch await named.post(reviewed ? "/v1/mode/reviewed" : "/v1/mode", .object(body)) {
            case .failure(let error):
                throw CommandFailure(
                    "gateway.unreachable",
                    "`\(Output.printable(gateway))` is unreachable: \(error.message)",
                    help: "start it with `lockstep gateway run`"
                )
            case .success(let reply):
                guard reply.status == 200 else {
                    throw CommandFailure(
                        "gateway.mode",
                        reply.body["error"]?.string ?? "it answered with \(reply.status)"
                    )
                }
                let now = reply.body["mode"]?.string ?? ""
                let until =
                    reply.body["break-glass"]?["open"]?.bool == true ? reply.body["break-glass"]?["until"]?.string : nil
                switch gateways.output.format {
                case .table: Output.answer("\(gateway) \(now)" + (until.map { " until \($0)" } ?? ""))
                case .json: Output.answer(reply.body)
                }
            }
        }

        private func fill(_ body: inout JSON.Object) throws {
            guard let mode, let known = GatewayConfiguration.Mode(rawValue: mode) else {
                throw CommandFailure(
                    "gateway.mode",
                    mode.map { "`\(Output.printable($0))` is not a mode" } ?? "a mode is needed",
                    help: "write record, shadow or enforce",
                    status: ExitStatus.invalidInput
                )
            }
            guard let reason, !reason.allSatisfy(\.isWhitespace) else {
                throw CommandFailure(
                    "gateway.reason",
                    "a change of mode needs a reason",
                    help: "say why with --reason",
                    status: ExitStatus.invalidInput
                )
            }
            body["mode"] = .string(mode)
            body["reason"] = .string(reason)
            guard breakGlass || time != nil else { return }
            guard breakGlass, known == .shadow, let time, let span = Duration(playbook: time), span > .zero,
                span <= Modes.longest
            else {
                throw CommandFailure(
                    "gateway.break-glass",
                    "break-glass is shadow for at most four hours",
                    help:
                        "write `lockstep gateway mode \(Output.printable(gateway)) shadow --break-glass --reason TEXT --for 2h`",
                    status: ExitStatus.invalidInput
                )
            }
            body["break-glass"] = true
            body["seconds"] = .integer(max(1, span.components.seconds))
        }
    }
}
