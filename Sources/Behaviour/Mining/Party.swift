import Traffic

/// The host and the domain behind an address or a page.
enum Party {
    static func host(of value: CanonicalValue) -> String? {
        switch value.valueClass {
        case .email: value.text.lastIndex(of: "@").map { String(value.text[value.text.index(after: $0)...]) }
        case .url: String(value.text.prefix { $0 != "/" && $0 != "?" })
        default: nil
        }
    }

    static func domain(of value: CanonicalValue) -> String? {
        host(of: value).map { $0.split(separator: ".").suffix(2).joined(separator: ".") }
    }

    /// Whether anybody may have an address there.
    static func isShared(_ domain: String) -> Bool {
        ["gmail.com", "outlook.com", "example.com"].contains(domain)
    }
}
