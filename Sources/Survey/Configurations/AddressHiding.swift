import Inspection

/// Secrets inside addresses and connection strings.
extension SecretHiding {
    static let pairSeparators: Set<UInt8> = [UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: ",")]

    /// `Endpoint=sb://…;SharedAccessKey=…`, `Server=db;User ID=sa;Password=two words`: pairs alone, with semicolons.
    func isConnectionString(_ word: String) -> Bool {
        guard word.contains(";"), word.contains("=") else { return false }
        let pieces = word.split(separator: ";").filter { !$0.allSatisfy(\.isWhitespace) }
        guard pieces.count > 1 else { return false }
        return pieces.allSatisfy { piece in
            guard let equals = piece.utf8.firstIndex(of: UInt8(ascii: "=")) else { return false }
            let key = piece[..<equals].trimmingWhiteSpace()
            let words = key.split(separator: " ", omittingEmptySubsequences: false)
            return !key.isEmpty && key.utf8.count <= 40 && words.count <= 4
                && words.allSatisfy { $0.utf8.first.map { (0x41...0x5A).contains($0 & 0xDF) } ?? false }
                && key.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
                        || [0x20, 0x2D, 0x2E, 0x5F].contains($0)
                }
        }
    }

    mutating func hidePairs(_ word: String, _ name: String) -> String {
        let isConnection = isConnectionString(word)
        let separators = isConnection ? [UInt8(ascii: ";")] : Self.pairSeparators
        let pieces = word.utf8.split(omittingEmptySubsequences: false) { separators.contains($0) }
        var shown = ""
        for piece in pieces {
            if piece.startIndex != word.startIndex {
                shown.unicodeScalars.append(Unicode.Scalar(word.utf8[word.utf8.index(before: piece.startIndex)]))
            }
            shown += hidePair(String(Substring(piece)), name, isEnvironment: false)
        }
        return shown
    }

    /// `user:password@host` without a scheme before it, as some database drivers take it.
    mutating func hideUserAtHost(_ word: String, _ name: String) -> String? {
        let start = word.utf8.lastIndex(of: UInt8(ascii: "=")).map { word.utf8.index(after: $0) } ?? word.startIndex
        let text = word[start...]
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")),
            let colon = text[..<at].utf8.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        let user = text[..<colon]
        let password = text[text.utf8.index(after: colon)..<at]
        let host = text[text.utf8.index(after: at)...]
        guard !password.isEmpty, !host.isEmpty, !user.contains("/"), !SecretNames.isReference(password) else {
            return nil
        }
        // Packages, images and mail addresses have the same marks.
        let schemes: Set<String> = [
            "npm", "jsr", "node", "file", "git", "github", "gitlab", "workspace", "mailto", "email", "mail", "acct",
            "xmpp", "sip", "user", "owner", "author", "contact", "to", "from", "cc", "pkg", "docker", "oci",
        ]
        if schemes.contains(user.lowercased()) || host.hasPrefix("sha256:") || host.hasPrefix("sha512:") { return nil }
        let isVersion = host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        if isVersion, host.split(separator: ".").count != 4 { return nil }
        let name4 = host.prefix { $0 != "/" }
        guard name4.contains(".") || name4.hasPrefix("localhost") || name4.contains(":") || name4.contains("(") else {
            return nil
        }
        note(name + ":userinfo", value: String(password), isCredential: true)
        return Credentials.redact(String(word[..<start])) + Self.mark + hideCredentials(String(text[at...]), name)
    }

    /// One URL after another, with a comma, a semicolon or an equals sign between.
    mutating func hideURLs(_ word: String, _ name: String) -> String {
        var shown = ""
        var rest = word[...]
        while let first = afterScheme(String(rest)) {
            let tail = String(rest)[first...]
            guard let next = Self.nextURL(String(tail)) else { break }
            let text = String(rest)
            let cut = text.utf8.index(text.startIndex, offsetBy: text.utf8.count - tail.utf8.count + next)
            shown += hideURL(String(text[..<cut]), name)
            rest = Substring(text[cut...])
        }
        return shown + hideURL(String(rest), name)
    }

    /// Where in a text a further URL begins, if it stands behind a separator.
    private static func nextURL(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count > 3 else { return nil }
        for index in 0..<(bytes.count - 2)
        where bytes[index] == UInt8(ascii: ":") && bytes[index + 1] == UInt8(ascii: "/")
            && bytes[index + 2] == UInt8(ascii: "/")
        {
            var start = index
            while start > 0,
                (0x41...0x5A).contains(bytes[start - 1] & 0xDF) || [0x2B, 0x2D, 0x2E].contains(bytes[start - 1])
            {
                start -= 1
            }
            guard start > 0, start < index else { continue }
            if [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "|")].contains(bytes[start - 1]) { return start }
        }
        return nil
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
        if let at = rest[..<end].utf8.lastIndex(of: UInt8(ascii: "@")) {
            rest = rest[rest.utf8.index(after: at)...]
        }
        // What follows a semicolon are settings, whichever side of the path they stand on.
        var settings = ""
        if let stop = rest.utf8.firstIndex(of: UInt8(ascii: ";")), !rest[stop...].contains("@") {
            settings = shownSettings(rest[stop...])
            rest = rest[..<stop]
        }
        let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        let authority = rest[..<slash]
        // A password with a slash, `?` or `#` in it ends the authority early, in the middle of the secret.
        if let colon = authority.utf8.lastIndex(of: UInt8(ascii: ":")), !authority.hasSuffix("]"),
            !authority[authority.utf8.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        {
            note(name + ":userinfo", value: String(word[start...]), isCredential: true)
            return head + Self.mark
        }
        let path = hideSegments(String(rest[slash...]), name)
        return head + hideCredentials(String(authority) + path, name) + settings
    }

    /// `;name=value;…` behind an address; the values have been noted.
    private func shownSettings(_ text: Substring) -> String {
        text.split(separator: ";", omittingEmptySubsequences: false).map { piece -> String in
            let parts = piece.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return Credentials.redact(String(piece)) }
            let (key, value) = (String(parts[0]), String(parts[1]))
            let isHarmless = !SecretNames.suggestSecret(key) && !isSecretSegment(value) && !value.contains("://")
            return Credentials.redact(key) + "=" + (isHarmless ? value : Self.mark)
        }.joined(separator: ";")
    }

    /// A path whose secret segments are replaced.
    private mutating func hideSegments(_ path: String, _ name: String) -> String {
        guard Credentials.find(in: path).isEmpty else { return path }
        return path.split(separator: "/", omittingEmptySubsequences: false).map { segment -> String in
            let segment = String(segment)
            guard isSecretSegment(segment), !Self.isDigest(segment) else { return segment }
            note(name + ":path", value: segment, isCredential: true)
            return Self.mark
        }.joined(separator: "/")
    }

    private static func isDigest(_ text: String) -> Bool { text.contains("sha256:") || text.contains("sha512:") }

    mutating func hideCredentials(_ word: String, _ name: String) -> String {
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
}
