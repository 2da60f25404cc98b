package import Core
import Synchronization
import Wire

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

    private let servers: Mutex<[String: Server]>

    /// - Parameter pins: The reviewed definitions, by server and tool, as they were listed.
    package init(pins: [String: [String: JSON.Object]] = [:]) {
        servers = Mutex(
            pins.mapValues { tools in
                Server(
                    isPinned: true,
                    tools: tools.mapValues(ToolDefinition.digest(of:)),
                    marks: tools.compactMapValues { HeaderMark.marks(of: $0["inputSchema"] ?? .null) }
                )
            }
        )
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
        return servers.withLock { servers in
            var known = servers[server] ?? Server(isPinned: false, tools: [:])
            defer { servers[server] = known }
            if let pinned = known.tools[tool] {
                if pinned == digest {
                    known.marks[tool] = marks
                    return !known.changed.contains(tool)
                }
                known.changed.insert(tool)
                return false
            }
            if known.isPinned { return false }
            known.tools[tool] = digest
            known.marks[tool] = marks
            return true
        }
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
