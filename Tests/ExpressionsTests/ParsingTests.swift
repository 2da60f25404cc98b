import Testing

@testable import Expressions

@Suite struct ParsingTests {
    struct Fault: CustomTestStringConvertible, Sendable {
        let source: String
        let code: ExpressionError.Code
        let place: Range<Int>
        var testDescription: String { source }

        init(_ source: String, _ code: ExpressionError.Code, _ place: Range<Int>) {
            self.source = source
            self.code = code
            self.place = place
        }
    }

    @Test(arguments: [
        Fault("", .syntax, 0..<0),
        Fault("1 +", .syntax, 3..<3),
        Fault("1 + * 2", .syntax, 4..<5),
        Fault("(1", .syntax, 2..<2),
        Fault("a = b", .syntax, 2..<3),
        Fault("a & b", .syntax, 2..<3),
        Fault("a ? b", .syntax, 5..<5),
        Fault("a.", .syntax, 2..<2),
        Fault("a..b", .syntax, 2..<3),
        Fault("a.?b(c)", .syntax, 4..<5),
        Fault("if", .syntax, 0..<2),
        Fault("in", .syntax, 0..<2),
        Fault("a.in", .syntax, 2..<4),
        Fault("[1 2]", .syntax, 3..<4),
        Fault("{1}", .syntax, 2..<3),
        Fault("x ü", .syntax, 2..<4),
        Fault("x \u{0}", .syntax, 2..<3),
        Fault("a.`b", .syntax, 2..<4),
        Fault("a.`b\"`", .syntax, 4..<5),
        Fault("'abc", .literal, 0..<4),
        Fault("'a\nb'", .literal, 0..<2),
        Fault("'''a", .literal, 0..<4),
        Fault("'\\q'", .literal, 1..<3),
        Fault("'\\ü'", .literal, 1..<4),
        Fault("'\\", .literal, 0..<2),
        Fault("'\\ud800'", .literal, 1..<7),
        Fault("'\\U0000dfff'", .literal, 1..<11),
        Fault("'\\U00110000'", .literal, 1..<11),
        Fault("'\\Uffffffff'", .literal, 1..<11),
        Fault("'\\u12'", .literal, 1..<5),
        Fault("'\\x4'", .literal, 1..<4),
        Fault("'\\400'", .literal, 1..<3),
        Fault("b'\\u0041'", .literal, 2..<4),
        Fault("9223372036854775808", .literal, 0..<19),
        Fault("-9223372036854775809", .literal, 1..<20),
        Fault("18446744073709551616u", .literal, 0..<21),
        Fault("99999999999999999999999999999999999999999999", .literal, 0..<44),
        Fault("0x", .literal, 0..<2),
        Fault("0xg", .literal, 0..<3),
        Fault("1e999", .literal, 0..<5),
        Fault("12abc", .literal, 0..<3),
        Fault("has(a)", .macro, 0..<6),
        Fault("has(a.b, c)", .macro, 0..<11),
        Fault("x.all(1, true)", .macro, 6..<7),
        Fault("x.all(a.b, true)", .macro, 6..<9),
        Fault("x.all(a, a, true)", .macro, 9..<10),
        Fault("cel.bind(1, 2, 3)", .macro, 9..<10),
        Fault("cel.block(1, 2)", .macro, 10..<11),
        Fault("cel.index(-1)", .macro, 10..<12),
    ])
    func pointsAtTheFault(_ fault: Fault) throws {
        let error = try #require(throws: ExpressionError.self) { try Expression.parse(fault.source) }
        #expect(error.code == fault.code)
        #expect(error.offset..<error.offset + error.length == fault.place)
        #expect(!error.message.hasSuffix(".") && !error.message.contains("\n"))
    }

    static let nests: [(opening: String, inner: String, closing: String)] = [
        ("(", "1", ")"), ("[", "1", "]"), ("{1:", "1", "}"), ("f(", "1", ")"), ("a[", "1", "]"), ("!(", "true", ")"),
        ("-(", "1", ")"), ("true ? 1 : ", "1", ""), ("1 + (", "1", ")"), ("[1].map(x, ", "x", ")"),
        ("cel.bind(x, 1, ", "x", ")"), ("M{a: ", "1", "}"), ("[?", "a", "]"), ("a.?b[?", "a", "]"), ("", "a", ".b"),
        ("", "a", "[0]"), ("", "1", " + 1"), ("", "a", ".f()"), ("", "a", " - a"),
    ]

    @Test(arguments: nests.indices)
    func refusesAHundredThousandLevels(_ index: Int) throws {
        let nest = Self.nests[index]
        // The long ones are only a matter of the lexer: a tenth of them shows the same.
        for count in [300, (nest.opening + nest.closing).utf8.count <= 3 ? 100_000 : 10_000] {
            let open = String(repeating: nest.opening, count: count) + nest.inner
            let closed = open + String(repeating: nest.closing, count: count)
            for source in nest.opening.isEmpty ? [closed] : [open, closed] {
                let options = ParseOptions(maximumLength: 10_000_000)
                let error = try #require(throws: ExpressionError.self) {
                    try Expression.parse(source, options: options)
                }
                #expect(error.code == .tooDeep)
            }
        }
    }

    @Test(arguments: nests.indices)
    func checksAndEvaluatesWhatIsJustShallowEnough(_ index: Int) throws {
        let nest = Self.nests[index]
        let count = 240
        let source =
            String(repeating: nest.opening, count: count) + nest.inner + String(repeating: nest.closing, count: count)
        let expression = try Expression.parse(source)
        _ = expression.check(in: Declarations(variables: ["a": .dyn]))
        _ = try? expression.evaluate(Bindings(variables: ["a": .optional(nil)]))
    }

    @Test func takesLongChainsOfOneLogicalOperator() throws {
        let source = Array(repeating: "true", count: 5_000).joined(separator: " && ")
        #expect(try Expression.parse(source).evaluate() == .bool(true))
        #expect(try Expression.parse(String(repeating: "!", count: 10_001) + "true").evaluate() == .bool(false))
        #expect(try Expression.parse(String(repeating: "-", count: 10_000) + "7").evaluate() == .int(7))
    }

    @Test func refusesASourceOverTheLimit() throws {
        let error = try #require(throws: ExpressionError.self) {
            try Expression.parse("1" + String(repeating: " ", count: 70_000))
        }
        #expect(error.code == .tooLong)
    }

    /// Sharing through variables makes a value far deeper than the tree is high.
    @Test func refusesAValueThatGrowsDeeperThanTheTree() throws {
        let nested = String(repeating: "[", count: 90) + "x" + String(repeating: "]", count: 90)
        var source = "x"
        for _ in 0..<10 { source = "cel.bind(x, \(nested), \(source))" }
        let error = try #require(throws: ExpressionError.self) { try Expression.parse(source) }
        #expect(error.code == .tooDeep)
    }

    @Test(arguments: [
        ("1 + 2 * 3 - 4 / 2", Value.int(5)), ("2 - 1 - 1", .int(0)), ("-2.5e1", .double(-25)), (".5 + 1.5", .double(2)),
        ("1 < 2 == true", .bool(true)), ("false ? 1 : true ? 2 : 3", .int(2)), ("[1, 2,][1]", .int(2)),
        ("{'a': 1,}.a", .int(1)), ("-9223372036854775808", .int(.min)), ("0xFFFFFFFFFFFFFFFFu", .uint(.max)),
        ("true || false && false", .bool(true)), ("'\\u00e9' == 'e\\u0301'", .bool(false)),
        ("size('e\\u0301')", .int(2)), ("{'\\u00e9': 1, 'e\\u0301': 2}.size()", .int(2)),
        ("1 // comment\n + 1", .int(2)), ("1.size() == 1 || true", .bool(true)), ("r'\\n' == '\\\\n'", .bool(true)),
        ("{'as': 1}.as", .int(1)), ("{'a-b': 1}.`a-b`", .int(1)),
    ])
    func readsTheGrammar(_ source: String, _ value: Value) throws {
        #expect(try Expression.parse(source).evaluate().isIdentical(to: value))
    }
}
