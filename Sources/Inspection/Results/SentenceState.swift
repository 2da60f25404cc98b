/// How far phrases have come within a sentence, word after word.
///
/// The words of a phrase stand in one sentence of one text and at most so far apart as it allows for, and two weak phrases
/// within `ScreenWords.reach`. Here a sentence ends, and a word is counted, only where that is certain of the bytes of a
/// message that nobody has read yet; so a phrase may be seen that is none, but none is overlooked.
struct SentenceState {
    typealias Bits = ScreenAnchors.Bits

    /// So many words are one stretch: what is in this one or the last one is near.
    static let stretch = 32
    static let farStretch = 96

    private var near = Bits.zero
    private var nearBefore = Bits.zero
    private var weak = Bits.zero
    private var weakBefore = Bits.zero
    private var words = 0
    private var farWords = 0
    /// How far the bytes were looked at for words and ends of sentences.
    private var position = 0

    /// Takes in anchors at a place; true where a phrase, or two weak ones, may be complete.
    mutating func see(_ mask: Bits, _ anchors: ScreenAnchors, _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        advance(bytes, to: start)
        near |= (((near | nearBefore) &<< 1) | anchors.starts) & mask
        if near & anchors.strong != .zero { return true }
        let ends = near & anchors.anyWeak
        guard ends != .zero else { return false }
        weak |= ends
        let all = weak | weakBefore
        var count = 0
        for ends in anchors.weak where all & ends != .zero { count += 1 }
        return count > 1
    }

    private mutating func advance(_ bytes: Span<UInt8>, to end: Int) {
        while position < end {
            switch bytes[position] {
            case 0x20:
                if (bytes[position &+ 1] | 0x20) &- 0x61 < 26 { countWord() }
            case 0x21, 0x3F, 0x3B: endSentence()
            // Within a word a point ends nothing.
            case 0x2E:
                if bytes[position &+ 1] == 0x20 || isLineEnd(bytes, position &+ 1, end) { endSentence() }
            case 0x5C:
                if isLineEnd(bytes, position, end), isLineEnd(bytes, position &+ 2, end),
                    position == 0 || bytes[position &- 1] != 0x5C
                {
                    endSentence()
                }
            default: break
            }
            position &+= 1
        }
    }

    /// Whether a line ends as strings of JSON have it.
    private func isLineEnd(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Bool {
        at &+ 1 < end && bytes[at] == 0x5C && bytes[at &+ 1] == 0x6E
    }

    private mutating func countWord() {
        words &+= 1
        farWords &+= 1
        if words == Self.stretch {
            (nearBefore, near, words) = (near, .zero, 0)
        }
        if farWords == Self.farStretch {
            (weakBefore, weak, farWords) = (weak, .zero, 0)
        }
    }

    private mutating func endSentence() {
        near = .zero
        nearBefore = .zero
    }
}
