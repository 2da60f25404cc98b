package import Core
import Synchronization
package import Wire

/// The definitions of tools that people have reviewed, by digest; a tool that changed is withheld until they look again.
///
/// Where a server has no pins, what it lists first is remembered, so that a change after that is seen.
package final class PinnedDefinitions: Sendable {
    package enum Standing: Sendable, Hashable {
        case known(Digest)
        /// The server now defines the tool otherwise.
        case changed
        /// The server's tools are pinned, and this is none of them.
        case unpinned
        /// Nothing is known of the server's tools.
        case unlisted
    }

    private struct Server: Sendable {
        var isPinned: Bool
        var tools: [String: Digest]
        var changed: Set<String> = []
        /// Which arguments a tool's schema wants mirrored into headers.
        var marks: [String: [HeaderMark]] = [:]
    }

    /// Marks by server and tool; tools without any are left out.
    package typealias Marks = [String: [String: [HeaderMark]]]

    private let servers: Mutex<[String: Server]>
    private let store: (any MarkStore)?
    private let disk = DiskQueue()
    private let isSaving = Atomic<Bool>(false)

    /// - Parameters:
    ///   - pins: The reviewed definitions, by server and tool, as they were listed.
    ///   - store: Where the marks of the lists that passed are kept: what a header must say is then known from the first
    ///     call after a restart, before a list has passed.
    package init(pins: [String: [String: JSON.Object]] = [:], store: (any MarkStore)? = nil) {
        self.store = store
        var known = (store?.load() ?? [:]).mapValues { Server(isPinned: false, tools: [:], marks: $0) }
        for (server, tools) in pins {
            known[server] = Server(
                isPinned: true,
                tools: tools.mapValues(ToolDefinition.digest(of:)),
                marks: tools.compactMapValues { HeaderMark.marks(of: $0["inputSchema"] ?? .null) }
            )
        }
        servers = Mutex(known)
    }

    /// Returns when what is to be kept is on disk.
    package func finish() async { await disk.finish() }

    private func keep() {
        guard let store, !isSaving.exchange(true, ordering: .acquiring) else { return }
        disk.run { [self] in
            isSaving.store(false, ordering: .releasing)
            let marks = servers.withLock { servers in
                servers.mapValues { $0.marks.filter { !$0.value.isEmpty } }.filter { !$0.value.isEmpty }
            }
            // Where that fails a restart knows less, and headers are held to the first list that passes.
            _ = store.save(marks)
        }
    }

    func standing(of tool: String, server: String) -> Standing {
        servers.withLock { servers in
            guard let known = servers[server] else { return .unlisted }
            if known.changed.contains(tool) { return .changed }
            if let digest = known.tools[tool] { return .known(digest) }
            return known.isPinned ? .unpinned : .unlisted
        }
    }

    func isPinned(server: String) -> Bool { servers.withLock { $0[server]?.isPinned ?? false } }

    /// Takes in what a server lists, and says whether the tool may be shown.
    func see(_ tool: String, _ digest: Digest, _ body: JSON.Object, server: String) -> Bool {
        // A definition whose marks nobody can verify is left out of lists (2026-07-28).
        guard let marks = HeaderMark.marks(of: body["inputSchema"] ?? .null) else { return false }
        let (isShown, isNews) = servers.withLock { servers -> (Bool, Bool) in
            var known = servers[server] ?? Server(isPinned: false, tools: [:])
            defer { servers[server] = known }
            if let pinned = known.tools[tool] {
                guard pinned == digest else {
                    known.changed.insert(tool)
                    return (false, false)
                }
            } else {
                if known.isPinned { return (false, false) }
                known.tools[tool] = digest
            }
            let isNews = known.marks[tool] ?? [] != marks
            known.marks[tool] = marks
            return (!known.changed.contains(tool), isNews)
        }
        if isNews { keep() }
        return isShown
    }

    /// The arguments that a tool wants mirrored into headers.
    func marks(of tool: String, server: String) -> [HeaderMark] {
        servers.withLock { $0[server]?.marks[tool] ?? [] }
    }

    /// The definitions that are in force and those that changed.
    package var changed: [(server: String, tool: String)] {
        servers.withLock { servers in
            servers.flatMap { server, known in known.changed.map { (server, $0) } }.sorted { $0 < $1 }
        }
    }
}

/// Where it is kept which arguments tools want mirrored into headers.
package protocol MarkStore: Sendable {
    /// What was saved, or nothing where it is not as it was saved.
    func load() -> PinnedDefinitions.Marks
    func save(_ marks: PinnedDefinitions.Marks) -> Bool
}
