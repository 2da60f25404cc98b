import Core
import Inspection

/// The quick look at an answer must not say no where the slow one finds a sign.
enum ScreenTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        var choice = choice
        let raw = message(bytes, &choice)
        guard let value = try? JSON.parse(raw, limits: JSON.Limits(maxDepth: 512)) else {
            // What is no JSON never reaches it, but may not bring it down either.
            _ = ResultScreen.mayHoldSigns(raw.span)
            return report.outcome = "no json"
        }
        let signs = ResultScreen.screen(value)
        let mayHold = ResultScreen.mayHoldSigns(raw.span)
        report.outcome = "\(Set(signs.map(\.code)).sorted().joined(separator: " ")) \(mayHold)"
        report.expect(
            signs.isEmpty || mayHold,
            "screen-passed-over",
            "\(signs.map(\.code)) \(signs.map(\.evidence)) in \(raw.shown)"
        )
        report.expect(signs.count <= 32, "screen-signs")
        if !signs.isEmpty, let redacted = ResultScreen.redacted(value, signs) {
            let left = ResultScreen.screen(redacted)
            report.expect(left.isEmpty, "screen-redacted", "\(left) after \(signs) of \(raw.shown)")
        }
        count(value, &report)
        Growth.check("screen", bytes, choice, &report) { many in
            _ = ResultScreen.mayHoldSigns(many.span)
            let text = String(decoding: many, as: UTF8.self)
            _ = ResultScreen.screen(text: text)
            _ = ItemCount.count(text: text)
        }
        Growth.check("blocks", bytes, choice, &report) { many in
            let blocks = stride(from: 0, to: many.count, by: 7).map { start in
                JSON.Value.object([
                    "type": "text",
                    "text": .string(String(decoding: many[start..<min(many.count, start + 7)], as: UTF8.self)),
                ])
            }
            let value: JSON.Value = ["result": ["content": .array(blocks)]]
            _ = ResultScreen.screen(value)
            _ = ItemCount.count(value)
        }
    }

    private static func count(_ value: JSON.Value, _ report: inout Report) {
        let all = ItemCount.count(value)
        report.expect(all >= 0, "count-negative")
        for cap in [0, 1, 3, 1000] {
            let capped = ItemCount.count(value, upTo: cap)
            report.expect(
                capped == min(all, cap),
                "count-cap",
                "\(capped) of \(all) upto \(cap) in \(JSON.canonical(value).shown)"
            )
        }
        // What is written anew is as much.
        if let again = try? JSON.parse(JSON.canonical(value), limits: JSON.Limits(maxDepth: 512)) {
            let other = ItemCount.count(again)
            report.expect(
                other == all || value != again,
                "count-canonical",
                "\(other) and \(all) in \(JSON.canonical(value).shown)"
            )
        }
    }

    /// The bytes themselves, or a text of them in an answer, in several spellings.
    private static func message(_ bytes: [UInt8], _ choice: inout Choice) -> [UInt8] {
        let head = Array("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[".utf8)
        let end = Array("]}}".utf8)
        func block(_ text: String) -> [UInt8] {
            Array("{\"type\":\"text\",\"text\":".utf8) + JSON.canonical(.string(text)) + [UInt8(ascii: "}")]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        switch choice.pick(8) {
        case 0, 1: return bytes
        case 2, 3: return head + block(text) + end
        case 4:
            // Some letters as escapes, as any writer may spell them.
            var body: [UInt8] = []
            for scalar in text.unicodeScalars {
                let isEscaped = choice.next() % 4 == 0 || scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
                if isEscaped {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16, uppercase: choice.next() % 2 == 0)
                        body += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
                    }
                } else {
                    body += Array(String(scalar).utf8)
                }
            }
            return head + Array("{\"type\":\"text\",\"text\":\"".utf8) + body + Array("\"}".utf8) + end
        case 5:
            // One text over several blocks.
            var blocks: [[UInt8]] = []
            var rest = Array(text.unicodeScalars)[...]
            while !rest.isEmpty {
                var piece = String.UnicodeScalarView()
                piece.append(contentsOf: rest.prefix(Int(choice.next() % 24) + 1))
                rest = rest.dropFirst(piece.count)
                blocks.append(block(String(piece)))
            }
            return head + Array(blocks.joined(separator: [UInt8(ascii: ",")])) + end
        case 6:
            return JSON.canonical(["result": ["structuredContent": ["rows": [.string(text), ["note": .string(text)]]]]])
        default:
            return JSON.canonical([
                "result": .object(JSON.Object([(key: text, value: .string(text))])), "x": [.string(text), "b"],
            ])
        }
    }
}
