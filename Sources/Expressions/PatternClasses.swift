extension PatternParser {
    mutating func bracket() throws(PatternError) -> ScalarSet {
        var set = ScalarSet()
        set.isNegated = accept("^")
        var isFirst = true
        while true {
            guard let scalar = current else { throw PatternError(reason: "a `[` is not closed") }
            if scalar == "]", !isFirst {
                position += 1
                return set
            }
            isFirst = false
            if accept("[:") {
                set.formUnion(try posixClass())
                continue
            }
            if scalar == "\\" {
                position += 1
                if let found = try classEscape() {
                    set.formUnion(found)
                    continue
                }
                position -= 1
            }
            let low = try classScalar()
            var high = low
            if current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                high = try classScalar()
            }
            guard low.value <= high.value else { throw PatternError(reason: "a range of characters runs backwards") }
            set.ranges.append(low.value...high.value)
        }
    }

    private mutating func classScalar() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = current else { throw PatternError(reason: "a `[` is not closed") }
        position += 1
        return scalar == "\\" ? try scalarEscape() : scalar
    }

    private static let word: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    private static let space: [ClosedRange<UInt32>] = [0x09...0x0A, 0x0C...0x0D, 0x20...0x20]
    private static let digit: [ClosedRange<UInt32>] = [0x30...0x39]

    /// `\d`, `\s`, `\w`, their negations, and `\p{..}`; `nil` for another escape.
    mutating func classEscape() throws(PatternError) -> ScalarSet? {
        guard let scalar = current else { return nil }
        let ranges: [ClosedRange<UInt32>]
        switch scalar {
        case "d", "D": ranges = Self.digit
        case "s", "S": ranges = Self.space
        case "w", "W": ranges = Self.word
        case "p", "P":
            position += 1
            return try property(isNegated: scalar == "P")
        default: return nil
        }
        position += 1
        return ScalarSet(ranges, isNegated: scalar.properties.isUppercase)
    }

    private mutating func property(isNegated: Bool) throws(PatternError) -> ScalarSet {
        var name = ""
        var isNegated = isNegated
        if accept("{") {
            if accept("^") { isNegated.toggle() }
            while let scalar = current, scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard accept("}") else { throw PatternError(reason: "a `\\p{` is not closed") }
        } else if let scalar = current {
            name = String(scalar)
            position += 1
        }
        guard let categories = Self.categories[name] else {
            throw PatternError(reason: "`\\p{\(name.shortened)}` is no general category of Unicode")
        }
        return ScalarSet(category: categories, isNegated: isNegated)
    }

    private static let categories: [String: [Unicode.GeneralCategory]] = {
        var table: [String: [Unicode.GeneralCategory]] = [
            "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter], "Lm": [.modifierLetter],
            "Lo": [.otherLetter], "Mn": [.nonspacingMark], "Mc": [.spacingMark], "Me": [.enclosingMark],
            "Nd": [.decimalNumber], "Nl": [.letterNumber], "No": [.otherNumber], "Pc": [.connectorPunctuation],
            "Pd": [.dashPunctuation], "Ps": [.openPunctuation], "Pe": [.closePunctuation], "Pi": [.initialPunctuation],
            "Pf": [.finalPunctuation], "Po": [.otherPunctuation], "Sm": [.mathSymbol], "Sc": [.currencySymbol],
            "Sk": [.modifierSymbol], "So": [.otherSymbol], "Zs": [.spaceSeparator], "Zl": [.lineSeparator],
            "Zp": [.paragraphSeparator], "Cc": [.control], "Cf": [.format], "Co": [.privateUse],
        ]
        for (name, categories) in table { table[String(name.prefix(1)), default: []] += categories }
        return table
    }()

    private static let posixClasses: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0...0x7F],
        "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F], "digit": digit, "graph": [0x21...0x7E],
        "lower": [0x61...0x7A], "print": [0x20...0x7E], "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E],
        "space": [0x09...0x0D, 0x20...0x20], "upper": [0x41...0x5A], "word": word,
        "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    private mutating func posixClass() throws(PatternError) -> ScalarSet {
        let isNegated = accept("^")
        var name = ""
        while let scalar = current, scalar.properties.isAlphabetic {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard accept(":]"), let ranges = Self.posixClasses[name] else {
            throw PatternError(reason: "`[:\(name.shortened):]` is no class of characters")
        }
        return ScalarSet(ranges, isNegated: isNegated)
    }

    /// One code point after a backslash: a control, a number, or punctuation that stands for itself.
    mutating func scalarEscape() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = current else { throw PatternError(reason: "it ends in a backslash") }
        position += 1
        switch scalar {
        case "a": return "\u{07}"
        case "f": return "\u{0C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{0B}"
        case "x":
            let isBraced = accept("{")
            let value = try digits(radix: 16, count: isBraced ? 1...8 : 2...2)
            if isBraced, !accept("}") { throw PatternError(reason: "a `\\x{` is not closed") }
            return value
        case "0":
            position -= 1
            return try digits(radix: 8, count: 1...3)
        case "1"..."7":
            // One digit alone would be a back-reference.
            position -= 1
            return try digits(radix: 8, count: 2...3)
        case _ where scalar.value < 0x80 && !UInt8(scalar.value).isNameStart && !UInt8(scalar.value).isDigit,
            "_":
            return scalar
        default: throw PatternError(reason: "`\\\(scalar)` is not supported")
        }
    }

    private mutating func digits(radix: UInt32, count: ClosedRange<Int>) throws(PatternError) -> Unicode.Scalar {
        var value: UInt32 = 0
        var read = 0
        while read < count.upperBound, let scalar = current, scalar.value < 0x80,
            let digit = UInt8(scalar.value).hexValue, digit < radix
        {
            value = value &* radix &+ digit
            read += 1
            position += 1
        }
        guard read >= count.lowerBound, let scalar = Unicode.Scalar(value) else {
            throw PatternError(reason: "a number names no code point")
        }
        return scalar
    }
}
