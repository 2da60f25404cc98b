import Core
import Policies
import Traffic

/// Identities in the spellings in which decisions recognise them, and where people and programs put them.
enum ExportSpellings {
    /// With check digits that are right, in capitals.
    static let accounts = [
        "DE89370400440532013000", "GB70BUKB00000077777777", "GB29NWBK60161331926819", "FR1420041010050500013M02606",
        "NO9386011117947", "MT84MALT011000012345MTLCAST001S", "BE68539007547034",
    ]
    static let others = ["eve@evil.org", "0x52908400098527886e0f7030069857d2e4169ee7", "GB70BUKB00000077777778"]
    /// What stands between two groups, also in a text.
    static let gaps = [
        " ", "-", ".", "\u{A0}", "\u{2003}", "\u{2007}", "\u{2009}", "\u{2010}", "\u{2011}", "\u{2013}", "\u{2015}",
        "\u{202F}",
    ]
    /// What does so only in a text that is an account and nothing else.
    static let wideGaps = ["  ", " - ", "\t", "\n", "\u{2212}", "\u{3000}", "\u{205F}", ". ", "\u{85}"]
    static let unseen = ["\u{200B}", "\u{AD}", "\u{2060}", "\u{FEFF}", "\u{FE0F}", "\u{34F}", "\u{E0041}", "\u{3164}"]
    /// The first of ten digits, of other scripts.
    static let digits: [UInt32] = [0xFF10, 0x660, 0x966, 0x1D7CE, 0x1D7F6, 0xA620]

    static func identity(_ dice: inout Dice) -> String {
        var text = dice.chance(85) ? dice.one(of: accounts) : dice.one(of: others)
        if dice.chance(40) { text = text.lowercased() }
        if dice.chance(25) { text = String(text.map { dice.chance(50) ? Character($0.lowercased()) : $0 }) }
        let share = dice.one(of: [0, 0, 8, 25, 100])
        if dice.chance(20), share > 0 { text = foreign(text, share, &dice) }
        if dice.chance(20) { text = grouped(text, [dice.one(of: unseen)], dice.one(of: [1, 4, 9]), &dice) }
        guard dice.chance(75) else { return text }
        let some = dice.chance(80) ? gaps : wideGaps
        let between = dice.chance(70) ? [dice.one(of: some)] : some
        return grouped(text, between, dice.one(of: [1, 2, 4, 4, 4, 5, 9]), &dice)
    }

    private static func grouped(_ text: String, _ gaps: [String], _ size: Int, _ dice: inout Dice) -> String {
        var result = ""
        for (at, scalar) in text.unicodeScalars.enumerated() {
            if at > 0, at.isMultiple(of: size) { result += dice.one(of: gaps) }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// With full-width letters and signs, and digits of other scripts.
    private static func foreign(_ text: String, _ share: Int, _ dice: inout Dice) -> String {
        let zero = dice.one(of: digits)
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let other = (48...57).contains(scalar.value) ? scalar.value - 48 + zero : scalar.value + 0xFEE0
            result.append(dice.chance(share) ? Unicode.Scalar(other) ?? scalar : scalar)
        }
        return String(result)
    }

    /// An identity alone or somewhere in a text of any class.
    static func text(_ dice: inout Dice) -> String {
        let identity = identity(&dice)
        let long = String(repeating: "much ", count: 14)
        return switch Int.random(in: 0..<12, using: &dice) {
        case 0, 1: identity
        case 2: dice.one(of: [" ", "-", "\n", "\u{A0}", "."]) + identity + dice.one(of: [" ", "-", "\n", "."])
        case 3: "pay \(identity)"
        case 4: "pay \(identity) now"
        case 5: "\(identity) now"
        case 6: "please pay \(long)to \(identity) and to nobody else"
        case 7: "please pay \(long)to \(identity)"
        case 8: "\(identity) is where \(long)goes\nby tomorrow"
        case 9: "/srv/data/\(dice.one(of: ["", "to-", "a/", "x_"]))\(identity)"
        case 10: "pay-\(identity)"
        default: "zur Überweisung an „\(identity)“, \(long)"
        }
    }

    static let write = ServerTool(server: "bank", tool: "send")
    static let read = ServerTool(server: "bank", tool: "look_up")
    static let place = ServerTool(server: "bank", tool: "read_file")
    static let names = ["short", "free", "token", "path", "number", "pattern", "all", "bound", "other"]

    /// Every way in which a text that no list has may pass, and a forbid of an account whose check digits are wrong.
    ///
    /// Of the arguments of the write it names one only, since some engines take short conditions only.
    static func policy(_ name: String) -> Policy {
        func open(_ path: String, _ classes: [ValueClass]) -> ArgumentRule {
            ArgumentRule(path: path, open: classes, maximumLength: 400)
        }
        let composed = [
            open("short", [.short]), open("free", [.free]), open("token", [.token]), open("path", [.path]),
            open("number", [.number, .date]), open("all", [.free, .short, .token, .path, .number, .date, .secret]),
            ArgumentRule(path: "pattern", patterns: ["/srv/data/*", "pay-*", "d*"]),
            ArgumentRule(
                path: "bound",
                values: [
                    CanonicalValue(text: accounts[0]), CanonicalValue(text: others[2]), CanonicalValue(text: "x"),
                ],
                domains: ["acme.com"]
            ),
        ]
        return Policy(
            name: "spellings",
            scope: .agent,
            rules: [
                Rule(
                    id: "send",
                    agent: "bot",
                    tool: write,
                    tier: .write,
                    arguments: composed.filter { $0.path == name }
                ),
                Rule(id: "look", agent: "bot", tool: read, tier: .read, arguments: [ArgumentRule(path: "free")]),
                Rule(
                    id: "file",
                    agent: "bot",
                    tool: place,
                    tier: .read,
                    arguments: [ArgumentRule(path: "path", patterns: ["/srv/data/*"])]
                ),
                Rule(
                    id: "never",
                    agent: "bot",
                    tool: write,
                    tier: .write,
                    effect: .forbid,
                    arguments: [ArgumentRule(path: "bound", values: [CanonicalValue(.account, others[2].lowercased())])]
                ),
            ]
        )
    }

    static var options: ExportOptions {
        let strings = ToolShape(arguments: Dictionary(uniqueKeysWithValues: names.map { ($0, .string) }))
        return ExportOptions(
            tools: [write: strings, read: strings, place: strings],
            spellings: (accounts + others).flatMap { [$0, $0.lowercased()] }
        )
    }

    static func call(_ name: String, _ dice: inout Dice) -> ExportSamples.Call {
        ExportSamples.Call(
            agent: "bot",
            tool: dice.one(of: [write, read, place]),
            arguments: [dice.chance(80) ? name : dice.one(of: names): .string(text(&dice))],
            isUsual: false
        )
    }
}
