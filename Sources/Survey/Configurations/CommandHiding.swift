import Inspection

/// The secrets of command lines.
extension SecretHiding {
    /// What the words before a word say about it.
    private enum Next: Equatable {
        case anything, secret, header, headerValue, environment
        case flagValue(PasswordFlags.Value)
    }

    /// A command line without its secrets: what stays can be shown.
    mutating func command(_ words: [String]) -> [String] {
        let flags = PasswordFlags(words)
        let own = CommandReader.launcherWords(words)
        var shown: [String] = []
        var next = Next.anything
        for (index, word) in words.enumerated() {
            let name = "argument:\(index)"
            if index == 0 {
                shown.append(hide(word, name))
                continue
            }
            // `-p` and `-u` of a launcher name a package, a port or a number; those of what it starts may be secret.
            let known = own.contains(index) ? nil : flags
            switch next {
            case .secret where !isFlag(word):
                if Self.isScheme(word), index + 1 < words.count, !isFlag(words[index + 1]) {
                    shown.append(word)
                } else if word.contains("://"), index > 1, Self.isScheme(words[index - 1]) {
                    shown.append(hide(word, name, known))
                    next = .anything
                } else {
                    shown.append(hideWhole(word, name))
                    next = .anything
                }
            case .header where !isFlag(word):
                let isOpen = word.hasSuffix(":")
                shown.append(isOpen ? hide(word, name) : hideHeader(word, name))
                next = isOpen ? .headerValue : .anything
            case .headerValue where !isFlag(word):
                let isScheme = Self.isScheme(word)
                shown.append(isScheme ? word : hideWhole(word, name))
                next = isScheme ? .secret : .anything
            case .environment where !isFlag(word):
                shown.append(hidePair(word, name, isEnvironment: true))
                next = .anything
            case .flagValue(let kind) where !isFlag(word):
                shown.append(hideValue(word, kind, name) ?? hide(word, name))
                next = .anything
            default:
                next = expectation(after: word, known)
                shown.append(hide(word, name, known))
            }
        }
        return shown
    }

    /// A long option, or a short one of one letter: a password may begin with a dash, too.
    private func isFlag(_ word: String) -> Bool {
        guard word.hasPrefix("-") else { return false }
        return word.utf8.count <= 2 || (word.hasPrefix("--") && !isSecret(word))
    }

    /// The schemes of RFC 9110 §11.4 as people write them on a line of their own.
    private static func isScheme(_ word: String) -> Bool {
        ["bearer", "basic", "digest", "dpop"].contains(word.lowercased())
    }

    private func expectation(after word: String, _ flags: PasswordFlags?) -> Next {
        // In lower case these are ordinary words: the kind of a plan, a bearer of news.
        if word == "Bearer" || word == "Basic" { return .secret }
        if word.hasSuffix(":"), SecretNames.suggestSecret(word) { return .headerValue }
        guard word.hasPrefix("-") || word.hasPrefix("/"), !word.contains("=") else { return .anything }
        let flag = word.drop { $0 == "-" || $0 == "/" }
        switch flag {
        case "e", "env", "environment", "E": return .environment
        case "H", "header", "headers": return .header
        default: break
        }
        guard word.hasPrefix("-") else { return .anything }
        if let flags, let kind = flags.value(after: word) { return .flagValue(kind) }
        return SecretNames.suggestSecret(flag) ? .secret : .anything
    }

    private mutating func hideWhole(_ word: String, _ name: String) -> String {
        guard !SecretNames.isReference(word) else {
            noteHarmless(name)
            return word
        }
        note(name, value: word, isCredential: true)
        return Self.mark
    }

    /// The value of an option that may take a password; nil where it is none.
    private mutating func hideValue(_ word: String, _ kind: PasswordFlags.Value, _ name: String) -> String? {
        guard !SecretNames.isReference(word) else { return nil }
        switch kind {
        case .password: return hideWhole(word, name)
        case .passwordOrPort: return PasswordFlags.isPort(word) ? nil : hideWhole(word, name)
        case .doubtful: return PasswordFlags.isOrdinary(word) ? nil : hideWhole(word, name)
        case .account(let separator): return hideAccount(word, separator, name)
        }
    }

    /// `user:password`, of which the user may be seen; a key may stand in the place of the user, with nothing after it.
    private mutating func hideAccount(_ word: String, _ separator: UInt8, _ name: String) -> String? {
        guard !word.contains("://"), let split = word.utf8.firstIndex(of: separator),
            split != word.startIndex || word.utf8.count > 1
        else { return nil }
        let user = String(word[..<split])
        let password = String(word[word.utf8.index(after: split)...])
        let isNumber: (String) -> Bool = { $0.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E } }
        // The ids of a user and a group, an address with its port, a drive with its path.
        if isNumber(user) || (user == "localhost" && isNumber(password)) { return nil }
        if password.hasPrefix("/") || password.hasPrefix("\\") { return nil }
        if password.isEmpty || Credentials.looksLikePathKey(user) || isSecret(user) {
            guard !password.isEmpty || Credentials.looksLikePathKey(user) || isSecret(user) else { return nil }
            return hideWhole(word, name)
        }
        if SecretNames.isReference(password) { return nil }
        note(name, value: password, isCredential: true)
        return Credentials.redact(user) + String(word[split]) + Self.mark
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
    mutating func hidePair(
        _ word: String,
        _ name: String,
        isEnvironment: Bool,
        _ flags: PasswordFlags? = nil
    ) -> String {
        guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return hide(word, name) }
        let key = String(word[..<equals])
        let value = String(word[word.utf8.index(after: equals)...])
        let label = Credentials.redact(String(key.drop { $0 == "-" || $0 == "/" }))
        if SecretNames.isReference(value) {
            noteHarmless("\(name):\(label)")
            return Credentials.redact(key) + "=" + value
        }
        if ["--env", "-e", "--environment"].contains(key) {
            return key + "=" + hidePair(value, name, isEnvironment: true)
        }
        if let kind = flags?.value(after: key), let hidden = hideValue(value, kind, "\(name):\(label)") {
            return key + "=" + hidden
        }
        let isSecretName = SecretNames.suggestSecret(key)
        if isSecretName || (isEnvironment && !SecretNames.isHarmless(name: key, value: value)) {
            note("\(name):\(label)", value: value, isCredential: isSecretName || isSecret(value))
            return Credentials.redact(key) + "=" + Self.mark
        }
        return Credentials.redact(key) + "=" + hide(value, name)
    }

    /// Any word of a command line; a whole shell command may be one word.
    private mutating func hide(_ word: String, _ name: String, _ flags: PasswordFlags? = nil) -> String {
        if word.utf8.count > 16_384 || word.hasPrefix("{") || word.hasPrefix("[") || word.hasPrefix("-----BEGIN") {
            // Settings as JSON, or something too long to judge.
            note(name, value: word, isCredential: isSecret(word) || mentionsSecret(word))
            return Self.mark
        }
        if let (flag, header) = Self.attachedHeader(word) { return flag + hideHeader(header, name) }
        if isConnectionString(word) { return hidePairs(word, name) }
        if let value = Self.slashPassword(word) { return String(word.dropLast(value.count)) + hideWhole(value, name) }
        let parts = word.split(omittingEmptySubsequences: false, whereSeparator: \.isWhitespace)
        if parts.count > 1 { return hideShell(parts.map(String.init), name) }
        if let flags, let (flag, value, kind) = flags.attached(word), let hidden = hideValue(value, kind, name) {
            return flag + hidden
        }
        if word.hasPrefix("-e"), word.utf8.count > 3, !word.hasPrefix("-env"), word.contains("=") {
            return "-e" + hidePair(String(word.dropFirst(2)), name, isEnvironment: true)
        }
        if let flags, word.hasPrefix("-"), let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")),
            flags.value(after: word[..<equals]) != nil
        {
            return hidePair(word, name, isEnvironment: false, flags)
        }
        if word.contains("://") { return hideURLs(word, name) }
        if let hidden = hideUserAtHost(word, name) { return hidden }
        if word.contains("="), word.utf8.contains(where: { Self.pairSeparators.contains($0) }) {
            return hidePairs(word, name)
        }
        if word.contains("=") { return hidePair(word, name, isEnvironment: false, flags) }
        if let colon = word.utf8.firstIndex(of: UInt8(ascii: ":")), colon != word.startIndex,
            word.utf8.index(after: colon) < word.endIndex, SecretNames.suggestSecret(word[..<colon])
        {
            note(name, value: String(word[word.utf8.index(after: colon)...]), isCredential: true)
            return Credentials.redact(String(word[..<colon])) + ":" + Self.mark
        }
        return hideCredentials(word, name)
    }

    /// The value of `/p:secret`, as remote desktop clients take it; a property of a build has a name and a value.
    private static func slashPassword(_ word: String) -> String? {
        guard word.lowercased().hasPrefix("/p:"), word.utf8.count > 3 else { return nil }
        let value = word.dropFirst(3)
        let property = value.prefix { $0 != "=" }
        let isProperty =
            property.endIndex != value.endIndex
            && property.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F || $0 == 0x2E }
        return isProperty ? nil : String(value)
    }

    /// `--header=Name: value` and `-HName: value`.
    private static func attachedHeader(_ word: String) -> (flag: String, header: String)? {
        for flag in ["--header=", "--headers=", "-H=", "-H"] where word.hasPrefix(flag) {
            let rest = String(word.dropFirst(flag.count))
            guard let colon = rest.utf8.firstIndex(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") }),
                colon != rest.startIndex,
                rest[..<colon].utf8.allSatisfy({
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                        || [0x20, 0x2D, 0x5F].contains($0)
                })
            else { continue }
            return (flag, rest)
        }
        return nil
    }

    private mutating func hideShell(_ words: [String], _ name: String) -> String {
        var shown: [String] = []
        var next = Next.anything
        let quotes: (Character) -> Bool = { $0 == "'" || $0 == "\"" }
        let bareWords = words.map { String($0.drop(while: quotes).reversed().drop(while: quotes).reversed()) }
        let flags = PasswordFlags(bareWords)
        let own = CommandReader.launcherWords(bareWords)
        for (index, word) in words.enumerated() {
            let bare = String(word.drop(while: quotes))
            let known = own.contains(index) ? nil : flags
            if case .flagValue(let kind) = next, !word.isEmpty, !isFlag(bare) {
                let isOpen = bare.count < word.count && !bare.hasSuffix("'") && !bare.hasSuffix("\"")
                if let hidden = hideValue(bareWords[index], kind, name) {
                    shown.append(hidden)
                    // A quote that is still open binds what follows to the secret.
                    if isOpen { return shown.joined(separator: " ") }
                } else {
                    shown.append(hide(word, name))
                }
                next = .anything
                continue
            }
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
                next = expectation(after: bare, known)
                if next == .environment { next = .anything }
            }
            shown.append(hide(word, name, known))
        }
        return shown.joined(separator: " ")
    }

    func mentionsSecret(_ text: String) -> Bool {
        text.split(whereSeparator: { "\"':={}[], \n".contains($0) }).prefix(1000).contains {
            SecretNames.suggestSecret($0)
        }
    }
}
