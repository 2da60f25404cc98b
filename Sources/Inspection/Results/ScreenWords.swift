/// A text as the numbers of its words, and what they say together.
struct ScreenWords {
    /// Two weak phrases belong together within so many words.
    private static let reach = 60

    private var numbers: [UInt16] = []
    /// Where each word stands.
    private var places: [Range<Int>] = []
    private let bytes: [UInt8]

    /// Reads a text whose letters were folded by `ScreenText`.
    init(_ bytes: [UInt8], _ work: inout ScreenWork) {
        self.bytes = bytes
        work.steps += bytes.count
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
            if SecretFileNames.isOne(bytes, place) {
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
            let number = rules.number(of: bytes, place)
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
        let number = rules.number(of: bytes, place)
        add(number == ScreenRules.unknown && place.count > 7 ? misspelled(place, rules) : number, place)
    }

    private static let longWords = ["instructions", "instruction", "previous", "disregard"].map { Array($0.utf8) }

    /// The number of a long word that is written with one letter too many, too few, or wrong: a model reads over it.
    private func misspelled(_ place: Range<Int>, _ rules: ScreenRules) -> UInt16 {
        for known in Self.longWords where abs(known.count - place.count) < 2 {
            let most = min(known.count, place.count)
            var head = 0
            while head < most, known[head] == bytes[place.lowerBound + head] | 0x20 { head += 1 }
            var tail = 0
            while tail < most, known[known.count - 1 - tail] == bytes[place.upperBound - 1 - tail] | 0x20 { tail += 1 }
            if head + tail + 1 >= max(known.count, place.count) { return rules.number(of: known, known.indices) }
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
        guard isPart(bytes[at]) else { return false }
        let first = bytes[at] | 0x20
        guard at + 1 < bytes.count, isPart(bytes[at + 1]) else {
            return first == 0x73 || first == 0x74 || first == 0x64 || first == 0x6D
        }
        if at + 2 < bytes.count, isPart(bytes[at + 2]) { return false }
        let second = bytes[at + 1] | 0x20
        return second == 0x65 && (first == 0x72 || first == 0x76) || second == 0x6C && first == 0x6C
    }

    struct Match {
        var code: String
        var place: Range<Int>
        var strength: ScreenRules.Strength
    }

    /// What is found, the strongest first sign of each kind.
    ///
    /// - Parameters:
    ///   - isHidden: Whether people do not see the text, or it claims to be somebody who gives orders.
    ///   - work: What it costs is added.
    /// - Returns: A strong match, or the first of the weaker ones that suffices.
    func find(isHidden: Bool, _ work: inout ScreenWork) -> Match? {
        let rules = ScreenRules.shared
        var weak: [(rule: Int, position: Int, end: Int)] = []
        var first: Match?
        for start in numbers.indices where numbers[start] > ScreenRules.stop {
            if work.isSpent { return nil }
            for (rule, end) in rules.matches(numbers, at: start, &work) {
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
