import Actions
import Core
import Foundation
import Playbooks
import Testing
import Workspace

/// What the actions about gateways make of wrong input, and what they write and take back without a gateway that runs.
@Suite struct EnforcementTests {
    private let workspace: TestWorkspace
    private let estate: Estate

    init() throws {
        workspace = try TestWorkspace()
        var estate = workspace.estate
        estate.configuration.gateways = [
            .init(id: "edge-1", config: "gateways/edge-1/gateway.yaml"),
            .init(id: "edge-2", config: "/etc/edge-2.yaml"),
        ]
        estate.configuration.servers = [
            .init(id: "files", url: "http://127.0.0.1:9001/mcp"), .init(id: "notes", url: "http://127.0.0.1:9002/sse"),
            .init(id: "program"),
        ]
        self.estate = estate
    }

    private var document: String { workspace.root + "/gateways/edge-1/gateway.yaml" }

    private func apply(_ name: ActionName, _ parameters: JSON.Object) async throws -> ActionResult {
        let action = try #require(estate.catalogue.actions[name])
        return try await action.apply(workspace.request(parameters))
    }

    private func fault(_ name: ActionName, _ parameters: JSON.Object) async -> StepError? {
        do {
            _ = try await apply(name, parameters)
            return nil
        } catch {
            return error as? StepError
        }
    }

    private static let wrong: [(ActionName, JSON.Object, String)] = [
        ("gateway.mode", ["gateways": [], "mode": "shadow"], "no gateway is named"),
        ("gateway.mode", ["gateways": ["edge-1", "edge-1"], "mode": "shadow"], "a gateway is named twice"),
        ("gateway.mode", ["gateways": ["edge-3"], "mode": "shadow"], "there is no gateway `edge-3` in lockstep.yaml"),
        ("gateway.mode", ["gateways": ["edge-1"], "mode": "open"], "a mode is needed"),
        ("gateway.canary", ["gateways": ["edge-1"], "as": "bot", "attacks": []], "no attack is declared"),
        (
            "gateway.canary", ["gateways": ["edge-1"], "as": "bot", "attacks": [["server": "files"]]],
            "number 1 of `attacks`"
        ),
        (
            "gateway.canary",
            ["gateways": ["edge-1"], "as": "bot", "attacks": [["server": "files", "tool": "x", "args": [:]]]],
            "unknown key `args`"
        ),
        (
            "gateway.canary",
            ["gateways": ["edge-1"], "as": "bot", "attacks": [["server": "files", "tool": "x", "arguments": [1]]]],
            "are no mapping"
        ),
        ("gateway.canary", ["gateways": ["edge-1"], "as": "", "attacks": [["server": "f", "tool": "x"]]], "no agent"),
        ("policy.deploy", ["gateways": ["edge-1"], "release": "policies/none.json"], "cannot be read"),
        ("policy.deploy", ["gateways": ["edge-1"], "release": ".lockstep/keys/audit.json"], "does not lie inside"),
        ("gateway.deploy", ["gateways": ["edge-1"], "servers": []], "no server to write one for"),
        ("gateway.deploy", ["gateways": ["edge-1"], "servers": ["flies"]], "there is no server `flies`"),
        ("gateway.deploy", ["gateways": ["edge-1"], "servers": ["program"]], "has no `url`"),
        (
            "gateway.deploy", ["gateways": ["edge-1"], "servers": ["files"]],
            "nothing says whom the gateway `edge-1` believes"
        ),
        ("gateway.deploy", ["gateways": ["edge-2"], "servers": ["files"]], "does not lie inside the workspace"),
        (
            "gateway.deploy", ["gateways": ["edge-1"], "servers": ["files"], "declared": "bot", "listen": "here"],
            "`listen` must be"
        ),
        ("traffic.record", ["gateways": ["edge-1"]], "cannot be read"),
    ]

    @Test(arguments: wrong.indices)
    func wrongInputIsRefusedInWords(_ index: Int) async throws {
        defer { workspace.remove() }
        let (name, parameters, words) = Self.wrong[index]
        let fault = try #require(await fault(name, parameters))
        #expect(fault.message.contains(words), "\(fault.message)")
        #expect(!FileManager.default.fileExists(atPath: document))
    }

    @Test func anotherGatewayThatDoesNotAnswerIsNamedAndNothingChanges() async throws {
        defer { workspace.remove() }
        let text = """
            gateway: edge-1
            listen: 127.0.0.1:8800
            admin: 127.0.0.1:0
            routes: [{path: /files, server: files, upstream: "http://127.0.0.1:9001/mcp"}]
            """
        try write(text)
        for (name, more) in [("gateway.mode", ["mode": "shadow"]), ("gateway.deploy", ["servers": ["files"]])]
            as [(ActionName, JSON.Object)]
        {
            var parameters = more
            parameters["gateways"] = ["edge-1"]
            let fault = try #require(await fault(name, parameters))
            #expect(fault.code == .transient && fault.message == "`edge-1` does not answer: it does not run here")
            #expect(fault.help == "start it with `lockstep gateway run --config gateways/edge-1/gateway.yaml`")
        }
        #expect(try String(contentsOfFile: document, encoding: .utf8) == text)
        let other = try #require(await fault("gateway.deploy", ["gateways": ["edge-1"], "servers": ["notes"]]))
        #expect(other.message.contains("routes no server `notes`, and was not written by a playbook"))
    }

    @Test func aDocumentIsWrittenKeptAndTakenBack() async throws {
        defer { workspace.remove() }
        let parameters: JSON.Object = ["gateways": ["edge-1"], "servers": ["files", "notes"], "declared": "bot \"q\""]
        // Nobody has started it; what was written stays for whoever does.
        for _ in 0..<2 {
            #expect(await fault("gateway.deploy", parameters)?.code == .transient)
            let document = try GatewayDocument.read(
                Array(Data(contentsOf: URL(filePath: document))),
                file: "gateway.yaml"
            )
            #expect(document.controlPeople == "../../lockstep.yaml" && document.policy == "policy.json")
        }
        let text = try String(contentsOfFile: document, encoding: .utf8)
        #expect(text.contains("mode: record") && text.contains("transport: sse") && text.contains("bot \\\"q\\\""))
        _ = try await apply("gateway.restore", ["step": "step"])
        #expect(!FileManager.default.fileExists(atPath: document))
        #expect(try await apply("gateway.restore", ["step": "step"]).summary == "nothing to restore")
    }

    @Test func whatSomebodyChangedSinceIsNotTakenBack() async throws {
        defer { workspace.remove() }
        _ = await fault("gateway.deploy", ["gateways": ["edge-1"], "servers": ["files"], "declared": "bot"])
        let text = try String(contentsOfFile: document, encoding: .utf8) + "# mine\n"
        try write(text)
        let fault = try #require(await fault("gateway.restore", ["step": "step"]))
        #expect(fault.message.contains("was changed since the step wrote it"))
        #expect(try String(contentsOfFile: document, encoding: .utf8) == text)
    }

    @Test(arguments: ["policy.would_deny", "traffic.recorded"])
    func whatCannotBeMeasuredIsNoNumber(_ name: String) async throws {
        defer { workspace.remove() }
        let source = try #require(estate.catalogue.metrics[name])
        for parameters in [["gateways": []], ["gateways": ["edge-1"]], ["gateways": ["edge-1"], "since": "yesterday"]]
            as [JSON.Object]
        {
            await #expect(throws: StepError.self) { try await source.measure(parameters, now: TestWorkspace.now) }
        }
    }

    private func write(_ text: String) throws {
        let folder = URL(filePath: document).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: document))
    }
}
