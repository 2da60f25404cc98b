import Actions
import ArgumentParser
import Core
import Policies
import Traffic

extension PolicyCommand {
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which recorded calls a policy would allow; exit code 2 where it denies any.",
            discussion: "A replay of recorded calls: what an agent would have done after a refusal is not known."
        )
        @Option(help: "The policy.") var policy: String
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String]
        @Flag(help: "With modes and expiry, as a gateway decides; otherwise every rule counts as enforced.")
        var asDeployed = false
        @Option(help: "table, json with the counts, or ndjson with a line for each call.") var format: Format = .table

        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, ndjson }

        func run() async throws {
            let policy = try Recordings.policy(policy)
            var tally = ReplayTally()
            var lines: [UInt8] = []
            let isCounting = format != .ndjson
            let count = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try PolicyReplay.run(policy, over: recordings, asDeployed: asDeployed) { replayed in
                    tally.count(replayed)
                    guard !isCounting else { return }
                    lines += JSON.canonical(replayed.json)
                    lines.append(UInt8(ascii: "\n"))
                    if lines.count > 1 << 20 {
                        Output.stream(lines)
                        lines.removeAll(keepingCapacity: true)
                    }
                }
            }
            Output.stream(lines)
            Recordings.report(count)
            // A replay of nothing would read as a proof.
            guard count.calls > 0 else {
                throw CommandFailure(
                    "policy.nothing-replayed",
                    "there is no call in the recordings, so nothing was measured",
                    help: "name recordings with calls",
                    status: ExitStatus.failed
                )
            }
            switch format {
            case .table: Output.answer(tally.text)
            case .json: Output.answer(tally.json)
            case .ndjson: Output.talk(tally.summary)
            }
            if tally.refused > 0 { throw ExitStatus.answerIsNo }
        }
    }
}

/// How a replay went, by verdict and by what was refused.
private struct ReplayTally {
    private var verdicts: [Decision.Verdict: Int] = [:]
    private var sessions: Set<String> = []
    private var refusedSessions: Set<String> = []
    private var reasons: [Refused: Int] = [:]

    private struct Refused: Hashable {
        var verdict: Decision.Verdict
        var tool: ServerTool
        var argument: String?
        var reason: String
    }

    var refused: Int { verdicts.filter { $0.key != .allow }.map(\.value).reduce(0, +) }

    mutating func count(_ replayed: PolicyReplay.Replayed) {
        verdicts[replayed.decision.verdict, default: 0] += 1
        sessions.insert(replayed.record.session)
        guard replayed.decision.verdict != .allow else { return }
        refusedSessions.insert(replayed.record.session)
        let decision = replayed.decision
        let refused = Refused(
            verdict: decision.verdict,
            tool: replayed.call.tool,
            argument: decision.argument,
            reason: decision.reason
        )
        reasons[refused, default: 0] += 1
    }

    var summary: String {
        let calls = verdicts.values.reduce(0, +)
        return "\(verdicts[.allow] ?? 0) of \(counted(calls, "call")) allowed, \(verdicts[.ask] ?? 0) asked, "
            + "\(verdicts[.deny] ?? 0) denied; \(sessions.count - refusedSessions.count) of \(counted(sessions.count, "session")) wholly allowed"
    }

    var text: String {
        let rows = sorted.prefix(40).map { key, count in
            [String(count), key.tool.description, key.argument ?? "", key.reason]
        }
        return rows.isEmpty
            ? summary : summary + "\n\n" + Output.table(["calls", "tool", "argument", "reason"], rows)
    }

    private var sorted: [(key: Refused, value: Int)] {
        reasons.sorted { left, right in
            if left.value != right.value { return left.value > right.value }
            if left.key.tool != right.key.tool { return left.key.tool < right.key.tool }
            return (left.key.argument ?? "", left.key.reason) < (right.key.argument ?? "", right.key.reason)
        }
    }

    var json: JSON.Value {
        [
            "calls": .integer(Int64(verdicts.values.reduce(0, +))),
            "allowed": .integer(Int64(verdicts[.allow] ?? 0)), "asked": .integer(Int64(verdicts[.ask] ?? 0)),
            "denied": .integer(Int64(verdicts[.deny] ?? 0)), "sessions": .integer(Int64(sessions.count)),
            "sessions_allowed": .integer(Int64(sessions.count - refusedSessions.count)),
            "refused": .array(
                sorted.map { refused, count in
                    [
                        "calls": .integer(Int64(count)), "decision": .string(refused.verdict.rawValue),
                        "server": .string(refused.tool.server), "tool": .string(refused.tool.tool),
                        "argument": refused.argument.map { .string($0) } ?? .null, "reason": .string(refused.reason),
                    ]
                }
            ),
        ]
    }
}

extension PolicyReplay.Replayed {
    /// The line of design §9: `{"session","sequence","decision","rule","reason"}`.
    var json: JSON.Value {
        [
            "session": .string(record.session), "sequence": .integer(record.sequence),
            "decision": .string(decision.verdict.rawValue), "rule": decision.rule.map { .string($0) } ?? .null,
            "argument": decision.argument.map { .string($0) } ?? .null, "reason": .string(decision.reason),
        ]
    }
}
