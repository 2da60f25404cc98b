import Core
import Reporting
import Testing

/// One definition of each whole, and a forecast that is arithmetic.
@Suite struct WholesAndForecastTests {
    private let day = Duration.seconds(86_400)
    private let start = Timestamp(rfc3339: "2026-11-01T00:00:00Z") ?? Timestamp(seconds: 0)

    private func snapshot(done: Int, of total: Int, afterDays: Int) -> ProgressSnapshot {
        var snapshot = ProgressSnapshot(
            title: "T",
            taken: start + .seconds(Int64(afterDays) * 86_400),
            isRehearsal: false
        )
        snapshot.run = "r"
        snapshot.runState = "waiting"
        snapshot.started = start
        snapshot.phases = [
            ProgressSnapshot.Phase(
                number: 1,
                name: "One",
                status: "running",
                plannedStart: start,
                plannedEnd: start + .seconds(28 * 86_400),
                started: start
            )
        ]
        snapshot.steps = (0..<total).map { number in
            ProgressSnapshot.Step(
                instance: "s\(number)",
                kind: "action",
                state: number < done ? "succeeded" : "pending",
                started: number < done ? start : nil,
                ended: number < done ? start + .seconds(Int64(number + 1) * 86_400) : nil
            )
        }
        snapshot.steps.append(
            ProgressSnapshot.Step(instance: "phase", kind: "playbook", state: "running", started: start)
        )
        return snapshot
    }

    @Test func theForecastGoesOnAtThePaceSoFar() {
        let text = ProgressReport(snapshot(done: 4, of: 12, afterDays: 8)).text(width: 200)
        // 4 in 8 days: 8 more take 16, so day 24 of 28.
        #expect(
            text.contains("4 of 12 known steps done, 8 left; at the pace so far the last one is done 2026-11-25 00:00")
        )
        #expect(text.contains("4d before its planned end"))
        let late = ProgressReport(snapshot(done: 2, of: 12, afterDays: 8)).text(width: 200)
        #expect(late.contains("20d after its plan"))
    }

    @Test func withoutAStepDoneThereIsNoForecast() {
        let text = ProgressReport(snapshot(done: 0, of: 3, afterDays: 2)).text(width: 200)
        #expect(text.contains("0 of 3 known steps done, 3 left; nothing is done yet that a forecast could rest on"))
        #expect(
            ProgressReport(snapshot(done: 3, of: 3, afterDays: 4)).text(width: 200).contains(
                "3 of 3 known steps done, 0 left."
            )
        )
    }

    @Test func approvalsCountPeopleAndNotVotes() {
        var snapshot = snapshot(done: 1, of: 2, afterDays: 1)
        func vote(_ person: String, _ verdict: String) -> ProgressSnapshot.Approval.Vote {
            ProgressSnapshot.Approval.Vote(
                person: person,
                verdict: verdict,
                reason: "r",
                time: start,
                isAuthenticated: true
            )
        }
        snapshot.approvals = [
            ProgressSnapshot.Approval(
                instance: "review",
                state: "open",
                needed: 2,
                votes: [
                    vote("ana", "approve"), vote("ana", "approve"), vote("ben", "approve"), vote("ben", "withdraw"),
                    vote("ana", "approve"),
                ]
            )
        ]
        #expect(ProgressReport(snapshot).markdown().contains("1 of 2 people needed"))
    }

    @Test func onlyMCPServersCountAsServers() {
        var snapshot = snapshot(done: 1, of: 2, afterDays: 1)
        snapshot.servers = ["mcp", "mcp", "model"].enumerated().map { number, kind in
            ProgressSnapshot.Server(
                id: "s\(number)",
                transport: "streamable-http",
                security: "cleartext",
                authentication: "none",
                owner: number == 0 ? "user:ana" : nil,
                kind: kind
            )
        }
        let figures = ProgressReport(snapshot).json["summary"]?["figures"]?.array ?? []
        let owned = figures.first { $0["name"]?.string == "MCP servers with an owner" }
        #expect(owned?["numerator"]?.int == 1)
        #expect(owned?["denominator"]?.int == 2)
    }

    @Test func theSpreadsheetHoldsEverySectionAndRunsNoFormula() {
        var snapshot = snapshot(done: 1, of: 2, afterDays: 1)
        snapshot.blockers = [
            ProgressSnapshot.Blocker(instance: "g", reason: "=HYPERLINK(1)", waitingOn: "ana", command: "lockstep tick")
        ]
        let csv = ProgressReport(snapshot).csv()
        #expect(csv.hasPrefix("section,row,item,field,value\r\n"))
        #expect(csv.contains("Steps,1,s0,State,succeeded"))
        #expect(csv.contains("\"'=HYPERLINK(1)\""))
    }
}
