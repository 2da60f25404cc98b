/// The times of day that a text names, and how long what it asks for lasts.
///
/// A text that names no time leaves it open. One that names some allows these, what lies a duration after them, and the
/// ends of the day: a meeting `at 10 for one hour` ends at 11, and a whole day begins at midnight.
struct TimesOfDay: Sendable {
    private static let day = 24 * 60
    /// In minutes since midnight.
    private var named: Set<Int> = []
    /// Minutes that the text speaks of.
    private var durations: Set<Int> = []
    /// What calendars take where nobody says how long.
    private static let usualDurations = [30, 60]
    private static let edges: Set<Int> = [0, day - 1]

    init(_ words: [DateWords.Word]) {
        // `at 10` may be a price, so that alone it does not close the other times.
        var possible: Set<Int> = []
        var latest: (minutes: Int, end: Int)?
        for at in words.indices {
            guard words[at].isNumber else {
                if let minute = Self.names[words[at].letters] { named.insert(minute) }
                if let minutes = Self.duration(words, at) { take(minutes, at, &latest) }
                continue
            }
            if let minutes = Self.duration(words, at) {
                take(minutes, at, &latest)
                continue
            }
            for (minute, isCertain) in Self.times(words, at) {
                if isCertain { named.insert(minute) } else { possible.insert(minute) }
            }
        }
        if !named.isEmpty { named.formUnion(possible) }
    }

    func allow(_ minute: Int) -> Bool {
        if named.isEmpty || named.contains(minute) || Self.edges.contains(minute) { return true }
        return (durations.union(Self.usualDurations)).contains { named.contains((minute - $0 + Self.day) % Self.day) }
            || durations.contains { named.contains((minute + $0) % Self.day) }
    }

    private mutating func take(_ minutes: Int, _ at: Int, _ latest: inout (minutes: Int, end: Int)?) {
        durations.insert(minutes)
        // `1 hour 30 minutes`, `1 hour and 30 minutes`
        if let latest, at - latest.end <= 4, latest.minutes + minutes < Self.day {
            durations.insert(latest.minutes + minutes)
        }
        latest = (minutes, at)
    }

    /// `1 hour`, `2h`, `90-minute`, `one hour`, `half an hour`.
    private static func duration(_ words: [DateWords.Word], _ at: Int) -> Int? {
        let word = words[at]
        func unit(_ at: Int) -> Int? { at < words.count ? units[words[at].letters] : nil }
        if word.isNumber {
            guard !word.digits.contains(UInt8(ascii: ":")) else { return nil }
            // `for 2h`, but `at 19h`
            if word.suffix == "h", at > 0, leading.contains(words[at - 1].letters) { return nil }
            let parts = word.digits.split(separator: UInt8(ascii: "."))
            guard (1...2).contains(parts.count), parts.allSatisfy({ $0.allSatisfy(ASCII.isDigit) }),
                let unit = word.suffix.isEmpty ? unit(at + 1) : units[word.suffix]
            else { return nil }
            var minutes = CalendarDays.number(parts[0]) * unit
            if parts.count == 2, let tenth = parts[1].first { minutes += unit * Int(tenth - 48) / 10 }
            return minutes > 0 && minutes < day ? minutes : nil
        }
        if word.letters == "half" {
            // `an hour and a half`, `half an hour`
            return unit(at + 1) == 60 || unit(at + 2) == 60
                || (at > 1 && words[max(0, at - 3)..<at].contains { units[$0.letters] == 60 })
                ? 30 : nil
        }
        return numbers[word.letters].flatMap { number in unit(at + 1).map { number * $0 } }
    }

    /// `10:30`, `7pm`, `7:30 p.m.`, `19h30`, `19 Uhr`; less surely `at 10`.
    private static func times(
        _ words: [DateWords.Word],
        _ at: Int
    ) -> [(minute: Int, isCertain: Bool)] {
        let word = words[at]
        // `10:00-11:30` names two.
        let ends = word.digits.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard ends.count <= 2 else { return [] }
        var mark = word.suffix
        var next = at + 1
        if mark.isEmpty, next < words.count, words[next].gap == .space {
            mark = words[next].letters
            next += 1
        }
        // `7 p.m.`; the `a` of `at 7, a table` is none.
        if mark == "a" || mark == "p" {
            mark = next < words.count && words[next].letters == "m" && words[next].gap == .stop ? mark + "m" : ""
        }
        var found: [(Int, Bool)] = []
        for end in ends {
            let hasColon = end.contains(UInt8(ascii: ":"))
            let parts = end.split(whereSeparator: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            guard (1...3).contains(parts.count), parts.allSatisfy({ $0.count <= 2 && $0.allSatisfy(ASCII.isDigit) }),
                parts.dropFirst().allSatisfy({ $0.count == 2 })
            else { continue }
            var hour = CalendarDays.number(parts[0])
            var minute = parts.count > 1 ? CalendarDays.number(parts[1]) : 0
            guard hour <= 24, minute < 60 else { continue }
            if mark == "am" || mark == "pm", (1...12).contains(hour) {
                hour = hour % 12 + (mark == "pm" ? 12 : 0)
                found.append((hour * 60 + minute, true))
            } else if let separator = mark.firstIndex(of: "h"), separator == mark.startIndex, !word.suffix.isEmpty,
                parts.count == 1
            {
                // `19h`, `19h30`
                let rest = mark.dropFirst()
                guard rest.utf8.count <= 2, rest.utf8.allSatisfy(ASCII.isDigit) else { continue }
                minute = CalendarDays.number(rest.utf8)
                if minute < 60 { found.append((hour % 24 * 60 + minute, true)) }
            } else if ["uhr", "o", "oclock", "hrs"].contains(mark), parts.count <= 2 {
                found.append((hour % 24 * 60 + minute, true))
                if hour < 12 { found.append(((hour + 12) * 60 + minute, true)) }
            } else if hasColon, word.suffix.isEmpty {
                found.append((hour % 24 * 60 + minute, true))
                if hour > 0, hour < 12, parts[0].count == 1 { found.append(((hour + 12) * 60 + minute, true)) }
            } else if parts.count == 1, word.suffix.isEmpty, at > 0, Self.leading.contains(words[at - 1].letters) {
                found.append((hour % 24 * 60, false))
                if hour < 12 { found.append(((hour + 12) * 60, false)) }
            }
        }
        return found
    }

    private static let names = ["noon": 12 * 60, "midday": 12 * 60, "midnight": 0, "mittag": 12 * 60, "midi": 12 * 60]
    private static let leading: Set<String> = [
        "at", "from", "to", "until", "till", "between", "and", "um", "ab", "bis", "à", "or", "by",
    ]
    private static let units: [String: Int] = {
        var units: [String: Int] = [:]
        for name in [
            "hour", "hours", "hr", "hrs", "h", "stunde", "stunden", "heure", "heures", "hora", "horas", "ora", "ore",
        ] {
            units[name] = 60
        }
        for name in ["minute", "minutes", "min", "mins", "minuten", "minuto", "minutos", "minuti"] { units[name] = 1 }
        return units
    }()
    private static let numbers = [
        "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
        "nine": 9, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "ninety": 90, "eine": 1, "une": 1,
        "una": 1,
    ]
}
