import NIOCore
import Wire

/// Writes the head of a request to a server anew, so that nothing of the client's head goes on unread.
enum RequestWriter {
    static func head(of passage: Passage) -> ByteBuffer {
        let route = passage.route
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + min(passage.body.readableBytes, 16 << 10))
        func write(_ name: String, _ value: String) {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeString(passage.verb.rawValue)
        buffer.writeStaticString(" ")
        buffer.writeString(passage.upstreamPath ?? route.upstreamPath)
        buffer.writeStaticString(" HTTP/1.1\r\n")
        write("Host", route.upstream.authority)
        switch passage.verb {
        case .post:
            buffer.writeStaticString(
                "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            )
            write("Content-Length", String(passage.body.readableBytes))
        case .get: buffer.writeStaticString("Accept: text/event-stream\r\n")
        case .delete: break
        }
        buffer.writeStaticString("Accept-Encoding: identity\r\n")
        if let credential = route.credential { write("Authorization", credential) }
        if passage.opening == nil, route.transport == .streamable, passage.revision >= .v2025_06_18 {
            write(MCPHeader.protocolVersion, passage.revision.rawValue)
        }
        // The id of a stream of two endpoints is the gateway's own, and the server's stands in its address.
        if let session = passage.session, route.transport == .streamable { write(MCPHeader.session, session.id) }
        for (name, value) in passage.fields { write(name, value) }
        buffer.writeStaticString("\r\n")
        return buffer
    }
}
