import Core
import Testing

@testable import Gateway

@Suite struct PORCQuestionTests {
    private func body(_ operation: String, _ resource: String, _ args: JSON.Object? = nil) -> JSON.Value {
        var mcp: JSON.Object = ["feature": "tool"]
        mcp["args"] = args.map(JSON.Value.object)
        return [
            "principal": ["sub": "alice"], "operation": .string(operation), "resource": .string(resource),
            "context": ["mcp": .object(mcp)],
        ]
    }

    @Test(arguments: [
        ("mcp:tool:call", "mrn:mcp:files:tool:read", "read", #"{"arguments":{"a":1},"name":"read"}"#),
        ("mcp:prompt:get", "mrn:mcp:files:prompt:hi", "prompts/get", #"{"arguments":{"a":1},"name":"hi"}"#),
        ("mcp:resource:read", "mrn:mcp:files:resource:file:///a:b", "resources/read", #"{"uri":"file:///a:b"}"#),
        ("mcp:tool:list", "mrn:mcp:files:tool:", "", "{}"),
    ])
    func `a question is the request that it is about`(
        _ operation: String,
        _ resource: String,
        _ tool: String,
        _ params: String
    ) throws {
        let question = try #require(PORCQuestion(body(operation, resource, ["a": 1])))
        #expect((question.principal, question.server, question.tool) == ("alice", "files", tool))
        #expect(question.isList == operation.hasSuffix("list"))
        let message = try JSON.parse(question.message)
        #expect(String(decoding: JSON.canonical(message["params"] ?? .null), as: UTF8.self) == params)
    }

    @Test(arguments: [
        ("mcp:tool:call", "mrn:mcp:files:prompt:x"), ("mcp:tool:call", "mrn:mcp::tool:x"),
        ("mcp:tool:call", "files:tool:x"),
        ("mcp:prompt:get", "mrn:mcp:files:tool:x"), ("mcp:prompt:get", "mrn:mcp:files:prompt:"),
        ("mcp:x:y", "mrn:mcp:files:x:y"),
        ("mcp:resource:read", "mrn:mcp::resource:x"), ("mcp:tool:list", "mrn:mcp:files"), ("", ""),
    ])
    func `what can be read in two ways or in none is no question`(_ operation: String, _ resource: String) {
        #expect(PORCQuestion(body(operation, resource, ["a": 1])) == nil)
    }
}
