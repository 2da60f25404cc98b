/// What the options of well-known programs take: some letters mean a password to one program and a port to the next.
///
/// The meanings are those of the programs' own manuals. A short option of an unknown program is judged by its value,
/// and by whether the same command names a user.
package struct PasswordFlags: Sendable {
    /// What the word after an option is.
    package enum Value: Sendable, Hashable {
        /// `user:password`; what stands before the separator may be shown.
        case account(separator: UInt8)
        /// A password, whatever it looks like.
        case password
        /// A password unless it is a number, which then is a port.
        case passwordOrPort
        /// A password unless it looks like an ordinary word, a path, a version or a number.
        case doubtful
    }

    private static let passwordPrograms: [String: Set<String>] = [
        "mysql": ["p"], "mysqldump": ["p"], "mysqladmin": ["p"], "mysqlsh": ["p"], "mariadb": ["p"],
        "mariadb-dump": ["p"], "mongo": ["p"], "mongosh": ["p"], "mongodump": ["p"], "mongoexport": ["p"],
        "sshpass": ["p"], "cqlsh": ["p"], "cypher-shell": ["p"], "rabbitmqadmin": ["p"], "arangosh": ["p"],
        "7z": ["p"], "7za": ["p"], "login": ["p"], "redis-cli": ["a"], "valkey-cli": ["a"], "ldapsearch": ["w"],
        "ldapmodify": ["w"], "plink": ["pw"], "pscp": ["pw"], "putty": ["pw"], "sqlcmd": ["P"], "bcp": ["P"],
        "tsql": ["P"], "zip": ["P"], "unzip": ["P"], "mosquitto_pub": ["P"], "mosquitto_sub": ["P"],
        "impala-shell": [], "influx": ["password"],
    ]
    private static let families: [String: Set<String>] = [
        "mysql": ["p"], "mariadb": ["p"], "mongo": ["p"], "mongodb": ["p"], "redis": ["a"], "ldap": ["w"],
        "mssql": ["P"], "cassandra": ["p"], "neo4j": ["p"], "rabbitmq": ["p"],
    ]
    private static let accountFlags: Set<String> = [
        "u", "U", "user", "proxy-user", "userpwd", "basic", "basic-auth", "proxy-userpwd", "account",
    ]
    private static let userFlags: Set<String> = ["u", "U", "user", "username", "user-name", "uid", "login-user"]
    /// Options that begin with a `p` and are no password with its flag.
    private static let longOnes = ["port", "prof", "proj", "prot", "prov", "prox", "path", "pid", "pre", "prod", "pub"]

    /// Programs of this command whose short options are known.
    private var programs: [String] = []
    private var namesUser = false
    private var related: Set<String> = []

    /// Learns the programs and options of a whole command line; only its words after `start` are the program's own.
    package init(_ words: some Collection<String>) {
        for word in words {
            if word.hasPrefix("-") {
                let flag = word.drop { $0 == "-" }.prefix { $0 != "=" }
                if Self.userFlags.contains(String(flag)) { namesUser = true }
                continue
            }
            let base = (word.split { $0 == "/" || $0 == "\\" }.last.map { $0.lowercased() } ?? "")
            let name = base.hasSuffix(".exe") ? String(base.dropLast(4)) : base
            if Self.passwordPrograms[name] != nil || ["curl", "smbclient", "lftp", "http", "https"].contains(name) {
                programs.append(name)
            }
            for part in name.split(whereSeparator: { !$0.isLetter && !$0.isNumber }).prefix(16) {
                if let flags = Self.families[String(part)] { related.formUnion(flags) }
            }
        }
    }

    /// What the word after this option is, or nil where the option takes none that could be a secret.
    package func value(after word: some StringProtocol) -> Value? {
        guard word.hasPrefix("-"), word.utf8.count > 1 else { return nil }
        let flag = String(word.drop { $0 == "-" })
        if programs.contains("smbclient"), flag == "U" { return .account(separator: UInt8(ascii: "%")) }
        if programs.contains("lftp"), flag == "u" { return .account(separator: UInt8(ascii: ",")) }
        if flag == "a", programs.contains(where: { $0 == "http" || $0 == "https" }) {
            return .account(separator: UInt8(ascii: ":"))
        }
        let isShort = !word.hasPrefix("--")
        if isShort, programs.contains(where: { Self.passwordPrograms[$0]?.contains(flag) == true }) {
            return .password
        }
        if Self.accountFlags.contains(flag) { return .account(separator: UInt8(ascii: ":")) }
        if isShort, related.contains(flag) { return .passwordOrPort }
        if isShort, flag == "p" || flag == "pw" { return namesUser ? .passwordOrPort : .doubtful }
        return nil
    }

    /// The option and the value of a word that holds both: `-psecret`, `-uana:secret`.
    package func attached(_ word: String) -> (flag: String, value: String, kind: Value)? {
        guard word.hasPrefix("-"), !word.hasPrefix("--"), word.utf8.count > 3, !word.contains("=") else { return nil }
        let flag = String(word.prefix(2))
        let rest = String(word.dropFirst(2))
        switch value(after: flag) {
        case .password: return (flag, rest, .password)
        case .passwordOrPort:
            let isOption = Self.longOnes.contains { word.dropFirst().hasPrefix($0) }
            return isOption || Self.isOrdinary(rest) ? nil : (flag, rest, .passwordOrPort)
        case .account(let separator): return (flag, rest, .account(separator: separator))
        case .doubtful, nil: return nil
        }
    }

    /// Whether a value is a number, or numbers with colons between, as ports are written.
    package static func isPort(_ value: some StringProtocol) -> Bool {
        value.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ":") }
    }

    /// Whether a value looks like what people write beside options: a word, a number, a version, a path, a switch.
    package static func isOrdinary(_ value: some StringProtocol) -> Bool {
        if value.isEmpty || value.hasPrefix("-") || SecretNames.isReference(value) { return true }
        if value.contains("/") || value.contains("\\") || value.hasPrefix(".") || value.hasPrefix("~") { return true }
        let text = value.utf8.first == UInt8(ascii: "v") ? value.dropFirst() : value[...]
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2E, 0x3A, 0x2D].contains($0) }) {
            return true
        }
        for piece in value.utf8.split(whereSeparator: { [0x2D, 0x2E, 0x5F, 0x2C, 0x40].contains($0) }) {
            let isNumber = piece.allSatisfy { (0x30...0x39).contains($0) }
            let isWord = piece.dropFirst().allSatisfy { (0x61...0x7A).contains($0) } && Self.isLetter(piece.first)
            let isCapital = piece.allSatisfy { (0x41...0x5A).contains($0) }
            guard isNumber || isWord || isCapital else { return false }
        }
        return true
    }

    private static func isLetter(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
