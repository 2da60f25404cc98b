package import Core
import Synchronization

/// What all event loops of a gateway share: state that outlives a reload.
package final class Shared: Sendable {
    let conversations = Conversations()
    let sessions = ProtocolSessions()
    let inputs = InputRequests()
    let counters = Counters()
    package let asks: Asks
    package let revocations: Revocations
    package let modes: Modes
    package let canaries = Canaries()
    package let reloads = Reloads()
    package let definitions: PinnedDefinitions
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
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.audit = audit
        self.records = records
        self.asks = asks
        self.revocations = revocations
        self.modes = modes
        self.definitions = definitions
        self.now = now
    }

    /// Writes what people did to the gateway into its audit log.
    func note(_ kind: String, _ members: JSON.Object, gateway: String) {
        var entry = members
        entry["schema"] = "lockstep.audit/1"
        entry["kind"] = .string(kind)
        entry["time"] = .string(now().description)
        entry["gateway"] = .string(gateway)
        _ = audit.note(JSON.canonical(.object(entry)))
    }

    /// Denies a principal from now on, because of what it was about to get.
    func kill(_ principal: String, reason: String) {
        let added = revocations.add(principal: principal, reason: reason, by: "gateway", at: now()) {
            enforceRevocations()
        }
        note(
            "gateway.revocation",
            [
                "by": "gateway", "principal": .string(principal), "number": .integer(Int64(added.number)),
                "reason": .string(reason), "signed": false,
            ],
            gateway: revocations.gateway
        )
    }

    /// Ends what whoever is denied now has open.
    package func enforceRevocations() { onRevocation.withLock { $0 }?() }
}

/// What the gateway counted since it began.
package final class Counters: Sendable {
    package enum Name: Int, Sendable, CaseIterable {
        case requests, allowed, denied, asked, shadowed, refused, withheld, killed, shedRecords, upstreamFaults,
            canaries
    }

    private let values: [Counter] = Name.allCases.map { _ in Counter() }
    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    func count(_ name: Name, _ number: Int = 1) { values[name.rawValue].value.add(number, ordering: .relaxed) }

    package subscript(name: Name) -> Int { values[name.rawValue].value.load(ordering: .relaxed) }
}
