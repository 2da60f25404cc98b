package import Core

/// What became of one request, as logs and traces tell it.
///
/// It holds names and figures. The arguments are here only where the document asks for some of them, and whoever writes
/// an event out takes the named ones alone.
package struct RequestEvent: Sendable {
    package enum Verdict: String, Sendable, CaseIterable {
        /// Nothing that a policy decides on: lists, the lifecycle, notifications, streams.
        case pass
        case allow
        /// Passed, and would have been denied where the policy is enforced.
        case shadow
        case ask, deny
        /// Of somebody who was killed.
        case revoked
        /// Nobody was proven.
        case unauthenticated
        /// Malformed, or not meant for the gateway.
        case refused
    }

    package var time = Timestamp(seconds: 0)
    package var route = ""
    package var server = ""
    package var peer = ""
    package var principal: CallRecord.Principal?
    /// Of HTTP; empty on standard input.
    package var verb = ""
    /// Of MCP.
    package var method = ""
    /// The tool or the prompt; a resource's address is an argument, and stands in `arguments`.
    package var name = ""
    /// Whether the name stands in the policy, or in what the server lists, and is not only the caller's own word.
    package var isKnown = false
    /// Whether people sent it to see what the policy makes of it.
    package var isCanary = false
    /// The bytes of the request's id.
    package var id: [UInt8] = []
    package var session: String?
    package var revision = ""
    package var verdict = Verdict.pass
    package var reason: String?
    package var rule: String?
    package var mode = GatewayConfiguration.Mode.enforce
    /// 499 where the client left before there was an answer, as reverse proxies write it; 0 on standard input.
    package var status = 0
    /// A code of JSON-RPC, `tool_error`, or the gateway's own word.
    package var fault: String?
    package var bytesIn = 0
    package var bytesOut = 0
    /// From the whole request to its decision, nanoseconds.
    package var decideTime: Int64 = 0
    /// From sending it on to the first of the server's answer, nanoseconds; nil where nothing was sent or came.
    package var upstreamTime: Int64?
    /// From the whole request to the end of its answer, nanoseconds.
    package var wholeTime: Int64 = 0
    package var trace: TraceContext?
    package var arguments: JSON.Object = [:]

    package init() {}

    /// The id as text, without the quotes of a string.
    package var idText: String {
        var bytes = id[...]
        if bytes.count >= 2, bytes.first == UInt8(ascii: "\"") { bytes = bytes.dropFirst().dropLast() }
        return String(decoding: bytes.prefix(128), as: UTF8.self)
    }
}
