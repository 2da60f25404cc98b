/// One-time codes in prose: `your code is 482913`, `482913 is your login code`, `use 4829 to sign in`.
///
/// Short runs of digits are looked at, and the few words on either side: somebody has to say that this is a code to prove
/// who one is. Codes of other things, such as `zip code 90210`, `error code 4041` or `promo code: 2024`, stay.
extension Credentials {
    private static let nouns: Set<String> = [
        "code", "codes", "passcode", "otp", "totp", "kode", "código", "codice", "pin",
    ]
    /// Nouns that say it alone.
    private static let certain: Set<String> = ["passcode", "otp", "totp"]
    /// What a code to prove oneself with is called; also in `verification_code`.
    private static let kinds: Set<String> = [
        "verification", "security", "login", "signin", "logon", "auth", "authentication", "authenticator",
        "authorization", "access", "confirmation", "activation", "onetime", "otp", "totp", "mfa", "tfa", "factor",
        "twofactor", "passcode", "temporary", "sms", "verify", "bestätigungs", "verificación", "vérification",
    ]
    /// Words that may stand between the kind and the noun: `sign-in code`, `one-time code`, `two-step code`.
    private static let pairs: Set<String> = ["sign in", "log in", "one time", "single use", "two step"]
    private static let connectors: Set<String> = ["is", "was", "are", "ist", "es", "est", "è", "="]
    private static let purposes: Set<String> = [
        "sign", "log", "login", "verify", "confirm", "authenticate", "complete", "reset", "finish", "access", "unlock",
    ]
    /// Words without one of which nothing is taken for a code.
    static let codeWords = nouns.union(askers)
    /// What stands right before a code that somebody is asked for.
    private static let askers: Set<String> = ["enter", "use", "type", "code"]
    private static let reach = 72

    static func oneTimeCodes(in bytes: [UInt8]) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var at = 0
        while at < bytes.count {
            guard isDigit(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, isDigit(bytes[at]) { at += 1 }
            var end = at
            // `482 913` and `482-913`.
            if end - start == 3, end + 3 < bytes.count, [0x20, 0x2D].contains(bytes[end]),
                bytes[(end + 1)...(end + 3)].allSatisfy(isDigit), end + 4 == bytes.count || !isDigit(bytes[end + 4])
            {
                end += 4
            }
            guard (4...8).contains(end - start), isAlone(bytes, start..<end) else { continue }
            if isCode(bytes, start..<end) {
                matches.append(CredentialMatch(kind: .named, range: start..<end))
                at = end
            }
        }
        return matches
    }

    /// Whether a field of this name holds such a code: `verification_code`, `otpCode`, `twoFactorCode`.
    static func namesOneTimeCode(_ name: String) -> Bool {
        let parts = SecretNames.parts(of: name)
        guard let last = parts.last, nouns.contains(last), last != "pin" else { return false }
        return certain.contains(last) || parts.dropLast().contains(where: kinds.contains)
            || parts.count > 2 && pairs.contains(parts.dropLast().suffix(2).joined(separator: " "))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// No part of a longer number, word, amount or address.
    private static func isAlone(_ bytes: [UInt8], _ run: Range<Int>) -> Bool {
        if run.lowerBound > 0 {
            let before = bytes[run.lowerBound - 1]
            if before >= 0x80 || isNameByte(before) || "$#@/.,+%&".utf8.contains(before) { return false }
        }
        guard run.upperBound < bytes.count else { return true }
        let after = bytes[run.upperBound]
        if after >= 0x80 || (isNameByte(after) && after != UInt8(ascii: ".")) || "%@/$".utf8.contains(after) {
            return false
        }
        let isJoined = ".,:".utf8.contains(after) && run.upperBound + 1 < bytes.count
        return !isJoined || !isDigit(bytes[run.upperBound + 1])
    }

    private static func isCode(_ bytes: [UInt8], _ run: Range<Int>) -> Bool {
        let before = words(bytes[max(0, run.lowerBound - reach)..<run.lowerBound], isBefore: true)
        let after = words(bytes[run.upperBound..<min(bytes.count, run.upperBound + reach)], isBefore: false)
        // `verification code: 482913`, `your code for Acme is 482913`.
        if let last = before.last, connectors.contains(last) || last == ":" {
            for at in before.indices.dropLast().suffix(5) where nouns.contains(before[at]) {
                if isProof(before, at) { return true }
            }
        }
        // `OTP 482913`.
        if let last = before.last, certain.contains(last) { return true }
        // `482913 is your login code`, `use 482913 as the code`.
        if after.count > 2, ["is", "as"].contains(after[0]), ["your", "the", "my"].contains(after[1]) {
            for at in after.indices.dropFirst(2).prefix(5) where nouns.contains(after[at]) {
                if isProof(after, at) { return true }
            }
        }
        let isAsked = before.last.map { askers.contains($0) } ?? false
        return isAsked && after.count > 1 && after[0] == "to" && purposes.contains(after[1])
    }

    /// Whether the noun means a code to prove oneself with: by its kind, or because it is simply yours.
    private static func isProof(_ words: [String], _ noun: Int) -> Bool {
        if certain.contains(words[noun]) { return true }
        guard noun > 0 else { return false }
        let earlier = words[max(0, noun - 3)..<noun]
        if words[noun] != "pin", words[noun - 1] == "your" || words[noun - 1] == "my" { return true }
        if kinds.contains(words[noun - 1]) { return true }
        return earlier.count > 1 && pairs.contains(earlier.suffix(2).joined(separator: " "))
    }

    /// The words of the sentence, in small letters; a colon and an equals sign are words of their own.
    private static func words(_ bytes: ArraySlice<UInt8>, isBefore: Bool) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        func end() {
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self).lowercased()) }
            word = []
        }
        for (offset, byte) in bytes.enumerated() {
            if byte >= 0x80 || isNameByte(byte) && byte != UInt8(ascii: "-") && byte != UInt8(ascii: ".") {
                word.append(byte)
                continue
            }
            end()
            switch byte {
            case UInt8(ascii: ":"), UInt8(ascii: "="): words.append(byte == UInt8(ascii: "=") ? "=" : ":")
            case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: ";"):
                // What another sentence says is about something else.
                let next = bytes.startIndex + offset + 1
                guard next == bytes.endIndex || bytes[next] <= 0x20 else { continue }
                if !isBefore { return words }
                words = []
            default: continue
            }
        }
        end()
        return words
    }
}

extension Credentials {
    private static let accessKeyLength = 40

    /// Secret access keys as AWS makes them, which have no prefix: forty characters of base64, and nothing around them.
    ///
    /// Every kind of character has to stand in it, and to change places as often as chance makes it: digests have no
    /// capitals, and words and paths long runs of one kind.
    static func accessKeys(in bytes: [UInt8]) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var at = 0
        while at < bytes.count {
            guard isKeyByte(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, isKeyByte(bytes[at]) { at += 1 }
            guard at - start == accessKeyLength, isMixed(bytes[start..<at]) else { continue }
            if start > 0, bytes[start - 1] >= 0x80 || "-_.~%@".utf8.contains(bytes[start - 1]) { continue }
            if at < bytes.count, bytes[at] >= 0x80 || "=-_%@".utf8.contains(bytes[at]) { continue }
            matches.append(CredentialMatch(kind: .awsSecretKey, range: start..<at))
        }
        return matches
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        CredentialKind.Alphabet.alphanumeric.contains(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "+")
    }

    private static func isMixed(_ bytes: ArraySlice<UInt8>) -> Bool {
        var counts = [0, 0, 0, 0]
        var changes = 0
        var last = -1
        for byte in bytes {
            let kind: Int =
                switch byte {
                case 0x30...0x39: 0
                case 0x41...0x5A: 1
                case 0x61...0x7A: 2
                default: 3
                }
            counts[kind] += 1
            if kind != last { changes += 1 }
            last = kind
        }
        return counts[0] >= 1 && counts[1] >= 5 && counts[2] >= 5 && counts[3] <= 6 && changes >= 16
            && looksRandom(String(decoding: bytes, as: UTF8.self))
    }
}
