import Core
import Testing

@testable import Wire

/// A line is written without the value that it stands for, and says the same.
@Suite struct RecordLineTests {
    private static func record() -> CallRecord {
        CallRecord(
            time: Timestamp(microseconds: 1_700_000_000_123_456),
            session: "s \"1\"\n\u{E9}",
            sequence: 7,
            principal: CallRecord.Principal(id: "agent", kind: .jwt),
            server: "files",
            tool: "read",
            arguments: ["path": "/a", "b": [1, 2.5, .null], "a": ["x": true]]
        )
    }

    private static func changed(_ change: (inout CallRecord) -> Void) -> CallRecord {
        var record = record()
        change(&record)
        return record
    }

    private static let records: [CallRecord] = [
        record(),
        changed { $0.id = "1" },
        changed { $0.delegation = ["user:a", "b"] },
        changed { $0.clientName = "c" },
        changed { $0.clientVersion = "1" },
        changed {
            $0.clientName = "c"
            $0.clientVersion = "2"
        },
        changed { $0.peerAddress = "127.0.0.1" },
        changed { $0.definition = "sha256:00" },
        changed { $0.argumentsAreKnown = false },
        changed { $0.provenance = ["/path": ["prompt"], "/b": []] },
        changed { $0.provenanceIsPartial = true },
        changed {
            $0.result = CallRecord.Result(
                text: "t\u{1}\u{1F600}",
                structured: ["rows": [1]],
                isError: true,
                bytes: 3,
                items: 2
            )
        },
        changed { $0.result = CallRecord.Result(text: nil, structured: nil, isError: false, bytes: nil, items: nil) },
        changed {
            $0.result = CallRecord.Result(text: nil, structured: nil, isError: false, bytes: nil, items: nil)
            $0.result?.digest = 0xAB
        },
        changed { $0.task = CallRecord.Task(id: "t", text: "do it", assurance: .signed) },
        changed { $0.task = CallRecord.Task(id: nil, text: nil, assurance: .declared) },
        changed { $0.duration = .microseconds(1_234_567) },
        changed { $0.duration = .zero },
        changed { $0.source = CallRecord.Source(importer: "har", file: nil, line: nil) },
        changed { $0.source = CallRecord.Source(importer: "har", file: "a", line: 3) },
        changed { $0.outcome = .denied },
    ]

    @Test(arguments: records.indices)
    func `a line is the canonical text of its record`(_ index: Int) {
        let record = Self.records[index]
        #expect(NativeWriter.line(record) == JSON.canonical(NativeWriter.value(record)) + [0x0A])
    }
}
