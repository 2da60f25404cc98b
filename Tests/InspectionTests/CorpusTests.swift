import Core
import Foundation
import Testing

@testable import Inspection

/// Published tool definitions, where they are at hand: `LOCKSTEP_SHARED` names the folder that holds `corpora/tools`.
enum Corpus {
    static let folder: URL = {
        let root = ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"].map { URL(filePath: $0) }
        let beside = URL(filePath: #filePath).appending(path: "../../../../shared").standardizedFileURL
        return (root ?? beside).appending(path: "corpora/tools")
    }()

    static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.appending(path: "README.md").path) }

    static func tools(_ name: String) throws -> [(server: String, tool: JSON.Value)] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", folder.appending(path: "\(name).ndjson.xz").path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try data.split(separator: 0x0A).flatMap { line -> [(server: String, tool: JSON.Value)] in
            let value = try JSON.parse(Array(line))
            return (value["tools"]?.array ?? []).map { (value["server"]?.string ?? "", $0) }
        }
    }
}

@Suite struct CorpusTests {
    /// How many tools have a signal of at least high severity; a signal below that is a remark.
    @Test(
        .enabled(if: Corpus.isPresent, "set LOCKSTEP_SHARED to the folder with corpora/tools to measure"),
        arguments: [
            ("benign-a", 0.0, 0.003), ("benign-hard", 0.0, 0.0), ("poisoned-published", 0.75, 1.0),
            ("poisoned-safetybench-a", 0.5, 1.0),
        ]
    )
    func flagsPoisonAndLeavesHonestToolsAlone(_ name: String, _ least: Double, _ most: Double) throws {
        let tools = try Corpus.tools(name)
        #expect(tools.count >= 8)
        var flagged = 0
        var codes: [String: Int] = [:]
        for (server, tool) in tools {
            let signals = PoisonSignals.find(in: tool).filter { $0.severity >= .high }
            if !signals.isEmpty { flagged += 1 }
            for signal in signals { codes[signal.code, default: 0] += 1 }
            if ProcessInfo.processInfo.environment["LOCKSTEP_SHOW"] == name {
                print(
                    "SHOW",
                    signals.isEmpty ? "-" : "+",
                    server,
                    tool["name"]?.string ?? "",
                    signals.map { "\($0.code) \($0.evidence)" }
                )
            }
        }
        let share = Double(flagged) / Double(tools.count)
        print(
            "\(name): \(flagged) of \(tools.count) tools flagged (\(codes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")))"
        )
        #expect(share >= least)
        #expect(share <= most)
    }

    @Test(.enabled(if: Corpus.isPresent, "set LOCKSTEP_SHARED to the folder with corpora/tools to measure"))
    func honestToolsHoldFewThingsThatLookLikeCredentials() throws {
        let tools = try Corpus.tools("benign-a")
        var known = 0
        var random = 0
        for (_, tool) in tools {
            let text = tool.description
            let matches = Credentials.find(in: text, includingRandom: true)
            if matches.contains(where: { $0.kind.name != "high-entropy" }) { known += 1 }
            if matches.contains(where: { $0.kind.name == "high-entropy" }) { random += 1 }
        }
        print("benign-a: known forms in \(known), random text in \(random) of \(tools.count) tools")
        #expect(known * 100 < tools.count)
        #expect(random * 20 < tools.count)
    }

    @Test(.enabled(if: Corpus.isPresent, "set LOCKSTEP_SHARED to the folder with corpora/tools to measure"))
    func equalDefinitionsHaveNoDifference() throws {
        for (_, tool) in try Corpus.tools("benign-a") {
            #expect(DefinitionDifference(from: tool, to: tool).isEmpty)
        }
    }
}
