/// Code points by ranges and properties, possibly turned around.
struct ScalarSet: Sendable {
    typealias Ranges = [ClosedRange<UInt32>]

    var ranges: Ranges = []
    var categories: [(names: [Unicode.GeneralCategory], isNegated: Bool)] = []
    var isNegated = false
    /// The folded forms of the members, where case does not count.
    private var folded: Ranges?

    init(_ ranges: Ranges = [], isNegated: Bool = false) {
        self.ranges = ranges
        self.isNegated = isNegated
    }

    init(category names: [Unicode.GeneralCategory], isNegated: Bool) {
        categories = [(names, isNegated)]
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        (hasMember(scalar) || (folded.map { hasMember(scalar, folded: $0) } ?? false)) != isNegated
    }

    private func hasMember(_ scalar: Unicode.Scalar) -> Bool {
        if Self.contains(scalar.value, ranges) { return true }
        guard !categories.isEmpty else { return false }
        let category = scalar.properties.generalCategory
        return categories.contains { $0.names.contains(category) != $0.isNegated }
    }

    private func hasMember(_ scalar: Unicode.Scalar, folded: Ranges) -> Bool {
        if Self.contains(scalar.folded.value, folded) { return true }
        return !categories.isEmpty && scalar.otherCases.contains { hasMember($0) }
    }

    private static func contains(_ value: UInt32, _ ranges: Ranges) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    /// Sorts and merges the ranges, which the binary search of `contains` relies on.
    private static func normalized(_ ranges: Ranges) -> Ranges {
        var merged: Ranges = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    mutating func formUnion(_ other: ScalarSet) {
        guard other.isNegated else {
            ranges += other.ranges
            categories += other.categories
            return
        }
        // A negated class inside a class has ranges only: `\D`, `\W`, `[:^alpha:]`.
        var next: UInt32 = 0
        for range in other.ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { ranges.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { ranges.append(next...0x10FFFF) }
    }

    mutating func finish() { ranges = Self.normalized(ranges) }

    /// Makes the set ready for `contains` where case does not count.
    ///
    /// Members are folded one by one while the budget of the pattern lasts; a range that is
    /// wider than what is left of it is taken as it is.
    mutating func finish(foldBudget: inout Int) {
        finish()
        var folded: Ranges = []
        for range in ranges {
            guard range.count <= foldBudget else {
                folded.append(range)
                continue
            }
            foldBudget -= range.count
            for value in range {
                guard let member = Unicode.Scalar(value)?.folded.value else { continue }
                folded.append(member...member)
            }
        }
        self.folded = Self.normalized(folded)
    }
}

extension Unicode.Scalar {
    /// One form for all cases of a letter: `S`, `s` and the long `ſ` are `s`.
    var folded: Unicode.Scalar {
        if isASCII { return (0x41...0x5A).contains(value) ? Unicode.Scalar(UInt8(value) | 0x20) : self }
        let upper = Self.single(properties.uppercaseMapping) ?? self
        return Self.single(upper.properties.lowercaseMapping) ?? upper
    }

    var otherCases: [Unicode.Scalar] {
        [properties.uppercaseMapping, properties.lowercaseMapping].compactMap(Self.single)
    }

    private static func single(_ text: String) -> Unicode.Scalar? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }
}
