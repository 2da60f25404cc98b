import Actions
import Core
import Foundation
import Playbooks
import Survey
import Testing

/// What the linter refuses and what the actions refuse must be the same.
@Suite struct RuleTests {
    private static let ports = [
        "1", "65535", "0", "65536", "80-", "-80", "80-90", "90-80", "443.0", "", " 80", "80 ", "+80", "１", "8000-8100",
        "99999999999999999999", "80--90", "0-80", "1-65535",
    ]

    @Test(arguments: ports)
    func aPortIsAcceptedWhereTheSweepTakesIt(_ text: String) {
        let isTaken = (try? SweepTargets(hosts: [], ports: [text])) != nil
        #expect((LiteralRule.ports.judge(text) == .fine) == isTaken)
    }

    private static let hosts = [
        "127.0.0.1", "10.0.0.0/24", "10.0.0.0/33", "10.0.0.0/-1", "::1", "fd00::/120", "fd00::/129", "localhost",
        "example.com", "", "8.8.8.8", "172.15.255.0/23", "0.0.0.0/0", "::/0", "10.0.0.0/8", "10.0.0.1/", "1", "0x7f.1",
        "127.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "fe80::1%eth0",
    ]

    @Test(arguments: hosts)
    func aHostIsAcceptedWhereTheSweepTakesIt(_ text: String) {
        let targets = try? SweepTargets(hosts: [text], ports: ["1"])
        let isTaken = targets.map { $0.firstPublic == nil } ?? false
        #expect((LiteralRule.hosts.judge(text) == .fine) == isTaken)
    }

    @Test(arguments: [
        ("reports", true), ("reports/a.csv", true), ("./reports", true), ("a//b", true), ("", false), (".", false),
        ("/", false), ("/etc", false), ("..", false), ("a/../b", false), (".lockstep", false), (".Lockstep/x", false),
        ("./.lockstep/keys", false), ("lockstep.yaml", false), (".git/config", false), ("sub/.git", false),
        (".lockstep.before-restore-1/x", false), ("sub/lockstep.yaml", false),
        ("a\u{0}b", false), ("...", true),
    ])
    func aPathIsAcceptedWhereTheWorkspaceTakesIt(_ path: String, _ isInside: Bool) throws {
        let workspace = try TestWorkspace()
        defer { workspace.remove() }
        #expect((LiteralRule.workspacePath.judge(path) == .fine) == isInside)
        let isTaken = (try? workspace.estate.place(path)) != nil
        #expect(isTaken == isInside)
    }

    @Test func aLinkOnTheWayIsRefusedWhenTheFileIsWritten() throws {
        let workspace = try TestWorkspace()
        defer { workspace.remove() }
        try FileManager.default.createSymbolicLink(atPath: workspace.root + "/reports", withDestinationPath: "/tmp")
        #expect(throws: StepError.self) { try workspace.estate.place("reports/a.csv") }
        #expect(try workspace.estate.place("others/a.csv") == workspace.root + "/others/a.csv")
    }

    @Test(arguments: [
        ("/home/ana", true), ("home/ana", false), ("~", false), ("", false), ("/srv/.lockstep/keys", false),
    ])
    func homesAreNamedByTheirWholePath(_ path: String, _ isFine: Bool) {
        #expect((LiteralRule.folder.judge(path) == .fine) == isFine)
    }
}
