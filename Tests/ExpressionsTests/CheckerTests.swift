import Testing

@testable import Expressions

@Suite struct CheckerTests {
    static let declarations = Declarations(
        variables: [
            "steps": .record(
                "steps",
                fields: [
                    "backtest": .record(
                        "backtest",
                        fields: ["outputs": .record("outputs", fields: ["false_deny": .double])]
                    ),
                    "backtest-ok": .bool,
                ]
            ),
            "count": .int, "names": .list(.string), "labels": .map(key: .string, value: .int), "any": .dyn,
            "since": .timestamp,
        ],
        functions: [
            "percentile": [.function([.list(.double), .double], .double)],
            "days": [.function([.timestamp, .timestamp], .int), .function([.duration], .int)],
            "first": [.method([.list(.parameter("T"))], .optional(.parameter("T")))],
            "gates.passed": [.function([.string], .bool)],
        ]
    )

    @Test(
        arguments: [
            ("steps.backtest.outputs.false_deny < 0.01", CELType.bool), ("steps['backtest-ok']", .bool),
            ("steps.`backtest-ok`", .bool), ("steps.map(name, name)", .list(.string)), ("count + 1", .int),
            ("names.map(n, n.size())", .list(.int)), ("names.first()", .optional(.string)),
            ("names.first().orValue('x')", .string), ("labels.a", .int), ("labels[?'a']", .optional(.int)),
            ("percentile([1.0], 0.5)", .double), ("days(since, since) + days(since - since)", .int),
            ("gates.passed('x') && any", .bool), ("any.thing.else_", .dyn), ("[1, 'a']", .list(.dyn)),
            ("names.all(i, n, i < 3 && n != '')", .bool),
            ("labels.transformMap(k, v, k)", .map(key: .string, value: .string)),
            ("type(1)", .type(.int)), ("has(steps.backtest.outputs)", .bool), ("'x' in labels && 'y' in steps", .bool),
            ("steps[names[0]]", .dyn), ("math.greatest(1, 2)", .int), ("math.least(1, 2.0)", .dyn),
            ("{'a': 1}.transformMapEntry(k, v, {v: k})", .map(key: .int, value: .string)),
            ("{}", .map(key: .dyn, value: .dyn)),
            ("optional.of(1).optMap(x, string(x))", .optional(.string)), ("size(steps) + size(labels)", .int),
        ] as [(String, CELType)]
    )
    func deducesTypes(_ source: String, _ type: CELType) throws {
        let result = try Expression.parse(source).check(in: Self.declarations)
        #expect(result.issues.isEmpty)
        #expect(result.type == type)
    }

    @Test(arguments: [
        ("cuont + 1", ExpressionIssue.Code.undeclared, "cuont"),
        ("steps.backtset", .unknownField, "backtset"),
        ("steps.backtest.outputs.deny", .unknownField, "deny"),
        ("has(steps.backtset)", .unknownField, "backtset"),
        ("steps['backtset']", .unknownField, "'backtset'"),
        ("1 + names.sise()", .undeclaredFunction, "sise"),
        ("precentile([1.0], 0.5)", .undeclaredFunction, "precentile"),
        ("percentile([1.0], 'x')", .noMatchingOverload, "percentile([1.0], 'x')"),
        ("count + 'x'", .noMatchingOverload, "count + 'x'"),
        ("count == 'x'", .noMatchingOverload, "count == 'x'"),
        ("true && count", .typeMismatch, "count"),
        ("count ? 1 : 2", .typeMismatch, "count"),
        ("!count", .typeMismatch, "count"),
        ("count.x", .typeMismatch, "x"),
        ("names.all(n, n.size())", .typeMismatch, "n.size()"),
        ("count.map(x, x)", .notIterable, "count"),
        ("names[0].matches('a**')", .pattern, "'a**'"),
        ("{1.5: 2}", .typeMismatch, "1.5"),
        ("Message{a: 1}", .unknownType, "Message{a: 1}"),
        ("names.first().optFlatMap(x, x)", .typeMismatch, "x"),
    ])
    func reportsOneIssueAtItsPlace(_ source: String, _ code: ExpressionIssue.Code, _ place: String) throws {
        let issues = try Expression.parse(source).check(in: Self.declarations).issues
        let issue = try #require(issues.first)
        #expect(issues.count == 1)
        #expect(issue.code == code)
        #expect(String(decoding: Array(source.utf8)[issue.range], as: UTF8.self) == place)
        #expect(!issue.message.hasSuffix(".") && !issue.message.contains("\n"))
    }

    @Test func offersTheNamesInSight() throws {
        let issues = try Expression.parse("names.all(element, elment == '') || steps.x").check(in: Self.declarations)
            .issues
        #expect(issues.map(\.code) == [.undeclared, .unknownField])
        #expect(issues[0].candidates == ["any", "count", "element", "labels", "names", "since", "steps"])
        #expect(issues[1].candidates == ["backtest", "backtest-ok"])
    }

    @Test func explainsAHyphen() throws {
        let issue = try #require(
            try Expression.parse("steps.backtest-ok").check(in: Self.declarations).issues.first {
                $0.code == .undeclared
            }
        )
        #expect(issue.help == "`-` subtracts here; a name with a hyphen is written as `[\"backtest-ok\"]`")
    }
}
