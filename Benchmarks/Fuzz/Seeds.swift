import Core
import Foundation
import Identity
import Wire

/// Inputs to begin with: the texts of the bypass corpus, and good messages of every kind.
enum Seeds {
    static func write(cases: String, to folder: String) throws {
        var inputs: [[UInt8]] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: cases).sorted() where name.hasSuffix(".ndjson")
        {
            for line in try Data(contentsOf: URL(filePath: "\(cases)/\(name)")).split(separator: 0x0A) {
                for text in texts(try JSON.parse(Array(line))) { inputs += sorted(text) }
            }
        }
        inputs += try made()
        for input in Set(inputs) {
            let path = "\(folder)/seed-\(Digest.sha256(input).hex.prefix(24))"
            if !FileManager.default.fileExists(atPath: path) { try Data(input).write(to: URL(filePath: path)) }
        }
    }

    /// The texts of a case; one in several parts has a number in the place of those that are known at run time only.
    private static func texts(_ value: JSON.Value) -> [String] {
        switch value {
        case .string(let text): return [text]
        case .array(let parts): return [parts.map { $0.string ?? "5" }.joined()] + parts.flatMap { texts($0) }
        case .object(let object): return object.values.flatMap { texts($0) }
        default: return []
        }
    }

    private static func input(_ target: Target, _ way: UInt8, _ payload: some Sequence<UInt8>) -> [UInt8] {
        [target.rawValue, way] + payload
    }

    /// A text for the readers that it looks made for.
    private static func sorted(_ text: String) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        guard bytes.count > 3, bytes.count < 16_000 else { return [] }
        if text.hasPrefix("HTTP/1") { return [input(.answer, 0, bytes)] }
        if bytes.firstRange(of: Array(" HTTP/1".utf8)) != nil {
            return [input(.request, 0, bytes), input(.request, 1, bytes)]
        }
        if text.hasPrefix("data:") || text.hasPrefix("event:") || text.hasPrefix("id:") || text.hasPrefix(":") {
            return [input(.stream, 0, bytes)]
        }
        if text.hasPrefix("{") || text.hasPrefix("[") {
            let head =
                "POST /files HTTP/1.1\r\nHost: a\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: read_file\r\nContent-Length: \(bytes.count)\r\n\r\n"
            var all = [
                input(.message, 3, bytes), input(.message, 4, bytes), input(.message, 0x83, bytes),
                input(.screen, 0, bytes),
                input(.request, 0, Array(head.utf8) + bytes),
                input(.stream, 0, Array("data: ".utf8) + bytes + Array("\n\n".utf8)),
            ]
            if text.contains("\"tools\"") { all.append(input(.list, 3, bytes)) }
            return all
        }
        return [input(.screen, 2, bytes)]
    }

    /// Good messages, streams, requests and signed things.
    private static func made() throws -> [[UInt8]] {
        var inputs: [[UInt8]] = []
        func add(_ target: Target, _ ways: [UInt8], _ text: String) {
            for way in ways { inputs.append(input(target, way, text.utf8)) }
        }
        let meta =
            "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"progressToken\":1,\"dev.lockstep/task\":\"x\"}"
        let call =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"region\":\"eu\",\"page\":{\"limit\":10},\"dry\":true,\"n\":[1.5,2e3,-0.25,12345678901]},\(meta)}}"
        for entry in MethodCatalogue.entries {
            let id = entry.isNotification ? "" : "\"id\":\"a\","
            let name = entry.namedMember.map { "\"\($0)\":\"x\"," } ?? ""
            add(
                .message,
                [3, 4, 0x83, 0x84],
                "{\"jsonrpc\":\"2.0\",\(id)\"method\":\"\(entry.method)\",\"params\":{\(name)\(meta)}}"
            )
        }
        add(.message, [0, 1, 2, 3, 4], call)
        add(
            .message,
            [1],
            "[\(call),{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}]"
        )
        add(
            .message,
            [0x83, 0x84],
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a\\u00e9\\n\\ud83d\\ude00\"}],\"_meta\":{}}}"
        )
        add(
            .message,
            [0x83],
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":\"no\",\"data\":[null,false]}}"
        )
        for (version, extra) in [
            (
                "2026-07-28",
                "Mcp-Method: tools/call\r\nMcp-Name: =?base64?cmVhZF9maWxl?=\r\nMcp-Param-Region: eu\r\nMcp-Param-Limit: 1e1\r\nMcp-Param-Dry: true\r\n"
            ), ("2025-11-25", "Mcp-Session-Id: s\r\nMcp-Name: read_file\r\n"),
        ] {
            let head =
                "POST /files?a=b HTTP/1.1\r\nHost: 127.0.0.1:8800\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: \(version)\r\n\(extra)"
            add(.request, [0, 1], "\(head)Content-Length: \(call.utf8.count)\r\n\r\n\(call)")
            let size = String(call.utf8.count, radix: 16)
            add(
                .request,
                [0, 1],
                "\(head)Transfer-Encoding: chunked\r\n\r\n\(size);a=b\r\n\(call)\r\n0\r\nX-A: b\r\n\r\n"
            )
        }
        add(
            .request,
            [0],
            "GET http://a/files HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\nExpect: 100-continue\r\n\r\n"
        )
        add(.answer, [0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        add(
            .answer,
            [0],
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n2\r\n\n\n\r\n0\r\n\r\n"
        )
        add(.answer, [0], "HTTP/1.0 404 \r\nConnection: close\r\n\r\nno")
        add(
            .stream,
            [0, 9, 40],
            "\u{FEFF}: hi\r\nid: 7\r\nevent: message\r\nretry: 10\r\ndata: {\"a\":1,\r\ndata: \"b\":\"\u{2028}\u{85}\"}\r\n\r\n:\n\ndata: {}\n\nid: 8\n\nevent: endpoint\ndata: /m?s=1\n\n"
        )
        let tools =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"nextCursor\":\"x\", \"tools\" : [ {\"name\":\"a\",\"n\":1.50} , {\"name\":\"\\u0062\"},{\"description\":\"c\"} ,{\"name\":\"d\"} ] }}"
        for (number, kind) in [ListKind.tools, .prompts, .resources, .resourceTemplates].enumerated() {
            let named = tools.replacing("\"tools\"", with: "\"\(kind.rawValue)\"").replacing(
                "\"name\"",
                with: "\"\(ListCut.namingMember(of: kind))\""
            )
            for way in 0..<5 { add(.list, [UInt8(number << 4) | UInt8(way)], named) }
        }
        for text in Mutator.phrases { add(.screen, [2, 4, 5, 6, 7], text) }
        add(
            .screen,
            [0],
            "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a,b\\n1,2\\n3,4\"}],\"structuredContent\":{\"rows\":[{\"a\":1},{\"a\":2}]}}}"
        )
        for value in [
            "eu\n\"eu\"", "1e1\n10.0", "-0.0\n0", "true\ntrue", "=?base64?ZQ==?=\n\"e\"", "0.1e-3\n0.0001", "1\n1.00",
        ] {
            add(.parameter, [0], value)
        }
        for signer in [TokenSigner(.ed25519(Keys.ed25519), id: "e"), TokenSigner(.p256(Keys.p256), id: "p")] {
            for payload in Keys.payloads {
                let claims = try JSON.parse(payload).object ?? [:]
                inputs.append(input(.token, 0, try signer.sign(claims, type: "JWT")))
                inputs.append(input(.token, 0, try signer.sign(claims, type: "dpop+jwt", embedsKey: true)))
                let task = String(decoding: try signer.sign(claims, type: nil), as: UTF8.self)
                add(.token, [2], "{\"token\":\"\(task)\"}")
                add(.token, [2], "\"\(task)\"")
            }
        }
        inputs.append(input(.token, 1, JSON.canonical(Keys.keySet)))
        for payload in Keys.payloads {
            let envelope = try DSSEEnvelope(
                payload: Array(payload.utf8),
                type: Keys.type,
                signers: [.ed25519(Keys.ed25519), .p256(Keys.p256)]
            )
            inputs.append(input(.envelope, 0, envelope.bytes))
        }
        for isAuthority in [true, false] {
            inputs.append(input(.certificate, 0, try Keys.certificate(isAuthority: isAuthority)))
        }
        return inputs
    }
}
