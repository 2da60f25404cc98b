extension Credentials {
    /// Names under which nothing but a secret is ever sent.
    private static let secretNames: Set<String> = [
        "password", "passwd", "passphrase", "passcode", "secret", "apikey", "accesstoken", "authtoken", "secretkey",
        "clientsecret", "privatekey", "refreshtoken", "bottoken", "apitoken", "authorization", "connectionstring",
        "otp", "secretaccesskey", "passwort", "kennwort", "wachtwoord", "senha", "cvv", "cvc",
    ]
    /// Names that a secret stands under, and a folder, a ticket or a mode as well: the value tells.
    private static let shortNames: Set<String> = ["pass", "pwd", "pin", "credential", "credentials"]

    /// The text with each secret replaced by its token, or nil where it holds none.
    ///
    /// For recordings on their way to the store. A secret is what has a known form, what stands under a name that says so,
    /// what the text itself calls one (`password: …`, `Bearer …`, `your code is …`), an access key of forty characters,
    /// or what looks random under a name that often means one:
    /// `key` and `token` also name issues and pages, whose values mining needs. `token` must be keyed and must give equal
    /// secrets equal tokens; it sees the secret, so it must not keep it.
    package static func tokenise(
        _ text: String,
        named name: String? = nil,
        token: (_ secret: String) -> String
    ) -> String? {
        if let name, !text.isEmpty, !SecretNames.isReference(text) {
            if namesSecret(name) || SecretNames.nameSecret(name) && looksRandom(text) { return token(text) }
            if namesOneTimeCode(name), (4...8).contains(text.utf8.count), text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) {
                return token(text)
            }
            let bytes = Array(text.utf8)
            if namesShortSecret(name), !text.hasPrefix("hmac-sha256:"),
                isPasswordLike(bytes[...]), !bytes.contains(where: { $0 <= 0x20 || "/\\~".utf8.contains($0) })
            {
                return token(text)
            }
        }
        let bytes = Array(text.utf8)
        let unnamed = accessKeys(in: bytes) + oneTimeCodes(in: bytes)
        let matches = merge(find(in: bytes), mentions(in: bytes) + commandSecrets(in: bytes) + unnamed)
        guard !matches.isEmpty else { return nil }
        var result: [UInt8] = []
        var end = 0
        for match in matches {
            result += bytes[end..<match.range.lowerBound]
            result += Array(token(String(decoding: bytes[match.range], as: UTF8.self)).utf8)
            end = match.range.upperBound
        }
        result += bytes[end...]
        return String(decoding: result, as: UTF8.self)
    }

    /// Whether a secret stands under a name, or something else: `pass` and `pin`.
    static func namesShortSecret(_ name: String) -> Bool {
        SecretNames.parts(of: name).last.map { shortNames.contains($0) } ?? false
    }

    /// Whether nothing but a secret stands under a name.
    static func namesSecret(_ name: String) -> Bool {
        secretNames.contains(SecretNames.parts(of: name).joined()) || endsInSecret(name)
    }

    /// `db_password`, `userSecret` and `X-Api-Key`, but not `password_policy`.
    private static func endsInSecret(_ name: String) -> Bool {
        let parts = SecretNames.parts(of: name)
        return (1...3).contains { parts.count >= $0 && secretNames.contains(parts.suffix($0).joined()) }
    }
}
