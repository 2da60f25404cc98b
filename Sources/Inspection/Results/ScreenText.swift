import Core

/// What is hidden in a text, and the text as a model would read it.
struct ScreenText {
    /// A hidden kind of characters that was seen, with its place in the scalars' order.
    struct Hidden {
        var code: String
        var evidence: String
    }

    private(set) var hidden: Hidden?
    /// What terminals or readers do not show, such as concealed or invisible letters.
    private(set) var concealed: [UInt8] = []
    /// The text in which phrases are looked for: lookalikes as plain letters, and nothing invisible.
    private(set) var folded: [UInt8] = []

    init(_ text: String) {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A || $0 == 0x09 || $0 == 0x0D }
        if isPlain {
            folded = Array(text.utf8)
            return
        }
        var reader = Reader()
        let scalars = Array(text.unicodeScalars)
        reader.read(scalars)
        hidden = reader.hidden(scalars)
        concealed = reader.concealed
        folded = reader.folded
    }

    private struct Reader {
        var folded: [UInt8] = []
        var concealed: [UInt8] = []
        var overrides = 0
        var openDirections = 0
        var oddDirections = 0
        var hasRightToLeft = false
        var tags = 0
        var selectors = 0
        var longestInvisible = 0
        var looseInvisible = 0
        var kindsOfInvisible: Set<UInt32> = []
        var terminal: String?
        var first: Int?

        mutating func read(_ scalars: [Unicode.Scalar]) {
            folded.reserveCapacity(scalars.count)
            var at = 0
            var run = 0
            var selectorRun = 0
            var conceals = false
            while at < scalars.count {
                let value = scalars[at].value
                var isInvisible = false
                var isSelector = false
                switch value {
                case 0x1F3F4:
                    // A flag of a region: at most six tags and their end (UTS #51, annex C).
                    var end = at + 1
                    while end < scalars.count, end - at <= 7, (0xE0020...0xE007E).contains(scalars[end].value) {
                        end += 1
                    }
                    if end > at + 1, end < scalars.count, scalars[end].value == 0xE007F { at = end }
                case 0xE0000...0xE007F:
                    tags += 1
                    note(at)
                    if value >= 0xE0020, value < 0xE007F { concealed.append(UInt8(value - 0xE0000)) }
                case 0x202D, 0x202E:
                    overrides += 1
                    note(at)
                case 0x202A, 0x202B, 0x2066...0x2068: openDirections += 1
                case 0x202C, 0x2069:
                    openDirections -= 1
                    if openDirections < 0, overrides == 0 { oddDirections += 1 }
                case 0x200B...0x200D, 0x2060...0x2064, 0x180E, 0xFEFF, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x00AD:
                    isInvisible = true
                    // Scripts of Asia need some between letters, and emoji join with others.
                    let before = at > 0 ? scalars[at - 1].value : 0
                    if before < 0x0250, before > 0x20, value != 0xAD, value != 0xFEFF {
                        looseInvisible += 1
                        if kindsOfInvisible.count < 2 { kindsOfInvisible.insert(value) }
                    }
                case 0xFE00...0xFE0F, 0xE0100...0xE01EF:
                    isSelector = true
                    selectorRun += 1
                    let before = at > 0 ? scalars[at - 1].value : 0
                    if selectorRun == 3 || (0x40...0x24F).contains(before) {
                        selectors += 1
                        note(at)
                    }
                case 0x1B, 0x9B:
                    readEscape(scalars, &at, &conceals)
                case 0x08:
                    // Manuals print a letter over itself to make it bold.
                    let before = at > 0 ? scalars[at - 1] : " "
                    let after = at + 1 < scalars.count ? scalars[at + 1] : " "
                    if before != after, before != "_" { terminal = terminal ?? "a backspace over other text" }
                    if !folded.isEmpty { folded.removeLast() }
                case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFE:
                    hasRightToLeft = true
                    append(scalars[at], conceals)
                default: append(scalars[at], conceals)
                }
                run = isInvisible ? run + 1 : 0
                if !isSelector { selectorRun = 0 }
                if run > longestInvisible { longestInvisible = run }
                if run == 3 { note(at) }
                if value == 0x0A {
                    // A paragraph ends all that was opened.
                    if openDirections > 0, !hasRightToLeft { oddDirections += 1 }
                    openDirections = 0
                }
                at += 1
            }
            if openDirections > 0, !hasRightToLeft { oddDirections += 1 }
        }

        private mutating func note(_ at: Int) { if first == nil { first = at } }

        private mutating func append(_ scalar: Unicode.Scalar, _ conceals: Bool) {
            let plain = scalar.value < 0x80 ? scalar : Lookalikes.plain(scalar)
            if plain.isASCII {
                folded.append(UInt8(plain.value))
                if conceals { concealed.append(UInt8(plain.value)) }
            } else if !(0x0300...0x036F).contains(scalar.value) {
                if let units = UTF8.encode(plain) { for unit in units { folded.append(unit) } }
            }
        }

        /// Reads one control sequence (ECMA-48): colours are ordinary, concealing and moving are not.
        private mutating func readEscape(_ scalars: [Unicode.Scalar], _ at: inout Int, _ conceals: inout Bool) {
            let start = at
            var end = at + 1
            if scalars[at].value == 0x1B {
                guard end < scalars.count else { return }
                guard scalars[end] == "[" else {
                    if scalars[end] == "]" { terminal = terminal ?? "a command of a terminal" }
                    at = end
                    return
                }
                end += 1
            }
            var parameters = ""
            while end < scalars.count, end - start < 64, (0x20...0x3F).contains(scalars[end].value) {
                parameters.unicodeScalars.append(scalars[end])
                end += 1
            }
            guard end < scalars.count else {
                at = end - 1
                return
            }
            if scalars[end] == "m" {
                let codes = parameters.split(separator: ";").map { Int($0) ?? 0 }
                let ink = codes.last { (30...37).contains($0) || (90...97).contains($0) }
                let ground = codes.last { (40...47).contains($0) || (100...107).contains($0) }
                if codes.contains(8) || ink.map({ $0 + 10 == ground }) == true {
                    conceals = true
                    terminal = terminal ?? "text that a terminal conceals"
                    note(start)
                } else if codes.isEmpty || codes.contains(0) || codes.contains(28) {
                    conceals = false
                }
            } else if "ABCDEFGHJKfsuST".unicodeScalars.contains(scalars[end]), scalars[end] != "K" {
                terminal = terminal ?? "a terminal's cursor is moved"
                note(start)
            }
            at = end
        }

        func hidden(_ scalars: [Unicode.Scalar]) -> Hidden? {
            let code: String
            if tags > 0 || selectors > 0 || longestInvisible >= 3 || looseInvisible >= 8 && kindsOfInvisible.count > 1 {
                code = "hidden-characters"
            } else if overrides > 0 || oddDirections > 0 {
                code = "text-direction"
            } else if let terminal {
                return Hidden(code: "terminal-control", evidence: terminal)
            } else {
                return nil
            }
            let start = max(0, (first ?? 0) - 8)
            return Hidden(code: code, evidence: Sign.shown(scalars[start..<min(scalars.count, start + 40)]))
        }
    }
}

/// Letters that look like those of ASCII, or are the same in another form.
enum Lookalikes {
    /// Cyrillic and Greek letters by their shape, after UTS #39's table of confusables, those of lower-case Latin only.
    private static let shapes: [UInt32: UInt8] = {
        var shapes: [UInt32: UInt8] = [:]
        let pairs: [(String, String)] = [
            ("аеорсухіјѕԁһԛԝ", "aeopcyxijsdhqw"), ("АВЕКМНОРСТХІЈЅ", "ABEKMHOPCTXIJS"), ("οανρ", "oavp"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"), ("ıɡɑ", "iga"),
        ]
        for (from, to) in pairs {
            for (scalar, byte) in zip(from.unicodeScalars, to.utf8) { shapes[scalar.value] = byte }
        }
        return shapes
    }()

    static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let value = scalar.value
        switch value {
        case 0..<0x80: return scalar
        case 0x2018, 0x2019, 0x02BC: return "'"
        // What stands at a word in print is no part of it.
        case 0x2010...0x2015: return "-"
        case 0x201C...0x201F, 0x00AB, 0x00BB: return "\""
        case 0x2022, 0x00B7: return "*"
        case 0x2026: return "."
        case 0x00A0, 0x2000...0x200A, 0x202F, 0x3000: return " "
        case 0xFF01...0xFF5E: return Unicode.Scalar(UInt8(value - 0xFF01 + 0x21))
        // Mathematical letters come in thirteen alphabets of 52.
        case 0x1D400...0x1D6A3:
            let letter = UInt8((value - 0x1D400) % 52)
            return Unicode.Scalar(letter < 26 ? 0x41 + letter : 0x61 + letter - 26)
        case 0x24B6...0x24CF: return Unicode.Scalar(UInt8(value - 0x24B6 + 0x41))
        case 0x24D0...0x24E9: return Unicode.Scalar(UInt8(value - 0x24D0 + 0x61))
        case 0x1F130...0x1F149: return Unicode.Scalar(UInt8(value - 0x1F130 + 0x41))
        case 0x0131, 0x0251, 0x0261, 0x0391...0x03C9, 0x0405...0x051D:
            return shapes[value].map { Unicode.Scalar($0) } ?? scalar
        default: return scalar
        }
    }
}
