package import Core
package import Traffic

/// Folds observed calls into a profile, one pass, in bounded memory.
///
/// The calls of different sessions may come interleaved. A session is folded when it is closed, when the profiler is
/// finished, or when so many others were touched since that it must make room; the calls that a session makes after that
/// count as another session.
package struct Profiler: Sendable {
    package struct Limits: Sendable {
        /// Sessions that are held open at once.
        package var openSessions = 8_192
        /// Calls of one session; later ones are counted, not learned from.
        package var callsOfSession = 10_000
        /// Calls, arguments and values of all open sessions together.
        package var openCost = 1 << 17

        package init() {}
    }

    private struct Key: Hashable {
        var session: String
        var principal: String
    }

    private struct Open {
        /// Nil where the session was folded and none has taken its place.
        var key: Key?
        var trace: SessionTrace
        /// What the session asked already: only the first answer counts.
        var readings: Set<UInt64> = []
        var lastTouched: UInt64
        var skipped = 0
        var cost = 0
    }

    private var profile: Profile
    private var writer: TraceWriter
    private let limits: Limits
    private var open: [Key: Int] = [:]
    /// By the numbers in `open`.
    private var slots: [Open] = []
    private var free: [Int] = []
    /// Of the session that made the last call, since the next call is most often of the same one.
    private var lastSlot: Int?
    private var openCost = 0
    private var clock: UInt64 = 0

    package init(hash: KeyedHash = .unkeyed, limits: Limits = Limits()) {
        profile = Profile(hash: hash)
        writer = TraceWriter(hash)
        self.limits = limits
    }

    package mutating func observe(_ call: ObservedCall, context: CallContext = CallContext()) {
        // No policy can allow such a call, so there is nothing to learn from it; and a recording that does not hold the
        // arguments does not say that none were sent.
        if call.exceedsLimits || call.lacksArguments { return profile.skip() }
        clock += 1
        let slot = slot(of: call)
        let client = call.client.map { writer.name($0) }
        let traced = writer.call(call, context)
        let isFirst = update(slot, client: client, traced)
        if isFirst, call.resultDigest != 0, call.tier < .write {
            profile.fold(
                reading: call.reading,
                text: context.resultText ?? "",
                key: call.resultDigest,
                isInstructing: context.isInstructing
            )
        }
        if open.count > limits.openSessions || openCost > limits.openCost { makeRoom() }
    }

    private mutating func slot(of call: ObservedCall) -> Int {
        let key = Key(session: call.session, principal: call.principal)
        if let lastSlot, slots[lastSlot].key == key { return lastSlot }
        let slot = open[key] ?? begin(key)
        lastSlot = slot
        return slot
    }

    private mutating func begin(_ key: Key) -> Int {
        let principal = writer.name(key.principal)
        let trace = SessionTrace(
            key: profile.hash.hash(profile.hash.hash(key.session), principal.key),
            session: key.session,
            principal: principal
        )
        let session = Open(key: key, trace: trace, lastTouched: clock)
        let slot = free.popLast() ?? slots.count
        if slot == slots.count { slots.append(session) } else { slots[slot] = session }
        open[key] = slot
        return slot
    }

    /// Adds a call to its session; whether the session asks this for the first time.
    private mutating func update(_ slot: Int, client: Keyed<String>?, _ call: TracedCall) -> Bool {
        slots[slot].lastTouched = clock
        if let client, slots[slot].trace.client == nil { slots[slot].trace.client = client }
        guard slots[slot].trace.calls.count < limits.callsOfSession else {
            slots[slot].skipped += 1
            slots[slot].trace.isCut = true
            return false
        }
        slots[slot].trace.calls.append(call)
        slots[slot].cost += call.cost
        openCost += call.cost
        return slots[slot].readings.insert(call.reading).inserted
    }

    /// Folds the sessions that were touched longest ago, an eighth at a time so that sorting is rare.
    private mutating func makeRoom() {
        var oldest: [(touched: UInt64, slot: Int)] = []
        for slot in slots.indices where slots[slot].key != nil { oldest.append((slots[slot].lastTouched, slot)) }
        oldest.sort { $0.touched < $1.touched }
        let least = max(1, oldest.count / 8)
        for (number, session) in oldest.enumerated() where number < least || openCost > limits.openCost {
            fold(slot: session.slot)
        }
    }

    private mutating func fold(_ key: Key) {
        if let slot = open[key] { fold(slot: slot) }
    }

    private mutating func fold(slot: Int) {
        guard let key = slots[slot].key else { return }
        open[key] = nil
        if lastSlot == slot { lastSlot = nil }
        openCost -= slots[slot].cost
        profile.fold(slots[slot].trace, skipped: slots[slot].skipped)
        // The place stays, what the session took does not.
        slots[slot].key = nil
        slots[slot].trace.calls = []
        slots[slot].readings = []
        free.append(slot)
    }

    /// Says that no more calls of a session will come.
    package mutating func close(session: String, principal: String) {
        fold(Key(session: session, principal: principal))
    }

    /// Folds what is still open and gives the profile, under the digest of the recording if one is known.
    package consuming func finish(shard: Digest? = nil) -> Profile {
        for key in open.keys.sorted(by: { ($0.session, $0.principal) < ($1.session, $1.principal) }) { fold(key) }
        profile.settle()
        profile.forgetTexts()
        if let shard { profile.shards = [shard] }
        return profile
    }
}
