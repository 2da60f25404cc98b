import Core
import Foundation
import Testing
import Wire

private let calls = Calls(client: Implementation(name: "lockstep", version: "1.0"))

@Suite struct RevisionTests {
    @Test func theFactsOfEachRevisionAreThoseOfTheSpecification() {
        let sessions = ProtocolRevision.allCases.filter(\.hasSessions)
        #expect(sessions == [.v2025_03_26, .v2025_06_18, .v2025_11_25])
        #expect(ProtocolRevision.allCases.filter(\.allowsBatches) == [.v2025_03_26])
        #expect(ProtocolRevision.modern == [.v2026_07_28])
        #expect(ProtocolRevision.legacy.first == .v2025_11_25)
        #expect(ProtocolRevision.v2024_11_05.transports == [.stdio, .legacySSE])
        #expect(ProtocolRevision.latest.openingMethod == "server/discover")
        #expect(ProtocolRevision(rawValue: "2025-12-25") == nil)
    }

    @Test func eachRevisionGetsItsHeaders() {
        func names(_ revision: ProtocolRevision, _ request: JSONRPC.Request) -> [String] {
            JSONRPC.Message.request(request).headers(revision: revision, session: "s").dropFirst(2).map(\.name)
        }
        let list = calls.list(.tools, id: .integer(1), revision: .v2025_03_26)
        #expect(names(.v2025_03_26, list) == ["Mcp-Session-Id"])
        #expect(names(.v2025_06_18, list) == ["MCP-Protocol-Version", "Mcp-Session-Id"])
        #expect(names(.v2026_07_28, list) == ["MCP-Protocol-Version", "Mcp-Method"])
        #expect(names(.v2025_06_18, calls.initialize(id: .integer(1), offering: .v2025_06_18)) == ["Mcp-Session-Id"])
        let call = calls.request("tools/call", id: .integer(1), revision: .latest, params: ["name": "é"])
        let headers = JSONRPC.Message.request(call).headers(revision: .latest)
        #expect(headers.last?.name == "Mcp-Name")
        #expect(headers.last?.value == "=?base64?w6k=?=")
    }

    @Test(arguments: [
        ("plain", "plain"), ("with space", "with space"), (" edge", "=?base64?IGVkZ2U=?="),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="), ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("", ""),
    ])
    func headerValuesSurviveTheTrip(value: String, header: String) {
        #expect(MCPHeader.encode(value) == header)
        #expect(MCPHeader.decode(header) == value)
    }

    @Test(arguments: [
        "=?base64?eA?=", "=?base64?e===?=", "=?base64?eB==?=", "=?base64?e A=?=", "=?base64?/w==?=", "=?base64?=AAA?=",
    ])
    func aHeaderValueThatCouldBeReadTwoWaysIsRefused(_ header: String) {
        #expect(MCPHeader.decode(header) == nil)
    }

    @Test func aModernIntroductionNeedsWhatTheProbeRestsOn() throws {
        let good: JSON.Object = [
            "resultType": "complete", "supportedVersions": ["2026-07-28", "9"], "capabilities": ["tools": [:]],
            "_meta": [MetaKey.serverInfo: ["name": "s", "version": "1"]], "instructions": "do",
        ]
        let introduction = try Introduction(discoverResult: .object(good))
        #expect(introduction.revisions == [.v2026_07_28])
        #expect(introduction.lists == [.tools])
        #expect(introduction.server?.name == "s")
        for member in ["supportedVersions", "capabilities"] {
            var bad = good
            bad[member] = nil
            #expect(throws: Malformed(.missing, at: member)) { try Introduction(discoverResult: .object(bad)) }
        }
        #expect(throws: Malformed.self) { try Introduction(initializeResult: ["protocolVersion": "x"]) }
    }
}

/// The published schemas, from a folder beside the project; without it these tests are skipped.
private enum PublishedSchema {
    static let folder =
        ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"].map { URL(filePath: $0) }
        ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "shared")

    static var isHere: Bool { FileManager.default.fileExists(atPath: file("2026-07-28").path) }

    static func file(_ revision: String) -> URL {
        folder.appending(path: "conformance/mcp/schema-\(revision).json.xz")
    }

    static func definitions(_ revision: String) throws -> JSON.Value {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", file(revision).path]
        process.standardOutput = pipe
        try process.run()
        let bytes = Array(pipe.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        return try #require(JSON.parse(bytes)["$defs"])
    }
}

@Suite(.enabled(if: PublishedSchema.isHere, "the published schemas are not at LOCKSTEP_SHARED"))
struct SchemaTests {
    @Test func requestsCarryTheMetaKeysOfTheSchema() throws {
        let schema = try #require(PublishedSchema.definitions("2026-07-28")["RequestMetaObject"])
        let known = Set(schema["properties"]?.object?.keys ?? [])
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        let sent = Set(calls.discover(id: .integer(1), revision: .latest).params?["_meta"]?.object?.keys ?? [])
        #expect(!required.isEmpty)
        #expect(sent.isSuperset(of: required))
        #expect(sent.isSubset(of: known))
    }

    @Test(arguments: [
        ("HeaderMismatchError", JSONRPC.ErrorCode.headerMismatch),
        ("MissingRequiredClientCapabilityError", .missingClientCapability),
        ("UnsupportedProtocolVersionError", .unsupportedProtocolVersion),
    ])
    func errorCodesAreThoseOfTheSchema(name: String, code: JSONRPC.ErrorCode) throws {
        let error = try PublishedSchema.definitions("2026-07-28")[name]?["properties"]?["error"]?["allOf"]?[1]
        #expect(error?["properties"]?["code"]?["const"]?.int == code.rawValue)
    }

    @Test(arguments: ["2025-11-25", "2026-07-28"]) func methodsAndMembersAreThoseOfTheSchema(_ revision: String) throws
    {
        let definitions = try PublishedSchema.definitions(revision)
        let names: [(ListKind, String)] = [
            (.tools, "ListTools"), (.prompts, "ListPrompts"), (.resources, "ListResources"),
            (.resourceTemplates, "ListResourceTemplates"),
        ]
        for (kind, name) in names {
            #expect(definitions["\(name)Request"]?["properties"]?["method"]?["const"]?.string == kind.method)
            #expect(definitions["\(name)Result"]?["properties"]?[kind.rawValue] != nil)
            #expect(definitions["\(name)Result"]?["properties"]?["nextCursor"] != nil)
        }
        let tool = Set(definitions["Tool"]?["properties"]?.object?.keys ?? [])
        #expect(tool.isSuperset(of: ToolDefinition.digestedMembers))
    }
}
