import Core
import Foundation
import Playbooks
import Testing

/// A document of the corpus with what its first lines say of it.
struct CaseFile: Sendable, CustomTestStringConvertible {
    struct Expectation: Sendable {
        let severity: Diagnostic.Severity
        let code: String
        let line: Int
        let column: Int
        let word: String?

        func fits(_ diagnostic: Diagnostic) -> Bool {
            guard let place = diagnostic.place else { return false }
            let text = diagnostic.message + "\n" + (diagnostic.help ?? "")
            return diagnostic.severity == severity && diagnostic.code == code && place.line == line
                && place.column == column && (word.map { text.contains($0) } ?? true)
        }
    }

    let name: String
    let bytes: [UInt8]
    let expected: [Expectation]
    let never: [String]
    /// Whether the case is read within the example workspace.
    let isInside: Bool

    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")

    static func all(in name: String) -> [CaseFile] {
        let folder = folder.appendingPathComponent(name)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.sorted().filter { $0.hasSuffix(".yaml") }.compactMap { file in
            (try? Data(contentsOf: folder.appendingPathComponent(file))).map { CaseFile("\(name)/\(file)", Array($0)) }
        }
    }

    init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        var expected: [Expectation] = []
        var never: [String] = []
        var isInside = false
        let text = String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\u{FEFF}", with: "")
        for line in text.split(whereSeparator: \.isNewline) {
            guard line.hasPrefix("# ") else { break }
            let words = line.dropFirst(2).split(separator: " ", maxSplits: 1).map(String.init)
            guard words.count == 2 else { break }
            if words[0] == "workspace:" { isInside = true }
            if words[0] == "never:" { never.append(words[1]) }
            guard words[0] == "expect:" || words[0] == "warn:" else { continue }
            let halves = words[1].components(separatedBy: " ~ ")
            let parts = halves[0].components(separatedBy: " @ ")
            let place = parts[1].split(separator: ":").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            expected.append(
                Expectation(
                    severity: words[0] == "warn:" ? .warning : .error,
                    code: parts[0],
                    line: place[0],
                    column: place[1],
                    word: halves.count > 1 ? halves[1] : nil
                )
            )
        }
        self.expected = expected
        self.never = never
        self.isInside = isInside
    }

    static let checker = checker(in: nil)

    static func checker(in surroundings: Surroundings?) -> Checker {
        Checker(catalogue: .example, surroundings: surroundings) { file in
            Array(try Data(contentsOf: folder.appendingPathComponent(file)))
        }
    }

    func check() -> Checked {
        (isInside ? Self.checker(in: .example) : Self.checker).check(file: name, bytes: bytes)
    }
}
