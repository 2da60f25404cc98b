/// Telephone numbers in the forms in which people and programs write them.
///
/// International: a plus, or `00` with separators, and 8 to 15 digits (ITU-T E.164). National: only with separators, and only
/// in forms that little else has: three, three and four digits as in North America, not with spaces alone, and a leading
/// nought as in most of Europe. A plain integer, a date, a card or an account is none.
package enum PhoneNumber {
    package struct Match: Sendable, Hashable {
        /// Where the number ends in the text.
        package var end: Int
        /// `+` and digits where the country is told, the digits alone where it is not.
        package var canonical: String
    }

    private static let mostDigits = 17

    /// The number that begins at a plus, a parenthesis or a digit.
    package static func match(in bytes: Span<UInt8>, at start: Int) -> Match? {
        guard start < bytes.count, mayBegin(bytes, start) else { return nil }
        var groups: [ArraySlice<UInt8>] = []
        var digits: [UInt8] = []
        // `(0)`, which is dialled at home only.
        var trunk: Int?
        let isInternational = bytes[start] == UInt8(ascii: "+")
        var at = isInternational ? start + 1 : start
        var end = at
        var last: UInt8 = 0
        var hasSigns = bytes[start] == UInt8(ascii: "(")
        while at < bytes.count {
            let group = digits.count
            while at < bytes.count, isDigit(bytes[at]), digits.count <= mostDigits {
                digits.append(bytes[at])
                at += 1
            }
            guard digits.count <= mostDigits else { return nil }
            if digits.count > group {
                groups.append(digits[group...])
                end = at
                let isAlone = last == UInt8(ascii: "(") && at < bytes.count && bytes[at] == UInt8(ascii: ")")
                if isAlone, digits[group...].elementsEqual([0x30]) { trunk = groups.count - 1 }
                // A North American number has a length of its own; what follows is something else.
                if !isInternational, hasSigns, isNorthAmerican(groups) { break }
            } else if !groups.isEmpty || bytes[at] != UInt8(ascii: "(") {
                break
            }
            var signs = 0
            while at < bytes.count, signs < 3, let length = separator(bytes, at) {
                last = bytes[at]
                hasSigns = hasSigns || length > 1 || bytes[at] != 0x20
                at += length
                signs += 1
            }
            guard signs > 0, at < bytes.count, isDigit(bytes[at]) else { break }
        }
        guard ends(bytes, end), hasSigns || isInternational || groups.first?.first == 0x30,
            let canonical = canonical(groups, isInternational, trunk)
        else { return nil }
        return Match(end: end, canonical: canonical)
    }

    /// The canonical form of a text that is a number and nothing else.
    package static func canonical(_ text: String) -> String? {
        let bytes = text.utf8.span
        guard let match = match(in: bytes, at: 0), match.end == bytes.count else { return nil }
        return match.canonical
    }

    private static func canonical(
        _ groups: [ArraySlice<UInt8>],
        _ isInternational: Bool,
        _ trunk: Int?
    ) -> String? {
        let all = groups.joined()
        if isInternational {
            let kept = groups.indices.filter { $0 != trunk || $0 == 0 }.map { groups[$0] }
            let digits = Array(kept.joined())
            guard (8...15).contains(digits.count), digits[0] != 0x30 else { return nil }
            return "+" + String(decoding: digits, as: UTF8.self)
        }
        guard groups.count > 1, let first = groups.first, first.first == 0x30 || isNorthAmerican(groups) else {
            return nil
        }
        let digits = Array(all)
        if isNorthAmerican(groups) { return (groups.count == 4 ? "+" : "") + String(decoding: digits, as: UTF8.self) }
        if digits[1] == 0x30 {
            guard (10...17).contains(digits.count), digits[2] != 0x30 else { return nil }
            return "+" + String(decoding: digits.dropFirst(2), as: UTF8.self)
        }
        // A day before a year, and the single digits of books, are no groups of a telephone number.
        let isDate = groups.count > 2 && groups[0].count == 2 && groups[1].count == 2 && groups[2].count == 4
        guard (9...12).contains(digits.count), groups.count <= 6, groups.allSatisfy({ $0.count > 1 }), !isDate else {
            return nil
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// `555-123-4567`, perhaps after `1`; neither part begins with 0 or 1.
    private static func isNorthAmerican(_ groups: [ArraySlice<UInt8>]) -> Bool {
        var groups = groups[...]
        if groups.count == 4, groups.first?.elementsEqual([0x31]) == true { groups.removeFirst() }
        guard groups.count == 3, groups.map(\.count) == [3, 3, 4] else { return false }
        return groups.prefix(2).allSatisfy { ($0.first ?? 0) > 0x31 }
    }

    /// Whether what stands before is no part of a longer number or word.
    private static func mayBegin(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        let first = bytes[start]
        let next = start + 1 < bytes.count ? bytes[start + 1] : 0
        guard
            isDigit(first)
                || (first == UInt8(ascii: "+") || first == UInt8(ascii: "("))
                    && (isDigit(next) || next == UInt8(ascii: "("))
        else { return false }
        if start == 0 { return true }
        let before = bytes[start - 1]
        if isWord(before) || before == UInt8(ascii: "+") || before == UInt8(ascii: "(") { return false }
        // `3704 0044` and `2026-030 …`: the number began earlier.
        guard first != UInt8(ascii: "+"), start > 1 else { return true }
        return !(" -./:,".utf8.contains(before) && isDigit(bytes[start - 2]))
    }

    private static func ends(_ bytes: Span<UInt8>, _ end: Int) -> Bool {
        guard end < bytes.count else { return true }
        if isWord(bytes[end]) || bytes[end] == UInt8(ascii: "@") { return false }
        guard end + 1 < bytes.count, ":-/.".utf8.contains(bytes[end]) else { return true }
        return !isWord(bytes[end + 1]) || bytes[end + 1] >= 0x80
    }

    /// The bytes of what may stand between two groups: space, also one that does not break, hyphens, and signs.
    private static func separator(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        if " -./()".utf8.contains(bytes[at]) { return 1 }
        if bytes[at] == 0xC2 { return at + 1 < bytes.count && bytes[at + 1] == 0xA0 ? 2 : nil }
        guard bytes[at] == 0xE2, at + 2 < bytes.count, bytes[at + 1] == 0x80 else { return nil }
        return (0x90...0x95).contains(bytes[at + 2]) || bytes[at + 2] == 0xAF || bytes[at + 2] == 0x89 ? 3 : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_")
    }
}
