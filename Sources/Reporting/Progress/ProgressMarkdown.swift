import Core

/// The report as GitHub-flavoured Markdown, in which no text of others can become a link, a tag or a table border.
struct ProgressMarkdown {
    let text: String

    init(_ snapshot: ProgressSnapshot) {
        let standing = Standing(snapshot)
        var lines: [String] = []
        if snapshot.isRehearsal { lines += ["> **REHEARSAL: time compressed**", ""] }
        lines += [
            "# " + Self.escaped(snapshot.title.isEmpty ? "Rollout" : VisibleText.line(snapshot.title, limit: 200)), "",
        ]
        lines += ["Progress report, \(snapshot.taken.minute) UTC, run \(Self.code(snapshot.run ?? "none"))", ""]
        lines += ["**\(standing.tone.sign) \(standing.status)**", ""]
        lines += standing.sentences.map { "- \(Self.escaped($0))" }
        if !standing.sentences.isEmpty { lines.append("") }
        lines += ["| Number | Value | |", "|---|---|---|"]
        lines += standing.figures.map { figure in
            "| \(figure.name) | \(figure.share.text) | \(figure.tone.sign) \(figure.remark) |"
        }
        lines.append("")
        lines += Self.blockers(snapshot)
        if !standing.upcoming.isEmpty {
            lines += ["## In the next 14 days", ""]
            lines += standing.upcoming.prefix(20).map { "- \($0.time.minute): \(Self.escaped($0.text))" }
            lines.append("")
        }
        for section in Sheet(snapshot).sections { lines += Self.section(section) }
        lines += ["---", ""]
        let by = Self.escaped(VisibleText.line(snapshot.startedBy ?? "nobody"))
        lines += [
            "- Run: \(Self.code(snapshot.run ?? "none")), \(Self.escaped(VisibleText.line(snapshot.runState))), started "
                + "\(snapshot.started?.minute ?? "not started") by \(by)",
            "- Playbook: \(Self.code(snapshot.playbookDigest?.description ?? "none"))",
            "- Taken: \(snapshot.taken); all times are UTC",
        ]
        if snapshot.isRehearsal { lines.append("- **REHEARSAL: time compressed**") }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func blockers(_ snapshot: ProgressSnapshot) -> [String] {
        guard !snapshot.blockers.isEmpty else { return [] }
        var lines = ["## What waits, and what unblocks it", ""]
        for (position, blocker) in snapshot.blockers.prefix(Sheet.rowLimit).enumerated() {
            let since = blocker.since.map { ", since \($0.minute), \((snapshot.taken - $0).brief)" } ?? ""
            lines += [
                "\(position + 1). \(code(blocker.instance)): \(escaped(VisibleText.line(blocker.reason)))  ",
                "   Waiting for \(escaped(VisibleText.line(blocker.waitingOn)))\(since)  ",
                "   \(code(blocker.command, limit: 2000))",
            ]
        }
        let omitted = snapshot.blockers.count - Sheet.rowLimit
        if omitted > 0 { lines += ["", "\(omitted) more are in the JSON form of this report."] }
        return lines + [""]
    }

    private static func section(_ section: Sheet.Section) -> [String] {
        var lines = ["## \(section.title)", "", escaped(section.summary), ""]
        guard !section.rows.isEmpty else { return lines }
        lines.append("| " + section.columns.map(\.name).joined(separator: " | ") + " |")
        lines.append("|" + section.columns.map { $0.isNumber ? "---:|" : "---|" }.joined())
        lines += section.rows.map { "| " + $0.map(cell).joined(separator: " | ") + " |" }
        lines.append("")
        if section.omitted > 0 { lines += ["\(section.omitted) more rows are in the JSON form of this report.", ""] }
        return lines
    }

    private static func cell(_ cell: Sheet.Cell) -> String {
        let sign = cell.tone.map { $0.sign + " " } ?? ""
        // A table cell ends at a bar even inside a code span; there the escape is the table's, not the span's.
        let main = cell.isCode ? barsEscaped(code(cell.text)) : escaped(cell.text)
        return ([sign + main] + cell.details.map(escaped)).joined(separator: "<br>")
    }

    /// ASCII punctuation that could mean something, with a backslash (CommonMark 0.31.2, §2.4).
    ///
    /// The colon of an address is among it: GitHub makes a link of every bare `https://`, and a report passes on what
    /// hostile servers say.
    static func escaped(_ text: String) -> String {
        var result = ""
        let scalars = Array(text.unicodeScalars)
        for (position, scalar) in scalars.enumerated() {
            switch scalar {
            case "\\", "`", "*", "_", "[", "]", "<", ">", "|", "#", "&", "~", "!", "$":
                result += "\\"
            case ":" where position + 1 < scalars.count && scalars[position + 1] == "/":
                result += "\\"
            case "-", "+", "=":
                if position == 0 { result += "\\" }
            case ".", ")":
                // `1.` and `1)` at the start of a line begin a list.
                let isOrdinal = position > 0 && scalars[..<position].allSatisfy { ("0"..."9").contains($0) }
                let isHost = position == 3 && scalars[..<3].allSatisfy { $0 == "w" || $0 == "W" }
                let follows = position >= 3 && scalars[(position - 3)..<position].allSatisfy { $0 == "w" || $0 == "W" }
                if isOrdinal || isHost || follows { result += "\\" }
            default: break
            }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// A code span that its content cannot end (CommonMark 0.31.2, §6.1).
    static func code(_ text: String, limit: Int = VisibleText.limit) -> String {
        let text = VisibleText.line(text, limit: limit)
        guard !text.isEmpty else { return "" }
        var longest = 0
        var current = 0
        for scalar in text.unicodeScalars {
            current = scalar == "`" ? current + 1 : 0
            longest = max(longest, current)
        }
        let fence = String(repeating: "`", count: longest + 1)
        let needsSpace = text.hasPrefix("`") || text.hasSuffix("`") || (text.hasPrefix(" ") && text.hasSuffix(" "))
        return needsSpace ? "\(fence) \(text) \(fence)" : "\(fence)\(text)\(fence)"
    }

    private static func barsEscaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar == "|" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
