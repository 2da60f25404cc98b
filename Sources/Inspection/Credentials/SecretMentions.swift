/// Secrets that a text itself says are some: `password: x`, `"api_key": "x"`, `Authorization: Bearer x`, `my password is x`.
///
/// One pass over the words of the text. Only a word that ends like the name of a secret is looked at further, and what
/// follows it is read once.
extension Credentials {
    /// The values that a text names as secrets, in the order of the text.
    static func mentions(in bytes: [UInt8]) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var previous = 0..<0
        var at = 0
        while at < bytes.count {
            guard isNameByte(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, isNameByte(bytes[at]) { at += 1 }
            let word = start..<at
            defer { previous = word }
            guard let name = SecretWord(bytes, word, after: previous) else { continue }
            if let value = value(of: name, in: bytes, after: at) {
                matches.append(CredentialMatch(kind: .named, range: value))
                at = value.upperBound
            }
        }
        return matches
    }

    /// A longer text than this is no value that somebody names.
    private static let longestValue = 1024
    private static let schemes: Set<String> = ["bearer", "basic", "token", "apikey", "digest", "negotiate"]

    private static func value(of name: SecretWord, in bytes: [UInt8], after end: Int) -> Range<Int>? {
        if name.isScheme {
            let start = skip(spaces: bytes, from: end, most: 3)
            guard start > end else { return nil }
            let value = run(bytes, from: start)
            let isToken = value.count >= 8 && value.contains { (0x30...0x39).contains(bytes[$0]) } || value.count >= 20
            return isToken && isOpen(bytes, value) ? value : nil
        }
        guard let (start, isProse) = connector(in: bytes, after: end, name) else { return nil }
        if name.isCookie { return cookie(bytes, from: start, isProse) }
        if name.strength == .certain, !isProse, let line = nextLine(bytes, from: start) {
            guard let value = wordAlone(bytes, from: line) else { return nil }
            return isPasswordLike(bytes[value]) && isOpen(bytes, value) ? value : nil
        }
        // `password=x&page=2` of a query ends before the next pair.
        let isPair = !isProse && bytes[start - 1] == UInt8(ascii: "=")
        var value = quoted(bytes, from: start) ?? run(bytes, from: start, isPair: isPair)
        let first = String(decoding: bytes[value], as: UTF8.self)
        if schemes.contains(first.lowercased()) {
            let next = skip(spaces: bytes, from: value.upperBound, most: 3)
            let second = run(bytes, from: next)
            if next > value.upperBound, !second.isEmpty { value = second }
        }
        guard !value.isEmpty, isOpen(bytes, value) else { return nil }
        let text = String(decoding: bytes[value], as: UTF8.self)
        switch name.strength {
        case .certain: return isProse && !isPasswordLike(bytes[value]) ? nil : value
        case .short: return isPasswordLike(bytes[value]) && bytes[value.lowerBound] != UInt8(ascii: "/") ? value : nil
        case .doubtful: return looksRandom(text) ? value : nil
        case .query: return isPair && value.count >= 16 ? value : nil
        }
    }

    /// Where the value begins: after a colon or an equals sign, or in prose after `is`, `was` or, where something is set, `to`.
    private static func connector(
        in bytes: [UInt8],
        after end: Int,
        _ name: SecretWord
    ) -> (start: Int, isProse: Bool)? {
        var at = end
        if at < bytes.count, bytes[at] == UInt8(ascii: ">") {
            // `<password>x</password>`; attributes are left aside.
            return name.start > 0 && bytes[name.start - 1] == UInt8(ascii: "<") ? (at + 1, false) : nil
        }
        // `"password": …`, escaped or not, and **Password:** of a page.
        while at < bytes.count, at < end + 3, [0x22, 0x27, 0x60, 0x5C, 0x2A].contains(bytes[at]) { at += 1 }
        at = skip(spaces: bytes, from: at, most: 3)
        guard at < bytes.count else { return nil }
        if bytes[at] == UInt8(ascii: ":") || bytes[at] == UInt8(ascii: "=") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "=") || bytes[at] == UInt8(ascii: ">") { at += 1 }
            while at < bytes.count, bytes[at] == 0x2A { at += 1 }
            return (skip(spaces: bytes, from: at, most: 8), false)
        }
        guard at > end, name.strength != .short else { return nil }
        let word = run(bytes, from: at)
        switch String(decoding: bytes[word], as: UTF8.self).lowercased() {
        case "is", "was": break
        case "to" where name.isBeingSet: break
        default: return nil
        }
        let start = skip(spaces: bytes, from: word.upperBound, most: 3)
        return start > word.upperBound ? (start, true) : nil
    }

    /// The pairs of a `Cookie` header, to the end of its line.
    private static func cookie(_ bytes: [UInt8], from start: Int, _ isProse: Bool) -> Range<Int>? {
        guard !isProse, bytes[..<start].last(where: { $0 != 0x20 }) == UInt8(ascii: ":") else { return nil }
        var end = start
        while end < bytes.count, end - start <= longestValue, bytes[end] >= 0x20,
            ![0x22, 0x27, 0x3C, 0x5C, 0x60].contains(bytes[end])
        { end += 1 }
        let value = start..<end
        guard let sign = bytes[value].firstIndex(of: UInt8(ascii: "=")), end - sign > 8 else { return nil }
        return isOpen(bytes, sign + 1..<end) ? sign + 1..<end : nil
    }

    /// Where the next line begins, if nothing more stands on this one.
    private static func nextLine(_ bytes: [UInt8], from start: Int) -> Int? {
        var at = start
        if at < bytes.count, bytes[at] == 0x0D { at += 1 }
        guard at < bytes.count, bytes[at] == 0x0A else { return nil }
        return skip(spaces: bytes, from: at + 1, most: 8)
    }

    /// A word that is all there is on its line.
    private static func wordAlone(_ bytes: [UInt8], from start: Int) -> Range<Int>? {
        let value = run(bytes, from: start)
        let isAlone = value.upperBound == bytes.count || [0x0A, 0x0D].contains(bytes[value.upperBound])
        return value.isEmpty || !isAlone ? nil : value
    }

    private static func skip(spaces bytes: [UInt8], from start: Int, most: Int) -> Int {
        var at = start
        while at < bytes.count, at < start + most, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
        return at
    }

    /// What stands between quotes, escaped or not; nil where there is none or it is not closed on its line.
    private static func quoted(_ bytes: [UInt8], from start: Int) -> Range<Int>? {
        var at = start
        let isEscaped = at < bytes.count && bytes[at] == 0x5C
        if isEscaped { at += 1 }
        guard at < bytes.count, [0x22, 0x27, 0x60].contains(bytes[at]) else { return nil }
        let quote = bytes[at]
        let first = at + 1
        at = first
        while at < bytes.count, at - first <= longestValue, bytes[at] != 0x0A {
            if bytes[at] == quote { return first..<(isEscaped && at > first && bytes[at - 1] == 0x5C ? at - 1 : at) }
            at += !isEscaped && bytes[at] == 0x5C ? 2 : 1
        }
        return nil
    }

    /// A word as people write a secret, without the punctuation of the sentence around it.
    private static func run(_ bytes: [UInt8], from start: Int, isPair: Bool = false) -> Range<Int> {
        var end = start
        var isOpened = false
        while end < bytes.count, end - start <= longestValue, !isEnd(bytes[end]) {
            if isPair, bytes[end] == UInt8(ascii: "&") { break }
            isOpened = isOpened || "([{".utf8.contains(bytes[end])
            end += 1
        }
        while end > start {
            let last = bytes[end - 1]
            guard ".:?".utf8.contains(last) || !isOpened && ")]}".utf8.contains(last) else { break }
            end -= 1
        }
        return start..<end
    }

    private static func isEnd(_ byte: UInt8) -> Bool {
        byte <= 0x20 || [0x22, 0x27, 0x2C, 0x3B, 0x3C, 0x3E, 0x5C, 0x60, 0x7C].contains(byte)
    }

    /// Whether this may be a secret in the clear: no token of one, no link, no reference, no word for nothing.
    static func isOpen(_ bytes: [UInt8], _ value: Range<Int>) -> Bool {
        let text = String(decoding: bytes[value], as: UTF8.self)
        if text.hasPrefix("hmac-sha256:") || text.contains("://") || SecretNames.isReference(text) { return false }
        if text.hasPrefix("{") || text.hasPrefix("[") || text.hasPrefix("(") { return false }
        if ["true", "false", "null", "none", "nil"].contains(text.lowercased()) { return false }
        return !text.utf8.allSatisfy { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "x") }
    }

    /// No word of a sentence and no address: `is`, `to` and short names stand before those as well.
    static func isPasswordLike(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= 4 else { return false }
        if let at = bytes.firstIndex(of: UInt8(ascii: "@")), bytes[at...].contains(UInt8(ascii: ".")) { return false }
        if bytes.contains(where: { (0x30...0x39).contains($0) || "!#$%^&*+=_~".utf8.contains($0) }) { return true }
        return bytes.dropFirst().contains { (0x41...0x5A).contains($0) }
            && bytes.contains { (0x61...0x7A).contains($0) }
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        CredentialKind.Alphabet.base64URL.contains(byte) || byte == UInt8(ascii: ".")
    }
}

/// A word of a text that ends like the name of a secret.
struct SecretWord {
    enum Strength {
        /// Nothing but a secret stands under such a name.
        case certain
        /// `pwd` and `pass` are folders and tickets as well.
        case short
        /// `key` and `token` name pages and prices as well.
        case doubtful
        /// The signature of an address, in its query alone.
        case query
    }

    let strength: Strength
    /// Where the word begins.
    let start: Int
    let isCookie: Bool
    /// `Bearer`, after which the secret follows without a sign.
    let isScheme: Bool
    /// Whether the words before say that it is changed: `update my password to x`.
    let isBeingSet: Bool

    static let endings: [[UInt8]] = [
        "password", "passwd", "passphrase", "passcode", "secret", "key", "token", "authorization", "otp", "pwd", "pass",
        "connectionstring", "string", "bearer", "pin", "credential", "credentials", "cookie", "pat",
        "passwort", "kennwort", "wachtwoord", "senha", "sig", "signature", "cvv", "cvc",
    ].map { Array($0.utf8) }
    /// By the last two letters of a word, which most words fail at.
    private static let tails: [Bool] = {
        var table = [Bool](repeating: false, count: 1024)
        for ending in endings { table[tail(ending[ending.count - 2], ending[ending.count - 1])] = true }
        return table
    }()
    private static func tail(_ last: UInt8, _ end: UInt8) -> Int { Int(last & 0x1F) << 5 | Int(end & 0x1F) }
    private static let verbs = ["chang", "updat", "set ", "reset", "rotat"].map { Array($0.utf8) }

    init?(_ bytes: [UInt8], _ word: Range<Int>, after previous: Range<Int>) {
        guard word.count >= 3, word.count <= 64,
            Self.tails[Self.tail(bytes[word.upperBound - 2], bytes[word.upperBound - 1])]
        else { return nil }
        guard Self.endings.contains(where: { Self.ends(bytes[word], in: $0) }) else { return nil }
        let name = String(decoding: bytes[word], as: UTF8.self)
        isScheme = name.lowercased() == "bearer"
        isCookie = ["cookie", "set-cookie"].contains(name.lowercased())
        start = word.lowerBound
        let isQuery = start > 0 && "?&".utf8.contains(bytes[start - 1])
        var isCertain = Credentials.namesSecret(name)
        if !isCertain, previous.upperBound + 1 == word.lowerBound, previous.count <= 32 {
            isCertain = Credentials.namesSecret(String(decoding: bytes[previous], as: UTF8.self) + name)
        }
        if isCertain {
            strength = .certain
        } else if isQuery, name.lowercased() == "sig" || name.lowercased().hasSuffix("signature") {
            strength = .query
        } else if Self.isVariable(name) {
            strength = .short
        } else if ["pwd", "pass"].contains(name.lowercased()) {
            strength = .short
        } else if isScheme || SecretNames.nameSecret(name) {
            strength = .doubtful
        } else {
            return nil
        }
        let before = bytes[max(0, word.lowerBound - 48)..<word.lowerBound].map { $0 | 0x20 }
        isBeingSet = Self.verbs.contains { before.firstRange(of: $0) != nil }
    }

    /// `DB_PASS` and `MYSQL_PWD`, as variables are written; `OLD_PWD` is a folder.
    private static func isVariable(_ name: String) -> Bool {
        guard name.contains("_"), !name.utf8.contains(where: { (0x61...0x7A).contains($0) }) else { return false }
        return ["_PASS", "_PWD", "_PIN"].contains { name.hasSuffix($0) }
    }

    private static func ends(_ word: ArraySlice<UInt8>, in ending: [UInt8]) -> Bool {
        word.count >= ending.count && zip(word.suffix(ending.count), ending).allSatisfy { $0 | 0x20 == $1 }
    }
}
