package import Core

/// What has the smallest keyed hashes, with exact state for each that is kept.
///
/// Up to the limit this is everything. Beyond it this is a fair sample: whatever belongs to the smallest of all was never
/// dropped on the way, in whichever order it came (Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007).
package struct BottomK<Element: Sampled>: Sendable {
    private var kept: [UInt64: Element] = [:]
    /// Larger hashes are out for good.
    private var threshold = UInt64.max
    /// Whether anything was dropped; never becomes false again.
    private var hasDropped = false
    /// Where fewer are kept than an element's limit, because there are so many samples.
    private var limit = Element.limit
    /// The charges of what is kept, where elements have a budget.
    private var spent = 0

    package init() {}

    package var isCut: Bool { hasDropped || kept.count > limit || (Self.hasBudget && spent > Element.budget) }

    /// Those that are in the sample, by hash; not more than the limit.
    package var elements: [(key: UInt64, value: Element)] {
        run().keys.compactMap { key in kept[key].map { (key, $0) } }
    }

    /// What is charged for all that is kept, where elements have a budget.
    var charged: Int { spent }

    /// At most the limit, for state that is asked often.
    package var count: Int { min(kept.count, limit) }

    package subscript(key: UInt64) -> Element? { kept[key] }

    /// A quarter more than the limit is let in before the rest is dropped, since dropping sorts.
    private var isFull: Bool {
        kept.count > limit + max(16, limit / 4) || (Self.hasBudget && spent > Element.budget + Element.budget / 4)
    }

    private static var hasBudget: Bool { Element.budget < .max }

    /// What belongs to the sample, and the largest hash that can.
    ///
    /// Within a budget this is the longest run whose charges fit. A charge never falls when something is added, so an
    /// element of the run of everything is in the run of each part that has it.
    private func run() -> (keys: [UInt64], threshold: UInt64) {
        // Keys alone, since elements are large and sorting moves them.
        var keys = Self.ascending(kept.keys)
        var count = min(limit, keys.count)
        if Self.hasBudget {
            var spent = 0
            for position in 0..<count {
                spent += kept[keys[position]]?.charge ?? 0
                if spent > Element.budget {
                    count = position
                    break
                }
            }
        }
        var threshold = threshold
        if count < keys.count {
            threshold = min(threshold, keys[count] &- 1)
            keys.removeSubrange(count...)
        }
        return (keys, threshold)
    }

    private static func ascending(_ keys: [UInt64: Element].Keys) -> [UInt64] {
        var sorted: [UInt64] = []
        sorted.reserveCapacity(keys.count)
        for key in keys { sorted.append(key) }
        sorted.sort()
        return sorted
    }

    /// Changes what is kept under a key, and makes it if it is not there.
    package mutating func update(_ key: UInt64, make: () -> Element, _ change: (inout Element) -> Void) {
        if key > threshold {
            hasDropped = true
            return
        }
        if Self.hasBudget {
            let earlier = kept[key]?.charge ?? 0
            change(&kept[key, default: make()])
            spent += (kept[key]?.charge ?? 0) - earlier
        } else {
            change(&kept[key, default: make()])
        }
        if isFull { prune() }
    }

    /// Shows all that is kept, in no order, and perhaps some that will be dropped.
    package func forEach(_ body: (Element) -> Void) {
        for element in kept.values { body(element) }
    }

    /// Changes all that is kept.
    package mutating func updateAll(_ change: (inout Element) -> Void) {
        var index = kept.values.startIndex
        while index < kept.values.endIndex {
            change(&kept.values[index])
            kept.values.formIndex(after: &index)
        }
    }

    /// Keeps no more than so many from now on.
    package mutating func lower(to limit: Int) {
        guard limit < self.limit else { return }
        self.limit = limit
        if kept.count > limit { prune() }
    }

    /// Drops what is beyond the limit; done rarely while filling, since it sorts.
    private mutating func prune() {
        let run = run()
        guard run.keys.count < kept.count else { return }
        threshold = run.threshold
        for key in Array(kept.keys) where key > threshold { kept[key] = nil }
        hasDropped = true
        if Self.hasBudget { spent = kept.values.reduce(0) { $0 + $1.charge } }
    }
}

extension BottomK: Mergeable {
    package mutating func merge(_ other: BottomK) {
        hasDropped = hasDropped || other.hasDropped
        threshold = min(threshold, other.threshold)
        limit = min(limit, other.limit)
        for (key, element) in other.kept where key <= threshold {
            if kept[key] == nil { kept[key] = element } else { kept[key]?.merge(element) }
        }
        if threshold != .max {
            for key in kept.keys where key > threshold { kept[key] = nil }
        }
        if Self.hasBudget { spent = kept.values.reduce(0) { $0 + $1.charge } }
        if isFull { prune() }
    }

    /// Whether anything was dropped, and within a budget what is out: it cannot be told from what is kept.
    private func head(_ threshold: UInt64, isCut: Bool) -> JSON.Value {
        isCut && Self.hasBudget ? Form.hash(threshold) : .bool(isCut)
    }

    package var json: JSON.Value {
        let run = run()
        let isCut = hasDropped || run.threshold != threshold
        return .array(
            [head(run.threshold, isCut: isCut)]
                + run.keys.map { .array([Form.hash($0), kept[$0]?.json ?? .null]) }
        )
    }

    package func write(to bytes: inout [UInt8]) {
        let run = run()
        let isCut = hasDropped || run.threshold != threshold
        bytes.append(UInt8(ascii: "["))
        JSON.append(head(run.threshold, isCut: isCut), to: &bytes)
        for key in run.keys {
            bytes.append(UInt8(ascii: ","))
            bytes.append(UInt8(ascii: "["))
            Form.append(hash: key, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            kept[key]?.write(to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let parts = json.array, let head = parts.first, parts.count <= Element.limit + 1 else { return nil }
        for part in parts.dropFirst() {
            guard let key = Form.hash(part[0]), let value = part[1].flatMap(Element.init(json:)), kept[key] == nil
            else {
                return nil
            }
            kept[key] = value
        }
        if Self.hasBudget {
            guard head.bool == false || Form.hash(head) != nil else { return nil }
            threshold = Form.hash(head) ?? .max
            hasDropped = Form.hash(head) != nil
            spent = kept.values.reduce(0) { $0 + $1.charge }
            guard kept.keys.allSatisfy({ $0 <= threshold }) else { return nil }
        } else {
            guard let isCut = head.bool else { return nil }
            hasDropped = isCut
            // Whatever was dropped was beyond all that is kept.
            if isCut { threshold = kept.keys.max() ?? .max }
        }
    }
}

/// How many different things there were, of which some are remembered.
///
/// Exact up to 256; beyond, the k-minimum-values estimate with a relative error of about 6 % (Bar-Yossef et al., 2002).
package struct DistinctCount: Sendable {
    private struct Seen: Sampled {
        static let limit = 256
        init() {}
        init?(json: JSON.Value) {
            guard json.isNull else { return nil }
        }
        var json: JSON.Value { .null }
        mutating func merge(_ other: Seen) {}
    }

    private var seen = BottomK<Seen>()

    package init() {}

    package mutating func insert(_ hash: UInt64) {
        seen.update(hash, make: Seen.init) { _ in }
    }

    package var count: Int {
        guard seen.isCut, let last = seen.elements.last?.key, last > 0 else { return seen.count }
        return Int(Double(Seen.limit - 1) / (Double(last) / Double(UInt64.max)))
    }
}

extension DistinctCount: Mergeable {
    package mutating func merge(_ other: DistinctCount) { seen.merge(other.seen) }

    package var json: JSON.Value { .array([.bool(seen.isCut)] + seen.elements.map { Form.hash($0.key) }) }

    package init?(json: JSON.Value) {
        guard let parts = json.array,
            let seen = BottomK<Seen>(json: .array(parts.enumerated().map { $0 == 0 ? $1 : .array([$1, .null]) }))
        else { return nil }
        self.seen = seen
    }
}

/// A set that remembers four members and that there were more: enough to ask for "at least three" and "any but this".
///
/// There are some of them for every value that was seen, so they lie where they are used.
package struct FewMembers: Sendable, Equatable {
    private static let limit = 4
    /// The smallest ones, ascending; those beyond `known` are 0.
    private var members: InlineArray<4, UInt64> = .init(repeating: 0)
    private var known: UInt8 = 0
    private var hasMore = false

    package init() {}

    /// Five stands for "more than four".
    package var count: Int { hasMore ? Self.limit + 1 : Int(known) }

    package static func == (a: Self, b: Self) -> Bool {
        a.known == b.known && a.hasMore == b.hasMore && a.members.indices.allSatisfy { a.members[$0] == b.members[$0] }
    }

    /// Whether there is any member besides this one.
    package func hasOther(than member: UInt64) -> Bool {
        hasMore || known > 1 || (known == 1 && members[0] != member)
    }

    package mutating func insert(_ member: UInt64) {
        var place = 0
        while place < Int(known), members[place] < member { place += 1 }
        if place < Int(known), members[place] == member { return }
        if Int(known) == Self.limit {
            hasMore = true
            guard place < Self.limit else { return }
        } else {
            known += 1
        }
        var at = Int(known) - 1
        while at > place {
            members[at] = members[at - 1]
            at -= 1
        }
        members[place] = member
    }
}

extension FewMembers: Mergeable {
    package mutating func merge(_ other: FewMembers) {
        hasMore = hasMore || other.hasMore
        for place in 0..<Int(other.known) { insert(other.members[place]) }
    }

    package var json: JSON.Value { .array([.bool(hasMore)] + (0..<Int(known)).map { Form.hash(members[$0]) }) }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(.bool(hasMore), to: &bytes)
        for place in 0..<Int(known) {
            bytes.append(UInt8(ascii: ","))
            Form.append(hash: members[place], to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let more = json[0]?.bool, let members = Form.list(.array(Array(json.array?.dropFirst() ?? [])), Form.hash)
        else { return nil }
        for member in members { insert(member) }
        guard !hasMore else { return nil }
        hasMore = more
    }
}
