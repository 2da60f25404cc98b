import Traffic

/// The host and the domain behind an address or a page.
enum Party {
    static func host(of value: CanonicalValue) -> String? { value.host }

    static func domain(of value: CanonicalValue) -> String? { value.registeredDomain }

    /// Whether anybody may have an address or a page there, so that the domain says nothing about the party.
    static func isShared(_ domain: String) -> Bool {
        Domains.freeMail.contains(domain) || Domains.isPublicSuffix(domain)
    }
}
