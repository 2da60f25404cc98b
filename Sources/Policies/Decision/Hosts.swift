import Traffic

/// Hosts of identities, as rules compare them.
enum Hosts {
    /// The host of an address or page of the web, or nil where it cannot be told or hides behind a user's name.
    ///
    /// A canonical address keeps any scheme but the web's: who may visit a site may not read a file that names it.
    static func host(of value: CanonicalValue) -> String? {
        value.valueClass == .url && value.text.contains("://") && !value.isOfTheWeb ? nil : named(by: value)
    }

    /// The host that an address of any scheme names.
    static func named(by value: CanonicalValue) -> String? { value.hasUserInformation ? nil : value.host }

    /// Whether the host is one of these domains or lies below one.
    static func isHost(_ host: String, in domains: Set<String>) -> Bool {
        if domains.isEmpty { return false }
        if domains.contains(host) { return true }
        var rest = host[...]
        while let dot = rest.utf8.firstIndex(of: UInt8(ascii: ".")) {
            rest = rest[rest.utf8.index(after: dot)...]
            if domains.contains(String(rest)) { return true }
        }
        return false
    }

    /// Whether anybody can have an address there, so that the domain says nothing about the party.
    static func isShared(_ host: String) -> Bool { isHost(host, in: Domains.freeMail) }

    static func isSameSite(_ left: String, _ right: String) -> Bool {
        let site = Domains.registered(left)
        return !Domains.isPublicSuffix(site) && site == Domains.registered(right)
    }
}
