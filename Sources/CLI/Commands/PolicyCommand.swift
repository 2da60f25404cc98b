import ArgumentParser
import Policies

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Mine, review, prove, release and export policies.",
        // In the order in which a policy comes to be trusted.
        subcommands: [
            Template.self, Mine.self, Review.self, Suggest.self, Diff.self, Test.self, Replay.self, Explain.self,
            Release.self, Bundle.self, Export.self,
        ]
    )
}

extension Policy.Scope: ExpressibleByArgument {}
