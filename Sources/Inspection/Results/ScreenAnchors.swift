/// The rarer words of the rules' phrases in the order in which each phrase needs them.
///
/// A phrase can stand in a message only where a word of each of its anchors does, one after the other. They are made of the
/// rules themselves, so that a rule that is added is looked for as well.
struct ScreenAnchors: Sendable {
    typealias Bits = SIMD4<UInt64>

    static let shared = ScreenAnchors()

    /// Bits of a byte's class: five of the letter, and two of what else has to be known.
    static let special: UInt8 = 0x20
    static let separates: UInt8 = 0x40

    /// For each byte: 1 to 26 for letters, 27 for what else is part of a word, 0 for others, and the bits above.
    let classes: [UInt8]
    /// One bit for each three letters that a word of an anchor has at one of two neighbouring places.
    let trigrams: [UInt64]
    /// The first anchors of phrases, the last ones of strong ones, and the last ones of each weak rule.
    let starts: Bits
    let strong: Bits
    let weak: [Bits]
    let anyWeak: Bits
    /// Whether there is a phrase without a word that is rare enough; then nothing can be ruled out.
    let isBlind: Bool

    private let slots: [UInt16]
    private let words: [[UInt8]]
    private let masks: [Bits]

    private static let common: Set<String> = [
        "the", "your", "our", "this", "that", "it", "these", "those", "you", "to", "of", "for", "from", "in", "on",
        "at", "is",
        "are", "a", "an", "any", "all", "every", "and", "or", "not", "dont", "never", "do", "what", "with", "about",
        "must",
        "should", "shall", "please", "need", "have", "has", "can", "may", "if", "as", "by", "we", "i", "use", "run",
        "say",
        "them", "so", "now", "next", "then", "first", "also", "ever", "before", "after", "without", "will", "via",
    ]

    private init() {
        var groups: [(bit: Int, words: Set<String>)] = []
        var starts = Bits.zero
        var strong = Bits.zero
        var weak: [Bits] = []
        var isBlind = false
        var next = 0
        for rule in ScreenRules.rules where rule.strength != .slight {
            var ends = Bits.zero
            for phrase in rule.phrases {
                let parts = Self.anchors(phrase)
                // A phrase stands within one lane, for no bit is carried to the next.
                if next % 64 + parts.count > 64 { next += 64 - next % 64 }
                if parts.isEmpty || next + parts.count > 256 || !Self.isWithinSentence(phrase) {
                    isBlind = true
                    continue
                }
                starts[next / 64] |= 1 << UInt64(next % 64)
                for part in parts {
                    groups.append((next, part))
                    next += 1
                }
                ends[(next - 1) / 64] |= 1 << UInt64((next - 1) % 64)
            }
            if rule.strength == .strong { strong |= ends } else { weak.append(ends) }
        }
        var masks: [String: Bits] = [:]
        for (bit, words) in groups {
            for word in words { masks[word, default: .zero][bit / 64] |= 1 << UInt64(bit % 64) }
        }
        self.starts = starts
        self.strong = strong
        self.weak = weak
        anyWeak = weak.reduce(.zero, |)
        self.isBlind = isBlind
        var slots = [UInt16](repeating: 0, count: Self.slotCount)
        var words: [[UInt8]] = []
        var found: [Bits] = []
        var trigrams = [UInt64](repeating: 0, count: 512)
        for (word, mask) in masks.sorted(by: { $0.key < $1.key }) {
            words.append(Array(word.utf8))
            found.append(mask)
            var slot = word.utf8.reduce(0) { Self.mixed($0, $1) } & (Self.slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
            slots[slot] = UInt16(words.count)
            for trigram in Self.trigrams(Array(word.utf8)) { trigrams[trigram >> 6] |= 1 << UInt64(trigram & 63) }
        }
        // Either half of a word with one wrong letter is as it should be.
        for half in ["inst", "ucti", "prev", "ious", "disr", "gard"] {
            for trigram in Self.trigrams(Array(half.utf8)) { trigrams[trigram >> 6] |= 1 << UInt64(trigram & 63) }
        }
        self.slots = slots
        self.words = words
        self.masks = found
        self.trigrams = trigrams
        classes = (0..<256).map { Self.byteClass(UInt8($0)) }
    }

    /// The parts of a phrase that have to be there and are not in every text.
    private static func anchors(_ phrase: Phrase) -> [Set<String>] {
        var usable: [Set<String>] = []
        for case .word(let words, isOptional: false) in phrase.parts {
            guard words.allSatisfy({ $0.utf8.count > 1 && $0.utf8.allSatisfy { $0 &- 0x61 < 26 } }) else { continue }
            usable.append(words)
        }
        // One word alone is in many texts; common ones are looked for where there are too few others.
        func cost(_ words: Set<String>) -> (Int, Int) {
            (words.intersection(common).count, -(words.map(\.utf8.count).min() ?? 0))
        }
        let rare = usable.indices.filter { usable[$0].isDisjoint(with: common) }
        let others = usable.indices.filter { !usable[$0].isDisjoint(with: common) }
            .sorted { cost(usable[$0]) < cost(usable[$1]) }
        let most = 3
        return (rare + others.prefix(max(0, most - rare.count))).sorted().map { usable[$0] }
    }

    /// Whether the phrase takes up no more words than are looked at together, and no end of a sentence before its own.
    private static func isWithinSentence(_ phrase: Phrase) -> Bool {
        var length = 0
        for (index, part) in phrase.parts.enumerated() {
            switch part {
            case .gap(let words): length += words
            case .word(let words, isOptional: _):
                length += 1
                if index < phrase.parts.count - 1, words.contains(".") { return false }
            }
        }
        return length < SentenceState.stretch
    }

    private static func byteClass(_ byte: UInt8) -> UInt8 {
        let isLetter = (byte | 0x20) &- 0x61 < 26 && byte < 0x80
        var kind: UInt8 = isLetter ? byte & 0x1F : byte &- 0x30 < 10 || byte == 0x5F ? 27 : 0
        if "'\\%&<!:[".utf8.contains(byte) || byte >= 0x80 { kind |= special }
        if !ScreenEncoded.isBase64(byte) || byte >= 0x80 { kind |= separates }
        return kind
    }

    /// The letters at two neighbouring places of a word, of which every second place of a text meets one.
    private static func trigrams(_ word: [UInt8]) -> [Int] {
        let letters = word.map { Int($0 & 0x1F) }
        func index(_ a: Int, _ b: Int, _ c: Int) -> Int { a | b << 5 | c << 10 }
        switch letters.count {
        case 2:
            // The letter of `\n` stands right before a word.
            let before = [0] + "ntrf".utf8.map { Int($0 & 0x1F) }
            return before.map { index($0, letters[0], letters[1]) } + [index(letters[0], letters[1], 0)]
        case 3: return [index(letters[0], letters[1], letters[2]), index(letters[1], letters[2], 0)]
        default:
            func cost(_ at: Int) -> Int { letters[at..<(at + 4)].reduce(0) { $0 + frequency[$1 - 1] } }
            let at = (0...(letters.count - 4)).min { cost($0) < cost($1) } ?? 0
            return [
                index(letters[at], letters[at + 1], letters[at + 2]),
                index(letters[at + 1], letters[at + 2], letters[at + 3]),
            ]
        }
    }

    /// How often letters stand in English texts, of a thousand.
    private static let frequency = [
        82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1,
    ]

    private static let slotCount = 2_048

    @inline(__always) private static func mixed(_ hash: Int, _ byte: UInt8) -> Int {
        let mixed = (hash ^ Int(byte)) &* 16_777_619 & 0xFFFF_FFFF
        return mixed ^ mixed >> 15
    }

    /// Which anchors a word belongs to.
    func mask(_ bytes: borrowing Span<UInt8>, _ place: Range<Int>) -> Bits {
        guard place.count > 1 else { return .zero }
        var hash = 0
        for at in place { hash = Self.mixed(hash, bytes[at] | 0x20) }
        var slot = hash & (Self.slotCount - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if isSame(words[index], bytes, place) { return masks[index] }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return place.count > 7 ? misspelled(bytes, place) : .zero
    }

    private func isSame(_ word: [UInt8], _ bytes: borrowing Span<UInt8>, _ place: Range<Int>) -> Bool {
        guard word.count == place.count else { return false }
        for offset in word.indices where word[offset] != bytes[place.lowerBound + offset] | 0x20 { return false }
        return true
    }

    private static let longWords = ["instructions", "instruction", "previous", "disregard"].map { Array($0.utf8) }

    private func misspelled(_ bytes: borrowing Span<UInt8>, _ place: Range<Int>) -> Bits {
        for known in Self.longWords where abs(known.count - place.count) < 2 {
            let most = min(known.count, place.count)
            var head = 0
            while head < most, known[head] == bytes[place.lowerBound + head] | 0x20 { head += 1 }
            var tail = 0
            while tail < most, known[known.count - 1 - tail] == bytes[place.upperBound - 1 - tail] | 0x20 { tail += 1 }
            if head + tail + 1 >= max(known.count, place.count) { return mask(known.span, known.indices) }
        }
        return .zero
    }
}
