/// Characters that a person does not see and a model reads.
package enum HiddenCharacters {
    package struct Count: Sendable, Hashable {
        /// U+E0000 to U+E007F: a second alphabet without glyphs; flags of regions are left out.
        package var tags = 0
        /// Embeddings, overrides and isolates that change the order in which text is shown (UAX #9).
        package var directions = 0
        /// Spaces and joiners without width where no script needs them.
        package var zeroWidth = 0
        /// Runs of variation selectors, which can carry bytes.
        package var selectors = 0
        /// Escape sequences of terminals and other controls.
        package var controls = 0

        package var isEmpty: Bool { tags + directions + zeroWidth + selectors + controls == 0 }
    }

    package static func count(in text: String) -> Count {
        var count = Count()
        var previous: Unicode.Scalar?
        var isFlag = false
        var selectorRun = 0
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0xE0000...0xE007F:
                // A flag of a region: a black flag, tags, and the end of tags (UTS #51).
                if previous?.value == 0x1F3F4 { isFlag = true }
                if !isFlag { count.tags += 1 }
                if scalar.value == 0xE007F { isFlag = false }
            case 0x202A...0x202E, 0x2066...0x2069: count.directions += 1
            case 0x200B, 0x2060...0x2064, 0x180E, 0xFEFF, 0x115F, 0x1160, 0x3164, 0xFFA0: count.zeroWidth += 1
            case 0x200C, 0x200D:
                // Scripts of India and Arabia need them between letters, and emoji to build families.
                if let previous, previous.value < 0x0600 { count.zeroWidth += 1 }
            case 0xFE00...0xFE0F, 0xE0100...0xE01EF:
                selectorRun += 1
                if selectorRun == 2 { count.selectors += 1 }
            case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F...0x84, 0x86...0x9F: count.controls += 1
            default: break
            }
            if !(0xFE00...0xFE0F).contains(scalar.value), !(0xE0100...0xE01EF).contains(scalar.value) {
                selectorRun = 0
            }
            if !(0xE0000...0xE007F).contains(scalar.value) { isFlag = false }
            previous = scalar
        }
        return count
    }

    /// The text without them, in which hidden words can be recognised; tags become the letters that they stand for.
    static func revealed(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0xE0020...0xE007E: result.append(Unicode.Scalar(UInt8(scalar.value - 0xE0000)))
            case 0xE0000...0xE007F, 0x202A...0x202E, 0x2066...0x2069, 0x200B...0x200D, 0x2060...0x2064, 0x180E, 0xFEFF,
                0xFE00...0xFE0F, 0xE0100...0xE01EF, 0x00AD:
                break
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
