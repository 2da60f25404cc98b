import Core
import Testing
import Wire

private struct Row: Sendable, CustomTestStringConvertible {
    var text: String
    var reason: Refusal.Reason
    var code: JSONRPC.ErrorCode
    var id: String?
    var revision: ProtocolRevision = .v2025_11_25
    var sender: MethodCatalogue.Sender = .client

    var testDescription: String { "\(reason.rawValue): \(text.prefix(90))" }
}

private let call = #""method":"tools/call","params":{"name":"read","arguments":{"path":"/a"}}"#

private let refused: [Row] = [
    Row(text: #"{"jsonrpc":"2.0","id":7,"method":"ping","id":7}"#, reason: .duplicateKey, code: .parse),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1,"\u0061":2}}"#,
        reason: .duplicateKey,
        code: .parse,
        id: "7"
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":"a\"b","method":"ping","params":{"a":[1,{"b":1,"b":2}]}}"#,
        reason: .duplicateKey,
        code: .parse,
        id: #""a\"b""#
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"ID":8,"method":"ping","params":{"a":1,"a":2}}"#,
        reason: .duplicateKey,
        code: .parse
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":null,"method":"ping","params":{"a":1,"a":2}}"#,
        reason: .duplicateKey,
        code: .parse
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7.5,"method":"ping","params":{"a":1,"a":2}}"#,
        reason: .duplicateKey,
        code: .parse
    ),
    // Foundation's JSONSerialization drops the mark, found by fuzzing.
    Row(
        text: "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":{\"a\":[{\"b\":1,\"\u{FEFF}b\":2}]}}",
        reason: .duplicateKey,
        code: .invalidRequest,
        id: "7"
    ),
    Row(
        text: "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"\u{FEFF}read\"}}",
        reason: .duplicateKey,
        code: .invalidRequest,
        id: "7"
    ),
    Row(text: #"{"jsonrpc":"2.0","id":7,"method":"ping"}{}"#, reason: .notJSON, code: .parse),
    Row(text: "\u{FEFF}{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}", reason: .notJSON, code: .parse),
    Row(text: "", reason: .notJSON, code: .parse),
    Row(text: #"{"jsonrpc":"2.0","id":7,"method":"ping"}"# + "\0", reason: .notJSON, code: .parse),
    Row(text: #"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1e400}}"#, reason: .notJSON, code: .parse),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"\ud800"}}"#,
        reason: .notUTF8,
        code: .parse,
        id: "7"
    ),
    Row(text: #""tools/call""#, reason: .notJSONRPC, code: .invalidRequest),
    Row(text: #"{"id":7,\#(call)}"#, reason: .notJSONRPC, code: .invalidRequest, id: "7"),
    Row(text: #"{"jsonrpc":2.0,"id":7,\#(call)}"#, reason: .notJSONRPC, code: .invalidRequest, id: "7"),
    Row(text: #"{"jsonrpc":"2.0","id":7,"extra":1,\#(call)}"#, reason: .notJSONRPC, code: .invalidRequest, id: "7"),
    Row(text: #"{"jsonrpc":"2.0","id":7,"result":{},\#(call)}"#, reason: .notJSONRPC, code: .invalidRequest, id: "7"),
    Row(text: #"{"jsonrpc":"2.0","id":7,"params":{}}"#, reason: .notJSONRPC, code: .invalidRequest, id: "7"),
    Row(text: #"{"jsonrpc":"2.0","id":null,\#(call)}"#, reason: .id, code: .invalidRequest),
    Row(text: #"{"jsonrpc":"2.0","id":7.0,\#(call)}"#, reason: .id, code: .invalidRequest),
    Row(text: #"{"jsonrpc":"2.0","id":-0,\#(call)}"#, reason: .id, code: .invalidRequest, id: "-0"),
    Row(
        text: #"{"jsonrpc":"2.0","id":9007199254740993,\#(call)}"#,
        reason: .id,
        code: .invalidRequest,
        id: "9007199254740993"
    ),
    Row(text: #"{"jsonrpc":"2.0",\#(call)}"#, reason: .id, code: .invalidRequest),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
        reason: .id,
        code: .invalidRequest,
        id: "1"
    ),
    Row(text: #"{"jsonrpc":"2.0","id":1,"method":["ping"]}"#, reason: .method, code: .invalidRequest, id: "1"),
    Row(text: #"{"jsonrpc":"2.0","id":1,"method":"ping\u0000"}"#, reason: .method, code: .invalidRequest, id: "1"),
    Row(text: #"{"jsonrpc":"2.0","id":1,"method":"t\u043eols/list"}"#, reason: .method, code: .invalidRequest, id: "1"),
    Row(text: #"{"jsonrpc":"2.0","id":1,"method":"Ping"}"#, reason: .unknownMethod, code: .methodNotFound, id: "1"),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
        reason: .params,
        code: .invalidRequest,
        id: "1"
    ),
    Row(text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, reason: .params, code: .invalidParams, id: "1"),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
        reason: .params,
        code: .invalidParams,
        id: "1"
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        reason: .params,
        code: .invalidParams,
        id: "1"
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}"#,
        reason: .params,
        code: .invalidParams,
        id: "1"
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"x"}}"#,
        reason: .params,
        code: .invalidParams,
        id: "1"
    ),
    Row(
        text:
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":100.0000000000000000001}}}"#,
        reason: .number,
        code: .invalidRequest,
        id: "1"
    ),
    Row(
        text:
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":[9007199254740993]}}}"#,
        reason: .number,
        code: .invalidRequest,
        id: "1"
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":1e-400}}}"#,
        reason: .number,
        code: .invalidRequest,
        id: "1"
    ),
    Row(text: "[{\"jsonrpc\":\"2.0\",\"id\":7,\(call)}]", reason: .batch, code: .invalidRequest),
    Row(text: "[]", reason: .batch, code: .invalidRequest, revision: .v2025_03_26),
    Row(text: "[[]]", reason: .notJSONRPC, code: .invalidRequest, revision: .v2025_03_26),
    Row(
        text: "[{\"jsonrpc\":\"2.0\",\"id\":7,\(call)},{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}]",
        reason: .batch,
        code: .invalidRequest,
        revision: .v2025_03_26
    ),
    Row(
        text: #"[{"jsonrpc":"2.0","id":"7",\#(call)},{"jsonrpc":"2.0","id":"\u0037","method":"ping"}]"#,
        reason: .batch,
        code: .invalidRequest,
        revision: .v2025_03_26
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,\#(call)}"#,
        reason: .version,
        code: .invalidParams,
        id: "7",
        revision: .v2026_07_28
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        reason: .response,
        code: .invalidRequest,
        id: "7",
        revision: .v2026_07_28
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
        reason: .unknownMethod,
        code: .methodNotFound,
        id: "7",
        revision: .v2026_07_28
    ),
    Row(text: #"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#, reason: .response, code: .invalidRequest, id: "7"),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"result":[]}"#,
        reason: .response,
        code: .invalidRequest,
        id: "7",
        sender: .server
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":7,"error":{"code":"x"}}"#,
        reason: .response,
        code: .invalidRequest,
        id: "7",
        sender: .server
    ),
    Row(text: #"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, reason: .id, code: .invalidRequest),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,\#(call)}"#,
        reason: .unknownMethod,
        code: .methodNotFound,
        id: "1",
        sender: .server
    ),
    Row(
        text: #"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#,
        reason: .unknownMethod,
        code: .methodNotFound,
        id: "1",
        revision: .v2026_07_28,
        sender: .server
    ),
]

@Suite struct PassingReaderTests {
    @Test(arguments: refused) private func refusesWithReasonCodeAndTheIDAsSent(_ row: Row) {
        let bytes = Array(row.text.utf8)
        var reader = PassingReader()
        guard case .refused(let refusal) = reader.read(bytes.span, as: row.revision, from: row.sender) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.reason == row.reason)
        #expect(refusal.code == row.code.rawValue)
        #expect(refusal.id.map { String(decoding: bytes[$0], as: UTF8.self) } == row.id)
        let body = refusal.body(in: bytes.span)
        #expect(
            String(decoding: body, as: UTF8.self).hasPrefix(
                "{\"jsonrpc\":\"2.0\",\"id\":\(row.id ?? "null"),\"error\":{"
            )
        )
        #expect(throws: Never.self) { try JSON.parse(body) }
        var stream = EventStream()
        #expect((try? stream.feed(refusal.event(id: nil)))?.map(\.data) == [refusal.body(id: nil)])
    }

    @Test func findsWhatADecisionAsksFor() throws {
        let text = """
            { "params": {"_meta":{"progressToken":"p","traceparent":"00-a","dev.lockstep/task":{"id":"t"},
              "io.modelcontextprotocol/protocolVersion":"2026-07-28"}, "requestState":"s", "inputResponses":{"x":{}},
              "arg\\u0075ments":{"path":"/a"},"name":"re\\u0061d"}, "method":"tools\\/call","id" : "7",
              "jsonrpc":"2.0"}
            """
        let bytes = Array(text.utf8)
        var reader = PassingReader()
        guard case .message(let message) = reader.read(bytes.span, as: .v2026_07_28, from: .client) else {
            Issue.record("refused")
            return
        }
        func part(_ node: JSON.Outline.Node?) -> String? {
            node.map { String(decoding: bytes[reader.outline.range(of: $0)], as: UTF8.self) }
        }
        #expect(message.kind == .request)
        #expect(message.method == "tools/call")
        #expect(message.meaning == .call)
        #expect(message.range == 0..<bytes.count)
        #expect(part(message.id) == #""7""#)
        #expect(message.name.flatMap { reader.outline.text(of: $0, in: bytes.span) } == "read")
        #expect(part(message.arguments) == #"{"path":"/a"}"#)
        #expect(part(message.progressToken) == #""p""#)
        #expect(part(message.traceparent) == #""00-a""#)
        #expect(part(message.declaredTask) == #"{"id":"t"}"#)
        #expect(part(message.protocolVersion) == #""2026-07-28""#)
        #expect(part(message.requestState) == #""s""#)
        #expect(part(message.inputResponses) == #"{"x":{}}"#)
    }

    @Test(arguments: [
        ("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", PassingMessage.Kind.result),
        ("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,\"message\":\"no\",\"data\":1}}", .error),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no\"}}", .error),
        ("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"no\"}}", .error),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":0.1}}", .notification),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"sampling/createMessage\",\"params\":{}}", .request),
        ("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"n\":9007199254740993}}", .result),
    ])
    func readsWhatServersSend(_ text: String, _ kind: PassingMessage.Kind) {
        var reader = PassingReader()
        guard case .message(let message) = reader.read(Array(text.utf8).span, as: .v2025_11_25, from: .server) else {
            Issue.record("refused")
            return
        }
        #expect(message.kind == kind)
    }

    @Test func readsABatchUpToItsLimit() {
        let one = "{\"jsonrpc\":\"2.0\",\"id\":%,\"method\":\"ping\"}"
        for (count, isRead) in [(1, true), (50, true), (51, false)] {
            let all = (0..<count).map { one.replacing("%", with: String($0)) }
            var reader = PassingReader()
            let reading = reader.read(
                Array("[\(all.joined(separator: ", "))]".utf8).span,
                as: .v2025_03_26,
                from: .client
            )
            if case .batch(let messages) = reading {
                #expect(messages.count == count && isRead)
            } else {
                #expect(!isRead)
            }
        }
    }

    @Test(arguments: [
        "1", "1.0", "1e2", "1.0E+2", "100.000000", "0.01", "1000e-3", "0.30000000000000004", "0", "-0", "1e300", "0e5",
    ])
    func passesNumbersThatEveryReaderTakesAlike(_ number: String) {
        let text = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":\#(number)}}}"#
        var reader = PassingReader()
        guard case .message = reader.read(Array(text.utf8).span, as: .v2025_11_25, from: .client) else {
            Issue.record("refused")
            return
        }
    }

    @Test func aBodyBeyondTheLimitIs413() {
        var reader = PassingReader(limits: JSON.Limits(maxBytes: 20))
        let bytes = Array(#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#.utf8)
        guard case .refused(let refusal) = reader.read(bytes.span, as: .v2025_11_25, from: .client) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.status == 413)
        #expect(refusal.reason == .tooLarge)
        #expect(refusal.id == nil)
    }

    @Test(arguments: 0..<64 as Range<UInt64>) func aDamagedMessageIsRefusedOrMeansWhatAParserReads(seed: UInt64) {
        var random = Numbers(seed: seed)
        let seeds = [
            #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read","arguments":{"path":"/a","n":[1,2.5]},"_meta":{"progressToken":1,"traceparent":"x"}}}"#,
            #"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"file:///a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
            #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}]"#,
            #"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#,
        ]
        let pieces = [
            "\"id\":7,", "{", "}", "\"", "\\u0069", "\\", ",", "[", "]", "0", "e9", ":", " ", "\u{0}", "é", "null",
        ].map { Array($0.utf8) }
        var reader = PassingReader()
        for round in 0..<300 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: at)
                default: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            for revision in ProtocolRevision.allCases {
                switch reader.read(bytes.span, as: revision, from: round.isMultiple(of: 3) ? .server : .client) {
                case .message(let message): agrees(message, reader, bytes, (try? JSON.parse(bytes)) ?? nil)
                case .batch(let messages):
                    let elements = (try? JSON.parse(bytes))?.array ?? []
                    #expect(elements.count == messages.count)
                    for (message, element) in zip(messages, elements) { agrees(message, reader, bytes, element) }
                case .refused(let refusal):
                    #expect(throws: Never.self) { try JSON.parse(refusal.body(in: bytes.span)) }
                }
            }
        }
    }

    private func agrees(_ message: PassingMessage, _ reader: PassingReader, _ bytes: [UInt8], _ value: JSON.Value) {
        func part(_ node: JSON.Outline.Node?) -> JSON.Value? {
            node.map { reader.outline.value(of: $0, in: bytes.span) }
        }
        #expect(value.object?["jsonrpc"] == "2.0")
        #expect(part(message.node) == value)
        #expect(message.id == nil || part(message.id) == value.object?["id"])
        #expect(message.isResponse || value.object?["method"] == .string(message.method))
        let params = value.object?["params"]?.object
        #expect(part(message.params) == value.object?["params"])
        #expect(part(message.name) == message.namedMember.flatMap { params?[$0] })
        #expect(part(message.arguments) == params?["arguments"])
        #expect(part(message.progressToken) == params?["_meta"]?.object?["progressToken"])
        #expect(part(message.result) == value.object?["result"])
    }
}
