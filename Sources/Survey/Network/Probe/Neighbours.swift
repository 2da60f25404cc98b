import Core
import Wire

/// What an HTTP server may be besides an MCP server: an agent with a card, or a local model server.
struct Neighbours {
    let client: HTTPClient
    private(set) var gaps: [String] = []

    init(client: HTTPClient) {
        self.client = client
    }

    /// The agent card of the host, where it has one.
    mutating func agentCard() async -> (path: String, card: AgentCard)? {
        for path in [AgentCard.path, AgentCard.formerPath] {
            guard let answer = await get(path), answer.status == 200, let value = json(answer) else { continue }
            do throws(Malformed) {
                return (path, try AgentCard(value))
            } catch {
                // Servers that answer every path with some object are no agents.
                if value["skills"] != nil { gaps.append("its agent card is malformed: \(error)") }
            }
        }
        return nil
    }

    mutating func modelServer() async -> ModelServer.Identification? {
        var answers: [ModelServer.Answer] = []
        for path in ModelServer.paths {
            guard let answer = await get(path) else { return ModelServer.identify(answers) }
            answers.append(
                ModelServer.Answer(
                    path: path,
                    status: answer.status,
                    server: answer.value("server"),
                    body: answer.status == 200 ? json(answer) : nil
                )
            )
        }
        return ModelServer.identify(answers)
    }

    private func get(_ path: String) async -> HTTPExchange.Answer? {
        let request = HTTPExchange.Request(path: path, headers: [(name: "Accept", value: "application/json")])
        return try? await client.send(request)
    }

    private func json(_ answer: HTTPExchange.Answer) -> JSON.Value? { try? JSON.parse(answer.body) }
}
