import Core
import NIOHTTP1
import Synchronization
import Wire

/// A server behind the HTTP+SSE transport of 2024-11-05: GET `/sse` opens the stream, POST `/messages` asks.
final class LegacyEvents: Site {
    static let path = "/sse"

    private let server: LabServer
    private let gate: Gate
    /// The open streams by session; closed ones remove themselves.
    private let streams = Mutex<[String: OpenReply]>([:])

    init(server: LabServer, gate: Gate) {
        self.server = server
        self.gate = gate
    }

    func reply(to request: HTTPRequest) -> HTTPReply {
        if let reply = LabControl.reply(to: request, server: server) ?? gate.reply(to: request) { return reply }
        switch (request.method, request.path) {
        case (.GET, Self.path): return open()
        case (.POST, "/messages"): return take(request)
        case (_, Self.path): return HTTPReply(.methodNotAllowed, headers: [("Allow", "GET")])
        default: return HTTPReply(.notFound)
        }
    }

    private func open() -> HTTPReply {
        let session = server.openSession(.v2024_11_05)
        return HTTPReply(
            .ok,
            headers: HTTPReply.eventStreamHeaders,
            body: .open { [self] reply in
                streams.withLock { $0[session] = reply }
                reply.whenClosed { [self] in
                    streams.withLock { _ = $0.removeValue(forKey: session) }
                    _ = server.closeSession(session)
                }
                let endpoint = EventStream.Event(type: "endpoint", data: Array("/messages?session_id=\(session)".utf8))
                reply.send(endpoint.encoded)
            }
        )
    }

    private func take(_ request: HTTPRequest) -> HTTPReply {
        guard let session = request.query("session_id"), let stream = streams.withLock({ $0[session] }) else {
            return HTTPReply(.notFound)
        }
        guard let body = try? JSONRPC.parse(request.body, revision: .v2024_11_05) else { return HTTPReply(.badRequest) }
        for message in body.messages {
            if let response = server.answer(message, revision: .v2024_11_05) {
                stream.send(EventStream.Event(data: response.encoded).encoded)
            }
        }
        return HTTPReply(.accepted, body: .bytes(Array("Accepted".utf8)))
    }
}
