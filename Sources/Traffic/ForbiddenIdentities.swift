/// The accounts, mail addresses and telephone numbers that a forbid names, found in a text however it spells them.
///
/// A server may join what a text splits, undo an encoding, or deliver to the mailbox behind a sub-address (RFC 5233). So
/// a text is read in every such way, and one that names a forbidden party in any of them is forbidden: too much rather
/// than too little. Nothing here ever allows.
package struct ForbiddenIdentities: Sendable {
    /// Letters and digits of accounts, by their first eight.
    private var accounts: [UInt64: [[UInt8]]] = [:]
    /// Accounts of digits alone, which stand by chance in longer numbers: only a text that is nothing else names them.
    private var plainAccounts: Set<[UInt8]> = []
    private var mailboxes: Set<String> = []
    /// Digits after `+` or a leading nought.
    private var phones: [[UInt8]] = []

    package init(_ values: some Sequence<CanonicalValue>) {
        for value in values {
            let folded = Self.folded(value.text)
            switch value.valueClass {
            case .account:
                let letters = folded.filter(ASCII.isAlphanumeric)
                guard letters.count >= 12 else { continue }
                if letters.count(where: ASCII.isLetter) > 1 {
                    accounts[Self.key(letters[..<8]), default: []].append(letters)
                } else {
                    plainAccounts.insert(letters)
                }
            case .email:
                if let at = folded.lastIndex(of: UInt8(ascii: "@")) {
                    mailboxes.formUnion(Self.mailboxes(in: folded, at: at).prefix(1))
                }
            case .phone: phones.append(Array(folded.filter(ASCII.isDigit).drop { $0 == 0x30 }))
            default: continue
            }
        }
    }

    package var isEmpty: Bool { accounts.isEmpty && plainAccounts.isEmpty && mailboxes.isEmpty && phones.isEmpty }

    /// Whether the text names one of them in any spelling.
    package func areNamed(in text: String) -> Bool {
        if isEmpty { return false }
        var bytes = Self.folded(text)
        if isRead(in: bytes) { return true }
        // What a server decodes twice was encoded twice.
        for _ in 0..<3 {
            var isChanged = false
            for decode in IdentityEncoding.all {
                guard let decoded = decode(bytes), decoded != bytes else { continue }
                bytes = Self.folded(String(decoding: decoded, as: UTF8.self))
                isChanged = true
                if isRead(in: bytes) { return true }
            }
            // In base64 capitals count, and a value has none any more: it may be anybody.
            if !mailboxes.isEmpty, IdentityEncoding.hasSealedWord(bytes) { return true }
            if !isChanged { return false }
        }
        return false
    }

    private func isRead(in bytes: [UInt8]) -> Bool {
        if !accounts.isEmpty || !plainAccounts.isEmpty, namesAccount(bytes.filter(ASCII.isAlphanumeric)) { return true }
        if !phones.isEmpty, namesPhone(bytes) { return true }
        guard !mailboxes.isEmpty else { return false }
        return bytes.indices.contains { at in
            bytes[at] == UInt8(ascii: "@") && Self.mailboxes(in: bytes, at: at).contains(where: mailboxes.contains)
        }
    }

    private func namesAccount(_ letters: [UInt8]) -> Bool {
        if plainAccounts.contains(letters) { return true }
        guard !accounts.isEmpty, letters.count >= 12 else { return false }
        var key: UInt64 = 0
        for at in letters.indices {
            key = key << 8 | UInt64(letters[at])
            guard at >= 7, let known = accounts[key] else { continue }
            if known.contains(where: { letters[(at - 7)...].starts(with: $0) }) { return true }
        }
        return false
    }

    private static func key(_ letters: ArraySlice<UInt8>) -> UInt64 {
        letters.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Digits that nothing but signs separates; one that is dialled at home lacks the country, or the nought before it.
    private func namesPhone(_ bytes: [UInt8]) -> Bool {
        for run in bytes.split(whereSeparator: ASCII.isLetter) {
            let digits = Array(run.filter(ASCII.isDigit).drop { $0 == 0x30 })
            guard digits.count >= 7 else { continue }
            for phone in phones where phone.count >= 7 {
                if digits.count < phone.count
                    ? phone.suffix(digits.count).elementsEqual(digits) && digits.count > 7
                    : digits.indices.contains(where: { digits[$0...].starts(with: phone) })
                {
                    return true
                }
            }
        }
        return false
    }

    /// The mailboxes that the `@` may stand in, the one that is written first.
    private static func mailboxes(in bytes: [UInt8], at: Int) -> [String] {
        var start = at + 1
        while start < bytes.count, bytes[start] == 0x20 || bytes[start] == UInt8(ascii: "[") { start += 1 }
        var end = start
        while end < bytes.count, isHostByte(bytes[end]) { end += 1 }
        while end > start, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard end > start, let local = local(bytes, before: at) else { return [] }
        var found: [String] = []
        add(local, bytes[start..<end], to: &found)
        // `user%host@relay` is sent on to the host by relays of old.
        if let percent = local.lastIndex(of: UInt8(ascii: "%")) {
            add(local[..<percent], local[(percent + 1)...], to: &found)
        }
        return found
    }

    private static func add(_ local: ArraySlice<UInt8>, _ host: ArraySlice<UInt8>, to found: inout [String]) {
        var host = String(decoding: host, as: UTF8.self)
        if host == "googlemail.com" { host = "gmail.com" }
        var local = local
        if host == "gmail.com" { local.removeAll { $0 == UInt8(ascii: ".") } }
        while true {
            guard !local.isEmpty else { return }
            found.append(String(decoding: local, as: UTF8.self) + "@" + host)
            guard let plus = local.lastIndex(of: UInt8(ascii: "+")) else { return }
            local = local[..<plus]
        }
    }

    /// What stands before an `@`, without quotes and remarks (RFC 5322 §3.2).
    private static func local(_ bytes: [UInt8], before at: Int) -> ArraySlice<UInt8>? {
        var end = at
        while end > 0, bytes[end - 1] == 0x20 { end -= 1 }
        if end > 0, bytes[end - 1] == UInt8(ascii: ")") {
            guard let opening = bytes[max(0, end - 256)..<end].lastIndex(of: UInt8(ascii: "(")) else { return nil }
            end = opening
            while end > 0, bytes[end - 1] == 0x20 { end -= 1 }
        }
        if end > 1, bytes[end - 1] == UInt8(ascii: "\"") {
            guard let opening = bytes[max(0, end - 256)..<(end - 1)].lastIndex(of: UInt8(ascii: "\"")) else {
                return nil
            }
            let quoted = bytes[(opening + 1)..<(end - 1)].filter { $0 != UInt8(ascii: "\\") }
            return quoted[...]
        }
        var start = end
        while start > 0, isLocalByte(bytes[start - 1]) { start -= 1 }
        return start < end ? bytes[start..<end] : nil
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private static func isLocalByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || "!#$%&'*+-./=?^_`{|}~".utf8.contains(byte)
    }
}

extension ForbiddenIdentities {
    /// The text in small letters of ASCII: what looks like one is one, and what is not shown is not there.
    private static func folded(_ text: String) -> [UInt8] {
        if TextFolding.isASCII(text) { return text.utf8.map(ASCII.lower) }
        var result: [UInt8] = []
        for scalar in (IdentitySpelling.plain(text) ?? text).unicodeScalars {
            if scalar.value < 0x80 {
                result.append(ASCII.lower(UInt8(scalar.value)))
            } else if let plain = letters[scalar] ?? digit(scalar) ?? styled(scalar) {
                result.append(plain)
            } else if scalar.properties.canonicalCombiningClass == .notReordered {
                result.append(TextFolding.isSpace(scalar) ? 0x20 : 0x7F)
            }
        }
        return result
    }

    /// Letters of Cyrillic and Greek that look like one of ASCII.
    private static let letters: [Unicode.Scalar: UInt8] = {
        var table: [Unicode.Scalar: UInt8] = [:]
        let pairs = [
            ("авекмнорстухіјѕԁһԛԝ", "abekmhopctyxijsdhqw"), ("АВЕКМНОРСТУХІЈЅ", "abekmhopctyxijs"),
            ("αβεζηικμνορτυχ", "abezhikmnoptyx"), ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abezhikmnoptyx"),
        ]
        for (foreign, plain) in pairs {
            for (scalar, byte) in zip(foreign.unicodeScalars, plain.utf8) { table[scalar] = byte }
        }
        return table
    }()

    private static func digit(_ scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.properties.numericType == .digit, let value = scalar.properties.numericValue else { return nil }
        return (0...9).contains(value) ? 0x30 + UInt8(value) : nil
    }

    /// Letters in circles and squares, and those of formulas in their thirteen styles.
    private static func styled(_ scalar: Unicode.Scalar) -> UInt8? {
        switch scalar.value {
        case 0x24B6...0x24E9: 0x61 + UInt8((scalar.value - 0x24B6) % 26)
        case 0x1D400...0x1D6A3: 0x61 + UInt8((scalar.value - 0x1D400) % 26)
        case 0x1F130...0x1F149: 0x61 + UInt8(scalar.value - 0x1F130)
        default: nil
        }
    }
}
