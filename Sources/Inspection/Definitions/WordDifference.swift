/// The words that two texts do not share, for a summary that a person reads.
struct WordDifference: Hashable {
    private(set) var added: [String] = []
    private(set) var removed: [String] = []

    var isEmpty: Bool { added.isEmpty && removed.isEmpty }

    /// Common words at both ends are left out; of what is between, those that the other side has as often.
    ///
    /// That is linear in the text, unlike a shortest edit script, and as good for saying what came and what went. Words
    /// in another order count as a change, for an order turned around may say the opposite.
    init(from old: String, to new: String) {
        let before = Self.words(old)
        let after = Self.words(new)
        var start = 0
        while start < before.count, start < after.count, before[start] == after[start] { start += 1 }
        var end = 0
        while end < before.count - start, end < after.count - start,
            before[before.count - 1 - end] == after[after.count - 1 - end]
        {
            end += 1
        }
        let gone = before[start..<(before.count - end)]
        let came = after[start..<(after.count - end)]
        added = Self.surplus(of: came, over: gone)
        removed = Self.surplus(of: gone, over: came)
        if added.isEmpty, removed.isEmpty, !came.isEmpty {
            added = Array(came)
            removed = Array(gone)
        }
    }

    var summary: String {
        var parts: [String] = []
        if !added.isEmpty { parts.append("\(added.count) words added: \(Self.show(added))") }
        if !removed.isEmpty { parts.append("\(removed.count) words removed: \(Self.show(removed))") }
        return parts.isEmpty ? "the same words" : parts.joined(separator: "; ")
    }

    private static func show(_ words: [String]) -> String {
        let text = words.prefix(12).map { DefinitionDifference.Builder.shortened($0) }.joined(separator: " ")
        return "`\(text)\(words.count > 12 ? " …" : "")`"
    }

    private static func surplus(of words: ArraySlice<String>, over others: ArraySlice<String>) -> [String] {
        var counts: [String: Int] = [:]
        for word in others { counts[word, default: 0] += 1 }
        return words.filter { word in
            counts[word, default: 0] -= 1
            return counts[word, default: 0] < 0
        }
    }

    /// Lower-case, without punctuation at the ends.
    static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).compactMap { word in
            let bare = word.lowercased().drop { $0.isPunctuation }
            let kept = String(bare.reversed().drop { $0.isPunctuation }.reversed())
            return kept.isEmpty ? nil : kept
        }
    }
}
