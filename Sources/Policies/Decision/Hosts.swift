import Traffic

/// Hosts of identities, as rules compare them.
enum Hosts {
    /// Providers at whose domain anybody may have an address, so that the domain says nothing about the party.
    ///
    /// The names that RFC 2606 keeps for examples belong to nobody in the same way.
    static let shared: Set<String> = [
        "gmail.com", "googlemail.com", "hotmail.com", "outlook.com", "live.com", "msn.com", "yahoo.com", "ymail.com",
        "icloud.com", "me.com", "proton.me", "protonmail.com", "aol.com", "gmx.de", "gmx.net", "gmx.com", "web.de",
        "mail.com", "mail.ru", "yandex.ru", "yandex.com", "qq.com", "163.com", "126.com", "fastmail.com", "zoho.com",
        "tutanota.com", "example.com", "example.net", "example.org",
    ]

    /// The host of an address or page, or nil where the text hides one behind user information or an escape.
    static func host(of value: CanonicalValue) -> Substring? {
        let text = value.text
        let bytes = text.utf8
        let host: Substring
        switch value.valueClass {
        case .email:
            guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return nil }
            host = text[bytes.index(after: at)...]
        case .url:
            let end = bytes.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
            host = text[..<(end ?? bytes.endIndex)]
        default: return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else { return nil }
        return host
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        case UInt8(ascii: ":"), 0x80...0xFF: true
        default: false
        }
    }

    /// Whether the host is one of these domains or lies below one.
    static func isHost(_ host: Substring, in domains: Set<String>) -> Bool {
        if domains.isEmpty { return false }
        var rest = host
        if let port = rest.utf8.lastIndex(of: UInt8(ascii: ":")) {
            if domains.contains(String(rest)) { return true }
            rest = rest[..<port]
        }
        while !rest.isEmpty {
            if domains.contains(String(rest)) { return true }
            guard let dot = rest.utf8.firstIndex(of: UInt8(ascii: ".")) else { return false }
            rest = rest[rest.utf8.index(after: dot)...]
        }
        return false
    }

    static func isShared(_ host: Substring) -> Bool { isHost(host, in: shared) }

    /// Whether two hosts have the same last two labels.
    static func isSameSite(_ left: Substring, _ right: Substring) -> Bool {
        site(left).utf8.elementsEqual(site(right).utf8)
    }

    private static func site(_ host: Substring) -> Substring {
        let bytes = host.utf8
        guard let last = bytes.lastIndex(of: UInt8(ascii: ".")),
            let previous = bytes[..<last].lastIndex(of: UInt8(ascii: "."))
        else { return host }
        return host[bytes.index(after: previous)...]
    }
}
