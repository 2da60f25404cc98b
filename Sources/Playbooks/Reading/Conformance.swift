import Core
import Documents

/// Compares a document with the grammar and says everything that is wrong with its form.
///
/// What a value means is looked at afterwards, by code that may then take any malformed value for absent.
struct Conformance {
    let source: Source
    /// Where the reader of the text has reported something: such a token is judged once.
    let refused: Set<Spot>
    private(set) var diagnostics: [Diagnostic] = []
    /// What mistakes in the value at hand are reported as, where the grammar says so.
    var code: String?

    init(_ source: Source, refused: Set<Spot>) {
        self.source = source
        self.refused = refused
    }

    mutating func check(_ node: Node, against shape: Shape, key: String) {
        if !refused.isEmpty, isRefused(node, shape) { return }
        switch shape {
        case .record(let record): check(node, against: record, key: key)
        case .list(let element, let minimum): check(node, listOf: element, minimum: minimum, key: key)
        case .map(let rule, let value): check(node, mapOf: rule, value, key: key)
        case .either(let first, let second):
            check(node, against: Self.fits(node, second) ? second : first, key: key)
        case .coded(let code, let inner):
            let outer = self.code
            self.code = code
            check(node, against: inner, key: key)
            self.code = outer
        case .value: break
        case .constant: refuseInterpolation(below: node, key: key)
        default: checkScalar(node, against: shape, key: key)
        }
    }

    private func isRefused(_ node: Node, _ shape: Shape) -> Bool {
        if refused.contains(Spot(node.lead)) { return node.mapping == nil || !shape.isMapping }
        guard node.mapping != nil, !shape.isMapping else { return false }
        // `name: {{ x }}` is a mapping only by accident.
        return refused.contains { spot in spot.line == node.start.line && spot.column == node.start.column + 1 }
    }

    private static func fits(_ node: Node, _ shape: Shape) -> Bool {
        switch (shape, node.content) {
        case (.record, .mapping), (.list, .sequence): true
        case (.text, .scalar): node.string != nil
        default: false
        }
    }

    mutating func report(_ code: String, _ message: String, at place: Place, help: String? = nil) {
        diagnostics.append(Diagnostic(code: code, message: message, at: place, help: help))
    }

    mutating func wrongType(_ node: Node, _ key: String, _ wanted: String, help: String? = nil) {
        report(Code.wrongType, "\(quoted(key)) is \(wanted), not \(node.called)", at: node.place, help: help)
    }

    // MARK: Mappings and lists

    private mutating func check(_ node: Node, against record: Record, key: String) {
        guard let entries = node.mapping else {
            let keys = (record.keys.filter(\.isRequired).map(\.name) + (record.exactlyOne?.keys ?? []))
            return wrongType(
                node,
                key,
                "a mapping",
                help: "write \(quoted(key + ": {" + (keys.first ?? record.keys.first?.name ?? "…") + ": …}"))"
                    + (keys.count > 1 ? " with \(listed(keys))" : "")
            )
        }
        var excused: Set<String> = []
        var hasUnknown = false
        var given: [Node.Entry] = []
        for entry in entries {
            if let known = record[entry.name] {
                given.append(entry)
                check(entry, of: known.shape)
            } else if let rest = record.rest {
                if checkName(entry.name, rest.rule, at: entry.keyPlace) { check(entry, of: rest.shape) }
            } else {
                hasUnknown = true
                if let meant = reportUnknown(entry, in: record) { excused.insert(meant) }
            }
        }
        let present = Set(given.map(\.name))
        for wanted in record.keys where wanted.isRequired && !present.contains(wanted.name) {
            guard !excused.contains(wanted.name) else { continue }
            report(
                wanted.missing,
                "\(record.called) needs \(quoted(wanted.name))",
                at: node.lead,
                help: wanted.help
            )
        }
        if let choice = record.exactlyOne {
            let chosen = given.filter { choice.keys.contains($0.name) }
            if chosen.isEmpty, !hasUnknown {
                report(choice.noneCode, "\(record.called) is one of \(listed(choice.keys, "or"))", at: node.lead)
            }
            for extra in chosen.dropFirst() {
                report(
                    choice.manyCode,
                    "\(record.called) has only one of \(listed(choice.keys, "or")): \(quoted(chosen[0].name)) is given already",
                    at: extra.keyPlace
                )
            }
        }
        for (dependent, needed) in record.companions where present.contains(dependent) && !present.contains(needed) {
            guard let entry = given.first(where: { $0.name == dependent }) else { continue }
            if dependent == "min-samples", entry.value.integer == 1 { continue }
            report(
                Code.gateNeedsEvery,
                "\(quoted(dependent)) needs \(quoted(needed)): without it the gate is asked once",
                at: entry.keyPlace
            )
        }
    }

    private mutating func check(_ entry: Node.Entry, of shape: Shape) {
        if entry.value.isNull, !refused.contains(Spot(entry.value.lead)) {
            if case .value = shape { return }
            if case .constant = shape { return }
            report(
                Code.wrongType,
                "\(quoted(entry.name)) has no value",
                at: entry.keyPlace,
                help: "give it a value or leave the key out"
            )
        } else {
            check(entry.value, against: shape, key: entry.name)
        }
    }

    private mutating func reportUnknown(_ entry: Node.Entry, in record: Record) -> String? {
        let names = record.keys.map(\.name)
        var help: String?
        var meant: String?
        if let habit = Habits.help(for: entry.name, in: record.name) {
            help = habit
        } else if entry.name.utf8.count <= 64, let near = nearest(to: entry.name, in: names) {
            help = "did you mean \(quoted(near))?"
            meant = near
        } else {
            help = "\(record.called) has \(listed(names))"
        }
        report(
            Code.unknownKey,
            "\(quoted(entry.name)) is not a key of \(record.called)",
            at: entry.keyPlace,
            help: help
        )
        return meant
    }

    private mutating func check(_ node: Node, listOf element: Shape, minimum: Int, key: String) {
        guard let items = node.sequence else {
            var place = node.place
            var help: String?
            if let text = node.string, node.interpolation == nil { help = "write \(quoted("[" + text + "]"))" }
            if case .mapping = node.content {
                place = node.lead
                help = "start each element with `- `"
            }
            return report(
                Code.wrongType,
                "\(quoted(key)) is a list, not \(node.called)",
                at: place,
                help: help
            )
        }
        if items.count < minimum {
            report(code ?? Code.invalidValue, "\(quoted(key)) is empty", at: node.place, help: "give at least one")
        }
        for item in items {
            if item.isNull {
                if case .value = element { continue }
                report(Code.wrongType, "an element of \(quoted(key)) is empty", at: item.place)
            } else {
                check(item, against: element, key: key)
            }
        }
    }

    private mutating func check(_ node: Node, mapOf rule: TextRule, _ value: Shape, key: String) {
        guard let entries = node.mapping else { return wrongType(node, key, "a mapping") }
        for entry in entries {
            if checkName(entry.name, rule, at: entry.keyPlace) { check(entry, of: value) }
        }
    }

    mutating func checkName(_ name: String, _ rule: TextRule, at place: Place) -> Bool {
        guard rule == .name else { return true }
        if let fault = Names.fault(in: name) {
            report(Code.invalidIdentifier, fault.message, at: place, help: fault.help)
        }
        return true
    }
}

/// A line and a column.
struct Spot: Hashable {
    let line: Int
    let column: Int

    init(_ place: Place) {
        line = place.line
        column = place.column
    }
}

extension Shape {
    fileprivate var isMapping: Bool {
        switch self {
        case .record, .map: true
        case .coded(_, let inner): inner.isMapping
        case .either(let first, let second): first.isMapping || second.isMapping
        default: false
        }
    }
}

extension Record.Key {
    fileprivate var help: String? {
        summary.isEmpty ? nil : "\(quoted(name)): " + summary.prefix(1).lowercased() + summary.dropFirst().dropLast()
    }
}

extension Node {
    /// Where something that is missing is reported: the first key, or the brace of a mapping in braces.
    var lead: Place { Place(file: file, line: start.line, column: start.column) }
}
