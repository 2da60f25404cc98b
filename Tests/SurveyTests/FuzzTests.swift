import Core
import Foundation
import Testing

@testable import Inspection
@testable import Survey

/// Whatever stands in a file, every reader of it comes back.
@Suite struct FuzzTests {
    private static let pieces = [
        "npx", "-y", "--token", "=", ":", "://", "@", "/", "?", "#", "&", ";", ",", "[", "]", "{", "}", "'", "\"", "\\",
        " ",
        "\t", "\n", "\u{301}", "\u{200D}", "é", "👨‍👩‍👧", "\u{E0041}", "docker", "run", "-e", "A=b", "uvx", "--from",
        "git+https",
        "env", "sh", "-c", "-----BEGIN PRIVATE KEY-----", "eyJ", "sk-", "ghp_", "$", "${", "%", "..", "//", "http",
        "https",
        "mcp-remote", "\u{0}", "~", "localhost", "0", "65536", "::1", "a", "node_modules", "python", "-m",
    ]

    private func text(_ random: inout Seeded) -> String {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in Self.pieces.randomElement(using: &random) ?? "" }
            .joined()
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func anyWordsAreRead(seed: UInt64) {
        var random = Seeded(state: seed)
        for _ in 0..<100 {
            let words = (0..<Int.random(in: 0...8, using: &random)).map { _ in text(&random) }
            var hiding = SecretHiding(digest: Samples.digest)
            let shown = hiding.command(words)
            #expect(shown.count == words.count)
            _ = CommandIdentity.of(shown)
            if let first = words.first, let key = CanonicalKey.url(first) { #expect(CanonicalKey.url(key) == key) }
            let joined = words.joined(separator: " ")
            _ = Credentials.redact(joined)
            _ = PoisonSignals.find(in: joined)
            let difference = DefinitionDifference(
                from: ["name": "x", "description": .string(joined)],
                to: ["name": "x", "description": .string(text(&random))]
            )
            #expect(difference.changes.count <= 1)
        }
    }

    /// Breaks the samples of all clients byte by byte.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func brokenSamplesAreRead(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let names = ["claude-code", "vscode", "zed", "codex", "goose", "continue", "opencode", "docker-mcp"]
        try Samples.withFolder { folder in
            for name in names {
                let home = folder.appending(path: name)
                try FileManager.default.copyItem(at: Samples.homes.appending(path: name), to: home)
                let files = FileManager.default.enumerator(at: home, includingPropertiesForKeys: nil)
                for case let file as URL in files ?? .init() where !file.hasDirectoryPath {
                    var data = [UInt8](try Data(contentsOf: file))
                    for _ in 0..<3 where !data.isEmpty {
                        let at = Int.random(in: 0..<data.count, using: &random)
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0: data[at] = UInt8.random(in: 0...255, using: &random)
                        case 1: data.remove(at: at)
                        case 2: data.insert(contentsOf: data[at...].prefix(20), at: at)
                        default: data = Array(data[..<at])
                        }
                    }
                    try Data(data).write(to: file)
                }
                let result = Samples.survey(home.path)
                #expect(result.sightings.count + result.gaps.count < 100)
            }
        }
    }
}
