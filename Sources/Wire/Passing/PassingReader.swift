package import Core

/// Reads messages where they stand, so that what is decided on and what goes on are the same bytes.
///
/// Each text is scanned once, and only what a decision asks for is ever made a value. The reader is stricter than the
/// specification where two honest readers could differ: members that JSON-RPC does not name, parameters that a call
/// does not have, ids and numbers that a double rounds. A text that could be two messages is none.
package struct PassingReader: Sendable {
    /// How many messages a batch may have.
    package var batchLimit = 50
    /// The longest id and the longest name, in bytes as they are written.
    package var idLimit = 4_096
    package var nameLimit = 8_192
    /// Whether a method that the revision does not have is refused here.
    package var refusesUnknownMethods = true
    package let limits: JSON.Limits
    /// Where the values of the last text stand.
    package private(set) var outline = JSON.Outline()

    package init(limits: JSON.Limits = JSON.Limits(maxDepth: 512)) {
        self.limits = limits
    }

    /// Reads one body, event or line.
    ///
    /// A first message that comes before a revision is agreed on is read as the newest one of its era.
    package mutating func read(
        _ bytes: Span<UInt8>,
        as revision: ProtocolRevision,
        from sender: MethodCatalogue.Sender
    ) -> Reading {
        do throws(JSON.ScanError) {
            try outline.scan(bytes, limits: limits)
        } catch {
            return .refused(refusal(error, bytes))
        }
        let root = outline.root
        do throws(Refusal) {
            guard outline.kind(of: root) == .array else {
                let message = try message(at: root, bytes, revision, sender)
                if sender == .client {
                    try refuseInexactNumbers(bytes, id: message.idRange)
                    try refuseMarkedKeys([message], bytes, id: message.idRange)
                }
                return .message(message)
            }
            return .batch(try batch(bytes, revision, sender))
        } catch {
            return .refused(error)
        }
    }

    private func batch(
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender
    ) throws(Refusal) -> [PassingMessage] {
        guard revision.allowsBatches else {
            throw Refusal(.invalidRequest, .batch, "revision \(revision) has no batches")
        }
        var messages: [PassingMessage] = []
        for node in outline.children(of: outline.root) {
            guard messages.count < batchLimit else {
                throw Refusal(.invalidRequest, .batch, "the batch has more than \(batchLimit) messages")
            }
            do throws(Refusal) {
                messages.append(try message(at: node, bytes, revision, sender))
            } catch {
                // The refusal is the answer to all of the batch, and must not pass for that to one message.
                var whole = error
                whole.id = nil
                throw whole
            }
        }
        guard let first = messages.first else {
            throw Refusal(.invalidRequest, .batch, "the batch is empty")
        }
        guard !messages.contains(where: { $0.method == "initialize" }) else {
            throw Refusal(.invalidRequest, .batch, "`initialize` is no part of a batch")
        }
        if sender == .client {
            guard messages.allSatisfy({ $0.isResponse == first.isResponse }) else {
                throw Refusal(.invalidRequest, .batch, "the batch holds responses and other messages")
            }
            try refuseInexactNumbers(bytes, id: nil)
            try refuseMarkedKeys(messages, bytes, id: nil)
        }
        try refuseEqualIDs(messages, bytes)
        return messages
    }

    /// Two requests with one id would get each other's answers.
    private func refuseEqualIDs(_ messages: [PassingMessage], _ bytes: Span<UInt8>) throws(Refusal) {
        var seen: Set<[JSON.Value]> = []
        for message in messages {
            guard let id = message.id else { continue }
            let key = [.bool(message.isResponse), outline.value(of: id, in: bytes)]
            guard seen.insert(key).inserted else {
                throw Refusal(.invalidRequest, .batch, "two messages of the batch have the same id")
            }
        }
    }
}

extension PassingReader {
    private struct Members {
        var hasVersion = false
        var id, method, params, result, error: JSON.Outline.Node?
        var hasOther = false
    }

    private func message(
        at node: JSON.Outline.Node,
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender
    ) throws(Refusal) -> PassingMessage {
        guard outline.kind(of: node) == .object else {
            throw Refusal(.invalidRequest, .notJSONRPC, "the message is not an object")
        }
        var members = Members()
        for (node, value) in outline.members(of: node) {
            let key = KeyProbe(node, of: outline, in: bytes)
            if key.isNamed("jsonrpc", outline, bytes) {
                members.hasVersion = outline.isText(value, "2.0", in: bytes)
            } else if key.isNamed("id", outline, bytes) {
                members.id = value
            } else if key.isNamed("method", outline, bytes) {
                members.method = value
            } else if key.isNamed("params", outline, bytes) {
                members.params = value
            } else if key.isNamed("result", outline, bytes) {
                members.result = value
            } else if key.isNamed("error", outline, bytes) {
                members.error = value
            } else {
                members.hasOther = true
            }
        }
        let range = outline.range(of: node)
        var message = PassingMessage(kind: .request, node: node, range: range)
        let named = members.id.flatMap { echo($0) }
        guard members.hasVersion else {
            throw Refusal(.invalidRequest, .notJSONRPC, "`jsonrpc` is not `2.0`", id: named)
        }
        guard !members.hasOther else {
            throw Refusal(
                .invalidRequest,
                .notJSONRPC,
                "the message has a member that json-rpc does not name",
                id: named
            )
        }
        if let id = members.id, !(sender == .server && members.error != nil && outline.kind(of: id) == .null) {
            try check(id: id, bytes, named)
            message.id = id
            message.idRange = named
        }
        if members.method == nil {
            try readResponse(members, &message, bytes, revision, sender)
        } else {
            try readMethod(members, &message, bytes, revision, sender)
        }
        return message
    }

    /// Where the id stands, if a refusal can name it.
    private func echo(_ id: JSON.Outline.Node) -> Range<Int>? {
        let range = outline.range(of: id)
        switch outline.kind(of: id) {
        case .string, .integer: return range.count <= idLimit ? range : nil
        default: return nil
        }
    }

    private func check(id: JSON.Outline.Node, _ bytes: Span<UInt8>, _ named: Range<Int>?) throws(Refusal) {
        switch outline.kind(of: id) {
        case .string, .integer: break
        default: throw Refusal(.invalidRequest, .id, "the id is neither a string nor a whole number")
        }
        guard let named else {
            throw Refusal(.invalidRequest, .id, "the id is longer than \(idLimit) bytes")
        }
        if outline.kind(of: id) == .integer, !Self.isSafeInteger(bytes.extracting(named)) {
            throw Refusal(
                .invalidRequest,
                .id,
                "the id is a number that not every reader takes for the same",
                id: named
            )
        }
    }

    /// Whether the digits are a whole number within 2^53 - 1 (RFC 7493 §2.2) and not `-0`.
    static func isSafeInteger(_ text: Span<UInt8>) -> Bool {
        var value: Int64 = 0
        guard text.count <= 17 else { return false }
        let isNegative = text[0] == UInt8(ascii: "-")
        for at in (isNegative ? 1 : 0)..<text.count { value = value * 10 + Int64(text[at] & 0x0F) }
        return value <= 9_007_199_254_740_991 && !(isNegative && value == 0)
    }

    private func readResponse(
        _ members: Members,
        _ message: inout PassingMessage,
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender
    ) throws(Refusal) {
        let id = message.idRange
        guard members.result != nil || members.error != nil else {
            throw Refusal(.invalidRequest, .notJSONRPC, "the message has neither a method nor a result", id: id)
        }
        guard members.params == nil, members.result == nil || members.error == nil else {
            throw Refusal(.invalidRequest, .response, "the response has members that exclude each other", id: id)
        }
        guard sender == .server || revision.era == .legacy else {
            throw Refusal(.invalidRequest, .response, "revision \(revision) has no responses of clients", id: id)
        }
        guard message.id != nil || (sender == .server && members.error != nil) else {
            throw Refusal(.invalidRequest, .response, "the response has no id")
        }
        if let error = members.error {
            guard let code = outline.member("code", of: error, in: bytes), outline.kind(of: code) == .integer,
                let text = outline.member("message", of: error, in: bytes), outline.kind(of: text) == .string
            else { throw Refusal(.invalidRequest, .response, "the error has no code or no message", id: id) }
            message.kind = .error
            message.error = error
        } else if let result = members.result {
            guard outline.kind(of: result) == .object else {
                throw Refusal(.invalidRequest, .response, "the result is not an object", id: id)
            }
            message.kind = .result
            message.result = result
            message.meta = outline.member("_meta", of: result, in: bytes)
        }
    }

    private func readMethod(
        _ members: Members,
        _ message: inout PassingMessage,
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender
    ) throws(Refusal) {
        let id = message.idRange
        guard let method = members.method, members.result == nil, members.error == nil else {
            throw Refusal(.invalidRequest, .notJSONRPC, "the message is a request and a response at once", id: id)
        }
        guard outline.kind(of: method) == .string else {
            throw Refusal(.invalidRequest, .method, "the method is not a string", id: id)
        }
        message.kind = message.id == nil ? .notification : .request
        let entry = MethodCatalogue.entry(at: method, of: outline, in: bytes, as: revision, from: sender)
        if let entry {
            message.method = entry.method
            message.meaning = entry.meaning
            message.namedMember = entry.namedMember
            guard entry.isNotification == (message.kind == .notification) else {
                let sentence = entry.isNotification ? "a notification has no id" : "a request needs an id"
                throw Refusal(.invalidRequest, .id, sentence, id: id)
            }
        } else {
            message.method = try unlisted(method, bytes, id)
            guard !refusesUnknownMethods else {
                throw Self.unknownMethod(message, revision)
            }
        }
        guard let params = members.params else {
            guard message.namedMember == nil else {
                throw Refusal(.invalidParams, .params, "the request names nothing", id: id)
            }
            try readMeta(nil, &message, bytes, revision, sender)
            return
        }
        guard outline.kind(of: params) == .object else {
            throw Refusal(.invalidRequest, .params, "`params` is not an object", id: id)
        }
        message.params = params
        try readParams(params, &message, bytes, revision)
        try readMeta(message.meta, &message, bytes, revision, sender)
    }

    private func unlisted(
        _ method: JSON.Outline.Node,
        _ bytes: Span<UInt8>,
        _ id: Range<Int>?
    ) throws(Refusal) -> String {
        let isShort = outline.range(of: method).count <= nameLimit
        guard isShort, let text = outline.text(of: method, in: bytes), !text.isEmpty,
            text.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
        else { throw Refusal(.invalidRequest, .method, "the method is not a word of printable ascii", id: id) }
        return text
    }

    /// The refusal of a method that the revision does not have.
    ///
    /// A request of the older revisions gets it as its answer, since a 404 there would say that the session is gone.
    package static func unknownMethod(_ message: PassingMessage, _ revision: ProtocolRevision) -> Refusal {
        Refusal(
            .methodNotFound,
            .unknownMethod,
            "revision \(revision) has no such method",
            status: revision.era == .modern ? 404 : message.kind == .request ? 200 : 400,
            id: message.idRange
        )
    }
}
