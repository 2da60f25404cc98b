package import Core

/// A published revision of the Model Context Protocol; the set is closed, because each one is spoken differently.
///
/// The facts are those of the specification's own pages and change logs
/// (https://modelcontextprotocol.io/specification). A date that is not listed here is not guessed at: it stays text.
package enum ProtocolRevision: String, Sendable, Hashable, CaseIterable, Comparable, CustomStringConvertible {
    case v2024_11_05 = "2024-11-05"
    case v2025_03_26 = "2025-03-26"
    case v2025_06_18 = "2025-06-18"
    case v2025_11_25 = "2025-11-25"
    case v2026_07_28 = "2026-07-28"

    /// The two ways in which a conversation opens.
    package enum Era: String, Sendable, Hashable {
        /// `initialize` opens a session, which fixes the revision.
        case legacy
        /// Each request states its revision and the client's capabilities in `_meta`.
        case modern
    }

    package static let latest: ProtocolRevision = .v2026_07_28
    package static let latestLegacy: ProtocolRevision = .v2025_11_25
    /// Newest first, as a client offers them.
    package static let legacy: [ProtocolRevision] = allCases.filter { $0.era == .legacy }.reversed()
    package static let modern: [ProtocolRevision] = allCases.filter { $0.era == .modern }.reversed()

    package var era: Era { self >= .v2026_07_28 ? .modern : .legacy }

    package var description: String { rawValue }

    /// What a client sends first to learn what the server is.
    package var openingMethod: String { era == .modern ? "server/discover" : "initialize" }

    /// Whether a server may tie requests together by `Mcp-Session-Id`.
    package var hasSessions: Bool { self >= .v2025_03_26 && era == .legacy }

    /// Whether one HTTP body may hold an array of JSON-RPC messages; 2025-06-18 took that back.
    package var allowsBatches: Bool { self == .v2025_03_26 }

    /// Whether every result carries `resultType`.
    package var requiresResultType: Bool { era == .modern }

    /// The transports that the revision defines.
    package var transports: Set<Transport> {
        switch self {
        case .v2024_11_05: [.stdio, .legacySSE]
        case .v2025_03_26, .v2025_06_18, .v2025_11_25, .v2026_07_28: [.stdio, .streamableHTTP]
        }
    }

    /// The headers without which an HTTP request of this revision is refused, session ids apart.
    ///
    /// `Mcp-Name` is required where the method names something; see `MCPHeader.namedMember`.
    package var requiredHeaders: [String] {
        switch self {
        case .v2024_11_05, .v2025_03_26: []
        case .v2025_06_18, .v2025_11_25: [MCPHeader.protocolVersion]
        case .v2026_07_28: [MCPHeader.protocolVersion, MCPHeader.method, MCPHeader.name]
        }
    }

    /// Whether the server says where to get a token (RFC 9728).
    package var usesProtectedResourceMetadata: Bool { self >= .v2025_06_18 }

    package static func < (left: ProtocolRevision, right: ProtocolRevision) -> Bool {
        left.rawValue < right.rawValue
    }
}
