/// Hosts, and the domain under which somebody can register names.
///
/// The list of suffixes is a part of publicsuffix.org's: the second levels under which countries register, and hosting
/// where every customer gets a name. A suffix that is missing makes a domain wider than it is, so a rule for a whole
/// domain should have other support than the name alone.
package enum Domains {
    /// Domains where anybody has an address, and those that RFC 2606 reserves for examples: they name nobody.
    package static let freeMail: Set<String> = [
        "gmail.com", "googlemail.com", "hotmail.com", "outlook.com", "live.com", "msn.com", "yahoo.com", "ymail.com",
        "icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.io", "aol.com",
        "gmx.de", "gmx.net", "gmx.com", "gmx.ch", "gmx.at", "web.de", "mail.com", "mail.ru", "yandex.ru", "yandex.com",
        "qq.com", "163.com", "126.com", "sina.com", "zoho.com", "fastmail.com", "hey.com", "duck.com", "t-online.de",
        "freenet.de", "bluewin.ch", "orange.fr", "free.fr", "laposte.net", "libero.it", "wp.pl", "o2.pl", "seznam.cz",
        "rediffmail.com", "naver.com", "daum.net", "hanmail.net", "mailinator.com", "guerrillamail.com",
        "example.com", "example.org", "example.net",
    ]

    /// The registrable part of a host: `a.b.example.co.uk` is `example.co.uk`; an address of numbers is whole.
    package static func registered(_ host: String) -> String {
        let labels = host.split(separator: ".", omittingEmptySubsequences: true)
        guard labels.count > 2, !isNumeric(host) else { return host }
        for length in stride(from: min(3, labels.count - 1), through: 2, by: -1) {
            let suffix = labels.suffix(length).joined(separator: ".")
            if suffixes.contains(suffix) { return labels.suffix(length + 1).joined(separator: ".") }
        }
        return labels.suffix(2).joined(separator: ".")
    }

    /// Whether anybody can have a name directly below.
    package static func isPublicSuffix(_ host: String) -> Bool { suffixes.contains(host) || !host.contains(".") }

    private static func isNumeric(_ host: String) -> Bool {
        host.hasPrefix("[")
            || host.utf8.allSatisfy { ASCII.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
    }

    /// Endings that are taken for a host wherever they stand.
    static let topLevel: Set<String> = [
        "com", "org", "net", "io", "edu", "gov", "mil", "int", "dev", "app", "ai", "co", "info", "biz", "de", "uk",
        "ch",
        "eu", "me", "xyz", "site", "online", "shop", "fr", "nl", "es", "se", "dk", "fi", "pt", "cz", "gr", "hu", "ie",
        "ru", "ua", "cn", "jp", "kr", "tw", "hk", "sg", "au", "nz", "br", "mx", "ar", "cl", "ca", "us", "za", "ng",
        "ke",
        "ir", "il", "tr", "ae", "sa", "pk", "th", "vn", "ph", "tk", "ml", "ga", "cf", "gq", "cc", "tv", "ws", "su",
        "top", "club", "website", "space", "store", "tech", "live", "cloud", "link", "click", "blog", "page", "icu",
        "wiki", "fun", "monster", "buzz", "vip", "work", "agency", "email", "network", "systems", "solutions",
        "digital",
        "media", "company", "finance", "bank", "capital", "ventures", "group", "team", "today", "world", "global",
        "life",
        "news", "support", "help", "chat", "onion", "arpa", "mobi", "pro", "name", "aero", "museum", "travel", "jobs",
    ]

    /// Endings that are also words or endings of files: a host only where a path follows.
    static let ambiguousTopLevel: Set<String> = [
        "at", "be", "it", "is", "in", "to", "no", "so", "am", "my", "id", "la", "by", "do", "ms", "sh", "rs", "py",
        "pl",
        "md", "ps", "st", "gg", "ly", "fm", "im", "lu", "li", "sk", "si", "ro", "bg", "hr", "lt", "lv", "ee", "zip",
        "mov",
        "pe", "ve", "ec", "uy", "vc", "gl", "gd", "sx", "pw", "nu", "cat", "app", "run", "new", "how", "rocks", "ninja",
    ]

    private static let suffixes: Set<String> = {
        var all: Set<String> = [
            "github.io", "gitlab.io", "gitbook.io", "readthedocs.io", "herokuapp.com", "vercel.app", "netlify.app",
            "netlify.com", "pages.dev", "workers.dev", "r2.dev", "web.app", "firebaseapp.com", "appspot.com", "run.app",
            "azurewebsites.net", "azurestaticapps.net", "cloudapp.net", "windows.net", "core.windows.net",
            "blob.core.windows.net", "amazonaws.com", "s3.amazonaws.com", "elasticbeanstalk.com", "cloudfront.net",
            "awsapprunner.com", "blogspot.com", "wordpress.com", "weebly.com", "wixsite.com", "webflow.io", "glitch.me",
            "repl.co", "replit.app", "replit.dev", "onrender.com", "fly.dev", "railway.app", "surge.sh", "ngrok.io",
            "ngrok.app", "ngrok-free.app", "ngrok-free.dev", "trycloudflare.com", "loca.lt", "deno.dev", "hf.space",
            "streamlit.app", "gradio.live", "sharepoint.com", "myshopify.com", "translate.goog", "duckdns.org",
            "no-ip.org", "dyndns.org", "supabase.co", "oastify.com", "interact.sh", "requestbin.net", "pipedream.net",
        ]
        let second = ["co", "com", "net", "org", "gov", "edu", "ac", "gob", "go", "ne", "or", "nom", "ltd", "plc"]
        let countries = [
            "uk", "au", "jp", "nz", "br", "in", "za", "mx", "cn", "tr", "sg", "hk", "kr", "tw", "ar", "id", "il", "th",
            "my",
            "ph", "vn", "pk", "ng", "ke", "eg", "sa", "ae", "ua", "ru", "pl", "gr", "pt", "es", "pe", "ve", "uy", "ec",
        ]
        for country in countries { for level in second { all.insert("\(level).\(country)") } }
        return all
    }()
}

extension CanonicalValue {
    /// The host of an address or the part of a mail address after the `@`, in lower case.
    ///
    /// Nil where there is none, and where programs disagree about which one it is: a backslash, a percent sign or
    /// two `@` before the path.
    package var host: String? {
        switch valueClass {
        case .email:
            // In bytes where bytes are characters, since finding out what belongs to a character takes long.
            let isASCII = TextFolding.isASCII(text)
            guard let at = isASCII ? text.utf8.lastIndex(of: UInt8(ascii: "@")) : text.lastIndex(of: "@") else {
                return nil
            }
            let domain = text[at...].dropFirst()
            return domain.isEmpty ? nil : String(domain)
        case .url:
            var rest = Substring(text)
            if let scheme = WebAddress.schemeEnd(Array(text.utf8)[...]) {
                rest = text.utf8.dropFirst(scheme + 3).asText
            }
            var authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            guard !authority.contains(where: { $0 == "\\" || $0 == "%" || $0.isWhitespace }) else { return nil }
            if let at = authority.firstIndex(of: "@") {
                authority = authority[authority.index(after: at)...]
                guard !authority.contains("@") else { return nil }
            }
            if !authority.hasPrefix("["), let colon = authority.firstIndex(of: ":") { authority = authority[..<colon] }
            return authority.isEmpty ? nil : String(authority)
        default: return nil
        }
    }

    /// The domain that somebody registered for the host.
    package var registeredDomain: String? { host.map(Domains.registered) }

    /// Whether an address begins with its host: any scheme but those of the web stays in front of it.
    package var isOfTheWeb: Bool {
        valueClass == .url && WebAddress.schemeEnd(Array(text.utf8.prefix(40))[...]) == nil
    }

    /// Whether an address names a user before its host, which is what imitations of hosts look like.
    package var hasUserInformation: Bool {
        guard valueClass == .url else { return false }
        var rest = Substring(text)
        if let scheme = WebAddress.schemeEnd(Array(text.utf8)[...]) { rest = text.utf8.dropFirst(scheme + 3).asText }
        return rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.contains("@")
    }
}

extension Substring.UTF8View {
    fileprivate var asText: Substring { Substring(self) }
}
