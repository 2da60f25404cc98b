/// What a server says about its own tool (MCP `annotations`).
package struct ToolHints: Sendable, Hashable {
    package var readOnly: Bool?
    package var destructive: Bool?
    package var openWorld: Bool?
    /// Somebody vouches for this server's words, at this definition; without that a hint can only make a tool stricter.
    package var isTrusted: Bool

    package init(readOnly: Bool? = nil, destructive: Bool? = nil, openWorld: Bool? = nil, isTrusted: Bool = false) {
        self.readOnly = readOnly
        self.destructive = destructive
        self.openWorld = openWorld
        self.isTrusted = isTrusted
    }
}

extension ToolTier {
    /// Guesses what a tool can do by the verb in its name, and by what its server says of it.
    ///
    /// What has no known verb is a write. A server's own hints make a tool stricter, and milder only where somebody
    /// vouches for the server.
    /// The name of a server that goes out into the world makes its reads open: `fetch/get`.
    package static func classify(tool: String, server: String = "", hints: ToolHints? = nil) -> ToolTier {
        var named = byName(tool)
        if named == .read, words(of: server).contains(where: outside.contains) { named = .openRead }
        guard let hints else { return named }
        var hinted = named
        if hints.destructive == true, hints.readOnly != true {
            hinted = .destructive
        } else if hints.readOnly == false, hinted <= .openRead {
            hinted = .write
        } else if hints.openWorld == true, hinted == .read {
            hinted = .openRead
        }
        guard hints.isTrusted else { return max(named, hinted) }
        if hints.readOnly == true { return hints.openWorld == false ? .read : max(.openRead, min(named, .openRead)) }
        if hints.destructive == false, named == .destructive { return .write }
        return hinted
    }

    private static let reads: Set<String> = [
        "get", "list", "search", "read", "find", "check", "view", "show", "query", "count", "lookup", "describe",
        "calculate", "compute", "think", "is", "has", "retrieve", "load", "ls", "cat", "grep", "peek", "stat",
        "inspect",
        "summarise", "explain", "validate", "estimate", "convert", "compare", "examine",
    ]

    /// Reading verbs that are hardly ever nouns, so that a name may stand before them: `calendar_get_events`.
    private static let clearReads: Set<String> = ["get", "list", "search", "find", "describe", "retrieve", "lookup"]

    private static let writes: Set<String> = [
        "add", "create", "make", "new", "set", "put", "post", "send", "write", "update", "edit", "modify", "change",
        "append", "insert", "upload", "save", "store", "move", "copy", "rename", "share", "invite", "assign", "book",
        "reserve", "schedule", "reschedule", "register", "submit", "publish", "reply", "forward", "merge", "push",
        "commit", "run", "execute", "exec", "eval", "start", "stop", "enable", "disable", "approve", "grant", "mark",
        "star", "sort", "import", "export", "sync", "apply", "deploy", "install", "replace", "toggle", "open", "close",
        "clear", "checkout", "do", "call", "invoke", "trigger", "subscribe", "follow", "like", "join", "leave",
        "archive",
    ]

    private static let destructions: Set<String> = [
        "delete", "remove", "cancel", "drop", "destroy", "purge", "transfer", "pay", "wire", "buy", "purchase",
        "terminate", "revoke", "reset", "erase", "wipe", "kill", "truncate", "uninstall", "refund", "withdraw",
        "unlink",
        "rm", "rmdir", "shutdown", "overwrite", "deactivate", "ban", "sell",
    ]

    private static let worth: Set<String> = ["money", "payment", "payments", "funds", "crypto", "donation"]

    /// Parts of names that mean the world outside, wherever they stand.
    private static let outside = [
        "web", "http", "url", "fetch", "browse", "crawl", "download", "visit", "internet", "site", "curl",
    ]

    private static func byName(_ tool: String) -> ToolTier {
        let words = words(of: tool)
        guard let first = words.first else { return .write }
        if destructions.contains(first) { return .destructive }
        if writes.contains(first), words.contains(where: worth.contains) { return .destructive }
        let lower = tool.lowercased()
        if outside.contains(where: lower.contains) { return .openRead }
        if reads.contains(first) { return .read }
        guard words.count > 1, !writes.contains(first) else { return .write }
        if destructions.contains(words[1]) { return .destructive }
        return clearReads.contains(words[1]) ? .read : .write
    }

    /// `getUserInfo`, `get-user.info` and `GET_USER_INFO` are three words each.
    private static func words(of tool: String) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var previous: UInt8 = 0
        func flush() {
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            word.removeAll()
        }
        for byte in tool.utf8.prefix(256) {
            if !ASCII.isLetter(byte) {
                flush()
            } else {
                if ASCII.isUpper(byte), ASCII.isLetter(previous), !ASCII.isUpper(previous) { flush() }
                word.append(byte | 0x20)
            }
            previous = byte
        }
        flush()
        return words
    }
}
