import Actions
import Core
import Foundation
import Identity
import Testing
import Wire

/// Secrets that a session shows and sends, from files to calls.
@Suite struct SentSecretsTests {
    @Test(arguments: [false, true])
    func aCodeThatWasShownIsOneWhereverTheSessionSendsIt(_ isTwoFiles: Bool) throws {
        let files = try RecordedFiles()
        let lines = [
            recordedLine("s", 0, ["result": ["text": "Your one-time code is 482913."]]),
            recordedLine("s", 1, ["arguments": ["code": "482913"]]),
            recordedLine("other", 0, ["arguments": ["code": "482913"]]),
        ]
        let places = try (isTwoFiles ? [lines[0], lines[1] + lines[2]] : [lines.joined()]).enumerated().map {
            try files.file("\($0).ndjson", $1)
        }
        var read: [CallRecord] = []
        _ = try RecordingFiles.read(places) { read.append($0) }
        let key = WorkspaceKey.ephemeral()
        var recording = RecordingImport(secretDigest: { KeyedDigest(of: $0, key: key).description })
        var imported: [CallRecord] = []
        for place in places { try recording.add(place) { imported.append($0) } }
        for calls in [read, imported] {
            let token = try #require(calls[1].arguments["code"]?.string)
            #expect(token.hasPrefix("hmac-sha256:") && calls[0].result?.text == "Your one-time code is \(token).")
            #expect(calls[1].originals == [token: "482913"])
            #expect(calls[2].arguments == ["code": "482913"])
            // What it was is in memory alone.
            #expect(!String(decoding: NativeWriter.line(calls[1]), as: UTF8.self).contains("482913"))
        }
    }

    /// A text that calls an account a password does not hide where money goes.
    @Test(arguments: ["DE89370400440532013000", "/srv/b4ckups/x", "2026-11-03", "eve@mail1.example"])
    func whatNamesAPartyOrAPlaceIsNoSecretElsewhere(_ value: String) throws {
        let files = try RecordedFiles()
        let lines = [
            recordedLine(
                "s",
                0,
                ["result": ["text": .string("Use password: \(value) now"), "structured": ["otp": .string(value)]]]
            ),
            recordedLine("s", 1, ["arguments": ["to": .string(value)]]),
        ]
        var read: [CallRecord] = []
        _ = try RecordingFiles.read([files.file("x.ndjson", lines.joined())]) { read.append($0) }
        #expect(read.map(\.arguments) == [[:], ["to": .string(value)]])
        #expect(read[0].result?.structured?["otp"]?.string?.hasPrefix("hmac-sha256:") == true)
    }
}
