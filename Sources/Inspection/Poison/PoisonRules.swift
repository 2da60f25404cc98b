/// The rules of `PoisonSignals` with numbers in place of words, so that comparing two words takes one step.
final class PoisonRules: Sendable {
    /// What ends a sentence.
    static let stop: UInt16 = 1
    static let unknown: UInt16 = 0
    private static let secretFile: UInt16 = 2

    static let shared = PoisonRules(PoisonSignals.rules)

    private enum Part: Sendable {
        /// A place in `accepted`.
        case word(Int, isOptional: Bool)
        case gap(Int)
    }

    private struct Opening: Sendable {
        var phrase: [Part]
        var mayBeQuoted: Bool
    }

    private static let slotCount = 2048
    /// The numbers of the words by their hash; a word that finds its slot taken has the next one, and 0 is free.
    private let slots: [UInt16]
    private let hashes: [UInt32]
    /// Which lengths the words have that begin with a byte, one bit each: most words of a text are none of these.
    private let lengths: [UInt32]
    /// The bytes of all words, one after the other, and where those of each end.
    private let letters: [UInt8]
    private let ends: [Int]
    private let longestWord: Int
    /// One set of numbers after the other.
    private let accepted: [Bool]
    private let wordCount: Int
    /// The phrases that may begin with a word, by its number.
    private let openings: [[Opening]]
    private let isFirst: [Bool]
    private let secretFiles: [[UInt8]]
    /// The first bytes of `secretFiles`.
    private let isFirstOfSecretFile: [Bool]
    private let tags: Set<[UInt8]>

    init(_ rules: [PoisonSignals.Rule]) {
        var numbers: [String: UInt16] = [:]
        for phrase in rules.flatMap(\.phrases) {
            for case .word(let words, _) in phrase.parts {
                for word in words where numbers[word] == nil { numbers[word] = UInt16(numbers.count) + 3 }
            }
        }
        for word in PoisonSignals.shellWords where numbers[word] == nil { numbers[word] = UInt16(numbers.count) + 3 }
        wordCount = numbers.count + 3
        var accepted: [Bool] = []
        var openings = [[Opening]](repeating: [], count: wordCount)
        for rule in rules {
            for phrase in rule.phrases {
                var parts: [Part] = []
                var firsts: [Bool]?
                for part in phrase.parts {
                    switch part {
                    case .gap(let length): parts.append(.gap(length))
                    case .word(let words, let isOptional):
                        let row = Self.row(words, rule, numbers, wordCount)
                        if parts.isEmpty, !isOptional { firsts = row }
                        parts.append(.word(accepted.count, isOptional: isOptional))
                        accepted += row
                    }
                }
                for number in 0..<wordCount where firsts?[number] ?? true {
                    openings[number].append(Opening(phrase: parts, mayBeQuoted: rule.mayBeQuoted))
                }
            }
        }
        self.accepted = accepted
        self.openings = openings
        isFirst = openings.map { !$0.isEmpty }
        var slots = [UInt16](repeating: 0, count: Self.slotCount)
        var hashes = [UInt32](repeating: 0, count: Self.slotCount)
        var letters: [UInt8] = []
        var ends = [0, 0, 0]
        var lengths = [UInt32](repeating: 0, count: 256)
        for (word, number) in numbers.sorted(by: { $0.value < $1.value }) {
            letters += word.utf8
            if let first = word.utf8.first { lengths[Int(first)] |= 1 << UInt32(word.utf8.count & 31) }
            ends.append(letters.count)
            let hash = word.utf8.reduce(Self.start) { Self.mix($0, $1) }
            var slot = Int(hash) & (Self.slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
            slots[slot] = number
            hashes[slot] = hash
        }
        self.slots = slots
        self.hashes = hashes
        self.lengths = lengths
        self.letters = letters
        self.ends = ends
        longestWord = numbers.keys.map(\.utf8.count).max() ?? 0
        secretFiles = PoisonSignals.secretFiles.map { Array($0.utf8) }
        var firsts = [Bool](repeating: false, count: 256)
        for name in secretFiles { firsts[Int(name[0])] = true }
        isFirstOfSecretFile = firsts
        tags = Set(PoisonSignals.tags.map { Array($0.utf8) })
    }

    /// The words that a place of a phrase takes, by number: two rules read names of files or commands as one word each.
    private static func row(
        _ words: Set<String>,
        _ rule: PoisonSignals.Rule,
        _ numbers: [String: UInt16],
        _ count: Int
    ) -> [Bool] {
        var row = [Bool](repeating: false, count: count)
        for word in words {
            if let number = numbers[word] { row[Int(number)] = true }
        }
        if rule.code == "forced-command" {
            for word in PoisonSignals.shellWords {
                if let number = numbers[word] { row[Int(number)] = words.contains("SHELL") }
            }
        }
        if rule.code == "secret-access" { row[Int(secretFile)] = words.contains("SECRETFILE") }
        return row
    }

    func begins(_ word: UInt16) -> Bool { isFirst[Int(word)] }

    func hasPhrase(_ words: Span<UInt16>, at start: Int, isQuoted: Bool) -> Bool {
        for opening in openings[Int(words[start])] where opening.mayBeQuoted || !isQuoted {
            if matches(opening.phrase, 0, words, start) { return true }
        }
        return false
    }

    private func matches(_ phrase: [Part], _ part: Int, _ words: Span<UInt16>, _ position: Int) -> Bool {
        guard part < phrase.count else { return true }
        switch phrase[part] {
        case .word(let row, let isOptional):
            if position < words.count, accepted[row + Int(words[position])],
                matches(phrase, part + 1, words, position + 1)
            {
                return true
            }
            return isOptional && matches(phrase, part + 1, words, position)
        case .gap(let length):
            for skipped in 0...length {
                if matches(phrase, part + 1, words, position + skipped) { return true }
                guard position + skipped < words.count, words[position + skipped] != Self.stop else { return false }
            }
            return false
        }
    }
}

// The words of a text.
extension PoisonRules {
    private static let start: UInt32 = 2_166_136_261

    private static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
        let mixed = (hash ^ UInt32(byte)) &* 16_777_619
        return mixed ^ mixed >> 15
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The number of a word as it was written, perhaps in capitals or with apostrophes.
    func number(of word: Span<UInt8>, hasApostrophe: Bool, hasHigh: Bool, hasSign: Bool) -> UInt16 {
        // A text without such a sign names no file.
        if hasSign, isSecretFile(word, hasApostrophe, hasHigh) { return Self.secretFile }
        guard !hasHigh, word.count <= longestWord || hasApostrophe else { return Self.unknown }
        if hasApostrophe { return known(Self.plain(word).span) }
        return known(word)
    }

    private func known(_ word: Span<UInt8>) -> UInt16 {
        guard lengths[Int(Self.lower(word[0]))] & 1 << UInt32(word.count & 31) != 0 else { return Self.unknown }
        var hash = Self.start
        for at in word.indices { hash = Self.mix(hash, Self.lower(word[at])) }
        var slot = Int(hash) & (Self.slotCount - 1)
        while slots[slot] != 0 {
            if hashes[slot] == hash, isWord(slots[slot], word) { return slots[slot] }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return Self.unknown
    }

    private func isWord(_ number: UInt16, _ word: Span<UInt8>) -> Bool {
        let start = ends[Int(number) - 1]
        guard word.count == ends[Int(number)] - start else { return false }
        for at in word.indices where Self.lower(word[at]) != letters[start + at] { return false }
        return true
    }

    /// In lower case and without apostrophes.
    private static func plain(_ word: Span<UInt8>) -> [UInt8] {
        var plain: [UInt8] = []
        for at in word.indices where word[at] != 0x27 { plain.append(lower(word[at])) }
        return plain
    }

    private func isSecretFile(_ word: Span<UInt8>, _ hasApostrophe: Bool, _ hasHigh: Bool) -> Bool {
        var mayBe = false
        for at in word.indices where isFirstOfSecretFile[Int(Self.lower(word[at]))] {
            for name in secretFiles where hasName(name, word, at, hasApostrophe) { mayBe = true }
            if mayBe { break }
        }
        return mayBe && PoisonSignals.nameOfSecretFile(String(decoding: Self.plain(word), as: UTF8.self).lowercased())
    }

    private func hasName(_ name: [UInt8], _ word: Span<UInt8>, _ start: Int, _ hasApostrophe: Bool) -> Bool {
        var at = start
        for byte in name {
            if hasApostrophe {
                while at < word.count, word[at] == 0x27 { at += 1 }
            }
            guard at < word.count, Self.lower(word[at]) == byte else { return false }
            at += 1
        }
        return true
    }

    /// Whether what stands in brackets may be a mark; then the text is searched for it.
    func mayBeTag(_ name: Span<UInt8>) -> Bool {
        guard name.count > 3 else { return false }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(name.count)
        for at in name.indices { bytes.append(Self.lower(name[at])) }
        return tags.contains(bytes) || bytes.starts(with: "|im_".utf8) || bytes == Array("inst".utf8)
            || bytes == Array("/inst".utf8) || bytes.starts(with: "assistant instructions".utf8)
            || bytes.reversed().starts(with: " instructions".utf8.reversed())
    }
}
