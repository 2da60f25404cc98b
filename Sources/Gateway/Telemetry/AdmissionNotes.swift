import Core
import NIOCore
import Wire

extension Admission {
    /// Takes down what is known of a request before anything is decided.
    func observe() {
        let event = observation
        event.event.time = shared.now()
        event.event.mode = settings.configuration.mode
        event.event.bytesIn = head.bytes.count + request.body.readableBytes
        guard worker.observer.isWatched else { return }
        event.event.peer = request.peer
        event.event.verb = request.head.method.text
        event.event.trace = traceparent.flatMap(TraceContext.init)
        event.event.session = head.value(of: .session)
    }

    /// Takes down what the messages are, and what was decided about them.
    func observe(_ messages: [PassingMessage], _ judge: Judge, _ ruling: Judge.Ruling) {
        observation.note(messages, judge, ruling, takesArguments: worker.observer.takesArguments)
        observation.event.revision = judge.revision.rawValue
        // The era without sessions passes over the id.
        if judge.revision.era == .modern { observation.event.session = nil }
        guard worker.observer.isWatched, let node = messages.first?.traceparent,
            let text = worker.reader.outline.text(of: node, in: request.body.readableBytesUInt8Span),
            let trace = TraceContext(text)
        else { return }
        observation.event.trace = trace
    }

    /// The only `traceparent` of the head; two are none.
    private var traceparent: String? {
        guard head.has(.traceparent) else { return nil }
        let all = head.values(of: .traceparent)
        return all.count == 1 ? all[0] : nil
    }

    /// Sends the trace that the head names on to the server; the one in the body goes on with the body.
    func withTrace(_ passage: Passage) -> Passage {
        guard let parent = traceparent, TraceContext(parent) != nil else { return passage }
        var passage = passage
        passage.fields.append((FieldName.traceparent.text, parent))
        let state = head.values(of: .tracestate)
        // As long as the specification asks to carry at least, and of the characters that it permits.
        if state.count == 1, state[0].utf8.count <= 512, state[0].utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            passage.fields.append((FieldName.tracestate.text, state[0]))
        }
        return passage
    }
}

extension RequestHead.Method {
    fileprivate var text: String {
        switch self {
        case .post: "POST"
        case .get: "GET"
        case .delete: "DELETE"
        case .other: "OTHER"
        }
    }
}
