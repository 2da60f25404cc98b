import Core

/// A day as people and programs name it; what the request says in words, a call says as a date.
struct CalendarDay: Sendable, Hashable {
    var month: UInt8
    var day: UInt8
    /// Nil where the text leaves it open.
    var year: UInt16?

    /// Nothing where the calendar has no such day; without a year 29 February is one.
    init?(month: Int, day: Int, year: Int? = nil) {
        guard CivilDate(year: Int64(year ?? 2000), month: Int64(month), day: Int64(day)) != nil else { return nil }
        self.month = UInt8(month)
        self.day = UInt8(day)
        self.year = year.map { UInt16($0) }
    }
}

/// What a value of class date says: a day, and perhaps when on it.
struct CalendarMoment: Sendable, Hashable {
    var day: CalendarDay
    /// Since midnight, as it is written, whatever the zone; nil where the value names a day only.
    var minute: Int?

    /// Nothing where the value names a month only.
    init?(date: String) {
        let bytes = Array(date.utf8)
        guard bytes.count >= 10, DateNotation.matches(bytes), bytes[7] == UInt8(ascii: "-"),
            let day = CalendarDay(
                month: CalendarDays.number(bytes[5..<7]),
                day: CalendarDays.number(bytes[8..<10]),
                year: CalendarDays.number(bytes[0..<4])
            )
        else { return nil }
        self.day = day
        if bytes.count >= 16 { minute = CalendarDays.number(bytes[11..<13]) * 60 + CalendarDays.number(bytes[14..<16]) }
    }
}

/// The days that a text names: `2026-01-05`, `5/1/2026`, `on 5/1`, `am 5.1.2026`, `January 5th`,
/// `from the 1st to the 5th of May 2024`; and the times of day.
///
/// A day that two readings allow is named by both. Words that count from today (`tomorrow`, `next Friday`) name no day
/// here: what they mean depends on when they were said. Whatever is more often something else names none either: `4/5`
/// without a word that leads to a date, `version 1.2.2024`, `5 of them may come`; nor does a day that is ruled out,
/// `not on May 5`.
struct CalendarDays: Sendable {
    private var days: Set<CalendarDay> = []
    private let times: TimesOfDay

    /// So many years before a call a day without a year may lie: `what I paid on May 5`, and agents that were not told the
    /// year often take one of the last that they learned of.
    private static let pastYears: Int64 = 3
    /// Two clocks that name the same instant may name two days.
    private static let zoneDays: Int64 = 1

    /// Days that were named together, and where in the words.
    private struct Mention {
        var days: [(month: Int, day: Int)]
        var year: Int?
        var words: ClosedRange<Int>
    }

    init(in text: String) {
        let words = DateWords(text).words
        times = TimesOfDay(words)
        var mentions: [Mention] = []
        for at in words.indices {
            var mention: Mention?
            if words[at].isNumber {
                mention = Self.inDigits(words, at)
            } else if let month = words[at].month {
                mention = Self.inWords(words, at, month)
            }
            if let mention { mentions.append(mention) }
        }
        for (at, mention) in mentions.enumerated() {
            var year = mention.year
            // `May 1st to May 5th 2024` says the year once.
            if year == nil, at + 1 < mentions.count {
                let next = mentions[at + 1].words.lowerBound
                let between = mention.words.upperBound + 1..<max(next, mention.words.upperBound + 1)
                if between.count <= 2, words[between].contains(where: \.joinsDays) || words[next].gap == .dash {
                    year = mentions[at + 1].year
                }
            }
            if Self.isRuledOut(words, mention.words.lowerBound) { continue }
            days.formUnion(mention.days.compactMap { CalendarDay(month: $0.month, day: $0.day, year: year) })
        }
    }

    /// Whether the text names the day of the moment, and its time where the text names times.
    ///
    /// A day that is named without a year is the next one after `today`, when the call was made, or one of the last years.
    func names(_ moment: CalendarMoment, on today: CivilDate) -> Bool {
        guard !days.isEmpty, let year = moment.day.year, moment.minute.map(times.allow) ?? true else { return false }
        if days.contains(moment.day) { return true }
        var yearless = moment.day
        yearless.year = nil
        return days.contains(yearless) && isNear(moment.day, Int(year), today)
    }

    private func isNear(_ day: CalendarDay, _ year: Int, _ today: CivilDate) -> Bool {
        func date(_ year: Int64) -> Int64? {
            CivilDate(year: year, month: Int64(day.month), day: Int64(day.day))?.daysSince1970
        }
        guard let named = date(Int64(year)) else { return false }
        let distance = named - today.daysSince1970
        if distance < -Self.zoneDays { return today.parts.year - Int64(year) <= Self.pastYears }
        // The next one: no year before has the day still to come; 29 February misses some years.
        return !(today.parts.year..<max(Int64(year), today.parts.year)).contains { earlier in
            date(earlier).map { $0 > today.daysSince1970 } ?? false
        } && distance <= 8 * 366
    }

    // MARK: - Reading

    private static func inDigits(_ words: [DateWords.Word], _ at: Int) -> Mention? {
        let word = words[at]
        guard !word.isQuantity, word.suffix.isEmpty,
            let separator = word.digits.first(where: { !ASCII.isDigit($0) }), separator != UInt8(ascii: ":")
        else { return nil }
        let parts = word.digits.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.count <= 4 && $0.allSatisfy(ASCII.isDigit) }) else { return nil }
        let numbers = parts.map { number($0) }
        let isNumbered = at > 0 && words[at - 1].numbersVersions
        if parts.count == 3, !isNumbered, parts[0].count == 4, parts[1].count <= 2, parts[2].count <= 2 {
            return Mention(days: [(numbers[1], numbers[2])], year: numbers[0], words: at...at)
        }
        guard parts[0].count <= 2, parts[1].count <= 2 else { return nil }
        let leads = at > 0 && words[at - 1].leadsToDay
        let both = [(numbers[0], numbers[1]), (numbers[1], numbers[0])]
        if parts.count == 3, !isNumbered {
            if parts[2].count == 4 { return Mention(days: both, year: numbers[2], words: at...at) }
            // `1.2.24` is more often the number of a part.
            guard parts[2].count == 2, separator == UInt8(ascii: "/") || leads else { return nil }
            return Mention(days: both, year: 2000 + numbers[2], words: at...at)
        }
        guard parts.count == 2, separator == UInt8(ascii: "/"), leads || isEndOfRange(words, at),
            at + 1 == words.count || words[at + 1].followsDate || !measures(words[at + 1])
        else { return nil }
        return Mention(days: both, year: nil, words: at...at)
    }

    /// `not on May 5` and `except the 5th of May`; `not before May 5` names it all the same.
    private static func isRuledOut(_ words: [DateWords.Word], _ at: Int) -> Bool {
        var before = at - 1
        while before >= 0, before >= at - 3, words[before].isPlacing || words[before].isArticle { before -= 1 }
        return before >= 0 && words[before].rulesOut && words[before + 1].gap == .space
    }

    /// `4/1-4/5` and `4/1 – 4/5` lead to their second day by a dash.
    private static func isEndOfRange(_ words: [DateWords.Word], _ at: Int) -> Bool {
        guard at > 1, words[at].gap == .dash, words[at - 1].digits.contains(UInt8(ascii: "/")) else { return false }
        return words[at - 2].leadsToDay
    }

    /// What a fraction is a fraction of.
    private static func measures(_ word: DateWords.Word) -> Bool { measured.contains(word.letters) }

    private static let measured: Set<String> = [
        "of", "cup", "cups", "hour", "hours", "day", "days", "inch", "inches", "mile", "miles", "full", "share",
        "stars", "star", "rated", "rating", "done", "teaspoon", "tablespoon", "price", "pound", "pounds", "the",
        "points", "majority", "people", "size",
    ]

    /// A month with the days beside it: `May 5th`, `May 1, 2 and 5`, `1st to the 5th of May`, `2024 May 5`.
    private static func inWords(_ words: [DateWords.Word], _ at: Int, _ month: Int) -> Mention? {
        let isDoubtful = words[at].isDoubtfulMonth
        if let after = daysAfter(words, at) {
            let year = yearAfter(words, after.last) ?? (at > 0 ? words[at - 1].year : nil)
            let isLed = at > 0 && words[at - 1].leadsToDay
            let ends = after.last + 1 == words.count || words[after.last + 1].followsDate
            if !isDoubtful || words[at + 1].isOrdinal || year != nil || (words[at].isCapital && (isLed || ends))
                || (isLed && ends)
            {
                return Mention(days: after.days.map { (month, $0) }, year: year, words: at...after.last)
            }
        }
        guard let before = daysBefore(words, at) else { return nil }
        let year = yearAfter(words, at)
        let isLed = before.first > 0 && words[before.first - 1].leadsToDay
        let ends = at + 1 == words.count || words[at + 1].followsDate
        guard !isDoubtful || before.isLinked || year != nil || ((words[at].isCapital || isLed) && ends) else {
            return nil
        }
        return Mention(days: before.days.map { (month, $0) }, year: year, words: before.first...at)
    }

    private static func daysAfter(_ words: [DateWords.Word], _ month: Int) -> (days: [Int], last: Int)? {
        var at = month + 1
        // `Jan. 5`, but not `in May. 5 people`.
        let isShort = words[month].letters.utf8.count <= 4 && words[month].letters != "may"
        if at < words.count, words[at].isArticle { at += 1 }
        guard at < words.count,
            words[at].gap == .space || words[at].gap == .dash || (isShort && words[at].gap == .stop),
            words[at].year == nil
        else { return nil }
        var days = words[at].days
        guard !days.isEmpty else { return nil }
        var last = at
        while true {
            var next = last + 1
            if next < words.count, words[next].joinsDays { next += 1 }
            if next < words.count, words[next].isArticle { next += 1 }
            guard next < words.count, next > last + 1 || words[next].gap == .comma || words[next].gap == .dash else {
                break
            }
            let more = words[next].days
            // A number that begins something else: its own month, or what it counts.
            guard !more.isEmpty, next + 1 == words.count || words[next].isOrdinal || words[next + 1].followsDate,
                next + 1 == words.count || (words[next + 1].month == nil && !words[next + 1].linksMonth)
            else { break }
            days += more
            last = next
        }
        return (days, last)
    }

    private static func daysBefore(
        _ words: [DateWords.Word],
        _ month: Int
    ) -> (days: [Int], first: Int, isLinked: Bool)? {
        var at = month - 1
        var isLinked = false
        if at >= 0, words[at].linksMonth {
            isLinked = true
            at -= 1
        }
        guard at >= 0, !words[at].days.isEmpty, words[at].year == nil else { return nil }
        // `5 in May` counts five of something; `the 5th in May` does not.
        if isLinked, !words[at].isOrdinal, ["in", "of"].contains(words[at + 1].letters),
            at == 0 || !words[at - 1].leadsToDay
        {
            return nil
        }
        let gap = words[at + 1].gap
        guard gap == .space || gap == .nothing || gap == .dash || (gap == .stop && !words[month].isDoubtfulMonth) else {
            return nil
        }
        var days = words[at].days
        var first = at
        while first > 0 {
            var next = first - 1
            if words[next].isArticle, next > 0 { next -= 1 }
            let isJoined = words[next].joinsDays
            if isJoined, next > 0 { next -= 1 }
            guard isJoined || words[first].gap == .comma || words[first].gap == .dash || words[first].gap == .stop
            else { break }
            let more = words[next].days
            // The day of a month before it belongs to that month.
            guard !more.isEmpty, next == 0 || words[next - 1].month == nil else { break }
            days += more
            first = next
        }
        return (days, first, isLinked)
    }

    /// The year right after a day or a month, perhaps after `of` or a comma.
    private static func yearAfter(_ words: [DateWords.Word], _ at: Int) -> Int? {
        var next = at + 1
        if next < words.count, words[next].linksMonth { next += 1 }
        guard next < words.count, words[next].gap != .other, words[next].gap != .stop else { return nil }
        return words[next].year
    }

    static func number(_ digits: some Sequence<UInt8>) -> Int {
        digits.reduce(0) { min($0 * 10 + Int($1 &- 0x30), 99_999) }
    }
}
