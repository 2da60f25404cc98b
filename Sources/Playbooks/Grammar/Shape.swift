/// What may stand at one place of a document.
///
/// The grammar is data: the reader checks documents against it and the JSON Schema for editors is written from it, so
/// the two cannot drift apart.
indirect enum Shape: Sendable {
    case text(TextRule)
    /// Text in which `${{ }}` may stand.
    case template
    /// Any value, with `${{ }}` in any text below it.
    case value
    /// Any value without expressions.
    case constant
    /// A bare CEL expression.
    case expression
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case boolean
    /// `30m`, `24h`, `14d`.
    case duration
    /// ISO 8601: `P4W`, `P400D`.
    case offset
    case date
    case choice([String])
    case list(Shape, minimum: Int)
    case record(Record)
    /// Free keys that follow a rule, all with values of one shape.
    case map(TextRule, Shape)
    /// One of two shapes: which is meant is told by the kind of the node.
    case either(Shape, Shape)
    /// The name of an IANA time zone.
    case zone
    /// A moment (RFC 3339), or `${{ }}`.
    case moment
    /// What is wrong below is reported under this code.
    case coded(String, Shape)
}

/// A mapping with known keys.
struct Record: Sendable {
    struct Key: Sendable {
        let name: String
        let shape: Shape
        let isRequired: Bool
        /// The code under which its absence is reported.
        let missing: String
        let summary: String

        init(
            _ name: String,
            _ shape: Shape,
            isRequired: Bool = false,
            missing: String = Code.missingKey,
            _ summary: String
        ) {
            self.name = name
            self.shape = shape
            self.isRequired = isRequired
            self.missing = missing
            self.summary = summary
        }
    }

    /// What messages and the schema's `$defs` call it.
    let name: String
    let keys: [Key]
    /// The shape of values under any other key; nothing where other keys are errors.
    let rest: (rule: TextRule, shape: Shape)?
    /// Of these keys exactly one must be given.
    let exactlyOne: Choice?
    /// A key that makes no sense without another.
    let companions: [(key: String, needs: String)]

    struct Choice: Sendable {
        let keys: [String]
        let noneCode: String
        let manyCode: String
    }

    init(
        _ name: String,
        _ keys: [Key],
        rest: (rule: TextRule, shape: Shape)? = nil,
        exactlyOne: Choice? = nil,
        companions: [(key: String, needs: String)] = []
    ) {
        self.name = name
        self.keys = keys
        self.rest = rest
        self.exactlyOne = exactlyOne
        self.companions = companions
    }

    subscript(name: String) -> Key? { keys.first { $0.name == name } }

    /// The name with its article, for messages.
    var called: String { ("aeiou".contains(name.prefix(1)) ? "an " : "a ") + name }
}

/// Which texts are accepted at a place.
enum TextRule: Sendable, Hashable, CaseIterable {
    case free
    /// A title: not empty, at most 120 characters.
    case title
    /// Steps, inputs, secrets, variables, metrics, loop variables.
    case name
    case slug
    case version
    case principal
    case action
    case metric
    case secretOrigin
    case percent
    case control
    case hours
    case input

    /// The rule as an ECMA 262 pattern, for editors.
    var pattern: String? {
        switch self {
        case .free: nil
        case .title: "^.{1,120}$"
        case .name, .input: "^[a-z][a-z0-9_]{0,62}$"
        case .slug: "^[a-z][a-z0-9-]{0,62}$"
        case .version: "^[0-9]{1,6}\\.[0-9]{1,6}\\.[0-9]{1,6}$"
        case .principal: "^(user|group):[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$"
        case .action, .metric: "^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$"
        case .secretOrigin: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
        case .percent: "^[1-9][0-9]{0,2}%$"
        case .control: "^[a-z0-9-]+:.+$"
        case .hours: "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
        }
    }

    /// The rule in words, for a help line.
    var inWords: String {
        switch self {
        case .free: "any text"
        case .title: "a text of 1 to 120 characters"
        case .name, .input: "a lower-case letter, then lower-case letters, digits and `_`, at most 63 in all"
        case .slug: "a lower-case letter, then lower-case letters, digits and `-`, at most 63 in all"
        case .version: "three numbers, as in `1.0.0`"
        case .principal: "`user:` or `group:` and a name, as in `group:security-leads`"
        case .action: "`noun.verb`, as in `inventory.snapshot`"
        case .metric: "`noun.measure`, as in `inventory.servers`"
        case .secretOrigin: "`env:` and a variable, or `file:` and a path"
        case .percent: "a whole share of all items, as in `25%`"
        case .control: "a framework and a control, as in `soc2:CC6.1`"
        case .hours: "two times of day, as in `09:00-16:00`"
        }
    }

    func accepts(_ text: String) -> Bool {
        let bytes = text.utf8
        switch self {
        case .free: return true
        case .title: return !text.isEmpty && text.unicodeScalars.count <= 120
        case .name, .input: return Self.isName(bytes, joint: UInt8(ascii: "_"))
        case .slug: return Self.isName(bytes, joint: UInt8(ascii: "-"))
        case .version:
            let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            return parts.count == 3 && parts.allSatisfy { (1...6).contains($0.count) && $0.allSatisfy(Self.isDigit) }
        case .principal:
            guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return false }
            let name = bytes[bytes.index(after: colon)...]
            guard ["user", "group"].contains(String(text[..<colon])), let first = name.first else {
                return false
            }
            return name.count <= 127 && Self.isAlphanumeric(first)
                && name.allSatisfy { Self.isAlphanumeric($0) || ".-_@".utf8.contains($0) }
        case .action, .metric:
            let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            return parts.count >= 2 && parts.allSatisfy { Self.isName($0, joint: UInt8(ascii: "_")) }
        case .secretOrigin:
            if text.hasPrefix("file:") { return bytes.count > 5 }
            let name = bytes.dropFirst(4)
            guard text.hasPrefix("env:"), let first = name.first, !Self.isDigit(first) else { return false }
            return name.allSatisfy { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
        case .percent:
            let digits = bytes.dropLast()
            guard bytes.last == UInt8(ascii: "%"), (1...3).contains(digits.count), digits.allSatisfy(Self.isDigit),
                digits.first != UInt8(ascii: "0"), let share = Int(String(text.dropLast()))
            else { return false }
            return share >= 1
        case .control:
            guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon != bytes.startIndex else { return false }
            return bytes.index(after: colon) != bytes.endIndex
                && bytes[..<colon].allSatisfy {
                    Self.isLower($0) || Self.isDigit($0) || $0 == UInt8(ascii: "-")
                }
        case .hours: return Hours(text) != nil
        }
    }

    private static func isName(_ bytes: some Collection<UInt8>, joint: UInt8) -> Bool {
        guard let first = bytes.first, isLower(first), bytes.count <= 63 else { return false }
        return bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == joint }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLower(byte) || isDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}

/// A span of the day: `09:00-16:00`; an end before the start is on the next day.
struct Hours: Sendable, Hashable {
    let start: Int
    let end: Int

    init?(_ text: String) {
        let halves = text.split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, let start = Self.minute(halves[0]), let end = Self.minute(halves[1]), start < 1440,
            start != end
        else { return nil }
        self.start = start
        self.end = end
    }

    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
        else { return nil }
        return hour * 60 + minute
    }
}
