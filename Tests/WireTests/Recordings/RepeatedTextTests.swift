import Core
import Testing

@testable import Wire

/// Texts that come again are taken from the line before, so each line must still say what it says.
@Test
func aLineIsNotReadAsTheOneBefore() {
    func line(_ session: String, _ task: String) -> String {
        #"{"schema":"lockstep.call/1","time":"2026-01-05T09:00:00Z","session":"\#(session)","sequence":0,"#
            + #""principal":{"id":"agent:a"},"server":"s","tool":"t","arguments":{},"task":{"text":"\#(task)"}}"#
    }
    let lines = [
        ("one", "caf\u{E9}"), ("one", #"caf\u00e9"#), ("two", "cafe\u{301}"), (#"t\u0077o"#, ""), ("two", "x"),
    ]
    let bytes = lines.map { line($0, $1) + "\n" }.joined()
    let (records, quarantined) = NativeReader.read(Array(bytes.utf8))
    #expect(quarantined.isEmpty)
    #expect(records.map(\.session) == ["one", "one", "two", "two", "two"])
    let tasks = records.map { Array(($0.task?.text ?? "-").utf8) }
    #expect(tasks == ["caf\u{E9}", "caf\u{E9}", "cafe\u{301}", "", "x"].map { Array($0.utf8) })
}

/// Every member of a line keeps its last text for as long as the reader lives, so a long one is not kept.
@Test(arguments: [(4_096, true), (4_097, false), (1 << 20, false)])
func aLongTextIsNotKept(count: Int, isKept: Bool) {
    let written = [UInt8](repeating: UInt8(ascii: "x"), count: count)
    let last = RepeatedText(String(decoding: written, as: UTF8.self), written.span)
    #expect(last.isWritten(written.span) == isKept)
    #expect(last.text.utf8.count == (isKept ? count : 0))
}
