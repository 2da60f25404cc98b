import Testing

@testable import Expressions

@Suite struct FuzzTests {
    static let seeds = [
        "steps.backtest.outputs['x'] < 0.01 && !has(a.b.c)", "[1, 2u, 3.0, 'x', b'y', null, true].map(x, dyn(x) == 1)",
        "{'a': {1: [?optional.of(2)]}, ?'b': optional.none()}.?a[?1].orValue([])",
        "timestamp('2024-02-29T12:00:00.5Z') - duration('1h2m3.5s') > timestamp(0)",
        "timestamp(1e3 > 2.0 ? 5 : 6).getDayOfYear('+05:30') % 7",
        "'%s %d %.3f %e %b %x'.format(['a', 1, 2.5, 3, 4, b'5'])",
        "'a-b-c'.split('-', 2).join('+').replace('a', 'bb', 1).substring(1, 3).charAt(0).lastIndexOf('b')",
        "'aXbX'.matches('^(?i)[a-c]{1,3}(x|\\\\pL)*\\\\b$')", "math.greatest(1, 2.5, 3u) + math.bitShiftLeft(1, 3)",
        "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3')) ? ip('::1').family() : 0",
        "cel.bind(x, [1, 2, 3], x.exists(i, v, i + v > 3) || x.transformMap(i, v, v * i).size() > 0)",
        "cel.block([1, cel.index(0) + 1], cel.index(1))", "base64.decode(base64.encode(b'\\x00\\xff')).size()",
        "r'''raw \"text\"''' + \"\\u00e9\\U0001F600\\101\" + '\\x41'", "-9223372036854775808 / -1 + 0x7F - --5",
        "optional.of(1).optMap(v, v + 1).or(optional.none()).value()", "strings.quote('a\\n').reverse().trim()",
        "int(uint(double(string(1.5e3)))) == type(1) || int == type(.a.b)",
        "[[1], [2]].all(x, x.exists_one(y, y > 0)) in [true]", "a ? b : c ? d : e",
    ]

    static let pieces =
        [
            "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "!", "-", "&&", "||", "==", "'", "\"", "\\", "`", "b'",
            "r\"",
        ]
        + [
            "in", "null", "x", "has(", ".map(", ".all(", "1", "9223372036854775807", "1e308", "0u", "\u{0}", "é", "😀",
            "\n",
        ]
        + [".?", "[?", "cel.bind(", "optional.", "'''", "//", "0x", "%", ".matches(", "{1000}", "\u{FEFF}", "e\u{301}"]

    private static func mutated(_ generator: inout SplitMix) -> String {
        var scalars = Array((seeds.randomElement(using: &generator) ?? "").unicodeScalars)
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            let place = Int.random(in: 0...scalars.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0 where place < scalars.count: scalars.remove(at: place)
            case 1:
                let end = min(scalars.count, place + Int.random(in: 0...12, using: &generator))
                scalars.removeSubrange(place..<end)
            case 2:
                let other = Array((seeds.randomElement(using: &generator) ?? "").unicodeScalars)
                let start = Int.random(in: 0...other.count, using: &generator)
                scalars.insert(contentsOf: other[start..<min(other.count, start + 20)], at: place)
            case 3 where place < scalars.count:
                scalars[place] = Unicode.Scalar(UInt8.random(in: 0..<128, using: &generator))
            case 4:
                let end = min(scalars.count, place + Int.random(in: 1...16, using: &generator))
                scalars.insert(contentsOf: scalars[place..<end], at: place)
            default:
                scalars.insert(contentsOf: (pieces.randomElement(using: &generator) ?? "").unicodeScalars, at: place)
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Whatever happens is a value or a typed error with a place inside the source; a trap would end the process.
    @Test(.timeLimit(.minutes(10)), arguments: [1 as UInt64, 2, 3, 4])
    func neverTraps(_ seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let declarations = Declarations(variables: ["steps": .dyn, "a": .map(key: .string, value: .dyn), "b": .int])
        let bindings = Bindings(
            variables: [
                "steps": .map(ValueMap([("backtest", .null)])), "a": .map(ValueMap([("b", .optional(.int(1)))])),
                "b": .int(.min), "c": .double(.nan), "x": .list([.uint(.max), .string("é")]),
            ])
        var valid = 0
        for _ in 0..<5_000 {
            let source = Self.mutated(&generator)
            let expression: Expression
            do throws(ExpressionError) {
                expression = try Expression.parse(source)
            } catch {
                #expect(error.offset >= 0 && error.offset + error.length <= source.utf8.count)
                continue
            }
            valid += 1
            let length = source.utf8.count
            for issue in expression.check(in: declarations).issues { #expect(issue.range.upperBound <= length) }
            for reference in expression.references { #expect(reference.range.upperBound <= length) }
            do throws(EvaluationError) {
                let first = try expression.evaluate(bindings, options: EvaluationOptions(costLimit: 20_000))
                let second = try expression.evaluate(bindings, options: EvaluationOptions(costLimit: 20_000))
                #expect(first.isIdentical(to: second))
            } catch {
                #expect((0...length).contains(error.offset))
            }
        }
        #expect(valid > 500, "the mutations must leave enough valid expressions to be worth it")
    }
}
