import Actions
import Core
import Foundation
import Ledger
import Playbooks
import Workspace

/// A workspace of a test: a folder of its own, a ledger in memory, two people and a few hooks.
struct TestWorkspace {
    static let now = Timestamp(seconds: 1_790_000_000)
    let root: String
    let estate: Estate

    init(hooks: [Workspace.Configuration.Hook] = []) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        root = folder.resolvingSymlinksInPath().path
        try FileManager.default.createDirectory(atPath: root + "/.lockstep", withIntermediateDirectories: true)
        estate = Estate(
            ledger: try Ledger.inMemory(),
            folder: WorkspaceFolder(root: root),
            configuration: Workspace.Configuration(
                people: [.init(id: "ana", name: "Ana"), .init(id: "ben", name: "Ben")],
                groups: [("security-leads", ["ana", "ben"])],
                hooks: hooks,
                digest: .sha256([])
            ),
            marker: WorkspaceMarker(created: Self.now),
            clock: SystemClock(),
            host: "test",
            homes: [("/home/ana", "ana")],
            secretDigest: { _ in "" }
        )
    }

    func remove() { try? FileManager.default.removeItem(atPath: root) }

    func action(_ name: ActionName) throws -> any StepAction {
        guard let action = estate.catalogue.actions[name] else { throw StepError(.permanent, "no `\(name)`") }
        return action
    }

    func request(_ parameters: JSON.Object = [:], key: String = "key-0123456789abcdef") -> ActionRequest {
        ActionRequest(
            run: "01m83g0ek1qwv8k9q1r3",
            instance: StepInstance("step"),
            idempotencyKey: key,
            parameters: parameters,
            now: Self.now
        )
    }

    /// Writes an executable script and gives its path.
    func script(_ name: String, _ body: String) throws -> String {
        let path = root + "/" + name
        try Data(("#!/bin/sh\n" + body + "\n").utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    /// Puts servers into the inventory, the first ones with an answer.
    func record(_ names: [String], described: Int) throws {
        let sightings = names.enumerated().map { index, name in
            Sighting(
                source: "network",
                location: "here",
                canonicalKey: "http://\(name)/mcp",
                name: name,
                transport: .streamableHTTP,
                url: "http://\(name)/mcp",
                description: index < described ? ServerDescription(name: name, definitions: []) : nil
            )
        }
        _ = try estate.ledger.record(SurveyResult(sightings: sightings), key: "scan", label: "test", at: Self.now)
    }
}

/// The policy that tests share where it does not matter what a policy says: `pay` up to 106, and `send` in shadow.
let smallPolicy: String = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../PoliciesTests/Cases/small.yaml")
    return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
}()

/// The catalogue that ships, without a workspace.
let shipped: Catalogue = {
    guard let estate = try? Estate.detached(host: "test", homes: []) else { return Catalogue() }
    return estate.catalogue
}()

/// The diagnostics of a playbook with these steps, as the catalogue that ships sees it.
func lint(_ steps: String) -> [Diagnostic] {
    let text = """
        apiVersion: lockstep/v1
        kind: Playbook
        id: made
        name: Made
        version: 1.0.0
        steps:
        \(steps)
        """
    return lint(Array(text.utf8), "made.yaml").diagnostics
}

func lint(_ bytes: [UInt8], _ file: String) -> Checked {
    struct NoFile: Error {}
    return Checker(catalogue: shipped) { _ in throw NoFile() }.check(file: file, bytes: bytes)
}
