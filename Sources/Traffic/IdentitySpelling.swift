/// The spellings in which people and programs pass one identity on: in groups, in another case, with full-width letters
/// and digits, with characters that nobody sees.
///
/// Only what turns out to name somebody is read that way. Hosts keep their letters, since a browser does not make a
/// full-width letter a plain one everywhere; free text and file names are never folded.
enum IdentitySpelling {
    /// The text with plain letters and digits and without what is not shown; nil where it is that already.
    static func plain(_ text: String) -> String? {
        if TextFolding.isASCII(text) { return nil }
        var result = String.UnicodeScalarView()
        var isChanged = false
        for scalar in text.unicodeScalars {
            guard scalar.value >= 0x80 else {
                result.append(scalar)
                continue
            }
            guard let plain = plain(scalar) else {
                isChanged = true
                continue
            }
            isChanged = isChanged || plain != scalar
            result.append(plain)
        }
        return isChanged ? String(result) : nil
    }

    /// Nil for a character that is not shown.
    private static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        if (0xFF01...0xFF5E).contains(scalar.value) { return Unicode.Scalar(scalar.value - 0xFEE0) ?? scalar }
        let properties = scalar.properties
        if properties.isDefaultIgnorableCodePoint { return nil }
        if properties.numericType == .decimal, let digit = properties.numericValue, (0...9).contains(digit) {
            return Unicode.Scalar(UInt8(48 + Int(digit)))
        }
        return scalar
    }

    /// The mail address or account that a text is in one of those spellings, and nothing else.
    ///
    /// What holds full-width or unseen characters names somebody, and keeps them: no server is known to read it as the
    /// plain one, so that what allows the plain one does not allow it. See `plainSpelling`.
    static func identity(_ trimmed: String) -> CanonicalValue? {
        guard trimmed.utf8.count <= 400 else { return nil }
        let plain = plain(trimmed)
        let text = plain.map(TextFolding.trimmed) ?? trimmed
        if plain != nil {
            let bytes = Array(text.utf8)
            if !bytes.contains(where: ASCII.isSpace) {
                if Identities.isWholeEmail(bytes) { return CanonicalValue(.email, TextFolding.fold(trimmed)) }
                if Accounts.isAccount(bytes[...]) { return CanonicalValue(.account, TextFolding.fold(trimmed)) }
            }
        }
        // Most texts show by their first letters that they are no account.
        if plain == nil, TextFolding.isASCII(text), !mayBeginAccount(text.utf8.span) { return nil }
        guard let joined = joined(text), Accounts.isLikelyIBAN(joined) else { return nil }
        let canonical = plain == nil ? String(decoding: joined, as: UTF8.self).lowercased() : TextFolding.fold(trimmed)
        return CanonicalValue(.account, canonical)
    }

    /// Whether the first letters and digits are those of an account: two and two.
    private static func mayBeginAccount(_ bytes: Span<UInt8>) -> Bool {
        var count = 0
        for at in bytes.indices {
            let byte = bytes[at]
            if ASCII.isSpace(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") { continue }
            guard count < 2 ? ASCII.isLetter(byte) : ASCII.isDigit(byte) else { return false }
            count += 1
            if count == 4 { return true }
        }
        return false
    }

    /// The letters and digits of an account in capitals, without what stands between its groups; nil where there is
    /// anything else, or too much or too little for an account.
    private static func joined(_ text: String) -> [UInt8]? {
        var joined: [UInt8] = []
        for scalar in text.unicodeScalars {
            if isGap(scalar) { continue }
            guard scalar.value < 0x80, ASCII.isAlphanumeric(UInt8(scalar.value)), joined.count < 42 else { return nil }
            joined.append(ASCII.upper(UInt8(scalar.value)))
        }
        return joined.count >= 12 ? joined : nil
    }

    /// How an account is compared whose check digits are wrong, as in tests and made-up data: its letters and digits.
    static func compact(_ text: String) -> String? {
        guard text.utf8.count <= 400 else { return nil }
        return joined(plain(text) ?? text).map { String(decoding: $0, as: UTF8.self).lowercased() }
    }

    /// What people put between the groups of a number.
    private static func isGap(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2D, 0x2E, 0x2010...0x2015, 0x2212: true
        default: TextFolding.isSpace(scalar)
        }
    }
}

extension CanonicalValue {
    /// The value without full-width and unseen characters, as a forbid means it; nil where there are none.
    package var plainSpelling: CanonicalValue? { IdentitySpelling.plain(text).map { CanonicalValue(text: $0) } }

    /// The text as accounts are compared however they are grouped; nil where it can be none.
    package var compactAccount: String? {
        switch valueClass {
        case .account, .token, .short, .number: IdentitySpelling.compact(text)
        default: nil
        }
    }
}
