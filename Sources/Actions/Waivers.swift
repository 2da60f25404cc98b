package import Core
package import Identity
package import Ledger
package import Workspace

/// Which exceptions count, and how one is proven: with the SSH keys that votes are signed with.
package struct Waivers: Sendable {
    package var configuration: Workspace.Configuration

    package init(configuration: Workspace.Configuration) {
        self.configuration = configuration
    }

    /// Whether an exception waives anything: like a vote, it must be signed where the workspace wants signatures.
    ///
    /// Only the keys that `lockstep.yaml` lists now are believed: whoever has left waives nothing any more.
    package func counts(_ exception: Core.Exception) -> Bool {
        configuration.allowsUnauthenticatedVotes || fault(of: exception) == nil
    }

    /// Why an exception is not proven to be its maker's; nothing when it is.
    package func fault(of exception: Core.Exception) -> String? {
        guard let proof = exception.proof else { return "it is not signed" }
        do throws(VoteError) {
            try WaiverProof(parsing: proof).verify(exception, people: people)
            return nil
        } catch { return error.message }
    }

    /// The public keys of everybody in lockstep.yaml that may sign today.
    package var people: [PersonID: [SSHPublicKey]] { keys(\.keys) }

    /// With those that may not sign any more: what was signed with one when it was listed stays signed.
    package var everyKey: [PersonID: [SSHPublicKey]] { keys { $0.keys + $0.retiredKeys } }

    private func keys(_ lines: (Workspace.Configuration.Person) -> [String]) -> [PersonID: [SSHPublicKey]] {
        Dictionary(
            configuration.people.map { person in
                (person.id, lines(person).compactMap { line in try? SSHPublicKey(line: line) })
            },
            uniquingKeysWith: { first, _ in first }
        )
    }
}

extension Estate {
    /// The scopes that an exception covers at a moment; those that nobody is proven to have made cover nothing.
    package func waivedScopes(at now: Timestamp) throws(LedgerError) -> Set<String> {
        let waivers = Waivers(configuration: configuration)
        return Set(try ledger.exceptions().filter { $0.isActive(at: now) && waivers.counts($0) }.map(\.scope))
    }
}
