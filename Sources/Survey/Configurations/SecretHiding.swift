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
        for scheme in ["bearer ", "basic ", "token ", "apikey ", "digest "] where value.lowercased().hasPrefix(scheme) {
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
        for index in segments.indices {
            // Parameters of a segment (RFC 3986 §3.3) that are noted as secrets: `/mcp;jsessionid=…`.
            let pieces = segments[index].split(separator: ";", omittingEmptySubsequences: false)
            let kept = pieces.enumerated().filter { position, piece in
                position == 0 || !SecretNames.suggestSecret(piece.prefix { $0 != "=" })
            }
            segments[index] = kept.map { String($0.element) }.joined(separator: ";")
            guard isSecretSegment(segments[index]) else { continue }
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

    func isSecretSegment(_ segment: String) -> Bool {
        isSecret(segment) || Credentials.looksLikePathKey(segment)
    }

    /// Whether a word has the form of a credential, or is random.
    func isSecret(_ word: String) -> Bool {
        !Credentials.find(in: word, includingRandom: true).isEmpty
    }

    private func isPartlyReference(_ value: String) -> Bool {
        value.contains("${") && Credentials.find(in: value, includingRandom: true).isEmpty
    }

    /// Notes the user, the password and the values of the query of any URL.
    mutating func noteURLSecrets(_ text: String, prefix: String = "") {
        guard let start = afterScheme(text) else { return }
        let rest = text[start...]
        var end = rest.utf8.firstIndex { [0x2F, 0x3F, 0x23].contains($0) } ?? rest.endIndex
        if !rest[..<end].utf8.contains(UInt8(ascii: "@")) {
            // `sqlserver://host;user=sa;password=…` has its settings where others have a path.
            end = rest.utf8.firstIndex { [0x2F, 0x3F, 0x23, 0x3B].contains($0) } ?? rest.endIndex
        }
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

    func afterScheme(_ text: String) -> String.Index? {
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
