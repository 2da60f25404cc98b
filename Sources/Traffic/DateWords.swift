/// A text cut into the words and numbers that can be parts of a date, with what stands between them.
struct DateWords {
    struct Word {
        /// Letters, composed and in lower case; empty for a number.
        var letters = ""
        var isCapital = false
        /// The digits of a number with what joins them: `5`, `5/1/2026`, `10:30`.
        var digits: ArraySlice<UInt8> = []
        /// Letters that follow the digits at once: `th`, `pm`.
        var suffix = ""
        var gap = Gap.space
        /// Money, a share or a number with a sign: none of them is a day.
        var isQuantity = false

        var isNumber: Bool { !digits.isEmpty }
    }

    /// What stands before a word.
    enum Gap: Sendable {
        case nothing, space, comma, dash, stop, other
    }

    private(set) var words: [Word] = []

    init(_ text: String) {
        let bytes = Array(TextFolding.composed(text).utf8)
        var at = 0
        var gapStart = 0
        while at < bytes.count {
            let separator = Self.separator(bytes, at)
            guard separator == 0 else {
                at += separator
                continue
            }
            var word = Word()
            word.gap = Self.gap(bytes[gapStart..<at])
            let start = at
            if ASCII.isDigit(bytes[at]) {
                var hasSlash = false
                while at < bytes.count, ASCII.isDigit(bytes[at]) || Self.joins(bytes, at) {
                    // `4/1-4/5` are two days.
                    if hasSlash, bytes[at] == UInt8(ascii: "-") { break }
                    hasSlash = hasSlash || bytes[at] == UInt8(ascii: "/")
                    at += 1
                }
                word.digits = bytes[start..<at]
                // In `2026-01-05T10:00` the hour is a number of its own.
                if at + 1 < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "t"), ASCII.isDigit(bytes[at + 1]) {
                    at += 1
                } else {
                    let letters = at
                    while at < bytes.count, Self.separator(bytes, at) == 0 { at += 1 }
                    word.suffix = TextFolding.fold(String(decoding: bytes[letters..<at], as: UTF8.self))
                }
                word.isQuantity =
                    (start > 0 && Self.marks(bytes[start - 1])) || (at < bytes.count && Self.marks(bytes[at]))
            } else {
                while at < bytes.count, Self.separator(bytes, at) == 0 { at += 1 }
                let letters = String(decoding: bytes[start..<at], as: UTF8.self)
                word.letters = TextFolding.fold(letters)
                word.isCapital = letters.first?.isUppercase ?? false
            }
            words.append(word)
            gapStart = at
        }
    }

    /// How many bytes there are of a separator; 0 within a word.
    ///
    /// Letters of other scripts are more than one byte.
    private static func separator(_ bytes: [UInt8], _ at: Int) -> Int {
        switch bytes[at] {
        case ..<0x80: ASCII.isAlphanumeric(bytes[at]) ? 0 : 1
        // U+00A0 to U+00BF but for the ordinals of `1º` and `1ª`.
        case 0xC2: at + 1 < bytes.count && bytes[at + 1] != 0xAA && bytes[at + 1] != 0xBA ? 2 : 0
        // General punctuation and signs of money.
        case 0xE2: at + 2 < bytes.count && bytes[at + 1] <= 0x82 ? 3 : 0
        case 0xE3: at + 2 < bytes.count && bytes[at + 1] == 0x80 ? 3 : 0
        default: 0
        }
    }

    private static func gap(_ bytes: ArraySlice<UInt8>) -> Gap {
        var gap = bytes.isEmpty ? Gap.nothing : .space
        for byte in bytes where !ASCII.isSpace(byte) && byte != 0xC2 && byte != 0xA0 {
            let next: Gap =
                switch byte {
                case UInt8(ascii: ","): .comma
                case UInt8(ascii: "."): .stop
                case UInt8(ascii: "-"), 0xE2, 0x80, 0x90...0x95: .dash
                default: .other
                }
            if gap != .space, gap != .nothing, gap != next { return .other }
            gap = next
        }
        return gap
    }

    /// Whether a separator inside of a number follows: one with a digit on its other side.
    private static func joins(_ bytes: [UInt8], _ at: Int) -> Bool {
        switch bytes[at] {
        case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: ":"):
            at + 1 < bytes.count && ASCII.isDigit(bytes[at + 1])
        default: false
        }
    }

    private static func marks(_ byte: UInt8) -> Bool {
        "%$#+=*".utf8.contains(byte)
    }
}

extension DateWords.Word {
    /// The number, where nothing joins another one to it.
    var plain: Int? { digits.allSatisfy(ASCII.isDigit) && !digits.isEmpty ? CalendarDays.number(digits) : nil }

    var isOrdinal: Bool { isNumber && Self.ordinals.contains(suffix) }

    var year: Int? {
        guard let plain, digits.count == 4, suffix.isEmpty, !isQuantity, (1000...2999).contains(plain) else {
            return nil
        }
        return plain
    }

    /// The days that a number may stand for: `5`, `5th`, and of `1-5` both ends.
    var days: [Int] {
        guard isNumber, !isQuantity, suffix.isEmpty || isOrdinal else { return [] }
        let parts = digits.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let numbers = parts.map { $0.count <= 2 && $0.allSatisfy(ASCII.isDigit) ? CalendarDays.number($0) : 0 }
        return parts.count <= 2 && numbers.allSatisfy { (1...31).contains($0) } ? numbers : []
    }

    var month: Int? { Self.months[letters] }

    /// Words that are more often something else than a month.
    var isDoubtfulMonth: Bool { Self.doubtful.contains(letters) }

    /// Whether a day is to be expected after this word.
    var leadsToDay: Bool { Self.leading.contains(letters) }

    /// Whether this word goes on after a date, and not from the number that a date ends with: `May 5 at`, not `May 5 people`.
    var followsDate: Bool { gap != .space && gap != .nothing || isNumber || Self.following.contains(letters) }

    /// Whether this word joins two days: `1st to 5th`.
    var joinsDays: Bool { Self.joining.contains(letters) }

    /// Whether this word joins a day to its month: `5th of May`.
    var linksMonth: Bool { Self.linking.contains(letters) }

    var isArticle: Bool { Self.articles.contains(letters) }

    /// Whether the number after this word is one of a series of versions or parts.
    var numbersVersions: Bool { Self.numbering.contains(letters) }

    /// Whether the day after this word is one that is not meant.
    var rulesOut: Bool { Self.negating.contains(letters) }

    /// Whether this word puts something onto a day, and says neither before nor after it.
    var isPlacing: Bool { Self.placing.contains(letters) }

    private static let negating: Set<String> = words(
        "not never except excluding excepting without nicht außer ausser ohne pas sauf excepto salvo tranne eccetto niet behalve"
    )

    private static let placing: Set<String> = words(
        """
        on for at dated due op am zum den du le al el il
        monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
        """
    )

    private static let leading: Set<String> = words(
        """
        on by until till from since before after through between dated due starting ending begins starts ends date day
        of to and or the am vom bis ab zum den le du au el del al il dal il op van tot
        monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
        """
    )

    private static let following: Set<String> = words(
        """
        at from to until till through and or for with in on as by if but when then so is was via before after around
        um von bis und mit für à au jusqu et avec para con y e hasta com
        """
    )

    private static let joining: Set<String> = words("to until till through and or bis und au et al y e a até tot en")

    private static let ordinals = words("st nd rd th er e º ª")
    private static let doubtful = words("may march mars mar jan")
    private static let linking = words("of in de di del van des")
    private static let articles = words("the den dem der le el il o de am day")
    private static let numbering: Set<String> = words(
        """
        version versions v ver release build rev revision firmware tag section chapter ip address driver patch upgrade
        """
    )

    private static func words(_ text: String) -> Set<String> {
        Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }

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
