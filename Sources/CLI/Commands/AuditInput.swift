import Audit
import Core
import FoundationEssentials
import Workspace

/// Which log a command is about.
struct AuditPlace {
    let path: String
    private let isNamed: Bool

    init(folder: String?, origin: String?) throws {
        isNamed = folder != nil
        if let folder {
            guard origin == nil else {
                throw CommandFailure(
                    "audit.two-logs",
                    "a folder and --origin both name a log",
                    status: ExitStatus.invalidInput
                )
            }
            path = absolute(folder)
            return
        }
        let session = try Session.open(.reading)
        guard let origin else {
            path = session.auditLog.path
            return
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: session.folder.audit)) ?? []
        let found = names.sorted().map { session.folder.audit + "/" + $0 }.first { path in
            (try? LogReader(FileDisk(reading: path)).checkpoint())?.checkpoint.origin == origin
        }
        guard let found else {
            throw AuditError(.missing, "this workspace has no audit log of the origin `\(Output.printable(origin))`")
        }
        path = found
    }

    /// The keys of the workspace for the log; nobody but their owner says which others are trusted.
    func keys() throws -> [VerifierKey] {
        let session: Session
        do {
            session = try Session.open(.reading)
        } catch {
            throw CommandFailure(
                "audit.no-key",
                "outside of its workspace a log is only checked against a key",
                help:
                    "give it with --key; whoever writes the log tells you which, by another way than the log's folder",
                status: ExitStatus.invalidInput
            )
        }
        do throws(AuditError) {
            let claimed = try LogReader(FileDisk(reading: path)).checkpoint().checkpoint
            return try Self.trusted(session, claimed.origin)
        } catch {
            // A checkpoint that cannot be read is a finding of the check itself.
            guard error.code == .malformed else { throw error }
            return []
        }
    }

    private static func trusted(_ session: Session, _ origin: String) throws(AuditError) -> [VerifierKey] {
        do {
            return try session.auditLog.trusted(origin: origin)
        } catch let error as AuditError {
            throw error
        } catch {
            throw AuditError(.unusable, "the `audit` key of this workspace cannot be read")
        }
    }
}

/// What people give to the commands of the log.
enum AuditFiles {
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        try DurableFile.read(absolute(path), limit: limit)
    }

    static func checkpoint(_ path: String) throws -> SignedCheckpoint {
        do throws(AuditError) {
            return try SignedCheckpoint(try Self.bytes(path))
        } catch {
            throw CommandFailure(
                error.code.rawValue,
                "`\(Output.printable(path))`: \(error.message)",
                status: ExitStatus.invalidInput
            )
        }
    }

    private static func bytes(_ path: String) throws(AuditError) -> [UInt8] {
        do { return try read(path, limit: SignedNote.maximumBytes) } catch let error as WorkspaceError {
            throw AuditError(.missing, error.message)
        } catch { throw AuditError(.unusable, "it cannot be read") }
    }

    /// Verifier keys out of arguments that are keys, or files of them.
    static func keys(_ arguments: [String]) throws -> [VerifierKey] {
        var keys: [VerifierKey] = []
        for argument in arguments {
            if let key = try? VerifierKey(argument) {
                keys.append(key)
                continue
            }
            let text = String(decoding: try Recordings.bytes(argument, limit: 1 << 20), as: UTF8.self)
            for line in text.split(separator: "\n") {
                do throws(AuditError) { keys.append(try VerifierKey(line)) } catch {
                    throw CommandFailure(
                        error.code.rawValue,
                        "`\(Output.printable(argument))`: \(error.message)",
                        status: ExitStatus.invalidInput
                    )
                }
            }
        }
        if let key = keys.first(where: { !$0.isSupported }), keys.allSatisfy({ !$0.isSupported }) {
            throw CommandFailure(
                AuditError.Code.unsupported.rawValue,
                "this version cannot check signatures of `\(key.name)+\(key.hexadecimalID)`, which are of type ML-DSA-44",
                help: "give the Ed25519 key of the log as well",
                status: ExitStatus.invalidInput
            )
        }
        return keys
    }
}
