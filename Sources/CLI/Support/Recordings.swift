import Actions
import Behaviour
import Core
import FoundationEssentials
import Policies
import Wire
import Workspace

/// Recordings, profiles and policies as commands name them.
enum Recordings {
    /// A profile from recordings or from a file that holds one; exactly one of both.
    static func profile(_ recordings: [String], file: String?) throws -> Profile {
        guard recordings.isEmpty != (file == nil) else {
            throw CommandFailure(
                "policy.input",
                "name either recordings or a profile",
                help: "write --recording FILE, or --profile FILE",
                status: ExitStatus.invalidInput
            )
        }
        if let file {
            let bytes = try bytes(file, limit: 1 << 30)
            do throws(Profile.ReadError) {
                return try Profile(bytes: bytes)
            } catch {
                throw CommandFailure(
                    "profile.damaged",
                    "`\(Output.printable(file))`: \(error)",
                    status: ExitStatus.invalidInput
                )
            }
        }
        let hash = try sampleHash()
        let (profile, count) = try attempt { () throws(RecordingFiles.Failure) in
            try TrafficProfile.of(recordings, hash: hash)
        }
        report(count)
        return profile
    }

    /// What is to be thought of a policy that was mined from a profile which was named as a file.
    static let unproven =
        "warning: nothing proves which traffic the profile was folded from, whoever wrote the file; the policy says so, and so "
        + "does its approval; mine from recordings where they are at hand"

    /// The recordings of the workspace at hand, for commands where no file is named.
    static func store() throws -> String {
        guard try Session.surroundings() != nil else {
            throw CommandFailure(
                "traffic.input",
                "no recording is named, and there is no workspace here that has some",
                help: "name a file, or - for standard input",
                status: ExitStatus.invalidInput
            )
        }
        let folder = try Session.open(.reading).folder.recordings
        guard exists(folder) else {
            throw CommandFailure(
                "traffic.input",
                "the workspace has no recordings yet",
                help: "bring some in with `lockstep traffic import FILE`",
                status: ExitStatus.invalidInput
            )
        }
        return folder
    }

    /// Under the workspace's key where there is one; profiles of different workspaces do not merge.
    private static func sampleHash() throws -> KeyedHash {
        guard try Session.surroundings() != nil else { return .unkeyed }
        return KeyedHash(digest: try Session.open(.reading).estate.secretDigest)
    }

    /// Reads and checks a policy; everything wrong with it is said at once.
    static func policy(_ file: String) throws -> Policy {
        let bytes = try bytes(file, limit: 64 << 20)
        let (policy, diagnostics) = PolicyReader.read(
            bytes,
            file: file,
            now: SystemClock().now()
        )
        let source = SourceText(bytes)
        for diagnostic in diagnostics { Output.talk(diagnostic.rendered(source: source)) }
        guard let policy else { throw ExitStatus.invalidInput }
        return policy
    }

    static func bytes(_ file: String, limit: Int) throws -> [UInt8] {
        do throws(FileFault) {
            return try StoredFile.read(file, limit: limit)
        } catch {
            throw unreadable(file, error)
        }
    }

    /// Writes a file whole, for its owner alone unless another mode is given: what is made of recordings holds values of
    /// people.
    static func write(_ bytes: [UInt8], to file: String, mode: UInt32 = 0o600) throws {
        guard file != "-" else {
            throw CommandFailure(
                "output.standard",
                "this is written to a file, not to standard output",
                help: "name a file; one that is called `-` is `./-`",
                status: ExitStatus.invalidInput
            )
        }
        let path = file.hasPrefix("/") ? file : FileManager.default.currentDirectoryPath + "/" + file
        try DurableFile.write(bytes, to: try Destination.checked(path), mode: mode)
    }

    static func exists(_ file: String) -> Bool {
        FileManager.default.fileExists(atPath: file)
    }

    static func attempt<Answer>(_ body: () throws(RecordingFiles.Failure) -> Answer) throws -> Answer {
        do throws(RecordingFiles.Failure) {
            return try body()
        } catch {
            throw unreadable(error.file, error.fault)
        }
    }

    private static func unreadable(_ file: String, _ fault: FileFault) -> CommandFailure {
        unreadable(file, .file(fault))
    }

    private static func unreadable(_ file: String, _ fault: RecordingFault) -> CommandFailure {
        CommandFailure(
            fault.code,
            "`\(Output.printable(file))` cannot be read: \(fault)",
            status: ExitStatus.invalidInput
        )
    }

    /// Says which lines were quarantined, if any were.
    static func report(_ count: RecordingFiles.Count) {
        count.notes.forEach { Output.talk("note: \(Output.printable($0))") }
        guard count.quarantined > 0 else { return }
        Output.talk(
            "\(counted(count.quarantined, "line")) \(count.quarantined == 1 ? "was" : "were") quarantined, \(counted(count.calls, "call")) read"
        )
        for example in count.examples {
            Output.talk(
                "  \(Output.printable(example.file)):\(example.line): \(example.refusal) [recording.\(example.refusal.code.rawValue)]"
            )
        }
    }
}
