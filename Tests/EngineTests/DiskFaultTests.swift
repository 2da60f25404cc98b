import Core
import Engine
import Expressions
import Foundation
import Ledger
import Playbooks
import Synchronization
import Testing

/// Every write and every sync below the ledger fails once; whoever comes next finishes the run as if nothing had been.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct DiskFaultTests {
    private func small() throws -> Plan {
        try EngineTests.plan(
            "small",
            [
                step("b", uses("test.change")) {
                    $0.forEach = ForEach(items: .literal(["x", "y"]), variable: "i", maxParallel: 2)
                },
                step("nap", .wait(.duration(.seconds(60)))), step("c", uses("test.change")),
                step("d", uses("test.read")), step("e", uses("test.change")), step("f", uses("test.change")),
                step("g", uses("test.change")), step("h", uses("test.change")),
            ]
        )
    }

    private struct Ending {
        var states: [String] = []
        var errors = 0
        var operations = 0
        var faults: [String] = []
    }

    /// Starts and finishes a run; after each error of the ledger a new process opens the file anew.
    private func drive(_ fault: FaultyDisk.Fault) async throws -> Ending {
        let memory = "/dev/shm"
        let folder = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        let path = "\(folder)/faulty-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        // The layer has to be there before the file is opened.
        FaultyDisk.arm(FaultyDisk.Fault(at: nil))
        let plan = try small()
        let outside = Outside()
        var world = try World(ledger: Ledger(path: path), outside: outside)
        FaultyDisk.arm(fault)
        var ending = Ending()
        var now = world.clock.now()
        for process in 1...20 {
            world.processes.withLock { $0 = process * 100 }
            world.clock.set(now)
            world.plans.withLock { $0[plan.digest] = plan }
            do {
                // Whoever was told that the start failed looks whether it did.
                let known = try world.ledger.runs().first?.id
                let run = try known ?? world.engine().start(plan, inputs: [:], startedBy: "ana")
                let summary = try await world.engine().advance(run)
                if let due = summary.nextDue { now = max(due, now) }
                guard summary.state.isTerminal else { continue }
                ending.operations = FaultyDisk.operations
                FaultyDisk.arm(FaultyDisk.Fault(at: nil))
                ending.states = [summary.state.rawValue]
                ending.states += try world.states(run).map { "\($0.key) \($0.value)" }.sorted() + outside.done.sorted()
                ending.faults = try world.check(run)
                try world.ledger.close()
                return ending
            } catch let error as LedgerError {
                #expect(error.code == .io || error.code == .full, "\(error)")
                ending.errors += 1
                try? world.ledger.close()
                FaultyDisk.heal()
                world = try World(ledger: Ledger(path: path), outside: outside)
            }
        }
        Issue.record("the run does not come to an end")
        return ending
    }

    @Test(arguments: [false, true])
    func everyWriteAndSyncMayFail(_ isLasting: Bool) async throws {
        let whole = try await drive(FaultyDisk.Fault(at: nil))
        #expect(whole.operations > 20 && whole.errors == 0)
        var errors = 0
        for number in 1...max(1, whole.operations) {
            let ending = try await drive(FaultyDisk.Fault(at: number, isLasting: isLasting))
            #expect(ending.states == whole.states, "operation \(number)")
            #expect(ending.faults == [], "operation \(number)")
            errors += ending.errors
        }
        // A fault that nobody sees proves nothing.
        #expect(errors > whole.operations / 2)
    }
}
