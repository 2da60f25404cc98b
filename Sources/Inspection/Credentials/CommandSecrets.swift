/// Secrets on command lines that stand in a text: `mysql -pX`, `sshpass -p X`, `curl -u bob:X`.
///
/// What an option means is known of these programs alone; in other words of a text a dash says nothing.
extension Credentials {
    static let programs: Set<String> = [
        "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "sshpass", "curl", "redis-cli", "mongosh",
        "mongo",
        "mongodump", "plink",
    ]
    /// Programs that take a password only at its option; what follows as a word of its own is a database.
    private static let attachedOnly: Set<String> = ["mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"]
    /// Words of one command that are looked at.
    private static let longestCommand = 64

    /// The values that a command in the text is given as secrets, in the order of the text.
    static func commandSecrets(in bytes: [UInt8]) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var command: (program: String, flags: PasswordFlags)?
        var count = 0
        var previous: String?
        var at = 0
        while at < bytes.count {
            guard bytes[at] > 0x20 else {
                if bytes[at] == 0x0A { command = nil }
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, bytes[at] > 0x20 { at += 1 }
            guard let word = bare(bytes, start..<at) else {
                command = nil
                continue
            }
            if let current = command {
                count += 1
                if let secret = secret(bytes, word, after: previous, current.program, current.flags) {
                    matches.append(CredentialMatch(kind: .named, range: secret))
                }
                previous = bytes[word.lowerBound] == UInt8(ascii: "-") ? text(bytes, word) : nil
                if count >= longestCommand { command = nil }
            } else if word.count <= 32, bytes[word.lowerBound] != UInt8(ascii: "-") {
                let name = text(bytes, word).split(separator: "/").last.map(String.init) ?? ""
                if programs.contains(name) {
                    (command, count, previous) = ((name, PasswordFlags([name])), 0, nil)
                }
            }
        }
        return matches
    }

    private static func secret(
        _ bytes: [UInt8],
        _ word: Range<Int>,
        after option: String?,
        _ program: String,
        _ flags: PasswordFlags
    ) -> Range<Int>? {
        if bytes[word.lowerBound] == UInt8(ascii: "-") {
            guard word.count <= 256, let (_, value, kind) = flags.attached(text(bytes, word)) else { return nil }
            return secret(bytes, word.upperBound - value.utf8.count..<word.upperBound, kind)
        }
        guard let option, let kind = flags.value(after: option) else { return nil }
        if attachedOnly.contains(program), kind == .password { return nil }
        return secret(bytes, word, kind)
    }

    private static func secret(_ bytes: [UInt8], _ value: Range<Int>, _ kind: PasswordFlags.Value) -> Range<Int>? {
        switch kind {
        case .password: return isOpen(bytes, value) ? value : nil
        case .account(let separator):
            guard let sign = bytes[value].firstIndex(of: separator), sign + 1 < value.upperBound else { return nil }
            return isOpen(bytes, sign + 1..<value.upperBound) ? sign + 1..<value.upperBound : nil
        case .passwordOrPort, .doubtful: return nil
        }
    }

    /// A word without the quotes around it; nil where it ends the command.
    private static func bare(_ bytes: [UInt8], _ word: Range<Int>) -> Range<Int>? {
        let quotes: Set<UInt8> = [0x22, 0x27, 0x60]
        var (start, end) = (word.lowerBound, word.upperBound)
        while start < end, quotes.contains(bytes[start]) { start += 1 }
        while end > start, quotes.contains(bytes[end - 1]) { end -= 1 }
        guard start < end, !"|;&".utf8.contains(bytes[start]) else { return nil }
        return start..<end
    }

    private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}
