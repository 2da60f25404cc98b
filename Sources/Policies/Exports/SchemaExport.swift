import Core
import Traffic

/// JSON Schema 2020-12 for the arguments of each tool, and the policies of Progent, which are made of such schemas.
enum SchemaExport {
    /// One schema for each agent and tool: `AGENT/SERVER/TOOL.json`; where there is none, the tool is denied.
    ///
    /// What an agent of the policy is denied and others are not has a schema that nothing satisfies, so that nobody
    /// takes that of the others for it.
    static func files(_ grants: [Grant], _ statement: inout ExportStatement) -> [ExportFile] {
        let grants = grants.withoutNestedDemands(&statement)
        noteSizes(grants, &statement)
        let denials = named(grants).flatMap { agent in
            let own = Set(grants.lazy.filter { $0.agent == agent }.map(\.tool))
            return grants.filter { $0.agent == nil && !own.contains($0.tool) }.map { grant in
                let schema: JSON.Value = [
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "title": .string(grant.tool.description),
                    "description": .string("`\(agent)` may not call this tool"), "not": [:],
                ]
                return ExportFile(place(agent, grant.tool), schema)
            }
        }
        return denials
            + grants.map { grant in
                var members: [(key: String, value: JSON.Value)] = [
                    ("$schema", "https://json-schema.org/draft/2020-12/schema"),
                    ("title", .string(grant.tool.description)),
                    (
                        "description",
                        .string("What \(who(grant)) may send; from \(grant.rules.joined(separator: ", "))")
                    ),
                    ("type", "object"),
                ]
                let schemas = grant.tests.map { arguments($0) }
                if schemas.count == 1, let object = schemas[0].object {
                    for member in object where member.key != "type" { members.append(member) }
                } else {
                    members.append(("allOf", .array(schemas)))
                }
                return ExportFile(place(grant.agent, grant.tool), .object(JSON.Object(members)))
            }
    }

    /// Agents that do not fall under the grants of all others.
    private static func named(_ grants: [Grant]) -> [String] { Set(grants.flatMap(\.others)).sorted() }

    private static func place(_ agent: String?, _ tool: ServerTool) -> String {
        [agent, tool.server, tool.tool].map { ExportFile.part($0) }.joined(separator: "/") + ".json"
    }

    private static func who(_ grant: Grant) -> String {
        if let agent = grant.agent { return "`\(agent)`" }
        return grant.others.isEmpty ? "every agent" : "every agent without schemas of its own"
    }

    static func noteSizes(_ grants: [Grant], _ statement: inout ExportStatement) {
        for grant in grants {
            let detail = "lists may not hold lists, and are bounded so that all values of a call can be looked at"
            statement.add(.unusual, .size, rules: grant.rules, detail)
        }
    }

    /// Arguments by the parts of their paths.
    private struct Node {
        var test: ArgumentTest?
        var children: [(name: String, node: Node)] = []

        mutating func insert(_ test: ArgumentTest, _ path: ArraySlice<String>) {
            guard let name = path.first else {
                self.test = test
                return
            }
            if let at = children.firstIndex(where: { $0.name == name }) {
                children[at].node.insert(test, path.dropFirst())
            } else {
                var node = Node()
                node.insert(test, path.dropFirst())
                children.append((name, node))
            }
        }

        var depth: Int { 1 + (children.map(\.node.depth).max() ?? 0) }
        var leaves: Int { max(1, children.reduce(0) { $0 + $1.node.leaves }) }
    }

    private static func arguments(_ test: RuleTest) -> JSON.Value {
        var root = Node()
        for argument in test.arguments { root.insert(argument, argument.steps[...]) }
        var room = ArgumentLimits.leaves / (root.leaves + ArgumentLimits.others)
        for _ in 2..<max(3, root.depth) where root.depth > 2 { room /= ArgumentLimits.innerItems }
        return object(root, items: max(1, min(room, ArgumentLimits.items)), isTop: true, test.admitsHarmless)
    }

    private static func object(_ node: Node, items: Int, isTop: Bool, _ admitsHarmless: Bool) -> JSON.Value {
        var members: [(key: String, value: JSON.Value)] = [("type", "object")]
        let properties = node.children.map { child in
            (key: child.name, value: value(child.node, items: items, isTop: isTop, admitsHarmless))
        }
        members.append(("properties", .object(JSON.Object(properties))))
        if isTop {
            let required = node.children.filter { $0.node.test?.isRequired == true }.map { JSON.Value.string($0.name) }
            if !required.isEmpty { members.append(("required", .array(required))) }
        }
        if admitsHarmless {
            let harmless = scalar(.harmless)
            let list: JSON.Value = ["type": "array", "maxItems": 1, "items": harmless]
            members.append(("additionalProperties", ["anyOf": [empty, harmless, list]]))
        } else {
            members.append(("additionalProperties", empty))
        }
        members.append(("maxProperties", .integer(Int64(node.children.count + (isTop ? ArgumentLimits.others : 0)))))
        return .object(JSON.Object(members))
    }

    private static func value(_ node: Node, items: Int, isTop: Bool, _ admitsHarmless: Bool) -> JSON.Value {
        var single: [JSON.Value] = []
        if let test = node.test { single.append(scalar(test.value)) }
        let isRequired = node.test?.isRequired == true
        if !node.children.isEmpty {
            single.append(object(node, items: ArgumentLimits.innerItems, isTop: false, admitsHarmless))
        }
        let most = min(node.test?.maximumItems ?? items, items)
        var list: [(key: String, value: JSON.Value)] = [
            ("type", "array"), ("maxItems", .integer(Int64(max(0, most)))),
            ("items", ["anyOf": .array(single + (isRequired ? [] : [["enum": [nil, ""]]]))]),
        ]
        if isRequired, let test = node.test { list.append(("contains", scalar(test.value))) }
        // An object is not the value that a rule requires.
        if isRequired { single = node.test.map { [scalar($0.value)] } ?? [] }
        return ["anyOf": .array(single + [.object(JSON.Object(list))] + (isRequired ? [] : [empty]))]
    }

    /// As good as absent.
    static let empty: JSON.Value = ["enum": [nil, "", [], [:]]]

    static func scalar(_ test: ValueTest) -> JSON.Value {
        var alternatives: [JSON.Value] = []
        if !test.texts.isEmpty { alternatives.append(["enum": .array(test.texts.map(JSON.Value.string))]) }
        for test in test.folded.map(TextTest.folded) + test.tests { alternatives.append(text(test)) }
        if !test.texts.isEmpty || !test.folded.isEmpty || !test.tests.isEmpty, let most = test.maximumLength {
            alternatives = [["type": "string", "maxLength": .integer(Int64(most)), "anyOf": .array(alternatives)]]
        }
        if !test.numbers.isEmpty {
            alternatives.append(["type": "number", "enum": .array(test.numbers.map(JSON.Value.number))])
        }
        if let range = test.range {
            var members: [(key: String, value: JSON.Value)] = [("type", "number")]
            if let minimum = range.minimum { members.append(("minimum", .number(minimum))) }
            if let maximum = range.maximum { members.append(("maximum", .number(maximum))) }
            alternatives.append(.object(JSON.Object(members)))
        }
        switch test.booleans.count {
        case 2: alternatives.append(["type": "boolean"])
        case 1: alternatives.append(["const": .bool(test.booleans.contains(true))])
        default: break
        }
        return alternatives.isEmpty ? false : ["anyOf": .array(alternatives)]
    }

    private static func text(_ test: TextTest) -> JSON.Value {
        var members: [(key: String, value: JSON.Value)] = [("type", "string"), ("pattern", .string(test.pattern))]
        if let minimum = test.minimumLength { members.append(("minLength", .integer(Int64(minimum)))) }
        if let maximum = test.maximumLength { members.append(("maxLength", .integer(Int64(maximum)))) }
        if !test.excluding.isEmpty {
            members.append(("not", ["anyOf": .array(test.excluding.map { ["pattern": .string($0)] })]))
        }
        return .object(JSON.Object(members))
    }
}

/// How many values a call may hold before the observer stops looking, shared out so that no call can exceed it.
enum ArgumentLimits {
    static let leaves = 4096
    static let items = 256
    static let innerItems = 4
    /// Arguments beyond those that a rule names.
    static let others = 16
}

extension [Grant] {
    /// Those that need no member of an object, which only few engines can demand.
    func withoutNestedDemands(_ statement: inout ExportStatement) -> [Grant] {
        filter { grant in
            let isPlain = !grant.tests.contains { test in
                test.arguments.contains { $0.isRequired && $0.isNested }
            }
            if !isPlain {
                let detail = "a member of an object is required, wherever it stands"
                statement.add(.omitted, .required, rules: grant.rules, detail)
            }
            return isPlain
        }
    }
}

extension SchemaExport {
    /// One policy for each agent: `AGENT.json`, `{tool: [[priority, effect, {argument: schema}, fallback]]}`.
    ///
    /// Progent looks at the arguments that a rule names and at no others, and knows no servers.
    static func progent(
        _ grants: [Grant],
        _ options: ExportOptions,
        _ known: Set<ServerTool>,
        _ statement: inout ExportStatement
    ) -> [ExportFile] {
        // An agent of the policy that may do nothing has an empty file, and is not one of the others.
        let named = Set(named(grants).map(Optional.some))
        let grants = grants.withoutNestedDemands(&statement)
        noteSizes(grants, &statement)
        var files: [ExportFile] = []
        for agent in Set(grants.map(\.agent)).union(named).sorted(by: { ($0 ?? "") < ($1 ?? "") }) {
            let mine = grants.filter { $0.agent == agent }
            var members: [(key: String, value: JSON.Value)] = []
            for grant in mine {
                // Also where nobody may call the other one: the engine would take it for this one.
                if known.contains(where: { $0.tool == grant.tool.tool && $0 != grant.tool }) {
                    statement.add(.omitted, .toolName, rules: grant.rules, "two servers have a tool of this name")
                    continue
                }
                let detail =
                    "the engine knows no servers: every tool of this name is taken for that of `\(grant.tool.server)`"
                statement.add(.assumed, .toolName, rules: grant.rules, detail)
                guard let shape = Shapes.required(grant, options, &statement) else { continue }
                if grant.tests.contains(where: { test in
                    test.arguments.contains { $0.isRequired && !shape.required.contains($0.name) }
                }) {
                    let detail = "an argument is required here, but not by the tool itself"
                    statement.add(.omitted, .required, rules: grant.rules, detail)
                    continue
                }
                members.append((grant.tool.tool, [[1, 0, .object(restrictions(grant, shape)), 0]]))
            }
            files.append(ExportFile(ExportFile.part(agent) + ".json", .object(JSON.Object(members))))
        }
        return files
    }

    private static func restrictions(_ grant: Grant, _ shape: ToolShape) -> JSON.Object {
        var properties: [String: [JSON.Value]] = [:]
        for test in grant.tests {
            let schema = arguments(test)
            let named = schema["properties"]?.object ?? [:]
            for name in Set(named.keys).union(shape.arguments.keys) {
                properties[name, default: []].append(named[name] ?? schema["additionalProperties"] ?? false)
            }
        }
        return JSON.Object(
            properties.sorted { $0.key < $1.key }.map { name, schemas in
                (key: name, value: schemas.count == 1 ? schemas[0] : ["allOf": .array(schemas)])
            }
        )
    }
}

/// For engines that look only at arguments that somebody named.
enum Shapes {
    /// The shape of a grant's tool, with a note that it must be true; nil, with a note, where nobody knows it.
    static func required(
        _ grant: Grant,
        _ options: ExportOptions,
        _ statement: inout ExportStatement
    ) -> ToolShape? {
        guard let shape = options.tools[grant.tool] else {
            let detail = "the engine sees only arguments that it is told of, and the tool's are not known"
            statement.add(.omitted, .unruledArguments, rules: grant.rules, detail)
            return nil
        }
        let detail =
            "arguments that the tool does not declare, or of another type, are refused before or after the engine"
        statement.add(.assumed, .unruledArguments, rules: grant.rules, detail)
        return shape
    }
}
