import ArgumentParser
import Core
import FoundationEssentials
import Workspace

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a workspace in this folder."
    )

    @Option(help: "The folder that becomes the workspace.")
    var directory = "."

    @Flag(help: "Make a workspace for rehearsals, in which time runs faster; fixed for ever, and every report says so.")
    var rehearsal = false

    @Option(help: "How many times faster than the clock a rehearsal runs.")
    var factor: Int64 = 3600

    func run() async throws {
        guard (1...1_000_000).contains(factor) else {
            throw CommandFailure(
                "init.factor",
                "the factor of a rehearsal must be from 1 to 1000000",
                status: ExitStatus.invalidInput
            )
        }
        let folder = WorkspaceFolder(root: absolute(directory))
        let person = Self.currentPerson()
        var random = SystemRandomNumberGenerator()
        try WorkspaceInit(folder: folder, rehearsalFactor: rehearsal ? factor : nil, person: person)
            .run(now: SystemClock().now(), using: &random)
        Output.answer("workspace made in \(folder.root)")
        if rehearsal { Output.talk("rehearsal: time runs \(factor) times as fast, and every report says so") }
        if person.keys.isEmpty {
            Output.talk("no SSH key was found for \(person.id); add one to lockstep.yaml before you vote")
        }
        Output.talk("next: `lockstep doctor`, then `lockstep discover`")
    }

    /// Who runs this, with the SSH public keys of their home folder.
    private static func currentPerson() -> Configuration.Person {
        let environment = ProcessInfo.processInfo.environment
        let user = Session.systemUser()
        let home = environment["HOME"] ?? ""
        let names = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub", "id_ed25519_sk.pub", "id_ecdsa_sk.pub"]
        let keys = names.compactMap { name in
            (try? DurableFile.read("\(home)/.ssh/\(name)", limit: 1 << 16))
                .map { String(decoding: $0, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "" }
        }
        let id = String(user.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) })
        return Configuration.Person(
            id: PersonID(id.isEmpty ? "me" : id),
            name: user,
            keys: keys.filter { !$0.isEmpty },
            osUser: user
        )
    }
}

/// A path that does not depend on the current folder.
func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path == "/" ? path : trimmed(path) }
    let current = FileManager.default.currentDirectoryPath
    return path == "." ? current : trimmed(current + "/" + path)
}

private func trimmed(_ path: String) -> String {
    path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
}
