import Testing

@testable import Survey

@Suite struct CanonicalKeyTests {
    @Test(arguments: [
        ("https://Example.COM/mcp", "https://example.com/mcp"),
        ("https://example.com:443/mcp/", "https://example.com/mcp"),
        ("HTTP://example.com:80", "http://example.com/"),
        ("http://example.com:8080//a/./b/../mcp?x=1#y", "http://example.com:8080/a/mcp"),
        ("https://user:pw@example.com/mcp", "https://example.com/mcp"),
        ("https://example.com./%7euser/%2f%c3%a9", "https://example.com/~user/%2F%C3%A9"),
        ("http://localhost:3000/mcp", "http://127.0.0.1:3000/mcp"),
        ("http://[::1]:3000/mcp", "http://127.0.0.1:3000/mcp"),
        ("http://[2001:DB8:0:0::1]/mcp", "http://[2001:db8::1]/mcp"),
        ("wss://example.com/ws", "wss://example.com/ws"),
        ("  https://example.com/mcp\n", "https://example.com/mcp"),
        ("https://example.com/../../etc", "https://example.com/etc"),
    ])
    func equalServersHaveOneKey(_ text: String, _ key: String) {
        #expect(CanonicalKey.url(text) == key)
        #expect(CanonicalKey.url(key) == key)
    }

    @Test(arguments: [
        "", "https://", "ftp://example.com/", "example.com/mcp", "https://exa mple.com/", "https://[::1/x",
        "https://:80/",
        "https://example.com:0/", "https://example.com:65536/", "https://example.com:8x/", "javascript:alert(1)",
        "https://a\\b/", "${URL}", "https://${HOST}/mcp", "https://[::1]x/", "file:///etc/passwd",
    ])
    func whatIsNoAddressHasNoKey(_ text: String) {
        #expect(CanonicalKey.url(text) == nil)
    }

    @Test(arguments: [
        ("localhost", true), ("127.0.0.1", true), ("127.9.9.9", true), ("[::1]", true), ("a.localhost", true),
        ("127.0.0.1.example.com", false), ("10.0.0.1", false), ("localhost.example.com", false),
    ])
    func knowsTheLoopback(_ host: String, _ isLoopback: Bool) {
        #expect(CanonicalKey.address("http://\(host)/")?.isLoopback == isLoopback)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var command: String
        var identity: String
        var isUnpinned = false
        var testDescription: String { command }
        var words: [String] { command.split(separator: " ").map { String($0).replacing("␣", with: " ") } }
    }

    @Test(arguments: [
        Row(
            command: "npx -y @modelcontextprotocol/server-filesystem /srv",
            identity: "npm:@modelcontextprotocol/server-filesystem",
            isUnpinned: true
        ),
        Row(
            command: "npx -y @modelcontextprotocol/server-filesystem@2025.8.21 /srv",
            identity: "npm:@modelcontextprotocol/server-filesystem"
        ),
        Row(command: "npx --yes tool@latest", identity: "npm:tool", isUnpinned: true),
        Row(command: "npx tool@^1.2", identity: "npm:tool", isUnpinned: true),
        Row(command: "npx --package=@a/b@1.0.0 cmd", identity: "npm:@a/b"),
        Row(command: "/usr/local/bin/npx.cmd -p @a/b@1.0.0 -c cmd", identity: "npm:@a/b"),
        Row(command: "cmd /c npx -y tool@1.0.0", identity: "npm:tool"),
        Row(command: "env FOO=bar npx tool@1.0.0", identity: "npm:tool"),
        Row(command: "bash -lc FOO=1␣npx␣-y␣tool@1.0.0", identity: "npm:tool"),
        Row(command: "npm exec -- tool@1.0.0", identity: "npm:tool"),
        Row(command: "pnpm dlx tool@1.0.0", identity: "npm:tool"),
        Row(command: "bunx tool@1.0.0", identity: "npm:tool"),
        Row(command: "bun x tool@1.0.0", identity: "npm:tool"),
        Row(command: "uvx mcp-server-git==2026.10.19 --repository /srv", identity: "pypi:mcp-server-git"),
        Row(command: "uvx mcp_server_git", identity: "pypi:mcp-server-git", isUnpinned: true),
        Row(command: "uvx --from git+https://github.com/a/b@v1 run", identity: "git:https://github.com/a/b"),
        Row(command: "uv tool run --python 3.12 tool@1.0", identity: "pypi:tool"),
        Row(command: "uv --directory /srv/x run server.py", identity: "command:*"),
        Row(command: "uv run --directory /srv/x server.py", identity: "script:/srv/x/server.py"),
        Row(command: "uv run --with mcp mcp run server.py", identity: "script:server.py"),
        Row(command: "pipx run --spec tool==1.0 cmd", identity: "pypi:tool"),
        Row(command: "python3 -m mcp_server_time --local-timezone UTC", identity: "pypi:mcp-server-time"),
        Row(command: "python3.12 -u /srv/server.py", identity: "script:/srv/server.py"),
        Row(command: "/srv/.venv/bin/python /srv/.venv/bin/mcp-server-git", identity: "pypi:mcp-server-git"),
        Row(command: "fastmcp run server.py:mcp", identity: "script:server.py"),
        Row(command: "node /srv/dist/index.js --stdio", identity: "script:/srv/dist/index.js"),
        Row(command: "node /home/ana/.npm/_npx/ab/node_modules/@a/b/dist/index.js", identity: "npm:@a/b"),
        Row(command: "deno run -A jsr:@a/b@1.0.0", identity: "jsr:@a/b"),
        Row(
            command: "docker run -i --rm -e TOKEN -v /a:/b ghcr.io/github/github-mcp-server",
            identity: "oci:ghcr.io/github/github-mcp-server",
            isUnpinned: true
        ),
        Row(
            command: "docker run -i --rm mcp/time@sha256:\(String(repeating: "a1", count: 32))",
            identity: "oci:mcp/time"
        ),
        Row(command: "podman run --network none localhost:5000/x/y:1.2", identity: "oci:localhost:5000/x/y"),
        Row(command: "docker mcp gateway run", identity: "command:docker-mcp-gateway"),
        Row(
            command: "npx -y mcp-remote https://mcp.example.com/sse --header A:b",
            identity: "https://mcp.example.com/sse"
        ),
        Row(command: "go run github.com/a/b@v1.0.0", identity: "go:github.com/a/b"),
        Row(command: "java -jar /srv/x.jar", identity: "script:/srv/x.jar"),
        Row(command: "/usr/bin/github-mcp-server stdio", identity: "command:*"),
        Row(command: "npx", identity: "command:*"), Row(command: "node --secret <redacted>", identity: "command:*"),
        Row(command: "node --secret <redacted> server.js", identity: "script:server.js"),
        Row(command: "python3 --key <redacted>", identity: "command:*"),
        Row(command: "bash <redacted>", identity: "command:*"),
        Row(command: "env env env env env env env env env env x", identity: "command:*"),
    ])
    func knowsWhatACommandStarts(_ row: Row) {
        let identity = CommandIdentity.of(row.words)
        if row.identity == "command:*" {
            #expect(identity == CommandIdentity.digest(of: row.words))
        } else {
            #expect(identity.text == row.identity)
        }
        #expect(identity.isUnpinned == row.isUnpinned)
    }
}
