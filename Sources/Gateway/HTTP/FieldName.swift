/// The header fields that the gateway looks at; every other one is read for its form only and goes nowhere.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case host, connection, expect, origin, accept, authorization, dpop, posture, location
    case contentLength, contentType, contentEncoding, transferEncoding
    case protocolVersion, method, name, session, lastEventID
    case retryAfter, authenticate, allow
    case traceparent, tracestate
    /// `Mcp-Param-…`, which mirrors an argument.
    case parameter
    case other

    /// The name as it is written to a peer.
    package var text: String {
        switch self {
        case .host: "Host"
        case .connection: "Connection"
        case .expect: "Expect"
        case .origin: "Origin"
        case .accept: "Accept"
        case .authorization: "Authorization"
        case .dpop: "DPoP"
        case .posture: "Lockstep-Posture"
        case .location: "Location"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .transferEncoding: "Transfer-Encoding"
        case .protocolVersion: "MCP-Protocol-Version"
        case .method: "Mcp-Method"
        case .name: "Mcp-Name"
        case .session: "Mcp-Session-Id"
        case .lastEventID: "Last-Event-ID"
        case .retryAfter: "Retry-After"
        case .authenticate: "WWW-Authenticate"
        case .allow: "Allow"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .parameter: "Mcp-Param-"
        case .other: ""
        }
    }

    /// Whether two fields of the name could be read in two ways, so that the second is refused.
    var isSingle: Bool {
        switch self {
        case .accept, .connection, .allow, .authenticate, .traceparent, .tracestate, .parameter, .other: false
        default: true
        }
    }

    private static let byLength: [[(FieldName, [UInt8])]] = {
        var table = [[(FieldName, [UInt8])]](repeating: [], count: 32)
        for name in allCases where name != .other && name != .parameter {
            let bytes = name.text.utf8.map { $0 | ($0 >= 0x41 && $0 <= 0x5A ? 0x20 : 0) }
            table[bytes.count].append((name, bytes))
        }
        return table
    }()
    private static let parameterPrefix = Array("mcp-param-".utf8)

    /// The name that stands in the bytes; capitals make no difference (RFC 9110 §5.1).
    static func read(_ bytes: Span<UInt8>, _ range: Range<Int>) -> FieldName {
        func matches(_ name: [UInt8]) -> Bool {
            for at in name.indices {
                let byte = bytes[range.lowerBound + at]
                let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
                if lower != name[at] { return false }
            }
            return true
        }
        if range.count < byLength.count {
            for (name, text) in byLength[range.count] where matches(text) { return name }
        }
        return range.count > parameterPrefix.count && matches(parameterPrefix) ? .parameter : .other
    }
}
