package import Core

extension CanonicalValue {
    /// Reads a text: finds its class and writes it in the one form of that class.
    ///
    /// - Numbers: `100`, `100.0` and `1e2` are equal; beyond 15 digits a text stays as it is, since a rounded account
    ///   number would equal another.
    /// - Accounts: lower case, without what stands between their groups. See `IdentitySpelling`.
    /// - Telephone numbers: digits, after a plus where the country is told. See `PhoneNumber`.
    /// - Mail addresses: lower case. Web addresses: see `WebAddress`. Paths: `.` and `..` resolved.
    /// - Anything else: NFC and lower case, without the space around it.
    package init(text original: String) {
        let text = TextFolding.trimmed(original)
        let valueClass = ValueClass(trimmed: text)
        if valueClass.mayBeIdentity, let identity = IdentitySpelling.identity(text) {
            self = identity
            return
        }
        let canonical: String =
            switch valueClass {
            case .empty: ""
            case .email: TextFolding.fold(text)
            case .url: WebAddress.canonical(text)
            case .account: String(TextFolding.fold(text).filter { !$0.isWhitespace })
            case .phone: PhoneNumber.canonical(text) ?? text
            case .number: Numerals.canonical(text) ?? text
            case .path: PathName.canonical(TextFolding.fold(text))
            default: TextFolding.fold(text)
            }
        self.init(valueClass, canonical)
    }

    /// Reads a scalar of an argument; nil for a list or an object that is not empty.
    ///
    /// A text that looks like a number is a token: whether it may vary within bounds is for numbers to say. Its
    /// canonical text is that of the number all the same.
    package init?(argument value: JSON.Value) {
        switch value {
        case .null: self.init(.empty, "")
        case .bool(let flag): self.init(.boolean, flag ? "true" : "false")
        case .integer(let number): self.init(.number, String(number))
        case .number(let number): self.init(.number, Numerals.canonical(number))
        case .string(let text):
            self.init(text: text)
            if valueClass == .number { valueClass = .token }
        case .array(let elements):
            guard elements.isEmpty else { return nil }
            self.init(.empty, "")
        case .object(let object):
            guard object.isEmpty else { return nil }
            self.init(.empty, "")
        }
    }
}

/// Numbers as people and programs write them.
enum Numerals {
    static func canonical(_ number: Double) -> String {
        if number == 0 { return "0" }
        if number.magnitude < 1e15, let whole = Int64(exactly: number) { return String(whole) }
        return number.description
    }

    /// The canonical form of a decimal numeral, or nil if the text is none.
    static func canonical(_ text: String) -> String? {
        let bytes = text.utf8.span
        var at = 0
        var digits = 0
        func skipDigits() -> Int {
            let start = at
            while at < bytes.count, ASCII.isDigit(bytes[at]) { at += 1 }
            return at - start
        }
        guard bytes.count > 0, bytes.count <= 400 else { return nil }
        if bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") { at = 1 }
        digits = skipDigits()
        guard digits > 0 else { return nil }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            let fraction = skipDigits()
            guard fraction > 0 else { return nil }
            digits += fraction
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") { at += 1 }
            guard skipDigits() > 0 else { return nil }
        }
        guard at == bytes.count else { return nil }
        if digits > 15 { return TextFolding.fold(text) }
        guard let number = Double(text), number.isFinite else { return nil }
        return canonical(number)
    }
}

/// What one pass over the bytes of a text tells of the classes that it cannot have.
private struct TextShape {
    var isASCII = true
    var hasSpace = false
    var hasAt = false
    var hasDot = false
    var hasColon = false
    var hasLineFeed = false
    /// A slash, or a percent sign that may stand for one.
    var mayHaveSeparator = false
    var digits = 0
    var first: UInt8
    let count: Int

    init(_ bytes: Span<UInt8>) {
        count = bytes.count
        first = bytes.isEmpty ? 0 : bytes[0]
        for at in bytes.indices {
            let byte = bytes[at]
            // Most of a text.
            if byte &- UInt8(ascii: "a") < 26 { continue }
            if ASCII.isDigit(byte) {
                digits += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "@"): hasAt = true
            case UInt8(ascii: "."): hasDot = true
            case UInt8(ascii: ":"): hasColon = true
            case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "%"): mayHaveSeparator = true
            case UInt8(ascii: "\n"):
                hasLineFeed = true
                hasSpace = true
            default:
                if byte >= 0x80 { isASCII = false } else if ASCII.isSpace(byte) { hasSpace = true }
            }
        }
    }

    var beginsWithCapital: Bool { ASCII.isUpper(first) }
    /// Nothing but digits and what stands between them, which for the first letter of a text is seldom so.
    var mayBePhone: Bool {
        (8...17).contains(digits) && count <= 40
            && (ASCII.isDigit(first) || first == UInt8(ascii: "+") || first == UInt8(ascii: "("))
    }
    var mayBeNumeral: Bool {
        ASCII.isDigit(first) || first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
    }
}

extension ValueClass {
    /// Whether what looks like this may be an identity in an unusual spelling.
    fileprivate var mayBeIdentity: Bool { self == .token || self == .short || self == .free || self == .path }

    /// The class of a text that has no space around it.
    ///
    /// Each test is made only where the signs are there without which it fails.
    init(trimmed text: String) {
        if text.isEmpty {
            self = .empty
            return
        }
        let shape = TextShape(text.utf8.span)
        let isOneWord = shape.isASCII ? !shape.hasSpace : !text.unicodeScalars.contains(where: TextFolding.isSpace)
        if isOneWord {
            if shape.hasAt, Identities.isWholeEmail(Array(text.utf8)) {
                self = .email
                return
            }
            if shape.hasDot || shape.hasColon, Identities.isWholeAddress(Array(text.utf8)) {
                self = .url
                return
            }
            if shape.beginsWithCapital || shape.first == UInt8(ascii: "0"), (12...42).contains(shape.count),
                Accounts.isAccount(Array(text.utf8)[...])
            {
                self = .account
                return
            }
        } else if shape.beginsWithCapital, shape.digits >= 6, shape.count <= 44,
            Accounts.isSpacedIBAN(Array(text.utf8))
        {
            self = .account
            return
        }
        if shape.mayBePhone, PhoneNumber.canonical(text) != nil {
            self = .phone
        } else if ASCII.isDigit(shape.first), shape.count <= 40, DateNotation.matches(Array(text.utf8)) {
            self = .date
        } else if isOneWord, shape.mayBeNumeral, Numerals.canonical(text) != nil {
            self = .number
        } else if shape.count == SecretToken.length, SecretToken.isWhole(Array(text.utf8)) {
            self = .secret
        } else {
            self.init(plain: text, shape, isOneWord: isOneWord)
        }
    }

    private init(plain text: String, _ shape: TextShape, isOneWord: Bool) {
        let length = shape.count <= 60 || shape.isASCII ? shape.count : text.unicodeScalars.count
        if isOneWord, length <= 64 || (length <= 1024 && PathShape.isRooted(Array(text.utf8))) {
            self = shape.mayHaveSeparator && PathShape.hasSeparator(Array(text.utf8)) ? .path : .token
        } else if length <= 60, !shape.hasLineFeed {
            self = .short
        } else {
            self = .free
        }
    }
}

private enum PathShape {
    /// A separator, also an encoded one.
    static func hasSeparator(_ bytes: [UInt8]) -> Bool {
        for (at, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") { return true }
            if byte == UInt8(ascii: "%"), at + 2 < bytes.count {
                let code = (bytes[at + 1], bytes[at + 2] | 0x20)
                if code == (UInt8(ascii: "2"), UInt8(ascii: "f")) || code == (UInt8(ascii: "5"), UInt8(ascii: "c")) {
                    return true
                }
            }
        }
        return false
    }

    /// Begins as only paths begin, however long it is.
    static func isRooted(_ bytes: [UInt8]) -> Bool {
        ["/", "./", "../", "~/", "\\\\"].contains { bytes.starts(with: $0.utf8) }
            || (bytes.count > 2 && ASCII.isLetter(bytes[0]) && bytes[1] == UInt8(ascii: ":")
                && (bytes[2] == UInt8(ascii: "\\") || bytes[2] == UInt8(ascii: "/")))
    }
}

/// `2026-01`, `2026-01-05`, `2026-01-05 09:00`, `2026-01-05T09:00:03.120Z`, in either case.
///
/// What the calendar or the clock does not have is no date: `2026-02-30`, `2026-01-05 99:99`.
enum DateNotation {
    static func matches(_ bytes: [UInt8]) -> Bool {
        var at = 0
        func number(_ count: Int, _ range: ClosedRange<Int>) -> Int? {
            guard at + count <= bytes.count, bytes[at..<at + count].allSatisfy(ASCII.isDigit) else { return nil }
            at += count
            let number = CalendarDays.number(bytes[at - count..<at])
            return range.contains(number) ? number : nil
        }
        func skip(_ characters: String) -> Bool {
            guard at < bytes.count, characters.utf8.contains(bytes[at]) else { return false }
            at += 1
            return true
        }
        guard bytes.count >= 7, bytes.count <= 40, let year = number(4, 0...9999), skip("-"),
            let month = number(2, 1...12)
        else { return false }
        if skip("-") {
            guard let day = number(2, 1...31), CalendarDay(month: month, day: day, year: year) != nil else {
                return false
            }
        }
        if at == bytes.count { return true }
        guard skip("Tt "), number(2, 0...23) != nil, skip(":"), number(2, 0...59) != nil else { return false }
        if skip(":"), number(2, 0...60) == nil { return false }
        if skip(".") {
            guard number(1, 0...9) != nil else { return false }
            while number(1, 0...9) != nil {}
        }
        if skip("Zz") { return at == bytes.count }
        if skip("+-") {
            guard number(2, 0...23) != nil else { return false }
            _ = skip(":")
            guard number(2, 0...59) != nil else { return false }
        }
        return at == bytes.count
    }
}

/// Numbers that name where money goes.
enum Accounts {
    /// The form of an IBAN (ISO 13616) without its check, because made-up ones are sent too; or an address of 20 bytes
    /// in hexadecimal as ledgers of tokens use it.
    static func isAccount(_ word: ArraySlice<UInt8>) -> Bool {
        if word.count == 42, word.starts(with: "0x".utf8) {
            return word.dropFirst(2).allSatisfy { ASCII.hexDigit($0) != nil }
        }
        guard (12...34).contains(word.count), ASCII.isUpper(word[word.startIndex]),
            ASCII.isUpper(word[word.startIndex + 1]), ASCII.isDigit(word[word.startIndex + 2]),
            ASCII.isDigit(word[word.startIndex + 3]),
            word.allSatisfy({ ASCII.isUpper($0) || ASCII.isDigit($0) })
        else { return false }
        return word.count(where: ASCII.isDigit) >= 6
    }

    /// Whether the letters and digits, all capitals, are an IBAN in whatever spelling: its length, which no digest in
    /// hexadecimal has, and its check digits tell.
    static func isLikelyIBAN(_ joined: [UInt8]) -> Bool {
        (15...34).contains(joined.count) && hasCheckDigits(joined)
            && !(joined.count == 32 && joined.allSatisfy { ASCII.hexDigit($0) != nil })
    }

    /// An IBAN in groups of four: the check digits tell it from other text.
    static func isSpacedIBAN(_ text: [UInt8]) -> Bool {
        guard text.count <= 44, text.contains(UInt8(ascii: " ")) else { return false }
        return hasCheckDigits(text.filter { $0 != UInt8(ascii: " ") })
    }

    /// Whether there are as many as the country's accounts have, by the registry of ISO 13616.
    static func hasLengthOfCountry(_ joined: [UInt8]) -> Bool {
        joined.count >= 2 && countryLengths[String(decoding: joined[..<2], as: UTF8.self)] == joined.count
    }

    private static let countryLengths: [String: Int] = {
        let groups = [
            15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
            21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
            24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
            28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC",
            33: "RU",
        ]
        var lengths: [String: Int] = [:]
        for (length, countries) in groups {
            for country in countries.split(separator: " ") { lengths[String(country)] = length }
        }
        return lengths
    }()

    /// Whether this is the form of an IBAN, and its check digits are right (ISO 7064, MOD 97-10).
    static func hasCheckDigits(_ joined: [UInt8]) -> Bool {
        guard isAccount(joined[...]), joined[0] != UInt8(ascii: "0") else { return false }
        var rest = 0
        for byte in joined[4...] + joined[..<4] {
            rest = ASCII.isDigit(byte) ? (rest * 10 + Int(byte - 48)) % 97 : (rest * 100 + Int(byte - 55)) % 97
        }
        return rest == 1
    }
}
