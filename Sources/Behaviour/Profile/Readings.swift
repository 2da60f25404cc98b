package import Core
import Inspection

/// One text that a source showed, as keyed hashes of its words and of its pairs of neighbouring words.
///
/// The text itself is not kept: a profile may be read by more people than a recording.
package struct ShownText: Sampled {
    package static let limit = 64
    private static let longest = 4_096
    /// A text with more bytes than this has more grams than are kept, but for one of few words that come again and again.
    static let longestBytes = 3 * longest

    package var sessions = 0
    /// Ascending; the low halves of the hashes.
    private var grams: [UInt32]
    private var isCut = false
    /// Whether the text reads like instructions to whoever reads it.
    package fileprivate(set) var isInstructing = false
    /// So many scalars of a text are looked at for instructions.
    package static let longestInstructing = 8 << 10

    init(_ text: String, _ hash: KeyedHash) {
        isInstructing = PoisonSignals.isMarked(text, scalars: Self.longestInstructing)
        var all: [UInt32] = []
        all.reserveCapacity(text.utf8.count / 3)
        TextGrams.forEachGram(text, hash) { all.append($0) }
        grams = Self.ascending(all)
        if grams.count > Self.longest {
            grams = Array(grams.prefix(Self.longest))
            isCut = true
        }
    }

    /// How many words and pairs it keeps.
    var size: Int { grams.count }

    /// Sorted and without those that come twice, by one byte after the other: a text is hundreds of grams, and this is
    /// where much of the time of a profile would go.
    private static func ascending(_ grams: [UInt32]) -> [UInt32] {
        guard grams.count > 64 else {
            var sorted = grams.sorted()
            sorted.removeEqualNeighbours()
            return sorted
        }
        var from = grams
        var to = grams
        // How many there are of each value of each byte, in one pass.
        var counts = InlineArray<1024, UInt32>(repeating: 0)
        for gram in from {
            counts[Int(gram & 255)] &+= 1
            counts[256 + Int(gram &>> 8 & 255)] &+= 1
            counts[512 + Int(gram &>> 16 & 255)] &+= 1
            counts[768 + Int(gram &>> 24)] &+= 1
        }
        for place in 0..<4 {
            var next: UInt32 = 0
            for digit in place * 256..<place * 256 + 256 {
                let count = counts[digit]
                counts[digit] = next
                next &+= count
            }
            let shift = UInt32(place * 8)
            for gram in from {
                let digit = place * 256 + Int(gram &>> shift & 255)
                to[Int(counts[digit])] = gram
                counts[digit] &+= 1
            }
            swap(&from, &to)
        }
        from.removeEqualNeighbours()
        return from
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

    package mutating func merge(_ other: ShownText) {
        sessions += other.sessions
        isInstructing = isInstructing || other.isInstructing
    }

    package var json: JSON.Value {
        var digits: [UInt8] = []
        writeGrams(to: &digits)
        let parts = [Form.count(sessions), .bool(isCut), .string(String(decoding: digits, as: UTF8.self))]
        return .array(isInstructing ? parts + [.bool(true)] : parts)
    }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        Form.append(count: sessions, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isCut), to: &bytes)
        bytes += ",\"".utf8
        writeGrams(to: &bytes)
        bytes += isInstructing ? "\",true]".utf8 : "\"]".utf8
    }

    /// Eight hexadecimal digits each, since there are thousands of them.
    private func writeGrams(to bytes: inout [UInt8]) {
        for gram in grams { Form.append(digits: gram, to: &bytes) }
    }

    private static func grams(_ text: String) -> [UInt32]? {
        guard text.utf8.count.isMultiple(of: 8), text.utf8.count <= 8 * longest else { return nil }
        var grams: [UInt32] = []
        grams.reserveCapacity(text.utf8.count / 8)
        var gram: UInt32 = 0
        for (at, byte) in text.utf8.enumerated() {
            let isDigit = byte &- UInt8(ascii: "0") < 10
            guard isDigit || byte &- UInt8(ascii: "a") < 6 else { return nil }
            gram = gram << 4 | UInt32(isDigit ? byte - UInt8(ascii: "0") : byte - UInt8(ascii: "a") + 10)
            if at % 8 == 7 { grams.append(gram) }
        }
        return grams
    }

    package init?(json: JSON.Value) {
        guard let sessions = Form.count(json[0]), let isCut = json[1]?.bool,
            let grams = json[2]?.string.flatMap(Self.grams)
        else { return nil }
        self.sessions = sessions
        self.isCut = isCut
        isInstructing = json[3]?.bool ?? false
        self.grams = grams.sorted()
    }
}

extension [UInt32] {
    /// In a new array, which is as large as what it holds: a profile keeps many of them.
    fileprivate mutating func removeEqualNeighbours() {
        var kept: [UInt32] = []
        var last: UInt32?
        var count = 0
        for element in self where element != last {
            last = element
            count += 1
        }
        kept.reserveCapacity(count)
        last = nil
        for element in self where element != last {
            last = element
            kept.append(element)
        }
        self = kept
    }
}

/// Texts that were shown lately, since one text answers many questions: its grams are made once and kept once.
///
/// In two halves, of which the older one is forgotten when the younger one is full. What is known of a text is found by
/// the text's keyed hash, which nobody without the key can make another text have.
struct KnownTexts: Sendable {
    /// Grams of one half, four bytes each.
    private static let most = 1 << 20
    private let hash: KeyedHash
    private var texts: [UInt64: ShownText] = [:]
    private var older: [UInt64: ShownText] = [:]
    private var size = 0

    init(_ hash: KeyedHash) { self.hash = hash }

    mutating func shown(_ text: String) -> ShownText {
        let key = hash.hash(text)
        if let known = texts[key] { return known }
        let shown = older[key] ?? ShownText(text, hash)
        if size + shown.size > Self.most {
            older = texts
            texts = [:]
            size = 0
        }
        texts[key] = shown
        size += shown.size + 32
        return shown
    }
}

/// What sessions saw that asked one tool the same thing.
package struct ReadingEvidence: Sampled {
    package static let limit = 8_192
    package static let budget = 24 << 20

    /// Sessions that asked, each by its first answer.
    package private(set) var sessions = 0
    package private(set) var texts = BottomK<ShownText>()
    /// Bytes of the longest text, also of those that were dropped.
    private var longest = 0

    init() {}

    /// As if each text were as long as the longest: what texts take together can fall when one takes another's place.
    package var charge: Int { 256 + max(1, texts.count) * min(longest, ShownText.longestBytes) }

    mutating func note(_ text: String, key: UInt64, isInstructing: Bool, _ known: inout KnownTexts) {
        sessions += 1
        longest = max(longest, text.utf8.count)
        texts.update(key, make: { known.shown(text) }) {
            $0.sessions += 1
            if isInstructing { $0.isInstructing = true }
        }
    }

    package mutating func merge(_ other: ReadingEvidence) {
        sessions += other.sessions
        longest = max(longest, other.longest)
        texts.merge(other.texts)
    }

    package var json: JSON.Value { .array([Form.count(sessions), texts.json, Form.count(longest)]) }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(Form.count(sessions), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        texts.write(to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(Form.count(longest), to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let sessions = Form.count(json[0]), let texts = json[1].flatMap(BottomK<ShownText>.init(json:)),
            let longest = Form.count(json[2])
        else { return nil }
        self.sessions = sessions
        self.texts = texts
        self.longest = longest
    }
}

/// The words of a text, as hygiene compares them.
enum TextGrams {
    /// Every word and every pair of neighbouring words.
    static func forEachGram(_ text: String, _ hash: KeyedHash, _ body: (UInt32) -> Void) {
        var last: UInt64?
        forEachWord(text, hash) { word in
            body(UInt32(truncatingIfNeeded: word))
            if let last { body(pair(last, word)) }
            last = word
        }
    }

    /// The words are keyed hashes already, so that a plain mix of both is as good as another one.
    private static func pair(_ left: UInt64, _ right: UInt64) -> UInt32 {
        let product = (left ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: right ^ 0xE703_7ED1_A0B4_28DB)
        return UInt32(truncatingIfNeeded: product.high ^ product.low)
    }

    static func grams(_ text: String, _ hash: KeyedHash) -> [UInt32] {
        var grams: [UInt32] = []
        forEachGram(text, hash) { grams.append($0) }
        return grams
    }

    private static func forEachWord(_ text: String, _ hash: KeyedHash, _ body: (UInt64) -> Void) {
        let bytes = text.utf8.span
        var word: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let start = at
            var hasCapitals = false
            while at < bytes.count {
                let byte = bytes[at]
                if byte &- UInt8(ascii: "A") < 26 {
                    hasCapitals = true
                } else if byte &- UInt8(ascii: "a") >= 26, byte &- UInt8(ascii: "0") >= 10 {
                    break
                }
                at += 1
            }
            if at < bytes.count, bytes[at] >= 0x80 {
                at = start
                readWord(bytes, &at, &word)
                if !word.isEmpty { body(hash.hash(word.span)) }
                continue
            }
            if hasCapitals {
                word.removeAll(keepingCapacity: true)
                // Sets the bit of the lower case; digits have it already.
                for position in start..<at { word.append(bytes[position] | 0x20) }
                body(hash.hash(word.span))
            } else if at > start {
                body(hash.hash(bytes.extracting(start..<at)))
            }
            at += 1
        }
    }

    /// Reads on to the end of a word, in lower case, and over what ends it.
    private static func readWord(_ bytes: Span<UInt8>, _ at: inout Int, _ word: inout [UInt8]) {
        word.removeAll(keepingCapacity: true)
        while at < bytes.count {
            let byte = bytes[at]
            if byte >= 0x80 {
                let (scalar, length) = scalar(bytes, at)
                at += length
                guard scalar.properties.isAlphabetic || scalar.properties.numericType != nil else { return }
                word += scalar.properties.lowercaseMapping.utf8
                continue
            }
            at += 1
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): word.append(byte)
            default: return
            }
        }
    }

    /// The scalar of several bytes that begins here; a text holds whole ones only.
    private static func scalar(_ bytes: Span<UInt8>, _ start: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let length = bytes[start] >= 0xF0 ? 4 : bytes[start] >= 0xE0 ? 3 : 2
        var value = UInt32(bytes[start]) & (0x7F >> UInt32(length))
        for at in start + 1..<start + length { value = value << 6 | UInt32(bytes[at]) & 0x3F }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }
}
