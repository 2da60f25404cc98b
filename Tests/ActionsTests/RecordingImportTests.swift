import Actions
import Core
import Foundation
import Identity
import Testing
import Traffic
import Wire

/// Files of a test, in a folder of their own.
final class RecordedFiles {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("recorded-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let place = folder.appendingPathComponent(name)
        try Data(bytes).write(to: place)
        return place.path
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, text.utf8) }
}

/// A line of the native form; what is given is added to it or replaces what it has.
func recordedLine(_ session: String, _ sequence: Int64, _ more: JSON.Object = [:]) -> String {
    var object: JSON.Object = [
        "schema": "lockstep.call/1", "time": "2026-03-02T09:00:01Z", "session": .string(session),
        "sequence": .integer(sequence), "principal": ["id": "clerk", "kind": "declared"], "server": "books",
        "tool": "pay", "arguments": [:], "outcome": "ok",
    ]
    for (name, value) in more { object[name] = value }
    return String(decoding: JSON.canonical(.object(object)), as: UTF8.self) + "\n"
}

private func importer(_ results: ResultStorage = .full) -> RecordingImport {
    let key = WorkspaceKey.ephemeral()
    var recording = RecordingImport(secretDigest: { KeyedDigest(of: $0, key: key).description })
    recording.results = results
    return recording
}

@Suite struct RecordingImportTests {
    /// A file that claims where its values came from; what its results show is all that counts.
    @Test(arguments: [
        (ResultStorage.full, false, [:] as [String: [String]]), (.provenance, false, [:]),
        (.provenance, true, ["/iban": ["field:books/list#/iban", "text:books/list"]]),
        (.digests, true, ["/iban": ["field:books/list#/iban", "text:books/list"]]),
    ])
    func claimsOfAFileAreNotBelieved(_ storage: ResultStorage, _ isShown: Bool, _ expected: [String: [String]]) throws {
        let files = try RecordedFiles()
        let iban: JSON.Value = "DE89370400440532013000"
        let lines = [
            recordedLine("s", 0, ["tool": "list", "result": ["structured": isShown ? ["iban": iban] : ["n": 1]]]),
            recordedLine(
                "s",
                1,
                [
                    "arguments": ["iban": iban], "provenance": ["/iban": ["prompt"]],
                    "result": ["text": "ok", "digest": "00000000000000aa"],
                ]
            ),
        ]
        var recording = importer(storage)
        var calls: [CallRecord] = []
        try recording.add(files.file("claims.ndjson", lines.joined())) { calls.append($0) }
        let words = calls.last?.provenance.mapValues { $0.filter { !$0.hasPrefix("reading:") } } ?? [:]
        #expect(words.filter { !$0.value.isEmpty } == expected)
        #expect(calls.last?.result?.digest != 0xAA)
        let summary = try #require(recording.summaries.first)
        #expect(summary.notices["provenance.disbelieved"] == 1 && summary.provenance.count == 1)
    }

    @Test func twoColumnsOfOneNameAreRefusedWithTheirPlaces() throws {
        let files = try RecordedFiles()
        let file = try files.file("dup.csv", "tool,time,arg_a,arg_a\nx/pay,2026-01-01T00:00:00Z,1,2\n")
        var recording = importer()
        var calls = 0
        let failure = #expect(throws: RecordingImport.Failure.self) {
            try recording.add(file, format: "csv") { _ in calls += 1 }
        }
        #expect(calls == 0 && failure?.words.code == "import.repeated-column")
        #expect(failure?.words.message.contains("columns 3 and 4") == true)
    }

    @Test func secretsInTheNamesOfThingsAreReplaced() throws {
        let files = try RecordedFiles()
        let token = "xoxb-123456789012-abcdefghijkl"
        let more: JSON.Object = [
            "id": .string(token), "client": ["name": "c", "version": .string(token)],
            "peer": ["address": "user:Sup3rS3cret@10.0.0.1"],
            "source": ["importer": "native", "file": "https://bob:Sup3rS3cret@host.example/x"],
        ]
        var recording = importer()
        var calls: [CallRecord] = []
        try recording.add(files.file("names.ndjson", recordedLine("s", 0, more))) { calls.append($0) }
        let written = String(decoding: NativeWriter.line(try #require(calls.first)), as: UTF8.self)
        #expect(!written.contains("xoxb-") && !written.contains("Sup3rS3cret"))
        #expect(written.contains("\"address\":\"user:hmac-sha256:"))
    }

    /// Whatever a stranger's file says itself, its secrets are read as an import would have written them.
    @Test(
        arguments: [
            ["arguments": ["password": "hunter2"]], ["arguments": ["pin": 4711]],
            ["arguments": ["list": ["a", ["x": "use sk-ant-0123456789abcdef01"]]]],
            ["arguments": ["ghp_16C7e42F292c6912E7710c838347Ae178B4a": 1]],
            ["result": ["text": "your code is 482913", "structured": ["otp": "482913", "n": 7]]],
            ["task": ["id": "sk-ant-0123456789abcdef01", "text": "log in, password: hunter2"]],
            ["id": "xoxb-123456789012-abcdefghijkl"], ["session": "xoxb-123456789012-abcdefghijkl"],
            ["principal": ["id": "xoxb-123456789012-abcdefghijkl"]], ["server": "xoxb-123456789012-abcdefghijkl"],
            ["tool": "xoxb-123456789012-abcdefghijkl"], ["delegation": ["xoxb-123456789012-abcdefghijkl"]],
            ["definition": "xoxb-123456789012-abcdefghijkl"], ["peer": ["address": "user:Sup3rS3cret@10.0.0.1"]],
            ["client": ["name": "xoxb-123456789012-abcdefghijkl", "version": "sk-ant-0123456789abcdef01"]],
            ["source": ["importer": "native", "file": "https://bob:Sup3rS3cret@host.example/x"]],
        ] as [JSON.Object]
    )
    func aRawSecretIsReadAsAnImportWouldWriteIt(_ members: JSON.Object) throws {
        let files = try RecordedFiles()
        let again = ["arguments": ["code": "482913", "n": 7, "x": ["sk-ant-0123456789abcdef01"]]] as JSON.Object
        let place = try files.file(
            "raw.ndjson",
            recordedLine("s", 0) + recordedLine("s", 1, members) + recordedLine("s", 2, again)
        )
        let tokens = { @Sendable (secret: String) in "hmac-sha256:00000000:" + Digest.sha256(secret.utf8).hex.prefix(32)
        }
        var recording = RecordingImport(secretDigest: tokens)
        var imported: [CallRecord] = []
        try recording.add(place) { imported.append($0) }
        var secrets = RawSecrets(digest: tokens)
        var read: [CallRecord] = []
        for record in NativeReader.read(Array(try Data(contentsOf: URL(filePath: place)))).records {
            var record = record
            _ = record.withdrawClaims()
            secrets.replace(in: &record)
            record.source = imported[read.count].source
            read.append(record)
        }
        #expect(read.map(NativeWriter.line) == imported.map(NativeWriter.line))
        #expect(String(decoding: NativeWriter.line(read[1]), as: UTF8.self).contains("hmac-sha256:"))
    }

    /// What has no line end might have no end.
    @Test func whatNeverEndsALineIsRefused() throws {
        let files = try RecordedFiles()
        let place = try files.file("zeros", recordedLine("s", 0))
        #expect(unsafe truncate(place, 257 << 20) == 0)
        var calls = 0
        let failure = #expect(throws: RecordingFiles.Failure.self) {
            _ = try RecordingFiles.read([place]) { _ in calls += 1 }
        }
        #expect(failure?.fault == .endlessLine && calls == 1)
    }

    @Test func claimsOfAFileThatIsReadAreNotBelievedEither() throws {
        let files = try RecordedFiles()
        let line = recordedLine("s", 0, ["arguments": ["a": "x"], "provenance": ["/a": ["prompt"]]])
        let file = try files.file("claims.ndjson", line)
        var calls: [CallRecord] = []
        let count = try RecordingFiles.read([file]) { calls.append($0) }
        #expect(calls.count == 1 && calls[0].provenance.isEmpty)
        #expect(count.notes.count == 1 && count.notes[0].contains("believed of the workspace's own recordings alone"))
    }

    /// Whoever writes a file can write that a task was signed and a caller proved.
    @Test(arguments: CallRecord.PrincipalKind.allCases)
    func aFileProvesNeitherItsTasksNorItsCallers(_ kind: CallRecord.PrincipalKind) throws {
        let files = try RecordedFiles()
        let more: JSON.Object = [
            "principal": ["id": "p", "kind": .string(kind.rawValue)],
            "task": ["id": "t", "assurance": "signed"],
        ]
        let file = try files.file("claims.ndjson", recordedLine("s", 0, more))
        let isClaim = kind != .declared && kind != .unknown
        let expected = isClaim ? CallRecord.PrincipalKind.declared : kind
        var calls: [CallRecord] = []
        let count = try RecordingFiles.read([file]) { calls.append($0) }
        #expect(count.notes.count == (isClaim ? 2 : 1))
        var recording = importer()
        try recording.add(file) { calls.append($0) }
        #expect(calls.map(\.principal.kind) == [expected, expected])
        #expect(calls.map { $0.task?.assurance } == [.declared, .declared])
        let summary = try #require(recording.summaries.first)
        #expect(summary.unproven.count == (isClaim ? 2 : 1) && summary.provenance.isEmpty)
        #expect(summary.notices["task.disbelieved"] == 1)
    }

    @Test func aLogOfAnotherGatewayProvesNoCallerHere() throws {
        let files = try RecordedFiles()
        let line =
            #"{"type":"mcp_tool_call","logged_at":"2026-03-01T10:00:00Z","outcome":"success","subjects":{"user":"ana"},"#
            + #""target":{"name":"t"},"data":{"request":{"a":1},"response":{"b":1}}}"#
        var recording = importer()
        var calls: [CallRecord] = []
        try recording.add(files.file("log.json", line), format: "toolhive") { calls.append($0) }
        #expect(calls.map(\.principal) == [CallRecord.Principal(id: "ana", kind: .declared)])
        #expect(recording.summaries.first?.notices["principal.disbelieved"] == 1)
    }

    @Test(
        arguments: [
            ["arguments": ["password": "swordfish"]], ["arguments": ["note": "the api_key=swordfish of today"]],
            ["result": ["text": "password: swordfish"]], ["result": ["text": #"{"client_secret":"swordfish"}"#]],
            ["result": ["structured": ["token": ["value": "Authorization: Bearer swordfish"]]]],
            ["task": ["text": "change the password to swordfish1", "id": "Bearer swordfish12345678"]],
        ] as [JSON.Object]
    )
    func noSecretStaysReadable(_ more: JSON.Object) throws {
        let files = try RecordedFiles()
        let file = try files.file("secret.ndjson", recordedLine("s", 0, more))
        var recording = importer()
        var text = ""
        try recording.add(file) { text += String(decoding: NativeWriter.line($0), as: UTF8.self) }
        #expect(text.contains("hmac-sha256:") && !text.contains("swordfish"))
        #expect(recording.summaries.first?.notices["secret.tokenised"] ?? 0 > 0)
        // A second import of what came out changes nothing.
        let again = try files.file("again.ndjson", text)
        var second = importer()
        var same = ""
        try second.add(again) { same += String(decoding: NativeWriter.line($0), as: UTF8.self) }
        #expect(same == text)
    }

    @Test func aSecretHasOneTokenWhereverItStands() throws {
        let files = try RecordedFiles()
        let more: JSON.Object = [
            "arguments": ["password": "swordfish1"], "task": ["text": "change my password to swordfish1."],
            "result": ["text": "new password: swordfish1"],
        ]
        var recording = importer()
        var calls: [CallRecord] = []
        try recording.add(files.file("one.ndjson", recordedLine("s", 0, more))) { calls.append($0) }
        let token = try #require(calls.first?.arguments["password"]?.string)
        #expect(calls.first?.task?.text == "change my password to \(token).")
        #expect(calls.first?.result?.text == "new password: \(token)")
    }

    @Test(
        arguments: [
            ("native", "auto", nil, recordedLine("s", 0) + recordedLine("s", 1) + "broken\n", 2, 1),
            ("native", "auto", nil, "", 0, 0), ("native", "auto", nil, "\n \n", 0, 0),
            ("fields", "csv", nil, "tool,time,principal\npay,2026-03-02T09:00:01Z,clerk\nshort\n", 1, 1),
            ("fields", "auto", "tool=what,time=at", "what,at\npay,2026-03-02T09:00:01Z\n", 1, 0),
            ("fields", "auto", "tool=what,time=at", #"{"what":"pay","at":"2026-03-02T09:00:01Z"}"# + "\n", 1, 0),
            ("fields", "fields", nil, #"{"tool":"pay","time":"10000-01-01T00:00:00Z"}"# + "\n", 0, 1),
            ("native", "auto", nil, recordedLine("s", 0, ["time": "9999-12-31T23:59:59-01:00"]), 0, 1),
        ] as [(String, String, String?, String, Int, Int)]
    )
    func everyFormatEndsWithItsCounts(
        _ format: String,
        _ from: String,
        _ map: String?,
        _ text: String,
        _ calls: Int,
        _ quarantined: Int
    ) throws {
        let files = try RecordedFiles()
        var recording = importer()
        recording.fieldMap = try map.map { try FieldMap(declarations: [$0]) }
        var count = 0
        try recording.add(files.file("in", text), format: from) { _ in count += 1 }
        let summary = try #require(recording.summaries.first)
        #expect(summary.format == format && summary.calls == calls && count == calls)
        #expect(summary.quarantinedTotal == quarantined && summary.examples.count == quarantined)
        #expect(summary.gaps.isEmpty == false)
    }

    @Test(
        arguments: [
            ([0x28, 0xB5, 0x2F, 0xFD, 0], "import.compressed"), (Array("a poem\n".utf8), "import.unknown-format"),
            ([0x1F, 0x8B, 8, 0, 0], "input.gzip-truncated"), ([0x1F, 0x8B, 7, 0, 0], "input.gzip-header"),
        ] as [([UInt8], String)]
    )
    func whatCannotBeReadIsRefusedWithACode(_ bytes: [UInt8], _ code: String) throws {
        let files = try RecordedFiles()
        let file = try files.file("in", bytes)
        var recording = importer()
        let failure = #expect(throws: RecordingImport.Failure.self) { try recording.add(file) { _ in } }
        #expect(failure?.words.code == code)
    }

    @Test(
        arguments: [
            ("session", "`session` is missing"), ("arguments", "`arguments` is missing"),
            ("server", "`server` is missing"), ("principal", "`principal` is missing"),
        ]
    )
    func theMemberThatIsMissingIsNamed(_ member: String, _ detail: String) throws {
        let files = try RecordedFiles()
        var recording = importer()
        try recording.add(files.file("in", recordedLine("s", 0, [member: .null]))) { _ in }
        let example = try #require(recording.summaries.first?.examples.first)
        #expect(example.reason == "recording.missing-member" && example.detail == detail)
        #expect(recording.summaries.first?.json["examples"]?[0]?["detail"] == .string(detail))
    }

    @Test(arguments: [
        (276, 276, 0, "276 calls of 9 sessions read, 276 imported, 0 lines quarantined"),
        (276, 0, 276, "276 calls of 9 sessions read, 0 imported, 276 were there already, 0 lines quarantined"),
        (2, 1, 1, "2 calls of 9 sessions read, 1 imported, 1 was there already, 0 lines quarantined"),
    ])
    func aStepSaysWhatWasThereAlready(_ calls: Int, _ added: Int, _ known: Int, _ words: String) {
        let summary = ImportTraffic.summary(calls: calls, added: added, known: known, sessions: 9, quarantined: 0)
        #expect(summary == words)
    }

    @Test func theExampleOfTheNativeFormIsOne() throws {
        let record = try NativeReader.read(line: Array(NativeReader.example.utf8).span)
        #expect(record.task?.text != nil && record.result?.text != nil)
    }

    @Test func anUnknownTableNamesTheMap() throws {
        let files = try RecordedFiles()
        var recording = importer()
        let file = try files.file("in.csv", "at,who,action\n2026-03-02T09:00:01Z,ann,pay\n")
        let failure = #expect(throws: RecordingImport.Failure.self) { try recording.add(file) { _ in } }
        #expect(failure?.words.help?.contains("--map tool=") == true)
    }

    /// The table and the map that README shows.
    @Test func theDocumentedMapReadsItsTableWhole() throws {
        let files = try RecordedFiles()
        let text = """
            at,who,run,system,action,arg_vendor,arg_amount,answer,ok,goal,note
            2026-11-02T09:00:00Z,clerk,r1,books,pay,acme,120,paid,true,pay what acme is owed,checked
            """
        var recording = importer()
        recording.fieldMap = try FieldMap(declarations: [
            "time=at,principal=who,session=run,server=system,tool=action",
            "argument-prefix=arg_,result=answer,outcome=ok,task-text=goal",
        ])
        var calls: [CallRecord] = []
        try recording.add(files.file("calls.csv", text + "\n")) { calls.append($0) }
        let call = try #require(calls.first)
        #expect(call.session == "r1" && call.principal.id == "clerk" && call.tool == "pay")
        #expect(call.server.hasSuffix("books") && call.result?.text == "paid" && call.outcome == .ok)
        #expect(call.arguments == ["vendor": "acme", "amount": "120"])
        #expect(call.task?.text == "pay what acme is owed" && call.task?.id == nil)
        #expect(recording.summaries.first?.unread == ["note"])
    }

    @Test(arguments: ["task", "task_text", "task-text", "task.text"])
    func theTextOfATaskNamesNoSession(_ column: String) throws {
        let files = try RecordedFiles()
        let text = "tool,time,\(column)\npay,2026-03-02T09:00:01Z,pay the rent\n"
        var recording = importer()
        var calls: [CallRecord] = []
        try recording.add(files.file("calls.csv", text), format: "csv") { calls.append($0) }
        let call = try #require(calls.first)
        #expect(call.task == CallRecord.Task(id: nil, text: "pay the rent"))
        #expect(!call.session.contains("rent"))
        #expect(recording.summaries.first?.unread == [])
    }

    @Test func sessionsOfForeignFilesGoOn() throws {
        let files = try RecordedFiles()
        let text = "tool,time,session\na,2026-03-02T09:00:01Z,s\nb,2026-03-02T09:00:02Z,s\n"
        var recording = importer()
        var numbers: [Int64] = []
        for name in ["one.csv", "two.csv"] {
            try recording.add(files.file(name, text), format: "csv") { numbers.append($0.sequence) }
        }
        #expect(numbers == numbers.sorted() && Set(numbers).count == 4)
    }
}
