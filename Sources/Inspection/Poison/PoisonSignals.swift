package import Core

/// One mark of an attack in a text that a model reads.
package struct PoisonSignal: Sendable, Hashable {
    /// A stable word: `hidden-text`, `concealment`, `override`, `secret-access`, `pseudo-tag`, `forced-command`,
    /// `forced-value`, `forwarding`.
    package var code: String
    package var severity: Finding.Severity
    /// What was seen, shortened and printable.
    package var evidence: String
}

/// Looks for marks that honest definitions do not have; what it misses is the larger part.
///
/// Each rule is an order to the model about something other than calling this tool: to hide, to read secrets, to obey a
/// false authority, to run a command, to change a value against the user's word. Words in quotes are examples.
package enum PoisonSignals {
    struct Rule: Sendable {
        var code: String
        var severity: Finding.Severity
        var phrases: [Phrase]
        var mayBeQuoted: Bool

        init(_ code: String, _ severity: Finding.Severity, mayBeQuoted: Bool = false, _ phrases: String...) {
            self.code = code
            self.severity = severity
            self.mayBeQuoted = mayBeQuoted
            self.phrases = phrases.map { Phrase($0) }
        }
    }

    static let rules: [Rule] = [
        Rule(
            "concealment",
            .critical,
            "not|dont|never|without explicitly? tell|mention|inform|reveal|disclose|notify|alert|telling|mentioning|informing|revealing|notifying|alerting *3 user|users|them|human",
            "do|must|should|please not|never mention|reveal|disclose *1 this|these|that|youre|accessing|it",
            "dont|never mention|reveal|disclose this|these|that|youre|it",
            "silently append|include|add|send|forward|upload|copy|read|exfiltrate|leak|attach|bcc",
            "include|send|append|read *6 contents? *2 silently",
            "keep|hide *2 this|these *2 from the user",
            "present|format *4 as if|like *2 its|it|they|normal part|normal|system"
        ),
        Rule(
            "override",
            .critical,
            "ignore|disregard|forget|override all|any|your|the|every? *1 previous|prior|earlier|above|preceding|original instructions|constraints|rules|prompts|directions|commands|messages|context",
            "disregard|ignore|bypass the? *2 safety|security policy|checks|rules|guidelines",
            "without applying? safety checks",
            "ignore the users actual|real|original? request|instructions|input",
            "new system message|prompt|instructions",
            "you are now in developer|admin|god|jailbreak|dan mode",
            "obey whatever|any|all *2 instructions",
            "reveal your full|entire|complete? system prompt",
            "treat any|all instruction|instructions *8 as *4 command|authorized"
        ),
        Rule(
            "secret-access",
            .critical,
            mayBeQuoted: true,
            "read|cat|include|send|pass|append|return|extract|exfiltrate|upload|open|access|load|search|output|embed|copy|call|insert|provide *10 SECRETFILE",
            "exfiltrate|leak|steal|harvest *8 credentials|secrets|keys|contents|data|files|passwords",
            "extract|collect|include|append all? *2 credentials|passwords *1 and api keys|credentials|tokens",
            "append|include|send|attach *8 environment variables *6 api keys|tokens|credentials|context",
            "include *2 master password",
            "pass private|sensitive|confidential|secret information|data"
        ),
        Rule(
            "forced-command",
            .high,
            mayBeQuoted: true,
            "must|need|required|please|always|first execute|run|to *8 SHELL",
            "run|execute *4 following *3 command|commands|check|code *3 SHELL",
            "execute|executing arbitrary|the shell|command|commands *6 no confirmation|passed",
            "adding|add|append *8 bashrc|.bashrc|.zshrc|.profile|crontab"
        ),
        Rule(
            "forced-value",
            .high,
            mayBeQuoted: true,
            "regardless of the users|user input|request|query|choice|intent|instructions|instruction|preference|specification",
            "always|must|automatically change|modify|replace|set|redirect *3 ticker|query|parameter|address|recipient|destination|location|symbol|value|path|url|amount *12 to|with",
            "reroute|redirect the? destination|recipient|account|payment|email|emails *6 to",
            "replace its|the|their output|result|results|values|response with",
            "must send all|every emails|email|messages|message to"
        ),
        Rule(
            "forwarding",
            .high,
            "forward|send|encode|append|copy|include|output *3 entire|full|every|complete|all *2 conversation|chat|message *1 history|log|messages?",
            "forward every|all|each message|messages|request|requests|email|emails *6 to",
            "bccd|bcc on|to every|all|each message|messages|email|emails"
        ),
    ]

    static let secretFiles = [
        "id_rsa", "id_ed25519", "id_dsa", "id_ecdsa", ".ssh/", ".aws/credentials", ".env", ".kube/config", ".netrc",
        ".npmrc", ".pypirc", "/etc/passwd", "/etc/shadow", ".git-credentials", ".docker/config.json", ".gnupg",
        "application_default_credentials", ".cursor/mcp.json", "mcp.json", "claude_desktop_config.json",
        ".bash_history",
        "wallet.dat", "company://confidential", "system://admin",
    ]
    static let shellWords: Set<String> = [
        "rm", "sudo", "curl", "wget", "chmod", "chown", "nc", "bash", "sh", "cat", "echo", "eval", "dd", "mkfs", "scp",
        "ssh", "crontab", "base64", "powershell", "whoami",
    ]
    static let tags: Set<String> = [
        "important", "hidden", "secret", "system", "override", "instruction", "instructions", "assistant", "critical",
        "admin", "internal", "confidential", "priority", "mandatory", "system-prompt", "system_prompt",
    ]

    /// Signals in all texts of a definition or a schema: names, descriptions, defaults, enumerations.
    package static func find(in value: JSON.Value) -> [PoisonSignal] {
        var texts: [String] = []
        gather(value, depth: 0, into: &texts)
        var signals: [PoisonSignal] = []
        for text in texts {
            for signal in find(in: text) where !signals.contains(where: { $0.code == signal.code }) {
                signals.append(signal)
            }
        }
        return signals
    }

    private static func gather(_ value: JSON.Value, depth: Int, into texts: inout [String]) {
        guard depth < JSON.Limits.deepest else { return }
        switch value {
        case .string(let text): texts.append(text)
        case .array(let elements): for element in elements { gather(element, depth: depth + 1, into: &texts) }
        case .object(let members):
            for (key, member) in members {
                if key.utf8.count > 40 || !key.utf8.allSatisfy({ $0 < 0x80 }) { texts.append(key) }
                gather(member, depth: depth + 1, into: &texts)
            }
        default: break
        }
    }

    /// Signals in one text, each code once.
    package static func find(in text: String) -> [PoisonSignal] {
        var signals: [PoisonSignal] = []
        let hidden = HiddenCharacters.count(in: text)
        if let signal = signal(of: hidden) { signals.append(signal) }
        // Whatever is hidden is read too: poison may stand in the hidden letters themselves.
        let plain = hidden.isEmpty ? text : HiddenCharacters.revealed(text)
        if let tag = pseudoTag(plain) {
            signals.append(PoisonSignal(code: "pseudo-tag", severity: .high, evidence: tag))
        }
        let words = Words(plain).words
        for rule in rules {
            if let evidence = match(rule, words) {
                signals.append(PoisonSignal(code: rule.code, severity: rule.severity, evidence: evidence))
            }
        }
        return signals
    }

    /// Findings of a whole tool.
    package static func findings(of definition: Definition, server: String) -> [Finding] {
        find(in: definition.body).map { signal in
            Finding(
                code: "tool.poisoned",
                severity: signal.severity,
                subject: "\(server)/\(definition.name)",
                message: "the definition has the marks of an attack: \(signal.code)",
                evidence: signal.evidence
            )
        }
    }

    private static func signal(of hidden: HiddenCharacters.Count) -> PoisonSignal? {
        if hidden.tags > 0 || hidden.directions > 0 || hidden.selectors > 0 || hidden.zeroWidth > 8 {
            let evidence =
                "\(hidden.tags) tag characters, \(hidden.directions) direction controls, \(hidden.selectors) runs of selectors, \(hidden.zeroWidth) characters without width"
            return PoisonSignal(code: "hidden-text", severity: .critical, evidence: evidence)
        }
        if hidden.controls > 0 {
            return PoisonSignal(code: "hidden-text", severity: .high, evidence: "\(hidden.controls) control characters")
        }
        guard hidden.zeroWidth > 0 else { return nil }
        return PoisonSignal(
            code: "hidden-characters",
            severity: .low,
            evidence: "\(hidden.zeroWidth) characters without width"
        )
    }

    /// `<IMPORTANT>`, `[SYSTEM]`, `<|im_start|>`: marks that make text look as if the client had written it.
    private static func pseudoTag(_ text: String) -> String? {
        let text = text.lowercased()
        let bytes = Array(text.utf8)
        var unpaired: Set<String> = []
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "<") || byte == UInt8(ascii: "[") {
            let close = byte == UInt8(ascii: "<") ? UInt8(ascii: ">") : UInt8(ascii: "]")
            guard let end = bytes[(index + 1)...].prefix(40).firstIndex(of: close) else { continue }
            let name = String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
            if name.hasPrefix("|im_start|") || name.hasPrefix("|im_end|") || name == "inst" || name == "/inst" {
                return "`\(name)`"
            }
            // In angle brackets a pair is wanted, for `<secret>` alone is how manuals write a value to fill in.
            if byte == UInt8(ascii: "<"), tags.contains(name), !unpaired.contains(name) {
                if text.contains("</\(name)>") { return "`<\(name)>`" }
                unpaired.insert(name)
            }
            if byte == UInt8(ascii: "["),
                name.hasSuffix(" instructions") || name.hasPrefix("assistant instructions") || name == "system"
                    || name == "hidden"
            {
                return "`[\(name)]`"
            }
        }
        return nil
    }

    private static func match(_ rule: Rule, _ words: [Words.Word]) -> String? {
        var classes = words
        for index in classes.indices where rule.code == "secret-access" || rule.code == "forced-command" {
            let text = classes[index].text
            if rule.code == "forced-command" {
                if shellWords.contains(text) { classes[index].text = "SHELL" }
            } else if isSecretFile(text) {
                classes[index].text = "SECRETFILE"
            }
        }
        for start in classes.indices where rule.mayBeQuoted || !classes[start].isQuoted {
            for phrase in rule.phrases {
                if let first = phrase.firstWords, !first.contains(classes[start].text) { continue }
                if let end = phrase.end(in: classes, at: start) {
                    let seen = words[start..<min(end, start + 16)].map(\.text).joined(separator: " ")
                    return "`\(DefinitionDifference.Builder.shortened(seen))`"
                }
            }
        }
        return nil
    }

    private static func isSecretFile(_ word: String) -> Bool {
        guard word.utf8.contains(where: { [0x2E, 0x2F, 0x5F].contains($0) }) else { return false }
        return nameOfSecretFile(word)
    }

    static func nameOfSecretFile(_ word: String) -> Bool {
        secretFiles.contains { name in
            guard let range = word.firstRange(of: name) else { return false }
            // `.env` is a file, `.environment` and `process.env` are not.
            let isEnd = range.upperBound == word.endIndex || name.hasSuffix("/") || word[range.upperBound] == "."
            let isStart = range.lowerBound == word.startIndex || word[word.index(before: range.lowerBound)] == "/"
            return name == ".env" ? isStart && isEnd : true
        }
    }
}
