import Foundation
import Testing
import Workspace

/// A folder like a workspace, with everything that nobody may overwrite.
private final class Estate {
    let root: String
    var folder: WorkspaceFolder { WorkspaceFolder(root: root) }

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "lockstep-\(UUID().uuidString)")
        for part in [".lockstep/keys", ".git/hooks", ".ssh", "reports", ".lockstep.before-restore-7", "sub"] {
            try FileManager.default.createDirectory(at: url.appending(path: part), withIntermediateDirectories: true)
        }
        root = url.resolvingSymlinksInPath().path
        try Data("db".utf8).write(to: url.appending(path: ".lockstep/lockstep.db"))
        try Data("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n".utf8).write(to: url.appending(path: "ana"))
        try Data("old".utf8).write(to: url.appending(path: "reports/old.html"))
        for (name, target) in [
            ("state", ".lockstep"), ("link.html", ".lockstep/lockstep.db"), ("dangling", "nowhere"),
            ("fine", "reports"),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: root + "/" + name,
                withDestinationPath: target
            )
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }
}

@Suite struct DestinationTests {
    static let refused = [
        ".lockstep/lockstep.db", ".lockstep/keys/new", ".LOCKSTEP/x", "lockstep.yaml", "Lockstep.YAML",
        ".git/hooks/pre-commit",
        "sub/lockstep.yaml", "sub/../.lockstep/x", ".ssh/authorized_keys", ".lockstep.before-restore-7/x", "ana",
        "state/lockstep.db", "link.html", "dangling", "reports", "..", "",
    ]

    @Test(arguments: refused) func neitherACommandNorAStepWrites(_ name: String) throws {
        let estate = try Estate()
        #expect(throws: WorkspaceError.self) { try Destination.checked(estate.root + "/" + name) }
        // A step may write into `reports`, which is no file yet for it.
        if name != "reports" {
            #expect(throws: WorkspaceError.self) { try Destination.checked(name, inside: estate.folder) }
        }
    }

    @Test func plainFilesAreWrittenWhereThePathReallyLeads() throws {
        let estate = try Estate()
        #expect(try Destination.checked(estate.root + "/new.html") == estate.root + "/new.html")
        #expect(try Destination.checked(estate.root + "/reports/old.html") == estate.root + "/reports/old.html")
        #expect(try Destination.checked(estate.root + "/fine/a.md") == estate.root + "/reports/a.md")
        #expect(try Destination.checked("reports/a.md", inside: estate.folder) == estate.root + "/reports/a.md")
    }

    @Test func aStepWritesThroughNoLinkAndNowhereElse() throws {
        let estate = try Estate()
        for path in ["fine/a.md", "/etc/passwd", "../x", "a/../../x"] {
            #expect(throws: WorkspaceError.self) { try Destination.checked(path, inside: estate.folder) }
        }
    }

    @Test func aFolderThatIsNotThereIsSaidSo() throws {
        let estate = try Estate()
        #expect {
            try Destination.checked(estate.root + "/none/a.md")
        } throws: {
            ($0 as? WorkspaceError)?.code == .missing
        }
    }
}
