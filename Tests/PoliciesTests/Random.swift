import Core
import Policies
import Traffic

/// SplitMix64, so that a seed gives the same case everywhere.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    mutating func some<Element>(of elements: [Element], _ percent: Int = 30) -> [Element] {
        elements.filter { _ in chance(percent) }
    }
}

/// Policies and calls over so few names that they meet often.
enum Samples {
    static let agents = ["bot", "clerk", "*"]
    static let tasks = ["pay", "plan"]
    static let tools = ["read_file", "get_bill", "send", "send_all", "delete_all", "fetch"].map {
        ServerTool(server: "bank", tool: $0)
    }
    static let paths = ["to", "body", "amount", "when", "flag", "list/name"]
    static let start = Timestamp(seconds: 1_790_000_000)

    static let values: [CanonicalValue] = [
        CanonicalValue(.email, "ann@acme.com"), CanonicalValue(.email, "bob@gmail.com"),
        CanonicalValue(.email, "eve@evil.org"), CanonicalValue(.url, "acme.com/pay"),
        CanonicalValue(.url, "docs.acme.com"), CanonicalValue(.url, "acme.com@evil.org/x"),
        CanonicalValue(.account, "gb29nwbk60161331926819"), CanonicalValue(.path, "/srv/data/a"),
        CanonicalValue(.path, "/srv/data/../../etc/shadow"), CanonicalValue(.token, "rent"),
        CanonicalValue(.token, "id-77"), CanonicalValue(.short, "for the rent"),
        CanonicalValue(.short, "five words are too many"), CanonicalValue(.free, "a long text\nof lines"),
        CanonicalValue(.date, "2026-01-01"), CanonicalValue(.number, "12"), CanonicalValue(.number, "900"),
        CanonicalValue(.boolean, "true"), CanonicalValue(.boolean, "false"), CanonicalValue(.empty, ""),
        CanonicalValue(.secret, "hmac-sha256:00112233:00112233445566778899aabbccddeeff"),
    ]
    static let domains = ["acme.com", "evil.org", "gmail.com"]
    static let fields = [
        ResultField(tool: tools[0], field: "/items/*/id"), ResultField(tool: tools[1], field: "/to"),
        ResultField(tool: tools[2], field: "/id"), ResultField(tool: tools[1], field: ""),
    ]

    /// A policy as mining would write it; whatever the seed, rules of one id are about one tool.
    static func mined(_ dice: inout Dice, rules: Int = 8) -> Policy {
        var policy = Samples.policy(&dice, rules: rules)
        policy.rules = policy.rules.filter { $0.effect == .allow }
        for index in policy.rules.indices {
            policy.rules[index].origin = .mined
            policy.rules[index].mode = .enforce
            policy.rules[index].agent = "clerk"
            policy.rules[index].task = nil
            policy.rules[index].tool = ServerTool(server: "bank", tool: "tool-\(index)")
            policy.rules[index].id = "tool-\(index)"
        }
        policy.scope = .agent
        policy.owners = []
        return policy
    }

    static func argument(_ path: String, _ dice: inout Dice) -> ArgumentRule {
        let hasBounds = dice.chance(30)
        return ArgumentRule(
            path: path,
            required: dice.chance(10),
            values: dice.some(of: values, 15),
            fromPrompt: dice.chance(50),
            fromFields: dice.some(of: fields, 20),
            fromAnyRead: dice.chance(20),
            fromTexts: dice.some(of: tools, 15),
            domains: dice.some(of: domains, 15),
            patterns: dice.some(of: ["/srv/data/*", "*@acme.com", "id-*7", "*"], 8),
            minimum: hasBounds && dice.chance(80) ? 0 : nil,
            maximum: hasBounds ? 100.5 : nil,
            open: dice.some(of: [.path, .token, .short, .free, .date, .number, .secret], 25),
            own: dice.some(of: [.token, .short, .free, .secret], 15),
            maximumLength: dice.chance(20) ? 40 : nil,
            maximumItems: dice.chance(10) ? 2 : nil,
            isBinding: dice.chance(20)
        )
    }

    static func relation(_ dice: inout Dice) -> Relation {
        let kind: Relation.Kind =
            dice.chance(30)
            ? .equals
            : .given(when: dice.one(of: values), values: dice.some(of: values, 50), folders: ["/srv/data"])
        return Relation(path: dice.one(of: paths), other: dice.one(of: paths), kind: kind)
    }

    static func rule(_ number: Int, _ dice: inout Dice) -> Rule {
        let effect: Rule.Effect = dice.chance(75) ? .allow : dice.chance(50) ? .ask : .forbid
        var tool = dice.one(of: tools)
        if effect != .allow, dice.chance(40) {
            tool = dice.one(of: [
                ServerTool(server: "bank", tool: "send*"), ServerTool(server: "*", tool: "*"),
                ServerTool(server: "*", tool: "fetch"), ServerTool(server: "bank", tool: "delete_*"),
            ])
        }
        let isSelecting = effect == .forbid || tool.server == "*" || tool.tool.hasSuffix("*")
        let arguments = dice.some(of: paths, isSelecting ? 15 : 70).map { path in
            var argument = argument(path, &dice)
            if isSelecting {
                argument = ArgumentRule(
                    path: path,
                    values: argument.values,
                    domains: argument.domains,
                    patterns: argument.patterns,
                    minimum: argument.minimum,
                    maximum: argument.maximum
                )
            }
            return argument
        }
        let relations = isSelecting ? [] : (0..<(dice.chance(25) ? 2 : 0)).map { _ in relation(&dice) }
        return Rule(
            id: "rule-\(number)",
            agent: dice.one(of: agents),
            task: dice.chance(50) ? dice.one(of: tasks) : nil,
            tool: tool,
            definition: dice.chance(10) ? "sha256:a" : nil,
            tier: dice.one(of: ToolTier.allCases),
            effect: effect,
            mode: dice.chance(85) ? .enforce : .shadow,
            arguments: arguments,
            relations: relations,
            condition: dice.chance(10) ? dice.one(of: ["call.tier == 'write'", "call.args.x == 1", "1"]) : nil,
            windows: dice.chance(10) ? [TimeWindow(zone: "UTC", days: [1, 2, 3], start: 540, end: 1020)] : [],
            maximumCalls: effect != .forbid && tool.server != "*" && !tool.tool.hasSuffix("*") && dice.chance(15)
                ? 2 : nil,
            owner: dice.chance(20) ? "ann" : nil,
            expires: dice.chance(10) ? start + .seconds(dice.chance(50) ? 100 : -100) : nil,
            support: Support(),
            origin: dice.chance(70) ? .mined : .written
        )
    }

    static func policy(_ dice: inout Dice, rules: Int = 12) -> Policy {
        Policy(
            name: "sample",
            scope: dice.chance(50) ? .agent : .task,
            rules: (0..<rules).map { rule($0, &dice) },
            unseenReads: dice.some(of: agents, 30).map { Policy.UnseenReads(agent: $0, server: "bank") },
            known: agents.flatMap { agent in
                (tasks.map(Optional.some) + [nil]).compactMap { task in
                    dice.chance(30)
                        ? Policy.KnownParties(
                            agent: agent,
                            task: task,
                            identities: dice.some(of: values.filter { $0.valueClass.isIdentity }, 30),
                            hosts: dice.some(of: domains, 30),
                            domains: dice.some(of: domains, 20)
                        ) : nil
                }
            },
            owners: dice.chance(30) ? [Policy.Owner(name: "ann")] : []
        )
    }

    static func provenance(_ dice: inout Dice) -> Provenance {
        Provenance(
            prompt: dice.chance(20) ? .exact : dice.chance(20) ? .host : .none,
            fields: Set(dice.some(of: fields, 15)),
            texts: Set(dice.some(of: tools, 12))
        )
    }

    static func call(_ dice: inout Dice) -> ObservedCall {
        let leaves = dice.some(of: paths, 45).map { path in
            let value = dice.one(of: values)
            let entities =
                value.valueClass == .free || value.valueClass == .short
                ? dice.some(of: values.filter { $0.valueClass.isIdentity }, 12) : []
            return ObservedLeaf(
                argument: String(path.prefix { $0 != "/" }),
                path: path,
                value: value,
                number: Double(value.text),
                provenance: provenance(&dice),
                entities: entities.map { ObservedEntity(value: $0, provenance: provenance(&dice)) },
                length: dice.one(of: [3, 30, 41]),
                words: value.text.split(separator: " ").count
            )
        }
        return ObservedCall(
            session: "s",
            sequence: 1,
            principal: dice.one(of: ["bot", "clerk", "stranger"]),
            task: dice.chance(60) ? dice.one(of: tasks + ["other"]) : nil,
            tool: dice.chance(90) ? dice.one(of: tools) : ServerTool(server: "shop", tool: "fetch"),
            definition: dice.chance(50) ? "sha256:a" : dice.chance(30) ? "sha256:b" : nil,
            tier: dice.one(of: ToolTier.allCases),
            succeeded: true,
            arguments: leaves.map(\.argument),
            leaves: leaves,
            listLengths: dice.chance(20) ? ["to": 3] : [:],
            earlierCalls: dice.one(of: [0, 0, 1, 2])
        )
    }
}
