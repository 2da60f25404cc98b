import Actions
import Core
import Foundation
import Ledger
import Playbooks
import Testing

/// The actions and metrics of the inventory, over a ledger in memory.
@Suite struct InventoryActionsTests {
    private let workspace: TestWorkspace

    init() throws {
        workspace = try TestWorkspace()
        try workspace.record(["hr", "files", "mail", "chat"], described: 3)
    }

    private func measure(_ name: String, _ parameters: JSON.Object = [:]) async throws -> Double {
        let metric = try #require(workspace.estate.catalogue.metrics["inventory.\(name)"])
        return try await metric.measure(parameters, now: TestWorkspace.now)
    }

    @Test func metricsCountWhatIsThere() async throws {
        defer { workspace.remove() }
        #expect(try await measure("servers") == 4)
        #expect(try await measure("unowned") == 4)
        #expect(try await measure("coverage") == 0.75)
        #expect(try await measure("findings") == 0)
        #expect(try await measure("findings", ["severity": "high"]) == 0)
        #expect(try await measure("unreviewed") == 0)
    }

    @Test func aSecondLookThatReachesNothingIsNoCoverage() async throws {
        defer { workspace.remove() }
        let missed = ["hr", "files", "mail"].map { MissedServer(canonicalKey: "http://\($0)/mcp", reason: "refused") }
        _ = try workspace.estate.ledger.record(
            SurveyResult(missed: missed),
            key: "second",
            label: "discovery.probe",
            at: TestWorkspace.now
        )
        #expect(try await measure("coverage") == 0)
    }

    @Test func aProbeThatIsRefusedWritesDownWhatItMissed() async throws {
        defer { workspace.remove() }
        // Port 9 (discard) of the loopback: nobody listens there.
        let key = "http://127.0.0.1:9/mcp"
        let seen = Sighting(
            source: "network",
            location: "127.0.0.1:9",
            canonicalKey: key,
            name: "gone",
            transport: .streamableHTTP,
            url: key,
            description: ServerDescription(name: "gone", definitions: [])
        )
        for (index, (name, given)) in [
            ("discovery.probe" as ActionName, ["servers": ["gone"]] as JSON.Object),
            ("discovery.network", ["hosts": ["127.0.0.0/30"], "ports": ["8-9"]]),
        ].enumerated() {
            let result = SurveyResult(sightings: [seen])
            let ledger = workspace.estate.ledger
            _ = try ledger.record(result, key: "s\(index)", label: "discovery.network", at: TestWorkspace.now)
            #expect(try ledger.server("gone")?.isCovered == true)
            var request = workspace.request(given)
            request.idempotencyKey = "look-\(index)"
            _ = try await workspace.action(name).apply(request)
            #expect(try ledger.server("gone")?.isCovered == false, "\(name)")
        }
    }

    @Test func aShareOfNothingIsNoMeasurement() async throws {
        defer { workspace.remove() }
        let empty = try TestWorkspace()
        defer { empty.remove() }
        let metric = try #require(empty.estate.catalogue.metrics["inventory.coverage"])
        await #expect(throws: StepError.self) { try await metric.measure([:], now: TestWorkspace.now) }
    }

    @Test func anOwnerIsSetOnceAndIsSeenAfterACrash() async throws {
        defer { workspace.remove() }
        let assign = try workspace.action("inventory.assign")
        let request = workspace.request(["server": "hr", "owner": "group:security-leads", "criticality": "high"])
        #expect(await assign.observe(request) == .absent)
        _ = try await assign.apply(request)
        guard case .done(let result) = await assign.observe(request) else {
            Issue.record("the effect is not seen")
            return
        }
        #expect(result.outputs == ["server": "hr"])
        #expect(try await measure("unowned") == 3)
        let other = workspace.request(["server": "hr", "owner": "user:ana"])
        #expect(await assign.observe(other) == .absent)
    }

    @Test(
        arguments: [
            ["server": "hr", "owner": "ana"], ["server": "hr", "owner": "group:nobody"], ["server": "hr", "owner": ""],
            ["server": "none", "owner": "user:ana"], [:],
        ] as [JSON.Object]
    )
    func anAssignmentToNobodyOrNothingFails(_ parameters: JSON.Object) async throws {
        defer { workspace.remove() }
        let assign = try workspace.action("inventory.assign")
        await #expect(throws: StepError.self) { try await assign.apply(workspace.request(parameters)) }
    }

    @Test func aSnapshotIsTakenOnceForOneKey() async throws {
        defer { workspace.remove() }
        let snapshot = try workspace.action("inventory.snapshot")
        let first = try await snapshot.apply(workspace.request())
        let again = try await snapshot.apply(workspace.request())
        #expect(first.outputs == again.outputs)
        #expect(first.outputs["server_count"] == 4)
        #expect(try workspace.estate.ledger.snapshots().count == 1)
    }

    @Test func twoStatesAreCompared() async throws {
        defer { workspace.remove() }
        let snapshot = try workspace.action("inventory.snapshot")
        let compare = try workspace.action("inventory.diff")
        _ = try await snapshot.apply(workspace.request(["name": "before"]))
        _ = try workspace.estate.ledger.record(
            SurveyResult(sightings: [
                Sighting(
                    source: "network",
                    location: "here",
                    canonicalKey: "http://new/mcp",
                    name: "new",
                    transport: .streamableHTTP,
                    url: "http://new/mcp",
                    description: nil
                )
            ]),
            key: "second",
            label: "test",
            at: TestWorkspace.now
        )
        let result = try await compare.apply(workspace.request(["from": "before"]))
        #expect(result.outputs["added"]?.array?.count == 1)
        #expect(result.outputs["news"] == 1)
        #expect(try await measure("news", ["since": "before"]) == 1)
        #expect(result.summary.hasPrefix("1 added, 0 removed"))
        await #expect(throws: StepError.self) { try await compare.apply(workspace.request(["from": "never"])) }
    }

    @Test(arguments: ["json", "csv", "cyclonedx"])
    func theInventoryIsWrittenInsideTheWorkspaceOnly(_ format: String) async throws {
        defer { workspace.remove() }
        let export = try workspace.action("inventory.export")
        let result = try await export.apply(workspace.request(["format": .string(format), "path": "inventory.out"]))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.root + "/inventory.out"))
        #expect(result.outputs["digest"] == .string(Digest.sha256(Array(bytes)).description))
        for path in ["../out", "/tmp/out", ".lockstep/out", "lockstep.yaml"] {
            await #expect(throws: StepError.self) {
                try await export.apply(workspace.request(["format": .string(format), "path": .string(path)]))
            }
        }
        await #expect(throws: StepError.self) {
            try await export.apply(workspace.request(["format": "xlsx", "path": "a"]))
        }
    }

    @Test func aSweepOfStrangersIsRefusedBeforeAnythingIsSent() async throws {
        defer { workspace.remove() }
        for name in ["discovery.network", "discovery.models"] as [ActionName] {
            let action = try workspace.action(name)
            for host in ["8.8.8.8", "::ffff:8.8.8.8", "10.255.255.0/7", "example.com", "10.0.0.0/8"] {
                await #expect(throws: StepError.self, "\(name) \(host)") {
                    try await action.apply(workspace.request(["hosts": [.string(host)], "ports": [443]]))
                }
            }
        }
    }

    @Test func aServerThatIsUnknownIsAGapAndNoFailure() async throws {
        defer { workspace.remove() }
        let probe = try workspace.action("discovery.probe")
        let result = try await probe.apply(workspace.request(["servers": ["nowhere"]]))
        #expect(result.outputs["not_covered"] == ["nowhere: it is not in the inventory"])
    }
}
