package import Core
import Identity
import Synchronization

/// Who is denied whatever a policy says: principals, single credentials, and everybody who acts for one of them.
///
/// Numbered in the order in which they were made. One that is lifted stays in the list, so that the list only grows and
/// two copies of it can be told apart by their length. Denying is always safe and needs no signature; giving access back
/// needs the vote of a person wherever the gateway was told whom to believe.
package final class Revocations: Sendable {
    package struct Entry: Sendable, Hashable {
        package let number: Int
        package let principal: String
        package let reason: String
        package let by: String
        package let at: Timestamp
        /// What was signed, where somebody who is believed signed it.
        package var proof: RevocationProof?
        /// Who gave access back, and when.
        package var lifted: Lift?

        package struct Lift: Sendable, Hashable {
            package let by: String
            package let reason: String
            package let at: Timestamp
            package var proof: RevocationProof?
        }

        /// What a vote to lift it names: the entry as it was made.
        package var digest: Digest {
            var made = self
            made.lifted = nil
            return .sha256(JSON.canonical(made.json))
        }
    }

    /// What became of a lift.
    package enum Lifting: Sendable, Hashable {
        case lifted
        /// Nobody of that name is denied.
        case unknown
        /// There is no vote, or it is not one for this.
        case unproven(String)
        /// It could not be written, so nothing changed.
        case unwritten
    }

    private struct State: Sendable {
        var entries: [Entry] = []
        var denied: Set<String> = []
        /// Counts what was to be written; a list that was written since holds it.
        var version = 0
    }

    let gateway: String
    private let state: Mutex<State>
    private struct Writing {
        /// Whether the disk lags behind what is in force.
        var isBehind = false
        /// Of the list that was written last.
        var version = 0
    }

    /// Held while the list is written, so that what is on disk never grows shorter.
    private let writing = Mutex(Writing())
    private let isEmpty = Atomic<Bool>(true)
    private let isKept = Atomic<Bool>(true)
    private let store: (any RevocationStore)?
    private let control: Mutex<ControlKeys>

    /// - Throws: what the store says; a gateway that cannot read who is denied does not begin.
    package init(
        gateway: String = "",
        store: (any RevocationStore)? = nil,
        control: ControlKeys = ControlKeys()
    ) throws {
        self.gateway = gateway
        self.store = store
        self.control = Mutex(control)
        let entries = try store?.load() ?? []
        var state = State()
        state.entries = entries
        state.denied = Set(entries.filter { $0.lifted == nil }.map(\.principal))
        isEmpty.store(state.denied.isEmpty, ordering: .releasing)
        self.state = Mutex(state)
    }

    package var entries: [Entry] { state.withLock(\.entries) }

    /// Whether all that is in force would outlive this process.
    package var isDurable: Bool { isKept.load(ordering: .acquiring) }

    package func believe(_ keys: ControlKeys) { control.withLock { $0 = keys } }

    /// Keys of workspaces, whose lists are believed.
    var workspaceKeys: [DSSEKey] { control.withLock(\.keys) }

    /// Whether the caller, or anybody it acts for, or its credential is denied.
    func denies(_ caller: Caller) -> Bool {
        if isEmpty.load(ordering: .acquiring) { return false }
        return state.withLock { state in
            state.denied.contains(caller.principal.id) || caller.delegation.contains(where: state.denied.contains)
                || caller.credentials.contains(where: state.denied.contains)
        }
    }

    /// Reads the list anew, as another process on the same folder may have written to it.
    ///
    /// - Throws: what the store says; then what was known stays in force.
    package func refresh() throws {
        guard let entries = try store?.load() else { return }
        state.withLock { state in
            // The list only grows: a shorter one is older, or not what it was.
            guard entries.count >= state.entries.count else { return }
            state.entries = entries
            state.denied = Set(entries.filter { $0.lifted == nil }.map(\.principal))
            isEmpty.store(state.denied.isEmpty, ordering: .releasing)
        }
    }

    /// What became of a kill: it is in force in any case.
    package struct Addition: Sendable, Hashable {
        package let number: Int
        /// Whether it will outlive this process.
        package let isDurable: Bool
        /// Who signed it, where that is somebody who is believed.
        package let signer: String?
    }

    /// A kill that is in force in this process, and not written yet.
    package struct Denial: Sendable, Hashable {
        package let number: Int
        /// Who signed it, where that is somebody who is believed.
        package let signer: String?
        fileprivate let version: Int
    }

    /// Denies a principal or a credential from now on; it outlives the process once `write` says so.
    ///
    /// - Parameters:
    ///   - principal: A principal, or the id of a credential.
    ///   - reason: For people who ask later.
    ///   - by: Who says so, where the proof does not.
    ///   - proof: Kept where somebody who is believed signed it.
    ///   - now: When.
    /// - Returns: What `write` needs to make it durable.
    package func deny(
        principal: String,
        reason: String,
        by: String,
        proof: RevocationProof? = nil,
        at now: Timestamp
    ) -> Denial {
        let signer = proof.flatMap { proof in
            proof.statement?.action == .kill && proof.statement?.principal == principal
                ? control.withLock { $0.signer(of: proof) } : nil
        }
        return state.withLock { state in
            // Written also where it was denied before: the disk may have refused it then.
            state.version += 1
            if state.denied.contains(principal) {
                let number = state.entries.last { $0.principal == principal && $0.lifted == nil }?.number ?? 0
                return Denial(number: number, signer: signer, version: state.version)
            }
            let entry = Entry(
                number: (state.entries.last?.number ?? 0) + 1,
                principal: principal,
                reason: reason,
                by: signer ?? by,
                at: now,
                proof: signer == nil ? nil : proof
            )
            state.entries.append(entry)
            state.denied.insert(principal)
            isEmpty.store(false, ordering: .releasing)
            return Denial(number: entry.number, signer: signer, version: state.version)
        }
    }

    /// Waits until a denial is on disk; false where it cannot be written, and a restart would forget it.
    ///
    /// Not for an event loop. Kills that came meanwhile are written with it, so that a hundred at once cost the disk few waits.
    package func write(_ denial: Denial) -> Bool {
        guard let store else { return true }
        return writing.withLock { writing in
            if writing.version >= denial.version { return true }
            let (entries, version) = state.withLock { ($0.entries, $0.version) }
            writing.isBehind = !store.save(entries)
            if !writing.isBehind { writing.version = version }
            isKept.store(!writing.isBehind, ordering: .releasing)
            return !writing.isBehind
        }
    }

    /// Denies and waits for the disk, in one.
    @discardableResult
    package func add(
        principal: String,
        reason: String,
        by: String,
        proof: RevocationProof? = nil,
        at now: Timestamp,
        inForce: () -> Void = {}
    ) -> Addition {
        let denial = deny(principal: principal, reason: reason, by: by, proof: proof, at: now)
        inForce()
        return Addition(number: denial.number, isDurable: write(denial), signer: denial.signer)
    }

    /// Denies whomever a published list denies and this gateway has not heard of: what was lifted here stays lifted.
    ///
    /// - Returns: The kills that are new here, none of them written yet.
    package func deny(published kills: [RevocationProof], at now: Timestamp) -> [(RevocationStatement, Denial)] {
        guard !kills.isEmpty else { return [] }
        let entries = self.entries
        let known = Set(entries.compactMap { $0.proof?.statement })
        return kills.compactMap { proof in
            guard let statement = proof.statement, !known.contains(statement) else { return nil }
            // A kill whose signature was not believed here is known by what it says, and came in after it was made.
            let isKnown = entries.contains {
                $0.principal == statement.principal && $0.reason == statement.reason && $0.at >= statement.time
                    && ($0.by == statement.by || $0.by == "user:\(statement.by)")
            }
            guard !isKnown else { return nil }
            let denial = deny(
                principal: statement.principal,
                reason: statement.reason,
                by: "user:\(statement.by)",
                proof: proof,
                at: now
            )
            return (statement, denial)
        }
    }

    /// Gives access back, if a person voted for it and it can be written; otherwise nothing changes.
    package func lift(
        principal: String,
        reason: String,
        by: String,
        proof: RevocationProof? = nil,
        at now: Timestamp
    ) -> Lifting {
        writing.withLock { writing in
            var entries = self.entries
            guard let at = entries.lastIndex(where: { $0.principal == principal && $0.lifted == nil }) else {
                return .unknown
            }
            let keys = control.withLock { $0 }
            var signer: String?
            if keys.isNamed {
                guard let proof, case .signature(let statement, _) = proof else {
                    return .unproven("a lift needs the signed vote of a person")
                }
                guard statement.action == .lift, statement.principal == principal, statement.reason == reason else {
                    return .unproven("the vote is about something else")
                }
                guard statement.entries[gateway] == entries[at].digest else {
                    return .unproven("the vote is about another kill than the one in force")
                }
                signer = keys.signer(of: proof)
                guard signer != nil else { return .unproven("the vote is not signed by a person of this gateway") }
            }
            let lift = Entry.Lift(by: signer ?? by, reason: reason, at: now, proof: signer == nil ? nil : proof)
            entries[at].lifted = lift
            // Access comes back only if it will not be taken for denied after a restart, and the other way round.
            guard store?.save(entries) ?? true else { return .unwritten }
            state.withLock { state in
                state.entries[at].lifted = lift
                state.denied.remove(principal)
                // A kill that came while this was written is written by whoever made it, after this.
                writing.isBehind = writing.isBehind && state.entries.count != entries.count
                isEmpty.store(state.denied.isEmpty, ordering: .releasing)
            }
            isKept.store(!writing.isBehind, ordering: .releasing)
            return .lifted
        }
    }
}

/// Where revocations are kept, durably before they are acknowledged.
package protocol RevocationStore: Sendable {
    func load() throws -> [Revocations.Entry]
    func save(_ entries: [Revocations.Entry]) -> Bool
}

extension Revocations.Entry {
    /// As lists and files have it.
    package var json: JSON.Value {
        var object: JSON.Object = [
            "number": .integer(Int64(number)), "principal": .string(principal), "reason": .string(reason),
            "by": .string(by), "time": .string(at.description),
        ]
        object["proof"] = proof?.json
        if let lifted {
            var lift: JSON.Object = [
                "by": .string(lifted.by), "reason": .string(lifted.reason), "time": .string(lifted.at.description),
            ]
            lift["proof"] = lifted.proof?.json
            object["lifted"] = .object(lift)
        }
        return .object(object)
    }

    /// The same kill under another number, in force: what a vote to lift it would have named is another entry.
    package func numbered(_ number: Int) -> Revocations.Entry {
        Revocations.Entry(number: number, principal: principal, reason: reason, by: by, at: at, proof: proof)
    }

    /// As commands show it, with the digest that a vote to lift it names.
    package var shownJSON: JSON.Value {
        var object = json.object ?? [:]
        object["digest"] = .string(digest.description)
        return .object(object)
    }

    /// Reads what `json` writes; nothing where something is missing or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let number = json["number"]?.int, let principal = json["principal"]?.string,
            let reason = json["reason"]?.string, let by = json["by"]?.string,
            let at = json["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        var proof: RevocationProof?
        if let written = json["proof"] {
            guard let read = RevocationProof(written) else { return nil }
            proof = read
        }
        var lift: Lift?
        if let lifted = json["lifted"] {
            guard let by = lifted["by"]?.string, let reason = lifted["reason"]?.string,
                let at = lifted["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            else { return nil }
            var proof: RevocationProof?
            if let written = lifted["proof"] {
                guard let read = RevocationProof(written) else { return nil }
                proof = read
            }
            lift = Lift(by: by, reason: reason, at: at, proof: proof)
        }
        self.init(
            number: Int(number),
            principal: principal,
            reason: reason,
            by: by,
            at: at,
            proof: proof,
            lifted: lift
        )
    }

    /// What is wrong with it as one of a list, in a few words, where something is.
    package func fault(after number: Int, gateway: String, control: ControlKeys) -> String? {
        guard self.number == number + 1 else { return "revocation \(number + 1) is missing" }
        guard let lifted, !control.people.isEmpty else { return nil }
        guard let proof = lifted.proof, let statement = proof.statement, statement.action == .lift,
            statement.entries[gateway] == digest, control.signer(of: proof, mayBeRetired: true) != nil
        else { return "revocation \(self.number) was lifted without the vote of a person of this gateway" }
        return nil
    }
}
