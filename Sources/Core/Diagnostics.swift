/// A position in a text that a person wrote.
///
/// Lines and columns count from 1; a column counts Unicode scalars. `length` is how many scalars the offending text
/// spans on its first line, so that a caret can underline it.
package struct Place: Sendable, Hashable, Comparable {
    package var file: String
    package var line: Int
    package var column: Int
    package var length: Int

    package init(file: String, line: Int, column: Int, length: Int = 1) {
        self.file = file
        self.line = line
        self.column = column
        self.length = length
    }

    package static func < (left: Place, right: Place) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}

/// What is wrong with something that a person wrote, where, and what would help.
///
/// The code is an API: it is never reworded, so that scripts and documentation can rely on it. The message is one
/// lower-case sentence without a full stop and never holds a secret.
package struct Diagnostic: Sendable, Hashable {
    package enum Severity: String, Sendable, Hashable {
        case error, warning
    }

    package var severity: Severity
    package var code: String
    package var message: String
    package var place: Place?
    package var help: String?

    package init(
        _ severity: Severity = .error,
        code: String,
        message: String,
        at place: Place? = nil,
        help: String? = nil
    ) {
        self.severity = severity
        self.code = code
        self.message = message
        self.place = place
        self.help = help
    }

    /// The line that machines read: `file:line:column: severity: message [code]`.
    package var line: String {
        let head = place.map { "\($0.file):\($0.line):\($0.column): " } ?? ""
        return "\(head)\(severity.rawValue): \(message) [\(code)]"
    }

    /// The block that people read: the line, the source line with a caret where it is known, and the help.
    package func rendered(source: SourceText? = nil) -> String {
        var text = line
        if let place, let source, let excerpt = Self.excerpt(of: source, at: place) {
            text += "\n" + excerpt
        }
        if let help {
            text += "\n  help: \(help)"
        }
        return text
    }

    private static func excerpt(of source: SourceText, at place: Place) -> String? {
        guard let scalars = source.line(place.line)?.unicodeScalars.map({ printable($0) }) else { return nil }
        guard scalars.count <= 240, place.column >= 1, place.column <= scalars.count + 1 else { return nil }
        let number = String(place.line)
        let gutter = String(repeating: " ", count: number.utf8.count)
        let width = max(1, min(place.length, scalars.count - place.column + 1))
        return "  \(number) | \(scalars.joined())\n  \(gutter) | "
            + String(repeating: " ", count: place.column - 1) + String(repeating: "^", count: width)
    }

    /// A scalar as a terminal may show it: control characters of a hostile file must not reach the reader's screen.
    private static func printable(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: " "
        default: String(Character(scalar))
        }
    }
}

extension Sequence<Diagnostic> {
    /// Sorted by place, as a person reads the file.
    package var sorted: [Diagnostic] {
        sorted { left, right in
            switch (left.place, right.place) {
            case (let left?, let right?): left < right
            case (nil, _?): true
            default: false
            }
        }
    }

    package var hasErrors: Bool { contains { $0.severity == .error } }
}

/// The error that carries diagnostics through code that throws.
package struct InvalidInput: Error {
    package var diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }
}
