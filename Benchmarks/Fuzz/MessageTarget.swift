import Core
import Foundation
import Wire

/// What the reader accepts, everybody else must read as the same message; what it refuses, it refuses in good form.
enum MessageTarget {
    static let methods = Set(MethodCatalogue.entries.map(\.method))

    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        let revision = ProtocolRevision.allCases[choice.pick(5)]
        let sender: MethodCatalogue.Sender = choice.byte & 0x80 == 0 ? .client : .server
        let plain = Plain.read(bytes)
        scan(bytes, plain, &report)
        var reader = PassingReader()
        let reading = reader.read(bytes.span, as: revision, from: sender)
        report.outcome = outcome(of: reading, sender)
        check(reading, reader, bytes, plain, revision, sender, &report)
        Growth.check("message", bytes, choice, &report) { many in
            var reader = PassingReader()
            _ = reader.read(many.span, as: revision, from: sender)
            var array = PassingReader()
            _ = array.read(([UInt8(ascii: "{")] + many).span, as: revision, from: sender)
        }
    }

    private static func scan(_ bytes: [UInt8], _ plain: Plain?, _ report: inout Report) {
        do throws(JSON.ScanError) {
            let value = try JSON.parse(bytes, limits: JSON.Limits(maxDepth: 512))
            guard let plain else { return report.expect(false, "scan-too-lenient", bytes.shown) }
            report.expect(plain.isSame(as: value), "scan-value", bytes.shown)
            let canonical = JSON.canonical(value)
            report.expect(
                (try? JSON.parse(canonical, limits: JSON.Limits(maxDepth: 512))) != nil,
                "canonical-unreadable",
                bytes.shown
            )
        } catch {
            report.expect(plain == nil || error.code == .tooLarge, "scan-too-strict", "\(error) \(bytes.shown)")
            report.expect((0...bytes.count).contains(error.offset), "scan-offset", "\(error)")
        }
    }

    static func outcome(of reading: Reading, _ sender: MethodCatalogue.Sender) -> String {
        switch reading {
        case .refused(let refusal):
            "\(sender) refused \(refusal.reason.rawValue) \(refusal.sentence.prefix(60)) \(refusal.id == nil ? "" : "id")"
        case .message(let message): "\(sender) \(message.kind) \(message.method)"
        case .batch(let messages): "\(sender) batch of \(messages.count > 3 ? 4 : messages.count)"
        }
    }

    static func check(
        _ reading: Reading,
        _ reader: PassingReader,
        _ bytes: [UInt8],
        _ plain: Plain?,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender,
        _ report: inout Report
    ) {
        switch reading {
        case .refused(let refusal):
            let body = Plain.read(refusal.body(in: bytes.span))
            report.expect(body?["error"]?["message"] != nil && body?["id"] != nil, "refusal-unreadable", bytes.shown)
            if let id = refusal.id {
                guard (0...bytes.count).contains(id.upperBound) else { return report.expect(false, "refusal-range") }
                let text = Plain.read(Array(bytes[id]))
                switch text {
                case .string, .number: break
                default: report.expect(false, "refusal-id", bytes.shown)
                }
                if let plain { report.expect(plain["id"] == text, "refusal-other-id", bytes.shown) }
            }
        case .message(let message):
            guard let plain else { return report.expect(false, "accepted-no-json", bytes.shown) }
            foundation(bytes, plain, &report)
            check(message, reader, bytes, plain, revision, sender, &report)
            if sender == .client {
                numbers(plain, &report)
                report.expect(!plain.hasMarkedKeys, "key-marked", bytes.shown)
            }
        case .batch(let messages):
            guard case .array(let elements)? = plain else { return report.expect(false, "batch-no-array", bytes.shown) }
            foundation(bytes, .array(elements), &report)
            report.expect(revision == .v2025_03_26, "batch-in-revision")
            report.expect(elements.count == messages.count, "batch-count", bytes.shown)
            for (message, element) in zip(messages, elements) {
                check(message, reader, bytes, element, revision, sender, &report)
            }
            if sender == .client { numbers(.array(elements), &report) }
        }
    }

    private static let members: Set = ["jsonrpc", "id", "method", "params", "result", "error"]

    private static func check(
        _ message: PassingMessage,
        _ reader: PassingReader,
        _ bytes: [UInt8],
        _ plain: Plain,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender,
        _ report: inout Report
    ) {
        func value(_ node: JSON.Outline.Node?) -> Plain? {
            node.flatMap { Plain.read(Array(bytes[reader.outline.range(of: $0)])) }
        }
        guard case .object(let list) = plain else { return report.expect(false, "message-no-object", bytes.shown) }
        report.expect(Plain.read(Array(bytes[message.range])) == plain, "message-range", bytes.shown)
        report.expect(
            list.allSatisfy { members.contains(String(decoding: $0.key, as: UTF8.self)) },
            "message-members",
            bytes.shown
        )
        report.expect(plain["jsonrpc"]?.text == "2.0", "message-version", bytes.shown)
        if let id = message.idRange {
            report.expect(Plain.read(Array(bytes[id])) == plain["id"], "message-id", bytes.shown)
        } else {
            report.expect(
                plain["id"] == nil || plain["id"] == .null && message.kind == .error,
                "message-no-id",
                bytes.shown
            )
        }
        guard !message.isResponse else {
            report.expect(plain["method"] == nil, "response-method", bytes.shown)
            report.expect(value(message.result) == plain["result"], "response-result", bytes.shown)
            report.expect(value(message.error) == plain["error"], "response-error", bytes.shown)
            return
        }
        report.expect(
            plain["method"]?.text.map { Array($0.utf8) == Array(message.method.utf8) } ?? false,
            "message-method",
            bytes.shown
        )
        report.expect(methods.contains(message.method), "message-unknown-method", bytes.shown)
        report.expect(plain["result"] == nil && plain["error"] == nil, "request-result", bytes.shown)
        report.expect(value(message.params) == plain["params"], "message-params", bytes.shown)
        let params = plain["params"]
        switch message.method {
        case "tools/call", "prompts/get", "resources/read":
            let name = message.method == "resources/read" ? "uri" : "name"
            report.expect(value(message.name) == params?[name], "message-name", bytes.shown)
            report.expect(params?[name]?.text?.isEmpty == false, "message-empty-name", bytes.shown)
            if message.method != "resources/read" {
                report.expect(value(message.arguments) == params?["arguments"], "message-arguments", bytes.shown)
                report.expect(params?["arguments"]?.isObject ?? true, "arguments-no-object", bytes.shown)
            }
            if case .object(let members)? = params {
                let known: Set = [name, "arguments", "_meta", "inputResponses", "requestState", "task"]
                report.expect(
                    members.allSatisfy { known.contains(String(decoding: $0.key, as: UTF8.self)) },
                    "params-members",
                    bytes.shown
                )
            }
        default: break
        }
        report.expect(value(message.meta) == params?["_meta"], "message-meta", bytes.shown)
        report.expect(
            value(message.declaredTask) == params?["_meta"]?["dev.lockstep/task"],
            "message-task",
            bytes.shown
        )
        if revision == .v2026_07_28, sender == .client, message.kind == .request {
            report.expect(message.protocolVersion != nil, "message-without-revision", bytes.shown)
        }
    }

    /// What a reader with doubles and one with decimals would take for different numbers.
    private static func numbers(_ plain: Plain, _ report: inout Report) {
        for text in plain.numbers {
            guard let double = Double(text) else { return report.expect(false, "number-none", text) }
            let mantissa = text.prefix { $0 != "e" && $0 != "E" }.filter(\.isNumber)
            let isZero = !mantissa.contains { $0 != "0" }
            report.expect(isZero || double != 0, "number-becomes-zero", text)
            if let whole = Int64(text) {
                report.expect(Int64(exactly: double) == whole, "number-rounded", text)
            } else if let decimal = Decimal(string: text), text.utf8.count < 30 {
                // A double that is written with seventeen digits and read back is the same one.
                let back = Decimal(string: String(double)).map { ($0 - decimal).magnitude } ?? 0
                let scale = decimal.magnitude / 1_000_000_000_000_000
                report.expect(back <= scale, "number-off", text)
            }
        }
    }

    static func foundation(_ bytes: [UInt8], _ plain: Plain, _ report: inout Report) {
        guard !plain.hasAlikeKeys, !plain.hasMarkedKeys else { return }
        do {
            let value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            report.expect(isSame(value, plain), "foundation-value", bytes.shown)
        } catch {
            report.expect(false, "foundation-refuses", bytes.shown)
        }
    }

    private static func isSame(_ value: Any, _ plain: Plain) -> Bool {
        switch plain {
        case .null: value is NSNull
        case .bool(let flag): (value as? NSNumber)?.boolValue == flag
        case .number(let text): (value as? NSNumber)?.doubleValue == Double(text)
        // Foundation drops some of the marks, and whoever decides on a text looks past all of them.
        case .string(let bytes):
            (value as? String).map { text in
                Array(String(decoding: bytes, as: UTF8.self).unicodeScalars.filter { $0 != "\u{FEFF}" })
                    == Array(text.unicodeScalars.filter { $0 != "\u{FEFF}" })
            } ?? false
        case .array(let elements):
            (value as? [Any]).map { $0.count == elements.count && zip($0, elements).allSatisfy { isSame($0, $1) } }
                ?? false
        case .object(let members):
            (value as? [String: Any]).map { object in
                object.count == members.count
                    && members.allSatisfy { member in
                        object[String(decoding: member.key, as: UTF8.self)].map { isSame($0, member.value) } ?? false
                    }
            } ?? false
        }
    }
}
