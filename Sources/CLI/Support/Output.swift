import ArgumentParser
import Core
import FoundationEssentials
import Glibc
import Synchronization

/// In which form a command answers.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// `--format`, the same for every command that answers.
struct OutputOptions: ParsableArguments {
    @Option(help: "How to print the answer: table or json.")
    var format: OutputFormat = .table
}

/// stdout is the answer, stderr is the talk.
enum Output {
    /// Whether a part of the answer could not be written; then the command has not done what it was asked for.
    static let lost = Atomic(false)

    /// Gives every closed standard stream a place that takes everything.
    ///
    /// The next file that is opened would get its number otherwise, and the answer would be written into that file.
    static func fillClosedStreams() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    static func answer(_ text: String) {
        let clean = cleaned(text)
        write(clean.hasSuffix("\n") ? clean : clean + "\n", to: STDOUT_FILENO)
    }

    static func answer(_ value: JSON.Value) {
        answer(JSON.pretty(value))
    }

    static func talk(_ text: String) {
        write(cleaned(text) + "\n", to: STDERR_FILENO)
    }

    /// How much of one cell a table shows: the name of a tool may be as long as its server likes.
    static let cellLimit = 400

    /// A text that is cut where it is longer than a cell, with a mark and its whole length.
    static func cell(_ text: String, limit: Int = cellLimit) -> String {
        // The scalars of a long text are not counted before it is known to be one.
        guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return printable(text) }
        let head = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
        return "\(printable(head))… (\(text.unicodeScalars.count) characters)"
    }

    /// A table with left-aligned columns; an empty one prints its header, so that scripts see the same shape.
    ///
    /// Long cells are cut; `--format json` has them whole.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let all = [header] + rows.map { $0.map { cell($0) } }
        let widths = header.indices.map { column in all.map { $0[column].unicodeScalars.count }.max() ?? 0 }
        let lines = all.map { row in
            let cells = row.indices.map { column in
                row[column]
                    + String(repeating: " ", count: max(0, widths[column] - row[column].unicodeScalars.count))
            }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
        return lines.joined(separator: "\n")
    }

    /// Everything that is printed passes here: a name in a playbook or an answer of a server must not steer a terminal.
    private static func cleaned(_ text: String) -> String {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { line in
                // RFC 4180 ends the lines of a table in CR LF.
                let hasReturn = line.last == UInt8(ascii: "\r")
                return printable(String(Substring(hasReturn ? line.dropLast() : line))) + (hasReturn ? "\r" : "")
            }
            .joined(separator: "\n")
    }

    /// Text of a stranger as a terminal may show it: no control characters, no direction overrides.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// Whether a person reads stderr and has not asked for plain text (https://no-color.org).
    static var wantsColour: Bool {
        isatty(STDERR_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }

    /// Lines of JSON, in which control characters are escaped already.
    static func stream(_ lines: [UInt8]) {
        write(lines, to: STDOUT_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        write(Array(text.utf8), to: descriptor)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // A reader that has gone away (`lockstep ... | head`) is no failure of ours; a full disk is.
            guard count > 0 else {
                if descriptor == STDOUT_FILENO, errno != EPIPE { lost.store(true, ordering: .relaxed) }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
