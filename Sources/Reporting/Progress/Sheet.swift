import Core

/// What a report says, section by section, before it has a format: every format shows the same rows.
struct Sheet {
    struct Cell {
        var text: String
        var tone: Tone?
        var isCode = false
        var isTime = false
        /// Lines below the text, smaller.
        var details: [String] = []
        var share: Share?

        init(_ text: String, tone: Tone? = nil, isCode: Bool = false, details: [String] = [], share: Share? = nil) {
            self.text = VisibleText.line(text)
            self.tone = tone
            self.isCode = isCode && !text.isEmpty
            self.details = details.map { VisibleText.line($0) }
            self.share = share
        }

        static func code(_ text: String) -> Cell { Cell(text, isCode: true) }
        static func state(_ state: String) -> Cell { Cell(state, tone: Tone(state: state)) }
        static func number(_ number: Int) -> Cell { Cell(String(number)) }

        static func time(_ time: Timestamp?) -> Cell {
            var cell = Cell(time?.minute ?? "–")
            cell.isTime = true
            return cell
        }
    }

    struct Section {
        /// The anchor of the section.
        var id: String
        var title: String
        /// What the rows add up to, or why there are none.
        var summary: String
        var columns: [Column]
        var rows: [[Cell]]
        /// Rows that are left out of a page because there are too many.
        var omitted = 0
    }

    struct Column: ExpressibleByStringLiteral {
        var name: String
        var isNumber = false
        init(stringLiteral name: String) { self.name = name }
        static func number(_ name: String) -> Column {
            var column = Column(stringLiteral: name)
            column.isNumber = true
            return column
        }
    }

    /// The most rows of one table on a page; the JSON has all of them.
    static let rowLimit = 500

    let sections: [Section]

    init(_ snapshot: ProgressSnapshot) {
        sections = [
            Self.phases(snapshot), Self.burnDown(snapshot), Self.coverage(snapshot), Self.gates(snapshot),
            Self.approvals(snapshot),
            Self.findings(snapshot), Self.exceptions(snapshot), Self.gaps(snapshot), Self.servers(snapshot),
            Self.steps(snapshot),
        ]
        .map { section in
            var section = section
            section.omitted = max(0, section.rows.count - Self.rowLimit)
            section.rows = Array(section.rows.prefix(Self.rowLimit))
            return section
        }
    }

    /// `3 done, 1 running`, in the order in which the words first appear.
    static func tally(_ words: [String]) -> String {
        var order: [String] = []
        var counts: [String: Int] = [:]
        for word in words {
            if counts[word] == nil { order.append(word) }
            counts[word, default: 0] += 1
        }
        let shown = order.prefix(8).map { "\(counts[$0] ?? 0) \(VisibleText.line($0, limit: 40))" }
        return shown.joined(separator: ", ") + (order.count > 8 ? ", and others" : "")
    }

    /// A measured value with at most four decimals, without those that say nothing.
    static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "no value" }
        if let whole = Int64(exactly: value) { return String(whole) }
        let scaled = (value * 10_000).rounded()
        guard abs(scaled) < 1e15, scaled != 0 else { return "\(value)" }
        let magnitude = Int64(abs(scaled))
        var decimals = String(magnitude % 10_000)
        decimals = String(repeating: "0", count: 4 - decimals.utf8.count) + decimals
        while decimals.hasSuffix("0") { decimals.removeLast() }
        let text = decimals.isEmpty ? "\(magnitude / 10_000)" : "\(magnitude / 10_000).\(decimals)"
        return value < 0 ? "-\(text)" : text
    }
}
