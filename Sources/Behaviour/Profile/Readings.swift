package import Core

/// One text that a source showed, as keyed hashes of its words and of its pairs of neighbouring words.
///
/// The text itself is not kept: a profile may be read by more people than a recording.
package struct ShownText: Sampled {
    package static let limit = 64
    private static let longest = 4_096

    package var sessions = 0
    /// Ascending; the low halves of the hashes.
    private var grams: [UInt32]
    private var isCut = false

    init(_ text: String, _ hash: KeyedHash) {
        var all = Set<UInt32>()
        TextGrams.forEachGram(text, hash) { all.insert($0) }
        grams = all.sorted()
        if grams.count > Self.longest {
            grams.removeSubrange(Self.longest...)
            isCut = true
        }
    }

    /// Whether all words of a phrase stand in the text, each beside the next; a text that was too long shows anything.
    func holds(_ phrase: [UInt32]) -> Bool {
        guard !phrase.isEmpty else { return false }
        return phrase.allSatisfy { gram in
            if isCut, let last = grams.last, gram > last { return true }
            var low = 0
            var high = grams.count
            while low < high {
                let middle = (low + high) / 2
                if grams[middle] < gram { low = middle + 1 } else { high = middle }
            }
            return low < grams.count && grams[low] == gram
        }
    }

    package mutating func merge(_ other: ShownText) { sessions += other.sessions }

    package var json: JSON.Value {
        .array([Form.count(sessions), .bool(isCut), .array(grams.map { .integer(Int64($0)) })])
    }

    package init?(json: JSON.Value) {
        guard let sessions = Form.count(json[0]), let isCut = json[1]?.bool,
            let grams = Form.list(json[2], { $0.int.flatMap(UInt32.init(exactly:)) }), grams.count <= Self.longest
        else { return nil }
        self.sessions = sessions
        self.isCut = isCut
        self.grams = grams.sorted()
    }
}

/// What sessions saw that asked one tool the same thing.
package struct ReadingEvidence: Sampled {
    package static let limit = 8_192

    /// Sessions that asked, each by its first answer.
    package var sessions = 0
    package var texts = BottomK<ShownText>()

    init() {}

    package mutating func merge(_ other: ReadingEvidence) {
        sessions += other.sessions
        texts.merge(other.texts)
    }

    package var json: JSON.Value { .array([Form.count(sessions), texts.json]) }

    package init?(json: JSON.Value) {
        guard let sessions = Form.count(json[0]), let texts = json[1].flatMap(BottomK<ShownText>.init(json:)) else {
            return nil
        }
        self.sessions = sessions
        self.texts = texts
    }
}

/// The words of a text, as hygiene compares them.
enum TextGrams {
    /// Every word and every pair of neighbouring words.
    static func forEachGram(_ text: String, _ hash: KeyedHash, _ body: (UInt32) -> Void) {
        var last: UInt64?
        forEachWord(text, hash) { word in
            body(UInt32(truncatingIfNeeded: word))
            if let last { body(UInt32(truncatingIfNeeded: hash.hash(last, word))) }
            last = word
        }
    }

    static func grams(_ text: String, _ hash: KeyedHash) -> [UInt32] {
        var grams: [UInt32] = []
        forEachGram(text, hash) { grams.append($0) }
        return grams
    }

    private static func forEachWord(_ text: String, _ hash: KeyedHash, _ body: (UInt64) -> Void) {
        var word = ""
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                switch UInt8(truncatingIfNeeded: scalar.value) {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    word.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value) | 0x20))
                    continue
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    word.unicodeScalars.append(scalar)
                    continue
                default: break
                }
            } else if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
                word += scalar.properties.lowercaseMapping
                continue
            }
            if !word.isEmpty {
                body(hash.hash(word))
                word.removeAll(keepingCapacity: true)
            }
        }
        if !word.isEmpty { body(hash.hash(word)) }
    }
}
