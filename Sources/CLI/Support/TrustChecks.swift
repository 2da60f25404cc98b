import Actions
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
            check("seals", "every chain of events, the inventory, findings and exceptions bear this workspace's seal") {
                let sealing = Sealing(keys: session.keys, folder: session.folder)
                return try sealing.faults(in: session.ledger)
                    .map { "run \($0.run): \($0.message) [\($0.code)]" }
                    + sealing.tableFaults(in: session.ledger)
                    .map { "the table `\($0.table.rawValue)`: \($0.message) [\($0.code)]" }
            },
            check("replay", "steps, runs, questions, votes and verdicts follow from the events") {
                let engine = session.engine()
                return try session.ledger.runs().flatMap { run in
                    try engine.replay(run.id).map { "run \($0.run): \($0.message) [\($0.code.rawValue)]" }
                }
            },
            check("votes", "every signed vote and exception is what its person signed") {
                try faults().compactMap { if case .altered(let words) = $0 { words } else { nil } }
            },
            check("voters", "lockstep.yaml lists every key that signed a vote or an exception", help: Self.unlisted) {
                try faults().compactMap { if case .unlisted(let words) = $0 { words } else { nil } }
            },
        ]
    }

    private static let altered =
        "somebody may have changed the ledger by hand: restore the last good backup with `lockstep restore FILE`"
    private static let unlisted =
        "if the key was theirs, list it under `retired-keys` of the person in lockstep.yaml; whoever has left stays "
        + "among the people, in no group and without `keys`"

    private func check(
        _ name: String,
        _ good: String,
        help: String = altered,
        _ faults: () throws -> [String]
    ) -> DoctorCommand.Check {
        let found: [String]
        do { found = try faults() } catch { found = ["could not be looked at: \(error)"] }
        let rest = found.count > 5 ? "; and \(found.count - 5) more" : ""
        return DoctorCommand.Check(
            name: name,
            isGood: found.isEmpty,
            message: found.isEmpty ? good : found.prefix(5).joined(separator: "; ") + rest,
            help: help
        )
    }

    private enum Fault {
        case altered(String)
        /// It is what was signed, but `lockstep.yaml` lists the key for nobody.
        case unlisted(String)
    }

    private var waivers: Waivers { Waivers(configuration: session.configuration) }

    private func faults() throws -> [Fault] {
        try session.ledger.runs().flatMap { try votes(of: $0.id) } + exceptions()
    }

    /// A vote is verified with the key that its signature names; that it was listed when it was counted is what the
    /// sealed event says.
    private func votes(of run: RunID) throws -> [Fault] {
        let people = waivers.everyKey
        return try session.ledger.votes(of: run).compactMap { vote in
            let name = "run \(run): the vote of `\(vote.person)` at `\(vote.instance)`"
            guard vote.isAuthenticated else { return nil }
            guard let proof = vote.proof else { return .altered("\(name) has lost its signature [vote.unproven]") }
            let signed: SignedVote
            do throws(VoteError) {
                signed = try SignedVote(parsing: Array(proof.utf8))
            } catch { return .altered("\(name) does not verify: \(error.message) [\(error.code.rawValue)]") }
            let said = signed.vote
            let isSame =
                said.run == vote.run && said.step == vote.instance && said.generation == Int64(vote.generation)
                && said.shown == vote.shown && said.person == vote.person && said.reason == vote.reason
                && said.verdict.rawValue == vote.verdict && said.ticket == vote.ticket
            do throws(VoteError) {
                _ = try signed.verify(people: people)
            } catch {
                guard isSame, holds(signed.signature, said.canonicalBytes, Vote.namespace, among: people) else {
                    return .altered("\(name) does not verify: \(error.message) [\(error.code.rawValue)]")
                }
                return .unlisted("\(name) is signed with `\(signed.signature.key.fingerprint)` [vote.key-unlisted]")
            }
            return isSame ? nil : .altered("\(name) is not the one that was signed [vote.differs]")
        }
    }

    private func exceptions() throws -> [Fault] {
        let people = waivers.everyKey
        return try session.ledger.exceptions().filter(\.isAuthenticated).compactMap { exception in
            let name = "exception \(exception.id)"
            guard let proof = exception.proof else { return .altered("\(name): it is not signed [exception.unproven]") }
            var signed: WaiverProof?
            do throws(VoteError) {
                let proof = try WaiverProof(parsing: proof)
                signed = proof
                try proof.verify(exception, people: people)
                return nil
            } catch {
                guard let signed,
                    holds(
                        signed.signature,
                        WaiverStatement(exception, by: signed.person).canonicalBytes,
                        WaiverStatement.namespace,
                        among: people
                    )
                else { return .altered("\(name): \(error.message) [exception.unproven]") }
                return .unlisted(
                    "\(name) is signed with `\(signed.signature.key.fingerprint)` [exception.key-unlisted]"
                )
            }
        }
    }

    /// Whether a signature is good and its key is nobody's in lockstep.yaml: that of somebody who left.
    private func holds(
        _ signature: SSHSignature,
        _ bytes: [UInt8],
        _ namespace: String,
        among people: [PersonID: [SSHPublicKey]]
    ) -> Bool {
        guard !people.values.contains(where: { $0.contains(signature.key) }) else { return false }
        return (try? signature.verify(bytes, namespace: namespace, allowed: [signature.key])) != nil
    }
}
