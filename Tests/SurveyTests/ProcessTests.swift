import Core
import Foundation
import Testing

@testable import Survey

/// A folder that is laid out like `/proc`.
struct FakeProc {
    let root: URL

    func process(_ id: Int, _ words: [String], parent: Int = 1, user: Int = 1000, sockets: [Int] = []) throws {
        let folder = root.appending(path: "\(id)/fd")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Samples.write(words.map { $0 + "\0" }.joined(), "\(id)/cmdline", in: root)
        let name = (words.first ?? "").split(separator: "/").last ?? "kthread"
        try Samples.write(
            "Name:\t\(name.prefix(15))\nPPid:\t\(parent)\nUid:\t\(user)\t\(user)\t\(user)\t\(user)\n",
            "\(id)/status",
            in: root
        )
        for (index, inode) in sockets.enumerated() {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/\(index + 3)",
                withDestinationPath: "socket:[\(inode)]"
            )
        }
    }

    func tables(v4: [String], v6: [String] = []) throws {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        try Samples.write(head + v4.joined(separator: "\n") + "\n", "net/tcp", in: root)
        try Samples.write(head + v6.joined(separator: "\n") + "\n", "net/tcp6", in: root)
    }

    static func line(_ address: String, _ inode: Int, state: String = "0A", user: Int = 1000) -> String {
        "   0: \(address) 00000000:0000 \(state) 00000000:00000000 00:00000000 00000000  \(user)        0 \(inode) 1 0000000000000000 100 0 0 10 0"
    }
}

@Suite struct ProcessTests {
    private func survey(_ fill: (FakeProc) throws -> Void) throws -> ProcessSurvey.Result {
        try Samples.withFolder { folder in
            let proc = FakeProc(root: folder)
            try fill(proc)
            try Samples.write("ana:x:1000:1000::/home/ana:/bin/sh\n", "passwd", in: folder)
            return ProcessSurvey(
                procRoot: folder.path,
                passwdFile: folder.path + "/passwd",
                host: "test-host",
                digest: Samples.digest
            ).run()
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var command: String
        var key: String?
        var testDescription: String { command }
    }

    @Test(arguments: [
        Row(
            command: "npm exec @modelcontextprotocol/server-filesystem /srv",
            key: "npm:@modelcontextprotocol/server-filesystem"
        ),
        Row(
            command: "node /home/ana/.npm/_npx/ab/node_modules/@example/mcp-thing/dist/index.js",
            key: "npm:@example/mcp-thing"
        ),
        Row(
            command: "/home/ana/.cache/uv/x/bin/python /home/ana/.cache/uv/x/bin/mcp-server-git",
            key: "pypi:mcp-server-git"
        ),
        Row(command: "uvx mcp-server-time", key: "pypi:mcp-server-time"),
        Row(command: "python3 -m mcp_server_fetch", key: "pypi:mcp-server-fetch"),
        Row(command: "fastmcp run server.py", key: "script:server.py"),
        Row(command: "python3 /usr/bin/mcp run /srv/server.py", key: "script:/usr/bin/mcp#2128c67e09d3"),
        Row(command: "docker run -i --rm mcp/time", key: "oci:mcp/time"),
        Row(command: "node /srv/mcp-server/dist/index.js", key: "script:/srv/mcp-server/dist/index.js"),
        Row(command: "npx mcp-remote https://r.example/mcp", key: nil),
        Row(command: "/usr/bin/ollama serve", key: "model:ollama"),
        Row(command: "/usr/bin/python3 /usr/bin/vllm serve x/y --port 8000", key: "model:vllm"),
        Row(command: "python -m vllm.entrypoints.openai.api_server", key: "model:vllm"),
        Row(command: "python -m llama_cpp.server", key: "model:llama.cpp"),
        Row(command: "/opt/llama-server -m x.gguf", key: "model:llama.cpp"),
    ])
    func recognisesServers(_ row: Row) throws {
        let result = try survey { proc in
            try proc.tables(v4: [])
            try proc.process(42, row.command.split(separator: " ").map(String.init))
        }
        let key = row.key.map { "stdio:test-host/" + $0 } ?? "https://r.example/mcp"
        #expect(result.survey.sightings.map(\.canonicalKey) == [key])
        #expect(result.survey.sightings.first?.location == "process 42")
        #expect(result.survey.sightings.first?.user == "ana")
    }

    @Test(arguments: [
        "vim mcp-server.md", "grep -r mcp .", "cat /srv/mcp/config.json", "ollama run llama3", "bash",
        "node /srv/shop/index.js",
        "python3 /home/mcp-team/a/b/c/tool.py", "/usr/bin/tcmcpd", "git clone https://github.com/example/mcp-server",
    ])
    func leavesOtherProgramsAlone(_ command: String) throws {
        let result = try survey { proc in
            try proc.tables(v4: [])
            try proc.process(42, command.split(separator: " ").map(String.init))
            try proc.process(2, [])
        }
        #expect(result.survey.sightings.isEmpty)
        #expect(result.survey.examined["processes"] == 2)
    }

    @Test func socketsFindTheirProcessesAndAddresses() throws {
        let result = try survey { proc in
            try proc.tables(
                v4: [
                    FakeProc.line("0100007F:1F90", 11), FakeProc.line("00000000:0BB8", 12),
                    FakeProc.line("0500A8C0:0050", 13, user: 0),
                    FakeProc.line("0100007F:9999", 14, state: "01"), "garbage", FakeProc.line("ZZ:1", 15),
                ],
                v6: [
                    FakeProc.line("00000000000000000000000001000000:2CAA", 16),
                    FakeProc.line("0000000000000000FFFF00000100007F:1F91", 17),
                    FakeProc.line("B80D0120000000000000000001000000:0050", 18),
                ]
            )
            try proc.process(42, ["/usr/bin/ollama", "serve"], sockets: [11])
            try proc.process(43, ["npx", "mcp-thing"], sockets: [12])
        }
        #expect(
            result.sockets.map {
                "\($0.address) \($0.port) \($0.process ?? 0) \($0.label ?? "-") \($0.loopbackAddress ?? "-")"
            } == [
                "192.168.0.5 80 0 - -", "2001:db8::1 80 0 - -", "0.0.0.0 3000 43 mcp-thing 127.0.0.1",
                "127.0.0.1 8080 42 ollama 127.0.0.1", "127.0.0.1 8081 0 - 127.0.0.1", "::1 11434 0 - ::1",
            ]
        )
        #expect(result.survey.gaps.contains { $0.reason == "2 lines could not be understood" })
        #expect(result.survey.gaps.contains { $0.reason == "the process is unknown for 4 of 6 listening sockets" })
        #expect(result.survey.sightings.map(\.transport) == [.unknown, .unknown])
    }

    @Test func aLauncherAndWhatItLaunchedAreOneServer() throws {
        let result = try survey { proc in
            try proc.tables(v4: [])
            try proc.process(42, ["uvx", "mcp-server-git"])
            try proc.process(43, ["/x/bin/python", "/x/bin/mcp-server-git"], parent: 42)
            try proc.process(50, ["claude"])
            try proc.process(51, ["claude"], parent: 50)
        }
        #expect(result.survey.sightings.count == 1)
        #expect(result.clients == [ProcessSurvey.RunningClient(client: "claude-code", process: 50, user: "ana")])
    }

    @Test func secretsOfCommandLinesAreHidden() throws {
        let result = try survey { proc in
            try proc.tables(v4: [])
            try proc.process(
                42,
                ["npx", "mcp-thing", "--api-key", "hunter2hunter2", "postgres://a:hunter3hunter3@db/x"]
            )
            try proc.process(43, ["npm exec mcp-thing --token hunter4hunter4"])
            try proc.process(44, ["/usr/bin/llama-server", "--api-key=hunter5hunter5"])
        }
        #expect(result.survey.sightings.count == 3)
        #expect(!"\(result)".contains("hunter"))
        #expect(result.survey.sightings.first?.secrets.count == 2)
    }

    @Test func aFolderThatIsNoProcIsAGap() throws {
        let result = ProcessSurvey(procRoot: "/nonexistent", host: "h", digest: Samples.digest).run()
        #expect(result.survey.gaps.map(\.subject) == ["/nonexistent", "/nonexistent/net/tcp"])
    }

    @Test func thisMachineCanBeRead() {
        let result = ProcessSurvey(host: "h", digest: Samples.digest).run()
        #expect((result.survey.examined["processes"] ?? 0) > 0)
    }
}

/// Scripts, which are whatever their arguments make of them.
@Suite struct ScriptArgumentTests {
    private func sightings(_ commands: [[String]], parents: [Int: Int] = [:]) throws -> [Sighting] {
        try Samples.withFolder { folder in
            let proc = FakeProc(root: folder)
            try proc.tables(v4: [])
            for (index, words) in commands.enumerated() {
                try proc.process(40 + index, words, parent: parents[40 + index] ?? 1)
            }
            return ProcessSurvey(
                procRoot: folder.path,
                passwdFile: folder.path + "/passwd",
                host: "test-host",
                digest: Samples.digest
            ).run().survey.sightings
        }
    }

    @Test func twoProcessesOfOneScriptWithOtherArgumentsAreTwoServers() throws {
        let script = "/srv/mcp-server/main.py"
        let found = try sightings([
            ["python3", script, "--db", "sales"], ["python3", script, "--db", "people"], ["python3", "-u", script],
            ["uv", "run", script, "--db", "sales"],
        ])
        let keys = found.map(\.canonicalKey)
        #expect(Set(keys).count == 3)
        #expect(keys[0] == keys[3])
        #expect(keys[2] == "stdio:test-host/script:\(script)")
        #expect(found.map { $0.former?.key } == [keys[2], keys[2], nil, keys[2]])
    }

    @Test func aSecretArgumentIsNoPartOfTheKey() throws {
        let script = "/srv/mcp-server/main.py"
        let found = try sightings([
            ["python3", script, "--token", "hunter2"], ["python3", script, "--token", "hunter3"],
        ])
        #expect(Set(found.map(\.canonicalKey)).count == 1)
    }

    @Test func aLauncherAndItsScriptStayOneServer() throws {
        let script = "/srv/mcp-server/main.py"
        let found = try sightings(
            [["uv", "run", script, "--db", "sales"], ["python3", script, "--db", "sales"]],
            parents: [41: 40]
        )
        #expect(found.count == 1)
    }

    @Test func twoSecretAddressesBehindABridgeStayTwo() throws {
        let found = try sightings([
            ["npx", "mcp-remote", "https://h.example/mcp/a1b2c3d4e5f6a7b8/sse"],
            ["npx", "mcp-remote", "https://h.example/mcp/b1b2c3d4e5f6a7b9/sse"],
        ])
        #expect(Set(found.map(\.canonicalKey)).count == 2)
        #expect(!"\(found)".contains("a1b2c3d4e5f6a7b8"))
    }
}
