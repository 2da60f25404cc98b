/// Whether a text may hold a secret at all: asked of every text of a recording, most of which hold none.
///
/// One pass that stores nothing. It says yes too often and never no where `tokenise` finds something, so that only what it
/// lets through has to be read closely.
extension Credentials {
    /// Whether `tokenise` may find something in a text that stands under no name.
    package static func mayHoldSecret(_ text: Span<UInt8>) -> Bool {
        var scan = SignScan()
        return scan.finds(in: text, SignTable.bytes.span)
    }

    /// Whether what stands under this name may be a secret because of the name.
    package static func mayNameSecret(_ name: String) -> Bool {
        namesSecret(name) || SecretNames.nameSecret(name) || namesOneTimeCode(name) || namesShortSecret(name)
    }
}

/// What a byte may be part of.
private enum SignTable {
    static let alphanumeric: UInt8 = 1
    /// Letters that a form begins with.
    static let beginning: UInt8 = 2
    /// What may follow the name of a secret, before its value.
    static let connector: UInt8 = 4
    /// What a separate number has beside it as little as letters.
    static let joint: UInt8 = 8

    static let bytes: [UInt8] = {
        var table = [UInt8](repeating: 0, count: 256)
        for byte in table.indices where CredentialKind.Alphabet.alphanumeric.contains(UInt8(byte)) {
            table[byte] |= alphanumeric
        }
        for kind in CredentialKind.prefixed + [.jsonWebToken] {
            if let first = kind.prefix.first { table[Int(first)] |= beginning }
        }
        // A colon, an equals sign and what closes a tag; `is`, `was` and `to`.
        for byte in ":=>iIwWtT".utf8 { table[Int(byte)] |= connector }
        for byte in "$#@/,+%&-_".utf8 { table[Int(byte)] |= joint }
        for byte in 0x80..<0x100 { table[byte] |= joint }
        return table
    }()

    /// By the last two letters of a word: whether the name of a secret, a word about codes or a program ends so.
    static let tails: [UInt8] = {
        var table = [UInt8](repeating: 0, count: 1024)
        for ending in SecretWord.endings { table[tail(ending[ending.count - 2], ending[ending.count - 1])] |= secret }
        for word in codes { table[tail(word)] |= code }
        for word in programs { table[tail(word)] |= program }
        return table
    }()
    static let secret: UInt8 = 1
    static let code: UInt8 = 2
    static let program: UInt8 = 4

    static func tail(_ last: UInt8, _ end: UInt8) -> Int { Int(last & 0x1F) << 5 | Int(end & 0x1F) }
    private static func tail(_ word: String) -> Int {
        let bytes = Array(word.utf8)
        return tail(bytes[bytes.count - 2], bytes[bytes.count - 1])
    }

    /// Without their beginning where that has other letters than these, or can have: the Kelvin sign is a `k` in lower case.
    static let codes = Credentials.codeWords.flatMap { word in
        let plain = String(decoding: word.utf8.reversed().prefix { $0 < 0x80 }.reversed(), as: UTF8.self)
        return plain.hasPrefix("k") ? [plain, String(plain.dropFirst())] : [plain]
    }
    static let heads = Set(codes.map(head))
    /// The first word of each, as a dash parts them.
    static let programs = Credentials.programs.map { String($0.split(separator: "-")[0]) }
    static let programHeads = Set(programs.map(head))

    private static func head(_ word: String) -> UInt64 { head(Array(word.utf8).span, 0..<word.utf8.count) }

    /// The first eight letters of a word, in lower case.
    static func head(_ bytes: Span<UInt8>, _ word: Range<Int>) -> UInt64 {
        var head: UInt64 = 0
        for at in word.lowerBound..<min(word.upperBound, word.lowerBound + 8) {
            head = head << 8 | UInt64(bytes[at] | 0x20)
        }
        return head
    }
}

private struct SignScan {
    private var hasNumber = false
    private var hasCodeWord = false
    /// Where the run of letters, digits, `/` and `+` began that an access key would be.
    private var keyStart = 0

    private static let keyLength = 40

    mutating func finds(in bytes: Span<UInt8>, _ table: Span<UInt8>) -> Bool {
        let tails = SignTable.tails.span
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            let sign = table[Int(byte)]
            guard sign & SignTable.alphanumeric != 0 else {
                if byte != UInt8(ascii: "/"), byte != UInt8(ascii: "+") {
                    if at &- keyStart == Self.keyLength { return true }
                    keyStart = at &+ 1
                }
                if byte == UInt8(ascii: ":"), Self.isUserOfURL(bytes, at) { return true }
                if byte == UInt8(ascii: "-"), Self.has(CredentialKind.privateKey.prefix, bytes, at) { return true }
                at &+= 1
                continue
            }
            if sign & SignTable.beginning != 0, Self.beginsForm(bytes, at) { return true }
            let start = at
            repeat { at &+= 1 } while at < bytes.count && table[Int(bytes[at])] & SignTable.alphanumeric != 0
            if byte &- UInt8(ascii: "0") < 10 {
                if at &- start >= 3, at &- start <= 8, Self.isAlone(bytes, start..<at, table) { hasNumber = true }
            }
            guard at &- start >= 2 else { continue }
            let tail = tails[SignTable.tail(bytes[at &- 2], bytes[at &- 1])]
            if tail != 0, isSign(tail, bytes, start..<at, table) { return true }
            if hasNumber && hasCodeWord { return true }
        }
        return at &- keyStart == Self.keyLength || hasNumber && hasCodeWord
    }

    private mutating func isSign(
        _ tail: UInt8,
        _ bytes: Span<UInt8>,
        _ word: Range<Int>,
        _ table: Span<UInt8>
    ) -> Bool {
        if tail & SignTable.secret != 0, Self.isFollowed(bytes, word.upperBound, table),
            SecretWord.endings.contains(where: { Self.ends(bytes, word, $0) })
        {
            return true
        }
        if tail & SignTable.code != 0, !hasCodeWord {
            // Only the end of a word is at hand where letters of other scripts are before it.
            hasCodeWord = SignTable.heads.contains(SignTable.head(bytes, word))
        }
        return tail & SignTable.program != 0 && SignTable.programHeads.contains(SignTable.head(bytes, word))
    }

    /// Whether something may follow the name of a secret that leads to its value: `": x`, ` = x`, ` is x`, ` eyJ…`.
    private static func isFollowed(_ bytes: Span<UInt8>, _ end: Int, _ table: Span<UInt8>) -> Bool {
        var at = end
        while at < bytes.count, at < end + 6, [0x22, 0x27, 0x60, 0x5C, 0x2A, 0x20, 0x09].contains(bytes[at]) {
            at += 1
        }
        guard at < bytes.count else { return false }
        if table[Int(bytes[at])] & SignTable.connector != 0 { return true }
        // `Bearer x`: eight characters and more that no space parts.
        guard end >= 6, ends(bytes, 0..<end, Array("bearer".utf8)), at > end else { return false }
        var last = at
        while last < bytes.count, bytes[last] > 0x20 { last += 1 }
        return last - at >= 8
    }

    private static func isAlone(_ bytes: Span<UInt8>, _ run: Range<Int>, _ table: Span<UInt8>) -> Bool {
        for at in run where bytes[at] &- UInt8(ascii: "0") >= 10 { return false }
        if run.count == 3 { return isFirstHalf(bytes, run.upperBound) }
        if run.lowerBound > 0 {
            let before = bytes[run.lowerBound - 1]
            if table[Int(before)] & SignTable.joint != 0 || before == UInt8(ascii: ".") { return false }
        }
        guard run.upperBound < bytes.count else { return true }
        let after = bytes[run.upperBound]
        guard table[Int(after)] & SignTable.joint != 0 || after == UInt8(ascii: ".") else { return true }
        // A comma or a full stop may end the sentence.
        guard ",.".utf8.contains(after) else { return "#+&".utf8.contains(after) }
        return run.upperBound + 1 == bytes.count || bytes[run.upperBound + 1] &- UInt8(ascii: "0") >= 10
    }

    /// `482 913` and `482-913`.
    private static func isFirstHalf(_ bytes: Span<UInt8>, _ end: Int) -> Bool {
        guard end + 3 < bytes.count, bytes[end] == 0x20 || bytes[end] == UInt8(ascii: "-") else { return false }
        for at in end + 1...end + 3 where bytes[at] &- UInt8(ascii: "0") >= 10 { return false }
        return true
    }

    private static func beginsForm(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        if bytes[at] == UInt8(ascii: "e"), has(CredentialKind.jsonWebToken.prefix, bytes, at) { return true }
        for kind in Credentials.forms[Int(bytes[at])] where has(kind.prefix, bytes, at) { return true }
        return false
    }

    /// Whether an `@` follows the `://` that begins here, before the host ends.
    private static func isUserOfURL(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        guard start + 3 < bytes.count, bytes[start + 1] == UInt8(ascii: "/"), bytes[start + 2] == UInt8(ascii: "/")
        else { return false }
        for at in start + 3..<bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "@") { return true }
            if byte <= 0x20 || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\"") { return false }
        }
        return false
    }

    private static func has(_ prefix: [UInt8], _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        guard start + prefix.count <= bytes.count else { return false }
        for offset in prefix.indices where bytes[start + offset] != prefix[offset] { return false }
        return true
    }

    private static func ends(_ bytes: Span<UInt8>, _ word: Range<Int>, _ ending: [UInt8]) -> Bool {
        guard word.count >= ending.count else { return false }
        let start = word.upperBound - ending.count
        for offset in ending.indices where bytes[start + offset] | 0x20 != ending[offset] { return false }
        return true
    }
}
