import Core

extension Identities.Finder {
    /// Finds account numbers in groups or in small letters, as people write them, and telephone numbers.
    ///
    /// The check digits tell accounts from other words.
    mutating func groups(_ bytes: Span<UInt8>) {
        var at = 0
        while at + 8 < bytes.count {
            // Digits are rare, so that most of a text is passed over by this alone.
            guard ASCII.isDigit(bytes[at + 2]) || bytes[at] == UInt8(ascii: "+"), found.count < Identities.limit
            else {
                at += 1
                continue
            }
            if ASCII.isLetter(bytes[at]) {
                if ASCII.isLetter(bytes[at + 1]), at + 14 < bytes.count, Self.isStart(bytes, at) {
                    groupedAccount(bytes, at)
                    at += 2
                }
            } else if let phone = PhoneNumber.match(in: bytes, at: at) {
                found.insert(CanonicalValue(.phone, phone.canonical))
                at = phone.end - 1
            }
            at += 1
        }
    }

    /// Whether an account may begin here: where a word does, also right after `IBAN`.
    private static func isStart(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        if at == 0 || !ASCII.isAlphanumeric(bytes[at - 1]) { return true }
        guard at >= 4, at == 4 || !ASCII.isAlphanumeric(bytes[at - 5]) else { return false }
        return zip(at - 4..<at, "iban".utf8).allSatisfy { bytes[$0] | 0x20 == $1 }
    }

    private mutating func groupedAccount(_ bytes: Span<UInt8>, _ at: Int) {
        var joined: [UInt8] = []
        var next = at
        // Commas and the like join so much that the length has to be right as well.
        var isUsual = true
        while joined.count <= 34 {
            while next < bytes.count, joined.count <= 34, ASCII.isAlphanumeric(bytes[next]) {
                joined.append(ASCII.upper(bytes[next]))
                next += 1
            }
            if Accounts.isLikelyIBAN(joined), isUsual || Accounts.hasLengthOfCountry(joined) {
                insert(.account, joined[...])
            }
            if let gap = Self.gap(bytes, next), next + gap < bytes.count, ASCII.isAlphanumeric(bytes[next + gap]) {
                next += gap
            } else if let gap = Self.wideGap(bytes, next) {
                isUsual = false
                next += gap
            } else {
                break
            }
        }
    }

    /// The length of what usually stands between two groups: one space, also one that does not break, a hyphen or a dot.
    private static func gap(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        guard at < bytes.count else { return nil }
        if [0x20, UInt8(ascii: "-"), UInt8(ascii: ".")].contains(bytes[at]) { return 1 }
        if bytes[at] == 0xC2, at + 1 < bytes.count, bytes[at + 1] == 0xA0 { return 2 }
        guard bytes[at] == 0xE2, at + 2 < bytes.count, bytes[at + 1] == 0x80 else { return nil }
        // U+2000 to U+200A, the dashes U+2010 to U+2015, U+202F.
        return (0x80...0x8A).contains(bytes[at + 2]) || (0x90...0x95).contains(bytes[at + 2])
            || bytes[at + 2] == 0xAF ? 3 : nil
    }

    /// Up to three signs of ASCII before the next group.
    private static func wideGap(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        var length = 0
        while length < 3, at + length < bytes.count, (0x20..<0x7F).contains(bytes[at + length]),
            !ASCII.isAlphanumeric(bytes[at + length])
        {
            length += 1
        }
        return length > 0 && at + length < bytes.count && ASCII.isAlphanumeric(bytes[at + length]) ? length : nil
    }
}
