import Core
import Testing

@testable import Gateway

extension String {
    fileprivate func padding(_ length: Int) -> String { self + String(repeating: "n", count: max(0, length - count)) }
}

@Suite struct ShownArgumentsTests {
    @Test func aLongValueHidesNoName() throws {
        let shown = try #require(
            ShownArguments.text(["content": .string(String(repeating: "notes ", count: 800)), "path": "/root/.ssh/key"])
        )
        #expect(shown.contains("\"path\":\"/root/.ssh/key\""))
        #expect(shown.contains("(4800 characters, the middle is not shown)"))
        #expect(shown.utf8.count < 1_000)
    }

    @Test func whatIsShortIsShownAsItIs() {
        let arguments: JSON.Object = ["a": [1, true, "x"], "b": ["c": "d"]]
        #expect(ShownArguments.text(arguments) == String(decoding: JSON.canonical(.object(arguments)), as: UTF8.self))
    }

    @Test func aLongListSaysHowMuchIsNotShown() throws {
        let shown = try #require(ShownArguments.text(["to": .array((0..<500).map { .string("a\($0)@x.example") })]))
        #expect(shown.contains("a9@x.example") && !shown.contains("a10@x.example"))
        #expect(shown.contains("490 more elements"))
    }

    @Test(arguments: [(2_000, 8), (1, 9_000)]) func whatIsTooMuchToLookAtIsNotShown(names: Int, length: Int) {
        let members = (0..<names).map { (key: "\($0)".padding(length), value: JSON.Value.bool(true)) }
        #expect(ShownArguments.text(JSON.Object(members)) == nil)
    }

    @Test func oneCharacterOfManyScalarsIsCutAsWell() throws {
        let shown = try #require(ShownArguments.text(["x": .string("e" + String(repeating: "\u{301}", count: 9_000))]))
        #expect(shown.contains("9001 characters"))
    }
}
