import Testing

@testable import Expressions

@Suite struct ConformanceTests {
    /// How many cases without messages each file of the suite has: all of them pass, and not one may stop passing.
    static let floors: [(file: String, count: Int)] = [
        ("basic", 43), ("comparisons", 334), ("conversions", 109), ("fields", 60), ("fp_math", 30),
        ("integer_math", 64), ("lists", 39), ("logic", 30), ("macros", 44), ("namespace", 14), ("parse", 193),
        ("plumbing", 5), ("string", 51), ("timestamps", 75), ("string_ext", 213), ("optionals", 59),
        ("type_deductions", 26), ("macros2", 46), ("bindings_ext", 8), ("encoders_ext", 4), ("math_ext", 199),
        ("network_ext", 69), ("block_ext", 25),
    ]

    @Test(
        .enabled(if: ConformanceCase.isPresent, "skipped: the CEL conformance suite is not there, set LOCKSTEP_SHARED"),
        .timeLimit(.minutes(10))
    )
    func passesTheConformanceSuiteWithoutMessages() throws {
        let cases = try ConformanceCase.load().filter { !$0.needsMessages }
        var total = 0
        var lines: [String] = []
        for (file, floor) in Self.floors {
            var passed = 0
            let chosen = cases.filter { $0.file == file }
            for test in chosen {
                if let failure = test.failure() {
                    Issue.record("\(test.name): `\(test.expression)`: \(failure)")
                } else {
                    passed += 1
                }
            }
            total += passed
            lines.append("\(file) \(passed)/\(chosen.count)")
            #expect(passed >= floor, "\(file) must not fall below \(floor)")
            #expect(chosen.count == floor)
        }
        print("CEL conformance: " + lines.joined(separator: ", "))
        print(
            "CEL conformance: \(total)/\(cases.count) of all cases without messages, "
                + "\(ConformanceCase.repaired.count) expectations repaired"
        )
        #expect(cases.count == 1_740)
    }
}
