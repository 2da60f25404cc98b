import Core

/// Every method of every published revision: who may send it, when, and what it asks for.
///
/// The methods of 2025-11-25 and 2026-07-28 are those of their schemas (`schema/*/schema.json` of the specification's
/// repository) and of the extension `io.modelcontextprotocol/tasks`; what the three older revisions lack has not been
/// checked against theirs yet. What is not listed here is unknown, and a gateway refuses it: a server may know methods
/// that no policy has a word for.
package enum MethodCatalogue {
    package enum Sender: Sendable, Hashable {
        case client, server
    }

    /// What a method asks for, as far as a decision needs to know.
    package enum Meaning: Sendable, Hashable {
        /// `tools/call`.
        case call
        /// `prompts/get`.
        case getPrompt
        /// `resources/read`.
        case readResource
        case list(ListKind)
        /// Opens, keeps or describes a conversation, or sets how much of it is logged.
        case lifecycle
        case subscribe
        case complete
        case task
        case notification
        /// What a server asks of a client: sampling, elicitation, roots.
        case serverRequest
        case unknown
    }

    package struct Entry: Sendable, Hashable {
        package let method: String
        package let meaning: Meaning
        package let isNotification: Bool
        /// The member of `params` that names what is used: `name`, `uri` or `taskId`.
        package let namedMember: String?
        let senders: Set<Sender>
        let revisions: ClosedRange<ProtocolRevision>
        let length: Int

        fileprivate init(
            _ method: String,
            _ meaning: Meaning,
            from senders: Set<Sender> = [.client],
            _ revisions: ClosedRange<ProtocolRevision> = MethodCatalogue.all,
            naming member: String? = nil
        ) {
            self.method = method
            self.meaning = meaning
            self.senders = senders
            self.revisions = revisions
            isNotification = meaning == .notification
            namedMember = member
            length = method.utf8.count
        }

        func isSpoken(by sender: Sender, in revision: ProtocolRevision) -> Bool {
            senders.contains(sender) && revisions.contains(revision)
        }
    }

    private static let all = ProtocolRevision.v2024_11_05...ProtocolRevision.v2026_07_28
    private static let legacy = ProtocolRevision.v2024_11_05...ProtocolRevision.v2025_11_25
    private static let modern = ProtocolRevision.v2026_07_28...ProtocolRevision.v2026_07_28
    private static let coreTasks = ProtocolRevision.v2025_11_25...ProtocolRevision.v2025_11_25
    private static let tasks = ProtocolRevision.v2025_11_25...ProtocolRevision.v2026_07_28

    /// Commonest first, as the table is searched from its beginning.
    ///
    /// A method that is spoken differently by the two sides stands twice.
    package static let entries: [Entry] = [
        Entry("tools/call", .call, naming: "name"),
        Entry("tools/list", .list(.tools)),
        Entry("notifications/progress", .notification, from: [.client, .server], legacy),
        Entry("notifications/progress", .notification, from: [.server], modern),
        Entry("notifications/message", .notification, from: [.server]),
        Entry("notifications/cancelled", .notification, from: [.client, .server]),
        Entry("resources/read", .readResource, naming: "uri"),
        Entry("prompts/get", .getPrompt, naming: "name"),
        Entry("prompts/list", .list(.prompts)),
        Entry("resources/list", .list(.resources)),
        Entry("resources/templates/list", .list(.resourceTemplates)),
        Entry("completion/complete", .complete),
        Entry("ping", .lifecycle, from: [.client, .server], legacy),
        Entry("initialize", .lifecycle, legacy),
        Entry("notifications/initialized", .notification, legacy),
        Entry("server/discover", .lifecycle, modern),
        Entry("logging/setLevel", .lifecycle, legacy),
        Entry("resources/subscribe", .subscribe, legacy, naming: "uri"),
        Entry("resources/unsubscribe", .subscribe, legacy, naming: "uri"),
        Entry("subscriptions/listen", .subscribe, modern),
        Entry("tasks/get", .task, tasks, naming: "taskId"),
        Entry("tasks/get", .task, from: [.server], coreTasks, naming: "taskId"),
        Entry("tasks/cancel", .task, tasks, naming: "taskId"),
        Entry("tasks/cancel", .task, from: [.server], coreTasks, naming: "taskId"),
        Entry("tasks/result", .task, from: [.client, .server], coreTasks, naming: "taskId"),
        Entry("tasks/list", .task, from: [.client, .server], coreTasks),
        Entry("tasks/update", .task, modern, naming: "taskId"),
        Entry("sampling/createMessage", .serverRequest, from: [.server], legacy),
        Entry("roots/list", .serverRequest, from: [.server], legacy),
        Entry("elicitation/create", .serverRequest, from: [.server], .v2025_06_18 ... .v2025_11_25),
        Entry("notifications/roots/list_changed", .notification, legacy),
        Entry("notifications/resources/list_changed", .notification, from: [.server]),
        Entry("notifications/resources/updated", .notification, from: [.server]),
        Entry("notifications/prompts/list_changed", .notification, from: [.server]),
        Entry("notifications/tools/list_changed", .notification, from: [.server]),
        Entry("notifications/tasks/status", .notification, from: [.client, .server], coreTasks),
        Entry("notifications/tasks/status", .notification, from: [.server], modern),
        Entry("notifications/tasks", .notification, from: [.server], modern),
        Entry("notifications/elicitation/complete", .notification, from: [.server], coreTasks),
        Entry("notifications/subscriptions/acknowledged", .notification, from: [.server], modern),
    ]

    /// Every method of any revision.
    package static let methods = Set(entries.map(\.method))

    /// The entry of a method as this side sends it in this revision.
    package static func entry(
        of method: String,
        as revision: ProtocolRevision,
        from sender: Sender
    ) -> Entry? {
        entries.first { $0.method == method && $0.isSpoken(by: sender, in: revision) }
    }

    /// The same for a method that stands in scanned bytes; nothing is allocated.
    static func entry(
        at node: JSON.Outline.Node,
        of outline: borrowing JSON.Outline,
        in bytes: Span<UInt8>,
        as revision: ProtocolRevision,
        from sender: Sender
    ) -> Entry? {
        let length = outline.range(of: node).count - 2
        for entry in entries {
            // With escapes the text is longer than what it stands for, so only shorter ones are certainly others.
            guard length >= entry.length, outline.isText(node, entry.method, in: bytes) else { continue }
            if entry.isSpoken(by: sender, in: revision) { return entry }
        }
        return nil
    }
}
