import Core
import FoundationEssentials
import Identity
import Ledger
import Workspace

/// Who may waive, and how a waiver is proven: with the SSH keys that votes are signed with.
struct Waivers: Sendable {
    var configuration: Workspace.Configuration

    /// Whether an exception may pass a gate: like a vote, it must be signed where the workspace wants signatures.
    func mayPassGate(_ exception: Core.Exception) -> Bool {
        configuration.allowsUnauthenticatedVotes || fault(of: exception) == nil
    }

    /// Why an exception is not proven to be its maker's; nothing when it is.
    func fault(of exception: Core.Exception) -> String? {
        guard let proof = exception.proof else { return "it is not signed" }
        do throws(VoteError) {
            try WaiverProof(parsing: proof).verify(exception, people: people)
            return nil
        } catch { return error.message }
    }

    /// The public keys of everybody in lockstep.yaml.
    var people: [PersonID: [SSHPublicKey]] {
        Dictionary(
            configuration.people.map { person in
                (person.id, person.keys.compactMap { line in try? SSHPublicKey(line: line) })
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Signs an exception with a key file or the agent; leaves it unsigned where neither is at hand.
    ///
    /// - Throws: what is wrong with the key file that was named.
    func signed(_ exception: Core.Exception, by person: PersonID, key: String?) throws -> Core.Exception {
        let environment = ProcessInfo.processInfo.environment
        let keys = people[person] ?? []
        let signer: SSHSigner
        if let key {
            signer = try SSHSigner.named(file: absolute(key), environment: environment)
        } else {
            guard let agent = try? SSHAgent(environment: environment),
                let held = try? SSHSigner.held(by: agent, among: keys)
            else { return exception }
            signer = held
        }
        var signed = exception
        let proof = try WaiverProof(signing: exception, by: person, with: signer)
        try proof.verify(exception, people: people)
        signed.createdBy = "user:\(person)"
        signed.proof = proof.text
        signed.isAuthenticated = true
        return signed
    }
}
