import Actions
import Behaviour
import Core
import Policies
import Traffic

/// Asks a person on a terminal about one point after the other.
///
/// Everything that a recording says is quoted and printed without control characters. What is decided by the time of
/// `q` or of the end of input is kept; the rest waits.
struct ReviewDialogue {
    let points: [(item: ReviewItem, point: ReviewPoint)]
    let quotes: EvidenceQuotes
    let names: PointNames

    private static let keys: [(key: String, decision: ReviewDecision, meaning: String)] = [
        ("a", .accept, "accept"), ("t", .tighten, "tighten"), ("w", .widen, "widen one step"), ("k", .ask, "ask"),
        ("d", .deny, "deny"), ("l", .defer, "defer: later, denied until then"),
    ]

    func run(_ desk: inout ReviewDesk) throws {
        let open = points.filter { !(desk.policy.reviewed($0.point)?.decision.isFinal ?? false) }
        for (number, (item, point)) in open.enumerated() {
            Output.talk("")
            for line in text(item, point, desk, number + 1, of: open.count) { Output.talk(line) }
            guard try ask(item, point, &desk) else { return }
        }
    }

    private func text(_ item: ReviewItem, _ point: ReviewPoint, _ desk: ReviewDesk, _ number: Int, of count: Int)
        -> [String]
    {
        var lines = [
            "\(number) of \(count): \(item.kind.rawValue), urgency \(item.roundedUrgency), "
                + "\(desk.untilDecided(item, point).rawValue) until decided  [\(names.short(point))]",
            "  \(Output.cell(item.agent)) on \(Output.cell(item.tool.description)) (\(item.tier.rawValue))"
                + (item.path.map { ", argument \(Output.cell($0))" } ?? ""),
        ]
        if !item.values.isEmpty {
            lines.append("  value \(item.shownValues.prefix(5).map { Self.quoted($0.text) }.joined(separator: ", "))")
        }
        lines.append("  \(Output.cell(item.detail)), \(item.sessions) session\(item.sessions == 1 ? "" : "s")")
        for quote in quotes[point] {
            lines.append(
                "  | \(Output.cell(quote.session))#\(quote.sequence) \(Output.cell(quote.tool.description)) "
                    + Output.cell(quote.argument)
            )
            if let source = quote.source {
                lines.append("  |   shown by \(Output.cell(source.tool.description)): \(Self.quoted(source.text))")
            } else if quote.lacksTexts {
                let tools = item.sources.prefix(3).map { Output.cell($0.description) }.joined(separator: ", ")
                lines.append(
                    "  |   the recording keeps no texts of results"
                        + (tools.isEmpty ? "" : ": only that \(tools) showed it")
                )
            }
        }
        for key in Self.keys {
            lines.append("  \(key.key) \(key.decision.rawValue): \(Output.cell(point.effect(of: key.decision)))")
        }
        return lines
    }

    /// As JSON quotes it, so that line ends and quotes inside cannot be mistaken for ours.
    private static func quoted(_ text: String) -> String {
        Output.cell(String(decoding: JSON.canonical(.string(text)), as: UTF8.self))
    }

    /// Whether to go on.
    private func ask(_ item: ReviewItem, _ point: ReviewPoint, _ desk: inout ReviewDesk) throws -> Bool {
        let menu = Self.keys.map { "\($0.key) \($0.meaning)" }.joined(separator: " · ")
        while true {
            Output.talk("  \(menu) · s skip · q stop here")
            guard let line = readLine() else { return false }
            let word = line.filter { !$0.isWhitespace }.lowercased()
            if word == "q" { return false }
            if word == "s" || word.isEmpty { return true }
            guard let chosen = Self.keys.first(where: { $0.key == word || $0.decision.rawValue == word }) else {
                Output.talk("  there is no `\(Output.cell(word, limit: 20))`")
                continue
            }
            Output.talk("  why? (may be left empty)")
            let reason = readLine().flatMap { $0.allSatisfy(\.isWhitespace) ? nil : Output.printable($0) }
            do {
                try desk.decide([
                    ReviewDesk.Choice(
                        point: point,
                        shown: item.shown(at: point),
                        decision: chosen.decision,
                        reason: reason
                    )
                ])
                return true
            } catch let failure as CommandFailure {
                Output.talk("  \(failure.message)" + (failure.help.map { "; \($0)" } ?? ""))
            }
        }
    }
}
