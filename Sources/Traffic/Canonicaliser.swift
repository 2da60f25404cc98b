package import Core

extension CanonicalValue {
    /// Reads a text: finds its class and writes it in the one form of that class.
    ///
    /// - Numbers: `100`, `100.0` and `1e2` are equal; beyond 15 digits a text stays as it is, since a rounded account
    ///   number would equal another.
    /// - Accounts: lower case, without what stands between their groups. See `IdentitySpelling`.
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

extension ValueClass {
    /// Whether what looks like this may be an identity in an unusual spelling.
    fileprivate var mayBeIdentity: Bool { self == .token || self == .short || self == .free || self == .path }

    /// The class of a text that has no space around it.
    init(trimmed text: String) {
        if text.isEmpty {
            self = .empty
            return
        }
        let bytes = Array(text.utf8)
        let isOneWord: Bool
        if TextFolding.isASCII(text) {
            isOneWord = !bytes.contains(where: ASCII.isSpace)
        } else {
            isOneWord = !text.unicodeScalars.contains(where: TextFolding.isSpace)
        }
        if isOneWord {
            if Identities.isWholeEmail(bytes) {
                self = .email
                return
            }
            if Identities.isWholeAddress(bytes) {
                self = .url
                return
            }
            if Accounts.isAccount(bytes[...]) {
                self = .account
                return
            }
        } else if Accounts.isSpacedIBAN(bytes) {
            self = .account
            return
        }
        if DateNotation.matches(bytes) {
            self = .date
        } else if isOneWord, Numerals.canonical(text) != nil {
            self = .number
        } else if SecretToken.isWhole(bytes) {
            self = .secret
        } else {
            self.init(plain: text, bytes: bytes, isOneWord: isOneWord)
        }
    }

    private init(plain text: String, bytes: [UInt8], isOneWord: Bool) {
        let length = bytes.count <= 60 ? bytes.count : text.unicodeScalars.count
        if isOneWord, length <= 64 || (length <= 1024 && PathShape.isRooted(bytes)) {
            self = PathShape.hasSeparator(bytes) ? .path : .token
        } else if length <= 60, !bytes.contains(UInt8(ascii: "\n")) {
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

/// `2026-01`, `2026-01-05`, `2026-01-05 09:00`, `2026-01-05T09:00:03.120Z`.
enum DateNotation {
    static func matches(_ bytes: [UInt8]) -> Bool {
        var at = 0
        func digits(_ count: Int) -> Bool {
            guard at + count <= bytes.count, bytes[at..<at + count].allSatisfy(ASCII.isDigit) else { return false }
            at += count
            return true
        }
        func skip(_ characters: String) -> Bool {
            guard at < bytes.count, characters.utf8.contains(bytes[at]) else { return false }
            at += 1
            return true
        }
        guard bytes.count >= 7, bytes.count <= 40, digits(4), skip("-"), digits(2) else { return false }
        if skip("-"), !digits(2) { return false }
        if at == bytes.count { return true }
        guard skip("T "), digits(2), skip(":"), digits(2) else { return false }
        if skip(":"), !digits(2) { return false }
        if skip(".") {
            guard digits(1) else { return false }
            while digits(1) {}
        }
        if skip("Z") { return at == bytes.count }
        if skip("+-") {
            guard digits(2) else { return false }
            _ = skip(":")
            guard digits(2) else { return false }
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
