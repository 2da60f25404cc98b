import Actions
import ArgumentParser
import Core
import Glibc

extension GatewayCommand {
    struct Install: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a gateway between a client and its servers.",
            discussion: """
                Changes the client's own configuration: programs are started through `gateway wrap`, addresses become
                those of the gateway's routes. The file as it was stays beside it; --undo puts it back.
                """
        )

        @Option(name: .customLong("client"), help: "The client's configuration.")
        var client: String

        @Option(name: .customLong("config"), help: "The gateway's document.")
        var file: String?

        @Option(name: .customLong("server"), help: "A server of the client's; may be given several times, else all.")
        var servers: [String] = []

        @Flag(help: "Only show what would change.")
        var dryRun = false

        @Flag(help: "Put the file back as it was.")
        var undo = false

        func validate() throws {
            if undo {
                guard file == nil, servers.isEmpty, !dryRun else {
                    throw ValidationError("`--undo` takes the client's file alone")
                }
            } else if file == nil {
                throw ValidationError("name the gateway's document with `--config`")
            }
        }

        func run() async throws {
            do {
                let installation = try ClientInstallation(absolute(client))
                guard !undo, let file else {
                    try installation.undo()
                    Output.talk("`\(installation.file)` is as it was")
                    return
                }
                let edit = try installation.plan(servers, gateway: absolute(file), program: Self.program)
                guard !edit.isEmpty else {
                    let names = edit.unchanged.joined(separator: ", ")
                    Output.talk("nothing to change: behind the gateway already: \(names)")
                    return
                }
                Output.answer("--- \(installation.file)\n+++ \(installation.file)\n\(edit.difference)")
                guard !dryRun else { return }
                let backup = try installation.install(edit)
                Output.talk(
                    "behind the gateway now: \(edit.changed.joined(separator: ", ")); the file as it was is `\(backup)`"
                )
            } catch let failure as GatewayRuntime.Failure {
                throw CommandFailure(failure)
            }
        }

        /// This program by its own path: clients start programs with another `PATH`, or none.
        private static var program: String {
            let found: String? = unsafe realpath("/proc/self/exe", nil).map { path in
                defer { unsafe free(path) }
                return unsafe String(cString: path)
            }
            return found ?? "lockstep"
        }
    }
}
