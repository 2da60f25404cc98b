package import Core
import Synchronization

/// What all event loops of a gateway share: state that outlives a reload.
package final class Shared: Sendable {
    let conversations = Conversations()
    let tallies = Tallies()
    let sessions = ProtocolSessions()
    let inputs = InputRequests()
    package let counters = Counters()
    package let tls = TLSState()
    package let observatory = Observatory()
    package let descriptors: Descriptors
    package let asks: Asks
    package let revocations: Revocations
    package let modes: Modes
    package let canaries = Canaries()
    package let reloads = Reloads()
    package let unproven = Unproven()
    package let definitions: PinnedDefinitions
    package let delivery = PolicyDelivery()
    /// Everything that waits for the disk and is not the audit log.
    package let disk = DiskQueue()
    /// The list of a workspace that is pulled; nil where none is.
    package let pull: RevocationPull?
    /// Tells others of kills; nil where nobody wants to know.
    package let events: SecurityEvents?
    let audit: any AuditSink
    let records: (any RecordSink)?
    let now: @Sendable () -> Timestamp
    /// The clock that everything here goes by.
    package var clock: @Sendable () -> Timestamp { now }
    /// Ends what a principal has open, on every event loop.
    let onRevocation = Mutex<(@Sendable () -> Void)?>(nil)

    package init(
        audit: any AuditSink,
        records: (any RecordSink)?,
        asks: Asks,
        revocations: Revocations,
        modes: Modes,
        definitions: PinnedDefinitions,
        pull: RevocationPull? = nil,
        events: SecurityEvents? = nil,
        descriptors: Descriptors = Descriptors(limit: .max, loops: 1),
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.audit = audit
        self.records = records
        self.asks = asks
        self.revocations = revocations
        self.modes = modes
        self.definitions = definitions
        self.pull = pull
        self.events = events
        self.descriptors = descriptors
        self.now = now
    }

    /// Writes what people did to the gateway into its audit log.
    package func note(_ kind: String, _ members: JSON.Object, gateway: String) {
        var entry = members
        entry["schema"] = "lockstep.audit/1"
        entry["kind"] = .string(kind)
        entry["time"] = .string(now().description)
        entry["gateway"] = .string(gateway)
        _ = audit.note(JSON.canonical(.object(entry)))
    }

    /// Denies a principal from now on, because of what it was about to get; the disk is waited for elsewhere.
    func kill(_ principal: String, reason: String) {
        let denial = revocations.deny(principal: principal, reason: reason, by: "gateway", at: now())
        enforceRevocations()
        disk.run { [self] in
            let isDurable = revocations.write(denial)
            noteRevocation(denial, principal: principal, reason: reason, by: "gateway", isDurable: isDurable)
        }
    }

    /// Writes a kill into the audit log and tells subscribers, after it is known whether it will outlive the process.
    func noteRevocation(
        _ denial: Revocations.Denial,
        principal: String,
        reason: String,
        by: String,
        isDurable: Bool
    ) {
        let number = revocations.number(of: denial)
        note(
            "gateway.revocation",
            [
                "by": .string(denial.signer ?? by), "principal": .string(principal),
                "number": .integer(Int64(number)), "reason": .string(reason),
                "signed": .bool(denial.signer != nil), "durable": .bool(isDurable),
            ],
            gateway: revocations.gateway
        )
        events?.tell(
            SecurityEvents.Revoked(
                principal: principal,
                reason: reason,
                isByPerson: by != "gateway",
                at: now(),
                number: number
            )
        )
    }

    /// Takes in the list of a workspace; what is new in it is in force at once.
    ///
    /// Waits for the disk, and is not for an event loop.
    ///
    /// - Returns: Whether the list should be written down as the last one that was believed.
    package func take(published read: Result<[UInt8], RevocationList.Fault>) -> Bool {
        guard let pull, let news = pull.take(read, keys: revocations.workspaceKeys, at: now()) else { return false }
        let new = revocations.deny(published: news.kills, at: now())
        guard !new.isEmpty else { return news.isNoted }
        enforceRevocations()
        for (statement, denial) in new {
            let isDurable = revocations.write(denial)
            noteRevocation(
                denial,
                principal: statement.principal,
                reason: statement.reason,
                by: "user:\(statement.by)",
                isDurable: isDurable
            )
        }
        return news.isNoted
    }

    /// Takes over whom other processes on the gateway's folder denied, and to whom they gave access back.
    ///
    /// Waits for the disk, and is not for an event loop.
    ///
    /// - Returns: Whether all of it is known.
    @discardableResult
    package func followRevocations() -> Bool {
        guard let isMore = try? revocations.refresh() else { return false }
        if isMore { enforceRevocations() }
        return true
    }

    /// Ends what whoever is denied now has open.
    package func enforceRevocations() { onRevocation.withLock { $0 }?() }
}

/// What the gateway counted since it began.
package final class Counters: Sendable {
    package enum Name: Int, Sendable, CaseIterable {
        case requests, allowed, denied, asked, shadowed, refused, withheld, killed, shedRecords, upstreamFaults
        case refusedBundles, canaries, failedReloads
    }

    private let values: [Counter] = Name.allCases.map { _ in Counter() }
    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    package func count(_ name: Name, _ number: Int = 1) { values[name.rawValue].value.add(number, ordering: .relaxed) }

    package subscript(name: Name) -> Int { values[name.rawValue].value.load(ordering: .relaxed) }
}
