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
    private var code: String?

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

    private mutating func wrongType(_ node: Node, _ key: String, _ wanted: String, help: String? = nil) {
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

    private mutating func checkName(_ name: String, _ rule: TextRule, at place: Place) -> Bool {
        guard rule == .name else { return true }
        if let fault = Names.fault(in: name) {
            report(Code.invalidIdentifier, fault.message, at: place, help: fault.help)
        }
        return true
    }

    // MARK: Scalars

    private mutating func checkScalar(_ node: Node, against shape: Shape, key: String) {
        if let range = node.interpolation, !shape.mayHoldInterpolation {
            var help =
                "only `with`, `name`, `message`, `outputs`, `vars`, `show`, `ticket`, `items` and `until` may hold it"
            if case .expression = shape { help = "\(quoted(key)) is an expression already: leave out `${{` and `}}`" }
            return report(
                Code.interpolation,
                "`${{ }}` cannot stand in \(quoted(key))",
                at: source.place(of: range, in: node),
                help: help
            )
        }
        switch shape {
        case .duration: checkDuration(node, key: key)
        case .offset: checkOffset(node, key: key)
        case .integer(let range): checkInteger(node, range, key: key)
        case .number(let range):
            guard let value = node.number else { return wrongType(node, key, "a number") }
            if !range.contains(value) {
                report(
                    code ?? Code.invalidValue,
                    "\(quoted(key)) is out of range",
                    at: node.place,
                    help: "give a number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
        case .boolean:
            if node.bool == nil {
                wrongType(node, key, "a boolean", help: "write `true` or `false`, without quotes")
            }
        default:
            guard let text = node.string else {
                let isScalar = node.sequence == nil && node.mapping == nil
                let quotable = String(node.json.description.prefix(60))
                var help = isScalar ? "quote it: `\"\(quotable)\"`" : nil
                // Where quotes would not be enough, they are no help.
                if case .text(let rule) = shape, !rule.accepts(quotable) { help = "write \(rule.inWords)" }
                return wrongType(node, key, shape.wantedText, help: help)
            }
            checkText(text, node, against: shape, key: key)
        }
    }

    private mutating func checkText(_ text: String, _ node: Node, against shape: Shape, key: String) {
        switch shape {
        case .text(let rule): checkRule(text, node, rule, key: key)
        case .choice(let known):
            guard !known.contains(text) else { return }
            var help = suggestion(for: text, among: known, called: "known")
            if let near = Habits.choice(for: text, among: known) { help = "write \(quoted(near))" }
            report(
                code ?? Code.invalidValue,
                "\(quoted(text)) is not a value of \(quoted(key))",
                at: node.place,
                help: help
            )
        case .date:
            if CivilDate(text) == nil {
                report(
                    code ?? Code.invalidValue,
                    "\(quoted(text)) is not a date",
                    at: node.place,
                    help: "write a day that exists as `\"2026-12-18\"`"
                )
            }
        case .moment:
            if node.interpolation == nil, Timestamp(rfc3339: text) == nil {
                report(
                    Code.invalidValue,
                    "\(quoted(text)) is not a moment",
                    at: node.place,
                    help: "write RFC 3339 text as in `\"2026-12-01T09:00:00Z\"`, or `${{ }}`"
                )
            }
        case .zone:
            if !Zones.exists(text) {
                report(
                    Code.invalidZone,
                    "\(quoted(text)) is not an IANA time zone",
                    at: node.place,
                    help: suggestion(for: text, among: Habits.zones, called: "for example")
                )
            }
        default: break
        }
    }

    private mutating func checkRule(_ text: String, _ node: Node, _ rule: TextRule, key: String) {
        switch rule {
        case .name:
            if let fault = Names.fault(in: text) {
                report(Code.invalidIdentifier, fault.message, at: node.place, help: fault.help)
            }
        case .slug:
            guard !rule.accepts(text) else { return }
            report(
                Code.invalidIdentifier,
                "\(quoted(text)) is not an id",
                at: node.place,
                help: Names.slug(of: text, joint: "-").map { "write \(quoted($0))" } ?? rule.inWords
            )
        case .secretOrigin:
            // The text may be the secret itself: it is not repeated.
            guard !rule.accepts(text) else { return }
            report(
                Code.unknownSecretSource,
                "the secret has no known source",
                at: node.place,
                help: text.hasPrefix("vault:")
                    ? "let the vault's agent write it to a file or the environment: write \(rule.inWords)"
                    : "write \(rule.inWords)"
            )
        case .action, .metric, .input: break
        case .free:
            if text.isEmpty { report(Code.invalidValue, "\(quoted(key)) is empty", at: node.place) }
        default:
            guard !rule.accepts(text) else { return }
            var help = "write \(rule.inWords)"
            if rule == .percent, text.utf8.count <= 3, text.utf8.allSatisfy({ (48...57).contains($0) }) {
                help = "write \(quoted(text + "%")) for a share, or a number without quotes for a count"
            }
            report(
                code ?? Code.invalidValue,
                text.isEmpty ? "\(quoted(key)) is empty" : "\(quoted(text)) does not fit \(quoted(key))",
                at: node.place,
                help: help
            )
        }
    }

    private mutating func checkInteger(_ node: Node, _ range: ClosedRange<Int>, key: String) {
        let limits = "give a whole number from \(range.lowerBound) to \(range.upperBound)"
        switch node.scalar?.value {
        case .integer(let value):
            if range.contains(Int(clamping: value)) { return }
        case .number(let value) where value.rounded() == value && value.magnitude >= 9e18: break
        default: return wrongType(node, key, "an integer", help: limits)
        }
        report(code ?? Code.invalidValue, "\(quoted(key)) is out of range", at: node.place, help: limits)
    }

    private mutating func checkDuration(_ node: Node, key: String) {
        if let text = node.string, let duration = Duration(playbook: text), duration > .zero { return }
        guard node.sequence == nil, node.mapping == nil else { return wrongType(node, key, "a duration") }
        let text = node.string ?? node.json.description
        report(
            Code.invalidDuration,
            "\(quoted(text)) is not a duration",
            at: node.place,
            help: DurationHelp.short(for: text)
        )
    }

    private mutating func checkOffset(_ node: Node, key: String) {
        if let text = node.string, Duration(iso8601: text) != nil { return }
        guard node.sequence == nil, node.mapping == nil else { return wrongType(node, key, "a duration") }
        let text = node.string ?? node.json.description
        report(
            Code.invalidDuration,
            "\(quoted(text)) is not an ISO 8601 duration of weeks, days or hours",
            at: node.place,
            help: DurationHelp.iso(for: text)
        )
    }

    private mutating func refuseInterpolation(below node: Node, key: String) {
        if let range = node.interpolation {
            report(Code.interpolation, "`${{ }}` cannot stand in \(quoted(key))", at: source.place(of: range, in: node))
        }
        for item in node.sequence ?? [] { refuseInterpolation(below: item, key: key) }
        for entry in node.mapping ?? [] { refuseInterpolation(below: entry.value, key: key) }
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

    fileprivate var mayHoldInterpolation: Bool {
        switch self {
        case .template, .value, .moment: true
        default: false
        }
    }

    fileprivate var wantedText: String {
        switch self {
        case .expression: "an expression"
        case .date: "a date"
        case .moment: "a moment"
        default: "text"
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
