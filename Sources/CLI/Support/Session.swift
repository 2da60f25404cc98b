import Actions
import Core
import FoundationEssentials
import Glibc
import Identity
import Ledger
import Playbooks
import Workspace

/// An opened workspace: what nearly every command begins with.
struct Session: Sendable {
    var folder: WorkspaceFolder
    var marker: WorkspaceMarker
    var configuration: Workspace.Configuration
    var ledger: Ledger
    var clock: any WallClock
    var keys: KeyStore
    var estate: Estate

    enum Access { case reading, writing }

    /// Opens the workspace at or above the current folder, or the one that `LOCKSTEP_WORKSPACE` names.
    static func open(_ access: Access = .writing) throws -> Session {
        let environment = ProcessInfo.processInfo.environment
        let start = environment["LOCKSTEP_WORKSPACE"].map(absolute) ?? FileManager.default.currentDirectoryPath
        guard let folder = WorkspaceFolder.nearest(to: start) else {
            let state = WorkspaceFolder(root: start).state
            if unsafe Glibc.access(state, F_OK) == 0, unsafe Glibc.access(state, X_OK) != 0 {
                throw WorkspaceError(
                    .unreadable,
                    "the workspace in `\(start)` may not be read",
                    help: "it belongs to another user: see `ls -ld \(state)`"
                )
            }
            if unsafe Glibc.access(WorkspaceFolder(root: start).configuration, F_OK) == 0 {
                throw WorkspaceError(
                    .missing,
                    "there is a lockstep.yaml in `\(start)` and no `.lockstep` beside it",
                    help: "bring the state back with `lockstep restore FILE`; `lockstep init` begins a new one"
                )
            }
            throw WorkspaceError(
                .missing,
                "there is no workspace in `\(start)` or above it",
                help: "make one with `lockstep init`"
            )
        }
        try Backup.finishRestore(in: folder)
        let marker = try readMarker(folder)
        let configuration = try readConfiguration(folder)
        let keys = KeyStore(directory: folder.keys)
        let ring = try keys.load(.redact)
        let clock = marker.clock()
        let ledger = try access == .writing ? writable(folder, keys, clock) : readable(folder, keys, clock)
        let estate = Estate(
            ledger: ledger,
            folder: folder,
            configuration: configuration,
            marker: marker,
            clock: clock,
            host: hostName(),
            homes: homes(),
            secretDigest: { KeyedDigest(of: $0, key: ring.current).description }
        )
        return Session(
            folder: folder,
            marker: marker,
            configuration: configuration,
            ledger: ledger,
            clock: clock,
            keys: keys,
            estate: estate
        )
    }

    private static func writable(
        _ folder: WorkspaceFolder,
        _ keys: KeyStore,
        _ clock: any WallClock
    ) throws -> Ledger {
        let sealer = try Sealing(keys: keys, folder: folder).sealer(now: clock.now()) {
            Output.talk("warning: \($0)")
        }
        return try Ledger(path: folder.database, mayCreate: false, sealer: sealer)
    }

    /// A ledger of an earlier version is brought up to date first, since looking at it needs its new columns.
    private static func readable(
        _ folder: WorkspaceFolder,
        _ keys: KeyStore,
        _ clock: any WallClock
    ) throws -> Ledger {
        do throws(LedgerError) {
            return try Ledger(readOnly: folder.database)
        } catch {
            guard error.code == .olderSchema else { throw error }
        }
        try writable(folder, keys, clock).close()
        return try Ledger(readOnly: folder.database)
    }

    static func readMarker(_ folder: WorkspaceFolder) throws -> WorkspaceMarker {
        let bytes = try DurableFile.read(folder.marker, limit: 1 << 16)
        guard let value = try? JSON.parse(bytes, limits: .standard) else {
            throw WorkspaceError(
                .damaged,
                "`\(folder.marker)` is not readable",
                help: "restore it with `lockstep restore FILE`"
            )
        }
        return try WorkspaceMarker(json: value)
    }

    static func readConfiguration(_ folder: WorkspaceFolder) throws -> Workspace.Configuration {
        let bytes = try DurableFile.read(folder.configuration, limit: 4 << 20)
        return try Workspace.Configuration.read(bytes, file: "lockstep.yaml")
    }

    /// What playbooks may use: of the workspace where there is one, so that its hooks and servers show.
    static func catalogue() throws -> Catalogue {
        if let session = try? open(.reading) { return session.estate.catalogue }
        return try Estate.detached(host: hostName(), homes: homes()).catalogue
    }

    /// What the workspace declares and playbooks only name; nothing outside of a workspace.
    ///
    /// A `lockstep.yaml` that cannot be read ends the command: checked without it, a playbook would seem better than it is.
    static func surroundings() throws -> Surroundings? {
        let environment = ProcessInfo.processInfo.environment
        let start = environment["LOCKSTEP_WORKSPACE"].map(absolute) ?? FileManager.default.currentDirectoryPath
        guard let folder = WorkspaceFolder.nearest(to: start) else { return nil }
        return Surroundings(try readConfiguration(folder))
    }

    /// The name of this machine as the kernel knows it.
    static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The home of whoever runs this; other homes must be named, since looking at them is a decision.
    static func homes() -> [(path: String, user: String)] {
        let environment = ProcessInfo.processInfo.environment
        guard let home = environment["HOME"], home.hasPrefix("/") else { return [] }
        return [(home, environment["LOGNAME"] ?? environment["USER"] ?? "")]
    }

    /// Who runs this command, as the ledger writes it: `user:` of a person with this OS user, or the OS user itself.
    ///
    /// The kernel says which user that is, not the environment. `LOCKSTEP_USER` names another person of lockstep.yaml,
    /// for machines that several people share; like everything that is not signed, it is a claim.
    var operatorName: String {
        let claimed = ProcessInfo.processInfo.environment["LOCKSTEP_USER"] ?? ""
        let user = Self.systemUser()
        if let person = configuration.people.first(where: { $0.id.text == claimed }) { return "user:\(person.id)" }
        if let person = configuration.people.first(where: { $0.osUser == user }) { return "user:\(person.id)" }
        return "os:\(user)"
    }

    /// The name of the user of this process, or its number where it has none.
    static func systemUser() -> String {
        guard let entry = unsafe getpwuid(getuid()) else { return String(getuid()) }
        return unsafe String(cString: entry.pointee.pw_name)
    }
}

extension Surroundings {
    init(_ configuration: Workspace.Configuration) {
        self.init(
            people: configuration.people.map(\.id.text),
            groups: configuration.groups.map { ($0.name, $0.members.map(\.text)) },
            hooks: configuration.hooks.map(\.name)
        )
    }
}
