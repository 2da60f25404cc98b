import Actions
import ArgumentParser
import Behaviour
import Core

struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Fold recordings into a profile for mining."
    )
    @Argument(help: "Recordings as lockstep.call/1 lines; - is standard input.") var files: [String]
    @Option(name: .customLong("out"), help: "Where the profile is written.") var out: String

    func run() async throws {
        let profile = try Recordings.profile(files, file: nil)
        let (bytes, digest) = profile.sealed
        try Recordings.write(bytes, to: out, mode: 0o600)
        Output.answer("\(counted(profile.calls, "call")) of \(counted(profile.sessions, "session")), \(digest)")
    }
}

struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge profiles; the order makes no difference."
    )
    @Argument(help: "Profiles that `lockstep profile` wrote.") var files: [String]
    @Option(name: .customLong("out"), help: "Where the merged profile is written.") var out: String

    func run() async throws {
        var merged: Profile?
        var seen: [Digest: String] = [:]
        for file in files {
            let profile = try Recordings.profile([], file: file)
            if let first = seen.updateValue(file, forKey: profile.sealed.digest) {
                Output.talk("`\(Output.printable(file))` is the same as `\(Output.printable(first))` and counts once")
                continue
            }
            guard merged != nil else {
                merged = profile
                continue
            }
            do throws(Profile.MergeError) {
                try merged?.merge(profile)
            } catch {
                throw CommandFailure(
                    "profile.merge",
                    "`\(Output.printable(file))` cannot be merged: \(error)",
                    status: ExitStatus.invalidInput
                )
            }
        }
        guard let merged else { throw ExitStatus.invalidInput }
        let (bytes, digest) = merged.sealed
        try Recordings.write(bytes, to: out, mode: 0o600)
        Output.answer("\(counted(merged.calls, "call")) of \(counted(merged.sessions, "session")), \(digest)")
    }
}
