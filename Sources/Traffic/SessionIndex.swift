/// Which of a session's results can hold a value, without looking into each of them.
///
/// It holds 32 bits of a hash beside the number of a result, sorted: for every word of a text, every two neighbouring
/// words, every identity and every whole value of a field. What it names is still asked itself, so that a hash that two
/// things share costs time and changes no answer.
///
/// Results are added some at a time, each time as a run of their own; a run that has grown as long as the one before it
/// is merged with it. So there are few runs to search, and each entry is moved a few times in all.
struct SessionIndex: Sendable {
    private var runs: [[UInt64]] = []
    /// The results that are in the index are those before this one.
    private(set) var count = 0

    /// Adds the next results, in their order.
    mutating func add(_ texts: some Sequence<ResultText>) {
        var entries: [UInt64] = []
        for text in texts {
            let result = UInt64(count)
            func add(_ key: UInt32) { entries.append(UInt64(key) << 32 | result) }
            var last: UInt32?
            for word in text.words.words {
                add(word)
                if let last { add(Self.key(last, word)) }
                last = word
            }
            for identity in text.identities { add(Self.key(identity)) }
            text.fields.forEachValue { add(UInt32(truncatingIfNeeded: $0)) }
            count += 1
        }
        entries.sort()
        entries = Self.withoutEqualNeighbours(entries)
        while let last = runs.last, last.count <= 2 * entries.count {
            entries = Self.merged(last, entries)
            runs.removeLast()
        }
        runs.append(entries)
    }

    /// The results that can hold the words of a phrase in a row, by their number.
    func results(holding phrase: [UInt32]) -> [Int] {
        guard !runs.isEmpty, let first = phrase.first else { return [] }
        var rarest = (key: first, count: Int.max)
        // A pair is as rare as the rarer of its words, or rarer.
        for at in phrase.indices.dropFirst() {
            let key = Self.key(phrase[at - 1], phrase[at])
            let count = runs.reduce(0) { $0 + Self.range(of: key, in: $1).count }
            if count < rarest.count { rarest = (key, count) }
            if count == 0 { return [] }
        }
        return results(rarest.key)
    }

    /// The results that can name an identity.
    func results(naming identity: CanonicalValue) -> [Int] { runs.isEmpty ? [] : results(Self.key(identity)) }

    /// The results that can have a field with this value.
    func results(withField value: FieldQuery) -> [Int] {
        runs.isEmpty ? [] : results(UInt32(truncatingIfNeeded: value.hash))
    }

    private func results(_ key: UInt32) -> [Int] {
        var found: [Int] = []
        for run in runs {
            for at in Self.range(of: key, in: run) { found.append(Int(run[at] & 0xFFFF_FFFF)) }
        }
        return found
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt32 {
        let mixed = (UInt64(first) << 32 | UInt64(second)) &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    // The hash of the standard library goes with its `==`, by which a result is asked.
    private static func key(_ identity: CanonicalValue) -> UInt32 { UInt32(truncatingIfNeeded: identity.hashValue) }

    private static func range(of key: UInt32, in run: [UInt64]) -> Range<Int> {
        let start = firstPosition(of: UInt64(key) << 32, in: run)
        var end = start
        while end < run.count, UInt32(truncatingIfNeeded: run[end] >> 32) == key { end += 1 }
        return start..<end
    }

    private static func firstPosition(of entry: UInt64, in run: [UInt64]) -> Int {
        var low = 0
        var high = run.count
        while low < high {
            let middle = (low + high) / 2
            if run[middle] < entry { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func withoutEqualNeighbours(_ sorted: [UInt64]) -> [UInt64] {
        var kept: [UInt64] = []
        for entry in sorted where entry != kept.last { kept.append(entry) }
        return kept
    }

    /// Two runs have no entry in common, since no result is in both.
    private static func merged(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        var all: [UInt64] = []
        all.reserveCapacity(left.count + right.count)
        var (at, other) = (0, 0)
        while at < left.count, other < right.count {
            if left[at] < right[other] {
                all.append(left[at])
                at += 1
            } else {
                all.append(right[other])
                other += 1
            }
        }
        all += left[at...]
        all += right[other...]
        return all
    }
}
