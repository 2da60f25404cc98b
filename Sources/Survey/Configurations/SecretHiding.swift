import Core
import Inspection

/// Takes the secrets out of one server's declaration and keeps a reference to each.
///
/// In doubt a value is hidden: a wrongly hidden word costs a reader a guess, a shown key costs a new key. What comes out
/// of here may be stored, printed and exported.
struct SecretHiding {
    static let mark = "<redacted>"

    /// Makes the keyed digest of a secret; an empty text where no key is at hand.
    let digest: (String) -> String
    private(set) var references: [SecretReference] = []
    /// Names of those that stand in the clear and are no placeholder.
    private(set) var inClear: [String] = []
    /// Whether any value may be a secret, told by its name or not.
    private(set) var holdsSecrets = false

    init(digest: @escaping (String) -> String) {
        self.digest = digest
    }

    /// Notes a named value without showing it.
    ///
    /// Where a file only points to a secret, or the value can be none, the reference has no digest.
    mutating func note(_ name: String, value: String, isCredential: Bool) {
        let name = Credentials.redact(name)
        guard !SecretNames.isReference(value) else {
            references.append(SecretReference(name: name, digest: ""))
            return
        }
        references.append(SecretReference(name: name, digest: digest(value)))
        guard !SecretNames.isPlaceholder(value), !isPartlyReference(value) else { return }
        holdsSecrets = true
        if isCredential { inClear.append(name) }
    }

    /// Notes that a harmless setting is there.
    mutating func noteHarmless(_ name: String) {
        references.append(SecretReference(name: Credentials.redact(name), digest: ""))
    }

    /// An environment variable: every value is a secret unless it plainly is none.
    mutating func noteEnvironment(_ name: String, value: String, prefix: String = "env:") {
        if SecretNames.isHarmless(name: name, value: value) {
            noteHarmless(prefix + name)
        } else {
            let isCredential = SecretNames.nameSecret(name) || !Credentials.find(in: value).isEmpty
            note(prefix + name, value: value, isCredential: isCredential)
        }
    }

    /// A header of a request; the word before a token (`Bearer`) is no part of the secret.
    mutating func noteHeader(_ name: String, value: String, prefix: String = "header:") {
        let lower = name.lowercased()
        if ["content-type", "accept", "accept-language", "user-agent", "mcp-protocol-version"].contains(lower),
            Credentials.find(in: value, includingRandom: true).isEmpty
        {
            noteHarmless(prefix + name)
            return
        }
        var value = value.trimmingWhiteSpace()
        for scheme in ["bearer ", "basic ", "token ", "apikey "] where value.lowercased().hasPrefix(scheme) {
            value = String(value.dropFirst(scheme.count)).trimmingWhiteSpace()
        }
        let isCredential =
            SecretNames.suggestSecret(name) || !Credentials.find(in: value, includingRandom: true).isEmpty
        note(prefix + name, value: value, isCredential: isCredential)
    }

    /// A URL without user, query and fragment, and with random parts of its path replaced.
    ///
    /// Some hosted servers are addressed by a secret path; the replaced part then ends in the beginning of its keyed
    /// digest, so that two such addresses stay two. Nil where the text is no URL of a server.
    mutating func address(_ text: String) -> CanonicalKey.Address? {
        guard var address = CanonicalKey.address(text) else { return nil }
        noteURLSecrets(text)
        var segments = address.path.split(separator: "/").map(String.init)
        for index in segments.indices where isSecret(segments[index]) {
            let value = digest(segments[index])
            note("path", value: segments[index], isCredential: true)
            segments[index] = value.isEmpty ? "redacted" : "redacted-\(value.suffix(12))"
        }
        address.path = "/" + segments.joined(separator: "/")
        if isSecret(address.host.split(separator: ".").first.map(String.init) ?? "") {
            // A host name is public in every name look-up, yet a random one may be all that guards a tunnel.
            noteHarmless("host")
        }
        return address
    }

    /// Whether a word has the form of a credential, or is random.
    private func isSecret(_ word: String) -> Bool {
        !Credentials.find(in: word, includingRandom: true).isEmpty
    }

    private func isPartlyReference(_ value: String) -> Bool {
        value.contains("${") && Credentials.find(in: value, includingRandom: true).isEmpty
    }

    /// Notes the user, the password and the values of the query of any URL.
    private mutating func noteURLSecrets(_ text: String, prefix: String = "") {
        guard let start = afterScheme(text) else { return }
        let rest = text[start...]
        let end = rest.utf8.firstIndex { [0x2F, 0x3F, 0x23].contains($0) } ?? rest.endIndex
        if let at = rest[..<end].utf8.lastIndex(of: UInt8(ascii: "@")) {
            let userinfo = rest[..<at]
            let colon = userinfo.utf8.firstIndex(of: UInt8(ascii: ":"))
            let secret = colon.map { userinfo[userinfo.utf8.index(after: $0)...] } ?? userinfo
            note(prefix + "userinfo", value: String(secret), isCredential: true)
        }
        for piece in rest[end...].split(whereSeparator: { $0 == "?" || $0 == "&" || $0 == "#" || $0 == ";" }).prefix(64)
        {
            let parts = piece.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = String(parts[0])
            let value = String(parts[1])
            if SecretNames.isHarmless(name: name, value: value) {
                noteHarmless(prefix + "query:" + name)
            } else {
                let isCredential = SecretNames.nameSecret(name) || isSecret(value)
                note(prefix + "query:" + name, value: value, isCredential: isCredential)
            }
        }
    }

    private func afterScheme(_ text: String) -> String.Index? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 3 else { return nil }
        for index in 0...(bytes.count - 3)
        where bytes[index] == UInt8(ascii: ":") && bytes[index + 1] == UInt8(ascii: "/")
            && bytes[index + 2] == UInt8(ascii: "/")
        {
            return text.utf8.index(text.startIndex, offsetBy: index + 3)
        }
        return nil
    }
}

extension SecretHiding {
    private enum Next {
        case anything, secret, header, environment
    }

    /// A command line without its secrets: what stays can be shown.
    mutating func command(_ words: [String]) -> [String] {
        var shown: [String] = []
        var next = Next.anything
        for (index, word) in words.enumerated() {
            let name = "argument:\(index)"
            if index == 0 {
                shown.append(hide(word, name))
                continue
            }
            switch next {
            case .secret where !isFlag(word):
                shown.append(hideWhole(word, name))
                next = .anything
            case .header where !isFlag(word):
                shown.append(hideHeader(word, name))
                next = .anything
            case .environment where !isFlag(word):
                shown.append(hidePair(word, name, isEnvironment: true))
                next = .anything
            default:
                next = expectation(after: word)
                shown.append(hide(word, name))
            }
        }
        return shown
    }

    /// A long option, or a short one of one letter: a password may begin with a dash, too.
    private func isFlag(_ word: String) -> Bool {
        guard word.hasPrefix("-") else { return false }
        return word.utf8.count <= 2 || (word.hasPrefix("--") && !isSecret(word))
    }

    private func expectation(after word: String) -> Next {
        guard word.hasPrefix("-") || word.hasPrefix("/"), !word.contains("=") else { return .anything }
        let flag = word.drop { $0 == "-" || $0 == "/" }
        switch flag {
        case "e", "env", "environment", "E": return .environment
        case "H", "header", "headers": return .header
        default: return word.hasPrefix("-") && SecretNames.suggestSecret(flag) ? .secret : .anything
        }
    }

    private mutating func hideWhole(_ word: String, _ name: String) -> String {
        guard !SecretNames.isReference(word) else {
            noteHarmless(name)
            return word
        }
        note(name, value: word, isCredential: true)
        return Self.mark
    }

    /// `Name: value` after `--header`; also several of them, and `Name=value`.
    private mutating func hideHeader(_ word: String, _ name: String) -> String {
        guard let split = word.utf8.firstIndex(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") }) else {
            return hideWhole(word, name)
        }
        let header = word[..<split].trimmingWhiteSpace()
        let value = String(word[word.utf8.index(after: split)...])
        noteHeader(header, value: value, prefix: name + ":")
        return Credentials.redact(header) + String(word[split]) + Self.mark
    }

    /// `NAME=value`; a name alone takes its value from the surroundings.
    private mutating func hidePair(_ word: String, _ name: String, isEnvironment: Bool) -> String {
        guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return hide(word, name) }
        let key = String(word[..<equals])
        let value = String(word[word.utf8.index(after: equals)...])
        let label = Credentials.redact(String(key.drop { $0 == "-" || $0 == "/" }))
        if SecretNames.isReference(value) {
            noteHarmless("\(name):\(label)")
            return Credentials.redact(key) + "=" + value
        }
        let isSecretName = SecretNames.suggestSecret(key)
        if isSecretName || (isEnvironment && !SecretNames.isHarmless(name: key, value: value)) {
            note("\(name):\(label)", value: value, isCredential: isSecretName || isSecret(value))
            return Credentials.redact(key) + "=" + Self.mark
        }
        return Credentials.redact(key) + "=" + hide(value, name)
    }

    /// Any word of a command line; a whole shell command may be one word.
    private mutating func hide(_ word: String, _ name: String) -> String {
        if word.utf8.count > 16_384 || word.hasPrefix("{") || word.hasPrefix("[") || word.hasPrefix("-----BEGIN") {
            // Settings as JSON, or something too long to judge.
            note(name, value: word, isCredential: isSecret(word) || mentionsSecret(word))
            return Self.mark
        }
        let parts = word.split(omittingEmptySubsequences: false, whereSeparator: \.isWhitespace)
        if parts.count > 1 { return hideShell(parts.map(String.init), name) }
        if word.contains("://") { return hideURL(word, name) }
        let separators: Set<UInt8> = [UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: ",")]
        let pieces = word.utf8.split(omittingEmptySubsequences: false) { separators.contains($0) }
        if pieces.count > 1, word.contains("=") {
            var shown = ""
            for piece in pieces {
                if !shown.isEmpty || piece.startIndex != word.startIndex {
                    shown.unicodeScalars.append(Unicode.Scalar(word.utf8[word.utf8.index(before: piece.startIndex)]))
                }
                shown += hidePair(String(Substring(piece)), name, isEnvironment: false)
            }
            return shown
        }
        if word.contains("=") { return hidePair(word, name, isEnvironment: false) }
        if let colon = word.utf8.firstIndex(of: UInt8(ascii: ":")), colon != word.startIndex,
            word.utf8.index(after: colon) < word.endIndex, SecretNames.suggestSecret(word[..<colon])
        {
            note(name, value: String(word[word.utf8.index(after: colon)...]), isCredential: true)
            return Credentials.redact(String(word[..<colon])) + ":" + Self.mark
        }
        return hideCredentials(word, name)
    }

    private mutating func hideShell(_ words: [String], _ name: String) -> String {
        var shown: [String] = []
        var next = Next.anything
        for (index, word) in words.enumerated() {
            let bare = String(word.drop { $0 == "'" || $0 == "\"" })
            if next != .anything, !word.isEmpty, !isFlag(bare) {
                // Quotes may bind any number of the words that follow, so all of them go.
                note(name, value: words[index...].joined(separator: " "), isCredential: true)
                return (shown + [Self.mark]).joined(separator: " ")
            }
            if bare.hasSuffix(":"), SecretNames.suggestSecret(bare) {
                next = .secret
            } else if ["bearer", "basic"].contains(bare.lowercased()) {
                next = .secret
            } else if word.isEmpty {
                shown.append(word)
                continue
            } else {
                next = expectation(after: bare)
                if next == .environment { next = .anything }
            }
            shown.append(hide(word, name))
        }
        return shown.joined(separator: " ")
    }

    private mutating func hideURL(_ word: String, _ name: String) -> String {
        noteURLSecrets(word, prefix: name + ":")
        guard let start = afterScheme(word) else { return hideCredentials(word, name) }
        var head = String(word[..<start])
        var rest = word[start...]
        if let equals = head.utf8.firstIndex(of: UInt8(ascii: "=")) {
            // `--url=https://…`, `DATABASE_URL=postgres://…`
            let key = head[..<equals]
            if SecretNames.suggestSecret(key) {
                note(name, value: String(word[word.utf8.index(after: equals)...]), isCredential: true)
                return Credentials.redact(String(key)) + "=" + Self.mark
            }
            head = Credentials.redact(head)
        }
        if let stop = rest.utf8.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            rest = rest[..<stop]
        }
        let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) {
            authority = authority[authority.utf8.index(after: at)...]
        }
        // A password with a slash, `?` or `#` in it ends the authority early, in the middle of the secret.
        if let colon = authority.utf8.lastIndex(of: UInt8(ascii: ":")), !authority.hasSuffix("]"),
            !authority[authority.utf8.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        {
            note(name + ":userinfo", value: String(word[start...]), isCredential: true)
            return head + Self.mark
        }
        let path = rest[end...]
        return head + hideCredentials(String(authority) + String(path), name)
    }

    private mutating func hideCredentials(_ word: String, _ name: String) -> String {
        // A digest that pins an image or a file is no secret.
        for algorithm in ["sha256:", "sha512:"] {
            if let range = word.firstRange(of: algorithm) {
                let digest = word[range.upperBound...]
                if digest.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
                    digest.utf8.count == 64 || digest.utf8.count == 128
                {
                    return hideCredentials(String(word[..<range.lowerBound]), name) + String(word[range.lowerBound...])
                }
            }
        }
        let bytes = Array(word.utf8)
        let matches = Credentials.find(in: bytes, includingRandom: true)
        for match in matches {
            note(
                name,
                value: String(decoding: bytes[match.range], as: UTF8.self),
                isCredential: match.kind.name != "high-entropy"
            )
        }
        return matches.isEmpty ? word : Credentials.redact(word)
    }

    private func mentionsSecret(_ text: String) -> Bool {
        text.split(whereSeparator: { "\"':={}[], \n".contains($0) }).prefix(1000).contains {
            SecretNames.suggestSecret($0)
        }
    }
}
