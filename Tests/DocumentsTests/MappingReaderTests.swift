import Core
import Documents
import Testing

@Suite("Reading mappings")
struct MappingReaderTests {
    enum Mode: String, CaseIterable { case record, shadow, enforce }

    private func read(_ text: String, _ body: (inout MappingReader) -> Void) throws -> [String] {
        let (node, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.isEmpty)
        let problems = DiagnosticCollector(codePrefix: "test")
        if var reader = MappingReader(try #require(node), problems, as: "a step") {
            body(&reader)
        }
        return problems.sorted.map { $0.rendered() }
    }

    @Test("reads every type with its place")
    func types() throws {
        let text = """
            id: "x"
            count: 3
            share: 0.5
            whole: 2
            ok: true
            mode: shadow
            needs: [a, b]
            one: a
            with: {k: v, "n": 1}
            any: [1, {}]
            """
        let errors = try read(text) { step in
            #expect(step.string("id") == Located("x", at: Place(file: "f", line: 1, column: 5, length: 3)))
            #expect(step.integer("count", in: 1...3)?.value == 3)
            #expect(step.number("share")?.value == 0.5)
            #expect(step.number("whole")?.value == 2)
            #expect(step.bool("ok")?.value == true)
            #expect(step.enumeration("mode", of: Mode.self)?.value == .shadow)
            #expect(step.strings("needs")?.value.map(\.value) == ["a", "b"])
            #expect(step.strings("one", mayBeOne: true)?.value.map(\.value) == ["a"])
            #expect(step.members("with")?.value.map(\.key.value) == ["k", "n"])
            #expect(step.value("any")?.value == [1, [:]])
            #expect(step.string("absent") == nil)
            #expect(step.mapping("gone") == nil)
            step.finish()
        }
        #expect(errors == [])
    }

    @Test("says everything that is wrong at once")
    func errors() throws {
        let text = """
            id: 30
            count: "3"
            share: big
            mode: shadwo
            stpes: []
            ok: 1
            needs: [a, 2]
            empty:
            blank: " "
            range: 9
            nested: text
            zzzzzzzz: 1
            """
        let errors = try read(text) { step in
            #expect(step.string("id") == nil)
            #expect(step.integer("count") == nil)
            #expect(step.number("share") == nil)
            #expect(step.enumeration("mode", of: Mode.self) == nil)
            #expect(step.list("steps", isRequired: true) == nil)
            #expect(step.bool("ok") == nil)
            #expect(step.strings("needs") == nil)
            #expect(step.string("empty") == nil)
            #expect(step.string("blank") == nil)
            #expect(step.integer("range", in: 1...5) == nil)
            #expect(step.mapping("nested") == nil)
            step.finish()
        }
        #expect(
            errors == [
                "f:1:1: error: a step needs the key `steps` [test.missing-key]",
                "f:1:5: error: `id` must be text, not a whole number [test.wrong-type]\n  help: put it in quotes",
                "f:2:8: error: `count` must be a whole number, not text [test.wrong-type]\n  help: leave the quotes out",
                "f:3:8: error: `share` must be a number, not text [test.wrong-type]",
                "f:4:7: error: `mode` cannot be `shadwo` [test.invalid-value]\n  help: did you mean `shadow`?",
                "f:5:1: error: unknown key `stpes` [test.unknown-key]\n  help: did you mean `steps`?",
                "f:6:5: error: `ok` must be `true` or `false`, not a whole number [test.wrong-type]",
                "f:7:12: error: each element of `needs` must be text, not a whole number [test.wrong-type]\n  help: put it in quotes",
                "f:8:7: error: `empty` must be text, not nothing [test.wrong-type]",
                "f:9:8: error: `blank` must not be empty [test.invalid-value]",
                "f:10:8: error: `range` must be from 1 to 5 [test.invalid-value]",
                "f:11:9: error: `nested` must be a mapping, not text [test.wrong-type]",
                "f:12:1: error: unknown key `zzzzzzzz` [test.unknown-key]\n  help: a step may have `blank`, `count`, `empty`, `id`, `mode`, `needs`, `nested`, `ok`, `range`, `share`, `steps`",
            ]
        )
    }

    @Test("a message about what is no mapping")
    func noMapping() throws {
        #expect(
            try read("[1]") { _ in Issue.record("read a list as a mapping") }
                == ["f:1:1: error: a step must be a mapping, not a list [test.wrong-type]"]
        )
    }

    @Test("text in a message is short, visible and on one line")
    func messages() {
        #expect("a`b\n\u{202E}c".inMessage == "`a'b??c`")
        #expect(String(repeating: "x", count: 100).inMessage.count == 63)
    }
}
