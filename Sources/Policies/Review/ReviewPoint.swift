import Core
package import Traffic

/// Something in a policy that a person should decide.
package struct ReviewPoint: Sendable, Hashable {
    /// The same whenever the same question comes up, in whatever order and with whatever evidence.
    ///
    /// It ends in 128 bits of a digest over all that follows here, so that nobody can make traffic whose point takes the
    /// place of another one.
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
    /// How far what is in question reaches, where it is no value: a bound, sources, a definition.
    package let extent: String?

    package init(
        kind: String,
        rule: String,
        agent: String,
        task: String? = nil,
        tool: ServerTool,
        tier: ToolTier,
        path: String? = nil,
        values: [CanonicalValue] = [],
        extent: String? = nil
    ) {
        self.kind = kind
        self.rule = rule
        self.agent = agent
        self.task = task
        self.tool = tool
        self.tier = tier
        self.path = path
        self.values = values.sorted()
        self.extent = extent
        var told: JSON.Object = [
            "kind": .string(kind), "rule": .string(rule), "agent": .string(agent),
            "task": task.map { .string($0) } ?? .null, "server": .string(tool.server), "tool": .string(tool.tool),
            "path": path.map { .string($0) } ?? .null,
            "values": .array(
                self.values.map { .array([.string($0.valueClass.rawValue), .string($0.text)]) }
            ),
        ]
        if let extent { told["extent"] = .string(extent) }
        let digest = Digest.sha256(JSON.canonical(.object(told))).hex.prefix(Self.digits)
        id = ([tool.tool] + (path.map { [$0] } ?? [])).map(Self.word).joined(separator: ".") + ".\(digest)"
    }

    /// Hexadecimal digits at the end of an id.
    static let digits = 32

    /// What of the id says to a person which argument it is about.
    var stem: Substring { id.dropLast(Self.digits + 1) }

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
