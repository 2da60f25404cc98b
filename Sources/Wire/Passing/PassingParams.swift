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
        for (node, value) in outline.members(of: params) {
            let key = KeyProbe(node, of: outline, in: bytes)
            let expected: JSON.Outline.Kind?
            if let named = message.namedMember, key.isNamed(named, outline, bytes) {
                message.name = value
                expected = .string
            } else if takesArguments, key.isNamed("arguments", outline, bytes) {
                message.arguments = value
                expected = .object
            } else if key.isNamed("_meta", outline, bytes) {
                message.meta = value
                expected = .object
            } else if isClosed || message.meaning == .task, revision.era == .modern,
                key.isNamed("inputResponses", outline, bytes)
            {
                message.inputResponses = value
                expected = .object
            } else if isClosed, revision.era == .modern, key.isNamed("requestState", outline, bytes) {
                message.requestState = value
                expected = .string
            } else if message.meaning == .call, revision == .v2025_11_25, key.isNamed("task", outline, bytes) {
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
            for (node, value) in outline.members(of: meta) {
                let key = KeyProbe(node, of: outline, in: bytes)
                if key.isNamed(MetaKey.protocolVersion, outline, bytes) {
                    message.protocolVersion = value
                } else if key.isNamed("progressToken", outline, bytes) {
                    message.progressToken = value
                } else if key.isNamed("traceparent", outline, bytes) {
                    message.traceparent = value
                } else if key.isNamed(MetaKey.declaredTask, outline, bytes) {
                    message.declaredTask = value
                }
            }
        }
        let isVersionText = message.protocolVersion.map { outline.kind(of: $0) == .string } ?? true
        guard isVersionText, message.traceparent.map({ outline.kind(of: $0) == .string }) ?? true else {
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
