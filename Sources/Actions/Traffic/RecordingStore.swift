import Behaviour
package import Core
import FoundationEssentials
import Identity
import Traffic
import Wire
package import Workspace

/// The recordings of one workspace: what comes in, what goes, and what is due to go.
package struct RecordingStore: Sendable {
    package let folder: RecordingFolder
    private let root: String
    private let retention: Duration
    private let digest: @Sendable (String) -> String
    private let journal: RecordingJournal
    private let keys: KeyStore

    /// - Parameters:
    ///   - folder: The workspace.
    ///   - retention: How long recordings are kept, from when they came in.
    ///   - digest: The keyed digest that stands for a principal in the journal.
    package init(
        _ folder: WorkspaceFolder,
        retention: Duration,
        digest: @escaping @Sendable (String) -> String
    ) {
        self.folder = RecordingFolder(folder)
        journal = RecordingJournal(folder)
        keys = KeyStore(directory: folder.keys)
        root = folder.root
        self.retention = retention
        self.digest = digest
    }

    /// What an import added.
    package struct Addition: Sendable, Hashable {
        package var calls = 0
        /// Calls that were there already, and so were not added again.
        package var known = 0
        package var days = 0
        /// Calls that a purge took away and that were left out.
        package var purged = 0
    }

    /// Takes in the calls of files, all or none; a call that is there already does not count twice.
    ///
    /// Two calls are one where time, principal, session, server, tool, id and arguments agree. Where a file has the same
    /// call several times, it stays there as often; reading the file again, or one that begins the same, adds nothing.
    /// What was purged stays away, unless `includesPurged` says otherwise.
    package func add(
        _ files: [String],
        format: String,
        _ recording: inout RecordingImport,
        now: Timestamp,
        includesPurged: Bool = false,
        gateways: [RecordingSource.Part] = []
    ) throws -> Addition {
        var reading = recording.kept
        let answer = try folder.change(now: now) { shards, additions in
            let purged = includesPurged ? nil : try PurgedCalls(journal, keys: keys, digest: digest)
            var intake = Intake(folder: folder, shards: shards, purged: purged)
            for file in files {
                intake.beginFile()
                var fault: (any Error)?
                try reading.add(file, format: format) { call in
                    guard fault == nil else { return }
                    do { try intake.take(call, &additions) } catch { fault = error }
                }
                if let fault { throw fault }
            }
            for part in gateways {
                intake.beginFile()
                var fault: (any Error)?
                try reading.add(part, "native") { call in
                    guard fault == nil else { return }
                    do { try intake.take(call, &additions) } catch { fault = error }
                }
                if let fault { throw fault }
            }
            let addition = intake.addition
            guard addition.calls > 0 else { return (drop: [], entry: nil, answer: addition) }
            let entry: JSON.Value = [
                "id": .string(Self.newID()), "kind": "recordings.imported", "time": .string(now.description),
                "calls": .integer(Int64(addition.calls)), "days": .integer(Int64(addition.days)),
            ]
            return (drop: [], entry: entry, answer: addition)
        }
        recording = reading
        return answer
    }

    fileprivate static func newID() -> String {
        Hexadecimal.encode((0..<8).map { _ in UInt8.random(in: 0...255) })
    }
}

extension RecordingStore {
    /// Which recorded calls go.
    package enum Purge: Sendable, Hashable {
        /// Everything that happened before.
        case before(Timestamp)
        /// What this principal did, itself or through another.
        case principal(String)
        /// What came into the workspace longer ago than it is kept.
        case expired

        var word: String {
            switch self {
            case .before: "before"
            case .principal: "principal"
            case .expired: "expired"
            }
        }
    }

    /// What a purge took away, or would.
    package struct Purged: Sendable, Hashable {
        package var calls = 0
        package var dropped: [String] = []
        package var rewritten: [String] = []
        /// Profiles of the workspace's recordings that were folded again from what is left.
        package var refolded: [String] = []
        /// Other profiles that may hold what is gone, and so are gone as well.
        package var removed: [String] = []
    }

    /// Takes recorded calls away for good.
    ///
    /// The journal says how many and why. Killed at any instant, all of them are there or none.
    package func purge(_ what: Purge, now: Timestamp, by person: String, isRehearsal: Bool = false) throws -> Purged {
        if isRehearsal {
            var purged = try Self.plan(what, folder, retention, now: now).purged
            if purged.calls > 0 { (purged.refolded, purged.removed) = profilesByFate(what) }
            return purged
        }
        try folder.recover()
        let (toRefold, toRemove) = profilesByFate(what)
        var purged = try folder.change(now: now) { shards, additions in
            let plan = try Self.plan(what, folder, retention, now: now)
            for shard in plan.rewrite {
                try Self.lines(of: shard, folder) { line, call in
                    guard let call, !Self.matches(call, what) else { return }
                    try additions.write(line, day: shard.header.day, created: shard.header.created)
                }
                try additions.endShards()
            }
            let purged = plan.purged
            guard !plan.drop.isEmpty else { return (drop: [], entry: nil, answer: purged) }
            var entry: JSON.Object = [
                "id": .string(Self.newID()), "kind": "recordings.purged", "time": .string(now.description),
                "by": .string(person), "reason": .string(what.word), "calls": .integer(Int64(purged.calls)),
                "dropped": .integer(Int64(purged.dropped.count)), "rewritten": .integer(Int64(purged.rewritten.count)),
            ]
            switch what {
            case .before(let time): entry["before"] = .string(time.description)
            case .principal(let name): entry["principal"] = .string(digest(name))
            case .expired: entry["days"] = .array(Set(plan.drop.map(\.header.day)).sorted().map { .string("\($0)") })
            }
            return (drop: plan.drop, entry: .object(entry), answer: purged)
        }
        guard purged.calls > 0 || !purged.dropped.isEmpty else { return purged }
        for path in toRemove where FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
        purged.removed = toRemove
        // What cannot be folded again must not stay as it was.
        guard !toRefold.isEmpty, try !folder.shards().isEmpty, let bytes = folded() else {
            for path in toRefold { try FileManager.default.removeItem(atPath: path) }
            purged.removed = (toRemove + toRefold).sorted()
            return purged
        }
        for path in toRefold { try DurableFile.write(bytes, to: path) }
        purged.refolded = toRefold
        return purged
    }

    /// The profiles that a purge may touch: those that are the profile of all recordings of the workspace, and the others.
    private func profilesByFate(_ what: Purge) -> (refold: [String], remove: [String]) {
        let touched = profiles(touchedBy: what)
        guard !touched.isEmpty, let bytes = folded() else { return ([], touched) }
        var fate: (refold: [String], remove: [String]) = ([], [])
        for path in touched {
            if !path.hasSuffix(Self.stale), (try? DurableFile.read(path, limit: 1 << 30)) == bytes {
                fate.refold.append(path)
            } else {
                fate.remove.append(path)
            }
        }
        return fate
    }

    /// The profile of all recordings of the workspace, as `lockstep profile .lockstep/recordings` writes it.
    private func folded() -> [UInt8]? {
        try? TrafficProfile.of([folder.path], hash: KeyedHash(digest: digest)).profile.sealed.bytes
    }

    /// How earlier versions named a profile that holds what was purged.
    private static let stale = ".stale"

    /// Shards that came in longer ago than recordings are kept.
    package func overdue(now: Timestamp) throws -> [RecordingFolder.Shard] {
        try folder.shards().filter { Self.isExpired($0, retention, now) }
    }

    private static func isExpired(_ shard: RecordingFolder.Shard, _ retention: Duration, _ now: Timestamp) -> Bool {
        shard.header.created + retention <= now
    }

    private struct Plan {
        var purged = Purged()
        var drop: [RecordingFolder.Shard] = []
        var rewrite: [RecordingFolder.Shard] = []
    }

    private static func plan(
        _ what: Purge,
        _ folder: RecordingFolder,
        _ retention: Duration,
        now: Timestamp
    ) throws -> Plan {
        var plan = Plan()
        for shard in try folder.shards() {
            let start = shard.header.day.daysSince1970
            switch what {
            case .expired where !isExpired(shard, retention, now): continue
            case .before(let time) where time <= Timestamp(seconds: start * 86_400): continue
            default: break
            }
            var all = 0
            var gone = 0
            let isWhole =
                switch what {
                case .expired: true
                case .before(let time): Timestamp(seconds: (start + 1) * 86_400) <= time
                case .principal: false
                }
            do {
                try lines(of: shard, folder) { _, call in
                    all += 1
                    if isWhole || call.map({ matches($0, what) }) ?? false { gone += 1 }
                }
            } catch {
                // What goes as a whole need not be readable.
                guard isWhole else { throw error }
            }
            guard isWhole || gone > 0 else { continue }
            plan.purged.calls += gone
            plan.drop.append(shard)
            if isWhole || gone == all {
                plan.purged.dropped.append(shard.name)
            } else {
                plan.purged.rewritten.append(shard.name)
                plan.rewrite.append(shard)
            }
        }
        return plan
    }

    private static func matches(_ call: CallRecord, _ what: Purge) -> Bool {
        switch what {
        case .before(let time): call.time < time
        case .principal(let name): call.principal.id == name || call.delegation.contains(name)
        case .expired: true
        }
    }

    /// The lines of a shard, each with its call, or nil where it is none.
    fileprivate static func lines(
        of shard: RecordingFolder.Shard,
        _ folder: RecordingFolder,
        _ body: ([UInt8], CallRecord?) throws -> Void
    ) throws {
        var splitter = RecordingLines(maxLineBytes: 64 << 20)
        var fault: (any Error)?
        func take(_ number: Int, _ line: Span<UInt8>?) {
            guard fault == nil, let line else { return }
            let bytes = unsafe line.withUnsafeBufferPointer { unsafe Array($0) } + [0x0A]
            do { try body(bytes, try? NativeReader.read(line: line)) } catch { fault = error }
        }
        do throws(ShardFault) {
            var reader = try folder.open(shard)
            while let chunk = try reader.next() { splitter.feed(chunk.span, take) }
        } catch {
            throw RecordingFolder.error(shard.name, error)
        }
        splitter.finish(take)
        if let fault { throw fault }
    }

    /// Profiles in the workspace that may hold what a purge takes away: those that name the principal, or all.
    private func profiles(touchedBy what: Purge) -> [String] {
        var found: [String] = []
        let name: [UInt8]? = if case .principal(let name) = what { JSON.canonical(.string(name)) } else { nil }
        var folders = [(root, 0)]
        while let (path, depth) = folders.popLast(), found.count < 1000 {
            for entry in ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() {
                let place = "\(path)/\(entry)"
                var isFolder = false
                guard !entry.hasPrefix("."), FileManager.default.fileExists(atPath: place, isDirectory: &isFolder),
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: place)) == nil
                else { continue }
                if isFolder {
                    if depth < 4 { folders.append((place, depth + 1)) }
                } else if Self.isProfile(place),
                    let bytes = try? DurableFile.read(place, limit: 1 << 30)
                {
                    if let name, !Self.holds(name, bytes) { continue }
                    found.append(place)
                }
            }
        }
        return found.sorted()
    }

    private static func isProfile(_ path: String) -> Bool {
        guard let bytes = try? DurableFile.read(path, limit: 1 << 30) else { return false }
        return bytes.firstRange(of: Array("\"lockstep.profile/".utf8)) != nil
    }

    private static func holds(_ name: [UInt8], _ bytes: [UInt8]) -> Bool {
        bytes.firstRange(of: name) != nil
    }
}

/// Calls on their way into the workspace, told from those that are there.
private struct Intake {
    private let folder: RecordingFolder
    private let shards: [CivilDate: [RecordingFolder.Shard]]
    private var loaded: Set<CivilDate> = []
    private var days: Set<CivilDate> = []
    private var known: [Fingerprint: Int] = [:]
    private var inFile: [Fingerprint: Int] = [:]
    private var purged: PurgedCalls?
    private(set) var addition = RecordingStore.Addition()

    init(folder: RecordingFolder, shards: [RecordingFolder.Shard], purged: PurgedCalls?) {
        self.folder = folder
        self.purged = purged
        self.shards = Dictionary(grouping: shards, by: \.header.day)
    }

    mutating func beginFile() { inFile = [:] }

    mutating func take(_ call: CallRecord, _ additions: inout ShardAdditions) throws {
        let day = CivilDate(daysSince1970: Int64((Double(call.time.microseconds) / 86_400e6).rounded(.down)))
        if loaded.insert(day).inserted {
            for shard in shards[day] ?? [] {
                try RecordingStore.lines(of: shard, folder) { _, call in
                    if let call { known[Fingerprint(call), default: 0] += 1 }
                }
            }
        }
        let print = Fingerprint(call)
        let count = inFile[print, default: 0] + 1
        inFile[print] = count
        guard count > known[print, default: 0] else {
            addition.known += 1
            return
        }
        if purged?.hold(call, day: day) ?? false {
            addition.purged += 1
            return
        }
        known[print] = count
        addition.calls += 1
        if days.insert(day).inserted { addition.days += 1 }
        try additions.write(NativeWriter.line(call), day: day)
    }

    /// What makes a call the same call, whatever file it is in; secrets may have had another key.
    private struct Fingerprint: Hashable {
        private let high: UInt64
        private let low: UInt64

        init(_ call: CallRecord) {
            let json: JSON.Value = [
                .integer(call.time.microseconds), .string(call.principal.id), .string(call.session),
                .string(call.server), .string(call.tool), call.id.map { .string($0) } ?? .null, .object(call.arguments),
            ]
            let bytes = Digest.sha256(Self.withoutKeys(JSON.canonical(json))).bytes
            high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
        }

        private static func withoutKeys(_ bytes: [UInt8]) -> [UInt8] {
            let mark = Array("hmac-sha256:".utf8)
            var result: [UInt8] = []
            var rest = bytes[...]
            while let found = rest.firstRange(of: mark) {
                result += rest[..<found.upperBound]
                rest = rest[found.upperBound...].dropFirst(41)
            }
            return result + rest
        }
    }
}

extension RecordingStore {
    /// The recordings of an estate.
    package init(_ estate: Estate) {
        self.init(
            estate.folder,
            retention: estate.configuration.recordingRetention,
            digest: estate.secretDigest
        )
    }
}
