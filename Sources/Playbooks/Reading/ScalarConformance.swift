import Core
import Documents

/// Texts, numbers and the other values that hold no values themselves.
extension Conformance {
    mutating func checkScalar(_ node: Node, against shape: Shape, key: String) {
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

    mutating func refuseInterpolation(below node: Node, key: String) {
        if let range = node.interpolation {
            report(Code.interpolation, "`${{ }}` cannot stand in \(quoted(key))", at: source.place(of: range, in: node))
        }
        for item in node.sequence ?? [] { refuseInterpolation(below: item, key: key) }
        for entry in node.mapping ?? [] { refuseInterpolation(below: entry.value, key: key) }
    }
}

extension Shape {
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
