import Core
import Traffic

/// Conditions in CEL for the gateways that evaluate them.
enum CELExport {
    /// What Envoy AI Gateway takes: rules in a route, tools in a rule, characters in an expression.
    static let maxRules = 32
    static let maxTools = 16
    static let maxCharacters = 4096

    /// A `securityPolicy` for an `MCPRoute`; a backend stands for a server.
    static func envoy(_ grants: [Grant], _ statement: inout ExportStatement) -> [ExportFile] {
        let grants = grants.withoutNestedDemands(&statement)
        SchemaExport.noteSizes(grants, &statement)
        var rules: [(cel: String, tools: [ServerTool])] = []
        for grant in grants {
            if grant.tests.contains(where: \.isNested) {
                let detail = "members of objects are not written out in CEL, and must be empty"
                statement.add(.narrower, .nested, rules: grant.rules, detail)
            }
            let cel = who(grant, "request.auth.jwt.claims.sub") + " && " + condition(grant)
            // The limit may count bytes.
            guard cel.utf8.count <= maxCharacters else {
                let detail = "the expression has \(cel.utf8.count) characters, and \(maxCharacters) are allowed"
                statement.add(.omitted, .limit, rules: grant.rules, detail)
                continue
            }
            if let at = rules.firstIndex(where: { $0.cel == cel && $0.tools.count < maxTools }) {
                rules[at].tools.append(grant.tool)
            } else if rules.count < maxRules {
                rules.append((cel, [grant.tool]))
            } else {
                statement.add(.omitted, .limit, rules: grant.rules, "a route takes \(maxRules) rules")
            }
        }
        let policy: JSON.Value = [
            "securityPolicy": [
                "authorization": [
                    "defaultAction": "Deny",
                    "rules": .array(
                        rules.map { rule in
                            [
                                "action": "Allow",
                                "target": [
                                    "tools": .array(
                                        rule.tools.map { ["backend": .string($0.server), "tool": .string($0.tool)] }
                                    )
                                ],
                                "cel": .string(rule.cel),
                            ]
                        }
                    ),
                ]
            ]
        ]
        return [ExportFile("mcproute.json", policy)]
    }

    /// Rules about whole tools.
    ///
    /// Whoever sees a tool's name only cannot allow what depends on arguments, unless another service decides about
    /// those.
    static func agentgateway(
        _ grants: [Grant],
        _ options: ExportOptions,
        _ statement: inout ExportStatement
    ) -> [ExportFile] {
        var rules: [JSON.Value] = []
        for grant in grants {
            guard options.delegatesArguments else {
                let detail = "the engine sees no arguments, and no service is named that decides about them"
                statement.add(.omitted, .arguments, rules: grant.rules, detail)
                continue
            }
            let detail = "another service decides about the arguments of every call"
            statement.add(.assumed, .arguments, rules: grant.rules, detail)
            rules.append(
                .string(
                    "mcp.tool.target == \(quoted(grant.tool.server)) && mcp.tool.name == \(quoted(grant.tool.tool))"
                        + " && \(who(grant, "jwt.sub"))"
                )
            )
        }
        // No rules would mean no restriction.
        if rules.isEmpty { rules = ["false"] }
        return [ExportFile("mcp-authorization.json", ["mcpAuthorization": ["rules": .array(rules)]])]
    }

    private static func who(_ grant: Grant, _ subject: String) -> String {
        if let agent = grant.agent { return "\(subject) == \(quoted(agent))" }
        if grant.others.isEmpty { return "\(subject) != \"\"" }
        return "!(\(subject) in \(list(grant.others)))"
    }

    private static let arguments = "request.mcp.params.arguments"

    static func condition(_ grant: Grant) -> String {
        "request.mcp.method == \"tools/call\" && " + grant.tests.map(condition).joined(separator: " && ")
    }

    private static func condition(_ test: RuleTest) -> String {
        let top = test.arguments.filter { !$0.isNested }
        var others = empty("\(arguments)[k]")
        if test.admitsHarmless { others = "\(others) || \(scalar(.harmless, "\(arguments)[k]"))" }
        let named = top.isEmpty ? "" : "k in \(list(top.map(\.name))) || "
        var parts = ["\(arguments).all(k, \(named)\(others))"]
        parts.append("size(\(arguments)) <= \(top.count + ArgumentLimits.others)")
        for argument in top {
            let place = "\(arguments)[\(quoted(argument.name))]"
            let room = ArgumentLimits.leaves / (top.count + ArgumentLimits.others)
            let most = min(argument.maximumItems ?? ArgumentLimits.items, ArgumentLimits.items, room)
            // One value is treated as a list of one, so that what it may be is written once.
            let values = "(type(\(place)) == list ? \(place) : [\(place)])"
            let element = scalar(argument.value, "v")
            let isShort = "(type(\(place)) == list ? size(\(place)) <= \(most) : true)"
            let empty = argument.isRequired ? "" : "v == null || v == \"\" || "
            let all = "\(isShort) && \(values).all(v, \(empty)\(element))"
            let isSent = "\(quoted(argument.name)) in \(arguments)"
            parts.append(
                argument.isRequired
                    ? "\(isSent) && \(all) && size(\(values)) > 0" : "(\(isSent) ? \(all) : true)"
            )
        }
        return parts.joined(separator: " && ")
    }

    private static func empty(_ place: String) -> String { "\(place) == null || \(place) == \"\"" }

    private static func scalar(_ test: ValueTest, _ place: String) -> String {
        var ways: [String] = []
        var texts: [String] = []
        if !test.texts.isEmpty { texts.append("\(place) in \(list(test.texts))") }
        var tests = test.tests
        if !test.folded.isEmpty {
            let any = test.folded.map(TextTest.anyCase).joined(separator: "|")
            tests.insert(TextTest(pattern: "^(?:\(any))$"), at: 0)
        }
        for pattern in tests {
            var parts = ["\(place).matches(\(quoted(pattern.pattern)))"]
            if let least = pattern.minimumLength { parts.append("size(\(place)) >= \(least)") }
            if let most = pattern.maximumLength { parts.append("size(\(place)) <= \(most)") }
            if !pattern.excluding.isEmpty {
                let any = pattern.excluding.map { "(?:\($0))" }.joined(separator: "|")
                parts.append("!\(place).matches(\(quoted(any)))")
            }
            texts.append(parts.count == 1 ? parts[0] : "(" + parts.joined(separator: " && ") + ")")
        }
        if !texts.isEmpty {
            var parts = ["type(\(place)) == string"]
            if let most = test.maximumLength { parts.append("size(\(place)) <= \(most)") }
            parts.append(texts.count == 1 ? texts[0] : "(\(texts.joined(separator: " || ")))")
            ways.append("(\(parts.joined(separator: " && ")))")
        }
        var numbers: [String] = []
        if !test.numbers.isEmpty {
            numbers.append("double(\(place)) in [\(test.numbers.map { $0.description }.joined(separator: ", "))]")
        }
        if let range = test.range {
            var bounds: [String] = []
            if let minimum = range.minimum { bounds.append("double(\(place)) >= \(minimum.description)") }
            if let maximum = range.maximum { bounds.append("double(\(place)) <= \(maximum.description)") }
            numbers.append(bounds.isEmpty ? "true" : bounds.joined(separator: " && "))
        }
        if !numbers.isEmpty {
            let isNumber = "type(\(place)) == double || type(\(place)) == int"
            ways.append("((\(isNumber)) && (\(numbers.joined(separator: " || "))))")
        }
        switch test.booleans.count {
        case 2: ways.append("type(\(place)) == bool")
        case 1: ways.append("(type(\(place)) == bool && \(place) == \(test.booleans.contains(true)))")
        default: break
        }
        return ways.isEmpty ? "false" : "(\(ways.joined(separator: " || ")))"
    }

    private static func list(_ texts: [String]) -> String { "[\(texts.map(quoted).joined(separator: ", "))]" }

    /// A string literal; what could end it, or hide in it, is escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                let width = scalar.value > 0xFFFF ? 8 : 4
                result +=
                    (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.utf8.count) + digits
            }
        }
        return result + "\""
    }
}
