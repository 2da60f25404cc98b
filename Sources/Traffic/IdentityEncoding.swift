/// The encodings that programs undo before they deliver: a forbid reads each of them, and nothing that allows does.
///
/// Each gives the text decoded once, or nil where it holds nothing of the kind. Too much rather than too little is
/// decoded: what a browser would leave as it is may name nobody, and then nothing is forbidden for it.
enum IdentityEncoding {
    static let all: [@Sendable ([UInt8]) -> [UInt8]?] = [percent, encodedWords, entities, spelledOut]

    private static func percent(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.contains(UInt8(ascii: "%")) else { return nil }
        return Percent.normalized(bytes[...], alsoDecoding: Set(0x20...0x7E))
    }

    // MARK: - Encoded words

    /// Words of mail headers, `=?utf-8?q?eve=40host?=` (RFC 2047 §2); the space between two of them is none (§6.2).
    private static func encodedWords(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.firstRange(of: "=?".utf8) != nil else { return nil }
        var result: [UInt8] = []
        var at = 0
        var gap: Int?
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "="), let word = encodedWord(bytes, at), word.kind == UInt8(ascii: "q") {
                if let start = gap { result.removeLast(result.count - start) }
                result += quoted(word.content)
                gap = result.count
                at = word.end
                continue
            }
            if !ASCII.isSpace(bytes[at]) { gap = nil }
            result.append(bytes[at])
            at += 1
        }
        return result
    }

    /// Whether there is an encoded word in base64.
    static func hasSealedWord(_ bytes: [UInt8]) -> Bool {
        guard bytes.firstRange(of: "=?".utf8) != nil else { return false }
        return bytes.indices.contains { at in
            bytes[at] == UInt8(ascii: "=") && encodedWord(bytes, at)?.kind == UInt8(ascii: "b")
        }
    }

    private static func encodedWord(
        _ bytes: [UInt8],
        _ start: Int
    ) -> (kind: UInt8, content: ArraySlice<UInt8>, end: Int)? {
        let mark = UInt8(ascii: "?")
        guard start + 2 < bytes.count, bytes[start + 1] == mark,
            // The name of a character set is short; whichever it is, ASCII is ASCII in it.
            let second = bytes[(start + 2)..<min(bytes.count, start + 80)].firstIndex(of: mark),
            second + 3 < bytes.count, bytes[second + 2] == mark,
            let end = bytes[(second + 3)...].firstIndex(of: mark), end + 1 < bytes.count,
            bytes[end + 1] == UInt8(ascii: "=")
        else { return nil }
        return (ASCII.lower(bytes[second + 1]), bytes[(second + 3)..<end], end + 2)
    }

    private static func quoted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var at = bytes.startIndex
        while at < bytes.endIndex {
            if bytes[at] == UInt8(ascii: "="), at + 2 < bytes.endIndex, let high = ASCII.hexDigit(bytes[at + 1]),
                let low = ASCII.hexDigit(bytes[at + 2])
            {
                result.append(high << 4 | low)
                at += 3
            } else {
                result.append(bytes[at] == UInt8(ascii: "_") ? 0x20 : bytes[at])
                at += 1
            }
        }
        return result
    }

    // MARK: - Character references

    /// Those of HTML that stand in identities, in small letters, and a few that show nothing.
    private static let names: [String: String] = [
        "amp": "&", "commat": "@", "period": ".", "plus": "+", "lowbar": "_", "underbar": "_", "hyphen": "-",
        "dash": "-", "percnt": "%", "equals": "=", "quest": "?", "num": "#", "sol": "/", "colon": ":", "semi": ";",
        "quot": "\"", "lpar": "(", "rpar": ")", "lsqb": "[", "rsqb": "]", "lbrack": "[", "rbrack": "]", "nbsp": " ",
        "tab": " ", "newline": " ", "shy": "", "zwj": "", "zwnj": "", "zerowidthspace": "", "nobreak": "",
    ]

    /// `&#64;`, `&#x40;` and `&commat;`; those with a number are read without the semicolon too, as browsers do.
    private static func entities(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.contains(UInt8(ascii: "&")) else { return nil }
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "&"), let entity = number(bytes, at) ?? name(bytes, at) {
                result += entity.text.utf8
                at = entity.end
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    private static func number(_ bytes: [UInt8], _ start: Int) -> (text: String, end: Int)? {
        guard start + 2 < bytes.count, bytes[start + 1] == UInt8(ascii: "#") else { return nil }
        let isHexadecimal = ASCII.lower(bytes[start + 2]) == UInt8(ascii: "x")
        let first = isHexadecimal ? start + 3 : start + 2
        var at = first
        var value: UInt32 = 0
        while at < bytes.count, let digit = ASCII.hexDigit(bytes[at]), isHexadecimal || digit < 10,
            isHexadecimal || ASCII.isDigit(bytes[at])
        {
            // Beyond every character it stays beyond.
            value = min(value * (isHexadecimal ? 16 : 10) + UInt32(digit), 0x110000)
            at += 1
        }
        guard at > first, let scalar = Unicode.Scalar(value) else { return nil }
        if at < bytes.count, bytes[at] == UInt8(ascii: ";") { at += 1 }
        return (String(Character(scalar)), at)
    }

    private static func name(_ bytes: [UInt8], _ start: Int) -> (text: String, end: Int)? {
        guard let end = bytes[start..<min(bytes.count, start + 20)].firstIndex(of: UInt8(ascii: ";")) else {
            return nil
        }
        let name = String(decoding: bytes[(start + 1)..<end].map(ASCII.lower), as: UTF8.self)
        return names[name].map { ($0, end + 1) }
    }

    // MARK: - Words for signs

    /// `eve [at] host [dot] example`: the word in brackets or between spaces, with the spaces around it.
    private static func spelledOut(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var isChanged = false
        var at = 0
        while at < bytes.count {
            if let (sign, end) = sign(bytes, at) {
                while let last = result.last, ASCII.isSpace(last) { result.removeLast() }
                result.append(sign)
                isChanged = true
                at = end
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return isChanged ? result : nil
    }

    private static func sign(_ bytes: [UInt8], _ start: Int) -> (sign: UInt8, end: Int)? {
        let opening = bytes[start]
        guard ASCII.isSpace(opening) || "[({<".utf8.contains(opening) else { return nil }
        var at = start + 1
        // So much space and no more: a text of spaces is read once.
        let limit = min(bytes.count, start + 64)
        while at < limit, ASCII.isSpace(bytes[at]) { at += 1 }
        let first = at
        // A long run of letters is no sign.
        while at < bytes.count, at - first < 4, ASCII.isLetter(bytes[at]) { at += 1 }
        let word = bytes[first..<at].map(ASCII.lower)
        let sign: UInt8
        if word.elementsEqual("at".utf8) {
            sign = UInt8(ascii: "@")
        } else if word.elementsEqual("dot".utf8) {
            sign = UInt8(ascii: ".")
        } else {
            return nil
        }
        let end = at
        while at < bytes.count, at < end + 64, ASCII.isSpace(bytes[at]) { at += 1 }
        if at < bytes.count, "])}>".utf8.contains(bytes[at]) {
            at += 1
        } else if !ASCII.isSpace(opening) || at == end {
            return nil
        }
        while at < bytes.count, ASCII.isSpace(bytes[at]) { at += 1 }
        return (sign, at)
    }
}
