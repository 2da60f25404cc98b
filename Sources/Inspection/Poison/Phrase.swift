/// A sequence of words with alternatives and short gaps: what a regular expression would be needed for otherwise.
///
/// `do not|never tell|inform *2 user`: words apart by a space, alternatives by `|`, `?` after a word that may be missing,
/// and `*2` for up to two words of any kind in the same sentence. Matching costs at most the product of the lengths of
/// phrase and gaps at each word, which is a constant.
struct Phrase: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case word(Set<String>, isOptional: Bool)
        case gap(Int)
    }

    let parts: [Part]

    init(_ text: String) {
        parts = text.split(separator: " ").map { part in
            if part.hasPrefix("*") { return .gap(Int(part.dropFirst()) ?? 0) }
            let isOptional = part.hasSuffix("?")
            let words = (isOptional ? part.dropLast() : part).split(separator: "|").map(String.init)
            return .word(Set(words), isOptional: isOptional)
        }
    }

    /// The words that may begin a match, or nil where any may.
    var firstWords: Set<String>? {
        if case .word(let words, isOptional: false)? = parts.first { return words }
        return nil
    }

    /// The position after the match that begins at a word, if there is one.
    func end(in words: [Words.Word], at start: Int) -> Int? {
        end(in: words, at: start, part: 0)
    }

    private func end(in words: [Words.Word], at position: Int, part: Int) -> Int? {
        guard part < parts.count else { return position }
        switch parts[part] {
        case .word(let accepted, let isOptional):
            if position < words.count, accepted.contains(words[position].text),
                let end = end(in: words, at: position + 1, part: part + 1)
            {
                return end
            }
            return isOptional ? end(in: words, at: position, part: part + 1) : nil
        case .gap(let length):
            for skipped in 0...length {
                if let end = end(in: words, at: position + skipped, part: part + 1) { return end }
                guard position + skipped < words.count, words[position + skipped].text != Words.stop else { return nil }
            }
            return nil
        }
    }
}

/// A text as lower-case words, with a stop where a sentence ends.
struct Words {
    struct Word: Hashable {
        var text: String
        /// Whether it stands in quotes: an example, not an order.
        var isQuoted: Bool
    }

    static let stop = "."
    private(set) var words: [Word] = []

    init(_ text: String) {
        var word: [UInt8] = []
        var isQuoted = false
        var mayOpen = true
        let bytes = Array(text.lowercased().utf8)
        func isPart(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x80...0xFF: true
            default: "_~/.\\$@-+".utf8.contains(byte)
            }
        }
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
        func flush(into words: inout [Word]) {
            guard !word.isEmpty else { return }
            var text = word[...]
            var ends = false
            while text.last == UInt8(ascii: ".") || text.last == UInt8(ascii: "-") {
                ends = ends || text.last == UInt8(ascii: ".")
                text.removeLast()
            }
            while text.first == UInt8(ascii: "-") { text.removeFirst() }
            if !text.isEmpty { words.append(Word(text: String(decoding: text, as: UTF8.self), isQuoted: isQuoted)) }
            if ends { words.append(Word(text: Self.stop, isQuoted: false)) }
            word = []
        }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case _ where isPart(byte): word.append(byte)
            case 0x27
            where index > 0 && index + 1 < bytes.count && isLetter(bytes[index - 1]) && isLetter(bytes[index + 1]):
                // `don't` is a word of five letters here.
                continue
            case 0x22, 0x27, 0x60:
                flush(into: &words)
                isQuoted = isQuoted ? false : mayOpen
            case UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: ";"):
                flush(into: &words)
                words.append(Word(text: Self.stop, isQuoted: false))
            case 0x0A:
                flush(into: &words)
                // An empty line ends a sentence, and quotes; a single line end does neither.
                if index + 1 < bytes.count, bytes[index + 1] == 0x0A {
                    words.append(Word(text: Self.stop, isQuoted: false))
                    isQuoted = false
                }
            default: flush(into: &words)
            }
            mayOpen = !isPart(byte)
        }
        flush(into: &words)
    }
}
