extension ResultScreen {
    /// Whether the bytes of a message may hold a sign, so that it has to be read as JSON and screened.
    ///
    /// A no is certain. The bytes are passed over once, with nothing set aside: words are compared only where three letters
    /// of one that matters stand, and the other marks where a byte stands that they need.
    package static func mayHoldSigns(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= mostBytes else { return true }
        var pass = FastPass()
        pass.read(bytes, joint: nil)
        if pass.isFound { return true }
        if pass.texts > 0 { pass.readJoints(bytes) }
        return pass.decide()
    }
}

/// One pass over the bytes of a message.
struct FastPass {
    private let anchors = ScreenAnchors.shared
    private(set) var isFound: Bool
    /// How many members are called `text`.
    private(set) var texts = 0
    private var state = ScreenAnchors.Bits.zero
    private var seen = ScreenAnchors.Bits.zero
    private var isJoined = false
    private var lastWord = 0
    private var escapes = 0
    private var hasMediaType = false
    private var hasData = false
    private var hasCallName = false
    private var hasCallArguments = false

    init() { isFound = ScreenAnchors.shared.isBlind }

    /// Reads bytes; a piece that was put together of the ends of two texts has a joint where the second begins.
    mutating func read(_ bytes: Span<UInt8>, joint: Int?) {
        lastWord = 0
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
            if h0 | h2 | h4 | h6 != 0 {
                if h0 != 0 { readWord(bytes, around: at &+ 1) }
                if h2 != 0 { readWord(bytes, around: at &+ 3) }
                if h4 != 0 { readWord(bytes, around: at &+ 5) }
                if h6 != 0 { readWord(bytes, around: at &+ 7) }
            }
            if all & ScreenAnchors.special != 0 {
                for offset in at..<(at &+ 8) where classes[Int(bytes[offset])] & ScreenAnchors.special != 0 {
                    readSpecial(bytes, offset, joint)
                }
            }
            if all & ScreenAnchors.separates == 0, at >= readRun { readRun = readLongRun(bytes, at, joint) }
            if isFound { return }
            at &+= 8
        }
        while at < bytes.count, !isFound {
            readWord(bytes, around: at)
            if classes[Int(bytes[at])] & ScreenAnchors.special != 0 { readSpecial(bytes, at, joint) }
            if classes[Int(bytes[at])] & ScreenAnchors.separates == 0, at >= readRun {
                readRun = readLongRun(bytes, at, joint)
            }
            at &+= 1
        }
    }

    @inline(__always)
    private static func mark(_ trigrams: Span<UInt64>, _ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt64 {
        let index = Int(a & 31) | Int(b & 31) << 5 | Int(c & 31) << 10
        return trigrams[index >> 6] >> UInt64(index & 63) & 1
    }

    /// Whether what was seen in any order may hold a sign.
    mutating func decide() -> Bool {
        if isFound { return true }
        if hasData && hasMediaType || hasCallName && hasCallArguments { return true }
        if isJoined {
            for _ in 0..<8 { state |= ((state &<< 1) | anchors.starts) & seen }
        }
        if state & anchors.strong != .zero { return true }
        var weak = 0
        for ends in anchors.weak where state & ends != .zero { weak += 1 }
        return weak > 1
    }

    // MARK: Words

    private mutating func readWord(_ bytes: Span<UInt8>, around middle: Int) {
        var start = middle
        while start > lastWord, middle - start < 32, isPart(bytes[start - 1]) { start -= 1 }
        var end = middle
        while end < bytes.count, end - middle < 32, isPart(bytes[end]) { end += 1 }
        guard middle >= lastWord, end - start > 1 else { return }
        lastWord = end
        see(anchors.mask(bytes, start..<end))
        // The letter of an escape is no part of the word.
        if start > 0, bytes[start - 1] == 0x5C { see(anchors.mask(bytes, (start + 1)..<end)) }
    }

    private func isPart(_ byte: UInt8) -> Bool { anchors.classes[Int(byte)] & 31 != 0 }

    private mutating func see(_ mask: ScreenAnchors.Bits) {
        seen |= mask
        state |= ((state &<< 1) | anchors.starts) & mask
        if state & anchors.strong != .zero { isFound = true }
    }

    /// `user's` and `don't` are words without their apostrophe.
    private mutating func readApostrophe(_ bytes: Span<UInt8>, _ at: Int, _ length: Int) {
        guard at > 0, isPart(bytes[at - 1]), at + length < bytes.count, isPart(bytes[at + length]) else { return }
        var word = InlineArray<32, UInt8>(repeating: 0)
        var start = at
        while start > 0, at - start < 24, isPart(bytes[start - 1]) || bytes[start - 1] == 0x27 { start -= 1 }
        var count = 0
        func add(_ byte: UInt8) {
            if count < 32, byte != 0x27 {
                word[count] = byte
                count += 1
            }
        }
        for place in start..<at { add(bytes[place]) }
        var end = at + length
        while end < bytes.count, end - at < 12, isPart(bytes[end]) || bytes[end] == 0x27 {
            add(bytes[end])
            end += 1
        }
        see(anchors.mask(word.span, 0..<count))
        if start > 0, bytes[start - 1] == 0x5C, count > 1 { see(anchors.mask(word.span, 1..<count)) }
    }

    // MARK: Other marks

    private mutating func readSpecial(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) {
        let next = at + 1 < bytes.count ? bytes[at + 1] : 0
        switch bytes[at] {
        case 0x27: readApostrophe(bytes, at, 1)
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

    private func hexadecimal(_ bytes: Span<UInt8>, _ at: Int, _ count: Int) -> Int? {
        guard at + count <= bytes.count else { return nil }
        var number = 0
        for place in at..<(at + count) {
            guard let digit = ScreenEncoded.nibble(bytes[place]) else { return nil }
            number = number << 4 | Int(digit)
        }
        return number
    }

    private mutating func countLetter(_ value: Int?) {
        guard let value, value < 0x7F, UInt8(value) | 0x20 >= 0x61, UInt8(value) | 0x20 <= 0x7A else { return }
        escapes += 1
        if escapes >= 8 { isFound = true }
    }

    private mutating func countEntity(_ bytes: Span<UInt8>, _ start: Int) {
        let isHex = start < bytes.count && bytes[start] | 0x20 == 0x78
        var number = 0
        for at in (start + (isHex ? 1 : 0))..<min(bytes.count, start + 8) {
            guard let digit = ScreenEncoded.nibble(bytes[at]) else { break }
            number = number * (isHex ? 16 : 10) + Int(digit)
        }
        countLetter(number)
    }

    private mutating func readEscape(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) {
        guard at + 1 < bytes.count else { return }
        switch bytes[at + 1] {
        case 0x62: isFound = true
        case 0x75:
            guard let value = hexadecimal(bytes, at + 2, 4) else {
                isFound = joint == nil
                return
            }
            switch value {
            case 0x3E: break
            case 0x3C: readAngle(bytes, at + 6, joint)
            case 0x26: if at + 6 < bytes.count, bytes[at + 6] == 0x23 || bytes[at + 6] == 0x5C { isFound = true }
            case 0..<0x80: isFound = true
            case 0xD800..<0xDC00:
                guard at + 7 < bytes.count, bytes[at + 6] == 0x5C, let low = hexadecimal(bytes, at + 8, 4) else {
                    isFound = isFound || joint == nil
                    return
                }
                readScalar(0x10000 + (value - 0xD800) << 10 + (low - 0xDC00), bytes, at, 12)
            case 0xDC00..<0xE000: break
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

    private func has(_ word: StaticString, _ bytes: Span<UInt8>, _ at: Int) -> Bool {
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

    private mutating func readCallWord(_ bytes: Span<UInt8>, _ at: Int) {
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

    private static let claims: [StaticString] = [
        "important", "system", "instruction", "information", "hidden", "secret", "override", "admin", "assistant",
        "critical", "mandatory", "priority", "developer", "internal", "confidential", "urgent", "agent", "ai>", "tool",
        "function", "invoke", "use_mcp", "start_of_turn", "end_of_turn", "!--", "|", "<s", "</s", "img",
    ]

    /// What begins with `<`: a marker, a tag that claims authority, or one with a style.
    private mutating func readAngle(_ bytes: Span<UInt8>, _ start: Int, _ joint: Int?) {
        guard start < bytes.count else { return }
        let byte = bytes[start]
        if byte == 0x2F || byte == 0x20 { return }
        guard isPart(byte) || byte == 0x2D || byte == 0x21 || byte == 0x7C || byte == 0x3C || byte == 0x5C else {
            return
        }
        for word in Self.claims where has(word, bytes, start) {
            isFound = true
            return
        }
        // `\u003c` twice, or an escape within the mark.
        if byte == 0x5C {
            isFound = isFound || start + 1 < bytes.count && bytes[start + 1] == 0x75
            return
        }
        var end = start
        while end < bytes.count, isPart(bytes[end]) || bytes[end] == 0x2D { end += 1 }
        guard end < bytes.count, bytes[end] == 0x20 || bytes[end] == 0x5C else {
            if end == bytes.count, joint != nil { isFound = true }
            return
        }
        let limit = min(bytes.count, end + 1_600)
        while end < limit {
            switch bytes[end] {
            case 0x3E: return
            case 0x3A where end + 1 < bytes.count && bytes[end + 1] != 0x2F: isFound = true
            case 0x48, 0x68: if has("hidden", bytes, end) { isFound = true }
            case 0x5C where end + 1 < bytes.count && bytes[end + 1] == 0x75: isFound = true
            // The end of the text, where what follows in the next one may belong to it.
            case 0x22 where bytes[end - 1] != 0x5C:
                if texts > 1 { isFound = true }
                isOpen = true
                return
            default: break
            }
            if isFound { return }
            end += 1
        }
        if end == bytes.count, joint != nil || limit == end { isFound = isFound || joint != nil }
        if limit == end, limit < bytes.count { isFound = true }
    }

    /// A tag was not closed in its text.
    private var isOpen = false

    private static let brackets: [StaticString] = [
        "inst]", "/inst]", "tool_", "available_tools", "system]", "hidden]", "assistant]", "developer]", "system ",
        "admin]",
    ]

    private mutating func readBracket(_ bytes: Span<UInt8>, _ at: Int) {
        guard at < bytes.count, bytes[at] != 0x22 else { return }
        for word in Self.brackets where has(word, bytes, at) { isFound = true }
    }

    private static let roles: [StaticString] = [
        "system", "assistant", "developer", "message", "prompt", "note", "override", "instruction", "instructions",
        "notice",
        "ai", "llm", "admin", "administrator",
    ]

    private mutating func readColon(_ bytes: Span<UInt8>, _ at: Int) {
        var end = at
        if end > 1, bytes[end - 1] == 0x22, bytes[end - 2] == 0x5C { return }
        while end > 0, isAfterRole(bytes[end - 1]) { end -= 1 }
        guard end > 0 else { return }
        if bytes[end - 1] == 0x22 {
            guard end < 2 || bytes[end - 2] != 0x5C else { return }
            readKey(bytes, end, at + 1)
            // A text that begins with a colon follows what stands in the element before.
            var before = end - 1
            while before > 0, bytes[before - 1] <= 0x20 { before -= 1 }
            if before > 0, [0x2C, 0x5B, 0x3A].contains(bytes[before - 1]) { isFound = true }
            return
        }
        var start = end
        while start > 0, end - start < 16, (bytes[start - 1] | 0x20) &- 0x61 < 26 { start -= 1 }
        guard end > start, isLastOfRole(bytes[end - 1] | 0x20) else { return }
        for shift in 0..<2 where start + shift < end {
            if shift == 1, start == 0 || bytes[start - 1] != 0x5C { break }
            for role in Self.roles
            where role.utf8CodeUnitCount == end - start - shift && has(role, bytes, start + shift) {
                isFound = true
            }
        }
    }

    private func isLastOfRole(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x6D, 0x74, 0x72, 0x65, 0x6E, 0x73, 0x69: true
        default: false
        }
    }

    private func isAfterRole(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x2A || byte == 0x5D || byte == 0x29 || byte == 0x5F
    }

    private mutating func readKey(_ bytes: Span<UInt8>, _ end: Int, _ after: Int) {
        guard end > 5 else { return }
        if has("\"text\"", bytes, end - 6) { texts += 1 }
        if has("\"mimetype\"", bytes, end - 10) { hasMediaType = true }
        let isBlob = has("\"blob\"", bytes, end - 6)
        guard isBlob || has("\"data\"", bytes, end - 6) else { return }
        var at = after
        while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
        guard at < bytes.count, bytes[at] == 0x22, !isPicture(bytes, at + 1) else { return }
        if isBlob { isFound = true } else { hasData = true }
    }

    private func isPicture(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        guard at + 5 <= bytes.count else { return false }
        func starts(_ text: StaticString) -> Bool {
            for offset in 0..<text.utf8CodeUnitCount {
                let known = unsafe text.utf8Start[offset]
                if bytes[at + offset] != known { return false }
            }
            return true
        }
        return starts("iVBOR") || starts("/9j/")
    }

    // MARK: Beyond ASCII

    private mutating func readWide(_ bytes: Span<UInt8>, _ at: Int) {
        let length = bytes[at] >= 0xF0 ? 4 : bytes[at] >= 0xE0 ? 3 : 2
        guard at + length <= bytes.count else { return }
        var value = Int(bytes[at]) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
        for place in (at + 1)..<(at + length) { value = value << 6 | Int(bytes[place] & 0x3F) }
        readScalar(value, bytes, at, length)
    }

    private mutating func readScalar(_ value: Int, _ bytes: Span<UInt8>, _ at: Int, _ length: Int) {
        switch value {
        case 0x2018, 0x2019, 0x02BC: readApostrophe(bytes, at, length)
        // Signs, and letters that look like no other or stand for themselves; spaces and dashes only part words.
        case 0xA0...0xAC, 0xAE...0x130, 0x132...0x24F: break
        case 0x0590...0x10FF, 0x1161...0x180D, 0x180F...0x200A, 0x2010...0x2029, 0x202F...0x205F: break
        case 0x2070...0x24B5, 0x24EA...0x3163, 0x3165...0xD7FF, 0xE000...0xFDFF, 0xFE10...0xFEFE: break
        case 0x1D6A4...0x1F12F, 0x1F14A...0x3FFFF: break
        case 0xFE0F:
            // What makes a sign an emoji, once and after no letter.
            let isAfterSign = at > 2 && bytes[at - 1] >= 0x80 && bytes[at - 3] >= 0xE2
            let isLast = at + length >= bytes.count || bytes[at + length] < 0x80
            if !isAfterSign || !isLast || length != 3 { isFound = true }
        default: isFound = true
        }
    }

    // MARK: Encoded texts

    /// Looks at the run of characters of base64 around a place, and says where it ends.
    private mutating func readLongRun(_ bytes: Span<UInt8>, _ at: Int, _ joint: Int?) -> Int {
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

    private func isEncoded(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        anchors.classes[Int(bytes[at])] & ScreenAnchors.separates == 0
    }

    // MARK: Texts that are cut over several elements

    /// Reads the ends of the texts of a message together with the beginnings of the next ones.
    mutating func readJoints(_ bytes: Span<UInt8>) {
        var held = InlineArray<192, UInt8>(repeating: 0)
        var count = 0
        var depth = 0
        var depthOfTexts: Int?
        var isText = false
        var depthsOfStrings: UInt64 = 0
        var number = 0
        var at = 0
        while at < bytes.count, !isFound {
            let byte = bytes[at]
            at += 1
            if byte == 0x7B || byte == 0x5B { depth += 1 }
            // What is no JSON may close more than it opens.
            if byte == 0x7D || byte == 0x5D { depth = max(0, depth - 1) }
            guard byte == 0x22 else { continue }
            let start = at
            while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
            let end = min(at, bytes.count)
            at += 1
            var after = at
            while after < bytes.count, bytes[after] <= 0x20 { after += 1 }
            if after < bytes.count, bytes[after] == 0x3A {
                isText = end - start == 4 && has("text", bytes, start)
                at = after + 1
                while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
                if at < bytes.count, bytes[at] != 0x22 { isText = false }
                continue
            }
            var before = start - 1
            while before > 0, bytes[before - 1] <= 0x20 { before -= 1 }
            if !isText, before > 0, bytes[before - 1] == 0x2C || bytes[before - 1] == 0x5B {
                depthsOfStrings |= 1 << UInt64(min(depth, 63))
            }
            guard isText else { continue }
            isText = false
            number += 1
            if let other = depthOfTexts, other != depth { isFound = true }
            depthOfTexts = depth
            let joint = count
            for place in start..<min(end, start + 96) {
                held[count] = bytes[place]
                count += 1
            }
            if number > 1 {
                isJoined = true
                if isOpen { isFound = true }
                read(held.span.extracting(0..<count), joint: joint)
            }
            // The last bytes are kept for the next one.
            if end - start > 96 {
                count = 0
                for place in (end - 96)..<end {
                    held[count] = bytes[place]
                    count += 1
                }
            } else if count > 96 {
                let surplus = count - 96
                for place in 0..<96 { held[place] = held[place + surplus] }
                count = 96
            }
        }
        // Strings and objects with texts in one array are one text as well.
        if let depth = depthOfTexts, depth > 0, depthsOfStrings >> UInt64(min(depth - 1, 63)) & 1 != 0 {
            isFound = true
        }
    }
}
