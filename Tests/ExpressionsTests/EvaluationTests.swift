import Foundation
import Testing

@testable import Expressions

private typealias Expression = Expressions.Expression

@Suite struct EvaluationTests {
    private func error(
        _ source: String,
        _ bindings: Bindings = Bindings(),
        _ options: EvaluationOptions = EvaluationOptions()
    ) throws -> EvaluationError {
        try #require(throws: EvaluationError.self) {
            try Expression.parse(source).evaluate(bindings, options: options)
        }
    }

    @Test(arguments: [
        ("1 / 0", EvaluationError.Code.divisionByZero, 0), ("2 + 1 % 0", .divisionByZero, 4),
        ("9223372036854775807 + 1", .overflow, 0), ("-(-9223372036854775808)", .overflow, 0),
        ("(-9223372036854775808) % -1", .overflow, 0), ("0u - 1u", .overflow, 0),
        ("true && x", .undeclaredReference, 8), ("f(1)", .undeclaredFunction, 0), ("{'a': 1}.b", .noSuchKey, 0),
        ("'a'.b", .noSuchField, 0), ("[1][1]", .indexOutOfRange, 0), ("[1][-1]", .indexOutOfRange, 0),
        ("[1]['a']", .invalidArgument, 0), ("'a' + 1", .noSuchOverload, 0), ("'a' ? 1 : 2", .noSuchOverload, 0),
        ("{1: 1, 1u: 2}", .duplicateKey, 7), ("{[]: 1}", .unsupportedKeyType, 1), ("int('x')", .invalidConversion, 0),
        ("'a'.matches('(')", .invalidPattern, 0), ("timestamp(0).getHours('Nowhere/Land')", .unknownZone, 0),
        ("optional.none().value()", .emptyOptional, 0), ("M{a: 1}", .undeclaredReference, 0),
        ("[1].all(x, x)", .noSuchOverload, 11), ("1.map(x, x)", .noSuchOverload, 0),
        ("[?1]", .noSuchOverload, 2), ("dyn(1).size()", .noSuchOverload, 0), ("'%d'.format([])", .indexOutOfRange, 0),
        ("'%'.format([])", .invalidArgument, 0), ("'%.99999f'.format([1.0])", .invalidArgument, 0),
        ("math.abs(-9223372036854775808)", .overflow, 0), ("'abc'.string()", .noSuchOverload, 0),
        ("base64.decode('a')", .invalidArgument, 0),
    ])
    func namesTheFaultAndItsPlace(_ source: String, _ code: EvaluationError.Code, _ offset: Int) throws {
        let error = try error(source)
        #expect(error.code == code)
        #expect(error.offset == offset)
        #expect(!error.message.hasSuffix(".") && !error.message.contains("\n"))
    }

    static let expensive = [
        "[1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, [1,2,3,4,5,6,7,8,9,10].map(c, "
            + "[1,2,3,4,5,6,7,8,9,10].map(d, [1,2,3,4,5,6,7,8,9,10].map(e, [1,2,3,4,5,6,7,8,9,10].map(f, a))))))",
        doubling("cel.bind(x, x + x, ", start: "'aaaaaaaa'", body: "x.size()"),
        doubling("cel.bind(x, x + x, ", start: "b'aaaaaaaa'", body: "x.size()"),
        doubling("cel.bind(x, x + x, ", start: "[1]", body: "x.size()"),
        doubling("cel.bind(x, [x.join(x[0]), x.join()], ", start: "['aaaaaa', 'b']", body: "x"),
        doubling("cel.bind(x, [x, x], ", start: "[1]", body: "[x] == [x]"),
        doubling("cel.bind(x, [x, x], ", start: "[1]", body: "x in [x]"),
        doubling("cel.bind(x, [x, x], ", start: "[1]", body: "'%s'.format([x])"),
        doubling("cel.bind(x, {'a': x, 'b': x}, ", start: "1", body: "'%s'.format([x])"),
        doubling("cel.bind(x, x.replace('a', 'aaaaaaaaaaaaaaaa'), ", start: "'aaaa'", body: "x.size()"),
        doubling("cel.bind(x, x.replace('', 'aaaaaaaaaaaaaaaa'), ", start: "'aaaa'", body: "x.size()"),
        doubling("cel.bind(x, strings.quote(x), ", start: "'\\\\'", body: "x.size()"),
        doubling("cel.bind(x, '%X%X'.format([x, x]), ", start: "'a'", body: "x.size()"),
        doubling("cel.bind(x, x + x, ", start: "'aaaaaaaa'", body: "x.matches('(a|a|a|a)*b')", levels: 13),
        doubling("cel.bind(x, x + x, ", start: "'aaaaaaaa'", body: "x.split('').size()", levels: 13),
        "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, "
            + "[1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, "
            + "'x'.matches('y') || true))))))",
    ]

    private static func doubling(_ step: String, start: String, body: String, levels: Int = 60) -> String {
        "cel.bind(x, \(start), " + String(repeating: step, count: levels) + body
            + String(repeating: ")", count: levels + 1)
    }

    @Test(.timeLimit(.minutes(10)), arguments: expensive.indices)
    func stopsAtTheCostLimit(_ index: Int) throws {
        let source = Self.expensive[index]
        // No operator and no macro may hide the limit.
        for source in [
            source, "(\(source)) == 1 || true", "[1, 2].exists(v, v == 2 || (\(source)) == v)",
            "![1, 2].all(v, v != 2 && (\(source)) == v)",
        ] {
            #expect(try error(source, Bindings(), EvaluationOptions(costLimit: 50_000)).code == .costLimit)
        }
    }

    @Test func billsTheFullSizeOfTheResult() throws {
        #expect(try error(Self.doubling("cel.bind(x, [x, x], ", start: "[1]", body: "x")).code == .costLimit)
        #expect(try error(Self.doubling("cel.bind(x, {1: x, 2: x}, ", start: "1", body: "x")).code == .costLimit)
    }

    @Test func stopsAtTheRecursionLimit() throws {
        let options = EvaluationOptions(recursionLimit: 10)
        let source = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
        #expect(try error("size(\(source)) == 1 || true", Bindings(), options).code == .recursionLimit)
    }

    @Test func checksTypesThatGrowExponentiallyInBoundedTime() throws {
        var source = "cel.bind(x, f(1, 1), "
        source += String(repeating: "cel.bind(x, f(x, x), ", count: 60) + "x" + String(repeating: ")", count: 61)
        let pair: CELType = .opaque("pair", [.parameter("T"), .parameter("U")])
        let declarations = Declarations(functions: ["f": [.function([.parameter("T"), .parameter("U")], pair)]])
        let result = try Expression.parse(source).check(in: declarations)
        #expect(result.issues.map(\.code) == [.tooComplex])
    }

    @Test func evaluatesAtFullDepthOnASmallStack() async {
        let sources = ParsingTests.nests.map { nest in
            let levels = 240
            return String(repeating: nest.opening, count: levels) + nest.inner
                + String(repeating: nest.closing, count: levels)
        }
        await withCheckedContinuation { continuation in
            let thread = Thread {
                for source in sources {
                    guard let expression = try? Expression.parse(source) else { continue }
                    _ = expression.check(in: Declarations())
                    _ = try? expression.evaluate()
                }
                continuation.resume()
            }
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    // MARK: Hosts

    @Test func callsTheHost() throws {
        let double: HostFunction = { arguments throws(EvaluationError) in
            guard case .int(let number)? = arguments.first, arguments.count == 1 else {
                throw EvaluationError(.noSuchOverload, "`double_it` takes an int")
            }
            return .int(number * 2)
        }
        let bindings = Bindings(
            variables: ["steps": .map(ValueMap([("scan", .map(ValueMap([("count", .int(4))])))]))],
            functions: ["double_it": double, "gates.double_it": double],
            resolve: { $0 == "lazy" ? .int(20) : nil }
        )
        let cases: [(String, Value)] = [
            ("double_it(4)", .int(8)), ("4.double_it()", .int(8)), ("gates.double_it(steps.scan.count)", .int(8)),
            ("lazy + 1", .int(21)), ("[1, 2].map(x, double_it(x))", .list([.int(2), .int(4)])),
        ]
        for (source, value) in cases { #expect(try Expression.parse(source).evaluate(bindings) == value) }
        let failure = try error("1 + double_it('a')", bindings)
        #expect(failure.code == .noSuchOverload)
        #expect(failure.offset == 4)
    }

    @Test func billsWhatTheHostReturns() throws {
        let big: HostFunction = { _ in .list(Array(repeating: .int(1), count: 5_000)) }
        let bindings = Bindings(functions: ["big": big])
        #expect(
            try error("big().size() == 0 || true", bindings, EvaluationOptions(costLimit: 1_000)).code == .costLimit
        )
    }

    @Test(arguments: [
        (1_236_000_000, "US/Central", 7), (1_250_000_000, "US/Central", 9), (0, "Asia/Kathmandu", 5),
        (0, "+05:30", 5), (0, "-9:30", 14), (0, "UTC", 0),
    ])
    func readsHoursInZones(_ seconds: Int, _ zone: String, _ hour: Int) throws {
        let expression = try Expression.parse("timestamp(\(seconds)).getHours('\(zone)')")
        #expect(try expression.evaluate(options: EvaluationOptions(zoneOffset: zoneOffset)) == .int(Int64(hour)))
    }

    @Test(arguments: ["+24:00", "1:60", "+1:0", "--1:00", "+:00", "1", "+0100", " 01:00", "+01:00 ", "0٠:00"])
    func refusesWrongOffsets(_ zone: String) throws {
        #expect(try error("timestamp(0).getHours('\(zone)')").code == .unknownZone)
    }

    @Test(arguments: ["cel.block([1], cel.index(1))", "cel.iterVar(0, 0)", "cel.index(0)"])
    func refusesSlotsThatDoNotExist(_ source: String) throws {
        #expect(try error(source).code == .undeclaredReference)
    }
}
