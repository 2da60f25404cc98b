import Core
import NIOHTTP1
import Wire

/// An A2A agent: it shows its card and answers `message/send` (https://a2a-protocol.org/latest/specification/).
struct TravelAgent: Site {
    static let name = "travel-agent"
    static let owner = "travel-desk"

    /// The address of the agent, known once its port is.
    let url: String

    func reply(to request: HTTPRequest) -> HTTPReply {
        switch (request.method, request.path) {
        case (.GET, AgentCard.path): .json(JSON.canonical(card))
        case (.POST, "/a2a"): answer(request)
        case (_, "/a2a"): HTTPReply(.methodNotAllowed, headers: [("Allow", "POST")])
        default: HTTPReply(.notFound)
        }
    }

    var card: JSON.Value {
        [
            "protocolVersion": "0.3.0", "name": "Travel agent", "version": "2.1.0",
            "description": "Plans journeys and books trains.", "url": .string(url), "preferredTransport": "JSONRPC",
            "provider": ["organization": "Lab Travel", "url": "https://travel.lab.example"],
            "capabilities": ["streaming": false, "pushNotifications": false],
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
            "skills": [
                [
                    "id": "plan", "name": "Plan a journey", "description": "Finds connections between two cities.",
                    "tags": ["travel", "trains"],
                ]
            ],
        ]
    }

    private func answer(_ request: HTTPRequest) -> HTTPReply {
        guard let body = try? JSONRPC.parse(request.body, revision: .latest),
            case .single(.request(let call)) = body
        else {
            return .json(
                JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.invalidRequest, "Invalid request")).encoded,
                status: .badRequest
            )
        }
        guard call.method == "message/send" else {
            return .json(
                JSONRPC.Response(id: call.id, failure: JSONRPC.Failure(.methodNotFound, "Method not found")).encoded
            )
        }
        let message: JSON.Value = [
            "kind": "message", "role": "agent", "messageId": .string("reply-\(call.id)"),
            "parts": [["kind": "text", "text": "The 9:04 from platform 5 will do."]],
        ]
        return .json(JSONRPC.Response(id: call.id, result: message).encoded)
    }
}
