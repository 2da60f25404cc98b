import Actions
import Core
import Identity
import Workspace

/// What is done about the recordings of a workspace without being asked for, and what `doctor` looks at.
struct RecordingChecks {
    let session: Session

    /// Drops recordings that were kept long enough; a failure is said and stops nothing else.
    func applyRetention() {
        let store = RecordingStore(session.estate)
        do {
            let now = session.clock.now()
            guard try !store.overdue(now: now).isEmpty else { return }
            let purged = try store.purge(.expired, now: now, by: "retention")
            Output.talk("\(purged.calls) recorded calls were kept long enough and are purged")
        } catch let error as WorkspaceError {
            Output.talk("warning: recordings that were kept long enough could not be purged: \(error.message)")
        } catch {
            Output.talk("warning: recordings that were kept long enough could not be purged")
        }
    }

    func all() -> [DoctorCommand.Check] {
        let audit = RecordingAudit(session.folder)
        let journal = audit.findings.filter { $0.code.hasPrefix("journal.") }
        return [shards(audit, audit.findings.filter { !journal.contains($0) }), retention(), self.journal(journal)]
    }

    private func shards(_ audit: RecordingAudit, _ findings: [RecordingAudit.Finding]) -> DoctorCommand.Check {
        DoctorCommand.Check(
            name: "recordings",
            isGood: findings.isEmpty,
            message: findings.isEmpty
                ? "\(counted(audit.calls, "call")) in \(counted(audit.shards, "shard")), every chunk is what was written"
                : Self.words(findings),
            help:
                "`lockstep traffic purge --expired` ends what a killed writer left; restore what was altered from a backup"
        )
    }

    private static func words(_ findings: [RecordingAudit.Finding]) -> String {
        findings.prefix(3).map(\.sentence).joined(separator: "; ")
            + (findings.count > 3 ? "; and \(findings.count - 3) more" : "")
    }

    private func retention() -> DoctorCommand.Check {
        let overdue = (try? RecordingStore(session.estate).overdue(now: session.clock.now())) ?? []
        return DoctorCommand.Check(
            name: "retention",
            isGood: overdue.isEmpty,
            message: overdue.isEmpty
                ? "no recording is kept longer than lockstep.yaml says"
                : "\(counted(overdue.count, "shard")) \(overdue.count == 1 ? "is" : "are") kept too long, from \(overdue.map(\.header.day).min()?.description ?? "")",
            help: "lockstep traffic purge --expired"
        )
    }

    private func journal(_ findings: [RecordingAudit.Finding]) -> DoctorCommand.Check {
        DoctorCommand.Check(
            name: "recordings journal",
            isGood: findings.isEmpty,
            message: findings.isEmpty
                ? "what was taken in and purged is written down and unaltered" : Self.words(findings),
            help: "restore the last good backup with `lockstep restore FILE`"
        )
    }
}
