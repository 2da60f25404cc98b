import Core
import Traffic

/// A Rego module that never changes, and the policy as its data.
///
/// The module asks for `input.agent`, `input.server`, `input.tool` and `input.arguments` as they were sent. It says what
/// must hold of all as "none fails": in rego-cpp a value came through an `every` whose `not` it did not pass.
enum RegoExport {
    static func files(_ grants: [Grant], _ statement: inout ExportStatement) -> [ExportFile] {
        for grant in grants {
            let detail = "calls of more than 80 arguments or 4,000 values are denied"
            statement.add(.unusual, .size, rules: grant.rules, detail)
        }
        let data: JSON.Value = [
            "lockstep": [
                "agents": .array(
                    Set(grants.compactMap(\.agent)).union(grants.flatMap(\.others)).sorted().map(JSON.Value.string)
                ),
                "grants": .array(grants.map(json)),
            ]
        ]
        return [ExportFile("lockstep.rego", module), ExportFile("data.json", data)]
    }

    private static func json(_ grant: Grant) -> JSON.Value {
        var members: [(key: String, value: JSON.Value)] = []
        if let agent = grant.agent { members.append(("agent", .string(agent))) }
        members.append(("server", .string(grant.tool.server)))
        members.append(("tool", .string(grant.tool.tool)))
        members.append(("rules", .array(grant.tests.map(json))))
        return .object(JSON.Object(members))
    }

    private static func json(_ test: RuleTest) -> JSON.Value {
        let arguments = test.arguments.map { (key: $0.path, value: json($0.value)) }
        let items = test.arguments.compactMap { argument in
            argument.maximumItems.map { (key: argument.name, value: JSON.Value.integer(Int64($0))) }
        }
        return [
            "rule": .string(test.rule),
            "required": .array(test.arguments.filter(\.isRequired).map { .string($0.path) }),
            "items": .object(JSON.Object(items)),
            "arguments": .object(JSON.Object(arguments)),
            "others": test.admitsHarmless ? [json(ValueTest.harmless)] : [],
        ]
    }

    private static func json(_ test: ValueTest) -> JSON.Value {
        var members: [(key: String, value: JSON.Value)] = [
            ("texts", .array(test.texts.map(JSON.Value.string))),
            ("folded", .array(test.folded.map(JSON.Value.string))),
            ("tests", .array(test.tests.map(json))),
            ("numbers", .array(test.numbers.map(JSON.Value.number))),
            ("booleans", .array([true, false].filter(test.booleans.contains).map(JSON.Value.bool))),
            ("length", .integer(Int64(test.maximumLength ?? 1 << 30))),
            ("ranges", []),
        ]
        if let range = test.range {
            var bounds = JSON.Object()
            if let minimum = range.minimum { bounds["least"] = .number(minimum) }
            if let maximum = range.maximum { bounds["most"] = .number(maximum) }
            members[6].value = [.object(bounds)]
        }
        return .object(JSON.Object(members))
    }

    private static func json(_ test: TextTest) -> JSON.Value {
        [
            "pattern": .string(test.pattern), "excluding": .array(test.excluding.map(JSON.Value.string)),
            "least": .integer(Int64(test.minimumLength ?? 0)),
            "most": .integer(Int64(test.maximumLength ?? 1 << 30)),
        ]
    }

    static let module = #"""
        # Written by Lockstep. The policy is in data.json; see statement.json for what it could not express.
        # Without an answer, and with a mistake anywhere, a call is denied.
        package lockstep.authz

        default allow := false

        allow if {
          some grant in data.lockstep.grants
          grant.server == input.server
          grant.tool == input.tool
          is_about(grant)
          is_object(input.arguments)
          # Beyond this our own observer stops looking.
          count(input.arguments) <= 80
          count([value | walk(input.arguments, [_, value])]) <= 4000
          not fails(grant)
        }

        fails(grant) if {
          some rule in grant.rules
          not passes(rule)
        }

        is_about(grant) if grant.agent == input.agent

        # A grant without an agent is for every agent that has none of its own.
        is_about(grant) if {
          not grant.agent
          is_string(input.agent)
          not is_named
        }

        is_named if {
          some name in data.lockstep.agents
          name == input.agent
        }

        # Every scalar with its path: positions in lists leave no trace, and names are escaped as in RFC 6901.
        leaves contains [name, value] if {
          walk(input.arguments, [path, value])
          not is_object(value)
          not is_array(value)
          parts := [replace(replace(part, "~", "~0"), "/", "~1") | some i; part := path[i]; is_string(part)]
          name := concat("/", parts)
        }

        # What is nested deeper than our own observer looks is denied.
        is_deep if {
          walk(input.arguments, [path, _])
          count(path) > 24
        }

        passes(rule) if {
          not is_deep
          not has_refused(rule)
          not lacks(rule)
          not is_long(rule)
        }

        has_refused(rule) if {
          some leaf in leaves
          not leaf_passes(rule, leaf[0], leaf[1])
        }

        lacks(rule) if {
          some path in rule.required
          not is_sent(path)
        }

        is_long(rule) if {
          some name, most in rule.items
          is_array(input.arguments[name])
          count(input.arguments[name]) > most
        }

        is_sent(path) if {
          some leaf in leaves
          leaf[0] == path
          not is_empty(leaf[1])
        }

        is_empty(value) if is_null(value)

        is_empty(value) if value == ""

        # What is empty is as good as absent.
        leaf_passes(rule, path, value) if {
          is_empty(value)
          not is_required(rule, path)
        }

        is_required(rule, path) if {
          some required in rule.required
          required == path
        }

        leaf_passes(rule, path, value) if admits(rule.arguments[path], value)

        leaf_passes(rule, path, value) if {
          not rule.arguments[path]
          some test in rule.others
          admits(test, value)
        }

        admits(test, value) if {
          is_boolean(value)
          some flag in test.booleans
          flag == value
        }

        admits(test, value) if {
          is_number(value)
          some number in test.numbers
          number == value
        }

        admits(test, value) if {
          is_number(value)
          some range in test.ranges
          not is_below(range, value)
          not is_above(range, value)
        }

        is_below(range, value) if value < range.least

        is_above(range, value) if value > range.most

        admits(test, value) if {
          is_string(value)
          count(value) <= test.length
          matches(test, value)
        }

        matches(test, value) if {
          some text in test.texts
          text == value
        }

        # Only ASCII is folded: the lower case of other letters is not the same everywhere.
        matches(test, value) if {
          regex.match(`^[ -~]+$`, value)
          lowered := lower(value)
          some text in test.folded
          text == lowered
        }

        matches(test, value) if {
          some text in test.tests
          count(value) >= text.least
          count(value) <= text.most
          regex.match(text.pattern, value)
          not is_excluded(text, value)
        }

        is_excluded(text, value) if {
          some pattern in text.excluding
          regex.match(pattern, value)
        }

        """#
}
