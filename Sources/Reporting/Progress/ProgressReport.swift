package import Core
import Mustache

/// One snapshot of a rollout in every form that people and programs read it in.
///
/// All forms show the same rows, and none looks anything up: equal snapshots give equal bytes.
package struct ProgressReport: Sendable {
    let snapshot: ProgressSnapshot

    package init(_ snapshot: ProgressSnapshot) {
        self.snapshot = snapshot
    }

    /// One page that needs nothing but itself: no script, no image, no address outside.
    ///
    /// - Throws: an error of the template, which is a fault of this program and never of the snapshot.
    package func html() throws -> String {
        MustacheContentTypes.register(HTMLText(), named: HTMLText.name)
        let source = String(decoding: PackageResources.progress_html_mustache, as: UTF8.self)
        return try MustacheTemplate(string: source).render(ProgressPage(snapshot).content)
    }

    /// One table for spreadsheets: each cell of each section with the names of its row and column.
    package func csv() -> String {
        var csv = CSV(columns: ["section", "row", "item", "field", "value"])
        for blocker in snapshot.blockers.enumerated() {
            let (row, blocker) = (String(blocker.offset + 1), blocker.element)
            csv.append(["Blockers", row, blocker.instance, "Reason", blocker.reason])
            csv.append(["Blockers", row, blocker.instance, "Waits for", blocker.waitingOn])
            csv.append(["Blockers", row, blocker.instance, "Command", blocker.command])
        }
        for section in Sheet(snapshot).sections {
            for (number, cells) in section.rows.enumerated() {
                for (column, cell) in zip(section.columns, cells).dropFirst() {
                    let text = ([cell.text] + cell.details).joined(separator: "; ")
                    csv.append([section.title, String(number + 1), cells.first?.text ?? "", column.name, text])
                }
            }
        }
        return csv.text
    }

    /// GitHub-flavoured Markdown.
    package func markdown() -> String {
        ProgressMarkdown(snapshot).text
    }

    /// Plain text for a terminal of `width` columns, without colours; narrower than 40 is taken as 40.
    package func text(width: Int) -> String {
        ProgressTerminal(snapshot, width: width).text
    }

    /// The snapshot with its schema, and `summary` with what the pages compute from it.
    package var json: JSON.Value {
        let standing = Standing(snapshot)
        guard var object = snapshot.json.object else { return snapshot.json }
        object["summary"] = [
            "status": .string(standing.status), "sentences": .array(standing.sentences.map { .string($0) }),
            "figures": .array(
                standing.figures.map { figure in
                    [
                        "name": .string(figure.name), "numerator": .count(figure.share.part),
                        "denominator": .count(figure.share.whole), "remark": .string(figure.remark),
                    ]
                }
            ),
            "upcoming": .array(
                standing.upcoming.map { ["time": .string($0.time.description), "text": .string($0.text)] }
            ),
        ]
        return .object(object)
    }
}
