/// What the name of a setting, and the look of its value, tell about whether the value is a secret.
package enum SecretNames {
    private static let words: Set<String> = [
        "key", "apikey", "token", "secret", "password", "passwd", "passphrase", "passcode", "pwd", "pass", "credential",
        "credentials", "creds", "auth", "authorization", "bearer", "pat", "cookie", "session", "sessionid", "signature",
        "sas", "dsn", "webhook", "jwt", "private", "salt", "pin", "otp", "connectionstring", "accesstoken", "authtoken",
        "secretkey", "accesskey", "pw", "psw", "cred", "userpwd", "accountkey", "clientsecret", "privatekey",
        "refreshtoken", "bottoken", "apitoken", "userkey", "jsessionid", "phpsessid", "sessid",
    ]
    private static let endings = [
        "token", "secret", "password", "apikey", "passwd", "credentials", "sessionid", "sessid",
    ]
    /// What a word ends in that is a password: `DBPASS`, `MYSQLPWD`.
    private static let shortEndings = ["pass", "pwd"]
    private static let harmlessEndings = [
        "bypass", "compass", "overpass", "underpass", "oldpwd", "surpass", "trespass",
    ]

    private static let describing: Set<String> = [
        "type", "mode", "method", "url", "uri", "endpoint", "var", "env", "provider", "name", "scheme", "header",
        "file",
        "path", "enabled", "timeout", "id", "vars", "keys", "names", "server", "issuer", "audience", "expiry", "ttl",
    ]

    /// Whether the value of a name is the secret itself, not its kind, its file or the variable that holds it.
    ///
    /// `apiKey` is one and `bearer_token_env_var` is not. For complaints only: a value is hidden by `suggestSecret`.
    package static func nameSecret(_ name: some StringProtocol) -> Bool {
        suggestSecret(name) && !describing.contains(parts(of: name).last ?? "")
    }

    /// Whether a name such as `--api-key`, `GITHUB_TOKEN` or `clientSecret` says that its value is a secret.
    package static func suggestSecret(_ name: some StringProtocol) -> Bool {
        let parts = parts(of: name)
        if parts.contains(where: { words.contains($0) }) { return true }
        for part in parts where shortEndings.contains(where: part.hasSuffix) {
            if !harmlessEndings.contains(where: part.hasSuffix) { return true }
        }
        let whole = parts.joined()
        return words.contains(whole) || endings.contains { whole.hasSuffix($0) }
    }

    /// The words of a name in lower case: `clientSecret` and `CLIENT_SECRET` have the same two.
    static func parts(of name: some StringProtocol) -> [String] {
        var word = ""
        var parts: [String] = []
        var wasLower = false
        for scalar in name.unicodeScalars {
            let isLetter = scalar.properties.isAlphabetic
            let isUpper = scalar.properties.isUppercase
            if !isLetter || (isUpper && wasLower) {
                if !word.isEmpty { parts.append(word) }
                word = ""
            }
            if isLetter { word += scalar.properties.lowercaseMapping }
            wasLower = isLetter && !isUpper
        }
        if !word.isEmpty { parts.append(word) }
        return parts
    }

    /// Whether a value only points to where the real one is: `${API_KEY}`, `$API_KEY`, `%API_KEY%`, `{{ key }}`.
    package static func isReference(_ value: some StringProtocol) -> Bool {
        let text = value.trimmingSpaces()
        if text.isEmpty { return true }
        for (opening, closing) in [("${", "}"), ("$(", ")"), ("{{", "}}"), ("%", "%")]
        where text.hasPrefix(opening) && text.hasSuffix(closing) && text.utf8.count > opening.utf8.count {
            let name = text.utf8.dropFirst(opening.utf8.count).dropLast(closing.utf8.count)
            return name.allSatisfy { isNameByte($0) || [0x20, 0x2D, 0x2E, 0x3A].contains($0) }
                && !Credentials.looksRandom(String(decoding: name, as: UTF8.self))
        }
        // Lower-case letters after a dollar may well be a password.
        guard text.utf8.first == UInt8(ascii: "$"), text.utf8.count > 2 else { return false }
        return text.utf8.dropFirst().allSatisfy { isNameByte($0) && !(0x61...0x7A).contains($0) }
    }

    /// Whether a value is a reference, or what a manual shows in the place of a real one.
    ///
    /// Good for deciding whether to complain; never for deciding whether to hide, for a bad password may look so too.
    package static func isPlaceholder(_ value: some StringProtocol) -> Bool {
        if isReference(value) { return true }
        let text = value.lowercased().trimmingSpaces()
        if text.hasPrefix("<"), text.hasSuffix(">") { return true }
        if text.utf8.allSatisfy({ $0 == UInt8(ascii: "x") || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ".") }) {
            return true
        }
        for beginning in ["your", "my-", "my_", "insert", "replace"] where text.hasPrefix(beginning) {
            return !Credentials.looksRandom(value)
        }
        return ["changeme", "placeholder", "redacted", "todo", "none", "null"].contains(text)
    }

    /// Whether the value of an environment variable can be nothing that anybody would hide.
    ///
    /// In doubt it is a secret: only a short list of names, and values without any content of their own, are harmless.
    package static func isHarmless(name: String, value: String) -> Bool {
        if suggestSecret(name) { return false }
        let name = name.uppercased()
        if harmlessNames.contains(name) {
            return Credentials.find(in: value).isEmpty
        }
        let value = value.lowercased()
        if harmlessValues.contains(value) { return true }
        return value.utf8.count <= 6 && value.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    }

    private static let harmlessNames: Set<String> = [
        "PATH", "HOME", "USER", "SHELL", "LANG", "LC_ALL", "TZ", "TERM", "PWD", "TMPDIR", "NODE_ENV", "NODE_PATH",
        "PORT",
        "HOST", "LOG_LEVEL", "LOGLEVEL", "DEBUG", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "VIRTUAL_ENV",
        "UV_PYTHON", "NO_COLOR", "FORCE_COLOR", "CI", "JAVA_HOME", "GOPATH", "DISPLAY", "XDG_CONFIG_HOME", "TRANSPORT",
        "FASTMCP_LOG_LEVEL", "MCP_TRANSPORT", "AWS_REGION", "AWS_DEFAULT_REGION", "APPDATA", "SYSTEMROOT",
    ]
    private static let harmlessValues: Set<String> = [
        "", "true", "false", "yes", "no", "on", "off", "debug", "info", "warn", "warning", "error", "trace",
        "production",
        "development", "test", "stdio", "sse", "http", "localhost", "127.0.0.1", "utf-8", "utf8", "none", "null",
        "auto",
    ]

    private static func isNameByte(_ byte: UInt8) -> Bool {
        CredentialKind.Alphabet.alphanumeric.contains(byte) || byte == UInt8(ascii: "_")
    }
}

extension StringProtocol {
    /// The text without white space at its ends.
    func trimmingSpaces() -> String {
        let isSpace: (Unicode.Scalar) -> Bool = { $0.properties.isWhitespace }
        var scalars = Substring(self).unicodeScalars
        while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
        while let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return String(Substring(scalars))
    }
}
