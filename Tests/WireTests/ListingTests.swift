import Core
import Testing
import Wire

private let calls = Calls(client: Implementation(name: "lockstep", version: "1"))

private func page(_ tools: [JSON.Value], next: JSON.Value? = nil) -> JSONRPC.Response {
    var result: JSON.Object = ["tools": .array(tools)]
    result["nextCursor"] = next
    return JSONRPC.Response(id: .integer(1), result: .object(result))
}

private func tool(_ name: String) -> JSON.Value { ["name": .string(name), "inputSchema": ["type": "object"]] }

@Suite struct ListingTests {
    @Test func followsCursorsToTheEnd() {
        var listing = Listing(.tools)
        #expect(listing.request(calls, id: .integer(1), revision: .v2025_11_25)?.params == nil)
        listing.receive(page([tool("a")], next: "2"))
        #expect(listing.request(calls, id: .integer(2), revision: .v2025_11_25)?.params == ["cursor": "2"])
        listing.receive(page([tool("b")]))
        #expect(listing.stop == .complete)
        #expect(listing.definitions.map(\.name) == ["a", "b"])
        #expect(listing.request(calls, id: .integer(3), revision: .v2025_11_25) == nil)
    }

    @Test func stopsWhereAServerWouldLeadItOnForever() {
        var endless = Listing(.tools, limits: Listing.Limits(pages: 5, entries: 100))
        var circle = Listing(.tools)
        var flood = Listing(.tools, limits: Listing.Limits(pages: 5, entries: 3))
        for index in 0..<10 {
            endless.receive(page([tool("t\(index)")], next: .string("c\(index)")))
            circle.receive(page([tool("t\(index)")], next: "same"))
            flood.receive(page([tool("a"), tool("b")], next: .string("c\(index)")))
        }
        #expect(endless.stop == .pageLimit(5))
        #expect(endless.definitions.count == 5)
        #expect(circle.stop == .cursorRepeated)
        #expect(flood.stop == .entryLimit(3))
        #expect(flood.definitions.count == 3)
    }

    @Test func keepsTheGoodEntriesAmongBadOnes() {
        var listing = Listing(.tools)
        listing.receive(
            page(["text", ["name": 7, "inputSchema": [:]], ["name": "x"], tool("good"), nil, tool("good")])
        )
        #expect(listing.definitions.map(\.name) == ["good", "good"])
        #expect(listing.duplicates == ["good"])
        #expect(listing.refusals.map(\.index) == [0, 1, 2, 4])
        #expect(listing.refusals[2].reason == Malformed(.missing, at: "inputSchema"))
    }

    @Test(
        arguments: [
            nil, "x", ["tools": "x"], ["tools": [], "nextCursor": 7], ["tools": [], "resultType": "input_required"],
            ["prompts": []],
        ] as [JSON.Value]
    )
    func aResultThatIsNoListStopsIt(_ result: JSON.Value) {
        var listing = Listing(.tools)
        listing.receive(JSONRPC.Response(id: .integer(1), result: result))
        guard case .malformed = listing.stop else {
            Issue.record("stopped with \(String(describing: listing.stop))")
            return
        }
    }

    @Test func aRefusalStopsIt() {
        var listing = Listing(.prompts)
        let failure = JSONRPC.Failure(.methodNotFound, "no")
        listing.receive(JSONRPC.Response(id: .integer(1), failure: failure))
        #expect(listing.stop == .refused(failure))
    }

    @Test func readsEveryKindOfDefinition() throws {
        let entries: [(ListKind, JSON.Value, String)] = [
            (.prompts, ["name": "p"], "p"), (.resources, ["name": "n", "uri": "file:///a"], "file:///a"),
            (.resourceTemplates, ["name": "n", "uriTemplate": "f://{a}"], "f://{a}"), (.tools, tool("t"), "t"),
        ]
        for (kind, entry, name) in entries {
            let page = try ListPage(kind, result: [kind.rawValue: [entry]])
            #expect(page.definitions.map(\.name) == [name])
            #expect(page.definitions.first?.kind == kind.definitionKind)
            #expect(page.definitions.first?.body == entry)
        }
    }
}

@Suite struct ToolDefinitionTests {
    private let text = """
        {"outputSchema":{"type":"object"},"name":"check_stock","description":"D\\u00e9","_meta":{"x":1},
         "icons":[{"src":"https://x/y.png"}],"inputSchema":{"type":"object","properties":{"b":{},"a":{}}},
         "title":"T","annotations":{"readOnlyHint":true},"execution":{"taskSupport":"optional"}}
        """

    @Test func isDigestedOverExactlySixMembersInCanonicalForm() throws {
        let canonical = """
            {"annotations":{"readOnlyHint":true},"description":"Dé",\
            "inputSchema":{"properties":{"a":{},"b":{}},"type":"object"},"name":"check_stock",\
            "outputSchema":{"type":"object"},"title":"T"}
            """
        let tool = try ToolDefinition(JSON.parse(text))
        #expect(tool.digest == Digest.sha256(Array(canonical.utf8)))
        #expect(tool.name == "check_stock")
        #expect(tool.body["_meta"] == ["x": 1])
        #expect(tool.definition.digest == tool.digest)
    }

    @Test func absentAndNullMembersDifferInTheDigestAndNotInTheMeaning() throws {
        let absent = try ToolDefinition(["name": "a", "inputSchema": ["type": "object"]])
        let null = try ToolDefinition(["name": "a", "inputSchema": ["type": "object"], "title": nil])
        #expect(absent.title == nil)
        #expect(null.title == nil)
        #expect(absent.digest != null.digest)
    }

    @Test(arguments: ["title", "description", "inputSchema", "outputSchema", "annotations"])
    func aChangeOfAnyCoveredMemberChangesTheDigest(_ member: String) throws {
        var object = try #require(JSON.parse(text).object)
        let before = ToolDefinition.digest(of: object)
        object[member] = "changed"
        #expect(ToolDefinition.digest(of: object) != before)
    }
}
