import Growth
import Testing

@testable import Inspection

@Suite struct CredentialsTests {
    @Test(arguments: [
        ("aws-access-key", "id AKIAQ3EGRIYZ5K7XJW2L end"),
        ("github-token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("github-token", "token=github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv"),
        ("slack-token", "xoxb-123456789012-abcdefABCDEF"),
        ("openai-key", "sk-proj-abcdefGHIJKL0123456789_-xyz"),
        ("openai-key", "\"sk-abcdefghijklmnopqrstuvwx\""),
        ("anthropic-key", "sk-ant-api03-abcdefghijklmnop"),
        ("google-api-key", "AIzaSyA-1234567890abcdefghijklmnopqrstu"),
        ("stripe-key", "sk_live_abcdefghij0123456789"),
        ("json-web-token", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
        ("private-key", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"),
        ("url-password", "postgres://ana:hunter2@db.example/x"),
    ])
    func findsEachForm(_ kind: String, _ text: String) {
        #expect(Credentials.find(in: text).map(\.kind.name) == [kind])
        #expect(Credentials.redact(text).contains("<redacted>"))
    }

    @Test(arguments: [
        "", "risk-free-and-long-enough-words-here", "task-aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "AKIA",
        "AKIAlowercase0000000000",
        "https://example.com/a:b@c", "https://user@example.com/", "eyJ.eyJ.x", "ghp_short",
        "-----BEGIN PUBLIC KEY-----",
        "@modelcontextprotocol/server-sequential-thinking@2025.7.1", "/home/ana/projects/shop-2024/src/index.js",
        "mcp-server-playwright==1.52.0", "the quick brown fox jumps over the lazy dog", "2026-07-28T10:00:00.000Z",
        "io.github.example/really-long-server-name-here",
    ])
    func leavesOrdinaryTextAlone(_ text: String) {
        #expect(Credentials.find(in: text, includingRandom: true).isEmpty)
    }

    @Test(arguments: [
        "b3f1c2a49d8e7f60b3f1c2a49d8e7f61", "Zk3vQ9xT2mLp8RfW5sYb7NcJ", "9f8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
        "q8w7e6r5t4y3u2i1o0p9a8s7d6f5g4h3",
    ])
    func findsWhatIsRandom(_ text: String) {
        #expect(Credentials.looksRandom(text))
        #expect(!Credentials.redact("key \(text) end").contains(text))
    }

    @Test(arguments: ["sk-a", "eyJ-", "://a:", "-----BEGIN ", "ghp_", "AKIA", "A1b2"])
    func workGrowsWithTheTextOnly(_ seed: String) {
        // A quadratic search would take 64 times as long.
        let growth = Growth.ratio(small: 50_000, large: 400_000, enough: 16) { count in
            let bytes = Array(String(repeating: seed, count: count / seed.utf8.count).utf8)
            _ = Credentials.find(in: bytes, includingRandom: true)
        }
        #expect(growth < 32)
    }

    @Test(arguments: [
        ("--api-key", true), ("GITHUB_TOKEN", true), ("clientSecret", true), ("X-Api-Key", true), ("password", true),
        ("DB_PASS", true), ("Authorization", true), ("accessToken", true), ("--port", false), ("monkey", false),
        ("compass", false), ("keyboard", false), ("author", false), ("path", false), ("LOG_LEVEL", false),
    ])
    func knowsNamesOfSecrets(_ name: String, _ isSecret: Bool) {
        #expect(SecretNames.suggestSecret(name) == isSecret)
    }

    @Test(arguments: [
        ("NODE_ENV", "production", true), ("PORT", "8080", true), ("X", "true", true), ("PASSWORD", "12345", false),
        ("X", "hunter2", false), ("DATABASE", "shop", false), ("PATH", "/usr/bin", true),
    ])
    func environmentIsSecretUnlessPlainlyHarmless(_ name: String, _ value: String, _ isHarmless: Bool) {
        #expect(SecretNames.isHarmless(name: name, value: value) == isHarmless)
    }

    @Test(arguments: [
        ("${API_KEY}", true), ("${input:token}", true), ("$API_KEY", true), ("%TOKEN%", true), ("", true),
        ("$ecretpw", false), ("your-api-key", false), ("${Zk3vQ9xT2mLp8RfW5sYb7NcJ}", false),
    ])
    func aReferenceIsNoSecret(_ value: String, _ isReference: Bool) {
        #expect(SecretNames.isReference(value) == isReference)
    }
}
