package import Core

/// The eight smallest and the eight largest numbers, each with the sessions that had it.
///
/// Robust extremes: one outlier of one session can be seen to be one.
package struct Extremes: Sendable {
    package struct Entry: Sendable {
        package var number: Double
        package var sessions: Tally
    }

    private static let limit = 8
    /// Ascending.
    package private(set) var lowest: [Entry] = []
    /// Descending.
    package private(set) var highest: [Entry] = []

    package init() {}

    package var minimum: Double? { lowest.first?.number }
    package var maximum: Double? { highest.first?.number }

    /// The largest number that so many sessions reached; where there are fewer sessions, the one that all of them did.
    package func largest(of sessions: Int) -> Double? {
        var count = 0
        for entry in highest {
            count += entry.sessions.count
            if count >= sessions { return entry.number }
        }
        return highest.last?.number
    }

    package mutating func note(_ number: Double, session: UInt64) {
        guard number.isFinite else { return }
        var entry = Entry(number: number == 0 ? 0 : number, sessions: Tally())
        entry.sessions.note(session)
        Self.add(entry, to: &lowest, session: session, <)
        Self.add(entry, to: &highest, session: session, >)
    }

    private static func add(
        _ entry: Entry,
        to entries: inout [Entry],
        session: UInt64?,
        _ precedes: (Double, Double) -> Bool
    ) {
        for index in entries.indices {
            if entries[index].number == entry.number {
                if let session {
                    entries[index].sessions.note(session)
                } else {
                    entries[index].sessions.merge(entry.sessions)
                }
                return
            }
            if precedes(entry.number, entries[index].number) {
                entries.insert(entry, at: index)
                if entries.count > limit { entries.removeLast() }
                return
            }
        }
        if entries.count < limit { entries.append(entry) }
    }
}

extension Extremes: Mergeable {
    package mutating func merge(_ other: Extremes) {
        for entry in other.lowest { Self.add(entry, to: &lowest, session: nil, <) }
        for entry in other.highest { Self.add(entry, to: &highest, session: nil, >) }
    }

    package var json: JSON.Value {
        let form = { (entries: [Entry]) -> JSON.Value in
            .array(entries.map { .array([.number($0.number), Form.count($0.sessions.count)]) })
        }
        return .array([form(lowest), form(highest)])
    }

    package init?(json: JSON.Value) {
        let read = { (value: JSON.Value) -> Entry? in
            guard let number = value[0]?.double, let sessions = Form.tally(value[1]) else { return nil }
            return Entry(number: number, sessions: sessions)
        }
        guard let lowest = Form.list(json[0], read), let highest = Form.list(json[1], read) else { return nil }
        for entry in lowest { Self.add(entry, to: &self.lowest, session: nil, <) }
        for entry in highest { Self.add(entry, to: &self.highest, session: nil, >) }
    }
}

/// Counts of numbers in buckets whose bounds are fixed for ever: four to each power of two, by sign.
package struct LogHistogram: Sendable, Equatable {
    private var buckets: [Int: Int] = [:]

    package init() {}

    package mutating func note(_ number: Double) {
        guard number.isFinite else { return }
        buckets[Self.bucket(number), default: 0] += 1
    }

    /// Nought is bucket 0; powers beyond 2^-32 and 2^64 share the outermost ones.
    static func bucket(_ number: Double) -> Int {
        let size = number.magnitude
        guard size >= 0x1p-32 else { return 0 }
        let clamped = min(size, 0x1p63)
        let quarter = Int((clamped.significand - 1) * 4)
        let index = (Int(clamped.exponent) + 32) * 4 + quarter + 1
        return number < 0 ? -index : index
    }
}

extension LogHistogram: Mergeable {
    package mutating func merge(_ other: LogHistogram) {
        buckets.merge(other.buckets, uniquingKeysWith: +)
    }

    package var json: JSON.Value {
        .array(buckets.sorted { $0.key < $1.key }.map { .array([.integer(Int64($0.key)), Form.count($0.value)]) })
    }

    package init?(json: JSON.Value) {
        guard
            let parts = Form.list(
                json,
                { value -> (Int, Int)? in
                    guard let bucket = value[0]?.int, bucket.magnitude <= 400, let count = Form.count(value[1]) else {
                        return nil
                    }
                    return (Int(bucket), count)
                }
            )
        else { return nil }
        for (bucket, count) in parts { buckets[bucket, default: 0] += count }
    }
}
