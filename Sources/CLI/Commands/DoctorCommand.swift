import ArgumentParser
import Core
import FoundationEssentials
import Glibc
import Identity
import Ledger
import Workspace

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check that this workspace is whole and safe."
    )

    @OptionGroup var output: OutputOptions

    struct Check {
        var name: String
        var isGood: Bool
        var message: String
        var help: String?
    }

    func run() async throws {
        let session = try Session.open()
        let checks = try Self.examine(session)
        switch output.format {
        case .table:
            Output.answer(
                Output.table(
                    ["check", "result", "what was seen"],
                    checks.map { [$0.name, $0.isGood ? "ok" : "PROBLEM", $0.message] }
                )
            )
            for check in checks where !check.isGood {
                if let help = check.help { Output.talk("help: \(help)") }
            }
        case .json:
            Output.answer(
                .array(
                    checks.map { check in
                        [
                            "check": .string(check.name), "ok": .bool(check.isGood), "message": .string(check.message),
                            "help": check.help.map { .string($0) } ?? .null,
                        ]
                    }
                )
            )
        }
        if checks.contains(where: { !$0.isGood }) { throw ExitStatus.answerIsNo }
    }

    static func examine(_ session: Session) throws -> [Check] {
        var checks: [Check] = []
        let problems = try session.ledger.integrityCheck()
        checks.append(
            Check(
                name: "ledger",
                isGood: problems.isEmpty,
                message: problems.isEmpty
                    ? "SQLite's integrity check finds nothing" : problems.prefix(3).joined(separator: "; "),
                help: "restore the last good backup with `lockstep restore FILE`"
            )
        )
        checks.append(try schema(session.ledger))
        checks.append(chains(session.ledger))
        checks += TrustChecks(session: session).all()
        checks.append(modes(session.folder))
        let rings = try session.keys.list()
        let now = session.clock.now()
        let late = rings.filter { $0.current.isExpired(at: now) }.map(\.purpose.rawValue)
        checks.append(
            Check(
                name: "keys",
                isGood: late.isEmpty,
                message: late.isEmpty
                    ? "\(counted(rings.count, "purpose")), none expired" : "expired: \(late.joined(separator: ", "))",
                help: late.first.map { "lockstep key rotate \($0)" }
            )
        )
        let mute = session.configuration.people.filter(\.keys.isEmpty).map(\.id.text)
        let voters = session.configuration.people.count - mute.count
        checks.append(
            Check(
                name: "people",
                isGood: voters > 0 || session.configuration.allowsUnauthenticatedVotes,
                message: "\(voters) of \(session.configuration.people.count) people have a key to sign votes with",
                help: "add a line of ~/.ssh/*.pub to `keys` of a person in lockstep.yaml"
            )
        )
        checks.append(fields(session.configuration))
        checks.append(artifacts(session))
        checks += RecordingChecks(session: session).all()
        checks.append(AuditChecks(session: session).check())
        checks.append(clock(session))
        return checks
    }

    /// A field is named within its server; with the server before it, as proposals name it, it is no field of any tool.
    private static func fields(_ configuration: Workspace.Configuration) -> Check {
        let idle = configuration.servers.flatMap { server in
            server.fields.keys.sorted().filter {
                let parts = $0.split(separator: "/")
                return parts.count > 2 && parts[0] == server.id.text
            }
        }
        let count = configuration.servers.map(\.fields.count).reduce(0, +)
        return Check(
            name: "fields",
            isGood: idle.isEmpty,
            message: idle.isEmpty
                ? "\(counted(count, "declared field"))"
                : "matches nothing: " + idle.map { "`\(Output.printable($0))`" }.joined(separator: ", "),
            help: idle.first.map {
                "in lockstep.yaml write `\(Output.printable($0.split(separator: "/").dropFirst().joined(separator: "/")))` under the server"
            }
        )
    }

    /// Each event of a run carries the digest of the one before it; an altered or missing one breaks the chain.
    private static func chains(_ ledger: Ledger) -> Check {
        var broken: [String] = []
        var count = 0
        do {
            for run in try ledger.runs() {
                do throws(LedgerError) { count += try ledger.events(of: run.id).count } catch {
                    broken.append(run.id.text)
                }
            }
        } catch {
            broken.append("the list of runs")
        }
        return Check(
            name: "events",
            isGood: broken.isEmpty,
            message: broken.isEmpty
                ? "\(counted(count, "event")), every chain of digests holds"
                : "altered or incomplete: \(broken.joined(separator: ", ")) [ledger.corrupt]",
            help: "restore the last good backup with `lockstep restore FILE`"
        )
    }

    /// A trigger that is gone no longer keeps votes, one that was added acts for whoever opens the ledger.
    private static func schema(_ ledger: Ledger) throws -> Check {
        let differences = try ledger.schemaDifferences()
        return Check(
            name: "schema",
            isGood: differences.isEmpty,
            message: differences.isEmpty
                ? "tables and triggers are those of this version"
                : differences.prefix(3).joined(separator: "; ") + " [ledger.foreign-schema]",
            help: "restore the last good backup with `lockstep restore FILE`"
        )
    }

    private static func modes(_ folder: WorkspaceFolder) -> Check {
        let open = folder.stateFolders.filter { path in
            var status = stat()
            return unsafe lstat(path, &status) != 0 || status.st_mode & 0o077 != 0
                || status.st_mode & S_IFMT != S_IFDIR
        }
        return Check(
            name: "permissions",
            isGood: open.isEmpty,
            message: open.isEmpty
                ? "the state belongs to its owner alone"
                : "readable by others or missing: \(open.joined(separator: ", "))",
            help: open.first.map { "chmod 700 \($0)" }
        )
    }

    /// Every artifact that the ledger keeps as a file must be there with the digest that it has.
    private static func artifacts(_ session: Session) -> Check {
        let missing: [String]
        do {
            missing =
                try session.ledger.alteredArtifacts()
                + session.ledger.storedArtifacts().filter { artifact in
                    let path = "\(session.folder.artifacts)/\(artifact.hex)"
                    guard let bytes = try? DurableFile.read(path, limit: 1 << 30) else { return true }
                    return Digest.sha256(bytes) != artifact
                }.map(\.hex)
        } catch {
            return Check(name: "artifacts", isGood: false, message: "the ledger cannot say which artifacts there are")
        }
        return Check(
            name: "artifacts",
            isGood: missing.isEmpty,
            message: missing.isEmpty
                ? "every artifact has the digest of its name"
                : "\(missing.count) missing or altered: \(missing.prefix(3).joined(separator: ", ")) [artifact.altered]",
            help: "restore the last good backup with `lockstep restore FILE`"
        )
    }

    private static func clock(_ session: Session) -> Check {
        let newest = (try? session.ledger.runs().map(\.updated).max()) ?? nil
        let now = session.clock.now()
        let isBehind = newest.map { now < $0 } ?? false
        return Check(
            name: "clock",
            isGood: !isBehind,
            message: isBehind
                ? "the clock is behind the newest entry of the ledger" : "the clock is not behind the ledger",
            help: "check the time of this machine"
        )
    }
}
