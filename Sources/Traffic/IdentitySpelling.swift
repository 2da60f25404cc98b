import Core

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
        // The other full stops that the names of hosts may be written with (RFC 3490 §3.1).
        if scalar.value == 0x3002 || scalar.value == 0xFF61 || scalar.value == 0x2024 { return "." }
        if (0xFE50...0xFE6B).contains(scalar.value) { return small[Int(scalar.value - 0xFE50)] }
        let properties = scalar.properties
        if properties.isDefaultIgnorableCodePoint { return nil }
        if properties.numericType == .decimal, let digit = properties.numericValue, (0...9).contains(digit) {
            return Unicode.Scalar(UInt8(48 + Int(digit)))
        }
        return scalar
    }

    /// The small forms from U+FE50 on, as Unicode's compatibility decompositions give them.
    private static let small = Array(",、. ;:?!—(){}〔〕#&*+-<>= \\$%@".unicodeScalars)

    /// Whether a full stop of another script may separate the labels of a host.
    static func hasForeignStop(_ text: String) -> Bool {
        text.unicodeScalars.contains { [0x3002, 0xFF0E, 0xFF61, 0x2024, 0xFE52].contains($0.value) }
    }

    /// The mail address, web address, account or telephone number that a text is in one of those spellings, and nothing else.
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
                if Identities.isWholeAddress(bytes) { return CanonicalValue(.url, WebAddress.canonical(trimmed)) }
            }
        }
        if mayBeginAccount(text), let joined = joined(text), Accounts.isLikelyIBAN(joined.letters) {
            let isUsual = joined.isUsual && plain == nil
            let canonical =
                isUsual ? String(decoding: joined.letters, as: UTF8.self).lowercased() : TextFolding.fold(trimmed)
            return CanonicalValue(.account, canonical)
        }
        guard plain != nil, PhoneNumber.canonical(text) != nil else { return nil }
        return CanonicalValue(.phone, TextFolding.fold(trimmed))
    }

    /// Most texts show by their first letters that they are no account: two letters and two digits, or `IBAN`.
    private static func mayBeginAccount(_ text: String) -> Bool {
        var count = 0
        for byte in text.utf8 {
            guard byte < 0x80 else { return true }
            guard ASCII.isAlphanumeric(byte) else { continue }
            switch count {
            case 0, 1: guard ASCII.isLetter(byte) else { return false }
            case 2: guard ASCII.isDigit(byte) || ASCII.upper(byte) == UInt8(ascii: "A") else { return false }
            default: return ASCII.isDigit(byte) || ASCII.upper(byte) == UInt8(ascii: "N")
            }
            count += 1
        }
        return false
    }

    /// The letters and digits of an account in capitals, whatever stands between its groups and perhaps after `IBAN`; nil
    /// where there is too much or too little for an account, or it begins otherwise.
    ///
    /// Usual are spaces, dots and dashes. What else joins the groups is no spelling that every server reads alike:
    /// who may pay the account may not send that.
    private static func joined(_ text: String) -> (letters: [UInt8], isUsual: Bool)? {
        var joined: [UInt8] = []
        var isUsual = true
        for scalar in text.unicodeScalars {
            guard scalar.value < 0x80, ASCII.isAlphanumeric(UInt8(scalar.value)) else {
                if isGap(scalar) { continue }
                // A letter of another script is no gap.
                guard scalar.value < 0x80 || !TextFolding.isWord(scalar) else { return nil }
                isUsual = false
                continue
            }
            joined.append(ASCII.upper(UInt8(scalar.value)))
            switch joined.count {
            case 2: if !ASCII.isLetter(joined[0]) || !ASCII.isLetter(joined[1]) { return nil }
            case 4:
                if ASCII.isDigit(joined[2]), ASCII.isDigit(joined[3]) { continue }
                guard joined.elementsEqual("IBAN".utf8), isUsual else { return nil }
                joined = []
                isUsual = false
            case 35: return nil
            default: continue
            }
        }
        return joined.count >= 12 ? (joined, isUsual) : nil
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
}
