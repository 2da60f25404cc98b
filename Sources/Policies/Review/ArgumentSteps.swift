import Traffic

/// One step tighter or looser for an argument: what a person chooses who does not write the rule by hand.
///
/// A tighter rule admits nothing that the old one did not, a wider one everything that it did. Two traps lie in the
/// way: an argument without any way admits true and false, and on a closed read an argument without patterns admits
/// every place.
extension ArgumentRule {
    /// The next tighter rule, or nil where there is none.
    ///
    /// - Parameters:
    ///   - level: What the miner thinks to be the next tighter level.
    ///   - isFree: Whether any value passes, as on a closed read.
    /// - Returns: A rule that admits nothing besides what this one does.
    func tightened(towards level: ArgumentRule?, isFree: Bool) -> ArgumentRule? {
        if let level {
            let rule = common(with: level, isFree: isFree)
            if !rule.admitsTheSame(as: self) { return nearer(than: rule, isFree: isFree) ?? rule }
        }
        var rule = self
        let agentsOwn = open.filter { $0 != .boolean && $0 != .empty }
        if !agentsOwn.isEmpty, !isFree {
            rule.open.removeAll { agentsOwn.contains($0) }
        } else if !domains.isEmpty {
            rule.domains = []
        } else if minimum != nil || maximum != nil, !isFree {
            (rule.minimum, rule.maximum) = (nil, nil)
        } else if !fromTexts.isEmpty, !isFree {
            rule.fromTexts = []
        } else if fromAnyRead, !isFree {
            rule.fromAnyRead = false
        } else if !fromFields.isEmpty, !isFree {
            rule.fromFields = []
        } else if fromPrompt {
            rule.fromPrompt = false
        } else if patterns.count > 1 || (!patterns.isEmpty && !isFree) {
            rule.patterns.removeLast()
        } else if !values.isEmpty {
            rule.values = []
        } else {
            return nil
        }
        return rule.keepingTruthOut(of: self)
    }

    /// A rule between this one and a tighter level that drops several kinds of sources at once.
    ///
    /// From any field of any read to no field at all is a fall, not a step: between them lie the fields that were used.
    private func nearer(than level: ArgumentRule, isFree: Bool) -> ArgumentRule? {
        guard fromAnyRead, !level.fromAnyRead, !isFree, !fromFields.isEmpty, level.fromFields.count < fromFields.count
        else { return nil }
        var rule = self
        rule.fromAnyRead = false
        return rule
    }

    /// The next wider rule, or nil where there is none but to name values.
    func widened(towards level: ArgumentRule?, isFree: Bool) -> ArgumentRule? {
        if let level {
            let rule = joined(with: level, isFree: isFree)
            if !rule.admitsTheSame(as: self) { return rule }
        }
        var rule = self
        if !fromPrompt {
            rule.fromPrompt = true
        } else if !fromAnyRead, !isFree {
            rule.fromAnyRead = true
        } else if let minimum, let maximum, maximum > minimum, (maximum * 2 - minimum).isFinite {
            rule.maximum = maximum + (maximum - minimum)
        } else if let longest = maximumLength, longest < Int(Int32.max) / 2 {
            rule.maximumLength = max(1, longest * 2)
        } else {
            return nil
        }
        return rule.keepingTruthIn(from: self)
    }

    /// With these values named besides.
    func naming(_ more: [CanonicalValue]) -> ArgumentRule {
        var rule = self
        rule.values += more.filter { !values.contains($0) }
        return rule.keepingTruthIn(from: self)
    }

    /// Without these values among those that are named.
    func unnaming(_ fewer: [CanonicalValue]) -> ArgumentRule {
        var rule = self
        rule.values.removeAll { value in fewer.contains { $0.text == value.text } }
        return rule.keepingTruthOut(of: self)
    }

    /// With a site named besides, whose addresses and pages are then allowed.
    func naming(site: String) -> ArgumentRule {
        var rule = self
        if !domains.contains(site) { rule.domains.append(site) }
        return rule.keepingTruthIn(from: self)
    }

    /// What both admit.
    private func common(with other: ArgumentRule, isFree: Bool) -> ArgumentRule {
        var rule = self
        rule.required = required || other.required
        rule.values = values.filter { other.values.contains($0) }
        rule.fromPrompt = fromPrompt && other.fromPrompt
        rule.fromFields = fromFields.filter { other.fromFields.contains($0) }
        rule.fromAnyRead = fromAnyRead && other.fromAnyRead
        rule.fromTexts = fromTexts.filter { other.fromTexts.contains($0) }
        rule.domains = domains.filter { other.domains.contains($0) }
        let shared = patterns.filter { other.patterns.contains($0) }
        if !isFree || !shared.isEmpty { rule.patterns = shared }
        rule.open = open.filter { other.open.contains($0) }
        rule.own = own.filter { other.own.contains($0) || other.open.contains($0) }
        (rule.minimum, rule.maximum) = (nil, nil)
        if hasBounds, other.hasBounds {
            let low = max(minimum ?? -.infinity, other.minimum ?? -.infinity)
            let high = min(maximum ?? .infinity, other.maximum ?? .infinity)
            if low <= high {
                rule.minimum = low.isFinite ? low : nil
                rule.maximum = high.isFinite ? high : nil
            }
        }
        rule.maximumLength = Self.least(maximumLength, other.maximumLength)
        rule.maximumItems = Self.least(maximumItems, other.maximumItems)
        return rule.keepingTruthOut(of: self)
    }

    /// What either admits.
    func joined(with other: ArgumentRule, isFree: Bool) -> ArgumentRule {
        var rule = self
        rule.required = required && other.required
        rule.values += other.values.filter { !values.contains($0) }
        rule.fromPrompt = fromPrompt || other.fromPrompt
        rule.fromFields += other.fromFields.filter { !fromFields.contains($0) }
        rule.fromAnyRead = fromAnyRead || other.fromAnyRead
        rule.fromTexts += other.fromTexts.filter { !fromTexts.contains($0) }
        rule.domains += other.domains.filter { !domains.contains($0) }
        if !isFree || !patterns.isEmpty { rule.patterns += other.patterns.filter { !patterns.contains($0) } }
        rule.open += other.open.filter { !open.contains($0) }
        rule.own += other.own.filter { !own.contains($0) }
        rule.isBinding = isBinding && other.isBinding
        if !hasBounds {
            (rule.minimum, rule.maximum) = (other.minimum, other.maximum)
        } else if other.hasBounds {
            rule.minimum = minimum.flatMap { low in other.minimum.map { min(low, $0) } }
            rule.maximum = maximum.flatMap { high in other.maximum.map { max(high, $0) } }
            // Without either bound no number would pass by its size.
            if !rule.hasBounds { (rule.minimum, rule.maximum) = (minimum, maximum) }
        }
        rule.maximumLength = maximumLength.flatMap { length in other.maximumLength.map { max(length, $0) } }
        rule.maximumItems = maximumItems.flatMap { items in other.maximumItems.map { max(items, $0) } }
        return rule.keepingTruthIn(from: self)
    }

    private static func least(_ left: Int?, _ right: Int?) -> Int? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    private var hasBounds: Bool { minimum != nil || maximum != nil }

    /// Whether the rule has no way at all, so that true and false pass.
    private var isWayless: Bool {
        values.isEmpty && !fromPrompt && fromFields.isEmpty && !fromAnyRead && fromTexts.isEmpty && domains.isEmpty
            && patterns.isEmpty && !hasBounds && open.isEmpty && own.isEmpty
    }

    /// A rule that lost its last way admits only what is as good as absent.
    private func keepingTruthOut(of old: ArgumentRule) -> ArgumentRule {
        guard isWayless, !old.isWayless else { return self }
        var rule = self
        rule.open = old.open.contains(.boolean) ? [.boolean] : [.empty]
        return rule
    }

    /// A rule that got its first way still admits true and false.
    private func keepingTruthIn(from old: ArgumentRule) -> ArgumentRule {
        guard old.isWayless, !isWayless else { return self }
        var rule = self
        if !open.contains(.boolean) { rule.open.append(.boolean) }
        return rule
    }

    private func admitsTheSame(as other: ArgumentRule) -> Bool {
        func whole(_ rule: ArgumentRule) -> ArgumentRule {
            var rule = rule
            rule.values.sort()
            rule.fromFields.sort()
            rule.fromTexts.sort()
            rule.domains.sort()
            rule.patterns.sort()
            rule.open = Set(rule.open).sorted()
            rule.own = Set(rule.own).sorted()
            return rule
        }
        return whole(self) == whole(other)
    }
}
