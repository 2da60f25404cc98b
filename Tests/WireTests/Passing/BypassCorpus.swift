import Core
import Foundation

import Wire

/// The cases of the interoperability corpus, as far as they are one message and its head.
///
/// Made after `Tests/Interop/bypass_cases.py`, which the corpus' own check uses; what a case is stands in the README
/// beside the cases.
struct BypassCase: Sendable {
    struct Request: Sendable {
        var fields: [HeaderAgreement.Field]
        var body: [UInt8]
    }

    enum Outcome: Sendable {
        case passes
        case refused(Refusal, id: String?)
    }

    var id: String
    var revision: ProtocolRevision
    var hasSession: Bool
    var isStdio: Bool
    var requests: [Request]
    var expect: JSON.Object

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Interop/Cases/bypass")

    /// The cases of a file whose every step is a message; a step in raw bytes is for whoever reads HTTP.
    static func load(_ file: String) throws -> [BypassCase] {
        let text = try Data(contentsOf: folder.appendingPathComponent("\(file).ndjson"))
        return try text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            try BypassCase(JSON.parse(Array(line)).object ?? [:])
        }
    }

    private init?(_ object: JSON.Object) {
        guard object["direction"]?.string == "to-server", let transport = object["transport"]?.string,
            transport != "http-sse", let id = object["id"]?.string, let steps = object["steps"]?.array,
            let expect = object["expect"]?.object
        else { return nil }
        self.id = id
        self.expect = expect
        let modern = transport.hasSuffix("2026")
        let named = object["revision"]?.string.flatMap(ProtocolRevision.init(rawValue:))
        revision = named ?? (modern ? .v2026_07_28 : .v2025_11_25)
        hasSession = transport == "http-2025"
        isStdio = transport.hasPrefix("stdio")
        requests = []
        for step in steps.compactMap(\.object) {
            if let line = step["line"] {
                guard let bytes = Self.bytes(line) else { return nil }
                requests.append(Request(fields: [], body: bytes))
                continue
            }
            guard let post = step["post"] else {
                if step["do"] != nil { continue }
                return nil
            }
            guard let body = Self.bytes(post) else { return nil }
            var fields: [HeaderAgreement.Field] = []
            for pair in step["headers"]?.array ?? [] {
                guard let name = pair.array?.first?.string, let value = pair.array?.last.flatMap(Self.bytes) else {
                    return nil
                }
                fields.append((name, String(decoding: value, as: UTF8.self)))
            }
            let absent = Set(
                (step["without"]?.array ?? []).compactMap { $0.string?.lowercased() }
                    + fields.map { $0.name.lowercased() }
            )
            if revision != .v2025_03_26, !absent.contains("mcp-protocol-version") {
                fields.insert(("MCP-Protocol-Version", revision.rawValue), at: 0)
            }
            requests.append(Request(fields: fields, body: body))
        }
        guard !requests.isEmpty else { return nil }
    }

    /// The bytes of a text, a part or a list of them; nothing where they are known at run time only.
    private static func bytes(_ value: JSON.Value) -> [UInt8]? {
        if let text = value.string { return Array(text.utf8) }
        if let list = value.array {
            var all: [UInt8] = []
            for part in list {
                guard let bytes = bytes(part) else { return nil }
                all += bytes
            }
            return all
        }
        guard let part = value.object else { return nil }
        if let text = part["base64"]?.string { return Base64.decode(text.utf8) }
        guard let text = part["repeat"]?.string, case .integer(let times)? = part["times"] else { return nil }
        if text.utf8.count == 1, let byte = text.utf8.first { return [UInt8](repeating: byte, count: Int(times)) }
        let pieces = text.split(separator: "{n}", omittingEmptySubsequences: false).map { Array($0.utf8) }
        var all: [UInt8] = []
        all.reserveCapacity(text.utf8.count * Int(times))
        for number in 0..<times {
            for (at, piece) in pieces.enumerated() {
                if at > 0 { all += Array(String(number).utf8) }
                all += piece
            }
        }
        return all
    }

    /// What becomes of the last message by this target alone.
    func outcome(marks: [HeaderMark]) -> Outcome {
        var outcome = Outcome.passes
        for request in requests { outcome = Self.outcome(request, self, marks) }
        return outcome
    }

    private static func outcome(_ request: Request, _ row: BypassCase, _ marks: [HeaderMark]) -> Outcome {
        let bytes = request.body.span
        var reader = PassingReader()
        do throws(Refusal) {
            let session = row.hasSession || row.isStdio ? row.revision : nil
            let revision =
                row.isStdio ? row.revision : try HeaderAgreement.revision(of: request.fields, session: session)
            let messages: [PassingMessage]
            switch reader.read(bytes, as: revision ?? .v2025_03_26, from: .client) {
            case .message(let message): messages = [message]
            case .batch(let batch): messages = batch
            case .refused(let refusal): throw refusal
            }
            if row.isStdio {
                for message in messages {
                    try HeaderAgreement.checkWithoutHeaders(
                        message,
                        as: row.revision,
                        outline: reader.outline,
                        in: bytes
                    )
                }
            } else {
                try HeaderAgreement.check(
                    request.fields,
                    against: messages,
                    as: revision ?? .v2025_03_26,
                    marks: marks,
                    outline: reader.outline,
                    in: bytes
                )
            }
            return .passes
        } catch {
            return .refused(error, id: error.id.map { String(decoding: request.body[$0], as: UTF8.self) })
        }
    }
}
