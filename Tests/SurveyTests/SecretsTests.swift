import Core
import Foundation
import Inspection
import Testing

@testable import Survey

/// Numbers that can be repeated from their seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite struct SecretsTests {
    @Test func serversThatDifferInWhatIsHiddenStayDifferent() throws {
        try Samples.withFolder { folder in
            try Samples.write(
                #"{"mcpServers": {"a": {"command": "node", "args": ["--secret", "hunter2"]},"#
                    + #" "b": {"command": "node", "args": ["--secret", "swordfish"]},"#
                    + #" "c": {"command": "node", "args": ["--opts", "{\"key\": 1}"]}}}"#,
                ".cursor/mcp.json",
                in: folder
            )
            try Samples.write(
                #"{"mcpServers": {"d": {"command": "node", "args": ["--key", "correcthorse"]}}}"#,
                ".claude.json",
                in: folder
            )
            let keys = Samples.survey(folder.path).sightings.map(\.canonicalKey)
            #expect(Set(keys).count == 4)
            #expect(!keys.contains { $0.contains("redacted") })
        }
    }

    @Test func aLookTellsWhichFilesItCovered() throws {
        try Samples.withFolder { folder in
            let (file, broken) = (folder.path + "/.cursor/mcp.json", folder.path + "/.claude.json")
            try Samples.write(
                #"{"mcpServers": {"a": {"url": "http://h.example/mcp", "headers": {"Authorization": "Bearer x9y8"}}}}"#,
                ".cursor/mcp.json",
                in: folder
            )
            try Samples.write(#"{"mcpServers": {"a": 1}}"#, ".claude.json", in: folder)
            var survey = ConfigurationSurvey(
                homes: [.init(path: folder.path, user: "ana")],
                host: "h",
                known: [folder.path + "/.gone.json", "/elsewhere/gone.json", broken],
                digest: Samples.digest
            )
            let result = survey.run()
            #expect(!result.findings.isEmpty)
            #expect(result.findings.allSatisfy { $0.place == file })
            // A file of which a part was not read, and one outside the home, may still hold what they held.
            #expect(result.covered == [file, folder.path + "/.gone.json"])
            survey.homes = [.init(path: folder.path + "/not-mounted", user: "ana")]
            survey.known = [folder.path + "/not-mounted/.gone.json"]
            #expect(survey.run().covered.isEmpty)
        }
    }

    @Test(arguments: [
        ("DBPASS", true), ("MYSQLPWD", true), ("PGPASS", true), ("jsessionid", true), ("PHPSESSID", true),
        ("BYPASS", false), ("compass", false), ("OLDPWD", false),
    ])
    func aNameThatEndsInAPasswordIsOne(_ name: String, _ isSecret: Bool) {
        #expect(SecretNames.suggestSecret(name) == isSecret)
    }

    @Test(arguments: ["https://h.example/mcp;jsessionid=a1b2", "https://h.example/;x=1;JSESSIONID=a1b2/mcp"])
    func aSessionInAPathIsNoPartOfAnAddress(_ url: String) {
        var hiding = SecretHiding(digest: Samples.digest)
        #expect(hiding.address(url)?.text.contains("a1b2") == false)
        #expect(hiding.references.contains { $0.name.lowercased() == "query:jsessionid" })
    }

    /// Plants fifty secrets, one in each of fifty kinds of places, and looks for them in everything that comes out.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func noSecretIsInTheResult(seed: UInt64) throws {
        var random = Seeded(state: seed)
        var planted: [String] = []
        /// Chosen by a person: short, where the name beside it tells that it is a secret.
        func word() -> String {
            let text = String(
                (0..<10).map { _ in "abcdefghijkmnpqrstuvwxyz23456789".randomElement(using: &random) ?? "a" }
            )
            planted.append("w" + text)
            return "w" + text
        }
        /// Made by a machine: long, and recognised anywhere.
        func key() -> String {
            let letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"
            let text = String((0..<36).map { _ in letters.randomElement(using: &random) ?? "a" })
            planted.append(text)
            return text
        }
        func prefixed(_ prefix: String) -> String {
            let text =
                prefix + String((0..<40).map { _ in "ABCDEFabcdef0123456789".randomElement(using: &random) ?? "a" })
            planted.append(text)
            return text
        }
        let entries: [String: JSON.Value] = [
            "env": [
                "command": "npx", "args": ["a"],
                "env": ["PLAIN": .string(word()), "API_KEY": .string(key()), "N": .string(prefixed("ghp_"))],
            ],
            "env-list": ["command": "npx", "args": ["a"], "env": [.string("A=" + word())]],
            "env-object": ["command": "npx", "args": ["a"], "env": ["A": ["nested": .string(word())]]],
            "headers": [
                "url": "https://h.example/mcp",
                "headers": [
                    "Authorization": .string("Bearer " + word()), "X-Api-Key": .string(key()),
                    "X-Other": .string(word()),
                ],
            ],
            "request": [
                "url": "https://h.example/mcp", "requestOptions": ["headers": ["Cookie": .string("sid=" + word())]],
            ],
            "flag": [
                "command": "npx", "args": ["a", "--api-key", .string(word()), "--token", .string(key()), "-p", "80"],
            ],
            "flag-equals": [
                "command": "npx", "args": ["a", .string("--password=" + word()), .string("/secret=" + word())],
            ],
            "header-arg": [
                "command": "npx",
                "args": [
                    "mcp-remote", "https://r.example/mcp", "--header", .string("Authorization: Bearer " + word()),
                ],
            ],
            "header-arg-2": [
                "command": "npx",
                "args": [
                    "mcp-remote", "https://r.example/mcp", "--header", .string("X-Custom:" + word()),
                    .string("--header=X-Key: " + word()),
                ],
            ],
            "docker": [
                "command": "docker",
                "args": ["run", "-e", .string("X=" + word()), "--env", .string("TOKEN=" + key()), "mcp/x:1"],
            ],
            "positional": [
                "command": "npx",
                "args": ["a", .string(key()), .string(prefixed("sk-ant-")), .string(prefixed("xoxb-"))],
            ],
            "dsn": [
                "command": "npx",
                "args": ["pg", .string("postgresql://ana:\(word())@db.example:5432/x?sslpassword=\(word())")],
            ],
            "dsn-flag": ["command": "npx", "args": ["pg", .string("--url=redis://:\(word())@db.example/0")]],
            "dsn-slash": ["command": "npx", "args": ["pg", .string("postgres://ana:pre/\(word())@db.example/x")]],
            "pairs": ["command": "x", "args": [.string("Server=db;User=a;Password=\(word());Pwd=\(word())")]],
            "json": ["command": "npx", "args": ["@smithery/cli", "--config", .string("{\"k\":\"\(word())\"}")]],
            "shell": ["command": "sh", "args": ["-c", .string("API_KEY=\(word()) exec npx tool --token \(word())")]],
            "shell-2": [
                "command": "bash",
                "args": ["-c", .string("curl -H 'Authorization: Bearer \(word())' https://x.example | jq .")],
            ],
            "one-text": ["command": .string("npx tool --api-key \(word())")],
            "userinfo": ["url": .string("https://ana:\(word())@u.example/mcp")],
            "userinfo-2": ["url": .string("https://\(key())@u.example/mcp")],
            "query": ["url": .string("https://q.example/mcp?api_key=\(word())&x=\(word())#\(word())")],
            "path": ["url": .string("https://p.example/s/\(key())/mcp")],
            "path-2": ["url": .string("https://p.example/\(prefixed("sk-"))/sse")],
            "remote-path": [
                "command": "npx", "args": ["mcp-remote", .string("https://p.example/s/\(key())/mcp?t=\(word())")],
            ],
            "setting": [
                "url": "https://s.example/mcp", "apiKey": .string(word()), "oauth": ["clientSecret": .string(word())],
                "other": [.string(prefixed("AIza"))],
            ],
            "pem": [
                "command": "x", "args": [.string("-----BEGIN PRIVATE KEY-----\n\(key())\n-----END PRIVATE KEY-----")],
                "env": ["PEM": .string("-----BEGIN EC PRIVATE KEY-----\n\(key())")],
            ],
            "jwt": ["command": "x", "args": [.string("eyJhbGciOiJIUzI1NiJ9.eyJ\(key()).\(key())")]],
            prefixed("ghp_"): ["command": "npx", "args": ["a"]],
            "broken": ["command": 7, "env": ["API_KEY": .string(word())], "note": .string(key())],
            "broken-2": ["url": .string("nonsense \(word())"), "headers": .string(key())],
            "broken-3": .string(key()),
        ]
        #expect(planted.count >= 50)
        try Samples.withFolder { home in
            let servers = JSON.Value.object(
                JSON.Object(entries.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) })
            )
            try Samples.write("\(JSON.Value.object(["mcpServers": servers]))", ".claude.json", in: home)
            try Samples.write("\(JSON.Value.object(["mcpServers": servers]))", "x/.mcp.json", in: home)
            let result = Samples.survey(home.path)
            #expect(result.sightings.count == 2 * (entries.count - 3))
            #expect(result.gaps.count == 6)
            let text = "\(result)"
            for secret in planted where text.contains(secret) {
                Issue.record("\(secret) is in the result: \(around(secret, text))")
            }
            #expect(result.findings.contains { $0.code == "configuration.inline-secret" })
        }
    }

    private func around(_ secret: String, _ text: String) -> Substring {
        guard let range = text.range(of: secret) else { return "" }
        let start = text.index(range.lowerBound, offsetBy: -80, limitedBy: text.startIndex) ?? text.startIndex
        return text[start..<range.upperBound]
    }

    @Test func equalSecretsHaveEqualDigestsWhereverTheyStand() throws {
        try Samples.withFolder { home in
            let text = #"""
                {"mcpServers": {
                  "a": {"command": "npx", "args": ["a@1.0.0", "--token", "s3cr3t-value"], "env": {"TOKEN": "s3cr3t-value"}},
                  "b": {"url": "https://b.example/mcp", "headers": {"Authorization": "Bearer s3cr3t-value"}},
                  "c": {"url": "https://b.example/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}, "env": {"PORT": "80"}}
                }}
                """#
            try Samples.write(text, ".cursor/mcp.json", in: home)
            let result = Samples.survey(home.path)
            let byName = Dictionary(uniqueKeysWithValues: result.sightings.map { ($0.name, $0) })
            let expected = Samples.digest("s3cr3t-value")
            #expect(byName["a"]?.secrets.map(\.digest) == [expected, expected])
            #expect(byName["a"]?.secrets.map(\.name) == ["argument:3", "env:TOKEN"])
            #expect(byName["a"]?.command == ["npx", "a@1.0.0", "--token", "<redacted>"])
            #expect(byName["b"]?.secrets == [SecretReference(name: "header:Authorization", digest: expected)])
            #expect(byName["c"]?.secrets.map(\.digest) == ["", ""])
            #expect(result.findings.filter { $0.code == "configuration.inline-secret" }.count == 2)
        }
    }

    @Test(arguments: [
        #"{"args": ["a@1.0.0", "npx"], "command": "npx"}"#,
        #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": "${API_KEY}"}}"#,
        #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": "<your-api-key>"}}"#,
        #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": ""}}"#,
        #"{"command": "npx", "args": ["a@1.0.0", "--header", "Authorization: ${AUTH}"]}"#,
        #"{"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${input:token}"}}"#,
        #"{"url": "http://localhost:3000/mcp", "env": {"NODE_ENV": "production"}}"#,
        #"{"url": "https://a.example/mcp", "bearer_token_env_var": "A_TOKEN", "auth": {"type": "oauth"}}"#,
        #"{"url": "https://a.example/mcp", "oauth": {"tokenUrl": "https://a.example/token"}, "authProviderType": "x"}"#,
        #"{"command": "npx", "args": ["a@1.0.0", "/home/ana/Documents/2026-01-01 notes"]}"#,
    ])
    func aCarefulEntryHasNoFinding(_ entry: String) throws {
        try Samples.withFolder { home in
            try Samples.write("{\"mcpServers\": {\"a\": \(entry)}}", ".cursor/mcp.json", in: home)
            let result = Samples.survey(home.path)
            #expect(result.sightings.count == 1)
            #expect(result.findings.isEmpty, "\(result.findings)")
        }
    }

    @Test(arguments: [
        (
            #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": "hunter2"}}"#, "configuration.inline-secret",
            0o644, true
        ),
        (
            #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": "hunter2"}}"#, "configuration.world-readable",
            0o644, true
        ),
        (
            #"{"command": "npx", "args": ["a@1.0.0"], "env": {"API_KEY": "hunter2"}}"#, "configuration.world-readable",
            0o600, false
        ),
        (#"{"command": "npx", "args": ["a@1.0.0"]}"#, "configuration.world-readable", 0o644, false),
        (#"{"url": "http://a.example/mcp"}"#, "configuration.cleartext-url", 0o600, true),
        (#"{"url": "ws://10.0.0.1/mcp"}"#, "configuration.cleartext-url", 0o600, true),
        (#"{"url": "http://127.0.0.1/mcp"}"#, "configuration.cleartext-url", 0o600, false),
        (#"{"command": "npx", "args": ["-y", "a"]}"#, "configuration.unpinned-package", 0o600, true),
        (#"{"command": "npx", "args": ["-y", "a@1.0.0"]}"#, "configuration.unpinned-package", 0o600, false),
    ])
    func findsWhatAPersonShouldKnow(_ entry: String, _ code: String, _ mode: Int, _ isFound: Bool) throws {
        try Samples.withFolder { home in
            try Samples.write("{\"mcpServers\": {\"a\": \(entry)}}", ".cursor/mcp.json", in: home)
            // A test beside this one may have narrowed the umask of the process for a moment.
            for (path, mode) in [("", 0o755), ("/.cursor", 0o755), ("/.cursor/mcp.json", mode)] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: home.path + path)
            }
            #expect(Samples.survey(home.path).findings.contains { $0.code == code } == isFound)
        }
    }
}
