package import Core

/// What is known of recorded traffic: everything a policy is mined from, in bounded memory.
///
/// A profile is made only of state that merges exactly. Profiles of the parts of a recording, merged in any order and
/// grouping, have the same `digest` as one pass over the whole, as long as no session spans two parts.
package struct Profile: Sendable {
    package static let schema = "lockstep.profile/2"

    package let hash: KeyedHash
    /// Digests of the recordings that were folded in; no part of the profile's own digest.
    package internal(set) var shards: Set<Digest> = []
    package internal(set) var sessions = 0
    package internal(set) var calls = 0
    /// Calls that were not learned from: their session was too long to be held, or their arguments were too many or not
    /// recorded.
    package internal(set) var skippedCalls = 0
    package internal(set) var agents = BottomK<AgentEvidence>()
    package internal(set) var readings = BottomK<ReadingEvidence>()
    package internal(set) var sample = SessionSample()
    /// How many values of one path, and identities of one agent, are kept; see `settle`.
    private var limits = SampleLimits()
    /// What was folded since the limits were looked at.
    private var unsettled = 0
    /// Numbers the sessions that are folded, so that each is counted once.
    private var number: UInt64 = 0

    private var knownTexts: KnownTexts

    package init(hash: KeyedHash = .unkeyed) {
        self.hash = hash
        knownTexts = KnownTexts(hash)
    }

    /// Folds one whole session.
    mutating func fold(_ trace: SessionTrace, skipped: Int = 0) {
        number += 1
        let session = number
        sessions += 1
        calls += trace.calls.count
        skippedCalls += skipped
        agents.update(trace.principal.key, make: { AgentEvidence(trace.principal.value) }) {
            $0.note(trace, number: session, hash: hash)
        }
        sample.insert(trace)
        unsettled += trace.cost
        if unsettled > 1 << 14 { settle() }
    }

    /// Lowers the limits until all samples together are small enough, and keeps to them.
    ///
    /// A limit only ever falls, and each part of a recording asks for one that is at least as high as that of the whole.
    /// So it is the same in whichever order parts are merged.
    mutating func settle() {
        unsettled = 0
        limits.lower(for: agents)
        limits.apply(to: &agents)
    }

    /// Lets go of what only folding more would need.
    mutating func forgetTexts() { knownTexts = KnownTexts(hash) }

    /// Counts a call that cannot be learned from.
    mutating func skip() { skippedCalls += 1 }

    /// Folds what one session saw where it asked something for the first time.
    mutating func fold(reading: UInt64, text: String, key: UInt64, isInstructing: Bool) {
        func note(_ evidence: inout ReadingEvidence, _ known: inout KnownTexts) {
            evidence.note(text, key: key, isInstructing: isInstructing, &known)
        }
        readings.update(reading, make: ReadingEvidence.init) { note(&$0, &knownTexts) }
    }

    package enum MergeError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The profiles were made under different keys.
        case differentKeys
        /// Some recordings are in both, others are not: counting them twice cannot be undone.
        case sharedRecordings(Int)

        package var description: String {
            switch self {
            case .differentKeys: "the profiles were made under different keys"
            case .sharedRecordings(let count): "the profiles share \(count) recordings and differ in others"
            }
        }
    }

    /// Adds another profile.
    ///
    /// A profile all of whose recordings are in this one already changes nothing, so a retry never counts twice.
    package mutating func merge(_ other: Profile) throws(MergeError) {
        guard hash == other.hash else { throw .differentKeys }
        let shared = shards.intersection(other.shards)
        if !other.shards.isEmpty, shared == other.shards { return }
        if !shards.isEmpty, shared == shards {
            self = other
            return
        }
        guard shared.isEmpty else { throw .sharedRecordings(shared.count) }
        shards.formUnion(other.shards)
        sessions += other.sessions
        calls += other.calls
        skippedCalls += other.skippedCalls
        agents.merge(other.agents)
        readings.merge(other.readings)
        sample.merge(other.sample)
        number = max(number, other.number)
        limits.merge(other.limits)
        settle()
    }
}

extension Profile {
    package struct ReadError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// The canonical bytes (RFC 8785), and what has to be told to whoever finishes them.
    ///
    /// A profile can be large, so it is written out part by part and once: for the digest without the list of recordings,
    /// which is then put in its place.
    private var content: (bytes: [UInt8], endOfCalls: Int, endOfSessions: Int) {
        var bytes: [UInt8] = []
        // Growing as it is written would take three times as much at the end; room that is not used costs nothing.
        if calls > 10_000 { bytes.reserveCapacity(2 * readings.charged + 160 * sample.spent + (32 << 20)) }
        var writer = MemberWriter()
        func write(_ name: String, _ value: JSON.Value) {
            writer.write(name, to: &bytes)
            JSON.append(value, to: &bytes)
        }
        writer.write("agents", to: &bytes)
        agents.write(to: &bytes)
        write("calls", Form.count(calls))
        let endOfCalls = bytes.count
        write("key", .array([Form.hash(hash.first), Form.hash(hash.second)]))
        write("limits", limits.json)
        writer.write("readings", to: &bytes)
        readings.write(to: &bytes)
        writer.write("sample", to: &bytes)
        sample.write(to: &bytes)
        write("schema", .string(Self.schema))
        write("sessions", Form.count(sessions))
        let endOfSessions = bytes.count
        write("skippedCalls", Form.count(skippedCalls))
        bytes.append(UInt8(ascii: "}"))
        return (bytes, endOfCalls, endOfSessions)
    }

    /// Of what is known, not of how the recordings were cut.
    package var digest: Digest { .sha256(content.bytes) }

    package var bytes: [UInt8] { sealed.bytes }

    /// The profile in its canonical form, and its digest: both for the price of one.
    package var sealed: (bytes: [UInt8], digest: Digest) {
        var (bytes, endOfCalls, endOfSessions) = content
        let digest = Digest.sha256(bytes)
        let shards = shards.map(\.description).sorted(by: precedes).map { JSON.Value.string($0) }
        // The later one first, so that the other's place stays.
        bytes.insert(contentsOf: ",\"shards\":".utf8 + JSON.canonical(.array(shards)), at: endOfSessions)
        bytes.insert(contentsOf: ",\"digest\":\"\(digest)\"".utf8, at: endOfCalls)
        return (bytes, digest)
    }

    /// Reads what `bytes` wrote; a profile whose digest does not fit its content is refused.
    package init(bytes: [UInt8]) throws(ReadError) {
        let limits = JSON.Limits(maxBytes: 1 << 30, maxMembers: 10_000_000, maxTokens: 200_000_000)
        let value: JSON.Value
        do {
            value = try JSON.parse(bytes, limits: limits)
        } catch {
            throw ReadError(description: "the profile is no JSON: \(error)")
        }
        guard value["schema"]?.string == Self.schema else {
            if value["schema"]?.string == "lockstep.profile/1" {
                throw ReadError(description: "the profile is of an earlier version: fold its recordings anew")
            }
            throw ReadError(description: "this is no profile of the version `\(Self.schema)`")
        }
        guard let first = Form.hash(value["key"]?[0]), let second = Form.hash(value["key"]?[1]),
            let shards = Form.list(value["shards"], { $0.string.flatMap { Digest($0) } }),
            let sessions = Form.count(value["sessions"]), let calls = Form.count(value["calls"]),
            let skippedCalls = Form.count(value["skippedCalls"]),
            let agents = value["agents"].flatMap(BottomK<AgentEvidence>.init(json:)),
            let readings = value["readings"].flatMap(BottomK<ReadingEvidence>.init(json:)),
            let sample = value["sample"].flatMap(SessionSample.init(json:)),
            let limits = value["limits"].flatMap(SampleLimits.init(json:))
        else { throw ReadError(description: "the profile is damaged") }
        self.init(hash: KeyedHash(first, second))
        self.shards = Set(shards)
        self.sessions = sessions
        self.calls = calls
        self.skippedCalls = skippedCalls
        self.agents = agents
        self.readings = readings
        self.sample = sample
        self.limits = limits
        settle()
        guard value["digest"]?.string == digest.description else {
            throw ReadError(description: "the profile does not fit its digest")
        }
    }
}
