import Actions
import ArgumentParser
import Core
import UnixSignals

extension GatewayCommand {
    struct Wrap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stand between a client and a server that is a program.",
            discussion: """
                The client starts this command where it started the server; standard input and output carry the same
                lines, and each is decided on as over HTTP. The caller is the one whom the document declares.
                """
        )

        @Option(name: .customLong("config"), help: "The gateway's document.")
        var file: String

        @Option(help: "Which of the document's servers the program is, if it names several.")
        var server: String?

        @Option(help: "The client's own configuration; its digest is kept, and may be denied.")
        var client: String?

        @Argument(parsing: .postTerminator, help: "The program and its arguments, after `--`.")
        var command: [String] = []

        func validate() throws {
            guard !command.isEmpty else {
                throw ValidationError(
                    "name the program after `--`, as in `gateway wrap --config gateway.yaml -- npx server`"
                )
            }
        }

        func run() async throws {
            let clock = SystemClock()
            let status: Int32
            do {
                let runtime = try WrapRuntime(absolute(file), server: server, client: client.map(absolute)) {
                    clock.now()
                }
                for warning in runtime.warnings { Output.talk(warning.rendered()) }
                let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
                let stopping = Task {
                    for await _ in signals { runtime.stop() }
                }
                status = try await runtime.run(command)
                stopping.cancel()
            } catch let failure as GatewayRuntime.Failure {
                throw CommandFailure(failure)
            }
            guard status == 0 else { throw ExitCode(status) }
        }
    }
}
