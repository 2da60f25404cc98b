import Core
import Foundation
import Testing
import Traffic
import Wire

private let good =
    #"{"schema":"lockstep.call/1","time":"2026-01-05T09:00:03.120Z","session":"s","sequence":2,"principal":{"id":"a"},"server":"i","tool":"t","arguments":{"x":1}}"#

private func changed(_ old: String, _ new: String) -> String { good.replacing(old, with: new) }

@Test(arguments: [
    (#"{"schema":"lockstep.call/1""#, NativeReader.Refusal.Code.json), ("[]", .schema), ("17", .schema),
    ("{}", .schema),
    (changed("call/1", "call/2"), .schema), (changed(#""session":"s","#, ""), .missingMember),
    (changed(#""session":"s""#, #""session":7"#), .wrongType),
    (changed(#""sequence":2"#, #""sequence":2.5"#), .badValue),
    (changed(#""sequence":2"#, #""sequence":NaN"#), .json), (changed(#""x":1"#, #""x":1,"x":2"#), .json),
    (changed(#""x":1"#, #""x":"\ud800""#), .json), (changed(#"{"x":1}"#, "[]"), .wrongType),
    (changed(#"{"x":1}"#, String(repeating: "[", count: 1000)), .json),
    (changed("2026-01-05", "2026-13-05"), .badValue),
    (changed(#"{"id":"a"}"#, #"{"id":"a","kind":"root"}"#), .badValue), (changed(#"{"id":"a"}"#, #""a""#), .wrongType),
    (changed(#""x":1"#, #""x":1e999"#), .json), (changed(#""tool":"t""#, #""tool":null"#), .missingMember),
    (changed(#""tool":"t""#, #""tool":"t","result":{"text":5}"#), .wrongType),
    (changed(#""tool":"t""#, #""tool":"""#), .badValue), (changed(#""tool":"t""#, #""tool":"\n""#), .badValue),
    (changed(#""tool":"t""#, #""tool":" \u0085\u2028""#), .badValue),
    (changed(#""server":"i""#, #""server":"\u200b""#), .badValue),
    (changed(#""session":"s""#, #""session":"""#), .badValue),
    (changed(#"{"id":"a"}"#, #"{"id":"\u0000\t"}"#), .badValue),
])
func aBadLineIsSetAsideWithItsReason(_ line: String, _ code: NativeReader.Refusal.Code) {
    let (records, quarantined) = NativeReader.read(Array("\(good)\n\(line)\n\n\(good)".utf8))
    #expect(records.count == 2)
    #expect(quarantined.map(\.line) == [2])
    #expect(quarantined.first?.refusal.code == code)
}

@Test func whatARecordSaysIsReadAndWrittenAgain() throws {
    let line = #"""
        {"arguments":{"a":[1,"x"]},"client":{"name":"c","version":"2"},"definition":"sha256:00","delegation":["d"],"duration_ms":12.5,"id":"i","outcome":"timeout","peer":{"address":"10.2.0.7"},"principal":{"id":"p","kind":"spiffe"},"provenance":{"/a":["prompt"]},"result":{"bytes":4,"isError":true,"items":1,"structured":{"k":null},"text":"t"},"schema":"lockstep.call/1","sequence":2,"server":"s","session":"q","source":{"file":"f","importer":"otlp","line":3},"task":{"assurance":"signed","id":"r","text":"w"},"time":"2026-01-05T09:00:03.120Z","tool":"t"}
        """#
    let (records, quarantined) = NativeReader.read(Array(line.utf8))
    #expect(quarantined.isEmpty)
    let record = try #require(records.first)
    #expect(String(decoding: NativeWriter.line(record), as: UTF8.self) == line + "\n")
}

@Test(arguments: [1, 2, 7, 64, 4096])
func howBytesArriveMakesNoDifference(_ size: Int) {
    let bytes = Array("\(good)\r\nbroken\n\(good)\n\(String(repeating: "x", count: 900))\n\(good)".utf8)
    var reader = NativeReader(maxLineBytes: 800)
    var lines: [String] = []
    func take(_ line: Int, _ result: Result<CallRecord, NativeReader.Refusal>) {
        switch result {
        case .success: lines.append("\(line) ok")
        case .failure(let refusal): lines.append("\(line) \(refusal.code.rawValue)")
        }
    }
    for start in stride(from: 0, to: bytes.count, by: size) {
        reader.feed(Array(bytes[start..<min(bytes.count, start + size)]).span, take)
    }
    reader.finish(take)
    #expect(lines == ["1 ok", "2 json", "3 ok", "4 line-too-long", "5 ok"])
}

private let shared = ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"] ?? "../shared"
private let corpora = [
    "agentdojo/banking", "agentdojo/slack", "agentdojo/travel", "agentdojo/workspace", "agentdyn/dailylife",
    "benign/tau-airline",
]

/// An unoptimised build reads some megabytes a second, and the corpora are hundreds.
private let isWhole = ProcessInfo.processInfo.environment["LOCKSTEP_WHOLE_CORPORA"] != nil
private let sampleBytes = 6 << 20

@Test(
    .enabled(
        if: FileManager.default.fileExists(atPath: shared + "/corpora"),
        "the corpora are not here: set LOCKSTEP_SHARED to their folder's parent"
    ),
    .timeLimit(.minutes(10)),
    arguments: corpora
)
func everyLineOfTheCorporaIsARecord(_ stem: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/xz")
    process.arguments = ["-dc", "\(shared)/corpora/\(stem).calls.ndjson.xz"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    var reader = NativeReader()
    var counts = (records: 0, refused: 0, bytes: 0)
    func take(_ line: Int, _ result: Result<CallRecord, NativeReader.Refusal>) {
        if case .success = result { counts.records += 1 } else { counts.refused += 1 }
    }
    while isWhole || counts.bytes < sampleBytes,
        let piece = try pipe.fileHandleForReading.read(upToCount: 1 << 18), !piece.isEmpty
    {
        counts.bytes += piece.count
        reader.feed(Array(piece).span, take)
    }
    // The line at hand is whole only where the corpus was read to its end.
    if isWhole || counts.bytes < sampleBytes { reader.finish(take) }
    process.terminate()
    process.waitUntilExit()
    #expect(counts.records > 1000)
    #expect(counts.refused == 0)
}
