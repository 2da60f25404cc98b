import Core
import Foundation
import Testing

@testable import Survey

@Suite struct HostileFilesTests {
    @Test(arguments: [
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": 7}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"type": "ws"}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"command": {"deep": []}}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"command": "x", "args": {"a": 1}}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"url": "ftp://x/y"}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"url": "https://[::1/x"}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"url": "https://a b/x"}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": {"command": "", "args": []}}}"#,
        #"{"mcpServers": {"good": {"command": "npx", "args": ["a@1.0.0"]}, "bad": null}}"#,
        #"{"mcpServers": {"bad": [], "good": {"command": "npx", "args": ["a@1.0.0"], "env": {"A": null, "B": {}}}}}"#,
    ])
    func aBadEntryCostsOnlyItself(_ text: String) throws {
        try Samples.withFolder { home in
            try Samples.write(text, ".cursor/mcp.json", in: home)
            let result = Samples.survey(home.path)
            #expect(result.sightings.map(\.name) == ["good"])
            #expect(result.gaps.count == 1)
            #expect(result.gaps.first?.subject.hasSuffix("#mcpServers.bad") == true)
        }
    }

    @Test(arguments: [
        ("", 0), ("   \n", 0), ("null", 0), ("[]", 1), ("7", 1), ("{", 1), ("{\"mcpServers\": 3}", 1),
        ("\u{0}\u{1}", 1),
        ("{\"a\": 1, \"a\": 2}", 1), (String(repeating: "[", count: 100_000), 1), ("{\"mcpServers\": {}}", 0),
        ("not json at all", 1),
    ])
    func aBadFileIsAGap(_ text: String, _ gaps: Int) throws {
        try Samples.withFolder { home in
            try Samples.write(text, ".codeium/windsurf/mcp_config.json", in: home)
            let result = Samples.survey(home.path)
            #expect(result.sightings.isEmpty)
            #expect(result.gaps.count == gaps, "\(result.gaps)")
        }
    }

    @Test func bytesThatAreNoTextAreAGap() throws {
        try Samples.withFolder { home in
            let file = home.appending(path: ".lmstudio/mcp.json")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D]).write(to: file)
            #expect(Samples.survey(home.path).gaps.count == 1)
        }
    }

    @Test func aPipeIsNeverOpened() throws {
        try Samples.withFolder { home in
            try Samples.write("{}", ".cursor/other", in: home)
            let made = unsafe mkfifo(home.path + "/.cursor/mcp.json", 0o600)
            #expect(made == 0)
            let result = Samples.survey(home.path)
            #expect(result.gaps.map(\.reason) == ["not a regular file"])
        }
    }

    @Test func aHugeFileIsNotRead() throws {
        try Samples.withFolder { home in
            try Samples.write("", ".cursor/mcp.json", in: home)
            let handle = try FileHandle(forWritingTo: home.appending(path: ".cursor/mcp.json"))
            try handle.truncate(atOffset: 3 << 30)
            try handle.close()
            #expect(Samples.survey(home.path).gaps.map(\.reason) == ["larger than 8388608 bytes"])
        }
    }

    @Test func loopsOfLinksEnd() throws {
        try Samples.withFolder { home in
            let files = FileManager.default
            try files.createDirectory(at: home.appending(path: "a/b"), withIntermediateDirectories: true)
            try files.createSymbolicLink(atPath: home.path + "/a/b/up", withDestinationPath: home.path)
            try files.createSymbolicLink(atPath: home.path + "/.cursor", withDestinationPath: ".cursor")
            try files.createSymbolicLink(atPath: home.path + "/.mcp.json", withDestinationPath: ".mcp.json")
            try files.createDirectory(atPath: home.path + "/.claude/plugins/cache/x", withIntermediateDirectories: true)
            try files.createSymbolicLink(
                atPath: home.path + "/.claude/plugins/cache/x/again",
                withDestinationPath: "../../cache"
            )
            let result = Samples.survey(home.path)
            #expect(result.sightings.isEmpty)
            #expect(result.gaps.contains { $0.reason == "a loop of symbolic links" })
        }
    }

    @Test func linksAreFollowedWithinTheHomeAndNotOutOfIt() throws {
        try Samples.withFolder { root in
            try Samples.write(#"{"mcpServers": {"out": {"url": "https://a.example/x"}}}"#, "outside.json", in: root)
            try Samples.write(
                #"{"mcpServers": {"in": {"url": "https://a.example/x"}}}"#,
                "home/dotfiles/c.json",
                in: root
            )
            let home = root.appending(path: "home")
            let files = FileManager.default
            for name in [".cursor", ".lmstudio", ".junie/mcp"] {
                try files.createDirectory(at: home.appending(path: name), withIntermediateDirectories: true)
            }
            try files.createSymbolicLink(
                atPath: home.path + "/.cursor/mcp.json",
                withDestinationPath: "../dotfiles/c.json"
            )
            try files.createSymbolicLink(
                atPath: home.path + "/.lmstudio/mcp.json",
                withDestinationPath: "../../outside.json"
            )
            try files.createSymbolicLink(atPath: home.path + "/.junie/mcp/mcp.json", withDestinationPath: "/nowhere")
            let result = Samples.survey(home.path)
            #expect(result.sightings.map(\.name) == ["in"])
            #expect(
                result.gaps.map(\.reason).sorted() == [
                    "a symbolic link leads out of the folder that was given", "a symbolic link to nothing",
                ]
            )
        }
    }

    @Test func thousandsOfProjectsStayWithinTheLimitAndAreCounted() throws {
        try Samples.withFolder { home in
            for index in 0..<300 {
                try Samples.write(
                    #"{"mcpServers": {"p": {"url": "https://p.example/\#(index)"}}}"#,
                    "p\(index)/.mcp.json",
                    in: home
                )
            }
            let all = Samples.survey(home.path)
            #expect(all.sightings.count == 300)
            let few = Samples.survey(home.path, limits: .init(directories: 100))
            #expect(few.sightings.count < 100)
            #expect(few.gaps.contains { $0.reason.hasPrefix("the limit of folders was reached") })
            let files = Samples.survey(home.path, limits: .init(files: 50))
            #expect(files.sightings.count == 50)
            #expect(files.gaps.count { $0.reason.hasPrefix("more than 50 files") } == 1)
        }
    }

    @Test func manyServersInOneFileStayWithinTheLimit() throws {
        try Samples.withFolder { home in
            let entries = (0..<5000).map { #""s\#($0)": {"url": "https://s.example/\#($0)"}"# }.joined(separator: ",")
            try Samples.write("{\"mcpServers\": {\(entries)}}", ".cursor/mcp.json", in: home)
            let result = Samples.survey(home.path)
            #expect(result.sightings.count == 2000)
            #expect(result.gaps.count == 1)
        }
    }

    @Test func aHomeThatIsNotThereIsAGap() {
        let result = Samples.survey("/nonexistent/home")
        #expect(result.gaps == [CoverageGap(subject: "/nonexistent/home", reason: "not there")])
    }

    @Test(.enabled(if: getuid() != 0, "root may read everything"))
    func aFileWithoutPermissionIsAGap() throws {
        try Samples.withFolder { home in
            try Samples.write("{}", ".cursor/mcp.json", in: home)
            _ = unsafe chmod(home.path + "/.cursor/mcp.json", 0)
            #expect(Samples.survey(home.path).gaps.map(\.reason) == ["no permission to read it"])
        }
    }

    @Test func aGapNeverQuotesTheFile() throws {
        try Samples.withFolder { home in
            let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
            try Samples.write(#"{"mcpServers": {"x": \#(secret) }}"#, ".cursor/mcp.json", in: home)
            try Samples.write("extensions:\n  - \(secret): [\n", ".config/goose/config.yaml", in: home)
            try Samples.write("a = \(secret)\n", ".codex/config.toml", in: home)
            let result = Samples.survey(home.path)
            #expect(result.gaps.count == 3)
            #expect(!"\(result)".contains(secret))
        }
    }
}
