import Core

/// How the spans of a recording stand inside each other, and what follows from it for the calls among them.
///
/// An agent's `execute_tool` span holds the client's span, which holds the server's: three views of one call. The call is
/// the outermost; the others fill what it lacks. A call of the same tool from within the server is another call, and the
/// kinds of the spans tell the two cases apart.
struct OTLPNesting: Sendable {
    struct SpanID: Hashable, Sendable {
        var trace: String
        var span: String

        var isComplete: Bool { !trace.isEmpty && !span.isEmpty }
    }

    /// From where a span or a record sees a call.
    enum View: Sendable, Hashable {
        case inside, server, client, record

        /// `Span.SpanKind` of opentelemetry-proto, as a number or by name.
        init(kind: JSON.Value?) {
            switch (kind?.int, kind?.string) {
            case (2, _), (_, "SPAN_KIND_SERVER"): self = .server
            case (3, _), (_, "SPAN_KIND_CLIENT"): self = .client
            default: self = .inside
            }
        }

        /// Whether this, inside a span of the same tool seen from `outer`, shows the same call.
        func isPart(of outer: View) -> Bool {
            switch (self, outer) {
            case (.record, _), (.server, .client), (.server, .inside), (.client, .inside), (.inside, .server): true
            default: false
            }
        }
    }

    /// What an enclosing span tells of the calls inside it.
    struct Surroundings: Sendable {
        var agent: String?
        var conversation: String?
        var task: CallRecord.Task?

        var isEmpty: Bool { agent == nil && conversation == nil && task == nil }
    }

    private struct Entry: Sendable {
        var place: Int
        var span: SpanID
        var view: View
        var hasAgent: Bool
    }

    /// No honest trace is deeper; parents in hostile input may form a circle.
    private static let deepest = 1000

    private let limit: Int
    private var parents: [SpanID: String] = [:]
    private var surroundings: [SpanID: Surroundings] = [:]
    private var entries: [Entry] = []
    private var entryOf: [SpanID: Int] = [:]

    init(limit: Int) { self.limit = limit }

    mutating func add(_ id: SpanID, parent: String?) {
        guard id.isComplete, let parent, !parent.isEmpty, parents.count < limit else { return }
        parents[id] = parent
    }

    mutating func surround(_ around: Surroundings, at id: SpanID) {
        if id.isComplete, !around.isEmpty, surroundings.count < limit { surroundings[id] = around }
    }

    func holds(_ id: SpanID) -> Bool { entryOf[id] != nil }

    mutating func place(_ place: Int, at id: SpanID, _ view: View, hasAgent: Bool) {
        guard id.isComplete else { return }
        if view != .record { entryOf[id] = entries.count }
        entries.append(Entry(place: place, span: id, view: view, hasAgent: hasAgent))
    }

    /// Gives every call what surrounds it, and makes one call of several views.
    func settle(_ calls: inout DraftCalls) {
        var outer: [Int?] = []
        for entry in entries { outer.append(walk(entry, &calls)) }
        for index in entries.indices {
            var root = index
            var steps = 0
            while let next = outer[root], steps < Self.deepest {
                root = next
                steps += 1
            }
            guard root != index, outer[root] == nil else { continue }
            let inner = calls.drafts[entries[index].place]
            calls.drafts[entries[root].place].fill(from: inner)
            calls.merged.insert(entries[index].place)
            calls.note(.mergedSpans)
        }
    }

    /// Goes outward; returns the nearest entry that shows the same call.
    private func walk(_ entry: Entry, _ calls: inout DraftCalls) -> Int? {
        var next = entry.view == .record ? entry.span.span : parents[entry.span]
        var found: Int?
        var hasAgent = entry.hasAgent
        for _ in 0..<Self.deepest {
            guard let span = next else { break }
            let id = SpanID(trace: entry.span.trace, span: span)
            if found == nil, let index = entryOf[id], entries[index].place != entry.place,
                entry.view.isPart(of: entries[index].view),
                calls.drafts[entries[index].place].tool == calls.drafts[entry.place].tool
            {
                found = index
            }
            if let around = surroundings[id] {
                Self.apply(around, to: &calls.drafts[entry.place], &hasAgent)
            }
            next = parents[id]
        }
        return found
    }

    /// The nearest agent is the caller; its program's name is only a stand-in for it.
    private static func apply(_ around: Surroundings, to draft: inout CallDraft, _ hasAgent: inout Bool) {
        if let agent = around.agent, !hasAgent {
            hasAgent = true
            if (draft.principal?.kind ?? .unknown).strength < CallRecord.PrincipalKind.gateway.strength {
                draft.principal = CallRecord.Principal(id: agent, kind: .declared)
            }
        }
        draft.conversation = draft.conversation ?? around.conversation
        draft.task = draft.task ?? around.task
    }
}
