import Actions
import Core
import Playbooks
import Testing
import Workspace

/// What `preview` says an action would do: read before anything is done, so it must name what it touches.
@Suite struct PlanTextTests {
    private static let table: [(name: ActionName, given: JSON.Object, lines: [String])] = [
        ("discovery.configurations", [:], ["read client configurations below /home/ana"]),
        (
            "discovery.configurations", ["homes": ["/home/ben", "/home/cleo"]],
            ["read client configurations below /home/ben", "read client configurations below /home/cleo"]
        ),
        ("discovery.processes", [:], ["look at processes and listening sockets of this machine"]),
        (
            "discovery.network", ["hosts": ["10.0.0.0/24"], "ports": [443, "8000-8001"]],
            ["connect to 768 pairs of address and port, and probe those that answer"]
        ),
        (
            "discovery.network", ["hosts": ["nonsense"], "ports": [0]],
            ["sweep hosts and ports, and probe what answers"]
        ),
        ("discovery.models", [:], ["look for model servers"]),
        (
            "discovery.probe", ["servers": ["hr", "files"]],
            ["ask hr for its definitions", "ask files for its definitions"]
        ),
        ("discovery.launch", [:], ["start every stdio server of the inventory for a moment"]),
        ("discovery.launch", ["servers": ["hr"]], ["start hr for a moment"]),
        ("inventory.snapshot", [:], ["freeze the inventory under a name"]),
        ("inventory.diff", [:], ["compare two states of the inventory"]),
        ("inventory.assign", ["server": "hr", "owner": "user:ana"], ["set the owner of hr to user:ana"]),
        ("inventory.export", ["format": "csv", "path": "a.csv"], ["write the inventory as a file"]),
        ("report.progress", [:], ["write a progress report"]),
        ("traffic.import", ["files": ["a.ndjson"], "path": "calls.ndjson"], ["read a.ndjson", "write calls.ndjson"]),
        (
            "policy.mine", ["recordings": ["calls.ndjson"], "path": "policy.yaml"],
            ["write the policy that allows what recorded sessions needed"]
        ),
        (
            "policy.replay", ["recordings": ["calls.ndjson"], "policy": "policy.yaml"],
            ["say which recorded calls a policy would allow"]
        ),
        (
            "policy.export", ["policy": "policy.yaml", "to": "rego", "path": "opa"],
            ["write a policy for another engine"]
        ),
        ("policy.unexport", ["path": "opa"], ["remove the export in opa"]),
        (
            "policy.release", ["policy": "policy.yaml", "approval": "policy_review", "path": "release.json"],
            ["write release.json with the votes of policy_review"]
        ),
        (
            "gateway.deploy", ["gateways": ["edge-1"], "servers": ["files"]],
            ["deploy edge-1"]
        ),
        (
            "gateway.mode", ["gateways": ["edge-1", "edge-2"], "mode": "enforce"],
            ["change gateway edge-1 to enforce", "change gateway edge-2 to enforce"]
        ),
        (
            "gateway.canary", ["gateways": ["edge-1"], "as": "bot", "attacks": [["server": "files", "tool": "read"]]],
            ["send 1 call that must be denied and 0 calls that must pass to edge-1"]
        ),
        ("gateway.restore", ["step": "enforce"], ["put gateways back as `enforce` found them"]),
        ("policy.deploy", ["gateways": ["edge-1"], "release": "r.json"], ["put r.json in force at edge-1"]),
        ("traffic.record", ["gateways": ["edge-1"]], ["read the recordings of edge-1", "write .lockstep/recordings"]),
        ("exec.run", ["hook": "deploy"], ["run /usr/bin/true --now (at most 5s)"]),
        ("exec.run", ["hook": "none"], ["run the hook `none`, which lockstep.yaml does not hold"]),
    ]

    @Test(arguments: table.indices)
    func aPreviewNamesWhatWouldBeTouched(_ index: Int) async throws {
        let workspace = try TestWorkspace(hooks: [
            .init(name: "deploy", command: ["/usr/bin/true", "--now"], timeout: .seconds(5))
        ])
        defer { workspace.remove() }
        let (name, given, lines) = Self.table[index]
        #expect(await (try workspace.action(name)).preview(workspace.request(given)) == lines)
    }

    @Test func everyActionIsInTheTable() {
        #expect(Set(Self.table.map(\.name)) == Set(shipped.actions.keys))
    }
}
