import Actions
import Core
import Foundation
import Playbooks
import Testing

/// `policy.export` and `policy.unexport` on files.
@Suite struct ExportPolicyTests {
    private func workspace() throws -> TestWorkspace {
        let workspace = try TestWorkspace()
        try Data(smallPolicy.utf8).write(to: URL(filePath: workspace.root + "/policy.yaml"))
        return workspace
    }

    private func export(_ workspace: TestWorkspace, to target: String = "rego") async throws -> ActionResult {
        let request = workspace.request(["policy": "policy.yaml", "to": .string(target), "path": "out"])
        return try await workspace.action("policy.export").apply(request)
    }

    private func files(_ workspace: TestWorkspace) -> [String] {
        (try? FileManager.default.subpathsOfDirectory(atPath: workspace.root + "/out").sorted()) ?? []
    }

    @Test func anExportIsWrittenTwiceAndTakenBack() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        let first = try await export(workspace)
        #expect(first.outputs["exact"] == ["pay"])
        #expect(files(workspace) == ["data.json", "lockstep.rego", "statement.json"])
        #expect(try await export(workspace).outputs["digest"] == first.outputs["digest"])
        _ = try await workspace.action("policy.unexport").apply(workspace.request(["path": "out"]))
        #expect(files(workspace).isEmpty)
        _ = try await workspace.action("policy.unexport").apply(workspace.request(["path": "out"]))
    }

    @Test func anotherTargetLeavesNothingOfTheFormerBehind() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        _ = try await export(workspace, to: "json-schema")
        #expect(files(workspace).contains("bot/bank/pay.json"))
        _ = try await export(workspace)
        #expect(files(workspace) == ["data.json", "lockstep.rego", "statement.json"])
    }

    @Test func whatSomebodyChangedIsNeitherReplacedNorRemoved() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        _ = try await export(workspace)
        let file = workspace.root + "/out/data.json"
        try Data("mine".utf8).write(to: URL(filePath: file))
        await #expect(throws: StepError.self) { try await export(workspace) }
        await #expect(throws: StepError.self) {
            try await workspace.action("policy.unexport").apply(workspace.request(["path": "out"]))
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    }

    @Test func nothingIsWrittenThroughALink() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        let elsewhere = workspace.root + "/elsewhere"
        try FileManager.default.createDirectory(atPath: workspace.root + "/out", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: workspace.root + "/out/bot",
            withDestinationPath: elsewhere
        )
        await #expect(throws: StepError.self) { try await export(workspace, to: "json-schema") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
    }

    @Test func aStatementOfAStrangerNamesNoFileOutside() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        _ = try await export(workspace)
        let digest = Digest.sha256(Array(smallPolicy.utf8)).description
        let statement = #"{"format": "lockstep.export/1", "files": {"../policy.yaml": "\#(digest)"}}"#
        try Data(statement.utf8).write(to: URL(filePath: workspace.root + "/out/statement.json"))
        _ = try await workspace.action("policy.unexport").apply(workspace.request(["path": "out"]))
        #expect(FileManager.default.fileExists(atPath: workspace.root + "/policy.yaml"))
    }

    @Test func anotherPolicyThanTheApprovedOneIsNotExported() async throws {
        let workspace = try workspace()
        defer { workspace.remove() }
        let request = workspace.request([
            "policy": "policy.yaml", "digest": "sha256:00", "to": "rego", "path": "out",
        ])
        await #expect(throws: StepError.self) { try await workspace.action("policy.export").apply(request) }
        #expect(files(workspace).isEmpty)
    }
}
