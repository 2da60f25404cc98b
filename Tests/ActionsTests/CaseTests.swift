import Actions
import Core
import Foundation
import Playbooks
import Testing

/// Playbooks with what their first lines say of them, read with the catalogue that ships.
@Suite struct CaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// `CODE @ LINE:COLUMN`, and a word of the message or the help.
        var expected: [(fault: String, word: String?)]

        var testDescription: String { name }
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")

    static func all(in name: String) -> [Case] {
        let folder = folder.appendingPathComponent(name)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.sorted().filter { $0.hasSuffix(".yaml") }.compactMap { file in
            guard let data = try? Data(contentsOf: folder.appendingPathComponent(file)) else { return nil }
            let marks = String(decoding: data, as: UTF8.self).split(separator: "\n").prefix { $0.hasPrefix("# ") }
            let expected = marks.map { line in
                let halves = line.dropFirst("# expect: ".count).components(separatedBy: " ~ ")
                return (fault: halves[0], word: halves.count > 1 ? halves[1] : nil)
            }
            return Case(name: "\(name)/\(file)", bytes: Array(data), expected: expected)
        }
    }

    @Test(arguments: all(in: "broken"))
    func reportsExactlyWhatTheFileLists(_ file: Case) {
        let errors = lint(file.bytes, file.name).diagnostics.filter { $0.severity == .error }
        let found = errors.map { "\($0.code) @ \($0.place?.line ?? 0):\($0.place?.column ?? 0)" }
        #expect(found.sorted() == file.expected.map(\.fault).sorted(), "\(errors.map(\.line))")
        for (fault, word) in file.expected {
            guard let word, let index = found.firstIndex(of: fault) else { continue }
            let text = errors[index].message + "\n" + (errors[index].help ?? "")
            #expect(text.contains(word), "\(text)")
        }
    }

    @Test(arguments: all(in: "good"))
    func acceptsWhatIsRight(_ file: Case) {
        #expect(lint(file.bytes, file.name).diagnostics.map { $0.rendered() } == [])
    }

    @Test func theCasesAreThere() {
        #expect(Self.all(in: "broken").count >= 15)
        #expect(Self.all(in: "good").count >= 1)
    }
}
