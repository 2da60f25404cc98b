/// The tree of a regular expression.
indirect enum PatternTree {
    case empty
    case set(ScalarSet)
    case assertion(PatternAssertion)
    case sequence([PatternTree])
    case alternatives([PatternTree])
    case repetition(PatternTree, minimum: Int, maximum: Int?)
}

enum PatternAssertion {
    case textStart
    case textEnd
    case lineStart
    case lineEnd
    case wordBoundary
    case notWordBoundary
}

/// Why a text is no pattern.
struct PatternError: Error {
    let reason: String
}

/// Reads the syntax of RE2: no back-references, no look-around.
struct PatternParser {
    struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
    }

    let scalars: [Unicode.Scalar]
    var position = 0
    private var depth = 0
    private var flags = Flags()
    private var foldBudget = 8_192
    /// RE2's own bound for `{n,m}`.
    private static let maximumRepetition = 1_000

    static func parse(_ source: String) throws(PatternError) -> PatternTree {
        var parser = PatternParser(scalars: Array(source.unicodeScalars))
        let tree = try parser.alternatives()
        guard parser.current == nil else { throw PatternError(reason: "a `)` has no `(`") }
        return tree
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    mutating func accept(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func alternatives() throws(PatternError) -> PatternTree {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 100 else { throw PatternError(reason: "its groups are nested deeper than 100 levels") }
        let outer = flags
        defer { flags = outer }
        var branches = [try sequence()]
        while accept("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternTree {
        var parts: [PatternTree] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            if accept("\\Q") {
                var quoted: [PatternTree] = []
                while position < scalars.count, !accept("\\E") {
                    quoted.append(literal(scalars[position]))
                    position += 1
                }
                // A repetition after the quotation is about its last character.
                if let last = quoted.popLast() { parts += quoted + [try repeated(last)] }
                continue
            }
            guard let atom = try atom() else { continue }
            parts.append(try repeated(atom))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repeated(_ atom: PatternTree) throws(PatternError) -> PatternTree {
        guard let bounds = try bounds() else { return atom }
        // Whether an operator is lazy does not change whether a text matches.
        _ = accept("?")
        if try self.bounds() != nil { throw PatternError(reason: "a repetition follows a repetition") }
        return .repetition(atom, minimum: bounds.minimum, maximum: bounds.maximum)
    }

    private mutating func bounds() throws(PatternError) -> (minimum: Int, maximum: Int?)? {
        if accept("*") { return (0, nil) }
        if accept("+") { return (1, nil) }
        if accept("?") { return (0, 1) }
        guard current == "{" else { return nil }
        let start = position
        position += 1
        // As in RE2, a brace that begins no repetition is an ordinary character.
        guard let minimum = number() else {
            position = start
            return nil
        }
        var maximum: Int? = minimum
        if accept(",") { maximum = number() }
        guard accept("}") else {
            position = start
            return nil
        }
        guard minimum <= Self.maximumRepetition, (maximum ?? minimum) <= Self.maximumRepetition,
            minimum <= maximum ?? minimum
        else { throw PatternError(reason: "a repetition is outside 0 to \(Self.maximumRepetition)") }
        return (minimum, maximum)
    }

    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let digit = current, ("0"..."9").contains(digit) {
            value = min(value * 10 + Int(digit.value - 0x30), Self.maximumRepetition + 1)
            position += 1
        }
        return position > start ? value : nil
    }

    private mutating func set(_ set: ScalarSet) -> PatternTree {
        var set = set
        if flags.ignoresCase { set.finish(foldBudget: &foldBudget) } else { set.finish() }
        return .set(set)
    }

    private mutating func literal(_ scalar: Unicode.Scalar) -> PatternTree {
        set(ScalarSet([scalar.value...scalar.value]))
    }

    private mutating func atom() throws(PatternError) -> PatternTree? {
        guard let scalar = current else { return nil }
        switch scalar {
        case "(": return try group()
        case "[":
            position += 1
            return set(try bracket())
        case "*", "+", "?": throw PatternError(reason: "a repetition has nothing to repeat")
        case "{":
            if try bounds() != nil { throw PatternError(reason: "a repetition has nothing to repeat") }
            position += 1
            return literal(scalar)
        case ".":
            position += 1
            return .set(ScalarSet(flags.dotMatchesNewline ? [] : [0x0A...0x0A], isNegated: true))
        case "^":
            position += 1
            return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "\\":
            position += 1
            return try escape()
        default:
            position += 1
            return literal(scalar)
        }
    }

    /// A group; `nil` where it only sets flags for what follows.
    private mutating func group() throws(PatternError) -> PatternTree? {
        position += 1
        let outer = flags
        if accept("?") {
            if accept("P<") || (current == "<" && accept("<")) {
                var hasName = false
                while let scalar = current, scalar.value < 0x80,
                    UInt8(scalar.value).isNameStart || UInt8(scalar.value).isDigit
                {
                    hasName = true
                    position += 1
                }
                guard hasName, accept(">") else { throw PatternError(reason: "the name of a group is wrong") }
            } else if try !setFlags() {
                return nil
            }
        }
        let inner = try alternatives()
        flags = outer
        guard accept(")") else { throw PatternError(reason: "a `(` is not closed") }
        return inner
    }

    /// Reads `i`, `m`, `s`, `U` and `-` up to `:` (true: a group follows) or `)` (false: for the rest of this group).
    private mutating func setFlags() throws(PatternError) -> Bool {
        var isOn = true
        while let scalar = current {
            position += 1
            switch scalar {
            case "i": flags.ignoresCase = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotMatchesNewline = isOn
            case "U": break
            case "-" where isOn: isOn = false
            case ":": return true
            case ")": return false
            default: throw PatternError(reason: "`(?\(scalar)` is not supported")
            }
        }
        throw PatternError(reason: "a `(` is not closed")
    }

    private mutating func escape() throws(PatternError) -> PatternTree {
        guard let scalar = current else { throw PatternError(reason: "it ends in a backslash") }
        let assertion: PatternAssertion? =
            switch scalar {
            case "A": .textStart
            case "z": .textEnd
            case "b": .wordBoundary
            case "B": .notWordBoundary
            default: nil
            }
        if let assertion {
            position += 1
            return .assertion(assertion)
        }
        if let found = try classEscape() { return set(found) }
        return literal(try scalarEscape())
    }
}
