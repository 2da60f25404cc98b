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

    func all() -> [DoctorCommand.Check] { [shards(), retention(), journal()] }

    private func shards() -> DoctorCommand.Check {
        let store = RecordingStore(session.estate)
        var faults: [String] = []
        var calls = 0
        var count = 0
        do {
            for shard in try store.folder.shards() {
                count += 1
                do throws(ShardFault) {
                    var reader = try store.folder.open(shard)
                    var lines = 0
                    while let chunk = try reader.next() { lines += chunk.count { $0 == 0x0A } }
                    calls += lines
                    switch reader.ending {
                    case .complete(let expected) where expected != lines:
                        faults.append("`\(shard.name)` has \(lines) calls and was ended with \(expected)")
                    case .unfinished(let lost):
                        faults.append("`\(shard.name)` has no end mark, \(lost) bytes of its last chunk are lost")
                    default: break
                    }
                } catch {
                    faults.append("`\(shard.name)` \(error) [\(error.code)]")
                }
            }
        } catch {
            faults.append(error.message)
        }
        return DoctorCommand.Check(
            name: "recordings",
            isGood: faults.isEmpty,
            message: faults.isEmpty
                ? "\(counted(calls, "call")) in \(counted(count, "shard")), every chunk is what was written"
                : faults.prefix(3).joined(separator: "; "),
            help:
                "`lockstep traffic purge --expired` ends what a killed writer left; restore what was altered from a backup"
        )
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

    private func journal() -> DoctorCommand.Check {
        let altered: String?
        do {
            altered = try RecordingJournal(session.folder).firstAltered().map { "line \($0) is not what was written" }
        } catch {
            altered = "it cannot be read"
        }
        return DoctorCommand.Check(
            name: "recordings journal",
            isGood: altered == nil,
            message: altered ?? "what was taken in and purged is written down and unaltered",
            help: "restore the last good backup with `lockstep restore FILE`"
        )
    }
}
