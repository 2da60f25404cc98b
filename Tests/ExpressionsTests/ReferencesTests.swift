import Testing

@testable import Expressions

@Suite struct ReferencesTests {
    @Test(arguments: [
        ("steps.backtest.outputs.false_deny < 0.01", ["steps.backtest.outputs.false_deny"]),
        ("steps['backtest'].outputs[?\"x\"].y", ["steps.backtest.outputs.x?.y"]),
        ("has(steps.a.b) && vars.?c.d", ["steps.a.b?", "vars.c?.d"]),
        ("a[b.c].d", ["a", "b.c"]), ("a.b(c).d", ["a.b!", "c"]),
        ("items.all(x, x.y == z && x in w)", ["items", "z", "w"]),
        ("x.map(x, x.y)", ["x"]), ("[1].map(x, .x.y)", ["x.y"]),
        ("m.exists(k, v, k == v)", ["m"]), ("cel.bind(t, a.b, t.c + u)", ["a.b", "u"]),
        ("o.optMap(v, v + w)", ["o", "w"]), ("math.greatest(a, b)", ["a", "b"]), ("type(a) == int", ["a"]),
        ("type(a) == google.protobuf.Timestamp", ["a"]), ("gates.passed(a)", ["gates", "a"]),
        ("steps.backtest-ok", ["steps.backtest", "ok"]), ("{a: b.c, 'k': d}", ["a", "b.c", "d"]), ("1 + 2", []),
        ("cel.block([a], cel.index(0) + b)", ["a", "b"]),
    ])
    func findsRootsWithTheirPaths(_ source: String, _ wanted: [String]) throws {
        let found = try Expression.parse(source).references.map { reference in
            ([reference.root] + reference.path.map { $0.name + ($0.isOptional ? "?" : "") }).joined(separator: ".")
        }
        #expect(found == wanted.map { $0.hasSuffix("!") ? String($0.prefix { $0 != "." }) : $0 })
    }

    @Test func knowsThePlaceOfEachStep() throws {
        let source = "1 + steps.scan['the key']"
        let reference = try #require(try Expression.parse(source).references.first)
        let bytes = Array(source.utf8)
        let parts = [reference.rootRange] + reference.path.map(\.range) + [reference.range]
        #expect(
            parts.map { String(decoding: bytes[$0], as: UTF8.self) }
                == ["steps", "scan", "'the key'", "steps.scan['the key'"]
        )
    }

    @Test(arguments: [
        ("steps.backtest-ok", ["backtest-ok"]), ("steps.a-b-c.d", ["a-b", "a-b-c"]), ("a - b", []), ("a -b", []),
        ("a-1", []), ("a.size()-b", []), ("my-step.x", ["my-step"]),
    ])
    func showsNamesWithHyphens(_ source: String, _ names: [String]) throws {
        #expect(try Expression.parse(source).hyphenatedNames.map(\.name) == names)
    }

    @Test func listsTheFunctions() throws {
        let functions = try Expression.parse("math.abs(x.size()) + days(y) + z.first()").functions
        #expect(functions.map(\.name) == ["math.abs", "size", "days", "first"])
        #expect(functions.map(\.isStandard) == [true, true, false, false])
        #expect(functions.map(\.isMethod) == [false, true, false, true])
    }
}
