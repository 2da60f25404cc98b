/// A table as RFC 4180 text: lines end with CR LF, the first names the columns.
///
/// A spreadsheet runs a cell that starts with `=`, `+`, `-`, `@` or a tab as a formula, also when the cell is quoted, so
/// such a cell gets an apostrophe in front (OWASP, "CSV Injection"). The full-width forms count, since some spreadsheets
/// fold them, and so does what stands behind leading spaces, which some of them drop.
struct CSV {
    /// Spreadsheets hold 32,767 characters in a cell and cut or refuse more.
    static let cellLimit = 32_000

    private(set) var text = ""
    private let width: Int

    init(columns: [String]) {
        width = columns.count
        append(columns)
    }

    mutating func append(_ cells: [String]) {
        precondition(cells.count == width, "a row has as many cells as there are columns")
        text += cells.map(Self.cell).joined(separator: ",") + "\r\n"
    }

    static func cell(_ text: String) -> String {
        // Line breaks become spaces: a reader that splits at lines would see the second one as a row of its own.
        let line = VisibleText.line(text, limit: cellLimit)
        let start = line.unicodeScalars.first { $0 != " " && !$0.properties.isWhitespace }
        let isFormula = start.map { "=+-@＝＋－＠".unicodeScalars.contains($0) } ?? false
        let safe = isFormula || text.utf8.first == UInt8(ascii: "\t") ? "'" + line : line
        // A semicolon is quoted too, since it parts cells where a comma is the decimal sign.
        let needsQuotes = safe.unicodeScalars.contains { ",;\"' ".unicodeScalars.contains($0) }
        guard needsQuotes else { return safe }
        var quoted = "\""
        for scalar in safe.unicodeScalars {
            if scalar == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
