import Core
import Testing

@testable import Survey

/// Command lines with one secret each, and command lines with none.
@Suite struct CommandSecretsTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var words: [String]
        var secret: String
        /// What must still be readable.
        var kept: [String]
        var testDescription: String { words.joined(separator: " ") }

        init(_ words: [String], hides secret: String, keeps kept: [String] = []) {
            self.words = words
            self.secret = secret
            self.kept = kept
        }
    }

    private func hidden(_ words: [String]) -> (shown: [String], references: [SecretReference]) {
        var hiding = SecretHiding(digest: { Samples.digest($0) })
        let shown = hiding.command(words)
        return (shown, hiding.references)
    }

    @Test(arguments: [
        Row(
            ["curl", "-u", "ana:hunter2", "https://x.example/mcp"],
            hides: "hunter2",
            keeps: ["ana", "https://x.example/mcp"]
        ),
        Row(["curl", "--user", "ana:pw", "https://x.example"], hides: "pw"),
        Row(["curl", "--user=ana:pw", "https://x.example"], hides: "pw"),
        Row(["curl", "-uana:pw9", "https://x.example"], hides: "pw9"),
        Row(["curl", "-u", "ana:12345", "https://x.example"], hides: "12345"),
        Row(["curl", "-u", "k3y9x8w7v6u5t4s3:", "https://x.example"], hides: "k3y9x8w7v6u5t4s3"),
        Row(["curl", "--proxy-user", "ana:pw", "https://x.example"], hides: "pw"),
        Row(["npx", "tool@1.0.0", "--user", "ana:pa:ss"], hides: "pa:ss"),
        Row(["npx", "tool@1.0.0", "-p", "hunter2"], hides: "hunter2", keeps: ["tool@1.0.0"]),
        Row(["npx", "tool@1.0.0", "-p", "S3cret!"], hides: "S3cret!"),
        Row(["npx", "tool@1.0.0", "-u", "ana", "-p", "swordfish"], hides: "swordfish", keeps: ["ana"]),
        Row(["npx", "tool@1.0.0", "--username", "ana", "-p", "swordfish"], hides: "swordfish"),
        Row(["npx", "tool@1.0.0", "--username", "ana", "-p=swordfish"], hides: "swordfish"),
        Row(["npx", "-y", "mysql-mcp-server", "-u", "root", "-pw0rd"], hides: "w0rd", keeps: ["mysql-mcp-server"]),
        Row(["npx", "-y", "@x/mcp-mongodb", "-p", "swordfish"], hides: "swordfish"),
        Row(["mysql", "-uroot", "-pswordfish", "db"], hides: "swordfish", keeps: ["db"]),
        Row(["mysql", "-u", "root", "-p1234", "db"], hides: "1234"),
        Row(["redis-cli", "-h", "db", "-a", "swordfish"], hides: "swordfish", keeps: ["db"]),
        Row(["sshpass", "-p", "swordfish", "ssh", "ana@db"], hides: "swordfish", keeps: ["ana@db"]),
        Row(["docker", "login", "-u", "ana", "-p", "swordfish", "r.example"], hides: "swordfish"),
        Row(["docker", "run", "-u", "1000:1000", "mcp/x:1", "-u", "ana:pw7"], hides: "pw7", keeps: ["1000:1000"]),
        Row(["smbclient", "-U", "ana%pw7", "//h/share"], hides: "pw7", keeps: ["ana"]),
        Row(["npx", "tool", "--password", "pw"], hides: "pw"),
        Row(["env", "MYPASS=plainword", "srv"], hides: "plainword", keeps: ["MYPASS"]),
        Row(["env", "DBPWD=plainword", "srv"], hides: "plainword", keeps: ["DBPWD"]),
        Row(["npx", "tool", "https://h.example/mcp;jsessionid=plainword"], hides: "plainword", keeps: ["jsessionid"]),
        Row(["npx", "tool", "--pw", "abc"], hides: "abc"),
        Row(["xfreerdp", "/u:ana", "/p:hunter2"], hides: "hunter2", keeps: ["/u:ana"]),
        Row(["xfreerdp", "/p:hunt3r=two4"], hides: "hunt3r=two4"),
        Row(["npx", "tool", "https://h.example/mcp;jsessionid=abc"], hides: "abc", keeps: ["https://h.example/mcp"]),
        Row(["npx", "tool", "--db-pass", "abc"], hides: "abc"),
        Row(["npx", "tool", "Bearer", "abc"], hides: "abc", keeps: ["Bearer"]),
        Row(["npx", "tool", "Basic", "YTpi"], hides: "YTpi"),
        Row(["npx", "tool", "--authorization", "Bearer", "abc"], hides: "abc"),
        Row(["npx", "tool", "--header", "Authorization:", "Bearer", "abc"], hides: "abc", keeps: ["Authorization:"]),
        Row(["npx", "tool", "--header", "X-Api-Key: abc"], hides: "abc", keeps: ["X-Api-Key"]),
        Row(["npx", "tool", "--header", "X-Api-Key:", "abc"], hides: "abc"),
        Row(["npx", "tool", "--header=X-Custom:abc9"], hides: "abc9", keeps: ["X-Custom"]),
        Row(["npx", "tool", "--header=X-Custom: abc9"], hides: "abc9"),
        Row(["curl", "-HX-Custom: abc9", "https://x.example"], hides: "abc9"),
        Row(["npx", "tool", "X-Api-Key:", "abc"], hides: "abc"),
        Row(["npx", "tool", "FOO_TOKEN=abc"], hides: "abc", keeps: ["FOO_TOKEN"]),
        Row(["env", "FOO_SECRET=abc", "npx", "tool"], hides: "abc", keeps: ["tool"]),
        Row(["docker", "run", "--env=FOO=abc9x", "mcp/x:1"], hides: "abc9x", keeps: ["mcp/x:1"]),
        Row(["docker", "run", "-eFOO=abc9x", "mcp/x:1"], hides: "abc9x"),
        Row(["npx", "pg", "postgres://ana:pw@db.example/x"], hides: "pw", keeps: ["db.example/x"]),
        Row(["npx", "pg", "postgres://onlykey@db.example/x"], hides: "onlykey"),
        Row(["npx", "pg", "root:pw9@tcp(127.0.0.1:3306)/db"], hides: "pw9", keeps: ["3306"]),
        Row(["npx", "pg", "--dbstring=root:pw9@db.example:3306/x"], hides: "pw9"),
        Row(["npx", "pg", "mongodb://a.example/x,mongodb://ana:pw9@b.example/x"], hides: "pw9", keeps: ["a.example"]),
        Row(["npx", "az", "AccountName=x;AccountKey=abc=="], hides: "abc", keeps: ["AccountName=x"]),
        Row(
            ["npx", "az", "Endpoint=sb://n.example/;SharedAccessKeyName=Root;SharedAccessKey=abc="],
            hides: "abc",
            keeps: ["sb://n.example"]
        ),
        Row(["npx", "az", "Server=db;User ID=sa;Password=two words;"], hides: "words", keeps: ["Server=db"]),
        Row(["npx", "ms", "jdbc:sqlserver://db.example;user=sa;password=abc"], hides: "abc", keeps: ["db.example"]),
        Row(["npx", "ms", "jdbc:sqlserver://db.example:1433;user=sa;password=abc"], hides: "abc"),
        Row(["npx", "pg", "host=db user=ana password=abc"], hides: "abc", keeps: ["host=db"]),
        Row(
            ["npx", "mcp-remote", "https://h.example/mcp/a1b2c3d4e5f6a7b8/sse"],
            hides: "a1b2c3d4e5f6a7b8",
            keeps: ["h.example/mcp/", "/sse"]
        ),
        Row(["npx", "mcp-remote", "https://h.example/s/MTIzNDU2Nzg5MGFiY2Q/mcp"], hides: "MTIzNDU2Nzg5MGFiY2Q"),
        Row(["npx", "mcp-remote", "https://h.example/s/QwErTyUiOpAsDfGhJk/mcp"], hides: "QwErTyUiOpAsDfGhJk"),
        Row(
            ["npx", "mcp-remote", "https://h.example/composio/server/3f2b8c1e-9d4a-4c6b-8e7f-1a2b3c4d5e6f/mcp"],
            hides: "3f2b8c1e-9d4a-4c6b-8e7f-1a2b3c4d5e6f"
        ),
        Row(["sh", "-c", "curl -u ana:pw9 https://x.example | jq ."], hides: "pw9", keeps: ["jq"]),
        Row(["sh", "-c", "mysql -uroot -pswordfish db"], hides: "swordfish", keeps: ["db"]),
        Row(["sh", "-c", "curl -u 'ana:two words' https://x.example"], hides: "words"),
        Row(["sudo", "mysql", "-u", "root", "-p", "swordfish"], hides: "swordfish"),
    ])
    func hidesTheSecret(_ row: Row) {
        let (shown, references) = hidden(row.words)
        let text = shown.joined(separator: " ")
        // The rest of the words may well hold the same letters: only whole pieces count.
        let pieces = text.split { !($0.isLetter || $0.isNumber || "-!:_".contains($0)) }.map(String.init)
        #expect(!pieces.contains(row.secret), "\(text)")
        #expect(
            !pieces.contains { $0.hasSuffix(":" + row.secret) || ($0.hasPrefix("-") && $0.hasSuffix(row.secret)) },
            "\(text)"
        )
        #expect(row.secret.utf8.count < 5 || !text.contains(row.secret), "\(text)")
        for word in row.kept { #expect(text.contains(word), "\(text)") }
        #expect(references.contains { $0.digest.hasPrefix("hmac-sha256:") }, "\(references)")
        #expect(!"\(references)".contains(row.secret) || row.secret.utf8.count < 4)
    }

    @Test(arguments: [
        ["npx", "-y", "-p", "@scope/pkg2go@1.2.3", "cmd"],
        ["npx", "-p", "web2mcp", "cmd"],
        ["uvx", "-p", "py312", "tool"],
        ["docker", "run", "-i", "--rm", "-u", "node:node", "-p", "8080:80", "mcp/x:1"],
        ["docker", "run", "--user", "1000:1000", "mcp/x:1"],
        ["docker", "run", "-p", "127.0.0.1:8080:80", "mcp/x:1", "serve"],
        ["npx", "tool", "-p", "8080"],
        ["npx", "tool", "-p", "myproject"],
        ["npx", "tool", "-p", "./tsconfig.json"],
        ["npx", "tool", "-p", "v1.2"],
        ["npx", "tool", "-u", "ana"],
        ["npx", "tool", "--user", "ana", "-p", "5432"],
        ["npx", "tool", "-port", "8080", "-profile", "dev", "--user", "ana"],
        ["ssh", "-p", "2222", "ana@db.example"],
        ["python", "-u", "server.py"],
        ["npx", "tool", "--plan", "basic", "--level", "bearer"],
        ["npx", "tool", "--plan", "basic", "gold"],
        ["npx", "tool", "--owner", "user:ana@x.example"],
        ["npx", "tool", "git@github.com:a/b.git"],
        ["deno", "run", "npm:react@18.2.0", "jsr:@std/path@1.0.0"],
        ["npx", "tool", "mailto:ana@x.example", "ana@x.example"],
        ["npx", "tool", "https://h.example/mcp", "http://127.0.0.1:8080/sse"],
        ["npx", "tool", "https://github.com/modelcontextprotocol/python-sdk/blob/main/README.md"],
        ["npx", "tool", "https://h.example/v1/models/claude-3-5-sonnet-20241022/mcp"],
        ["npx", "tool", "https://h.example/api/getWeatherForecastByCity/2025-03-26/oauth2callback"],
        ["npx", "tool", "https://h.example/internationalization/us-east-1/sha256/k8s"],
        ["npx", "tool", "a,b,c", "x=1,y=2", "mode=fast;level=3"],
        ["npx", "tool", "C:\\Users\\ana", "--dir", "/srv/data/2026-01-01"],
        ["node", "/srv/dist/index.js", "--stdio"],
        ["env", "LANG=C", "npx", "tool"], ["npx", "tool", "--bypass=yes", "--compass=north"],
        ["sh", "-c", "cd /srv && npx -y tool --port 8080"],
    ])
    func leavesOrdinaryWordsAlone(_ words: [String]) {
        let (shown, references) = hidden(words)
        #expect(shown == words)
        #expect(references.allSatisfy { $0.digest.isEmpty }, "\(references)")
    }

    @Test(arguments: [
        ("https://h.example/mcp/a1b2c3d4e5f6a7b8/sse", true), ("https://h.example/mcp/sse", false),
        ("https://h.example/s/QwErTyUiOpAsDfGhJk/mcp", true), ("https://h.example/getWeatherForecastByCity/mcp", false),
    ])
    func aSecretPathEndsInItsDigest(_ url: String, _ isSecret: Bool) {
        var hiding = SecretHiding(digest: { Samples.digest($0) })
        let address = hiding.address(url)
        #expect(address?.path.contains("redacted-") == isSecret)
        #expect((address?.text == url) == !isSecret)
    }
}
