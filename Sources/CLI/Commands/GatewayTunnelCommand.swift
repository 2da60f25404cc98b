import Actions
import ArgumentParser
import Core
import Gateway
import Identity
import UnixSignals

extension GatewayCommand {
    struct TunnelCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tunnel",
            abstract: "Carry a clear or classical hop in mutually authenticated hybrid TLS.",
            discussion: """
                One runs at either end of the hop: --side near takes clear connections and carries them to the far end;
                --side far takes TLS and carries it on in the clear. Both prove a workload by an X509-SVID, as
                `lockstep identity issue` writes it, in TLS 1.3 with X25519MLKEM768.

                SIGHUP, and other content of the files, put a new certificate in use for new connections. SIGTERM takes
                no more connections and lets those that are open end; then the counts are printed.
                """
        )

        enum Side: String, ExpressibleByArgument, CaseIterable { case near, far }

        @Option(help: "Where to take connections, as 127.0.0.1:8800; port 0 is any.") var listen: String
        @Option(help: "Where they go: the far end, or the server behind it.") var to: String
        @Option(help: "Which end this is: near or far.") var side: Side
        @Option(help: "The own certificate in PEM, an X509-SVID.") var cert: String
        @Option(help: "Its private key in PEM.") var key: String
        @Option(help: "Who signs the peers' certificates: a SPIFFE bundle, or certificates in PEM.") var ca: String
        @Option(help: "The workload at the other end; may be repeated. Without it, all of the trust domain.")
        var peer: [String] = []
        @Flag(help: "Let peers that cannot do X25519MLKEM768 agree on a classical key.") var allowClassical = false
        @Option(help: "Where to answer /v1/status and /metrics, on loopback.") var admin: String?
        @Option(help: "How many connections there may be at once.") var connections = 1_000
        @Option(help: "How long a connection may stay without a byte.") var idle = "10m"
        @Option(help: "How long open connections have to end after SIGTERM.") var drain = "30s"

        func run() async throws {
            let configuration = TunnelConfiguration(
                side: side == .near ? .near : .far,
                listen: try endpoint(listen, "--listen"),
                to: try endpoint(to, "--to"),
                connections: try number(connections, in: 1...100_000),
                idleSeconds: Int(try duration(idle, "--idle").components.seconds)
            )
            let drain = try duration(drain, "--drain")
            let admin = try admin.map { try endpoint($0, "--admin") }
            if let admin, !admin.isLoopback { throw wrong("the admin port must be on loopback", nil) }
            let peers = Set(try peer.map { try IdentityCommand.workload($0) })
            let clock = SystemClock()
            let runtime: TunnelRuntime
            do {
                runtime = try await TunnelRuntime(
                    configuration,
                    files: TunnelRuntime.Files(certificate: cert, key: key, authorities: ca),
                    peers: peers,
                    allowsClassical: allowClassical,
                    admin: admin
                ) { clock.now() }
            } catch let failure as GatewayRuntime.Failure {
                throw CommandFailure(failure)
            }
            let clear = side == .near ? configuration.listen : configuration.to
            if !clear.isLoopback { Output.talk("warning: \(clear.authority) is in the clear and not on loopback") }
            if allowClassical { Output.talk("warning: peers may agree on a classical key") }
            var line: JSON.Object = [
                "tunnel": .string(side.rawValue), "listen": .string(runtime.listening.authority),
                "to": .string(configuration.to.authority), "id": .string(runtime.own.description),
            ]
            if let admin = runtime.administered { line["admin"] = .string(admin.authority) }
            Output.answer(JSON.Value.object(line).description)
            await serve(runtime, drain)
        }

        private func serve(_ runtime: TunnelRuntime, _ limit: Duration) async {
            let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
            let watching = Task { await runtime.watchCertificates { Output.talk($0) } }
            let talking = Task { for await event in runtime.events { Output.talk(event.line) } }
            for await signal in signals {
                guard signal == .sighup else { break }
                do {
                    try runtime.reload()
                    Output.talk("the certificate was read anew")
                } catch let failure as GatewayRuntime.Failure {
                    Output.talk("error: \(failure.message) [\(failure.code)]; the certificate in use stays in use")
                } catch {
                    Output.talk("error: \(error); the certificate in use stays in use")
                }
            }
            watching.cancel()
            let counts = await runtime.stop(within: limit)
            Output.answer(JSON.Value.object(counts).description)
            talking.cancel()
        }

        private func endpoint(_ text: String, _ option: String) throws -> GatewayConfiguration.Endpoint {
            if let found = GatewayConfiguration.Endpoint(text) { return found }
            let shown = Output.printable(text)
            throw wrong("`\(shown)` is no address and port for \(option)", "write it as 127.0.0.1:8800")
        }

        private func duration(_ text: String, _ option: String) throws -> Duration {
            if let duration = Duration(playbook: text), duration >= .seconds(1), duration <= .seconds(86_400) {
                return duration
            }
            throw wrong("`\(Output.printable(text))` is no time for \(option)", "write it as 30s or 10m; at most a day")
        }

        private func number(_ number: Int, in range: ClosedRange<Int>) throws -> Int {
            if range.contains(number) { return number }
            throw wrong("--connections is from \(range.lowerBound) to \(range.upperBound)", nil)
        }

        private func wrong(_ message: String, _ help: String?) -> CommandFailure {
            CommandFailure("tunnel.arguments", message, help: help, status: ExitStatus.invalidInput)
        }
    }
}
