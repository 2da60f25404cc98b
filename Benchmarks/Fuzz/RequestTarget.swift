import Core
import Foundation
import Gateway
import Wire

/// Bytes of a connection: where a request ends must not depend on how they arrive, nor on who reads them.
enum RequestTarget {
    /// What reading from a connection came to.
    struct Read: Equatable {
        /// A fault, `more` where the end has not come, or `whole`.
        var end: String
        var head: [UInt8] = []
        var body: [UInt8] = []
        /// How many bytes the message took.
        var taken = 0
    }

    static let marks = [
        HeaderMark(header: "Region", path: ["region"]), HeaderMark(header: "Limit", path: ["page", "limit"]),
        HeaderMark(header: "Dry", path: ["dry"]),
    ]

    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        var choice = choice
        var request: RequestHead?
        let whole = read([bytes]) { head throws(HTTPFault) in
            let parsed = try RequestHead(head, bodyLimit: 1 << 20)
            request = parsed
            return parsed.framing
        }
        for cuts in choice.cuts(of: bytes.count) {
            let other = read(bytes.pieces(cuts)) { head throws(HTTPFault) in
                try RequestHead(head, bodyLimit: 1 << 20).framing
            }
            report.expect(other == whole, "request-pieces", "\(cuts): \(other) and \(whole) of \(bytes.shown)")
        }
        report.outcome = whole.end
        Growth.check("request", bytes, choice, &report) { many in
            _ = read([many]) { head throws(HTTPFault) in try RequestHead(head, bodyLimit: 1 << 20).framing }
            _ = read([Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + many]) {
                head throws(HTTPFault) in try RequestHead(head, bodyLimit: 1 << 20).framing
            }
        }
        guard let request else { return }
        let plain = PlainHTTP.head(whole.head)
        guard let plain else { return report.expect(false, "request-head-lenient", bytes.shown) }
        let lengths = plain.values(of: "content-length")
        let codings = plain.values(of: "transfer-encoding")
        switch request.framing {
        case .none:
            report.expect(codings.isEmpty && lengths.allSatisfy { Int($0) == 0 }, "framing-none", bytes.shown)
        case .length(let count):
            report.expect(
                codings.isEmpty && lengths.count == 1 && Int(lengths[0]) == count,
                "framing-length",
                bytes.shown
            )
        case .chunked:
            let isChunked = codings.count == 1 && codings[0].lowercased() == "chunked"
            report.expect(lengths.isEmpty && isChunked, "framing-chunked", bytes.shown)
        case .untilClose: report.expect(false, "framing-close", bytes.shown)
        }
        report.expect(plain.values(of: "host").count == 1, "request-hosts", bytes.shown)
        report.expect(
            plain.line.split(separator: " ", omittingEmptySubsequences: false).count == 3,
            "request-line",
            bytes.shown
        )
        report.expect(!request.path.contains("#") && !request.path.contains("\\"), "request-path", bytes.shown)
        guard whole.end == "whole" else { return }
        let rest = Array(bytes.dropFirst(whole.head.count + 4 + (bytes.starts(with: [13, 10]) ? 2 : 0)))
        let body: [UInt8]?
        switch request.framing {
        case .chunked: body = PlainHTTP.chunks(rest)
        case .length(let count): body = Array(rest.prefix(count))
        default: body = []
        }
        report.expect(body == whole.body, "request-body", bytes.shown)
        check(request.head, plain, whole.body, choice, &report)
    }

    private static func check(
        _ head: MessageHead,
        _ plain: PlainHTTP,
        _ body: [UInt8],
        _ choice: Choice,
        _ report: inout Report
    ) {
        let isModern = choice.byte & 1 == 0
        let session: ProtocolRevision? = isModern ? nil : .v2025_11_25
        let fields = head.mirrored
        let revision: ProtocolRevision
        do throws(Refusal) {
            revision = try HeaderAgreement.revision(of: fields, session: session) ?? .v2025_03_26
        } catch {
            report.outcome = "revision \(error.reason.rawValue)"
            return
        }
        var reader = PassingReader()
        let reading = reader.read(body.span, as: revision, from: .client)
        report.outcome = "\(revision) \(MessageTarget.outcome(of: reading, .client))"
        MessageTarget.check(reading, reader, body, Plain.read(body), revision, .client, &report)
        let messages: [PassingMessage]
        switch reading {
        case .refused: return
        case .message(let message): messages = [message]
        case .batch(let several): messages = several
        }
        do throws(Refusal) {
            try HeaderAgreement.check(
                fields,
                against: messages,
                as: revision,
                marks: marks,
                outline: reader.outline,
                in: body.span
            )
        } catch {
            report.outcome += " mismatch \(error.sentence)"
            return
        }
        report.outcome += " agreed \(fields.count)"
        guard let message = messages.first, messages.count == 1 else { return }
        let text = Plain.read(body)
        for (name, value) in plain.fields where name.hasPrefix("mcp") {
            switch name {
            case "mcp-method": report.expect(value == text?["method"]?.text, "header-method", body.shown)
            case "mcp-name":
                let named = text?["params"]?["name"]?.text ?? text?["params"]?["uri"]?.text
                let isSame = PlainHTTP.decoded(value).map { Array($0.utf8) } == named.map { Array($0.utf8) }
                report.expect(isSame, "header-name", "\(value) \(body.shown)")
            case "mcp-protocol-version":
                report.expect(value == revision.rawValue || message.method == "initialize", "header-version", value)
            case "mcp-session-id": break
            default:
                guard name.hasPrefix("mcp-param-") else { continue }
                let mark = marks.first { name == "mcp-param-\($0.header.lowercased())" }
                var argument = text?["params"]?["arguments"]
                for step in mark?.path ?? [""] { argument = argument?[step] }
                report.expect(
                    ParameterTarget.agrees(value, argument),
                    "header-parameter",
                    "\(name): \(value) \(body.shown)"
                )
            }
        }
        for required in ["mcp-protocol-version", "mcp-method"]
        where revision == .v2026_07_28 && message.kind == .request {
            report.expect(plain.values(of: required).count == 1, "header-required", plain.line)
        }
    }

    /// As a connection does it.
    static func read(_ pieces: [[UInt8]], _ framing: ([UInt8]) throws(HTTPFault) -> BodyFraming) -> Read {
        var result = Read(end: "more")
        var arrived: [UInt8] = []
        /// Where in what arrived the part begins that is not taken yet.
        var at = 0
        var search = HeadSearch(limit: 64 << 10)
        var scanner: BodyScanner?
        var isFirst = true
        do throws(HTTPFault) {
            for piece in pieces {
                arrived += piece
                if scanner == nil {
                    if isFirst {
                        // An empty line before a request is passed over once.
                        if arrived == [0x0D] { continue }
                        isFirst = false
                        if arrived.starts(with: [0x0D, 0x0A]) { at = 2 }
                    }
                    guard let end = try search.end(in: arrived.span.extracting(at..<arrived.count)) else { continue }
                    result.head = Array(arrived[at..<at + end])
                    at += end + 4
                    scanner = BodyScanner(try framing(result.head))
                }
                guard var taking = scanner else { continue }
                defer { scanner = taking }
                loop: while true {
                    switch try taking.next(arrived.span.extracting(at..<arrived.count)) {
                    case .data(let count):
                        result.body += arrived[at..<at + count]
                        at += count
                    case .framing(let count): at += count
                    case .needsMore: break loop
                    case .done:
                        result.end = "whole"
                        result.taken = at
                        return result
                    }
                }
            }
        } catch {
            result = Read(end: "\(error.status) \(error.reason)", head: result.head)
        }
        return result
    }
}

/// Answers of servers, by the same rules.
enum AnswerTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        var choice = choice
        var answer: ResponseHead?
        let whole = RequestTarget.read([bytes]) { head throws(HTTPFault) in
            let parsed = try ResponseHead(head)
            answer = parsed
            return parsed.framing
        }
        for cuts in choice.cuts(of: bytes.count) {
            let other = RequestTarget.read(bytes.pieces(cuts)) { head throws(HTTPFault) in
                try ResponseHead(head).framing
            }
            report.expect(other == whole, "answer-pieces", "\(cuts): \(other) and \(whole) of \(bytes.shown)")
        }
        report.outcome = "\(whole.end) \((answer?.status ?? 0) / 100) \(answer.map { "\($0.framing)".prefix(5) } ?? "")"
        guard let answer else { return }
        guard let plain = PlainHTTP.head(whole.head) else {
            return report.expect(false, "answer-head-lenient", bytes.shown)
        }
        let lengths = plain.values(of: "content-length")
        let codings = plain.values(of: "transfer-encoding")
        report.expect(lengths.count < 2 && codings.count < 2, "answer-framing-twice", bytes.shown)
        guard answer.status >= 200, answer.status != 204, answer.status != 304 else { return }
        report.expect(lengths.isEmpty || codings.isEmpty, "answer-both", bytes.shown)
        report.expect((answer.framing == .chunked) == !codings.isEmpty, "answer-chunked", bytes.shown)
        if whole.end == "whole", answer.framing == .chunked {
            let rest = Array(bytes.dropFirst(whole.head.count + 4 + (bytes.starts(with: [13, 10]) ? 2 : 0)))
            report.expect(PlainHTTP.chunks(rest) == whole.body, "answer-body", bytes.shown)
        }
    }
}
