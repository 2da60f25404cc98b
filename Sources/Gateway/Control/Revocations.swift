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
        /// A vote ends one kill, and there is another one in force.
        case partly
    }

    /// What people are told of `Lifting.partly`.
    package static let partly = "one kill is lifted, and another one of that name is in force: lift it as well"

    private struct State: Sendable {
        var entries: [Entry] = []
        var denied: Set<String> = []
        /// Counts what was to be written; a list that was written since holds it.
        var version = 0
        /// Kills that no list holds which was written: they are in force whatever another process writes.
        var pending: [String: Pending] = [:]

        struct Pending {
            let entry: Entry
            let version: Int
        }

        /// Takes over what is written.
        mutating func take(_ written: [Entry]) {
            entries = Entry.merged(entries, into: written)
            settle()
        }

        mutating func settle() {
            denied = Set(entries.lazy.filter { $0.lifted == nil }.map(\.principal))
            for one in pending.values.sorted(by: { $0.version < $1.version }) {
                guard denied.insert(one.entry.principal).inserted else { continue }
                entries.append(one.entry.numbered(entries.count + 1))
            }
        }

        /// A list is written that holds all up to this.
        mutating func wrote(_ version: Int) { pending = pending.filter { $0.value.version > version } }
    }

    private struct Writing {
        /// Whether the disk lags behind what is in force.
        var isBehind = false
        /// Of the list that was written last.
        var version = 0
        /// Of the list that was read or written last.
        var mark: RevocationMark?
    }

    let gateway: String
    private let state: Mutex<State>
    /// Held while the list is read or written, so that no older one is taken for the last.
    private let writing: Mutex<Writing>
    private let isEmpty = Atomic<Bool>(true)
    private let isKept = Atomic<Bool>(true)
    private let isUnread = Atomic<Bool>(false)
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
        // Before the list is read: what is written meanwhile is read once more.
        writing = Mutex(Writing(mark: store?.mark))
        var state = State()
        state.entries = try store?.load(control) ?? []
        state.settle()
        isEmpty.store(state.denied.isEmpty, ordering: .releasing)
        self.state = Mutex(state)
    }

    package var entries: [Entry] { state.withLock(\.entries) }

    /// Whether all that is in force would outlive this process.
    package var isDurable: Bool { isKept.load(ordering: .acquiring) && !isUnknown }

    /// Whether the list could not be read when it was looked at last: another process may have denied somebody.
    package var isUnknown: Bool { isUnread.load(ordering: .acquiring) }

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

    private func change<Result: Sendable>(_ change: (inout State) -> Result) -> Result {
        state.withLock { state in
            defer { isEmpty.store(state.denied.isEmpty, ordering: .releasing) }
            return change(&state)
        }
    }

    /// Reads the list anew where another process on the same folder has written to it.
    ///
    /// Not for an event loop.
    ///
    /// - Returns: Whether somebody is denied who was not.
    /// - Throws: what the store says; then what was known stays in force, and `isUnknown` until the list can be read.
    @discardableResult
    package func refresh() throws -> Bool {
        guard let store else { return false }
        return try writing.withLock { writing in
            let mark = store.mark
            if let mark, mark == writing.mark { return false }
            let written: [Entry]
            do {
                written = try store.load(control.withLock { $0 })
            } catch {
                writing.mark = nil
                isUnread.store(true, ordering: .releasing)
                throw error
            }
            writing.mark = mark
            isUnread.store(false, ordering: .releasing)
            return change { state in
                let before = state.denied
                state.take(written)
                return !state.denied.isSubset(of: before)
            }
        }
    }

    /// Writes what becomes of the list; false where nothing was written.
    private func update(_ writing: inout Writing, _ change: ([Entry]?) -> [Entry]?) -> Bool {
        guard let store else { return change(entries) != nil }
        guard let mark = store.update(control.withLock({ $0 }), change) else { return false }
        writing.mark = mark
        isUnread.store(false, ordering: .releasing)
        return true
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
        fileprivate let principal: String
        fileprivate let version: Int
    }

    /// The kill's number in the list, which is another one where other processes wrote to it meanwhile.
    package func number(of denial: Denial) -> Int {
        state.withLock(\.entries).last { $0.principal == denial.principal && $0.lifted == nil }?.number ?? denial.number
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
        return change { state in
            // Written also where it was denied before: the disk may have refused it then, or another process lifted it.
            state.version += 1
            let entry = Entry(
                number: state.entries.count + 1,
                principal: principal,
                reason: reason,
                by: signer ?? by,
                at: now,
                proof: signer == nil ? nil : proof
            )
            state.pending[principal] = State.Pending(entry: entry, version: state.version)
            var number = entry.number
            if state.denied.insert(principal).inserted {
                state.entries.append(entry)
            } else {
                number = state.entries.last { $0.principal == principal && $0.lifted == nil }?.number ?? 0
            }
            return Denial(number: number, signer: signer, principal: principal, version: state.version)
        }
    }

    /// Waits until a denial is on disk; false where it cannot be written, and a restart would forget it.
    ///
    /// Not for an event loop. Kills that came meanwhile are written with it, so that a hundred at once cost the disk few waits.
    package func write(_ denial: Denial) -> Bool {
        guard store != nil else { return true }
        return writing.withLock { writing in
            if writing.version >= denial.version { return true }
            var version = 0
            writing.isBehind = !update(&writing) { written in
                let (entries, last) = change { state in
                    if let written { state.take(written) }
                    return (state.entries, state.version)
                }
                version = last
                return entries
            }
            if !writing.isBehind {
                writing.version = version
                change { $0.wrote(version) }
            }
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
        let isDurable = write(denial)
        return Addition(number: number(of: denial), isDurable: isDurable, signer: denial.signer)
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
            var (lifting, version) = (Lifting.unwritten, 0)
            var lifted: [(at: Int, lift: Entry.Lift)] = []
            let isWritten = update(&writing) { written in
                // Whom other processes deny has to be known before anybody is let in.
                guard let written else { return nil }
                var entries: [Entry]
                (entries, version) = change { state in
                    state.take(written)
                    return (state.entries, state.version)
                }
                let open = entries.indices.filter { entries[$0].principal == principal && entries[$0].lifted == nil }
                guard let last = open.last else {
                    lifting = .unknown
                    return nil
                }
                let keys = control.withLock { $0 }
                let signer: String?
                switch entries[last].voter(proof, reason: reason, gateway: gateway, keys) {
                case .success(let found): signer = found
                case .failure(let fault):
                    lifting = .unproven(fault.why)
                    return nil
                }
                let lift = Entry.Lift(by: signer ?? by, reason: reason, at: now, proof: signer == nil ? nil : proof)
                // A vote names the one kill that it ends.
                lifted = (keys.isNamed ? [last] : open).map { ($0, lift) }
                for one in lifted { entries[one.at].lifted = one.lift }
                lifting = lifted.count == open.count ? .lifted : .partly
                return entries
            }
            guard isWritten else {
                guard let one = lifted.last else { return lifting }
                // Where only the last sync failed the file has the lift, and it must not come into force from there.
                change { state in
                    state.version += 1
                    state.pending[principal] = State.Pending(entry: state.entries[one.at], version: state.version)
                }
                return .unwritten
            }
            change { state in
                for one in lifted { state.entries[one.at].lifted = one.lift }
                // A kill that came while this was written stays, and is written by whoever made it.
                state.wrote(version)
                state.settle()
            }
            (writing.version, writing.isBehind) = (version, false)
            isKept.store(true, ordering: .releasing)
            return lifting
        }
    }
}
