import Core
import Testing
import Wire

private struct Refused: Sendable, CustomTestStringConvertible {
    var text: String
    var code: Malformed.Code
    var member: String

    init(_ text: String, _ code: Malformed.Code, at member: String) {
        self.text = text
        self.code = code
        self.member = member
    }

    var testDescription: String { text }
}

@Suite struct JSONRPCTests {
    @Test func tellsTheThreeKindsOfMessageApart() throws {
        func read(_ text: String) throws -> [JSONRPC.Message] {
            try JSONRPC.parse(Array(text.utf8), revision: .latest).messages
        }
        #expect(
            try read(#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#) == [
                .request(JSONRPC.Request(id: .integer(1), method: "ping"))
            ]
        )
        #expect(
            try read(#"{"jsonrpc":"2.0","method":"m","params":{"a":1}}"#)
                == [.notification(JSONRPC.Notification(method: "m", params: ["a": 1]))]
        )
        #expect(
            try read(#"{"jsonrpc":"2.0","id":"x","result":{}}"#) == [
                .response(JSONRPC.Response(id: .string("x"), result: [:]))
            ]
        )
        #expect(
            try read(#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}"#)
                == [.response(JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.parse, "no")))]
        )
        #expect(
            try read(#"{"jsonrpc":"2.0","error":{"code":7,"message":"no","data":[1]}}"#)
                == [.response(JSONRPC.Response(id: nil, failure: JSONRPC.Failure(code: 7, message: "no", data: [1])))]
        )
    }

    @Test(arguments: [
        Refused("7", .kind(expected: "object"), at: ""),
        Refused("{}", .missing, at: "jsonrpc"),
        Refused(#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, .value, at: "jsonrpc"),
        Refused(#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, .kind(expected: "string"), at: "jsonrpc"),
        Refused(#"{"jsonrpc":"2.0","id":1}"#, .missing, at: "method"),
        Refused(#"{"jsonrpc":"2.0","id":1,"method":7}"#, .kind(expected: "string"), at: "method"),
        Refused(#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, .kind(expected: "string or integer"), at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, .kind(expected: "string or integer"), at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, .kind(expected: "string or integer"), at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, .kind(expected: "string or integer"), at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#, .kind(expected: "object"), at: "params"),
        Refused(#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, .kind(expected: "object"), at: "params"),
        Refused(#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#, .contradiction, at: "method"),
        Refused(#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, .contradiction, at: "error"),
        Refused(#"{"jsonrpc":"2.0","result":{}}"#, .missing, at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":null,"result":{}}"#, .kind(expected: "string or integer"), at: "id"),
        Refused(#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, .kind(expected: "object"), at: "error"),
        Refused(#"{"jsonrpc":"2.0","id":1,"error":{"message":""}}"#, .missing, at: "error.code"),
        Refused(
            #"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#,
            .kind(expected: "integer"),
            at: "error.code"
        ),
        Refused(#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, .missing, at: "error.message"),
        Refused(#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, .kind(expected: "object"), at: ""),
        Refused(
            #"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            .json(JSON.ScanError(.duplicateKey, at: 37)),
            at: ""
        ),
    ])
    private func refuses(_ row: Refused) {
        #expect(throws: Malformed(row.code, at: row.member)) {
            try JSONRPC.parse(Array(row.text.utf8), revision: .v2025_11_25)
        }
    }

    @Test(arguments: ProtocolRevision.allCases) func onlyOneRevisionKnowsBatches(_ revision: ProtocolRevision) throws {
        let text = Array(#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"}]"#.utf8)
        if revision == .v2025_03_26 {
            #expect(try JSONRPC.parse(text, revision: revision).messages.count == 2)
            #expect(throws: Malformed(.missing, at: "")) { try JSONRPC.parse(Array("[]".utf8), revision: revision) }
            let one = #"{"jsonrpc":"2.0","method":"b"}"#
            let many = "[" + Array(repeating: one, count: 129).joined(separator: ",") + "]"
            #expect(throws: Malformed(.limit(128), at: "")) { try JSONRPC.parse(Array(many.utf8), revision: revision) }
        } else {
            #expect(throws: Malformed.self) { try JSONRPC.parse(text, revision: revision) }
        }
    }

    @Test func readsWhatItWrites() throws {
        let messages: [JSONRPC.Message] = [
            .request(JSONRPC.Request(id: .string("é"), method: "tools/call", params: ["name": "x"])),
            .notification(JSONRPC.Notification(method: "notifications/initialized")),
            .response(JSONRPC.Response(id: .integer(.max), result: ["a": [1, 2.5, nil]])),
            .response(JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.headerMismatch, "no", data: ["x": 1]))),
        ]
        for message in messages {
            #expect(try JSONRPC.parse(message.encoded, revision: .latest) == .single(message))
        }
    }
}
