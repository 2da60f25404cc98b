import Core
import Engine
import Ledger
import Playbooks
import Synchronization

/// What lies outside the ledger: survives every pretended crash, and remembers what was done to it.
final class Outside: Sendable {
    struct State {
        var done: [(key: String, instance: String)] = []
        var calls: [String: Int] = [:]
        var secrets: [String] = []
        var metrics: [String: [Double?]] = [:]
        var unknown: Set<String> = []
        /// How many attempts of an instance fail before one works.
        var failures: [String: (count: Int, code: StepError.Code)] = [:]
        var asked: [String] = []
    }

    let state = Mutex(State())

    var done: [String] { state.withLock { $0.done.map(\.instance) } }
    var duplicates: [String] {
        state.withLock { state in
            Dictionary(grouping: state.done, by: \.key).filter { $0.value.count > 1 }.map(\.key)
        }
    }
    func calls(_ instance: String) -> Int { state.withLock { $0.calls[instance] ?? 0 } }
    func fail(_ instance: String, times: Int, _ code: StepError.Code = .transient) {
        state.withLock { $0.failures[instance] = (times, code) }
    }
}

/// Changes the outside; says of an earlier attempt whether it is there.
struct Change: StepAction {
    var outside: Outside
    var name: ActionName = "test.change"
    var version = 1
    var effect: ActionSchema.Effect = .change
    var schema: ActionSchema {
        ActionSchema(
            name: name,
            version: version,
            summary: "changes",
            effect: effect,
            parameters: [
                .init("value", .string, summary: "v"), .init("token", .string, isSecret: true, summary: "t"),
            ],
            outputs: [("value", .string)]
        )
    }

    func observe(_ request: ActionRequest) async -> Observation {
        outside.state.withLock { state in
            state.asked.append(request.instance.description)
            if state.unknown.contains(request.instance.description) { return .unknown("is it there?") }
            guard state.done.contains(where: { $0.key == request.idempotencyKey }) else { return .absent }
            return .done(result(request))
        }
    }

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let instance = request.instance.description
        for _ in 0..<(abs(instance.hashValue) % 3) { await Task.yield() }
        let failure: StepError.Code? = outside.state.withLock { state in
            state.calls[instance, default: 0] += 1
            if let token = request.secrets["token"] { state.secrets.append(token.revealed) }
            if let failure = state.failures[instance], failure.count > 0 {
                state.failures[instance] = (failure.count - 1, failure.code)
                return failure.code
            }
            if effect == .change { state.done.append((request.idempotencyKey, instance)) }
            return nil
        }
        if let failure { throw StepError(failure, "the test wants it to fail") }
        return result(request)
    }

    private func result(_ request: ActionRequest) -> ActionResult {
        ActionResult(outputs: ["value": request.parameters["value"] ?? .string(request.instance.description)])
    }
}

struct Series: MetricSource {
    var outside: Outside
    var schema: MetricSchema { MetricSchema(name: "test.series", summary: "a series", unit: "1") }

    func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double {
        let value: Double?? = outside.state.withLock { state in
            let name = parameters["name"]?.string ?? "series"
            guard let values = state.metrics[name], !values.isEmpty else { return .none }
            if values.count > 1 { state.metrics[name]?.removeFirst() }
            return .some(values[0])
        }
        guard let value, let value else { throw StepError(.transient, "the sensor is broken") }
        return value
    }
}

/// An engine over a ledger in memory, an outside, and a clock that stands.
final class World: Sendable {
    let ledger: Ledger
    let outside: Outside
    let clock = ManualClock(Timestamp(rfc3339: "2026-11-23T09:00:00Z") ?? Timestamp(seconds: 0))
    let plans: Mutex<[Digest: Plan]> = Mutex([:])
    let people = People([
        "ana": ["leads"], "ben": ["leads"], "cleo": ["owners"], "dan": [], "eve": ["ciso"],
    ])
    private let seeds = Mutex<UInt64>(1)
    let processes = Mutex(1)
    /// The playbooks below with which a plan was last read again; nothing where files would have been read.
    let pinnedNames: Mutex<[String]?> = Mutex(nil)

    /// How long the machine has been running; nothing as long as a test does not care.
    let uptime: Mutex<Duration?> = Mutex(nil)

    init(
        seed: UInt64 = 1,
        path: String? = nil,
        ledger: Ledger? = nil,
        outside: Outside = Outside(),
        sealer: Sealer? = nil
    ) throws {
        self.ledger =
            try ledger ?? path.map { try Ledger(path: $0, sealer: sealer) } ?? Ledger.inMemory(sealer: sealer)
        self.outside = outside
        seeds.withLock { $0 = seed }
    }

    func engine(
        crash: CrashPoints = .none,
        actions: [any StepAction]? = nil,
        facts: Facts = Facts(),
        proven: @escaping Engine.VoteCheck = { (ballot, _, _) throws(VoteRefusal) in ballot.isAuthenticated }
    ) -> Engine {
        // Each engine is a new process, and all before it are dead.
        let process = processes.withLock {
            $0 += 1
            return $0
        }
        return Engine(
            ledger: ledger,
            catalogue: Catalogue(
                actions: actions ?? [
                    Change(outside: outside), Change(outside: outside, name: "test.undo"),
                    Change(outside: outside, name: "test.read", effect: .read),
                ],
                metrics: [Series(outside: outside)]
            ),
            clock: clock,
            people: people,
            facts: facts,
            secret: { Redacted("hunter2-\($0.name)") },
            planFor: { [self] source, _, pinned in
                guard let plan = plans.withLock({ $0[Digest.sha256(source)] }) else {
                    throw StepError(.permanent, "no such plan")
                }
                pinnedNames.withLock { $0 = pinned.map { $0.keys.sorted() } }
                return plan
            },
            proven: proven,
            seed: { [self] in
                seeds.withLock {
                    $0 &+= 1
                    return $0
                }
            },
            crash: crash,
            host: Host(
                name: "test",
                boot: "b",
                process: process,
                isAlive: { $0 == process },
                uptime: { [self] in
                    uptime.withLock { $0 }
                }
            ),
            sleep: { try await Task.sleep(for: $0) }
        )
    }

    func start(_ plan: Plan, inputs: JSON.Object = [:], by person: String = "ana") throws -> RunID {
        plans.withLock { $0[plan.digest] = plan }
        return try engine().start(plan, inputs: inputs, startedBy: person)
    }

    /// Starts a plan and does what can be done.
    func run(_ plan: Plan, inputs: JSON.Object = [:]) async throws -> RunSummary {
        let run = try start(plan, inputs: inputs)
        return try await engine().advance(run, plan: plan)
    }

    func advance(_ run: RunID) async throws -> RunSummary { try await engine().advance(run) }

    func command(_ command: RunCommand, _ run: RunID) throws {
        _ = try engine().command(command, run: run, by: "ana")
    }

    func states(_ run: RunID) throws -> [String: StepState] {
        Dictionary(
            try ledger.steps(of: run).map { ($0.instance.description, $0.state) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// What must hold after every test.
    func check(_ run: RunID) throws -> [String] {
        var faults: [String] = []
        let record = try ledger.run(run)
        let events = try ledger.events(of: run)
        if record?.sequence != events.count { faults.append("events are missing") }
        if let record, let plan = plans.withLock({ $0[record.digest] }) {
            var machine = RunMachine(run: run, plan: plan)
            for event in events { try machine.apply(RunEvent(event, run: run)) }
            if record.state != machine.state(isBusy: false), record.state != machine.state(isBusy: true) {
                faults.append("the row says \(record.state), the events say \(machine.state(isBusy: false))")
            }
            if record.state == .waiting, try ledger.timers(of: run).isEmpty, try ledger.children(of: run).isEmpty {
                faults.append("waits for nothing")
            }
        }
        faults += outside.duplicates.map { "done twice: \($0)" }
        return faults + (try ledger.integrityCheck())
    }
}
