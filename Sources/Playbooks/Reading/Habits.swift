import Core

/// What people write who know other tools, and what it is called here.
enum Habits {
    static func help(for key: String, in record: String) -> String? {
        switch (record, key) {
        case ("step", "run"), ("step", "shell"), ("step", "script"):
            "commands are hooks of `lockstep.yaml`: `uses: exec.run` with the name of a `hook`"
        case ("step", "timeout-minutes"): "write `timeout: 30m`"
        case ("step", "when"), ("step", "condition"): "write `if`"
        case ("step", "depends_on"), ("step", "depends-on"), ("step", "dependsOn"): "write `needs`"
        case ("step", "loop"), ("step", "with_items"), ("step", "matrix"), ("step", "strategy"): "write `for-each`"
        case ("step", "env"): "an action is given values by `with`"
        case ("gate", "msg"): "did you mean `message`?"
        case ("approval", "form"):
            "a vote carries a `reason` and a `ticket`; other answers are not asked for in this version"
        case ("schedule", "cron"):
            "nothing starts a run by itself: let cron or a timer call `lockstep run`"
        case ("approval", "timeout"): "write `expires`"
        case ("gate", "timeout"): "write `within`"
        case ("approval", "quorum"): "the number of votes is `min`"
        case ("window", "timezone"), ("window", "zone"): "did you mean `tz`?"
        case ("playbook", "phases"): "phases belong to a document with `kind: Roadmap`"
        case ("playbook", "jobs"): "a playbook has one list of `steps` and no jobs"
        case ("roadmap", "steps"): "steps belong to a document with `kind: Playbook`"
        default: nil
        }
    }

    /// A known value that the text spells in another way.
    static func choice(for text: String, among known: [String]) -> String? {
        let words = [
            "int": "integer", "array": "list", "str": "string", "bool": "boolean", "float": "number", "object": "map",
            "dict": "map", "double": "number", "stop": "abort", "approve": "escalate", "approved": "escalate",
            "dry-run": "simulate", "comment": "reason", "pass": "pause", "cancel": "cancel-running",
        ]
        let plain = text.lowercased()
        if known.contains(String(plain.prefix(3))), plain.hasSuffix("day") { return String(plain.prefix(3)) }
        if let word = words[plain], known.contains(word), nearest(to: text, in: known) == nil { return word }
        return nil
    }

    /// Zones that are suggested; any of the database is accepted.
    static let zones = [
        "Europe/Berlin", "Europe/London", "Europe/Paris", "Europe/Madrid", "Europe/Rome", "Europe/Zurich",
        "Europe/Vienna", "Europe/Amsterdam", "Europe/Stockholm", "Europe/Warsaw", "Europe/Athens", "Europe/Kyiv",
        "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto",
        "America/Sao_Paulo", "Asia/Tokyo", "Asia/Shanghai", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai",
        "Asia/Kathmandu", "Australia/Sydney", "Africa/Johannesburg", "Pacific/Auckland", "UTC",
    ]
}

/// The spelling of a duration that somebody probably meant.
enum DurationHelp {
    private static let seconds: [(names: [String], seconds: Int)] = [
        (["ms", "msec", "millisecond"], 0), (["s", "sec", "second"], 1), (["m", "min", "minute"], 60),
        (["h", "hr", "hour"], 3600), (["d", "day"], 86_400), (["w", "wk", "week"], 604_800),
    ]

    static func short(for text: String) -> String {
        let form = "write a whole number above 0 and `ms`, `s`, `m`, `h` or `d`, as in `30m`"
        guard let meant = meaning(of: text) else { return form }
        let units: [(String, Int)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        guard let unit = units.first(where: { meant % $0.1 == 0 }) else { return form }
        return "write `\(meant / unit.1)\(unit.0)`"
    }

    static func iso(for text: String) -> String {
        let form = "write weeks or days from the start, as in `P4W` or `P10D`"
        guard let meant = meaning(of: text), meant % 3600 == 0 else { return form }
        if text.contains("w"), meant % 604_800 == 0 { return "write `P\(meant / 604_800)W`" }
        if meant % 86_400 == 0 { return "write `P\(meant / 86_400)D`" }
        return "write `PT\(meant / 3600)H`"
    }

    /// Seconds, from `90`, `2w`, `1h30m`, `30 minutes`, `PT30M`.
    private static func meaning(of text: String) -> Int? {
        guard text.utf8.count <= 24 else { return nil }
        if let iso = Duration(iso8601: text) { return iso > .zero ? Int(iso.components.seconds) : nil }
        var rest = Substring(text.lowercased())
        var total = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, digits.utf8.count <= 6, let count = Int(digits) else { return nil }
            rest = rest.dropFirst(digits.count).drop { $0 == " " }
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(letters.count).drop { $0 == " " }
            var name = String(letters)
            if name.utf8.count > 2, name.hasSuffix("s") { name.removeLast() }
            if name.isEmpty, total == 0, rest.isEmpty { return count > 0 ? count : nil }
            guard let unit = seconds.first(where: { $0.names.contains(name) }), unit.seconds > 0 else { return nil }
            total += count * unit.seconds
        }
        return total > 0 ? total : nil
    }
}

/// Rules for names that expressions can spell.
enum Names {
    /// Variables that every expression may see.
    static let roots = ["inputs", "steps", "vars", "secrets", "metrics", "run", "now", "exceptions", "phase"]
    static let hostFunctions = ["phase", "days", "weeks", "coverage"]
    /// Words that CEL's grammar reserves (cel-spec, "Syntax").
    private static let reserved: Set<String> = [
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ]

    static func fault(in name: String) -> (message: String, help: String)? {
        if reserved.contains(name) {
            return (
                "\(quoted(name)) is a reserved word of expressions", "use another name, such as \(quoted(name + "_"))"
            )
        }
        guard !TextRule.name.accepts(name) else { return nil }
        if name.utf8.count > 63, name.utf8.allSatisfy({ $0 < 128 }) {
            return ("\(quoted(name)) is too long for a name", "a name has at most 63 characters")
        }
        if name.contains("-"), let slug = slug(of: name, joint: "_") {
            return ("\(quoted(name)) would be a subtraction in expressions", "use \(quoted(slug))")
        }
        let help = slug(of: name, joint: "_").map { "use \(quoted($0))" } ?? "a name is " + TextRule.name.inWords
        return ("\(quoted(name)) is not a name", help)
    }

    static func shadowing(_ name: String) -> (message: String, help: String)? {
        if let fault = fault(in: name) { return fault }
        guard roots.contains(name) else { return nil }
        return ("\(quoted(name)) would hide \(quoted(name)) of every expression", "use another name, such as `item`")
    }

    /// The text as a name, where only case, blanks and joints are wrong.
    static func slug(of text: String, joint: Character) -> String? {
        let slug = String(text.lowercased().map { " -_.".contains($0) ? joint : $0 }.prefix(63))
        let rule: TextRule = joint == "_" ? .name : .slug
        return rule.accepts(slug) && slug != text ? slug : nil
    }
}
