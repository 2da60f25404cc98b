import Core
import FoundationEssentials
import Glibc
import Ledger
import Playbooks

/// Measures the engine on a real file, or the deciding of policies, and prints one JSON object.
///
/// - `durability FOLDER STEPS PAIRS`: engine and bare SQLite in turn, for reading and for changing steps.
/// - `once FILE STEPS read|change`: one run alone, for its memory.
/// - `fill FILE STEPS RUNS`: adds runs to the ledger of a workspace.
/// - `audit FOLDER ENTRIES BATCH`: appends to an audit log against bare hashing with the same writes; checks a large one.
/// - `decide FOLDER RULES REQUESTS`: what a decision costs; writes down what was asked, for other engines.
@main
enum Benchmarks {
    static func main() async {
        do {
            let answer = try await answer(Array(CommandLine.arguments.dropFirst()))
            print(JSON.pretty(.object(answer)))
        } catch {
            print("error: \(error)")
            exit(1)
        }
    }

    private static func answer(_ arguments: [String]) async throws -> JSON.Object {
        guard arguments.count == 4, let steps = Int(arguments[2]), steps > 0 else {
            throw BenchmarkFault(
                "usage: durability FOLDER STEPS PAIRS | once FILE STEPS EFFECT | fill FILE STEPS RUNS | audit FOLDER ENTRIES BATCH | decide FOLDER RULES REQUESTS"
            )
        }
        let path = arguments[1]
        switch (arguments[0], Int(arguments[3]), ActionSchema.Effect(rawValue: arguments[3])) {
        case ("durability", let pairs?, _):
            return [
                "steps": .integer(Int64(steps)), "pairs": .integer(Int64(pairs)),
                "read": .object(try await compare(EngineRun(steps: steps, effect: .read), pairs: pairs, folder: path)),
                "change": .object(
                    try await compare(EngineRun(steps: steps, effect: .change), pairs: pairs, folder: path)
                ),
            ]
        case ("once", _, let effect?):
            let figures = try await EngineRun(steps: steps, effect: effect).measure(path: path)
            return [
                "wall_us": .integer(figures.wall.microseconds), "peak_kib": .integer(Resources.peakMemory()),
                "cpu_us_per_step": .number(Double(figures.processor.microseconds) / Double(steps)),
            ]
        case ("fill", let runs?, _):
            for _ in 0..<runs { _ = try await EngineRun(steps: steps, effect: .read).measure(path: path) }
            return ["steps": .integer(Int64(steps * runs))]
        case ("audit", let batch?, _) where batch > 0:
            return try AuditRun(entries: steps, batch: batch).measure(folder: path)
        case ("decide", let requests?, _): return try DecideRun(rules: steps, requests: requests).measure(folder: path)
        default: throw BenchmarkFault("`\(arguments[0])` is not known")
        }
    }

    /// Engine, bare, engine, bare: whatever else the machine does falls on both.
    private static func compare(_ run: EngineRun, pairs: Int, folder: String) async throws -> JSON.Object {
        var engine: [EngineFigures] = []
        var bare: [(wall: Duration, processor: Duration)] = []
        // The first pair warms the machine up and is not counted.
        for pair in 0...pairs {
            let paths = ["engine", "bare"].map { "\(folder)/\($0)-\(run.effect.rawValue)-\(pair).db" }
            let figures = try await run.measure(path: paths[0])
            let replay = try Replay(of: figures, syncsIntents: run.effect == .change, path: paths[0])
            let written = try replay.measure(path: paths[1])
            if pair > 0 {
                engine.append(figures)
                bare.append(written)
            }
            for path in paths {
                for end in ["", "-wal", "-shm"] { unsafe unlink(path + end) }
            }
        }
        let ratios = zip(engine, bare).map { Double($0.wall.microseconds) / Double($1.wall.microseconds) }.sorted()
        let steps = Double(run.steps)
        let walls = (engine: engine.map(\.wall).median.microseconds, bare: bare.map(\.wall).median.microseconds)
        return [
            "commits_per_step": .number(Double(engine.map(\.commits.all).max() ?? 0) / steps),
            "synced_commits_per_step": .number(Double(engine.map(\.commits.synced).max() ?? 0) / steps),
            "cpu_us_per_step": .number(Double(engine.map(\.processor).median.microseconds) / steps),
            "bare_cpu_us_per_step": .number(Double(bare.map(\.processor).median.microseconds) / steps),
            "engine_wall_us": .integer(walls.engine), "bare_wall_us": .integer(walls.bare),
            "ratio": .number(Double(walls.engine) / Double(walls.bare)),
            "pair_ratios": .array(ratios.map { .number($0) }), "peak_kib": .integer(Resources.peakMemory()),
        ]
    }
}
