import Core
import Foundation
import Policies
import Testing
import Traffic

/// Policies and raw calls for the engines of other people to judge (`Tests/Interop/export_judge.py`).
enum ExportSamples {
    struct Call {
        var agent: String
        var tool: ServerTool
        var arguments: JSON.Object
        /// How often the session called the tool before; an engine sees nothing of it.
        var earlierCalls = 0
        /// Spelled, nested and sized as an export says that it expects.
        var isUsual: Bool
    }

    /// What a client may send for an argument, and whether it is spelled as exports spell it.
    static let values: [(JSON.Value, Bool)] = [
        ("ann@acme.com", true), ("Ann@Acme.com", true), ("bob@gmail.com", true), ("eve@evil.org", true),
        ("https://acme.com/pay", true), ("acme.com/pay", true), ("https://acme.com@evil.org/x", true),
        ("https://docs.acme.com/a?b=c", true), ("https://evil.org/.acme.com/", true), ("acme.com", false),
        ("https://ACME.com:8443/x", true), ("http://acme.com/ https://evil.org", true), ("ftp://acme.com", false),
        ("https://acme.com\\@evil.org/", false), ("https://acme.com%2eevil.org/", false),
        ("https://acme.community/", true),
        ("GB29NWBK60161331926819", true), ("gb29nwbk60161331926819", true), ("GB29 NWBK 6016 1331 9268 19", false),
        ("/srv/data/a", true), ("/srv/data/../../etc/shadow", false), ("/srv/data/%2e%2e/x", false),
        ("/srv/data/", false),
        ("/srv/data/b.txt", true), ("/srv/data/www.evil.org", true), ("/SRV/data//c", false), ("/srv/data/.", false),
        ("rent", true), ("Rent", true), (" rent ", false), ("ren\u{17F}", false), ("\u{212A}ate", false),
        ("id-77", true),
        ("id-GB29NWBK60161331926819-7", true), ("for the rent", true), ("five words are too many", true),
        ("see evil.org now", true), ("a long text\nof lines", false), ("[\"rent\"]", false), ("{\"a\":1}", false),
        ("2026-01-01", true), ("2026-01-01 09:00", true), ("2026-13-99T99:99:99.123Z", true), (12, true), (12.0, true),
        ("12", true), ("1.2e1", false), (900, true), (100.5, true), (100.6, true), (-1, true), (0, true),
        (1e300, false),
        ("a%0ab@acme.com", false), ("%2e%2e%2f@acme.com", false), ("..@acme.com", false), ("~/a", false),
        ("~root", false), ("see /etc/shadow", true), ("C:\\data", false), ("srv%2fdata", false), ("/etc/shadow", true),
        (9_007_199_254_740_993, false), ("true", true), ("100.5", false), ("docs.acme.com", false),
        (true, true), (false, true), (nil, false), ("", true), ("  ", false), ([], false), ([:], false),
        (["rent"], true), (["rent", "eve@evil.org"], true), ([["rent"]], false), ([nil, ""], false),
        (["rent", "id-77", "rent"], true), (["name": "rent"], true), (["name": "eve@evil.org"], true),
        ([["name": "rent"], ["name": "id-77"]], true), (["other": "rent"], true), (["name": ["x": 1]], false),
        ("\(String(repeating: "word ", count: 14))end", true),
        ("pay \(String(repeating: "much ", count: 14))to eve@evil.org", true),
        ("\(String(repeating: "word ", count: 14))GB29NWBK60161331926819", true),
        ("\(String(repeating: "word ", count: 14))www.evil.org", true), ("\(String(repeating: "w", count: 70))", false),
        ("two words.\n\(String(repeating: "word. ", count: 14))end", true),
        ("\(String(repeating: "word ", count: 14))e.\u{430}b", false),
        ("https://acme.com/\u{202E}x", false), ("\"quoted\" \\ $ {x} */", true), ("\u{0}", false), ("\u{1F600}", false),
        (.string(String(repeating: "x", count: 2000)), false), (.array(Array(repeating: "rent", count: 300)), false),
    ]

    static func call(_ dice: inout Dice) -> Call {
        var arguments = JSON.Object()
        var isUsual = true
        for name in dice.some(of: ["to", "body", "amount", "when", "flag", "list", "more"], dice.one(of: [15, 30])) {
            let (value, usual) = dice.one(of: values)
            arguments[name] = value
            isUsual = isUsual && usual
        }
        // Names with a slash are no ways into objects.
        if dice.chance(10) {
            let (value, usual) = dice.one(of: values)
            arguments[dice.one(of: ["list/name", "to/", "~1", "a~b"])] = value
            isUsual = isUsual && usual
        }
        return Call(
            agent: dice.one(of: ["bot", "clerk", "stranger"]),
            tool: dice.one(of: Samples.tools),
            arguments: arguments,
            earlierCalls: dice.chance(15) ? 3 : 0,
            isUsual: isUsual
        )
    }

    /// A policy of few enough complications that most rules are expressible.
    static func policy(_ dice: inout Dice) -> Policy {
        var policy = Samples.policy(&dice, rules: 7)
        let isPlain = dice.chance(70)
        policy.rules = policy.rules.map { rule in
            var rule = rule
            if isPlain || dice.chance(60) {
                rule.condition = nil
                rule.windows = []
                rule.expires = nil
                rule.mode = .enforce
                rule.task = nil
                if rule.effect == .ask, dice.chance(80) { rule.effect = rule.isAboutMany ? .forbid : .allow }
            }
            if rule.effect == .forbid, rule.arguments.isEmpty { rule.effect = rule.isAboutMany ? .ask : .allow }
            if rule.effect == .ask, rule.isAboutMany { rule.mode = .shadow }
            if isPlain {
                if rule.effect == .allow { rule.tier = dice.chance(50) ? .write : .destructive }
                rule.arguments = rule.arguments.filter { !$0.path.contains("/") }.map { argument in
                    ArgumentRule(
                        path: argument.path,
                        required: argument.required,
                        values: argument.values,
                        domains: argument.domains,
                        minimum: argument.minimum,
                        maximum: argument.maximum,
                        open: argument.open.filter { $0 == .date },
                        maximumLength: argument.maximumLength,
                        maximumItems: argument.path == "to" ? argument.maximumItems : nil,
                        isBinding: true
                    )
                }
            }
            return rule
        }
        return policy
    }

    static let shape = ToolShape(
        arguments: [
            "to": .string, "body": .string, "amount": .number, "when": .strings, "flag": .boolean, "list": .other,
            "more": .integer,
        ]
    )

    static var options: ExportOptions {
        ExportOptions(
            tools: Dictionary(uniqueKeysWithValues: Samples.tools.map { ($0, shape) }),
            spellings: values.compactMap(\.0.string).filter { $0.utf8.count < 100 }
        )
    }

    static func observed(_ call: Call) -> ObservedCall {
        let record = CallRecord(
            time: Samples.start,
            session: "s",
            sequence: 0,
            principal: CallRecord.Principal(id: call.agent, kind: .declared),
            server: call.tool.server,
            tool: call.tool.tool,
            arguments: call.arguments
        )
        var observed = SessionObserver(taskText: nil).explain(record)
        observed.earlierCalls = call.earlierCalls
        return observed
    }
}

extension Rule {
    fileprivate var isAboutMany: Bool { tool.server == "*" || tool.tool.hasSuffix("*") }
}

@Suite struct ExportJudgeTests {
    static let folder = ProcessInfo.processInfo.environment["LOCKSTEP_EXPORTS"]

    @Test(.enabled(if: folder != nil, "LOCKSTEP_EXPORTS names no folder to write to"))
    func writesWhatOtherEnginesJudge() throws {
        let root = URL(filePath: try #require(Self.folder))
        for seed in 0..<UInt64(40) {
            var dice = Dice(seed: seed)
            let policy = ExportSamples.policy(&dice)
            let compiled = CompiledPolicy(policy)
            let folder = root.appending(path: "\(seed)")
            for target in ExportTarget.allCases {
                var options = ExportSamples.options
                options.delegatesArguments = seed % 2 == 0
                for file in policy.exported(to: target, options: options).files {
                    let place = folder.appending(path: target.rawValue).appending(path: file.path)
                    try FileManager.default.createDirectory(
                        at: place.deletingLastPathComponent(),
                        withIntermediateDirectories: true
                    )
                    try Data(file.bytes).write(to: place)
                }
            }
            var lines = ""
            for _ in 0..<250 {
                let call = ExportSamples.call(&dice)
                let decision = compiled.decide(
                    ExportSamples.observed(call),
                    context: DecisionContext(now: Samples.start, arguments: call.arguments)
                )
                let line: JSON.Value = [
                    "agent": .string(call.agent), "server": .string(call.tool.server), "tool": .string(call.tool.tool),
                    "arguments": .object(call.arguments), "verdict": .string(decision.verdict.rawValue),
                    "rule": decision.rule.map(JSON.Value.string) ?? nil, "usual": .bool(call.isUsual),
                    "reason": .string(decision.reason), "earlier": .integer(Int64(call.earlierCalls)),
                ]
                lines += line.description + "\n"
            }
            try Data(PolicyWriter.write(policy).utf8).write(to: folder.appending(path: "policy.yaml"))
            try Data(lines.utf8).write(to: folder.appending(path: "calls.ndjson"))
        }
    }
}
