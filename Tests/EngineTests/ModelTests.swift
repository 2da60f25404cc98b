import Core
import Engine
import Ledger
import Playbooks
import Synchronization
import Testing

/// Decides from a seed which of the effects under way ends next; none ends before it is chosen.
///
/// Waits until all that the ledger calls running have arrived here, so that the choice is always among all of them.
private final class Order: Sendable {
    private struct State {
        var random: SeededRandom
        var waiting: [String: CheckedContinuation<Void, Never>] = [:]
    }

    private let state: Mutex<State>
    private let ledger: Ledger
    private let run: RunID
    private let loops: Set<String>

    init(seed: UInt64, ledger: Ledger, run: RunID, loops: Set<String>) {
        state = Mutex(State(random: SeededRandom(seed: seed)))
        self.ledger = ledger
        self.run = run
        self.loops = loops
    }

    func arrive(_ name: String) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting[name] = continuation }
            look()
        }
    }

    func look() {
        guard let rows = try? ledger.steps(of: run, in: [.running]) else { return }
        let running = Set(rows.map(\.instance.description)).subtracting(loops)
        let chosen: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard Set(state.waiting.keys) == running, let name = NaiveRun.pick(running, &state.random) else {
                return nil
            }
            return state.waiting.removeValue(forKey: name)
        }
        chosen?.resume()
    }
}

private struct OrderedChange: StepAction {
    var change: Change
    var order: Order
    var schema: ActionSchema { change.schema }

    func observe(_ request: ActionRequest) async -> Observation { await change.observe(request) }

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        await order.arrive(request.instance.description)
        return try await change.apply(request)
    }
}

private struct EndState: Equatable, CustomStringConvertible {
    var run: String
    var steps: [String: String]
    var effects: [String]

    var description: String {
        "\(run): \(steps.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }) did \(effects)"
    }
}

@Suite(.timeLimit(.minutes(10)))
struct ModelTests {
    /// Runs a playbook on the engine, the clock moved on whenever everything left waits for it.
    private func real(_ book: RandomPlaybook, order seed: UInt64) async throws -> EndState {
        let world = try World(seed: seed)
        for (name, failure) in book.failures {
            world.outside.fail(name, times: failure.times, failure.isPermanent ? .permanent : .transient)
        }
        let run = try world.start(try book.plan())
        let loops = Set(book.steps.filter { !$0.items.isEmpty }.map(\.id))
        let order = Order(seed: seed, ledger: world.ledger, run: run, loops: loops)
        let points = CrashPoints { if $0.hasPrefix("after commit") { order.look() } }
        let actions: [any StepAction] = [
            OrderedChange(change: Change(outside: world.outside), order: order),
            Change(outside: world.outside, name: "test.undo"),
        ]
        var state = RunState.running
        for _ in 0..<60 where !state.isTerminal {
            let summary = try await world.engine(crash: points, actions: actions).advance(run)
            state = summary.state
            if let due = summary.nextDue { world.clock.set(max(due, world.clock.now())) }
        }
        #expect(try world.check(run) == [])
        return EndState(
            run: state.rawValue,
            steps: try world.states(run).mapValues(\.rawValue),
            effects: world.outside.done
        )
    }

    @Test(arguments: UInt64(0)..<100)
    func agreesWithTheNaiveModel(_ seed: UInt64) async throws {
        let book = RandomPlaybook(seed: seed)
        let model = NaiveRun(book, order: seed)
        var expected = EndState(run: model.end, steps: model.states, effects: model.effects)
        var got = try await real(book, order: seed)
        if expected.steps.values.count(where: { $0 == "cancelled" }) > 1 {
            // What is cut off at the same moment has no order among itself.
            expected.effects.sort()
            got.effects.sort()
        }
        #expect(got == expected, "seed \(seed)\n\(book)")
    }

    @Test(arguments: UInt64(0)..<10)
    func everyOrderOfCompletionLeadsToTheSameEnd(_ seed: UInt64) async throws {
        let book = RandomPlaybook(seed: seed &+ 10_000, isForgiving: true)
        var first: EndState?
        for order in UInt64(0)..<5 {
            var end = try await real(book, order: order)
            end.effects.sort()
            #expect(end == first ?? end, "seed \(seed), order \(order)\n\(book)")
            first = first ?? end
        }
    }
}
