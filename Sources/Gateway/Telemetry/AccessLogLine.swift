import Core

/// Writes one event as one line of JSON for the access log.
///
/// The members are always in the same order; one that does not apply is left out. Whatever a client chose is cut at 512
/// bytes, and controls, also those that only a terminal would obey, are escapes, so that a line is a line.
package enum AccessLogLine {
    static let longest = 512

    package static func append(_ event: RequestEvent, gateway: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        text("time", event.time.description, &bytes, isFirst: true)
        text("gateway", gateway, &bytes)
        optional("peer", event.peer, &bytes)
        optional("verb", event.verb, &bytes)
        optional("route", event.route, &bytes)
        optional("server", event.server, &bytes)
        if let principal = event.principal {
            text("principal", principal.id, &bytes)
            text("identity", principal.kind.rawValue, &bytes)
        }
        optional("session", event.session ?? "", &bytes)
        optional("method", event.method, &bytes)
        optional("tool", event.name, &bytes)
        text("decision", event.verdict.rawValue, &bytes)
        optional("reason", event.reason ?? "", &bytes)
        optional("rule", event.rule ?? "", &bytes)
        text("mode", event.mode.rawValue, &bytes)
        if event.isCanary { bytes.append(contentsOf: ",\"canary\":true".utf8) }
        number("status", Int64(event.status), &bytes)
        optional("error", event.fault ?? "", &bytes)
        number("decide_us", event.decideTime / 1_000, &bytes)
        if let time = event.upstreamTime { number("upstream_us", time / 1_000, &bytes) }
        number("duration_us", event.wholeTime / 1_000, &bytes)
        number("bytes_in", Int64(event.bytesIn), &bytes)
        number("bytes_out", Int64(event.bytesOut), &bytes)
        if let trace = event.trace { text("trace", trace.traceID, &bytes) }
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
    }

    private static func key(_ name: StaticString, _ bytes: inout [UInt8], _ isFirst: Bool) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.description.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private static func number(_ name: StaticString, _ value: Int64, _ bytes: inout [UInt8]) {
        key(name, &bytes, false)
        bytes.append(contentsOf: String(value).utf8)
    }

    private static func optional(_ name: StaticString, _ value: String, _ bytes: inout [UInt8]) {
        if !value.isEmpty { text(name, value, &bytes) }
    }

    private static func text(_ name: StaticString, _ value: String, _ bytes: inout [UInt8], isFirst: Bool = false) {
        key(name, &bytes, isFirst)
        let cut = value.utf8.count > longest ? String(decoding: value.utf8.prefix(longest), as: UTF8.self) : value
        guard !cut.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return JSON.append(text: cut, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
        for scalar in cut.unicodeScalars {
            switch scalar {
            case "\"", "\\": bytes += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            case _ where isHidden(scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    bytes.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
                }
            default: bytes.append(contentsOf: String(scalar).utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether a terminal or a reader of lines would do something about it rather than show it.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value < 0x20 }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }
}
