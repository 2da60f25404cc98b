import Behaviour
import Core
import Foundation
import Policies
import Traffic
import Wire

/// Recorded sessions of a corpus, with what its labels say of them; they are no part of this project.
struct Corpus {
    struct Session {
        var calls: [(call: ObservedCall, context: CallContext)]
        var task: String
        var model: String
        var isAttack: Bool
        /// Sequence numbers of the calls that carry the attacker's goal.
        var sinks: Set<Int64> = []
    }

    var sessions: [String: Session] = [:]

    static var shared: String { ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"] ?? "../shared" }
    static func stem(_ name: String) -> String { shared + "/corpora/" + name }
    static func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: stem(name) + ".calls.ndjson.xz")
    }

    private static func lines(_ path: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Array(data)
    }

    /// Benign sessions and attacks that succeeded by a call; others are passed over.
    init(_ name: String) throws {
        var labels = JSON.Limits.standard
        labels.maxBytes = 1 << 28
        for line in try Self.lines(Self.stem(name) + ".labels.ndjson.xz").split(separator: UInt8(ascii: "\n")) {
            let value = try JSON.parse(Array(line), limits: labels)
            guard let id = value["session"]?.string else { continue }
            if let kind = value["kind"]?.string {
                let isAttack = kind == "attacked"
                if kind == "injection_only" || (isAttack && value["attack_succeeded"]?.bool != true) { continue }
                sessions[id] = Session(
                    calls: [],
                    task: value["task"]?.string ?? "",
                    model: value["model"]?.string ?? "",
                    isAttack: isAttack
                )
            } else if value["label"]?.string == "sink", let sequence = value["sequence"]?.int {
                sessions[id]?.sinks.insert(sequence)
            }
        }
        sessions = sessions.filter { !$0.value.isAttack || !$0.value.sinks.isEmpty }
        var records: [String: [CallRecord]] = [:]
        var reader = NativeReader()
        let take = { (_: Int, result: Result<CallRecord, NativeReader.Refusal>) in
            guard case .success(let record) = result, sessions[record.session] != nil else { return }
            records[record.session, default: []].append(record)
        }
        let bytes = try Self.lines(Self.stem(name) + ".calls.ndjson.xz")
        reader.feed(bytes.span, take)
        reader.finish(take)
        let cache = ResultCache()
        for (id, calls) in records {
            var observer = SessionObserver(taskText: calls.first?.task?.text, cache: cache)
            sessions[id]?.calls = calls.sorted { $0.sequence < $1.sequence }.map {
                (observer.observe($0), CallContext($0))
            }
        }
        sessions = sessions.filter { !$0.value.calls.isEmpty }
    }

    func profile(_ ids: [String]) -> Profile {
        var profiler = Profiler()
        for id in ids {
            for (call, context) in sessions[id]?.calls ?? [] { profiler.observe(call, context: context) }
        }
        return profiler.finish()
    }

    struct Figures: CustomStringConvertible {
        var allowed = 0
        var benign = 0
        var blocked = 0
        var attacks = 0
        var reasons: [String: Int] = [:]

        var allow: Double { Double(allowed) / Double(max(1, benign)) }
        var block: Double { Double(blocked) / Double(max(1, attacks)) }
        var description: String {
            let most = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(12)
            return "allow \(allow) block \(block) (\(benign) benign, \(attacks) attacks)"
                + most.map { "\n   \($0.value) \($0.key)" }.joined()
        }
    }

    /// Replays sessions: a benign one must pass whole, an attack must lose at least one call that carries its goal.
    func replay(_ policy: Policy, _ ids: [String]) -> Figures {
        let compiled = CompiledPolicy(policy, tiers: { ToolTier.classify(tool: $0.tool) })
        var figures = Figures()
        for id in ids {
            guard let session = sessions[id] else { continue }
            let denied = session.calls.filter { compiled.decide($0.call).verdict != .allow }
            if session.isAttack {
                figures.attacks += 1
                if denied.contains(where: { session.sinks.contains($0.call.sequence) }) { figures.blocked += 1 }
            } else {
                figures.benign += 1
                if denied.isEmpty { figures.allowed += 1 }
                if let first = denied.first {
                    let decision = compiled.decide(first.call)
                    let value = first.call.leaves.first { $0.path == decision.argument }?.value.text.prefix(60)
                    figures.reasons[
                        "\(first.call.tool) \(decision.reason) \(decision.argument ?? "") \(value ?? "")",
                        default: 0
                    ] += 1
                }
            }
        }
        return figures
    }
}
