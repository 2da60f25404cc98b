import Core
import FoundationEssentials
import Policies
import Traffic

/// What one decision costs under so many rules, each about a tool of its own.
///
/// Rules and requests are made up from their numbers, and are written down so that another engine can be asked the same:
/// a value of three, a number with a bound, and a text that the agent composes. Every third request is one to deny.
struct DecideRun {
    var rules: Int
    var requests: Int

    private func most(_ rule: Int) -> Int { 100 + rule % 900 }
    private func values(_ rule: Int) -> [String] { (0..<3).map { "box-\(rule)-\($0)" } }

    var policy: Policy {
        let rules = (0..<rules).map { number in
            Rule(
                id: "bench.\(number)",
                agent: "agent:bench",
                tool: ServerTool(server: "bench", tool: "tool_\(number)"),
                tier: .write,
                arguments: [
                    ArgumentRule(
                        path: "to",
                        required: true,
                        values: values(number).map { CanonicalValue(.token, $0) }
                    ),
                    ArgumentRule(path: "amount", required: true, minimum: 0, maximum: Double(most(number))),
                    ArgumentRule(path: "note", open: [.token, .short, .free], maximumLength: 400),
                ]
            )
        }
        return Policy(name: "bench", scope: .agent, rules: rules)
    }

    private struct Request {
        var rule: Int
        var to: String
        var amount: Int
    }

    private var wanted: [Request] {
        (0..<requests).map { number in
            let rule = number &* 7_919 % rules
            // In turn a good one, one with a value that is not known, and a good one; then one with too much.
            let to = number % 6 == 1 ? "box-elsewhere" : values(rule)[number % 3]
            return Request(rule: rule, to: to, amount: number % 6 == 4 ? most(rule) + 1 : number % 100)
        }
    }

    private func call(_ request: Request) -> ObservedCall {
        let record = CallRecord(
            time: Timestamp(seconds: 1_767_225_600),
            session: "bench",
            sequence: 0,
            principal: CallRecord.Principal(id: "agent:bench", kind: .declared),
            server: "bench",
            tool: "tool_\(request.rule)",
            arguments: [
                "to": .string(request.to), "amount": .integer(Int64(request.amount)), "note": .string("as agreed"),
            ]
        )
        var observer = SessionObserver(taskText: nil)
        return observer.observe(record)
    }

    /// Writes rules and requests down and says what deciding took, by verdicts in the order of the requests.
    func measure(folder: String) throws -> JSON.Object {
        let wanted = wanted
        let content: JSON.Object = [
            "rules": .array(
                (0..<rules).map {
                    [
                        "tool": .string("tool_\($0)"), "to": .array(values($0).map { .string($0) }),
                        "most": .integer(Int64(most($0))),
                    ]
                }
            ),
            "requests": .array(
                wanted.map {
                    ["tool": .string("tool_\($0.rule)"), "to": .string($0.to), "amount": .integer(Int64($0.amount))]
                }
            ),
        ]
        try Data(JSON.canonical(.object(content))).write(to: URL(filePath: "\(folder)/decide-\(rules).json"))
        let calls = wanted.map(call)
        let compiled = CompiledPolicy(policy)
        let verdicts = calls.map { compiled.decide($0).verdict == .allow }
        // Long enough that the clock's steps of a millisecond do not count.
        var decisions = 0
        var allowed = 0
        let start = Resources.processorTime()
        var spent = Duration.zero
        while spent < .milliseconds(500) {
            for call in calls where compiled.decide(call).verdict == .allow { allowed += 1 }
            decisions += calls.count
            spent = Resources.processorTime() - start
        }
        guard allowed * calls.count == decisions * verdicts.count(where: { $0 }) else {
            throw BenchmarkFault("two decisions about one request differ")
        }
        return [
            "ns": .number(Double(spent.microseconds) * 1000 / Double(decisions)),
            "verdicts": .array(verdicts.map { .bool($0) }),
        ]
    }
}
