import Core
import Playbooks
import Testing

struct CorpusTests {
    @Test(arguments: CaseFile.all(in: "broken"))
    func reportsExactlyTheErrorsThatTheFileLists(_ file: CaseFile) {
        let checked = file.check()
        let errors = checked.diagnostics.filter { $0.severity == .error }
        let expectedErrors = file.expected.filter { $0.severity == .error }
        for expectation in file.expected {
            #expect(
                checked.diagnostics.contains { expectation.fits($0) },
                "not reported: \(expectation.code) @ \(expectation.line):\(expectation.column) ~ \(expectation.word ?? "") among:\n\(rendered(checked))"
            )
        }
        for diagnostic in errors {
            #expect(expectedErrors.contains { $0.fits(diagnostic) }, "not expected: \(diagnostic.rendered())")
        }
        #expect(errors.count == expectedErrors.count)
        #expect(checked.document == nil)
        for word in file.never { #expect(!rendered(checked).contains(word)) }
    }

    @Test(arguments: CaseFile.all(in: "good"))
    func acceptsWhatIsRight(_ file: CaseFile) {
        let checked = file.check()
        for diagnostic in checked.diagnostics {
            #expect(file.expected.contains { $0.fits(diagnostic) }, "not expected: \(diagnostic.rendered())")
        }
        #expect(checked.diagnostics.count == file.expected.count)
        #expect(checked.document != nil)
    }

    @Test func theCorpusIsThere() {
        #expect(CaseFile.all(in: "broken").count >= 80)
        #expect(CaseFile.all(in: "good").count >= 10)
    }

    private func rendered(_ checked: Checked) -> String {
        checked.diagnostics.map { $0.rendered() }.joined(separator: "\n")
    }
}
