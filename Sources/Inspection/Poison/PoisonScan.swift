extension PoisonSignals {
    /// Whether `find` finds anything in so many first scalars of a text; it costs a fiftieth of finding out what.
    ///
    /// Every text that a tool returned is asked, when a profile is made of a recording.
    package static func isMarked(_ text: String, scalars limit: Int = .max) -> Bool {
        let bytes = text.utf8.span
        let end = endOfScalars(bytes, limit)
        var scan = PoisonScan(rules: .shared)
        scan.read(bytes.extracting(0..<end))
        if scan.isMarked { return true }
        if scan.isDoubtful || scan.mayHide {
            let part = end == bytes.count ? text : String(decoding: text.utf8.prefix(end), as: UTF8.self)
            if scan.isDoubtful { return !find(in: part).isEmpty }
            if !HiddenCharacters.count(in: part).isEmpty { return true }
        }
        return scan.hasPhrase
    }

    private static func endOfScalars(_ bytes: Span<UInt8>, _ limit: Int) -> Int {
        if bytes.count <= limit { return bytes.count }
        var count = 0
        for at in bytes.indices where bytes[at] & 0xC0 != 0x80 {
            if count == limit { return at }
            count += 1
        }
        return bytes.count
    }
}

/// Reads a text once, as `Words` does, into the numbers of the words that rules know.
private struct PoisonScan {
    /// A mark was seen that stands by itself.
    private(set) var isMarked = false
    /// There are characters that may be hidden ones; which of them are is for `HiddenCharacters` to say.
    private(set) var mayHide = false
    /// Only the search itself can tell: there may be a tag, or there are letters beyond ASCII whose lower case is within.
    private(set) var isDoubtful = false

    private let rules: PoisonRules
    private let kinds = ByteKind.table
    private var words: [UInt16] = []
    /// The positions in `words` where a phrase may begin.
    private var starts: [(position: Int, isQuoted: Bool)] = []
    private var isQuoted = false
    /// What the byte before was no part of a word, so that a quotation may begin.
    private var mayOpen = true

    init(rules: PoisonRules) { self.rules = rules }

    mutating func read(_ bytes: Span<UInt8>) {
        words.reserveCapacity(bytes.count / 5)
        var at = 0
        while at < bytes.count, !isMarked {
            let byte = bytes[at]
            if kinds[Int(byte)] != ByteKind.other {
                readWord(bytes, &at)
                mayOpen = false
                continue
            }
            at += 1
            switch byte {
            case 0x22, 0x27, 0x60: isQuoted = isQuoted ? false : mayOpen
            case UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: ";"): words.append(PoisonRules.stop)
            case 0x0A:
                if at < bytes.count, bytes[at] == 0x0A {
                    words.append(PoisonRules.stop)
                    isQuoted = false
                }
            case UInt8(ascii: "<"), UInt8(ascii: "["): readTag(bytes, at, opening: byte)
            case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F: isMarked = true
            default: break
            }
            mayOpen = true
        }
    }

    private mutating func readWord(_ bytes: Span<UInt8>, _ at: inout Int) {
        let start = at
        var signs = WordSigns()
        while at < bytes.count {
            let byte = bytes[at]
            switch kinds[Int(byte)] {
            case ByteKind.letter: break
            case ByteKind.sign: signs.hasSign = true
            case ByteKind.joint: break
            case ByteKind.high:
                signs.hasHigh = true
                look(bytes, at)
            default:
                // `don't` is one word.
                guard byte == 0x27, at > start, at + 1 < bytes.count, ByteKind.isLetter(bytes[at - 1]),
                    ByteKind.isLetter(bytes[at + 1])
                else {
                    end(bytes, start, at, signs)
                    return
                }
                signs.hasApostrophe = true
            }
            at += 1
        }
        end(bytes, start, at, signs)
    }

    private struct WordSigns {
        var hasSign = false
        var hasHigh = false
        var hasApostrophe = false
    }

    private mutating func end(_ bytes: Span<UInt8>, _ start: Int, _ stop: Int, _ signs: WordSigns) {
        var (from, to) = (start, stop)
        var ends = false
        while to > from, bytes[to - 1] == UInt8(ascii: ".") || bytes[to - 1] == UInt8(ascii: "-") {
            ends = ends || bytes[to - 1] == UInt8(ascii: ".")
            to -= 1
        }
        while from < to, bytes[from] == UInt8(ascii: "-") { from += 1 }
        if from < to {
            let word = rules.number(
                of: bytes.extracting(from..<to),
                hasApostrophe: signs.hasApostrophe,
                hasHigh: signs.hasHigh,
                hasSign: signs.hasSign
            )
            if rules.begins(word) { starts.append((words.count, isQuoted)) }
            words.append(word)
        }
        if ends { words.append(PoisonRules.stop) }
    }

    /// Looks at a scalar of several bytes, at its first one.
    private mutating func look(_ bytes: Span<UInt8>, _ at: Int) {
        let byte = bytes[at]
        guard byte >= 0xC2 else { return }
        let next = at + 1 < bytes.count ? bytes[at + 1] : 0
        let last = at + 2 < bytes.count ? bytes[at + 2] : 0
        switch byte {
        // Controls.
        case 0xC2: if next < 0xA0, next != 0x85 { mayHide = true }
        // The capital I with a dot.
        case 0xC4: if next == 0xB0 { isDoubtful = true }
        case 0xE1: if next == 0x85 || next == 0xA0 { mayHide = true }
        case 0xE2:
            if next == 0x80, (0x8B...0x8D).contains(last) || (0xAA...0xAE).contains(last) { mayHide = true }
            if next == 0x81, last >= 0xA0 { mayHide = true }
            // The sign of kelvins.
            if next == 0x84, last == 0xAA { isDoubtful = true }
        case 0xE3: if next == 0x85 { mayHide = true }
        case 0xEF: if next == 0xB8 || next == 0xBB || next == 0xBE { mayHide = true }
        case 0xF3: if next == 0xA0 { mayHide = true }
        default: break
        }
    }

    private mutating func readTag(_ bytes: Span<UInt8>, _ start: Int, opening: UInt8) {
        let close = opening == UInt8(ascii: "<") ? UInt8(ascii: ">") : UInt8(ascii: "]")
        // Forty bytes in lower case are never twice as many as they are written.
        let last = min(bytes.count, start + 80)
        var end = start
        while end < last, bytes[end] != close { end += 1 }
        guard end < last else { return }
        if rules.mayBeTag(bytes.extracting(start..<end)) { isDoubtful = true }
    }

    /// Whether the words that were read have a phrase of a rule.
    var hasPhrase: Bool {
        starts.contains { rules.hasPhrase(words.span, at: $0.position, isQuoted: $0.isQuoted) }
    }
}

/// What a byte is to a word.
private enum ByteKind {
    static let other: UInt8 = 0
    static let letter: UInt8 = 1
    /// What names of files have.
    static let sign: UInt8 = 2
    static let joint: UInt8 = 3
    static let high: UInt8 = 4

    static let table: InlineArray<256, UInt8> = {
        var table = InlineArray<256, UInt8>(repeating: other)
        for byte in UInt8.min...UInt8.max {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: table[Int(byte)] = letter
            case UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: "."): table[Int(byte)] = sign
            case _ where "~\\$@-+".utf8.contains(byte): table[Int(byte)] = joint
            case 0x80...0xFF: table[Int(byte)] = high
            default: break
            }
        }
        return table
    }()

    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
}
