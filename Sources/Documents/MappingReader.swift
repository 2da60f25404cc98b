package import Core

/// Reads the members of one mapping as typed values and reports whatever is missing, mistyped or unknown.
///
/// Each question names a key; `finish` reports the keys that nobody asked for, with the nearest known one as a
/// suggestion. A wrong value is reported once and read as nil, so reading goes on and a person sees all errors at once.
/// An empty value counts as written: `name:` with nothing after it is a wrong type, not an absence.
///
///     guard var step = MappingReader(node, problems, as: "a step") else { return nil }
///     let id = step.string("id", isRequired: true)
///     let timeout = step.string("timeout")
///     step.finish()
package struct MappingReader {
    package let node: Node
    package let problems: DiagnosticCollector
    /// What the mapping is, with its article, for messages: "a step".
    package let subject: String

    private let entries: [String: Node.Entry]
    private var known: [String] = []

    /// Nil, with an error reported, where the node is no mapping.
    package init?(_ node: Node, _ problems: DiagnosticCollector, as subject: String) {
        guard let members = node.mapping else {
            problems.report("wrong-type", "\(subject) must be a mapping, not \(node.kindName)", at: node.place)
            return nil
        }
        self.node = node
        self.problems = problems
        self.subject = subject
        var entries: [String: Node.Entry] = [:]
        for member in members {
            if let name = member.key.scalar?.text, entries[name] == nil { entries[name] = member }
        }
        self.entries = entries
    }

    /// The keys as they were written.
    package var keys: [Located<String>] {
        (node.mapping ?? []).compactMap { entry in entry.key.scalar.map { Located($0.text, at: entry.key.place) } }
    }

    /// Whether the key was written; makes it known.
    package mutating func has(_ key: String) -> Bool {
        known.append(key)
        return entries[key] != nil
    }

    /// Where the key stands, for a message about the member as a whole.
    package func place(ofKey key: String) -> Place? { entries[key]?.key.place }

    /// The value of any type.
    package mutating func node(_ key: String, isRequired: Bool = false) -> Node? {
        known.append(key)
        if let entry = entries[key] { return entry.value }
        if isRequired {
            problems.report("missing-key", "\(subject) needs the key \(key.inMessage)", at: missingPlace)
        }
        return nil
    }

    package mutating func value(_ key: String, isRequired: Bool = false) -> Located<JSON.Value>? {
        node(key, isRequired: isRequired).map { Located($0.json, at: $0.place) }
    }

    /// Text; `mayBeEmpty` false refuses text of blanks only.
    package mutating func string(
        _ key: String,
        isRequired: Bool = false,
        mayBeEmpty: Bool = false
    ) -> Located<String>? {
        guard let node = node(key, isRequired: isRequired), let text = text(node, key) else { return nil }
        if !mayBeEmpty, text.allSatisfy(\.isWhitespace) {
            problems.report("invalid-value", "\(key.inMessage) must not be empty", at: node.place)
            return nil
        }
        return Located(text, at: node.place)
    }

    package mutating func integer(
        _ key: String,
        isRequired: Bool = false,
        in range: ClosedRange<Int64>? = nil
    ) -> Located<Int64>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        guard case .integer(let value) = node.scalar?.value else { return wrongType(node, key, "a whole number") }
        if let range, !range.contains(value) {
            let bounds = "from \(range.lowerBound) to \(range.upperBound)"
            problems.report("invalid-value", "\(key.inMessage) must be \(bounds)", at: node.place)
            return nil
        }
        return Located(value, at: node.place)
    }

    /// A number with or without a fraction.
    package mutating func number(
        _ key: String,
        isRequired: Bool = false,
        in range: ClosedRange<Double>? = nil
    ) -> Located<Double>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        let number: Double
        switch node.scalar?.value {
        case .integer(let value): number = Double(value)
        case .number(let value): number = value
        default: return wrongType(node, key, "a number")
        }
        if let range, !range.contains(number) {
            let bounds = "from \(JSON.Value.number(range.lowerBound)) to \(JSON.Value.number(range.upperBound))"
            problems.report("invalid-value", "\(key.inMessage) must be \(bounds)", at: node.place)
            return nil
        }
        return Located(number, at: node.place)
    }

    package mutating func bool(_ key: String, isRequired: Bool = false) -> Located<Bool>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        guard case .bool(let value) = node.scalar?.value else { return wrongType(node, key, "`true` or `false`") }
        return Located(value, at: node.place)
    }

    /// One of the raw values of a closed set.
    package mutating func enumeration<Choice: RawRepresentable & CaseIterable>(
        _ key: String,
        of type: Choice.Type = Choice.self,
        isRequired: Bool = false
    ) -> Located<Choice>? where Choice.RawValue == String {
        guard let node = node(key, isRequired: isRequired), let text = text(node, key) else { return nil }
        if let choice = Choice(rawValue: text) { return Located(choice, at: node.place) }
        let names = Choice.allCases.map(\.rawValue)
        let help =
            nearest(to: text, in: names).map { "did you mean \($0.inMessage)?" }
            ?? "use one of \(names.map(\.inMessage).joined(separator: ", "))"
        problems.report("invalid-value", "\(key.inMessage) cannot be \(text.inMessage)", at: node.place, help: help)
        return nil
    }

    /// The elements of a list.
    package mutating func list(_ key: String, isRequired: Bool = false) -> Located<[Node]>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        guard let elements = node.sequence else { return wrongType(node, key, "a list") }
        return Located(elements, at: node.place)
    }

    /// A list whose elements are all text; with `mayBeOne`, a single text stands for a list of one.
    package mutating func strings(
        _ key: String,
        isRequired: Bool = false,
        mayBeOne: Bool = false
    ) -> Located<[Located<String>]>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        if mayBeOne, case .string(let text) = node.scalar?.value {
            return Located([Located(text, at: node.place)], at: node.place)
        }
        guard let elements = node.sequence else { return wrongType(node, key, "a list") }
        let texts = elements.compactMap { element in
            text(element, key, isElement: true).map { Located($0, at: element.place) }
        }
        return texts.count == elements.count ? Located(texts, at: node.place) : nil
    }

    /// The reader of a nested mapping.
    package mutating func mapping(
        _ key: String,
        isRequired: Bool = false,
        as subject: String? = nil
    ) -> MappingReader? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        return MappingReader(node, problems, as: subject ?? key.inMessage)
    }

    /// The members of a nested mapping whose keys the writer chooses, in their order.
    package mutating func members(
        _ key: String,
        isRequired: Bool = false
    ) -> Located<[(key: Located<String>, value: Node)]>? {
        guard let node = node(key, isRequired: isRequired) else { return nil }
        guard let entries = node.mapping else { return wrongType(node, key, "a mapping") }
        let members = entries.compactMap { entry in
            entry.key.scalar.map { (key: Located($0.text, at: entry.key.place), value: entry.value) }
        }
        return Located(members, at: node.place)
    }

    /// Reports the keys that are not known by now; `others` are known too.
    package mutating func finish(alsoKnown others: [String] = []) {
        known += others
        for key in keys where !known.contains(key.value) {
            let near = nearest(to: key.value, in: known)
            problems.report(
                "unknown-key",
                "unknown key \(key.value.inMessage)",
                at: key.place,
                help: near.map { "did you mean \($0.inMessage)?" } ?? keysHelp
            )
        }
    }

    private var keysHelp: String? {
        known.isEmpty || known.count > 12
            ? nil : "\(subject) may have \(Set(known).sorted().map(\.inMessage).joined(separator: ", "))"
    }

    /// One column: the mapping goes on for lines.
    private var missingPlace: Place {
        var place = node.place
        place.length = 1
        return place
    }

    private func text(_ node: Node, _ key: String, isElement: Bool = false) -> String? {
        if case .string(let text) = node.scalar?.value { return text }
        let subject = isElement ? "each element of \(key.inMessage)" : key.inMessage
        let isWord: Bool =
            switch node.scalar?.value {
            case .bool, .integer, .number: true
            default: false
            }
        problems.report(
            "wrong-type",
            "\(subject) must be text, not \(node.kindName)",
            at: node.place,
            help: isWord ? "put it in quotes" : nil
        )
        return nil
    }

    private func wrongType<Value>(_ node: Node, _ key: String, _ expected: String) -> Located<Value>? {
        var help: String?
        if let scalar = node.scalar, scalar.style != .plain,
            case .value(let value) = PlainScalar(scalar.text).reading, value.kindName != node.kindName, value != .null
        {
            help = "leave the quotes out"
        }
        problems.report(
            "wrong-type",
            "\(key.inMessage) must be \(expected), not \(node.kindName)",
            at: node.place,
            help: help
        )
        return nil
    }
}
