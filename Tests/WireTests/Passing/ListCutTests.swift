import Core
import Testing
import Wire

private func cut(
    _ kind: ListKind,
    _ bytes: [UInt8],
    decide: (ListCut.Entry) -> ListCut.Decision
) -> ListCut.Outcome? {
    var reader = PassingReader()
    guard case .message(let message) = reader.read(bytes.span, as: .v2025_11_25, from: .server) else { return nil }
    return ListCut.cut(kind, of: message, outline: reader.outline, in: bytes.span, decide: decide)
}

@Suite struct ListCutTests {
    @Test(arguments: [
        (
            ["a", "b", "c"],
            #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"a"} , {"name":"b","x":1.0},{"name":"c"} ],"z":1e2}}"#
        ),
        (["b"], #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"b","x":1.0} ],"z":1e2}}"#),
        (["a", "c"], #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"a"},{"name":"c"} ],"z":1e2}}"#),
        (["c"], #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"c"} ],"z":1e2}}"#),
        ([], #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ ],"z":1e2}}"#),
    ])
    func takesEntriesOutWithTheirCommas(_ names: [String], _ expected: String) {
        let text =
            #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"a"} , {"name":"b","x":1.0},{"name":"c"} ],"z":1e2}}"#
        let outcome = cut(.tools, Array(text.utf8)) { names.contains($0.name ?? "") ? .keep : .drop }
        #expect(outcome.map { String(decoding: $0.bytes, as: UTF8.self) } == expected)
        #expect(outcome?.dropped == 3 - names.count)
    }

    @Test func namesEachKindByItsOwnMember() {
        let rows: [(ListKind, String, String)] = [
            (.prompts, #"{"name":"p"}"#, "p"), (.resources, #"{"name":"n","uri":"f:\/a"}"#, "f:/a"),
            (.resourceTemplates, #"{"name":"n","uriTemplate":"f://{a}"}"#, "f://{a}"),
        ]
        for (kind, entry, name) in rows {
            let text = #"{"jsonrpc":"2.0","id":1,"result":{"\#(kind.rawValue)":[\#(entry),7,{"name":3}]}}"#
            var names: [String?] = []
            let outcome = cut(kind, Array(text.utf8)) {
                names.append($0.name)
                return .keep
            }
            #expect(names == [name, nil, nil])
            #expect(outcome?.isUnchanged == true)
        }
    }

    @Test func replacesAnEntryAndDropsItWhereTheReplacementIsNoJSON() {
        let text = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}, {"name":"b"}]}}"#
        let outcome = cut(.tools, Array(text.utf8)) { .replace(Array(($0.name == "a" ? "{\"name\":1}" : "}{").utf8)) }
        #expect(
            outcome.map { String(decoding: $0.bytes, as: UTF8.self) }
                == #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":1}]}}"#
        )
        #expect(outcome?.replaced == 1)
        #expect(outcome?.dropped == 1)
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"result":{"tools":{}}}"#, #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
    ])
    func aMessageWithoutTheListIsNotCut(_ text: String) {
        #expect(cut(.tools, Array(text.utf8)) { _ in .keep } == nil)
    }

    @Test(arguments: 0..<64 as Range<UInt64>) func whatStaysIsUntouched(seed: UInt64) throws {
        var random = Numbers(seed: seed)
        let spaces = ["", " ", "\n", "\t \r\n"]
        func space() -> String { spaces[Int.random(in: 0..<spaces.count, using: &random)] }
        let entries = (0..<Int.random(in: 0...8, using: &random)).map {
            "{\(space())\"name\":\"t\($0)\",\(space())\"n\":1.\($0)0,\"s\":\"\\u0041],[\"}"
        }
        let list = entries.map { space() + $0 + space() }.joined(separator: ",")
        let text =
            space() + #"{"jsonrpc":"2.0","id":1,"result":{"tools":[\#(list)]\#(space()),"nextCursor":"x"}}"# + space()
        let bytes = Array(text.utf8)
        let whole = try #require(cut(.tools, bytes) { _ in .keep })
        #expect(text.contains(String(decoding: whole.bytes, as: UTF8.self)))
        #expect(whole.bytes.first == UInt8(ascii: "{") && whole.isUnchanged)
        let chosen = Set(entries.indices.filter { _ in Bool.random(using: &random) })
        let outcome = try #require(
            cut(.tools, bytes) { chosen.contains(Int($0.name?.dropFirst() ?? "") ?? -1) ? .keep : .drop }
        )
        let value = try JSON.parse(outcome.bytes)
        let left = value.object?["result"]?.object?["tools"]?.array ?? []
        #expect(left.map { $0.object?["name"] } == chosen.sorted().map { .string("t\($0)") })
        let output = String(decoding: outcome.bytes, as: UTF8.self)
        for index in chosen { #expect(output.contains(entries[index])) }
        #expect(outcome.kept == chosen.count)
    }
}
