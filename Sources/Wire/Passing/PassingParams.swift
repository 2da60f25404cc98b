import Core

extension PassingReader {
    func readParams(
        _ params: JSON.Outline.Node,
        _ message: inout PassingMessage,
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision
    ) throws(Refusal) {
        let id = message.idRange
        let isClosed =
            switch message.meaning {
            case .call, .getPrompt, .readResource: true
            default: false
            }
        let takesArguments = message.meaning == .call || message.meaning == .getPrompt
        for (key, value) in outline.members(of: params) {
            let expected: JSON.Outline.Kind?
            if let named = message.namedMember, outline.isText(key, named, in: bytes) {
                message.name = value
                expected = .string
            } else if takesArguments, outline.isText(key, "arguments", in: bytes) {
                message.arguments = value
                expected = .object
            } else if outline.isText(key, "_meta", in: bytes) {
                message.meta = value
                expected = .object
            } else if isClosed || message.meaning == .task, revision.era == .modern,
                outline.isText(key, "inputResponses", in: bytes)
            {
                message.inputResponses = value
                expected = .object
            } else if isClosed, revision.era == .modern, outline.isText(key, "requestState", in: bytes) {
                message.requestState = value
                expected = .string
            } else if message.meaning == .call, revision == .v2025_11_25, outline.isText(key, "task", in: bytes) {
                message.taskAugmentation = value
                expected = .object
            } else {
                expected = nil
                // A parameter that no policy knows may still mean something to the server.
                guard !isClosed else {
                    throw Refusal(
                        .invalidParams,
                        .params,
                        "`params` has a member that the method does not have",
                        id: id
                    )
                }
            }
            if let expected, outline.kind(of: value) != expected {
                throw Refusal(.invalidParams, .params, "a member of `params` is of the wrong kind", id: id)
            }
        }
        guard message.namedMember != nil else { return }
        guard let name = message.name, 3...nameLimit + 2 ~= outline.range(of: name).count else {
            throw Refusal(
                .invalidParams,
                .params,
                "the name of what is asked for is missing, empty or too long",
                id: id
            )
        }
    }

    func readMeta(
        _ meta: JSON.Outline.Node?,
        _ message: inout PassingMessage,
        _ bytes: Span<UInt8>,
        _ revision: ProtocolRevision,
        _ sender: MethodCatalogue.Sender
    ) throws(Refusal) {
        let id = message.idRange
        if let meta {
            for (key, value) in outline.members(of: meta) {
                if outline.isText(key, MetaKey.protocolVersion, in: bytes) {
                    message.protocolVersion = value
                } else if outline.isText(key, "progressToken", in: bytes) {
                    message.progressToken = value
                } else if outline.isText(key, "traceparent", in: bytes) {
                    message.traceparent = value
                } else if outline.isText(key, MetaKey.declaredTask, in: bytes) {
                    message.declaredTask = value
                }
            }
        }
        for case let node? in [message.protocolVersion, message.traceparent] where outline.kind(of: node) != .string {
            throw Refusal(.invalidParams, .params, "a member of `_meta` is not a string", id: id)
        }
        if let token = message.progressToken, outline.kind(of: token) != .string, outline.kind(of: token) != .integer {
            throw Refusal(.invalidParams, .params, "`progressToken` is neither a string nor a whole number", id: id)
        }
        guard
            revision.era == .legacy || sender == .server || message.kind != .request
                || message.protocolVersion != nil
        else {
            throw Refusal(.invalidParams, .version, "`_meta` does not name the revision", id: id)
        }
    }
}

extension MetaKey {
    /// Under which task a caller says it works, as a name or signed.
    package static let declaredTask = "dev.lockstep/task"
}
