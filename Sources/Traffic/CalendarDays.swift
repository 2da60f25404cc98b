/// A day as people and programs name it; what the request says in words, a call says as a date.
struct CalendarDay: Sendable, Hashable {
    var month: UInt8
    var day: UInt8
    /// Nil where the text leaves it open.
    var year: UInt16?

    init?(month: Int, day: Int, year: Int? = nil) {
        guard (1...12).contains(month), (1...31).contains(day), (0...9999).contains(year ?? 0) else { return nil }
        self.month = UInt8(month)
        self.day = UInt8(day)
        self.year = year.map { UInt16($0) }
    }

    /// The day of a value of class date; nothing where it names a month only.
    init?(date: String) {
        let bytes = Array(date.utf8)
        guard bytes.count >= 10, DateNotation.matches(bytes), bytes[7] == UInt8(ascii: "-") else { return nil }
        self.init(
            month: CalendarDays.number(bytes[5..<7]),
            day: CalendarDays.number(bytes[8..<10]),
            year: CalendarDays.number(bytes[0..<4])
        )
    }
}

/// The days that a text names: `2026-01-05`, `5/1/2026`, `5.1.2026`, `January 5th`, `from the 1st to the 5th of May 2024`.
///
/// A day that two readings allow is named by both. Words that count from today (`tomorrow`, `next Friday`) name no day
/// here: what they mean depends on when they were said.
struct CalendarDays: Sendable {
    private var days: Set<CalendarDay> = []

    /// How many words a month may stand away from its day, and a year from both.
    private static let reach = 6

    private enum Part {
        case month(Int)
        case day(Int)
        case year(Int)
        case other
    }

    init(in text: String) {
        let bytes = Array(TextFolding.fold(text).utf8)
        var parts: [Part] = []
        var at = 0
        while at < bytes.count {
            guard Self.isWord(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            let isNumber = ASCII.isDigit(bytes[at])
            while at < bytes.count, Self.isWord(bytes[at]) || (isNumber && Self.joins(bytes, at)) { at += 1 }
            parts.append(take(bytes[start..<at]))
        }
        pair(parts)
    }

    /// Whether the text names this day, in this year or without saying in which.
    func names(_ day: CalendarDay) -> Bool {
        if days.isEmpty { return false }
        var yearless = day
        yearless.year = nil
        return days.contains(day) || days.contains(yearless)
    }

    /// Takes a date in digits as it stands; of anything else it says what it may be a part of.
    private mutating func take(_ word: ArraySlice<UInt8>) -> Part {
        guard let first = word.first, ASCII.isDigit(first) else {
            return Self.months[String(decoding: word, as: UTF8.self)].map { .month($0) } ?? .other
        }
        let separators = word.filter { !ASCII.isDigit($0) && !ASCII.isLetter($0) }
        if let separator = separators.first {
            let numbers = word.split(separator: separator).map { $0.allSatisfy(ASCII.isDigit) ? Self.number($0) : -1 }
            take(numbers, separator)
            return .other
        }
        let digits = word.prefix(while: ASCII.isDigit)
        let rest = word.dropFirst(digits.count)
        let value = Self.number(digits)
        if digits.count == 4, rest.isEmpty { return .year(value) }
        let isOrdinal = Self.ordinals.contains { rest.elementsEqual($0.utf8) }
        return digits.count <= 2 && (1...31).contains(value) && (rest.isEmpty || isOrdinal) ? .day(value) : .other
    }

    private mutating func take(_ numbers: [Int], _ separator: UInt8) {
        guard (2...3).contains(numbers.count), !numbers.contains(-1) else { return }
        if numbers[0] > 999 {
            if numbers.count == 3 { add(month: numbers[1], day: numbers[2], year: numbers[0]) }
            return
        }
        // `3.5` and `2-3` are more often something else.
        guard numbers.count == 3 || separator == UInt8(ascii: "/") else { return }
        let year = numbers.count == 3 ? numbers[2] + (numbers[2] < 100 ? 2000 : 0) : nil
        add(month: numbers[0], day: numbers[1], year: year)
        add(month: numbers[1], day: numbers[0], year: year)
    }

    /// A day belongs to the months around it, and both to the years around the month.
    private mutating func pair(_ parts: [Part]) {
        for (at, part) in parts.enumerated() {
            guard case .month(let month) = part else { continue }
            let near = max(0, at - Self.reach)..<min(parts.count, at + Self.reach + 1)
            var years: [Int?] = parts[near].compactMap { if case .year(let year) = $0 { year } else { nil } }
            if years.isEmpty { years = [nil] }
            for case .day(let day) in parts[near] {
                for year in years { add(month: month, day: day, year: year) }
            }
        }
    }

    private mutating func add(month: Int, day: Int, year: Int?) {
        if let named = CalendarDay(month: month, day: day, year: year) { days.insert(named) }
    }

    static func number(_ digits: some Sequence<UInt8>) -> Int {
        digits.reduce(0) { min($0 * 10 + Int($1 &- 0x30), 99_999) }
    }

    /// Letters of other scripts are more than one byte, each with its high bit.
    private static func isWord(_ byte: UInt8) -> Bool { ASCII.isAlphanumeric(byte) || byte >= 0x80 }

    /// Whether a separator inside of a date in digits follows: one with a digit on its other side.
    private static func joins(_ bytes: [UInt8], _ at: Int) -> Bool {
        switch bytes[at] {
        case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "."):
            at + 1 < bytes.count && ASCII.isDigit(bytes[at + 1])
        default: false
        }
    }

    private static let ordinals = ["st", "nd", "rd", "th", "er", "e", "º", "ª"]

    /// English, German, French, Spanish, Italian, Portuguese and Dutch names, and the usual abbreviations.
    private static let months: [String: Int] = {
        let names = [
            "january jan januar jänner janvier enero gennaio janeiro januari",
            "february feb februar février febrero febbraio fevereiro februari",
            "march mar märz mars marzo março maart",
            "april apr avril abril aprile",
            "may mai mayo maggio maio mei",
            "june jun juni juin junio giugno junho",
            "july jul juli juillet julio luglio julho",
            "august aug août agosto augustus",
            "september sep sept septembre septiembre settembre setembro",
            "october oct oktober okt octobre octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre diciembre dicembre dezembro",
        ]
        var months: [String: Int] = [:]
        for (at, spellings) in names.enumerated() {
            for name in spellings.split(separator: " ") { months[String(name)] = at + 1 }
        }
        return months
    }()
}
