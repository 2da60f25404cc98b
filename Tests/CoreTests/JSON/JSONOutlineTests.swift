import Core
import Testing

@Suite("Outlines of JSON texts")
struct JSONOutlineTests {
    private let call = Array(
        #" {"jsonrpc":"2.0","id":7,"m\u0065thod":"tools\/call","params":{"name":"look\u0075p","arguments": {"q": [1, "x"]} }}"#
            .utf8
    )

    @Test("finds method, name and the bytes of the arguments in one scan")
    func find() throws {
        var scanned = Scanned()
        try scanned.scan(call)
        #expect(scanned.text("method") == "tools/call")
        #expect(scanned.isText("method", "tools/call"))
        #expect(!scanned.isText("method", "tools/cal"))
        #expect(!scanned.isText("method", "tools/calls"))
        #expect(scanned.isText("jsonrpc", "2.0"))
        #expect(!scanned.isText("jsonrpc", "2.1"))
        #expect(scanned.text("params", "name") == "lookup")
        let arguments = try #require(scanned.find("params", "arguments"))
        #expect(String(decoding: call[scanned.outline.range(of: arguments)], as: UTF8.self) == #"{"q": [1, "x"]}"#)
        #expect(scanned.value("params", "arguments") == ["q": [1, "x"]])
        #expect(scanned.find("params", "none") == nil)
        #expect(scanned.find("id", "x") == nil)
        #expect(scanned.keys == ["jsonrpc", "id", "method", "params"])
    }

    @Test("is empty after an error and can be used again")
    func reuse() throws {
        var scanned = Scanned()
        try scanned.scan(call)
        #expect(throws: JSON.ScanError.self) { try scanned.scan([0x5B]) }
        #expect(scanned.find("method") == nil)
        #expect(scanned.find() == nil)
        try scanned.scan(call)
        #expect(scanned.find("method") != nil)
    }

    @Test("refuses every text that is cut off")
    func truncations() throws {
        let text = Array(
            #"{"a":[true,false,null,-1.5e+7,"é€😀\n\uD83D\uDE00"],"b":{"c":[],"d":{}},"k1":1,"k2":2}"#.utf8
        )
        _ = try JSON.parse(text)
        for length in text.indices {
            #expect(throws: JSON.ScanError(.unterminated, at: length)) { try JSON.parse(Array(text[..<length])) }
        }
    }

    @Test(
        "flags whole numbers that a double would round",
        arguments: [
            ("[1,9007199254740992]", nil), ("[1,9007199254740993]", "9007199254740993"),
            ("[-9007199254740993]", "-9007199254740993"), ("[18446744073709551616]", nil),
            ("[18446744073709551617]", "18446744073709551617"), ("[10000000000000000000000]", nil),
            ("[100000000000000000000000]", "100000000000000000000000"), ("[0.1]", nil), ("[-0]", nil),
            ("[9223372036854775807]", "9223372036854775807"), ("[-9223372036854775808]", nil),
            ("[-18446744073709551616]", nil),
        ] as [(String, String?)]
    )
    func rounded(text: String, expected: String?) throws {
        let bytes = Array(text.utf8)
        var outline = JSON.Outline()
        try outline.scan(bytes.span)
        let found = outline.firstRoundedInteger.map { String(decoding: bytes[outline.range(of: $0)], as: UTF8.self) }
        #expect(found == expected)
    }

    @Test("finds equal keys among very many in linear time", .timeLimit(.minutes(10)), arguments: [9, 100, 90_000])
    func manyKeys(count: Int) throws {
        let keys = (0..<count).map { "\"key\($0)\":0" }.joined(separator: ",")
        _ = try JSON.parse("{\(keys)}")
        let offset = keys.utf8.count + 2
        #expect(throws: JSON.ScanError(.duplicateKey, at: offset)) { try JSON.parse("{\(keys),\"k\\u0065y5\":1}") }
    }

    /// Keys of one length that differ in a single place, which may be one that no mark of a key looks at.
    @Test("equal keys are equal whatever their length and place", arguments: 0...40)
    func likeKeys(length: Int) throws {
        var keys = [String(repeating: "k", count: length)]
        for place in stride(from: 0, to: length, by: max(1, length / 20)) {
            keys.append(String(repeating: "k", count: place) + "x" + String(repeating: "k", count: length - place - 1))
        }
        let members = keys.map { "\"\($0)\":0" }.joined(separator: ",")
        let bytes = Array("{\(members)}".utf8)
        var outline = JSON.Outline()
        try outline.scan(bytes.span)
        let bits = outline.nameBits(of: outline.root, in: bytes.span)
        for (number, key) in keys.enumerated() {
            #expect(bits & JSON.Outline.nameBit(key.utf8.first ?? UInt8(ascii: "\""), key.utf8.count) != 0)
            let offset = members.utf8.count + 2
            for space in ["", "                "] {
                #expect(throws: JSON.ScanError(.duplicateKey, at: offset), "\(number)") {
                    try JSON.parse("{\(members),\"\(key)\":0}\(space)")
                }
            }
        }
    }

    @Test("the deepest value can be written, compared and freed", arguments: ["[", "{\"a\":"])
    func deepest(opening: String) throws {
        let depth = JSON.Limits.deepest
        let closing = opening == "[" ? "]" : "}"
        let text = String(repeating: opening, count: depth) + "0" + String(repeating: closing, count: depth)
        let value = try JSON.parse(text, limits: JSON.Limits(maxDepth: .max))
        #expect(JSON.canonical(value) == Array(text.utf8))
        let again = try JSON.parse(JSON.pretty(value), limits: JSON.Limits(maxDepth: .max))
        #expect(again == value)
        #expect(again.hashValue == value.hashValue)
    }

    @Test("a large text is one value")
    func large() throws {
        let row = #"{"id":1234567,"name":"a name of some length","tags":["x","y"],"ok":true},"#
        let text = "[" + String(repeating: row, count: 50_000) + "0]"
        #expect(try JSON.parse(text).array?.count == 50_001)
        let string = "\"" + String(repeating: "é", count: 4_000_000) + "\""
        #expect(try JSON.parse(string).string?.unicodeScalars.count == 4_000_000)
    }
}

/// An outline with its bytes: the checks of Swift Testing cannot take a span.
private struct Scanned {
    var outline = JSON.Outline()
    var bytes: [UInt8] = []

    mutating func scan(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        try outline.scan(bytes.span)
    }

    func find(_ path: String...) -> JSON.Outline.Node? { outline.find(path, in: bytes.span) }

    func text(_ path: String...) -> String? {
        outline.find(path, in: bytes.span).flatMap { outline.text(of: $0, in: bytes.span) }
    }

    func value(_ path: String...) -> JSON.Value? {
        outline.find(path, in: bytes.span).map { outline.value(of: $0, in: bytes.span) }
    }

    func isText(_ key: String, _ text: String) -> Bool {
        outline.find([key], in: bytes.span).map { outline.isText($0, text, in: bytes.span) } ?? false
    }

    var keys: [String?] { outline.members(of: outline.root).map { outline.text(of: $0.key, in: bytes.span) } }
}
