import Actions
import ArgumentParser
import Core
import Gateway
import Identity

extension MonitorCommand {
    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep the lists of who is denied fresh that gateways pull.",
            discussion: """
                Writes the list into each folder that a gateway's `control: {from: FOLDER}` names, signed with the key of
                this workspace, every two seconds until it is told to end. Gateways that get no new list for a minute deny
                what can be more than reading.
                """
        )

        @Flag(help: "Write the lists once.") var once = false
        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            let lists = PublishedLists(try gateways.reach())
            guard !lists.folders.isEmpty else {
                throw CommandFailure(
                    "monitor.no-list",
                    "none of these gateways pulls who is denied",
                    help: "add `control: {keys: keys.json, from: FOLDER}` to their documents",
                    status: ExitStatus.invalidInput
                )
            }
            guard let signer = try ControlWorkspace.signer() else {
                throw CommandFailure(
                    "monitor.no-workspace",
                    "there is no workspace here whose key could sign the lists",
                    help: "run it in the workspace, or set LOCKSTEP_WORKSPACE",
                    status: ExitStatus.invalidInput
                )
            }
            repeat {
                var failed: String?
                for folder in lists.folders {
                    do throws(RevocationPublisher.Failure) {
                        let list = try RevocationPublisher(folder, signer: signer).publish(at: SystemClock().now())
                        if once { Output.answer("\(Output.printable(folder)) \(list.number)") }
                    } catch {
                        Output.talk("warning: \(Output.printable(error.message))")
                        failed = error.message
                    }
                }
                if once {
                    if failed != nil { throw ExitStatus.failed }
                    return
                }
                try await Task.sleep(for: RevocationPull.interval)
            } while true
        }
    }
}

/// The folders from which the gateways of a command pull who is denied.
struct PublishedLists: Sendable {
    let folders: [String]

    init(_ reach: [GatewayReach]) {
        var folders: [String] = []
        for gateway in reach {
            guard let folder = try? gateway.contact.get().listFolder, !folders.contains(folder) else { continue }
            folders.append(folder)
        }
        self.folders = folders
    }

    /// Adds a kill; where that fails it still goes to the gateways, and people are told.
    @concurrent func add(_ kill: RevocationProof?) async {
        guard let kill else { return }
        change { $0.append(kill) }
    }

    /// Takes the kills of a principal out, so that a gateway that never heard of them does not take them up.
    @concurrent func remove(_ principal: String) async {
        change { $0.removeAll { $0.statement?.principal == principal } }
    }

    private func change(_ change: (inout [RevocationProof]) -> Void) {
        guard !folders.isEmpty else { return }
        guard let signer = try? ControlWorkspace.signer() else {
            Output.talk("warning: there is no key of a workspace here: the list that gateways pull is not changed")
            return
        }
        for folder in folders {
            do throws(RevocationPublisher.Failure) {
                try RevocationPublisher(folder, signer: signer).publish(at: SystemClock().now(), change)
            } catch {
                Output.talk("warning: \(Output.printable(error.message))")
            }
        }
    }
}
