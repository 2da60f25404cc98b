extension ResultScreen {
    /// Whether the bytes of a message may hold a sign, so that it has to be read as JSON and screened.
    ///
    /// A no is certain. The bytes are passed over once, with nothing set aside: words are compared only where three letters
    /// of one that matters stand, and the other marks where a byte stands that they need. A message with escapes, or with
    /// characters that the screen reads as those of ASCII, is first written as the screen reads it.
    package static func mayHoldSigns(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= mostBytes else { return true }
        var pass = FastPass()
        pass.read(bytes, joint: nil)
        if pass.isFound { return true }
        guard pass.needsFolding else { return pass.end(bytes) }
        guard let folded = FastFolds.folded(bytes) else { return true }
        pass = FastPass(isFolded: true)
        pass.read(folded.span, joint: nil)
        return pass.end(folded.span)
    }
}

/// One pass over the bytes of a message.
struct FastPass {
    let anchors = ScreenAnchors.shared
    var isFound: Bool
    /// How many members are called `text`.
    var texts = 0
    /// Anchors that were seen in their order, however far apart, as words of several texts may be read as one.
    var state = ScreenAnchors.Bits.zero
    var seen = ScreenAnchors.Bits.zero
    /// The same within a sentence of one text.
    var sentence = SentenceState()
    /// A tag, or a bracket with a role, was not closed in its text.
    var isOpen = false
    /// Up to here, no tag holds anything that matters before it ends.
    var tagsReadTo = 0
    /// Whether the bytes were written by `FastFolds`.
    let isFolded: Bool
    /// Something was seen that the screen reads as something else, so that marks and words may be others.
    var needsFolding = false
    var isJoined = false
    /// Whether what is read was put together of the ends of two texts.
    var isPiece = false
    var lastWord = 0
    var escapes = 0
    var hasMediaType = false
    var hasData = false
    var hasCallName = false
    var hasCallArguments = false

    init(isFolded: Bool = false) {
        self.isFolded = isFolded
        isFound = ScreenAnchors.shared.isBlind
    }

    /// Whether the message may hold a sign, after all of its bytes were read.
    mutating func end(_ bytes: Span<UInt8>) -> Bool {
        if !isFound, texts > 0 { readJoints(bytes) }
        return decide(bytes)
    }

    /// Reads bytes; a piece that was put together of the ends of two texts has a joint where the second begins.
    mutating func read(_ bytes: Span<UInt8>, joint: Int?) {
        lastWord = 0
        tagsReadTo = 0
        isPiece = joint != nil
        let shared = anchors
        let classes = shared.classes.span
        let trigrams = shared.trigrams.span
        var at = 0
        var readRun = 0
        // The two bytes after the eight are looked at as well.
        while at &+ 10 <= bytes.count {
            let c0 = classes[Int(bytes[at])], c1 = classes[Int(bytes[at &+ 1])]
            let c2 = classes[Int(bytes[at &+ 2])], c3 = classes[Int(bytes[at &+ 3])]
            let c4 = classes[Int(bytes[at &+ 4])], c5 = classes[Int(bytes[at &+ 5])]
            let c6 = classes[Int(bytes[at &+ 6])], c7 = classes[Int(bytes[at &+ 7])]
            let c8 = classes[Int(bytes[at &+ 8])], c9 = classes[Int(bytes[at &+ 9])]
            let all = c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7
            let h0 = Self.mark(trigrams, c0, c1, c2), h2 = Self.mark(trigrams, c2, c3, c4)
            let h4 = Self.mark(trigrams, c4, c5, c6), h6 = Self.mark(trigrams, c6, c7, c8)
            _ = c9
            if all & ScreenAnchors.special != 0 {
                // In their order: `don't` comes before the word after it.
                let hits = h0 << 1 | h2 << 3 | h4 << 5 | h6 << 7
                for offset in 0..<8 {
                    if classes[Int(bytes[at &+ offset])] & ScreenAnchors.special != 0 {
                        readSpecial(bytes, at &+ offset, joint)
                    } else if hits >> UInt64(offset) & 1 != 0 {
                        readWord(bytes, around: at &+ offset)
                    }
                }
            } else if h0 | h2 | h4 | h6 != 0 {
                if h0 != 0 { readWord(bytes, around: at &+ 1) }
                if h2 != 0 { readWord(bytes, around: at &+ 3) }
                if h4 != 0 { readWord(bytes, around: at &+ 5) }
                if h6 != 0 { readWord(bytes, around: at &+ 7) }
            }
            if all & ScreenAnchors.separates == 0, at >= readRun { readRun = readLongRun(bytes, at, joint) }
            if isFound || needsFolding { return }
            at &+= 8
        }
        while at < bytes.count, !isFound, !needsFolding {
            readWord(bytes, around: at)
            if classes[Int(bytes[at])] & ScreenAnchors.special != 0 { readSpecial(bytes, at, joint) }
            if classes[Int(bytes[at])] & ScreenAnchors.separates == 0, at >= readRun {
                readRun = readLongRun(bytes, at, joint)
            }
            at &+= 1
        }
    }

    @inline(__always)
    static func mark(_ trigrams: Span<UInt64>, _ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt64 {
        let index = Int(a & 31) | Int(b & 31) << 5 | Int(c & 31) << 10
        return trigrams[index >> 6] >> UInt64(index & 63) & 1
    }

    /// Whether what was seen in any order may hold a sign.
    mutating func decide(_ bytes: Span<UInt8>) -> Bool {
        if isFound { return true }
        if hasData && hasMediaType || hasCallName && hasCallArguments { return true }
        let hasLists = Self.hasLists(bytes)
        if isOpen, hasLists { return true }
        if isJoined {
            for _ in 0..<8 { state |= ((state &<< 1) | anchors.starts) & seen }
        }
        var isNear = state & anchors.strong != .zero
        var weak = 0
        for ends in anchors.weak where state & ends != .zero { weak += 1 }
        isNear = isNear || weak > 1
        // What is too far apart for one text may still stand close together where texts are put together.
        return isNear && (isJoined || hasLists)
    }

    /// Whether a list has several elements, whose texts are also read as one.
    static func hasLists(_ bytes: Span<UInt8>) -> Bool {
        var lists: UInt64 = 0
        var depth = 0
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case 0x22:
                at += 1
                while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
            case 0x5B, 0x7B:
                depth += 1
                guard depth < 64 else { return true }
                lists = bytes[at] == 0x5B ? lists | 1 << UInt64(depth) : lists & ~(1 << UInt64(depth))
            case 0x5D, 0x7D:
                depth -= 1
                // What is no JSON may close more than it opens.
                guard depth >= 0 else { return true }
            case 0x2C: if lists >> UInt64(depth) & 1 != 0 { return true }
            default: break
            }
            at += 1
        }
        return false
    }

    // MARK: Words

    mutating func readWord(_ bytes: Span<UInt8>, around middle: Int) {
        var start = middle
        while start > lastWord, middle - start < 32, isPart(bytes[start - 1]) { start -= 1 }
        var end = middle
        while end < bytes.count, end - middle < 32, isPart(bytes[end]) { end += 1 }
        guard middle >= lastWord, end - start > 1 else { return }
        lastWord = end
        see(anchors.mask(bytes, start..<end), bytes, start)
        // The letter of an escape is no part of the word.
        if start > 0, bytes[start - 1] == 0x5C { see(anchors.mask(bytes, (start + 1)..<end), bytes, start) }
    }

    func isPart(_ byte: UInt8) -> Bool { anchors.classes[Int(byte)] & 31 != 0 }

    mutating func see(_ mask: ScreenAnchors.Bits, _ bytes: Span<UInt8>, _ start: Int) {
        guard mask != .zero else { return }
        seen |= mask
        state |= ((state &<< 1) | anchors.starts) & mask
        if isPiece {
            if state & anchors.strong != .zero { isFound = true }
        } else if sentence.see(mask, anchors, bytes, start) {
            isFound = true
        }
    }

    /// `user's` and `don't` are words without their apostrophe; where one stands for a wrong letter, it counts as one.
    mutating func readApostrophe(_ bytes: Span<UInt8>, _ at: Int) {
        guard at > 0, isPart(bytes[at - 1]), let end = endOfEnding(bytes, at + 1) else { return }
        var start = at
        while start > 0, at - start < 28 {
            if !isPart(bytes[start - 1]) {
                guard bytes[start - 1] == 0x27, endOfEnding(bytes, start) != nil else { break }
            }
            start -= 1
        }
        var word = InlineArray<40, UInt8>(repeating: 0)
        var count = 0
        for place in start..<end where bytes[place] != 0x27 {
            word[count] = bytes[place]
            count += 1
        }
        see(anchors.mask(word.span, 0..<count) | anchors.mask(bytes, start..<end), bytes, start)
        guard start > 0, bytes[start - 1] == 0x5C, count > 1 else { return }
        see(anchors.mask(word.span, 1..<count) | anchors.mask(bytes, (start + 1)..<end), bytes, start)
    }

    /// Where `s`, `t`, `re` and the like end that stand at a place and that nothing else follows.
    func endOfEnding(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        func isEnd(_ place: Int) -> Bool {
            place >= bytes.count || !isPart(bytes[place]) && bytes[place] < 0x80
        }
        guard at < bytes.count else { return nil }
        let first = bytes[at] | 0x20
        if isEnd(at + 1) { return isPart(bytes[at]) && "stdm".utf8.contains(first) ? at + 1 : nil }
        guard isEnd(at + 2) else { return nil }
        let second = bytes[at + 1] | 0x20
        let isEnding = second == 0x65 && (first == 0x72 || first == 0x76) || second == 0x6C && first == 0x6C
        return isEnding ? at + 2 : nil
    }

    // MARK: Other marks

    mutating func readSpecial(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) {
        let next = at + 1 < bytes.count ? bytes[at + 1] : 0
        switch bytes[at] {
        case 0x27: readApostrophe(bytes, at)
        case 0x5C: readEscape(bytes, at, joint)
        case 0x25: countLetter(hexadecimal(bytes, at + 1, 2))
        case 0x26: if next == 0x23 { countEntity(bytes, at + 2) }
        case 0x3C: readAngle(bytes, at + 1, joint)
        case 0x21: if next == 0x5B { isFound = true }
        case 0x3A: readColon(bytes, at)
        case 0x5B: readBracket(bytes, at + 1)
        default: if bytes[at] >= 0xC0 { readWide(bytes, at) }
        }
    }

    func hexadecimal(_ bytes: Span<UInt8>, _ at: Int, _ count: Int) -> Int? {
        guard at + count <= bytes.count else { return nil }
        var number = 0
        for place in at..<(at + count) {
            guard let digit = ScreenEncoded.nibble(bytes[place]) else { return nil }
            number = number << 4 | Int(digit)
        }
        return number
    }

    mutating func countLetter(_ value: Int?) {
        guard let value, value < 0x7F, UInt8(value) | 0x20 >= 0x61, UInt8(value) | 0x20 <= 0x7A else { return }
        escapes += 1
        if escapes >= 8 { isFound = true }
    }

    mutating func countEntity(_ bytes: Span<UInt8>, _ start: Int) {
        let isHex = start < bytes.count && bytes[start] | 0x20 == 0x78
        var number = 0
        for at in (start + (isHex ? 1 : 0))..<min(bytes.count, start + 8) {
            guard let digit = ScreenEncoded.nibble(bytes[at]) else { break }
            number = number * (isHex ? 16 : 10) + Int(digit)
        }
        countLetter(number)
    }

    mutating func readEscape(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) {
        guard at + 1 < bytes.count else { return }
        switch bytes[at + 1] {
        case 0x62, 0x66: isFound = true
        case 0x2F: needsFolding = !isFolded
        case 0x75:
            guard let value = hexadecimal(bytes, at + 2, 4) else {
                isFound = joint == nil
                return
            }
            switch value {
            case 0x26, 0x3C, 0x3E: needsFolding = !isFolded
            case 0..<0x80: isFound = true
            case 0xD800..<0xDC00:
                guard at + 7 < bytes.count, bytes[at + 6] == 0x5C, let low = hexadecimal(bytes, at + 8, 4),
                    low >= 0xDC00, low < 0xE000
                else {
                    isFound = isFound || joint == nil
                    return
                }
                readScalar(0x10000 + (value - 0xD800) << 10 + (low - 0xDC00), bytes, at, 12)
            default: readScalar(value, bytes, at, 6)
            }
        case 0x5C:
            let kind = at + 2 < bytes.count ? bytes[at + 2] | 0x20 : 0
            if kind == 0x75, let value = hexadecimal(bytes, at + 3, 4), value < 0x7F { isFound = true }
            if kind == 0x78 { countLetter(hexadecimal(bytes, at + 3, 2)) }
        case 0x22: readCallWord(bytes, at + 2)
        default: break
        }
    }

    func has(_ word: StaticString, _ bytes: Span<UInt8>, _ at: Int) -> Bool {
        let count = word.utf8CodeUnitCount
        guard at >= 0, at + count <= bytes.count else { return false }
        for offset in 0..<count {
            let byte = bytes[at + offset]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            let known = unsafe word.utf8Start[offset]
            if lower != known { return false }
        }
        return true
    }

    mutating func readCallWord(_ bytes: Span<UInt8>, _ at: Int) {
        guard at < bytes.count else { return }
        switch bytes[at] | 0x20 {
        case 0x6E, 0x74, 0x66, 0x61, 0x70: break
        default: return
        }
        if has("name\\", bytes, at) || has("tool\\", bytes, at) || has("function\\", bytes, at)
            || has("action\\", bytes, at)
        {
            hasCallName = true
        } else if has("arguments\\", bytes, at) || has("parameters\\", bytes, at) || has("action_input\\", bytes, at) {
            hasCallArguments = true
        } else if has("tool_calls\\", bytes, at) || has("function_call\\", bytes, at) || has("tool_use\\", bytes, at) {
            isFound = true
        }
    }

    // MARK: Beyond ASCII

    mutating func readWide(_ bytes: Span<UInt8>, _ at: Int) {
        guard let (value, length) = FastFolds.scalar(bytes, at) else { return }
        readScalar(value, bytes, at, length)
    }

    mutating func readScalar(_ value: Int, _ bytes: Span<UInt8>, _ at: Int, _ length: Int) {
        if value == 0xFE0F {
            if !FastFolds.isOfEmoji(bytes, at, length) { isFound = true }
        } else if FastFolds.isOdd(value) {
            isFound = true
        } else if length > 4 || FastFolds.plain(value) != nil {
            needsFolding = !isFolded
        }
    }

    // MARK: Encoded texts

    /// Looks at the run of characters of base64 around a place, and says where it ends.
    mutating func readLongRun(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) -> Int {
        var start = at
        while start > 0, isEncoded(bytes, start - 1) { start -= 1 }
        var end = at
        while end < bytes.count, isEncoded(bytes, end) { end += 1 }
        guard end - start >= ScreenEncoded.shortest else { return end }
        if let joint, start < joint, joint < end { isFound = true }
        if end < bytes.count, bytes[end] == 0x5C, end + 1 < bytes.count, bytes[end + 1] == 0x2F { isFound = true }
        if !isFound, ScreenEncoded.mayBeReadable(bytes, start..<end) { isFound = true }
        return end
    }

    func isEncoded(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        anchors.classes[Int(bytes[at])] & ScreenAnchors.separates == 0
    }
}
