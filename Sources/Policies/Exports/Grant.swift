import Traffic

/// What one agent may do with one tool, as an engine without memory can test it.
struct Grant: Hashable, Sendable {
    /// Nil: every agent that is not among the others.
    var agent: String?
    /// Agents that have grants of their own.
    var others: [String]
    var tool: ServerTool
    /// Every one of them must pass.
    var tests: [RuleTest]

    var rules: [String] { tests.map(\.rule) }
}

/// The part of a rule that shows in a call's arguments.
struct RuleTest: Hashable, Sendable {
    var rule: String
    /// Sorted by path, each path once.
    var arguments: [ArgumentTest]
    /// Whether arguments that no rule names may hold something harmless; otherwise they must be empty.
    var admitsHarmless: Bool

    var isNested: Bool { arguments.contains(where: \.isNested) }

    /// The test of a whole argument, by the name under which it is sent.
    subscript(name: String) -> ArgumentTest? { arguments.first { !$0.isNested && $0.name == name } }
}

struct ArgumentTest: Hashable, Sendable {
    var path: String
    var isRequired: Bool
    var maximumItems: Int?
    var value: ValueTest

    /// Whether this is a member of an object.
    var isNested: Bool { path.utf8.contains(UInt8(ascii: "/")) }

    /// The names on the way as they are sent; in a path they are escaped as in RFC 6901.
    var steps: [String] {
        path.split(separator: "/", omittingEmptySubsequences: false).map { part in
            guard part.utf8.contains(UInt8(ascii: "~")) else { return String(part) }
            return part.split(separator: "~1", omittingEmptySubsequences: false)
                .map { $0.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~") }
                .joined(separator: "/")
        }
    }

    /// The name under which the argument, or the object that it is a member of, is sent.
    var name: String { steps.first ?? "" }
}

/// What a scalar may be; one test that it passes is enough.
struct ValueTest: Hashable, Sendable {
    /// Texts byte for byte.
    var texts: [String] = []
    /// Texts of ASCII in lower case, for any mixture of cases.
    var folded: [String] = []
    var tests: [TextTest] = []
    /// Sorted.
    var numbers: [Double] = []
    /// Bounds, if there are any.
    var range: Bounds?
    var booleans: Set<Bool> = []
    /// In Unicode scalars, for every text.
    var maximumLength: Int?

    struct Bounds: Hashable, Sendable {
        var minimum: Double?
        var maximum: Double?

        static let any = Bounds()
    }

    var admitsTexts: Bool { !texts.isEmpty || !folded.isEmpty || !tests.isEmpty }
    var admitsNumbers: Bool { !numbers.isEmpty || range != nil }

    /// Anything harmless, for arguments of a closed read that no rule names.
    static let harmless = ValueTest(tests: [.date, .email, .harmless], range: .any, booleans: [true, false])
}
