/// A text as the numbers of its words, and what they say together.
struct ScreenWords {
    /// Two weak phrases belong together within so many words.
    private static let reach = 60

    private var numbers: [UInt16] = []
    /// Where each word stands.
    private var places: [Range<Int>] = []
    private let bytes: [UInt8]

    /// - Parameter bytes: A text whose letters were folded by `ScreenText`.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let rules = ScreenRules.shared
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if Self.isPart(byte) {
                let start = at
                var signs = 0
                var capitals = 0
                while at < bytes.count {
                    if Self.isPart(bytes[at]) {
                        if bytes[at] == 0x5F { signs += 1 }
                        if bytes[at] &- 0x41 < 26, at > start, bytes[at - 1] &- 0x61 < 26 { capitals += 1 }
                        at += 1
                    } else if bytes[at] == 0x27, at > start, at + 1 < bytes.count, Self.isEnding(bytes, at + 1) {
                        at += 1
                    } else if bytes[at] == 0x2E || bytes[at] == 0x2F, at + 1 < bytes.count, Self.isPart(bytes[at + 1]) {
                        signs += 256
                        at += 1
                    } else {
                        break
                    }
                }
                append(start..<at, signs: signs, capitals: capitals, rules)
                continue
            }
            at += 1
            switch byte {
            case 0x21, 0x3F, 0x3B, 0x2E: stop(at - 1)
            case 0x0A where at < bytes.count && bytes[at] == 0x0A: stop(at - 1)
            // `\n` in a text within a text.
            case 0x5C where at < bytes.count && (bytes[at] == 0x6E || bytes[at] == 0x74 || bytes[at] == 0x72): at += 1
            default: break
            }
        }
    }

    private mutating func stop(_ at: Int) {
        guard numbers.last != ScreenRules.stop else { return }
        numbers.append(ScreenRules.stop)
        places.append(at..<(at + 1))
    }

    private mutating func append(_ place: Range<Int>, signs: Int, capitals: Int, _ rules: ScreenRules) {
        let word = bytes[place]
        if signs >= 256 || word.first == 0x2E {
            // Paths, addresses and names with points; the parts of others are words of a sentence without spaces.
            let text = String(decoding: word, as: UTF8.self).lowercased()
            if PoisonSignals.nameOfSecretFile(text) {
                add(ScreenRules.secretFile, place)
            } else if signs % 256 > 0 {
                add(ScreenRules.tool, place)
            } else {
                var start = place.lowerBound
                for end in place where bytes[end] == 0x2E || bytes[end] == 0x2F || end == place.upperBound - 1 {
                    let last = end == place.upperBound - 1 ? end + 1 : end
                    if start < last { plain(start..<last, rules) }
                    if bytes[end] == 0x2E, last == end { stop(end) }
                    start = end + 1
                }
            }
            return
        }
        if signs > 0 || capitals > 0 {
            let number = rules.number(of: String(decoding: word, as: UTF8.self).lowercased())
            // `delete_file` and `deleteFile` are names; a word in odd capitals is a word.
            add(number != ScreenRules.unknown ? number : ScreenRules.tool, place)
            return
        }
        plain(place, rules)
    }

    private mutating func plain(_ place: Range<Int>, _ rules: ScreenRules) {
        guard place.count <= 20 else {
            add(ScreenRules.unknown, place)
            return
        }
        let lower = bytes[place].filter { $0 != 0x27 }.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        let number = rules.number(of: String(decoding: lower, as: UTF8.self))
        add(number == ScreenRules.unknown && lower.count > 7 ? Self.misspelled(lower, rules) : number, place)
    }

    private static let longWords = ["instructions", "instruction", "previous", "disregard"].map { Array($0.utf8) }

    /// The number of a long word that is written with one letter too many, too few, or wrong: a model reads over it.
    private static func misspelled(_ word: [UInt8], _ rules: ScreenRules) -> UInt16 {
        for known in longWords where abs(known.count - word.count) < 2 {
            let head = zip(known, word).prefix { $0 == $1 }.count
            let tail = zip(known.reversed(), word.reversed()).prefix { $0 == $1 }.count
            if head + tail + 1 >= max(known.count, word.count) {
                return rules.number(of: String(decoding: known, as: UTF8.self))
            }
        }
        return ScreenRules.unknown
    }

    private mutating func add(_ number: UInt16, _ place: Range<Int>) {
        numbers.append(number)
        places.append(place)
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte >= 0x80
    }

    /// `'s`, `'t`, `'re` and the like end a word that has an apostrophe.
    private static func isEnding(_ bytes: [UInt8], _ at: Int) -> Bool {
        var end = at
        while end < bytes.count, isPart(bytes[end]) { end += 1 }
        let ending = bytes[at..<end].map { $0 | 0x20 }
        return ["s", "t", "re", "ve", "ll", "d", "m"].contains { Array($0.utf8) == ending }
    }

    struct Match {
        var code: String
        var place: Range<Int>
        var strength: ScreenRules.Strength
    }

    /// What is found, the strongest first sign of each kind.
    ///
    /// - Parameter isHidden: Whether people do not see the text, or it claims to be somebody who gives orders.
    /// - Returns: A strong match, or the first of the weaker ones that suffices.
    func find(isHidden: Bool) -> Match? {
        let rules = ScreenRules.shared
        var weak: [(rule: Int, position: Int, end: Int)] = []
        var first: Match?
        for start in numbers.indices where numbers[start] > ScreenRules.stop {
            for (rule, end) in rules.matches(numbers, at: start) {
                let kind = ScreenRules.rules[rule]
                let place = places[start].lowerBound..<places[max(start, end - 1)].upperBound
                switch kind.strength {
                case .strong: return Match(code: kind.code, place: place, strength: .strong)
                case .slight:
                    if isHidden, first == nil { first = Match(code: kind.code, place: place, strength: .slight) }
                case .weak:
                    if isHidden { return Match(code: "instructions-to-model", place: place, strength: .weak) }
                    weak.removeAll { start - $0.position > Self.reach }
                    if let other = weak.first(where: { $0.rule != rule && $0.end <= start + 2 }) {
                        let from = places[other.position].lowerBound
                        return Match(code: "instructions-to-model", place: from..<place.upperBound, strength: .weak)
                    }
                    weak.append((rule, start, end))
                }
            }
        }
        return first
    }
}
