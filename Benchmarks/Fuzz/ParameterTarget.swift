import Core
import Foundation
import Wire

/// A header that mirrors an argument: agreed only where both are the same value.
///
/// The input is the value of the header, a line feed, and the JSON of the argument.
enum ParameterTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let argument = Plain.read(Array(parts[1])) else {
            return report.outcome = "no argument"
        }
        let value = String(decoding: parts[0], as: UTF8.self)
        let body =
            Array(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"arguments\":{\"v\":"
                    .utf8
            )
            + parts[1] + Array("}}}".utf8)
        var reader = PassingReader()
        guard case .message(let message) = reader.read(body.span, as: .v2025_06_18, from: .client) else {
            return report.outcome = "refused"
        }
        do throws(Refusal) {
            try HeaderAgreement.check(
                [(name: "Mcp-Param-V", value: value), (name: "MCP-Protocol-Version", value: "2025-06-18")],
                against: [message],
                as: .v2025_06_18,
                marks: [HeaderMark(header: "V", path: ["v"])],
                outline: reader.outline,
                in: body.span
            )
            let bare = value.trimmingCharacters(in: CharacterSet(charactersIn: " \t"))
            report.outcome = "agreed"
            report.expect(agrees(bare, argument), "parameter-agreement", "\(value) and \(argument)")
        } catch {
            report.outcome = error.sentence
        }
    }

    static func agrees(_ value: String, _ argument: Plain?) -> Bool {
        guard let text = PlainHTTP.decoded(value) else { return false }
        switch argument {
        case .string(let bytes): return bytes.elementsEqual(text.utf8)
        case .bool(let flag): return text == (flag ? "true" : "false")
        case .number(let number):
            guard let left = Double(text), let right = Double(number) else { return false }
            return left == right
        default: return false
        }
    }
}
