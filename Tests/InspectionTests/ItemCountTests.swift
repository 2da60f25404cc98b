import Core
import Testing

@testable import Inspection

@Suite struct ItemCountTests {
    struct Row: CustomTestStringConvertible {
        var name: String
        var message: String
        var count: Int

        init(_ name: String, _ message: String, _ count: Int) {
            self.name = name
            self.message = message
            self.count = count
        }

        var testDescription: String { name }
    }

    private static func times(_ count: Int, _ separator: String = ",", _ row: (Int) -> String) -> String {
        (0..<count).map(row).joined(separator: separator)
    }

    private static func result(_ members: String) -> String { #"{"jsonrpc":"2.0","id":1,"result":{\#(members)}}"# }

    private static func text(_ text: String) -> String {
        result(#""content":[{"type":"text","text":\#(JSON.Value.string(text).description)}]"#)
    }

    private static let structured: [Row] = [
        Row("nothing", result(#""content":[]"#), 0),
        Row("one block", text("fine"), 1),
        Row("rows", result(#""content":[],"structuredContent":{"rows":[\#(times(100) { #"{"n":\#($0)}"# })]}"#), 100),
        Row(
            "rows and what is said of them",
            result(
                #""content":[{"type":"text","text":"rows"}],"structuredContent":{"total":3,"columns":["n"],"rows":[{"n":1},{"n":2},{"n":3}]}"#
            ),
            3
        ),
        Row(
            "the same rows as structure and text",
            result(
                #""content":[{"type":"text","text":"[{\"n\":1},{\"n\":2},{\"n\":3}]"}],"structuredContent":{"rows":[{"n":1},{"n":2},{"n":3}]}"#
            ),
            3
        ),
        Row("blocks", result(#""content":[\#(times(40) { #"{"type":"text","text":"p\#($0)"}"# })]"#), 40),
        Row(
            "lists in a list",
            result(
                #""content":[],"structuredContent":{"pages":[\#(times(9) { _ in #"{"rows":[\#(times(50) { #"{"n":\#($0)}"# })]}"# }),{"rows":[]}]}"#
            ),
            451
        ),
        Row(
            "members",
            result(#""structuredContent":{"people":{\#(times(200) { #""p\#($0)":{"n":1}"# }),"last":{}}}"#),
            201
        ),
        Row("single members", result(#""structuredContent":{\#(times(200) { #""p\#($0)":"x""# })}"#), 200),
        Row("members with one form", result(#""structuredContent":{"people":{"a":{"n":1},"b":{"n":2}}}"#), 2),
        Row("an object with objects", result(#""structuredContent":{"user":{"name":"x"},"place":{"city":"y"}}"#), 1),
        Row("tags of a row", result(#""structuredContent":{"rows":[{"n":1,"tags":["a","b","c"]}]}"#), 1),
        Row("rows as lists", result(#""structuredContent":{"rows":[[1,"a",2],[2,"b",3]]}"#), 2),
        Row("a long list in a row", result(#""structuredContent":{"rows":[[\#(times(500) { "\"n\($0)\"" })]]}"#), 500),
        Row(
            "many short lists in a row",
            result(#""structuredContent":{"rows":[{\#(times(30) { #""k\#($0)":["a","b"]"# })}]}"#),
            60
        ),
        Row("an embedding", result(#""structuredContent":{"vector":[\#(times(900) { "0.\($0 % 9)1" })]}"#), 1),
        Row(
            "rows in an error",
            #"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x","data":[{"a":1},{"a":2}]}}"#,
            2
        ),
        Row("an error", #"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"not there"}}"#, 0),
        Row("rows in the metadata", result(#""content":[],"_meta":{"dev.example/rows":[{"n":1},{"n":2}]}"#), 2),
        Row("rows in an unknown member", result(#""content":[],"extra":[{"n":1},{"n":2}]"#), 2),
        Row(
            "a log line",
            #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"name":"p"}}}"#,
            1
        ),
        Row(
            "progress",
            #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":3}}"#,
            0
        ),
        Row(
            "progress in words",
            #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":3,"total":7,"message":"3 of 7 (42 %)"}}"#,
            0
        ),
        Row(
            "a row as progress",
            #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":3,"message":"person-17"}}"#,
            1
        ),
        Row("a batch", "[\(text("a")),\(text("b"))]", 2),
        Row(
            "an embedded table",
            result(
                #""content":[{"type":"resource","resource":{"uri":"file:///a.csv","mimeType":"text/csv","text":"\#(times(50, "\\n") { "\($0),p-\($0)" })"}}]"#
            ),
            50
        ),
        Row(
            "a blob",
            result(
                #""contents":[{"uri":"file:///a.csv","blob":"\#(Base64.encode(Array(times(60, "\n") { "\($0),p-\($0)" }.utf8)))"}]"#
            ),
            60
        ),
        Row(
            "a picture",
            result(#""content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAE="}]"#),
            1
        ),
        Row("JSON in a structured string", result(#""structuredContent":{"result":"[{\"n\":1},{\"n\":2}]"}"#), 2),
        Row("tools", result(#""tools":[{"name":"a","inputSchema":{"type":"object"}},{"name":"b"}]"#), 2),
    ]

    @Test(arguments: structured) func `the records of a message are counted`(_ row: Row) throws {
        #expect(ItemCount.count(try JSON.parse(row.message)) == row.count)
    }

    private static let texts: [Row] = [
        Row("a list", "[\(times(30) { #"{"n": \#($0)}"# })]", 30),
        Row("a value a line", times(30, "\n") { #"{"n": \#($0)}"# }, 30),
        Row("a value a line, one line cut", times(30, "\n") { #"{"n": \#($0)}"# } + "\n{\"n\":", 31),
        Row("values in one line", times(30, " ") { #"{"n": \#($0)}"# }, 30),
        Row("under a heading", "Found these:\n\n```json\n[\(times(30) { #"{"n": \#($0)}"# })]\n```\nThat is all.", 30),
        Row("a list that was cut off", "[\(times(30) { #"{"n": \#($0)}"# }),{\"n\"", 30),
        Row("as Python writes it", "[\(times(30) { "{'n': \($0), 'name': 'p'}" })]", 30),
        Row("commas", times(30, "\n") { "\($0),person-\($0)" }, 30),
        Row("commas and spaces", times(30, "\n") { "\($0), person-\($0), x" }, 30),
        Row("commas with a heading", "id,name\n" + times(30, "\n") { "\($0),person-\($0)" }, 30),
        Row("commas in quotes", times(30, "\n") { "\($0),\"Doe, Jane\"" }, 30),
        Row("tabs", times(30, "\n") { "a\($0)\tb\t2" }, 30),
        Row("line ends of Windows", times(30, "\r\n") { "\($0),b,2" }, 30),
        Row("bars", "| id | name |\n|---|:--|\n" + times(30, "\n") { "| \($0) | x |" }, 30),
        Row("bullets", "Files:\n" + times(30, "\n") { "- file number \($0)" }, 30),
        Row("numbers", times(30, "\n") { "\($0 + 1). a person called \($0)" }, 30),
        Row("entries with fields", times(30, "\n") { "- name: p\($0)\n  tags:\n  - a\n  - b" }, 30),
        Row("one entry that hides many", "- all\n" + times(300, "\n") { "  - p\($0)" }, 300),
        Row("names", times(30, "\n") { "person-\($0)" }, 30),
        Row(
            "a log",
            times(30, "\n") { "2026-01-0\($0 % 9 + 1) 12:00:0\($0 % 10) user p\($0) came in and looked around here." },
            30
        ),
    ]

    @Test(arguments: texts) func `the records of a text are counted`(_ row: Row) {
        #expect(ItemCount.count(text: row.message) == row.count)
    }

    private static let none: [Row] = [
        Row(
            "prose",
            """
            The committee met on Tuesday, and after a long debate, which the chair ended, it agreed to wait.
            Nobody, so far as we know, had read the report, the annex, or the letter that came with it.
            It will meet again in May, at the old place, if the weather allows it, and hear the rest.
            """,
            0
        ),
        Row(
            "C",
            """
            #include <stdio.h>
            int main(int argc, char **argv)
            {
                int a = 1, b = 2;
                call(a, b);
                call(b, a);
                call(a, a);
                return 0;
            }
            """,
            0
        ),
        Row(
            "a comment",
            """
            /**
             * Opens the file.
             * @param path where
             * @return what
             */
            void open(const char *path);
            """,
            0
        ),
        Row("a source file with line numbers", times(40, "\n") { "\($0 + 1)\t    call(a\($0), b);" }, 0),
        Row(
            "a difference",
            "--- a\n+++ b\n@@ -1,3 +1,3 @@\n- one\n- two\n- three\n+ four\n+ five",
            0
        ),
        Row("nothing", "", 0),
        Row("one bracket", "[", 0),
    ]

    @Test(arguments: none) func `prose and source have no records`(_ row: Row) {
        #expect(ItemCount.count(text: row.message) == 0)
    }

    @Test func `counting ends at the cap`() throws {
        let rows = Self.times(5_000) { #"{"n":\#($0)}"# }
        let message = try JSON.parse(Self.result(#""structuredContent":{"rows":[\#(rows)]}"#))
        #expect(ItemCount.count(message, upTo: 101) == 101)
        #expect(ItemCount.count(message, upTo: 0) == 0)
        #expect(ItemCount.count(message) == 5_000)
    }

    @Test(.timeLimit(.minutes(10))) func `work stays bounded on hostile texts`() {
        for unit in ["[", "{\"", "[\"\n", "{\"\n", "-", "- \n", "|", ",\n", "\"", "1,\"\n", "[1\n", "```\n"] {
            let text = String(repeating: unit, count: 400_000 / unit.utf8.count)
            #expect(ItemCount.count(text: text) >= 0)
        }
    }
}
