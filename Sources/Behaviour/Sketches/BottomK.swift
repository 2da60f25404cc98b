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

    package init() {}

    package var isCut: Bool { hasDropped || kept.count > Element.limit }

    /// Those that are in the sample, by hash; not more than the limit.
    package var elements: [(key: UInt64, value: Element)] {
        let sorted = kept.sorted { $0.key < $1.key }
        return sorted.count > Element.limit ? Array(sorted.prefix(Element.limit)) : sorted
    }

    /// At most the limit, for state that is asked often.
    package var count: Int { min(kept.count, Element.limit) }

    package subscript(key: UInt64) -> Element? { kept[key] }

    /// A quarter more than the limit is let in before the rest is dropped, since dropping sorts.
    private static var room: Int { Element.limit + max(16, Element.limit / 4) }

    /// Changes what is kept under a key, and makes it if it is not there.
    package mutating func update(_ key: UInt64, make: () -> Element, _ change: (inout Element) -> Void) {
        if key > threshold {
            hasDropped = true
            return
        }
        change(&kept[key, default: make()])
        if kept.count > Self.room { prune() }
    }

    /// Drops what is beyond the limit; done rarely while filling, since it sorts.
    private mutating func prune() {
        guard kept.count > Element.limit else { return }
        let keys = kept.keys.sorted()
        for key in keys[Element.limit...] { kept[key] = nil }
        threshold = keys[Element.limit - 1]
        hasDropped = true
    }
}

extension BottomK: Mergeable {
    package mutating func merge(_ other: BottomK) {
        hasDropped = hasDropped || other.hasDropped
        threshold = min(threshold, other.threshold)
        for (key, element) in other.kept where key <= threshold {
            if kept[key] == nil { kept[key] = element } else { kept[key]?.merge(element) }
        }
        if threshold != .max {
            for key in kept.keys where key > threshold { kept[key] = nil }
        }
        if kept.count > Self.room { prune() }
    }

    package var json: JSON.Value {
        .array([.bool(isCut)] + elements.map { .array([Form.hash($0.key), $0.value.json]) })
    }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(.bool(isCut), to: &bytes)
        for element in elements {
            bytes += ",[".utf8
            JSON.append(Form.hash(element.key), to: &bytes)
            bytes.append(UInt8(ascii: ","))
            element.value.write(to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let parts = json.array, let isCut = parts.first?.bool, parts.count <= Element.limit + 1 else {
            return nil
        }
        for part in parts.dropFirst() {
            guard let key = Form.hash(part[0]), let value = part[1].flatMap(Element.init(json:)), kept[key] == nil
            else {
                return nil
            }
            kept[key] = value
        }
        hasDropped = isCut
        if isCut, kept.count >= Element.limit { threshold = kept.keys.max() ?? .max }
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
package struct FewMembers: Sendable, Equatable {
    private static let limit = 4
    /// Ascending; the smallest ones.
    private var members: [UInt64] = []
    private var hasMore = false

    package init() {}

    /// Five stands for "more than four".
    package var count: Int { hasMore ? Self.limit + 1 : members.count }

    /// Whether there is any member besides this one.
    package func hasOther(than member: UInt64) -> Bool {
        hasMore || members.count > 1 || (members.count == 1 && members[0] != member)
    }

    package mutating func insert(_ member: UInt64) {
        if let last = members.last, last == member { return }
        guard !members.contains(member) else { return }
        if members.count == Self.limit {
            hasMore = true
            guard let last = members.last, member < last else { return }
            members.removeLast()
        }
        members.insert(member, at: members.firstIndex { $0 > member } ?? members.endIndex)
    }
}

extension FewMembers: Mergeable {
    package mutating func merge(_ other: FewMembers) {
        hasMore = hasMore || other.hasMore
        for member in other.members { insert(member) }
    }

    package var json: JSON.Value { .array([.bool(hasMore)] + members.map(Form.hash)) }

    package init?(json: JSON.Value) {
        guard let more = json[0]?.bool, let members = Form.list(.array(Array(json.array?.dropFirst() ?? [])), Form.hash)
        else { return nil }
        for member in members { insert(member) }
        guard !hasMore else { return nil }
        hasMore = more
    }
}
