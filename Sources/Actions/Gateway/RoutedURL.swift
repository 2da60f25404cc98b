package import Gateway

extension GatewayConfiguration.Endpoint {
    /// Reads an address and a port, as `127.0.0.1:8800` or `[::1]:0`.
    package init?(_ text: String) {
        guard let url = RoutedURL("http://" + text), url.path.isEmpty, let port = url.port else { return nil }
        self.init(host: url.host, port: port)
    }
}

/// A URL as far as a route needs it: no user, no query, no fragment.
struct RoutedURL {
    let isTLS: Bool
    let host: String
    let port: Int?
    let path: String

    init?(_ text: String) {
        let isTLS = text.hasPrefix("https://")
        guard isTLS || text.hasPrefix("http://") else { return nil }
        let rest = text.dropFirst(isTLS ? 8 : 7)
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !rest.contains("@"), !rest.contains("#") else {
            return nil
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        var port: Int?
        if let colon = authority.lastIndex(of: ":"), authority.last != "]" {
            guard let number = Int(authority[authority.index(after: colon)...]), (0...65_535).contains(number) else {
                return nil
            }
            port = number
            authority = authority[..<colon]
        }
        if authority.hasPrefix("["), authority.hasSuffix("]") { authority = authority.dropFirst().dropLast() }
        guard !authority.isEmpty else { return nil }
        self.isTLS = isTLS
        self.port = port
        host = String(authority)
        path = String(rest[slash...])
    }
}
