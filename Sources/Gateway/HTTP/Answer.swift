import Core
import NIOCore

/// An answer that the gateway gives by itself.
struct Answer: Sendable {
    var status: Int
    var body: [UInt8]
    var contentType: String
    /// Further fields; their values are the gateway's own and hold no line ends.
    var fields: [(name: FieldName, value: String)]

    init(
        status: Int,
        body: [UInt8] = [],
        contentType: String = "application/json",
        fields: [(name: FieldName, value: String)] = []
    ) {
        self.status = status
        self.body = body
        self.contentType = contentType
        self.fields = fields
    }

    /// An answer to what is no message of MCP: a word in JSON.
    init(status: Int, reason: String, fields: [(name: FieldName, value: String)] = []) {
        self.init(status: status, body: JSON.canonical(["error": .string(reason)]), fields: fields)
    }

    func bytes(closes: Bool) -> ByteBuffer {
        var buffer = Self.head(
            status: status,
            length: status == 204 ? nil : body.count,
            type: body.isEmpty ? nil : contentType,
            fields: fields,
            closes: closes
        )
        buffer.writeBytes(body)
        return buffer
    }

    /// The head of an answer whose body has this length.
    static func head(
        status: Int,
        length: Int?,
        type: String? = "application/json",
        fields: [(name: FieldName, value: String)],
        closes: Bool
    ) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 192 + min(length ?? 0, 16 << 10))
        start(&buffer, status, fields)
        if let type {
            buffer.writeStaticString("Content-Type: ")
            buffer.writeString(type)
            buffer.writeStaticString("\r\n")
        }
        if let length {
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        }
        if closes { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// The head of an event stream; without chunks it ends with the connection.
    static func streamHead(fields: [(name: FieldName, value: String)], isChunked: Bool) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        start(&buffer, 200, fields)
        buffer.writeStaticString("Content-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n")
        buffer.writeStaticString(isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n")
        return buffer
    }

    private static func start(
        _ buffer: inout ByteBuffer,
        _ status: Int,
        _ fields: [(name: FieldName, value: String)]
    ) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(status))
        buffer.writeStaticString(" ")
        buffer.writeString(phrase(status))
        buffer.writeStaticString("\r\n")
        for (name, value) in fields {
            buffer.writeString(name.text)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
    }

    /// The words of RFC 9110 for the codes that the gateway uses.
    static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 204: "No Content"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 421: "Misdirected Request"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: status < 400 ? "OK" : "Error"
        }
    }
}
