import Foundation
import Testing

/// Compares with a file beside the tests; `UPDATE_GOLDEN=1` writes it instead, and the difference is reviewed.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name)")
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
        try Data(text.utf8).write(to: file)
        return
    }
    let expected = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let expectedLines = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let difference = zip(lines, expectedLines).first { $0 != $1 }
    #expect(
        text == expected,
        "\(name) differs first at: \(difference.map { "\($0.0) instead of \($0.1)" } ?? "its end"); UPDATE_GOLDEN=1 rewrites it",
        sourceLocation: sourceLocation
    )
}
