import Core
import Testing
import Wire

private struct Row: Sendable {
    var fields: [(String, String)]
    var isGood: Bool
    var revision: ProtocolRevision = .v2026_07_28
    var arguments = #"{"region":"eu","limit":10,"scope":{"tenant":"house"}}"#
    var method = "tools/call"
}

private let head = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "run")]
private let parameters = [("Mcp-Param-Region", "eu"), ("Mcp-Param-Limit", "10"), ("Mcp-Param-Tenant", "house")]
private let marks = [
    HeaderMark(header: "Region", path: ["region"]), HeaderMark(header: "Limit", path: ["limit"]),
    HeaderMark(header: "Tenant", path: ["scope", "tenant"]),
]

private let rows: [Row] = [
    Row(fields: head + parameters, isGood: true),
    Row(fields: head.map { ($0.0.uppercased(), "\t \($0.1) ") } + parameters, isGood: true),
    Row(fields: head + [("mcp-param-region", "=?base64?ZXU=?=")] + parameters.dropFirst(), isGood: true),
    Row(fields: head + parameters.map { ($0.0, $0.1 == "10" ? "1.0e1" : $0.1) }, isGood: true),
    Row(fields: head + parameters.map { ($0.0, $0.1 == "10" ? "010" : $0.1) }, isGood: false),
    // Exponents at the ends of 64 bits, found by fuzzing: the digits before them led out of the range.
    Row(
        fields: head + parameters.map { ($0.0, $0.1 == "10" ? "0.1e-9223372036854775808" : $0.1) },
        isGood: false
    ),
    Row(fields: head + parameters.map { ($0.0, $0.1 == "10" ? "00e9223372036854775807" : $0.1) }, isGood: false),
    Row(fields: head + parameters.map { ($0.0, $0.1 == "10" ? "0.0e-9223372036854775808" : $0.1) }, isGood: false),
    Row(fields: head + parameters.dropLast(), isGood: false),
    Row(fields: head + parameters + [("Mcp-Param-Other", "x")], isGood: false),
    Row(fields: head + parameters + [("Mcp_Name", "run")], isGood: false),
    Row(fields: head + parameters + [("mcp-name", "run")], isGood: false),
    Row(fields: Array(head.dropFirst()) + parameters, isGood: false),
    Row(fields: Array(head.dropLast()) + parameters, isGood: false),
    Row(fields: head + parameters, isGood: false, arguments: #"{"region":"us","limit":10,"scope":{"tenant":"house"}}"#),
    Row(
        fields: head + parameters,
        isGood: false,
        arguments: #"{"region":"eu","limit":null,"scope":{"tenant":"house"}}"#
    ),
    Row(fields: head + [parameters[0]], isGood: true, arguments: #"{"region":"eu","limit":null}"#),
    Row(fields: head + [("Mcp-Param-Region", "true")], isGood: true, arguments: #"{"region":true}"#),
    Row(fields: head + [("Mcp-Param-Region", "[]")], isGood: false, arguments: #"{"region":[]}"#),
    Row(fields: head + parameters, isGood: false, revision: .v2025_11_25),
    Row(fields: [("MCP-Protocol-Version", "2025-11-25")], isGood: true, revision: .v2025_11_25),
    Row(fields: [], isGood: false, revision: .v2025_11_25),
    Row(fields: [], isGood: true, revision: .v2025_03_26),
    Row(fields: [], isGood: true, revision: .v2025_11_25, method: "initialize"),
    Row(
        fields: [("MCP-Protocol-Version", "2025-11-25"), ("Mcp-Name", "other")],
        isGood: false,
        revision: .v2025_11_25
    ),
    Row(fields: [("MCP-Protocol-Version", "2025-11-25"), ("Mcp-Name", "run")], isGood: true, revision: .v2025_11_25),
    Row(fields: [head[0], ("Mcp-Method", "tools/list")], isGood: true, method: "tools/list"),
    Row(fields: [head[0], ("Mcp-Method", "tools/list"), head[2]], isGood: false, method: "tools/list"),
]

@Suite struct HeaderAgreementTests {
    @Test(arguments: rows.indices) func comparesTheHeadWithTheMessage(_ index: Int) throws {
        let row = rows[index]
        let meta = row.revision.era == .modern ? #","_meta":{"\#(MetaKey.protocolVersion)":"2026-07-28"}"# : ""
        let named = row.method == "tools/call" ? #""name":"run","arguments":\#(row.arguments)"# : #""cursor":"x""#
        let bytes = Array(#"{"jsonrpc":"2.0","id":"i","method":"\#(row.method)","params":{\#(named)\#(meta)}}"#.utf8)
        var reader = PassingReader()
        guard case .message(let message) = reader.read(bytes.span, as: row.revision, from: .client) else {
            Issue.record("refused by the reader")
            return
        }
        do throws(Refusal) {
            try HeaderAgreement.check(
                row.fields,
                against: [message],
                as: row.revision,
                marks: marks,
                outline: reader.outline,
                in: bytes.span
            )
            #expect(row.isGood)
        } catch {
            #expect(!row.isGood, "\(error.sentence)")
            #expect(error.code == -32_020 && error.status == 400)
            #expect(error.id.map { String(decoding: bytes[$0], as: UTF8.self) } == #""i""#)
        }
    }

    @Test func anUnknownRevisionIsToldWhichOnesThereAre() {
        #expect(throws: Refusal.self) {
            try HeaderAgreement.revision(of: [("mcp-protocol-version", "2099-01-01")], session: nil)
        }
        do throws(Refusal) {
            _ = try HeaderAgreement.revision(of: [("MCP-Protocol-Version", "2099-01-01")], session: nil)
        } catch {
            #expect(error.code == -32_022)
            #expect(error.data?.object?["supported"]?.array?.first == "2026-07-28")
            #expect(error.data?.object?["requested"] == "2099-01-01")
        }
        #expect(throws: Refusal.self) {
            try HeaderAgreement.revision(of: [("MCP-Protocol-Version", "2025-03-26")], session: .v2025_11_25)
        }
        #expect((try? HeaderAgreement.revision(of: [], session: .v2025_06_18)) == .v2025_06_18)
    }

    @Test(
        arguments: [
            (#"{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}}"#, 1),
            (
                #"{"properties":{"o":{"properties":{"a":{"type":"integer","x-mcp-header":"A"}}},"x-mcp-header":{"type":"string"}}}"#,
                1
            ),
            (#"{"properties":{"a":{"type":"string"}},"default":{"x-mcp-header":"A"}}"#, 0),
            (#"{"properties":{"a":{"type":"object","x-mcp-header":"A"}}}"#, nil),
            (#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#, nil),
            (#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#, nil),
            (
                #"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
                nil
            ),
            (#"{"properties":{"a":{"items":{"type":"string","x-mcp-header":"A"}}}}"#, nil),
            (#"{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#, nil),
        ] as [(String, Int?)]
    )
    func findsTheMarksOfASchema(_ schema: String, _ count: Int?) throws {
        #expect(HeaderMark.marks(of: try JSON.parse(schema))?.count == count)
    }

    @Test(arguments: ProtocolRevision.allCases) func everyPublishedMethodHasAMeaning(_ revision: ProtocolRevision) {
        let inAll = ["tools/call", "tools/list", "prompts/get", "prompts/list", "resources/read", "resources/list"]
        for method in inAll { #expect(MethodCatalogue.entry(of: method, as: revision, from: .client) != nil) }
        let isLegacy = revision.era == .legacy
        for (method, sender) in [
            ("initialize", MethodCatalogue.Sender.client), ("ping", .client), ("ping", .server),
            ("roots/list", .server),
            ("sampling/createMessage", .server), ("resources/subscribe", .client), ("logging/setLevel", .client),
        ] {
            #expect((MethodCatalogue.entry(of: method, as: revision, from: sender) != nil) == isLegacy)
        }
        #expect((MethodCatalogue.entry(of: "server/discover", as: revision, from: .client) == nil) == isLegacy)
        #expect(MethodCatalogue.entry(of: "sampling/createMessage", as: revision, from: .client) == nil)
        #expect(MethodCatalogue.entry(of: "tools/call", as: revision, from: .server) == nil)
    }
}
