import Core

/// The report as plain text that fits a terminal: aligned columns, cells cut or wrapped to its width.
struct ProgressTerminal {
    /// The most rows of one table on a terminal; pages and the JSON show more.
    static let rowLimit = 30

    let text: String

    init(_ snapshot: ProgressSnapshot, width: Int) {
        let width = min(max(width, 40), 1000)
        let standing = Standing(snapshot)
        var lines: [String] = []
        if snapshot.isRehearsal { lines += ["REHEARSAL: time compressed", ""] }
        lines += Self.wrapped(VisibleText.line(snapshot.title.isEmpty ? "Rollout" : snapshot.title, limit: 200), width)
        lines += Self.wrapped(
            "\(snapshot.taken.minute) UTC, run \(VisibleText.line(snapshot.run ?? "none", limit: 80))",
            width
        )
        lines += ["", "\(standing.tone.sign) \(standing.status)"]
        lines += standing.sentences.flatMap { Self.wrapped($0, width, indent: "  ") }
        lines.append("")
        let nameWidth = standing.figures.map { VisibleText.width($0.name) }.max() ?? 0
        lines += standing.figures.flatMap { figure in
            let line = "\(Self.padded(figure.name, nameWidth))  \(figure.share.text), \(figure.remark)"
            return Self.wrapped(line, width, indent: "  ", hanging: "    ")
        }
        lines += Self.blockers(snapshot, width)
        if !standing.upcoming.isEmpty {
            lines += ["", "In the next 14 days"]
            lines += standing.upcoming.prefix(20).flatMap {
                Self.wrapped("\($0.time.minute)  \($0.text)", width, indent: "  ", hanging: "    ")
            }
        }
        for section in Sheet(snapshot).sections { lines += Self.section(section, width) }
        lines += ["", "playbook \(snapshot.playbookDigest?.description ?? "none")"].flatMap { Self.wrapped($0, width) }
        text = lines.map(Self.trimmed).joined(separator: "\n") + "\n"
    }

    private static func blockers(_ snapshot: ProgressSnapshot, _ width: Int) -> [String] {
        guard !snapshot.blockers.isEmpty else { return [] }
        var lines = ["", "What waits, and what unblocks it"]
        for blocker in snapshot.blockers.prefix(rowLimit) {
            let since = blocker.since.map { ", \((snapshot.taken - $0).brief)" } ?? ""
            lines += wrapped(
                "▲ \(VisibleText.line(blocker.instance)): \(VisibleText.line(blocker.reason)) "
                    + "(\(VisibleText.line(blocker.waitingOn))\(since))",
                width,
                indent: "  ",
                hanging: "    "
            )
            // A command stays on one line, whatever the width: it is there to be copied.
            lines.append("    \(VisibleText.line(blocker.command, limit: 2000))")
        }
        let omitted = snapshot.blockers.count - rowLimit
        if omitted > 0 { lines.append("  and \(omitted) more") }
        return lines
    }

    private static func section(_ section: Sheet.Section, _ width: Int) -> [String] {
        var lines = [""] + wrapped("\(section.title): \(section.summary)", width, hanging: "  ")
        guard !section.rows.isEmpty else { return lines }
        let rows = section.rows.prefix(rowLimit).map { cells in cells.map(cell) }
        let widths = columns(section.columns.map(\.name), rows, available: width - 2)
        lines.append("  " + row(section.columns.map(\.name), widths, section.columns))
        lines += rows.map { "  " + row($0, widths, section.columns) }
        let omitted = section.rows.count - rows.count + section.omitted
        if omitted > 0 { lines.append("  and \(omitted) more") }
        return lines
    }

    private static func cell(_ cell: Sheet.Cell) -> String {
        let sign = cell.tone.map { $0.sign + " " } ?? ""
        let details = cell.details.isEmpty ? "" : " (\(cell.details.joined(separator: "; ")))"
        return sign + cell.text + details
    }

    /// The width of each column: as wide as it needs, then the widest are cut until all fit.
    private static func columns(_ names: [String], _ rows: [[String]], available: Int) -> [Int] {
        var widths = names.indices.map { index in
            rows.reduce(VisibleText.width(names[index])) { max($0, VisibleText.width($1[index])) }
        }
        let gaps = 2 * (names.count - 1)
        // At most as many turns as there are columns of text to give up.
        while widths.reduce(0, +) + gaps > available, let widest = widths.max(), widest > 3 {
            guard let index = widths.firstIndex(of: widest) else { break }
            let second = widths.filter { $0 < widest }.max() ?? 3
            let excess = widths.reduce(0, +) + gaps - available
            widths[index] = max(3, widest - max(1, min(excess, widest - second)))
        }
        return widths
    }

    private static func row(_ cells: [String], _ widths: [Int], _ columns: [Sheet.Column]) -> String {
        zip(cells, zip(widths, columns)).map { cell, layout in
            let text = cut(cell, layout.0)
            let space = String(repeating: " ", count: max(0, layout.0 - VisibleText.width(text)))
            return layout.1.isNumber ? space + text : text + space
        }
        .joined(separator: "  ")
    }

    static func cut(_ text: String, _ width: Int) -> String {
        guard VisibleText.width(text) > width else { return text }
        var result = ""
        var used = 0
        for scalar in text.unicodeScalars {
            let next = VisibleText.width(of: scalar)
            if used + next > width - 1 { break }
            result.unicodeScalars.append(scalar)
            used += next
        }
        return result + "…"
    }

    /// Lines of at most `width` columns, broken at spaces; a longer word is broken where the line ends.
    static func wrapped(_ text: String, _ width: Int, indent: String = "", hanging: String? = nil) -> [String] {
        var lines: [String] = []
        var line = indent
        var used = indent.utf8.count
        var isFresh = true
        func start() {
            lines.append(line)
            line = hanging ?? indent
            used = line.utf8.count
            isFresh = true
        }
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let length = VisibleText.width(word)
            if !isFresh, used + 1 + length > width {
                start()
            } else if !isFresh {
                line += " "
                used += 1
            }
            for scalar in word.unicodeScalars {
                let next = VisibleText.width(of: scalar)
                if used + next > width { start() }
                line.unicodeScalars.append(scalar)
                used += next
            }
            isFresh = false
        }
        lines.append(line)
        return lines
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - VisibleText.width(text)))
    }

    private static func trimmed(_ line: String) -> String {
        var end = line.utf8.endIndex
        while end > line.utf8.startIndex {
            let before = line.utf8.index(before: end)
            guard line.utf8[before] == UInt8(ascii: " ") else { break }
            end = before
        }
        return String(line[..<end])
    }
}
