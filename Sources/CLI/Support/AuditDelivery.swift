import Audit
import Core
import Identity
import Ledger
import Workspace

extension Session {
    var auditLog: WorkspaceLog { WorkspaceLog(folder: folder, keys: keys) }

    /// Brings what a command decided into the audit log, at its end.
    ///
    /// What was decided stands in the ledger either way; where the log cannot take it, it waits there, and this says so.
    /// A service that tries again and again says it once: `quietly` from then on.
    /// - Returns: Whether nothing is left.
    @discardableResult
    func deliverAudit(quietly: Bool = false) -> Bool {
        do {
            try auditLog.deliver(
                from: ledger,
                now: clock.now(),
                patience: quietly ? .init(limit: .zero) : Self.patience
            )
            return true
        } catch {
            guard !quietly else { return false }
            Output.talk("warning: the audit log could not take what was decided: \(Self.words(error))")
            let way = (error as? AuditError)?.help ?? "see `lockstep audit verify`, then `lockstep audit drain`"
            Output.talk("  help: it waits in the ledger; \(way)")
            return false
        }
    }

    /// A command that decided is not held up for long by a backup, or by a process that hangs.
    static var patience: LogPatience {
        LogPatience(limit: .seconds(5)) {
            Output.talk("waiting for another process that writes to the audit log")
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as AuditError: error.description
        case let error as LedgerError: error.message
        case let error as KeyStoreError: error.description
        default: "it could not be opened"
        }
    }
}

/// What `doctor` looks at in the audit log.
struct AuditChecks {
    let session: Session

    func check() -> DoctorCommand.Check {
        let name = "audit"
        let help = "see `lockstep audit verify`; do not remove what is there"
        do {
            let waiting = try session.ledger.undelivered(limit: 1000).count
            let last = try session.ledger.lastDelivered()
            guard session.auditLog.exists || last != nil else {
                return DoctorCommand.Check(
                    name: name,
                    isGood: true,
                    message: waiting == 0
                        ? "nothing was decided yet"
                        : "\(counted(waiting, "event")) not in the log yet: the next command that decides brings them in"
                )
            }
            if waiting > 0 { try refuseUnwritable() }
            let audit = try session.auditLog.audit()
            if let finding = audit.findings.first {
                return DoctorCommand.Check(
                    name: name,
                    isGood: false,
                    message: "\(AuditText.sentence(finding))"
                        + (audit.findings.count > 1 ? "; and \(audit.findings.count - 1) more" : ""),
                    help: help
                )
            }
            let size = audit.checkpoint?.size ?? 0
            if let gone = try session.auditLog.shortfall(of: size + audit.unsigned, from: session.ledger) {
                return DoctorCommand.Check(name: name, isGood: false, message: gone.message, help: gone.help)
            }
            return DoctorCommand.Check(
                name: name,
                isGood: true,
                message: "\(counted(size, "entry", "entries")) signed, every file is what was written"
                    + (waiting > 0 ? "; \(counted(waiting, "event")) not in the log yet" : "")
            )
        } catch let error as AuditError {
            if error.code == .missing, (try? session.ledger.lastDelivered()) == .some(nil) {
                // Killed while it was made: the next command makes it.
                return DoctorCommand.Check(name: name, isGood: true, message: "nothing is signed yet")
            }
            return DoctorCommand.Check(name: name, isGood: false, message: error.description, help: help)
        } catch {
            return DoctorCommand.Check(name: name, isGood: false, message: "the audit log cannot be read", help: help)
        }
    }

    /// Events that wait are what a killed command leaves; where they can never be brought in, that is a problem.
    private func refuseUnwritable() throws(AuditError) {
        do throws(AuditError) {
            _ = try FileDisk(writing: session.auditLog.path, waits: false)
        } catch {
            if error.code != .locked { throw error }
        }
    }
}

/// How findings of a log read.
enum AuditText {
    static func sentence(_ finding: LogAudit.Finding) -> String {
        let entry = finding.entry.map { " (entry \($0))" } ?? ""
        return "`\(Output.printable(finding.file))`\(entry): \(finding.message) [\(finding.code.rawValue)]"
    }

    static func json(_ finding: LogAudit.Finding) -> JSON.Value {
        [
            "code": .string(finding.code.rawValue), "file": .string(finding.file),
            "entry": finding.entry.map { .integer(Int64($0)) } ?? .null, "message": .string(finding.message),
        ]
    }
}
