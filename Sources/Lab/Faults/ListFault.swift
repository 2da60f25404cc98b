import Core
import NIOCore
import NIOHTTP1
import Wire

/// A way to behave badly that shows only when the tools are listed, behind a proper opening.
enum ListFault: String, CaseIterable, Sendable {
    case notUTF8 = "list-not-utf8"
    case duplicateKeys = "list-duplicate-keys"
    case deeplyNested = "list-deeply-nested"
    case endlessCursor = "list-endless-cursor"
    case repeatedCursor = "list-repeated-cursor"
    case oneGigabyte = "list-one-gigabyte"
    case endlessEvents = "list-endless-events"
    case malformedTools = "list-malformed-tools"
    case hangs = "list-hangs"

    var behaviour: String {
        switch self {
        case .notUTF8: "lists tools in bytes that are not UTF-8"
        case .duplicateKeys: "lists tools twice in one response, the second time others"
        case .deeplyNested: "lists tools in 100,000 nested arrays"
        case .endlessCursor: "gives a new cursor with every page"
        case .repeatedCursor: "gives the same cursor with every page"
        case .oneGigabyte: "lists tools in a response of 1 GiB"
        case .endlessEvents: "answers with an event stream that never comes to the point"
        case .malformedTools: "lists one good tool among malformed ones"
        case .hangs: "opens the answer and sends nothing more"
        }
    }

    var blueprint: Blueprint {
        Blueprint(
            name: rawValue,
            title: rawValue,
            owner: "nobody",
            revisions: [.v2025_11_25, .v2026_07_28],
            tools: [],
            sabotage: { reply(to: $0) }
        )
    }

    private func reply(to request: JSONRPC.Request) -> HTTPReply {
        let id = request.id.value.description
        return switch self {
        case .notUTF8: .json(BadText.notUTF8(id: id))
        case .duplicateKeys: .json(BadText.duplicateKeys(id: id))
        case .deeplyNested: .json(BadText.deeplyNested(id: id))
        case .endlessCursor: Self.page(request, next: Self.following(request.params?["cursor"]?.string))
        case .repeatedCursor: Self.page(request, next: "again")
        case .oneGigabyte: Self.gigabyte(id: id)
        case .endlessEvents: Self.ceaseless
        case .malformedTools: Self.malformed(request)
        case .hangs: HTTPReply(.ok, headers: [("Content-Type", "application/json")], body: .open { _ in })
        }
    }

    private static func following(_ cursor: String?) -> String {
        "page-\((cursor?.dropFirst(5)).flatMap { Int($0) }.map { $0 &+ 1 } ?? 1)"
    }

    private static func page(_ request: JSONRPC.Request, next: String) -> HTTPReply {
        let tool: JSON.Value = [
            "name": .string("tool_\(next.dropFirst(5))"), "inputSchema": ["type": "object", "properties": [:]],
        ]
        return list([tool], request, next: next)
    }

    private static func malformed(_ request: JSONRPC.Request) -> HTTPReply {
        list(
            [
                "just a string", ["name": 7, "inputSchema": [:]], ["name": "no_schema"],
                ["name": "good", "inputSchema": ["type": "object"]], nil,
                ["name": "schema_is_text", "inputSchema": "object"],
            ],
            request,
            next: nil
        )
    }

    private static func list(_ tools: [JSON.Value], _ request: JSONRPC.Request, next: String?) -> HTTPReply {
        var result: JSON.Object = [
            "resultType": "complete", "tools": .array(tools), "ttlMs": 0, "cacheScope": "public",
        ]
        result["nextCursor"] = next.map(JSON.Value.string)
        return .json(JSONRPC.Response(id: request.id, result: .object(result)).encoded)
    }

    private static func gigabyte(id: String) -> HTTPReply {
        let opening = Array(
            "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":{\"tools\":[{\"name\":\"big\",\"title\":\"".utf8
        )
        let filler = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        return HTTPReply(
            .ok,
            headers: [("Content-Type", "application/json")],
            body: .generated(pause: nil) { index in
                switch index {
                case 0: opening
                case 1...1_024: filler
                case 1_025: Array("\",\"inputSchema\":{}}]}}".utf8)
                default: nil
                }
            }
        )
    }

    private static let ceaseless = HTTPReply(
        .ok,
        headers: HTTPReply.eventStreamHeaders,
        body: .generated(pause: .milliseconds(5)) { index in
            let notification = JSONRPC.Notification(
                method: "notifications/message",
                params: ["level": "info", "data": .integer(Int64(index))]
            )
            return EventStream.Event(data: notification.encoded).encoded
        }
    )
}
