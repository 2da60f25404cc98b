import Core
import Traffic

/// Cedar in the three forms in which gateways for tools write it.
///
/// Cedar compares whole texts and numbers; it has no expressions for what a text may look like, since a `like` cannot
/// tell a host from what imitates one. An argument that no policy names is invisible, so that the shape of each tool
/// must be known.
struct CedarExport {
    enum Dialect { case toolHive, agentCore, agents }

    let dialect: Dialect
    let options: ExportOptions
    var statement: ExportStatement

    static func files(
        _ grants: [Grant],
        _ dialect: Dialect,
        _ options: ExportOptions,
        _ statement: inout ExportStatement
    ) -> [ExportFile] {
        var export = CedarExport(dialect: dialect, options: options, statement: statement)
        var policies: [(server: String, text: String)] = []
        for grant in grants.withoutNestedDemands(&export.statement) {
            if let text = export.policy(grant) { policies.append((grant.tool.server, text)) }
        }
        statement = export.statement
        guard dialect == .toolHive else {
            let name = dialect == .agentCore ? "agentcore.cedar" : "policies.cedar"
            let file = ExportFile(name, policies.map(\.text).joined(separator: "\n"))
            return dialect == .agentCore ? [file] : [file, ExportFile("stub.cedarschema", stub(options.namespace))]
        }
        return Set(grants.map(\.tool.server)).sorted().map { server in
            var texts = policies.filter { $0.server == server }.map(\.text)
            // Without any policy the authorizer does not start.
            if texts.isEmpty { texts = ["forbid(principal, action, resource);\n"] }
            let configuration: JSON.Value = [
                "version": "1.0", "type": "cedarv1",
                "cedar": ["policies": .array(texts.map(JSON.Value.string)), "entities_json": "[]"],
            ]
            return ExportFile(ExportFile.part(server) + ".json", configuration)
        }
    }

    /// What the schema generator of cedar-for-agents wants beside the tools of a server.
    private static func stub(_ namespace: String) -> String {
        """
        namespace \(namespace) {
          @mcp_principal("Agent")
          entity Agent;
          @mcp_resource("McpServer")
          entity McpServer;
        }

        """
    }

    private mutating func policy(_ grant: Grant) -> String? {
        guard let shape = Shapes.required(grant, options, &statement) else { return nil }
        var conditions: [String] = []
        for test in grant.tests {
            if test.isNested || test.arguments.contains(where: { shape.arguments[$0.name] == .other }) {
                let detail = "members of objects cannot be compared: the whole argument must not be sent"
                statement.add(.narrower, .nested, rules: grant.rules, detail)
            }
            for name in Set(test.arguments.filter { !$0.isNested }.map(\.name)).union(shape.arguments.keys).sorted() {
                let argument = test[name]
                let fallback = test.admitsHarmless ? ValueTest(range: .any, booleans: [true, false]) : ValueTest()
                conditions += condition(
                    name,
                    argument?.value ?? fallback,
                    isRequired: argument?.isRequired ?? false,
                    items: argument?.maximumItems,
                    kind: shape.arguments[name],
                    isUnruled: argument == nil,
                    grant
                )
            }
        }
        var seen: Set<String> = []
        let lines = (who(grant) + conditions).filter { seen.insert($0).inserted }
        let rules = grant.rules.joined(separator: ", ").split(whereSeparator: \.isNewline).joined(separator: " ")
        var text = "// \(rules)\npermit (\n  \(principal(grant)),\n  \(action(grant)),\n  \(resource(grant))\n)"
        if !lines.isEmpty { text += " when {\n  \(lines.joined(separator: " &&\n  "))\n}" }
        return text + ";\n"
    }

    /// What an argument may be: without it, where that is allowed, or with one of its values.
    private mutating func condition(
        _ name: String,
        _ test: ValueTest,
        isRequired: Bool,
        items: Int?,
        kind: ToolShape.Kind?,
        isUnruled: Bool,
        _ grant: Grant
    ) -> [String] {
        // A number that is no decimal reaches the engine as no argument at all, which a bound must not take for none.
        let mayHide = dialect == .toolHive && kind != .string && kind != .boolean && kind != .strings
        let isDemanded = mayHide && !isRequired && test.admitsNumbers && test.range != .any
        if isDemanded {
            let detail = "the argument must be sent: a number too large for the engine looks like none"
            note(.narrower, .numbers, grant, name, detail)
        }
        let isRequired = isRequired || isDemanded
        let record = dialect == .toolHive ? "context" : "context.input"
        let attribute = dialect == .toolHive ? "arg_" + name : name
        let has = "\(record) has \(Self.key(attribute))"
        let place = "\(record)\(Self.member(attribute))"
        var conditions: [String] = []
        if dialect == .toolHive {
            conditions.append("!(\(record) has \(Self.key(attribute + "_present")))")
            let isScalar = isUnruled || (kind != nil && kind != .strings && kind != .other)
            let detail = "a list or an object shows only that it is there, and is denied"
            note(isScalar ? .unusual : .narrower, .lists, grant, name, detail)
            note(.unusual, .null, grant, name, "null shows only that something is there, and is denied")
        } else if kind == nil {
            // What the schema does not declare cannot be sent, and a policy that names it is invalid.
            return isRequired ? ["false"] : []
        }
        if kind == .other, dialect != .toolHive { return [isRequired ? "false" : "!(\(has))"] }
        if !test.tests.isEmpty || (!test.folded.isEmpty && test.texts.isEmpty) {
            let detail = "what a text looks like cannot be tested: only whole texts pass"
            note(.narrower, test.tests.contains(.date) ? .openValues : .patterns, grant, name, detail)
        }
        if dialect != .toolHive { note(.unusual, .null, grant, name, "null is not of the argument's type") }
        var ways = ways(place, test, items: items, kind: kind, isRequired: isRequired, name, grant)
        // An empty text is as good as none.
        if !isRequired, test.texts.isEmpty, dialect == .toolHive || kind == .string { ways.append("\(place) == \"\"") }
        if ways.isEmpty { return conditions + [isRequired ? "false" : "!(\(has))"] }
        let any = ways.count == 1 ? ways[0] : "(\(ways.joined(separator: " || ")))"
        conditions.append(isRequired ? "\(has) && \(any)" : "(if \(has) then \(any) else true)")
        return conditions
    }

    private mutating func ways(
        _ place: String,
        _ test: ValueTest,
        items: Int?,
        kind: ToolShape.Kind?,
        isRequired: Bool,
        _ name: String,
        _ grant: Grant
    ) -> [String] {
        let isTyped = dialect != .toolHive
        var ways: [String] = []
        let texts = test.texts.isEmpty || isRequired ? test.texts : [""] + test.texts
        if !texts.isEmpty, !isTyped || kind == .string {
            ways.append("\(Self.set(texts.map(Self.quoted))).contains(\(place))")
        }
        if !texts.isEmpty, isTyped, kind == .strings {
            if items != nil {
                note(.narrower, .size, grant, name, "a set has no length, so that lists with a bound are denied")
            } else {
                let all = "\(Self.set(texts.map(Self.quoted))).containsAll(\(place))"
                let some = "\(place).containsAny(\(Self.set(test.texts.map(Self.quoted))))"
                ways.append(isRequired ? "(\(all) && \(some))" : all)
            }
        }
        if test.booleans.count == 2, !isTyped || kind == .boolean {
            ways.append("[true, false].contains(\(place))")
        } else if test.booleans.count == 1, !isTyped || kind == .boolean {
            ways.append("\(place) == \(test.booleans.contains(true))")
        }
        if test.admitsNumbers { ways += numbers(place, test, kind, name, grant) }
        return ways
    }

    private mutating func numbers(
        _ place: String,
        _ test: ValueTest,
        _ kind: ToolShape.Kind?,
        _ name: String,
        _ grant: Grant
    ) -> [String] {
        var ways: [String] = []
        switch (dialect, kind) {
        case (.toolHive, _), (_, .number):
            if dialect == .toolHive {
                let detail = "more than four decimals are cut, and a number beyond twelve digits passes for no argument"
                note(.assumed, .numbers, grant, name, detail)
            }
            let listed = test.numbers.compactMap(Self.decimal)
            if listed.count < test.numbers.count {
                note(.narrower, .numbers, grant, name, "a listed number has more than four decimals")
            }
            if !listed.isEmpty { ways.append("\(Self.set(listed)).contains(\(place))") }
            guard let range = test.range else { break }
            var bounds: [String] = []
            if let minimum = range.minimum {
                guard let least = Self.decimal((minimum * 10_000).rounded(.up) / 10_000) else { return ways }
                bounds.append("\(place).greaterThanOrEqual(\(least))")
            }
            if let maximum = range.maximum {
                guard let most = Self.decimal((maximum * 10_000).rounded(.down) / 10_000) else { return ways }
                bounds.append("\(place).lessThanOrEqual(\(most))")
            }
            if bounds.isEmpty { bounds.append("\(place).lessThanOrEqual(decimal(\"922337203685477.5807\"))") }
            ways.append("(\(bounds.joined(separator: " && ")))")
        case (_, .integer):
            let listed = test.numbers.compactMap { Int64(exactly: $0).map { String($0) } }
            if !listed.isEmpty { ways.append("\(Self.set(listed)).contains(\(place))") }
            guard let range = test.range else { break }
            var bounds: [String] = []
            if let minimum = range.minimum {
                guard let least = Int64(exactly: minimum.rounded(.up)) else { return ways }
                bounds.append("\(place) >= \(least)")
            }
            if let maximum = range.maximum {
                guard let most = Int64(exactly: maximum.rounded(.down)) else { return ways }
                bounds.append("\(place) <= \(most)")
            }
            ways.append(bounds.isEmpty ? "true" : "(\(bounds.joined(separator: " && ")))")
        default: break
        }
        return ways
    }

    private mutating func note(
        _ effect: ExportStatement.Effect,
        _ reason: ExportStatement.Reason,
        _ grant: Grant,
        _ argument: String,
        _ detail: String
    ) {
        statement.add(effect, reason, rules: grant.rules, argument: argument, detail)
    }
}

extension CedarExport {
    private func principal(_ grant: Grant) -> String {
        switch dialect {
        case .toolHive: grant.agent.map { "principal == Client::\(Self.quoted($0))" } ?? "principal"
        case .agentCore: "principal is AgentCore::OAuthUser"
        case .agents:
            grant.agent.map { "principal == \(options.namespace)::Agent::\(Self.quoted($0))" } ?? "principal"
        }
    }

    private func who(_ grant: Grant) -> [String] {
        switch dialect {
        case .agentCore:
            let tag = "principal.getTag(\"sub\")"
            let own = grant.agent.map { "\(tag) == \(Self.quoted($0))" }
            let other = grant.others.isEmpty ? [] : ["!\(Self.set(grant.others.map(Self.quoted))).contains(\(tag))"]
            return ["principal.hasTag(\"sub\")"] + (own.map { [$0] } ?? other)
        case .toolHive, .agents:
            let type = dialect == .toolHive ? "Client" : "\(options.namespace)::Agent"
            return grant.others.map { "principal != \(type)::\(Self.quoted($0))" }
        }
    }

    private func action(_ grant: Grant) -> String {
        switch dialect {
        case .toolHive: "action == Action::\"call_tool\""
        case .agentCore:
            "action == AgentCore::Action::\(Self.quoted(grant.tool.server + options.separator + grant.tool.tool))"
        case .agents: "action == \(options.namespace)::Action::\(Self.quoted(grant.tool.tool))"
        }
    }

    private func resource(_ grant: Grant) -> String {
        switch dialect {
        case .toolHive: "resource == Tool::\(Self.quoted(grant.tool.tool))"
        case .agentCore: "resource == AgentCore::Gateway::\(Self.quoted(options.gateway))"
        case .agents: "resource == \(options.namespace)::McpServer::\(Self.quoted(grant.tool.server))"
        }
    }

    private static func set(_ elements: [String]) -> String { "[\(elements.joined(separator: ", "))]" }

    /// A decimal of at most four places; nil where the number has more, or is out of range.
    private static func decimal(_ number: Double) -> String? {
        guard number.magnitude < 1e11, let parts = Int64(exactly: (number * 10_000).rounded()),
            Double(parts) / 10_000 == number
        else { return nil }
        var fraction = String(parts.magnitude % 10_000)
        fraction = String(repeating: "0", count: 4 - fraction.utf8.count) + fraction
        while fraction.utf8.count > 1, fraction.hasSuffix("0") { fraction.removeLast() }
        return "decimal(\"\(parts < 0 ? "-" : "")\(parts.magnitude / 10_000).\(fraction)\")"
    }

    private static let reserved: Set<String> = [
        "true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar",
    ]

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first), !reserved.contains(name) else { return false }
        return name.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "_")
        }
    }

    private static func key(_ name: String) -> String { isIdentifier(name) ? name : quoted(name) }

    private static func member(_ name: String) -> String { isIdentifier(name) ? ".\(name)" : "[\(quoted(name))]" }

    /// A string literal; what could end it, or hide in it, is escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case " "..."~": result.unicodeScalars.append(scalar)
            default: result += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return result + "\""
    }
}
