package import Core
import Documents

/// Decisions about the points of a review, as a document that people keep and review.
///
///     apiVersion: lockstep/v1
///     kind: PolicyDecisions
///     decisions:
///       - item: pay_invoice.iban.4f1c2a90
///         decision: accept
///         reason: a supplier since March
package enum DecisionFile {
    package struct Entry: Sendable {
        package var item: String
        package var place: Place
        package var decision: ReviewDecision
        package var reason: String?
    }

    /// Reads the decisions, or nil where something is wrong with them; codes begin with `decisions.`.
    package static func read(_ bytes: [UInt8], file: String) -> (entries: [Entry]?, diagnostics: [Diagnostic]) {
        let (root, diagnostics) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "decisions", diagnostics)
        guard let root, var document = MappingReader(root, problems, as: "a list of decisions") else {
            return (nil, problems.sorted)
        }
        if let version = document.string("apiVersion", isRequired: true), version.value != "lockstep/v1" {
            problems.report(
                "unsupported-version",
                "this version reads `lockstep/v1`, not \(version.value.inMessage)",
                at: version.place
            )
        }
        if let kind = document.string("kind", isRequired: true), kind.value != "PolicyDecisions" {
            problems.report("wrong-kind", "these are no decisions but a \(kind.value.inMessage)", at: kind.place)
        }
        var entries: [Entry] = []
        for node in document.list("decisions", isRequired: true)?.value ?? [] {
            guard var reader = MappingReader(node, problems, as: "a decision") else { continue }
            let item = reader.string("item", isRequired: true)
            let decision = reader.enumeration("decision", of: ReviewDecision.self, isRequired: true)
            let reason = reader.string("reason")
            reader.finish()
            guard let item, let decision else { continue }
            if let first = entries.first(where: { $0.item == item.value }) {
                problems.report(
                    "duplicate-item",
                    "\(item.value.inMessage) is decided twice",
                    at: item.place,
                    help: "the first decision is on line \(first.place.line)"
                )
            }
            entries.append(
                Entry(item: item.value, place: item.place, decision: decision.value, reason: reason?.value)
            )
        }
        document.finish()
        return (problems.hasErrors ? nil : entries, problems.sorted)
    }

    /// Reads `ITEM=DECISION` or `ITEM=DECISION:REASON`, or says what is wrong with it.
    package static func parse(_ text: String) -> Result<
        (item: String, decision: ReviewDecision, reason: String?), Fault
    > {
        guard let equals = text.firstIndex(of: "=") else {
            return .failure(Fault("`\(text)` is no decision", "write ITEM=accept, or ITEM=deny:REASON"))
        }
        let item = String(text[..<equals])
        let rest = text[text.index(after: equals)...]
        let word = String(rest.prefix { $0 != ":" })
        let reason = rest.firstIndex(of: ":").map { String(rest[rest.index(after: $0)...]) }
        guard let decision = ReviewDecision(rawValue: word) else {
            let words = ReviewDecision.allCases.map(\.rawValue)
            return .failure(
                Fault(
                    "\(word.inMessage) is no decision",
                    nearest(to: word, in: words).map { "did you mean `\($0)`?" }
                        ?? "use one of \(words.joined(separator: ", "))"
                )
            )
        }
        let said = reason.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
        return item.isEmpty
            ? .failure(Fault("a decision names no item", "`lockstep policy review` lists them"))
            : .success((item, decision, said))
    }

    package struct Fault: Error, Sendable, Hashable {
        package var message: String
        package var help: String

        init(_ message: String, _ help: String) {
            self.message = message
            self.help = help
        }
    }
}
