extension Duration {
    /// Whole microseconds; what is finer is dropped, what does not fit is clamped.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// Reads `30m`, `24h`, `14d`, `10s`, `250ms`; a `d` is 86,400 seconds whatever the calendar says.
    package init?(playbook text: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, digits.count <= 9, let count = Int64(Substring(digits)) else { return nil }
        switch String(text.dropFirst(digits.count)) {
        case "ms": self = .milliseconds(count)
        case "s": self = .seconds(count)
        case "m": self = .seconds(count * 60)
        case "h": self = .seconds(count * 3600)
        case "d": self = .seconds(count * 86_400)
        default: return nil
        }
    }

    /// Reads the ISO 8601 durations that offsets use: `P4W`, `P400D`, `P1DT12H`, `PT30M`.
    ///
    /// Months and years are refused, since their length depends on where they start.
    package init?(iso8601 text: String) {
        var rest = Substring(text)
        guard rest.popFirst() == "P", !rest.isEmpty else { return nil }
        var seconds: Int64 = 0
        var isTime = false
        var previous = -1
        while !rest.isEmpty {
            if rest.first == "T" {
                guard !isTime, rest.count > 1 else { return nil }
                isTime = true
                rest.removeFirst()
                continue
            }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, digits.utf8.count <= 9, let count = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let units: [(Character, Bool, Int64)] = [
                ("W", false, 604_800), ("D", false, 86_400), ("H", true, 3600), ("M", true, 60), ("S", true, 1),
            ]
            guard let letter = rest.popFirst(),
                let order = units.firstIndex(where: { $0.0 == letter && $0.1 == isTime }), order > previous
            else { return nil }
            previous = order
            seconds += count * units[order].2
        }
        guard previous >= 0 else { return nil }
        self = .seconds(seconds)
    }

    /// The two largest units, for people: `14d`, `1d 12h`, `3m 20s`, `250ms`.
    package var brief: String {
        let total = microseconds / 1000
        if total < 0 { return "-" + (.zero - self).brief }
        if total < 1000 { return "\(total)ms" }
        let seconds = total / 1000
        let units: [(String, Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0s" }
        let head = "\(seconds / units[first].1)\(units[first].0)"
        guard first + 1 < units.count else { return head }
        let rest = seconds % units[first].1 / units[first + 1].1
        return rest == 0 ? head : "\(head) \(rest)\(units[first + 1].0)"
    }
}
