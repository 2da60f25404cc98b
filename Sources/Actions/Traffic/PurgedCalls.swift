import Core
import Identity
import Workspace

/// What purges took away, so that the next import of the same file does not bring it back.
///
/// The journal of the recordings says by what each purge chose: a time, days, or the keyed digest of a principal. A call is
/// one of those that went where it fits and is from before the purge; whatever a principal does later comes in as ever.
struct PurgedCalls {
    private var before: Timestamp?
    private var days: Set<CivilDate> = []
    private var principals: [(digest: String, until: Timestamp)] = []
    /// The end of what went of a principal, by name; nil for those of whom nothing did.
    private var ends: [String: Timestamp?] = [:]
    private let digest: @Sendable (String) -> String
    private let ring: KeyRing?

    /// - Parameters:
    ///   - journal: Of the recordings of the workspace.
    ///   - keys: Holds the key of the digests, also those that were given up.
    ///   - digest: The keyed digest of a name.
    /// - Throws: Where the journal cannot be read, or is not what was written: what was purged would come back with it.
    init(
        _ journal: RecordingJournal,
        keys: KeyStore,
        digest: @escaping @Sendable (String) -> String
    ) throws {
        self.digest = digest
        ring = try? keys.load(.redact)
        for entry in try journal.sealedEntries() where entry["kind"]?.string == "recordings.purged" {
            guard let time = entry["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }) else { continue }
            if let end = entry["before"]?.string.flatMap({ Timestamp(rfc3339: $0) }) {
                before = max(before ?? end, end)
            }
            if let digest = entry["principal"]?.string, !digest.isEmpty { principals.append((digest, time)) }
            days.formUnion((entry["days"]?.array ?? []).compactMap { $0.string.flatMap { CivilDate($0) } })
        }
    }

    /// Whether a purge took the call away, or would have, had it been there.
    mutating func hold(_ call: CallRecord, day: CivilDate) -> Bool {
        if let before, call.time < before { return true }
        if days.contains(day) { return true }
        guard !principals.isEmpty else { return false }
        return ([call.principal.id] + call.delegation).contains { name in
            end(of: name).map { call.time <= $0 } ?? false
        }
    }

    private mutating func end(of name: String) -> Timestamp? {
        if let known = ends[name] { return known }
        let now = digest(name)
        let end = principals.filter { entry in
            entry.digest == now || ring.flatMap { KeyedDigest(entry.digest)?.matches(name, in: $0) } ?? false
        }.map(\.until).max()
        ends[name] = end
        return end
    }
}
