import Core

/// Finds personal identifiers in text, in time linear in the text.
///
/// What has check digits is checked; what has none must have a form that nothing else has. A number that only one in ten
/// chance numbers would fail is reported only where the words before it, or the name of its field, say what it is. Names of
/// people and street addresses have no form and are not found here.
package enum PersonalData {
    /// Matches in the order of the text, never overlapping.
    ///
    /// The name of the field that the text stands in counts as words before it.
    package static func find(in text: String, named name: String? = nil) -> [PersonalDataMatch] {
        let bytes = Array(text.utf8)
        let folded = Array(text.lowercased().utf8)
        let context = folded.count == bytes.count ? folded : bytes
        var matches: [PersonalDataMatch] = []
        var at = 0
        while at < bytes.count {
            guard isWordByte(bytes[at]) || bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "("),
                at == 0 || !isWordByte(bytes[at - 1])
            else {
                at += 1
                continue
            }
            if let match = match(bytes, at, context, name?.lowercased()) {
                matches.append(match)
                at = max(match.range.upperBound, at + 1)
            } else {
                at = wordEnd(bytes, at)
            }
        }
        return matches
    }

    private static func match(_ bytes: [UInt8], _ at: Int, _ context: [UInt8], _ name: String?) -> PersonalDataMatch? {
        if let end = email(bytes, at) { return PersonalDataMatch(kind: .email, range: at..<end) }
        if bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "(") { return phone(bytes, at) }
        if CheckDigits.isUpper(bytes[at]), let end = iban(bytes, at) {
            return PersonalDataMatch(kind: .iban, range: at..<end)
        }
        if let match = letterForm(bytes, at) { return match }
        guard CheckDigits.isDigit(bytes[at]) else { return nil }
        // A number of another kind that its check digits tell is none to call.
        return number(bytes, at, context, name) ?? phone(bytes, at)
    }

    /// A local part, `@`, and a domain of two labels or more whose last begins with a letter.
    private static func email(_ bytes: [UInt8], _ start: Int) -> Int? {
        var at = start
        while at < bytes.count, at - start <= 64, isWordByte(bytes[at]) || ".+-%'".utf8.contains(bytes[at]) { at += 1 }
        guard at > start, at < bytes.count, bytes[at] == UInt8(ascii: "@"), bytes[at - 1] != UInt8(ascii: ".") else {
            return nil
        }
        at += 1
        let domain = at
        while at < bytes.count, at - domain < 253, isLabelByte(bytes[at]) || bytes[at] == UInt8(ascii: ".") { at += 1 }
        while at > domain, !isLetterOrDigit(bytes[at - 1]) { at -= 1 }
        let labels = bytes[domain..<at].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count > 1, labels.allSatisfy({ isLabel($0) }), let last = labels.last, last.count > 1,
            last.allSatisfy({ !CheckDigits.isDigit($0) })
        else { return nil }
        return at
    }

    /// International, or in one of the national forms that little else has.
    private static func phone(_ bytes: [UInt8], _ start: Int) -> PersonalDataMatch? {
        PhoneNumber.match(in: bytes.span, at: start).map { PersonalDataMatch(kind: .phone, range: start..<$0.end) }
    }

    /// Country, check digits and the account, in one run or in groups of four.
    private static func iban(_ bytes: [UInt8], _ start: Int) -> Int? {
        var characters: [UInt8] = []
        var at = start
        var best: Int?
        while at < bytes.count, characters.count < 34 {
            let byte = bytes[at]
            if CheckDigits.isDigit(byte) || CheckDigits.isUpper(byte) {
                characters.append(byte)
                at += 1
            } else if byte == 0x20, characters.count.isMultiple(of: 4), at + 1 < bytes.count, isWordByte(bytes[at + 1])
            {
                at += 1
                continue
            } else {
                break
            }
            guard characters.count != 4 || isIBANHead(characters) else { return nil }
            let isEnd = at == bytes.count || !isWordByte(bytes[at])
            if isEnd, (15...34).contains(characters.count), CheckDigits.iban(characters) { best = at }
        }
        return best
    }

    private static func isIBANHead(_ characters: [UInt8]) -> Bool {
        characters[0..<2].allSatisfy(CheckDigits.isUpper) && characters[2..<4].allSatisfy(CheckDigits.isDigit)
    }

    /// Forms of letters and digits, written in one run or with single spaces.
    private static func letterForm(_ bytes: [UInt8], _ start: Int) -> PersonalDataMatch? {
        var characters: [UInt8] = []
        var at = start
        while at < bytes.count, characters.count < 17 {
            if CheckDigits.isDigit(bytes[at]) || CheckDigits.isUpper(bytes[at]) {
                characters.append(bytes[at])
            } else if bytes[at] != 0x20 && bytes[at] != UInt8(ascii: "-") || at == start
                || !isLetterOrDigit(bytes[at - 1])
            {
                break
            }
            at += 1
            let isEnd = at == bytes.count || !isWordByte(bytes[at])
            if isEnd, characters.contains(where: CheckDigits.isUpper), isLetterOrDigit(bytes[at - 1]),
                let kind = NationalIdentifiers.letters(characters)
            {
                return PersonalDataMatch(kind: kind, range: start..<at)
            }
        }
        return nil
    }

    /// A number of up to 19 digits with single separators: a payment card or a national identifier.
    private static func number(_ bytes: [UInt8], _ start: Int, _ context: [UInt8], _ name: String?)
        -> PersonalDataMatch?
    {
        var digits: [UInt8] = []
        var separators: [Int] = []
        var at = start
        var end = start
        while at < bytes.count {
            if CheckDigits.isDigit(bytes[at]) {
                digits.append(bytes[at])
                end = at + 1
            } else if " -./".utf8.contains(bytes[at]), separators.last != digits.count {
                separators.append(digits.count)
            } else {
                break
            }
            at += 1
            if digits.count > 19 { return nil }
        }
        if separators.last == digits.count { separators.removeLast() }
        guard end == bytes.count || !isWordByte(bytes[end]) else { return nil }
        // Part of a decimal number or of a longer dotted name.
        if start > 0, bytes[start - 1] == UInt8(ascii: ".") || bytes[start - 1] == UInt8(ascii: "-") { return nil }
        if isCard(digits, separators) { return PersonalDataMatch(kind: .paymentCard, range: start..<end) }
        var kinds = NationalIdentifiers.candidates(digits)
        if !separators.isEmpty || kinds.isEmpty {
            kinds = NationalIdentifiers.digits(digits, separators: separators).map { [$0] } ?? []
        }
        let found = kinds.first { kind in kind.standsAlone || speaks(of: kind, context, before: start, name) }
        return found.map { PersonalDataMatch(kind: $0, range: start..<end) }
    }

    /// The lengths and first digits of the card schemes (ISO/IEC 7812), in one run or in their printed groups.
    private static func isCard(_ digits: [UInt8], _ separators: [Int]) -> Bool {
        guard [13, 15, 16, 19].contains(digits.count), CheckDigits.luhn(digits) else { return false }
        let isGrouped =
            separators.isEmpty || separators == [4, 8, 12] || separators == [4, 10] || separators == [4, 8, 12, 16]
        let head = digits.prefix(4).reduce(0) { $0 * 10 + CheckDigits.number($1) }
        let isScheme: Bool =
            switch digits.count {
            case 15: (3400...3499).contains(head) || (3700...3799).contains(head)
            case 16:
                (4000...4999).contains(head) || (5100...5599).contains(head) || (2221...2720).contains(head)
                    || (3528...3589).contains(head) || head == 6011 || (6440...6599).contains(head)
                    || (6200...6299).contains(head)
            default: (4000...4999).contains(head)
            }
        return isGrouped && isScheme && digits.dropLast().contains { $0 != digits[0] }
    }

    /// Whether the 40 bytes before the number, or the field's name, hold a word for it.
    private static func speaks(of kind: PersonalDataKind, _ context: [UInt8], before start: Int, _ name: String?)
        -> Bool
    {
        let before = String(decoding: context[max(0, start - 40)..<start], as: UTF8.self)
        return kind.context.contains { word in before.contains(word) || name?.contains(word) == true }
    }

    private static func wordEnd(_ bytes: [UInt8], _ start: Int) -> Int {
        var at = start + 1
        while at < bytes.count, isWordByte(bytes[at]) { at += 1 }
        return at
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        CheckDigits.isDigit(byte) || CheckDigits.isUpper(byte) || (0x61...0x7A).contains(byte)
    }

    /// No hyphen at either end (RFC 1123 §2.1).
    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard let first = label.first, let last = label.last else { return false }
        return first != UInt8(ascii: "-") && last != UInt8(ascii: "-")
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte >= 0x80
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
    }
}
