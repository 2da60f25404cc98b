/// The address to POST to that a server of the 2024-11-05 HTTP+SSE transport names in its first event.
///
/// Only an address of the same origin is followed: anything else would let a server make its reader call a third one,
/// with the reader's place in the network (2024-11-05, "Transports"; the SDKs refuse it likewise).
package struct LegacyEndpoint: Sendable, Hashable {
    /// An absolute path with its query, never empty.
    package let path: String

    /// Resolves the data of an `endpoint` event.
    ///
    /// - Parameters:
    ///   - data: what the server sent.
    ///   - origin: `scheme://host:port` of the stream, with the port written out.
    ///   - streamPath: the path of the stream, against which a relative address is resolved.
    package init?(_ data: String, origin: String, streamPath: String) {
        guard !data.isEmpty, data.utf8.count <= 4_096, data.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !data.contains("#"), !data.contains("\\")
        else { return nil }
        if data.hasPrefix("//") { return nil }
        if data.hasPrefix("/") {
            path = data
            return
        }
        let base = String(streamPath.prefix { $0 != "?" })
        if data.hasPrefix("?") {
            path = (base.isEmpty ? "/" : base) + data
            return
        }
        if let separator = data.firstRange(of: "://") {
            let rest = data[separator.upperBound...]
            let authority = rest.prefix { $0 != "/" && $0 != "?" }
            let given = Self.origin(scheme: String(data[..<separator.lowerBound]), authority: String(authority))
            guard let given, given == origin.lowercased() else { return nil }
            let tail = rest.dropFirst(authority.count)
            path = tail.hasPrefix("/") ? String(tail) : "/" + tail
            return
        }
        // `mailto:x` and the like; a colon is fine once the path or the query has begun.
        guard !data.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") else { return nil }
        path = String(base[..<(base.lastIndex(of: "/") ?? base.startIndex)]) + "/" + data
    }

    private static func origin(scheme: String, authority: String) -> String? {
        let scheme = scheme.lowercased()
        let port: String
        switch scheme {
        case "http": port = "80"
        case "https": port = "443"
        default: return nil
        }
        guard !authority.contains("@"), !authority.isEmpty else { return nil }
        let tail = authority.drop { $0 != "]" }
        let hasPort = (tail.isEmpty ? authority[...] : tail).contains(":")
        return "\(scheme)://\(authority.lowercased())" + (hasPort ? "" : ":" + port)
    }
}
