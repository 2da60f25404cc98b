package import Core

/// Whether the head of a request says the same as its message.
///
/// A hop that routes by `Mcp-Name` and a server that acts on the body must not be told two things (2026-07-28, "Server
/// Validation"). Older revisions do not know these headers; where they stand there all the same, they are compared too,
/// because what goes on may be read by a newer hop. Names are compared without regard to case, values as they are.
package enum HeaderAgreement {
    /// One field line as it was received.
    package typealias Field = (name: String, value: String)

    /// The revision in which a request is to be read.
    ///
    /// `session` is the revision of the session that the request belongs to, if it belongs to one. Where neither a
    /// session nor a header tells, the request is `initialize`, or of 2025-03-26 at the latest.
    ///
    /// - Throws: a refusal where the header stands twice, names no published revision, or not the session's.
    package static func revision(
        of fields: [Field],
        session: ProtocolRevision?
    ) throws(Refusal) -> ProtocolRevision? {
        guard let value = try Headers(fields).version else { return session }
        guard let revision = ProtocolRevision(rawValue: value) else {
            guard session == nil else { throw mismatch("`MCP-Protocol-Version` names no revision") }
            throw unsupported(value)
        }
        guard session == nil || session == revision else {
            throw mismatch("`MCP-Protocol-Version` is not the revision of the session")
        }
        return revision
    }

    /// Compares the head with the message or messages of the body.
    ///
    /// `marks` are those of the called tool's schema; without them no `Mcp-Param-` header can be verified, and one that
    /// stands there is refused. `outline` is that of the reader that made the messages.
    ///
    /// - Throws: the refusal, with the id of a single message.
    package static func check(
        _ fields: [Field],
        against messages: [PassingMessage],
        as revision: ProtocolRevision,
        marks: [HeaderMark] = [],
        outline: borrowing JSON.Outline,
        in bytes: Span<UInt8>
    ) throws(Refusal) {
        do throws(Refusal) {
            let headers = try Headers(fields)
            for message in messages {
                try checkVersion(headers, message, revision, outline, bytes)
            }
            guard messages.count == 1, let message = messages.first else {
                guard headers.method == nil, headers.name == nil, headers.parameters.isEmpty else {
                    throw mismatch("the headers speak of one message, and there are several")
                }
                return
            }
            try checkMethod(headers, message, revision)
            try checkName(headers, message, revision, outline, bytes)
            try checkParameters(headers, message, revision, marks, outline, bytes)
        } catch {
            var refusal = error
            if messages.count == 1 { refusal.id = messages.first?.idRange }
            throw refusal
        }
    }

    /// The same where there are no headers: a request names the revision in which it is read, or none.
    package static func checkWithoutHeaders(
        _ message: PassingMessage,
        as revision: ProtocolRevision,
        outline: borrowing JSON.Outline,
        in bytes: Span<UInt8>
    ) throws(Refusal) {
        guard let node = message.protocolVersion, !outline.isText(node, revision.rawValue, in: bytes) else { return }
        var refusal = unsupported(outline.text(of: node, in: bytes) ?? "")
        refusal.id = message.idRange
        throw refusal
    }

    private static func checkVersion(
        _ headers: Headers,
        _ message: PassingMessage,
        _ revision: ProtocolRevision,
        _ outline: borrowing JSON.Outline,
        _ bytes: Span<UInt8>
    ) throws(Refusal) {
        if let node = message.protocolVersion {
            guard let version = headers.version else { throw mismatch("`MCP-Protocol-Version` is missing") }
            guard outline.isText(node, version, in: bytes) else {
                throw mismatch("`MCP-Protocol-Version` does not agree with `_meta`")
            }
        }
        guard let version = headers.version else {
            guard !revision.requiredHeaders.contains(MCPHeader.protocolVersion) || message.method == "initialize" else {
                throw mismatch("`MCP-Protocol-Version` is missing")
            }
            return
        }
        if message.method != "initialize", version != revision.rawValue {
            throw mismatch("`MCP-Protocol-Version` is not the revision spoken")
        }
    }

    private static func checkMethod(
        _ headers: Headers,
        _ message: PassingMessage,
        _ revision: ProtocolRevision
    ) throws(Refusal) {
        guard let method = headers.method else {
            guard !revision.requiredHeaders.contains(MCPHeader.method) || message.kind != .request else {
                throw mismatch("`Mcp-Method` is missing")
            }
            return
        }
        guard method == message.method, !message.isResponse else {
            throw mismatch("`Mcp-Method` does not agree with the message")
        }
    }

    private static func checkName(
        _ headers: Headers,
        _ message: PassingMessage,
        _ revision: ProtocolRevision,
        _ outline: borrowing JSON.Outline,
        _ bytes: Span<UInt8>
    ) throws(Refusal) {
        guard let value = headers.name else {
            let isNamed = MCPHeader.namedMember(of: message.method) != nil
            guard !isNamed || !revision.requiredHeaders.contains(MCPHeader.name) else {
                throw mismatch("`Mcp-Name` is missing")
            }
            return
        }
        guard let node = message.name, message.meaning != .task, let name = MCPHeader.decode(value),
            outline.isText(node, name, in: bytes)
        else { throw mismatch("`Mcp-Name` does not agree with the message") }
    }

    private static func checkParameters(
        _ headers: Headers,
        _ message: PassingMessage,
        _ revision: ProtocolRevision,
        _ marks: [HeaderMark],
        _ outline: borrowing JSON.Outline,
        _ bytes: Span<UInt8>
    ) throws(Refusal) {
        var verified = 0
        if message.meaning == .call {
            for mark in marks {
                let given = headers.parameters.first { $0.name == mark.header.lowercased() }
                var node = message.arguments
                for step in mark.path {
                    node = node.flatMap { outline.member(step, of: $0, in: bytes) }
                }
                if let found = node, outline.kind(of: found) == .null { node = nil }
                switch (given, node) {
                case (nil, nil): break
                case (nil, .some):
                    guard revision.era == .legacy else { throw mismatch("an `Mcp-Param-` header is missing") }
                case (.some, nil): throw mismatch("an `Mcp-Param-` header has no argument")
                case (let given?, let node?):
                    guard agrees(given.value, node, outline, bytes) else {
                        throw mismatch("an `Mcp-Param-` header does not agree with its argument")
                    }
                    verified += 1
                }
            }
        }
        guard verified == headers.parameters.count else {
            throw mismatch("an `Mcp-Param-` header stands for no known parameter")
        }
    }

    private static func agrees(
        _ value: String,
        _ node: JSON.Outline.Node,
        _ outline: borrowing JSON.Outline,
        _ bytes: Span<UInt8>
    ) -> Bool {
        guard let text = MCPHeader.decode(value) else { return false }
        switch outline.kind(of: node) {
        case .string: return outline.isText(node, text, in: bytes)
        case .true: return text == "true"
        case .false: return text == "false"
        case .integer, .number:
            guard let left = ExactDecimal(text.utf8.map(\.self)),
                let right = ExactDecimal(bytes.extracting(outline.range(of: node)).copied)
            else { return false }
            return left == right
        case .null, .array, .object: return false
        }
    }

    private static func mismatch(_ sentence: String) -> Refusal { Refusal(.headerMismatch, .header, sentence) }

    private static func unsupported(_ requested: String) -> Refusal {
        Refusal(
            .unsupportedProtocolVersion,
            .version,
            "the revision is not supported",
            data: [
                "requested": .string(String(requested.prefix(32))),
                "supported": .array(ProtocolRevision.allCases.reversed().map { .string($0.rawValue) }),
            ]
        )
    }
}

extension HeaderAgreement {
    /// The mirrored headers of one request, each at most once.
    private struct Headers {
        var version, method, name: String?
        /// In small letters, without `mcp-param-`.
        var parameters: [(name: String, value: String)] = []

        init(_ fields: [Field]) throws(Refusal) {
            for field in fields where field.name.utf8.starts(with: "mcp".utf8, by: { $0 | 0x20 == $1 }) {
                // A server behind CGI reads `Mcp_Name` as `Mcp-Name` (RFC 3875 §4.1.18).
                guard !field.name.utf8.contains(UInt8(ascii: "_")) else {
                    throw mismatch("a header is spelled with an underscore")
                }
                // Most are spelled as they are published.
                switch field.name {
                case MCPHeader.protocolVersion: try Self.set(&version, field.value)
                case MCPHeader.method: try Self.set(&method, field.value)
                case MCPHeader.name: try Self.set(&name, field.value)
                default: try read(field, field.name.lowercased())
                }
            }
        }

        private mutating func read(_ field: Field, _ key: String) throws(Refusal) {
            switch key {
            case "mcp-protocol-version": try Self.set(&version, field.value)
            case "mcp-method": try Self.set(&method, field.value)
            case "mcp-name": try Self.set(&name, field.value)
            default:
                guard key.hasPrefix("mcp-param-") else { return }
                let parameter = String(key.dropFirst("mcp-param-".count))
                guard !parameters.contains(where: { $0.name == parameter }) else {
                    throw mismatch("a header stands twice")
                }
                var value: String?
                try Self.set(&value, field.value)
                parameters.append((parameter, value ?? ""))
            }
        }

        private static func set(_ slot: inout String?, _ value: String) throws(Refusal) {
            guard slot == nil else { throw mismatch("a header stands twice") }
            let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
            if let first = value.utf8.first, let last = value.utf8.last, !isSpace(first), !isSpace(last),
                value.utf8.allSatisfy({ 0x20...0x7E ~= $0 })
            {
                slot = value
                return
            }
            let bare = value.utf8.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
            guard bare.allSatisfy({ 0x20...0x7E ~= $0 }) else { throw mismatch("a header holds an invalid character") }
            slot = String(decoding: Array(bare), as: UTF8.self)
        }
    }
}
