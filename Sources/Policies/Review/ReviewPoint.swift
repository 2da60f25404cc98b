import Core
package import Traffic

/// Something in a policy that a person should decide.
package struct ReviewPoint: Sendable, Hashable {
    /// The same whenever the same question comes up, in whatever order and with whatever evidence.
    package let id: String
    package let kind: String
    /// The rule in question, by id; where no rule has the id, those of the agent about the tool.
    package let rule: String
    package let agent: String
    package let task: String?
    package let tool: ServerTool
    package let tier: ToolTier
    package let path: String?
    /// Values that the policy does not allow so far.
    package let values: [CanonicalValue]

    package init(
        kind: String,
        rule: String,
        agent: String,
        task: String? = nil,
        tool: ServerTool,
        tier: ToolTier,
        path: String? = nil,
        values: [CanonicalValue] = []
    ) {
        self.kind = kind
        self.rule = rule
        self.agent = agent
        self.task = task
        self.tool = tool
        self.tier = tier
        self.path = path
        self.values = values.sorted()
        let told: JSON.Value = [
            "kind": .string(kind), "rule": .string(rule), "agent": .string(agent),
            "task": task.map { .string($0) } ?? .null, "server": .string(tool.server), "tool": .string(tool.tool),
            "path": path.map { .string($0) } ?? .null,
            "values": .array(
                self.values.map { .array([.string($0.valueClass.rawValue), .string($0.text)]) }
            ),
        ]
        let digest = Digest.sha256(JSON.canonical(told)).hex.prefix(8)
        id = ([tool.tool] + (path.map { [$0] } ?? [])).map(Self.word).joined(separator: ".") + ".\(digest)"
    }

    /// A name as a part of an id that can be typed into a shell.
    private static func word(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.prefix(32).map { scalar in
                    let isPlain =
                        scalar.isASCII
                        && (scalar.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalar))
                    return isPlain ? scalar : "_"
                }
            )
        )
    }
}

/// For arguments of mined rules, the next tighter and the next looser level that the miner considered.
package struct ReviewLevels: Sendable {
    package struct Neighbours: Sendable, Hashable {
        package var tighter: ArgumentRule?
        package var looser: ArgumentRule?

        package init(tighter: ArgumentRule?, looser: ArgumentRule?) {
            self.tighter = tighter
            self.looser = looser
        }
    }

    private struct Key: Hashable {
        var rule: String
        var path: String
    }

    private var neighbours: [Key: Neighbours] = [:]

    /// Knows of none: steps are then taken one kind of way at a time.
    package init() {}

    package subscript(rule: String, path: String) -> Neighbours? {
        get { neighbours[Key(rule: rule, path: path)] }
        set { neighbours[Key(rule: rule, path: path)] = newValue }
    }
}
