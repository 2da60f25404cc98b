package import Core

/// Gathers what is wrong with a document while it is read, under the code prefix of its kind.
///
/// A class because all readers of one document share it; it belongs to the task that reads.
package final class DiagnosticCollector {
    package let codePrefix: String
    package private(set) var diagnostics: [Diagnostic]

    package init(codePrefix: String, _ diagnostics: [Diagnostic] = []) {
        self.codePrefix = codePrefix
        self.diagnostics = diagnostics
    }

    /// All of them in the order of the text.
    package var sorted: [Diagnostic] { diagnostics.sorted }
    package var hasErrors: Bool { diagnostics.hasErrors }

    /// Adds an error with the code `<prefix>.<code>`.
    package func report(_ code: String, _ message: String, at place: Place?, help: String? = nil) {
        diagnostics.append(Diagnostic(code: codePrefix + "." + code, message: message, at: place, help: help))
    }

    /// Adds a warning with the code `<prefix>.<code>`.
    package func warn(_ code: String, _ message: String, at place: Place?, help: String? = nil) {
        diagnostics.append(
            Diagnostic(.warning, code: codePrefix + "." + code, message: message, at: place, help: help)
        )
    }

    package func add(_ more: some Sequence<Diagnostic>) {
        diagnostics.append(contentsOf: more)
    }
}

extension String {
    /// The text in backticks, short and on one line, as a message may hold it; never used for values that may be secret.
    package var inMessage: String {
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in unicodeScalars {
            count += 1
            if count > 60 {
                result.append("…")
                break
            }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: result.append("?")
            default: result.append(scalar == "`" ? "'" : scalar)
            }
        }
        return "`\(String(result))`"
    }
}
