import Actions
import ArgumentParser
import Core
import Gateway
import Logging
import ServiceLifecycle
import UnixSignals

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Stand in front of servers: decide, record, enforce.",
        subcommands: [
            Run.self, Wrap.self, Install.self, TunnelCommand.self, Status.self, SetMode.self, AskCommand.self,
        ]
    )

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a gateway until it is told to stop.",
            discussion: """
                The document says where it listens, what stands behind it, who is believed and which policy is in force.
                SIGHUP reads it and the policy anew; SIGTERM answers what was begun and ends.
                """
        )

        @Option(name: .customLong("config"), help: "The gateway's document.")
        var file: String

        func run() async throws {
            let clock = SystemClock()
            // Before anybody can know that it runs: a SIGHUP that nobody traps ends a process.
            let reloads = await UnixSignalsSequence(trapping: .sighup)
            let runtime: GatewayRuntime
            do {
                runtime = try await GatewayRuntime(absolute(file)) { clock.now() }
            } catch let failure as GatewayRuntime.Failure {
                throw CommandFailure(failure)
            }
            var line: JSON.Object = [
                "gateway": .string(runtime.id), "listen": .string(runtime.listening.authority),
            ]
            if let admin = runtime.administered { line["admin"] = .string(admin.authority) }
            if let decisions = runtime.deciding { line["decisions"] = .string(decisions.authority) }
            Output.answer(JSON.Value.object(line).description)
            for warning in runtime.warnings { Output.talk(warning.rendered()) }
            if let notice = runtime.notice { Output.talk("\(runtime.id): \(notice)") }
            var logger = Logger(label: "lockstep.gateway")
            logger.logLevel = .error
            let group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: GatewayService(runtime: runtime, reloads: reloads))],
                    gracefulShutdownSignals: [.sigterm, .sigint],
                    logger: logger
                )
            )
            try await group.run()
        }
    }
}

extension GatewayCommand {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how each gateway stands: its mode, its policy, who is denied, what is asked."
        )

        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            let reach = try gateways.reach()
            let replies = await reach.atOnce { gateway in
                (gateway.id, await gateway.get("/v1/status"), await GatewayPulse(of: gateway))
            }
            let waiting = reach.map { gateway in
                (try? gateway.contact.get())?.questions.open(at: SystemClock().now()).count ?? 0
            }
            let counted = ["requests", "allowed", "denied", "asked", "shadowed", "withheld"]
            var rows: [[String]] = []
            var all: [JSON.Value] = []
            var isWhole = true
            for ((id, reply, pulse), waiting) in zip(replies, waiting) {
                guard case .success(let reply) = reply, reply.status == 200 else {
                    isWhole = false
                    rows.append([id, "unreachable"] + Array(repeating: "", count: counted.count + 4))
                    all.append(["gateway": .string(id), "state": "unreachable"])
                    if case .failure(let error) = reply { Output.talk("\(Output.printable(id)): \(error.message)") }
                    continue
                }
                var shown = reply.body.object ?? [:]
                shown["heartbeat"] = pulse.json
                let asks = Int(shown["asks"]?.int ?? 0) + waiting
                shown["asks"] = .integer(Int64(asks))
                all.append(.object(shown))
                pulse.talk(id, reply.body)
                if !pulse.isSound { isWhole = false }
                let number = { (value: JSON.Value?) in value?.int.map { String($0) } ?? "" }
                rows.append(
                    [
                        id, reply.body["mode"]?.string ?? "", String((reply.body["policy"]?.string ?? "").prefix(19)),
                        pulse.revision,
                    ]
                        + counted.map { number(reply.body["counters"]?[$0]) }
                        + [number(reply.body["revocations"]), String(asks)]
                )
                if let glass = reply.body["break-glass"], let until = glass["until"]?.string {
                    let by = "\(glass["by"]?.string ?? ""): \(glass["reason"]?.string ?? "")"
                    Output.talk(
                        "\(Output.printable(id)): break-glass by \(Output.printable(by)) "
                            + (glass["open"]?.bool == true
                                ? "until \(until)" : "is over since \(until) and not reviewed")
                    )
                }
                for cause in reply.body["unproven"]?.array ?? [] {
                    let words = "\(cause["message"]?.string ?? "") [\(cause["code"]?.string ?? "")]"
                    Output.talk(
                        "\(Output.printable(id)): proved nobody in \(number(cause["count"])) of its requests: "
                            + "\(words), last at \(cause["time"]?.string ?? "")"
                    )
                }
                if let fault = reply.body["reloads"]?["fault"]?.string {
                    Output.talk(
                        "\(Output.printable(id)): what was read anew is not in force: \(Output.printable(fault))"
                    )
                }
                if let fault = reply.body["tls"]?["fault"]?.string {
                    let until = reply.body["tls"]?["until"]?.string ?? ""
                    Output.talk(
                        "\(Output.printable(id)): \(Output.printable(fault)); the certificate until \(until) stays in use"
                    )
                }
                if let list = reply.body["list"], list["stale"]?.bool == true {
                    Output.talk("\(Output.printable(id)): \(GatewayOutcome.staleness(list))")
                }
                if reply.body["durable"]?.bool == false {
                    Output.talk(
                        "\(Output.printable(id)): a kill is in force that could not be written; a restart forgets it"
                    )
                }
            }
            switch gateways.output.format {
            case .table:
                Output.answer(
                    Output.table(["gateway", "mode", "policy", "revision"] + counted + ["killed", "asks"], rows)
                )
            case .json: Output.answer(.array(all))
            }
            if !isWhole { throw ExitStatus.failed }
        }
    }
}

extension CommandFailure {
    init(_ failure: GatewayRuntime.Failure) {
        self.init(
            failure.code,
            failure.message,
            help: failure.help,
            status: failure.isInput ? ExitStatus.invalidInput : ExitStatus.failed
        )
    }
}

/// Keeps a gateway until the process is told to end, and reads its document anew on SIGHUP.
private struct GatewayService: Service {
    let runtime: GatewayRuntime
    let reloads: UnixSignalsSequence

    func run() async throws {
        let watching = Task { await runtime.watchCertificates { Output.talk($0) } }
        let telling = Task { await runtime.tellUnproven { Output.talk($0) } }
        defer {
            watching.cancel()
            telling.cancel()
        }
        for await _ in reloads.cancelOnGracefulShutdown() {
            do {
                try runtime.reload()
                Output.talk("the document and the policy were read anew")
                for warning in runtime.warnings { Output.talk(warning.rendered()) }
            } catch let input as InvalidInput {
                for diagnostic in input.diagnostics.sorted { Output.talk(diagnostic.rendered()) }
                Output.talk("what was in force stays in force")
            } catch let failure as GatewayRuntime.Failure {
                Output.talk("error: \(failure.message) [\(failure.code)]; what was in force stays in force")
            }
        }
        await runtime.stop()
    }
}
