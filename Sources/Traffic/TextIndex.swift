/// What a text shows, without the text: the sequence of its words as hashes, and the identities in it.
///
/// This is enough to say whether a value stands in the text as whole words, and it is all that a profile has to keep
/// of a result in order to ask later. Hashes of 32 bits: one word in four thousand million is taken for another,
/// which makes evidence, never a grant.
package struct TextIndex: Sendable, Hashable {
    package var words: [UInt32]
    package var identities: Set<CanonicalValue>
    /// One bit a word, to pass over texts that cannot hold a phrase.
    private var filter: [UInt64]

    package init(_ text: String) {
        self.init(words: Words.hashes(of: text), identities: Identities.find(in: text))
    }

    /// Restores an index that was stored.
    package init(words: [UInt32], identities: Set<CanonicalValue>) {
        self.words = words
        self.identities = identities
        var size = 1
        while size * 16 < words.count { size *= 2 }
        filter = Array(repeating: 0, count: size)
        for word in words { filter[Int(word >> 6) & (size - 1)] |= 1 << UInt64(word & 63) }
    }

    /// Whether the text shows the value: an identity as such, anything else as whole words in a row.
    package func shows(_ value: CanonicalValue) -> Bool {
        value.valueClass.isIdentity ? identities.contains(value) : holds(Words.hashes(of: value.text))
    }

    func holds(_ phrase: [UInt32]) -> Bool {
        guard let first = phrase.first, phrase.count <= words.count else { return false }
        for word in phrase where filter[Int(word >> 6) & (filter.count - 1)] & (1 << UInt64(word & 63)) == 0 {
            return false
        }
        return Words.contains(words.span, phrase, first)
    }
}

/// Words as provenance sees them: runs of letters and digits, in lower case, composed.
enum Words {
    /// A phrase with more bytes than this is no value that was taken from somewhere, but a text.
    static let longestPhrase = 400

    static func contains(_ words: Span<UInt32>, _ phrase: [UInt32], _ first: UInt32) -> Bool {
        let last = words.count - phrase.count
        var at = 0
        while at <= last {
            if words[at] == first {
                var offset = 1
                while offset < phrase.count, words[at + offset] == phrase[offset] { offset += 1 }
                if offset == phrase.count { return true }
            }
            at += 1
        }
        return false
    }

    /// The words between single spaces, with a space at both ends.
    static func joined(_ text: String) -> [UInt8] {
        var result: [UInt8] = [0x20]
        for scalar in TextFolding.fold(text).unicodeScalars {
            if TextFolding.isWord(scalar) {
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else if result.last != 0x20 {
                result.append(0x20)
            }
        }
        if result.last != 0x20 { result.append(0x20) }
        return result
    }

    static func contains(_ text: [UInt8], _ phrase: [UInt8]) -> Bool {
        guard phrase.count > 1, phrase.count <= text.count else { return false }
        for at in 0...text.count - phrase.count where text[at] == 0x20 && text[at + 1] == phrase[1] {
            if text[at..<at + phrase.count].elementsEqual(phrase) { return true }
        }
        return false
    }

    static func hashes(of text: String) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(text.utf8.count / 6 + 1)
        scan(text.utf8.span, into: &result)
        return result
    }

    private static let start: UInt32 = 2_166_136_261
    private static let prime: UInt32 = 16_777_619

    private static func finish(_ hash: UInt32) -> UInt32 {
        var mixed = hash
        mixed ^= mixed >> 16
        mixed &*= 0x85EB_CA6B
        mixed ^= mixed >> 13
        return mixed
    }

    private static func scan(_ bytes: Span<UInt8>, into result: inout [UInt32]) {
        var at = 0
        let count = bytes.count
        while at < count {
            var byte = bytes[at]
            guard ASCII.isAlphanumeric(byte) || byte >= 0x80 else {
                at += 1
                continue
            }
            let begin = at
            var hash = start
            while at < count {
                byte = bytes[at]
                guard ASCII.isAlphanumeric(byte) else { break }
                // Sets the bit of the lower case; digits have it already.
                hash = (hash ^ UInt32(byte | 0x20)) &* prime
                at += 1
            }
            guard at < count, byte >= 0x80 else {
                result.append(finish(hash))
                continue
            }
            // Composition reaches over the run of letters only, so the run is folded by itself.
            while at < count, bytes[at] >= 0x80 || ASCII.isAlphanumeric(bytes[at]) { at += 1 }
            var run: [UInt8] = []
            run.reserveCapacity(at - begin)
            for position in begin..<at { run.append(bytes[position]) }
            scan(folded: TextFolding.fold(String(decoding: run, as: UTF8.self)), into: &result)
        }
    }

    private static func scan(folded text: String, into result: inout [UInt32]) {
        var hash = start
        var isInside = false
        for scalar in text.unicodeScalars {
            if TextFolding.isWord(scalar) {
                isInside = true
                if scalar.value < 0x80 {
                    hash = (hash ^ (scalar.value | 0x20)) &* prime
                } else {
                    for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                        hash = (hash ^ UInt32(byte)) &* prime
                    }
                }
            } else if isInside {
                result.append(finish(hash))
                hash = start
                isInside = false
            }
        }
        if isInside { result.append(finish(hash)) }
    }
}
