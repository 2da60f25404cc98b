import Core
import Engine
import Identity
import Ledger
import Workspace

/// Whether what the ledger says follows from what happened, and whether it was those people who said so.
struct TrustChecks {
    let session: Session

    func all() -> [DoctorCommand.Check] {
        [
            check("seals", "every chain of events ends with the seal of this workspace") {
                try Sealing(keys: session.keys, folder: session.folder).faults(in: session.ledger)
                    .map { "run \($0.run): \($0.message) [\($0.code)]" }
            },
            check("replay", "steps, runs, questions, votes and verdicts follow from the events") {
                let engine = session.engine()
                return try session.ledger.runs().flatMap { run in
                    try engine.replay(run.id).map { "run \($0.run): \($0.message) [\($0.code.rawValue)]" }
                }
            },
            check("votes", "every signed vote and exception verifies against lockstep.yaml") {
                try session.ledger.runs().flatMap { try votes(of: $0.id) } + exceptions()
            },
        ]
    }

    private func check(_ name: String, _ good: String, _ faults: () throws -> [String]) -> DoctorCommand.Check {
        let found: [String]
        do { found = try faults() } catch { found = ["could not be looked at: \(error)"] }
        let rest = found.count > 5 ? "; and \(found.count - 5) more" : ""
        return DoctorCommand.Check(
            name: name,
            isGood: found.isEmpty,
            message: found.isEmpty ? good : found.prefix(5).joined(separator: "; ") + rest,
            help:
                "somebody may have changed the ledger by hand: restore the last good backup with `lockstep restore FILE`"
        )
    }

    private func votes(of run: RunID) throws -> [String] {
        let people = Waivers(configuration: session.configuration).people
        return try session.ledger.votes(of: run).compactMap { vote in
            let name = "run \(run): the vote of `\(vote.person)` at `\(vote.instance)`"
            guard vote.isAuthenticated else { return nil }
            guard let proof = vote.proof else { return "\(name) has lost its signature [vote.unproven]" }
            do throws(VoteError) {
                let signed = try SignedVote(parsing: Array(proof.utf8))
                let said = try signed.verify(people: people).vote
                let isSame =
                    said.run == vote.run && said.step == vote.instance && said.generation == Int64(vote.generation)
                    && said.shown == vote.shown && said.person == vote.person && said.reason == vote.reason
                    && said.verdict.rawValue == vote.verdict && said.ticket == vote.ticket
                return isSame ? nil : "\(name) is not the one that was signed [vote.differs]"
            } catch {
                return "\(name) does not verify: \(error.message) [\(error.code.rawValue)]"
            }
        }
    }

    private func exceptions() throws -> [String] {
        let waivers = Waivers(configuration: session.configuration)
        return try session.ledger.exceptions().filter(\.isAuthenticated).compactMap { exception in
            waivers.fault(of: exception).map { "exception \(exception.id): \($0) [exception.unproven]" }
        }
    }
}
