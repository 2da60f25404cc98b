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
        var all: [UInt32] = []
        all.reserveCapacity(text.utf8.count / 3)
        TextGrams.forEachGram(text, hash) { all.append($0) }
        grams = Self.ascending(all)
        if grams.count > Self.longest {
            grams = Array(grams.prefix(Self.longest))
            isCut = true
        }
    }

    /// Sorted and without those that come twice, by one digit of eleven bits after the other: a text is thousands of
    /// grams, and this is where most of the time of a profile would go.
    private static func ascending(_ grams: [UInt32]) -> [UInt32] {
        guard grams.count > 512 else {
            var sorted = grams.sorted()
            sorted.removeEqualNeighbours()
            return sorted
        }
        var from = grams
        var to = grams
        for shift in [0, 11, 22] as [UInt32] {
            var places = [Int](repeating: 0, count: 2049)
            for gram in from { places[Int(gram &>> shift & 2047) + 1] += 1 }
            for digit in 1..<2048 { places[digit] += places[digit - 1] }
            for gram in from {
                let digit = Int(gram &>> shift & 2047)
                to[places[digit]] = gram
                places[digit] += 1
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

    package mutating func merge(_ other: ShownText) { sessions += other.sessions }

    package var json: JSON.Value {
        .array([Form.count(sessions), .bool(isCut), .array(grams.map { .integer(Int64($0)) })])
    }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(Form.count(sessions), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isCut), to: &bytes)
        bytes += ",[".utf8
        var isFirst = true
        for gram in grams {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            JSON.append(.integer(Int64(gram)), to: &bytes)
        }
        bytes += "]]".utf8
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

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(Form.count(sessions), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        texts.write(to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

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
        let bytes = text.utf8.span
        var word: [UInt8] = []
        func end() {
            guard !word.isEmpty else { return }
            body(hash.hash(word.span))
            word.removeAll(keepingCapacity: true)
        }
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            guard byte < 0x80 else {
                let (scalar, length) = scalar(bytes, at)
                at += length
                if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
                    word += scalar.properties.lowercaseMapping.utf8
                } else {
                    end()
                }
                continue
            }
            at += 1
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): word.append(byte)
            default: end()
            }
        }
        end()
    }

    /// The scalar of several bytes that begins here; a text holds whole ones only.
    private static func scalar(_ bytes: Span<UInt8>, _ start: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let length = bytes[start] >= 0xF0 ? 4 : bytes[start] >= 0xE0 ? 3 : 2
        var value = UInt32(bytes[start]) & (0x7F >> UInt32(length))
        for at in start + 1..<start + length { value = value << 6 | UInt32(bytes[at]) & 0x3F }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }
}
