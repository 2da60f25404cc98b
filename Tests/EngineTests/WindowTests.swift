import Core
import Engine
import Ledger
import Playbooks
import Testing

@Suite struct WindowTests {
    struct Row: CustomTestStringConvertible {
        var name: String
        var days: Set<Int> = [1, 2, 3, 4, 5, 6, 7]
        var from: (Int, Int)
        var to: (Int, Int)
        var zone = "Europe/Berlin"
        var freezes: [(String, String)] = []
        var at: String
        /// When it opens next; the same moment when it is open.
        var opens: String?
        var testDescription: String { name }
    }

    // Berlin: +01:00 in winter, +02:00 from 2026-03-29 02:00 to 2026-10-25 03:00.
    // New York: -05:00 in winter, -04:00 from 2026-03-08 02:00 to 2026-11-01 02:00.
    static let rows: [Row] = [
        Row(name: "open now", from: (9, 0), to: (16, 0), at: "2026-11-24T09:00:00Z", opens: "2026-11-24T09:00:00Z"),
        Row(
            name: "opens later today",
            from: (9, 0),
            to: (16, 0),
            at: "2026-11-24T05:00:00Z",
            opens: "2026-11-24T08:00:00Z"
        ),
        Row(
            name: "the end is outside",
            from: (9, 0),
            to: (16, 0),
            at: "2026-11-24T15:00:00Z",
            opens: "2026-11-25T08:00:00Z"
        ),
        Row(
            name: "over the weekend",
            days: [2, 3, 4],
            from: (9, 0),
            to: (16, 0),
            at: "2026-11-27T10:00:00Z",
            opens: "2026-12-01T08:00:00Z"
        ),
        Row(
            name: "summer time begins",
            days: [7],
            from: (9, 0),
            to: (16, 0),
            at: "2026-03-28T10:00:00Z",
            opens: "2026-03-29T07:00:00Z"
        ),
        Row(
            name: "summer time ends",
            days: [7],
            from: (9, 0),
            to: (16, 0),
            at: "2026-10-24T10:00:00Z",
            opens: "2026-10-25T08:00:00Z"
        ),
        Row(
            name: "the start is in the skipped hour",
            days: [7],
            from: (2, 30),
            to: (5, 0),
            at: "2026-03-28T23:00:00Z",
            opens: "2026-03-29T01:00:00Z"
        ),
        Row(
            name: "the start is in the repeated hour",
            days: [7],
            from: (2, 30),
            to: (5, 0),
            at: "2026-10-24T22:30:00Z",
            opens: "2026-10-25T00:30:00Z"
        ),
        Row(
            name: "the end is in the repeated hour",
            days: [7],
            from: (1, 0),
            to: (2, 30),
            at: "2026-10-25T01:15:00Z",
            opens: "2026-10-25T01:15:00Z"
        ),
        Row(
            name: "new york springs forward",
            days: [7],
            from: (2, 30),
            to: (4, 0),
            zone: "America/New_York",
            at: "2026-03-08T05:00:00Z",
            opens: "2026-03-08T07:00:00Z"
        ),
        Row(
            name: "new york falls back",
            days: [7],
            from: (9, 0),
            to: (10, 0),
            zone: "America/New_York",
            at: "2026-11-01T05:00:00Z",
            opens: "2026-11-01T14:00:00Z"
        ),
        Row(
            name: "over midnight, before it",
            days: [5],
            from: (22, 0),
            to: (4, 0),
            at: "2026-11-27T22:00:00Z",
            opens: "2026-11-27T22:00:00Z"
        ),
        Row(
            name: "over midnight, after it",
            days: [5],
            from: (22, 0),
            to: (4, 0),
            at: "2026-11-28T02:00:00Z",
            opens: "2026-11-28T02:00:00Z"
        ),
        Row(
            name: "over midnight, closed again",
            days: [5],
            from: (22, 0),
            to: (4, 0),
            at: "2026-11-28T03:00:00Z",
            opens: "2026-12-04T21:00:00Z"
        ),
        Row(
            name: "a freeze holds it shut",
            from: (9, 0),
            to: (16, 0),
            freezes: [("2026-12-18", "2027-01-05")],
            at: "2026-12-18T10:00:00Z",
            opens: "2027-01-06T08:00:00Z"
        ),
        Row(
            name: "a freeze ends within a window over midnight",
            from: (22, 0),
            to: (4, 0),
            freezes: [("2026-12-18", "2026-12-18")],
            at: "2026-12-18T22:30:00Z",
            opens: "2026-12-18T23:00:00Z"
        ),
        Row(
            name: "leap day",
            days: [2],
            from: (9, 0),
            to: (16, 0),
            zone: "UTC",
            at: "2028-02-28T20:00:00Z",
            opens: "2028-02-29T09:00:00Z"
        ),
        Row(
            name: "never",
            from: (9, 0),
            to: (16, 0),
            freezes: [("2026-01-01", "2036-01-01")],
            at: "2026-12-18T10:00:00Z",
            opens: nil
        ),
        Row(name: "no such zone", from: (9, 0), to: (16, 0), zone: "Mars/Base", at: "2026-12-18T10:00:00Z", opens: nil),
    ]

    @Test(arguments: rows)
    func opensNext(_ row: Row) throws {
        let calendar = Calendar(
            windows: [
                .init(
                    name: "w",
                    days: row.days,
                    startMinute: row.from.0 * 60 + row.from.1,
                    endMinute: row.to.0 * 60 + row.to.1,
                    zone: row.zone
                )
            ],
            freezes: try row.freezes.map {
                .init(from: try #require(CivilDate($0.0)), to: try #require(CivilDate($0.1)), reason: "year end")
            }
        )
        let at = try #require(Timestamp(rfc3339: row.at))
        #expect(calendar.nextOpening("w", from: at) == row.opens.flatMap { Timestamp(rfc3339: $0) })
        #expect(calendar.isOpen("w", at: at) == (row.opens == row.at))
    }

    @Test func aStepWaitsForItsWindow() async throws {
        let world = try World()
        let plan = EngineTests.plan("p", [step("a", uses("test.change")) { $0.window = "w" }]) {
            $0.calendar = Calendar(windows: [
                .init(name: "w", days: [2], startMinute: 540, endMinute: 600, zone: "Europe/Berlin")
            ])
        }
        let summary = try await world.run(plan)
        #expect(summary.waiting.map(\.waitsFor) == ["window w"])
        #expect(summary.nextDue == Timestamp(rfc3339: "2026-11-24T08:00:00Z"))
        // Whoever comes too late waits for the next one.
        world.clock.advance(by: .seconds(86_400 + 7200))
        #expect(try await world.engine().tick().map(\.nextDue) == [Timestamp(rfc3339: "2026-12-01T08:00:00Z")])
        world.clock.set(Timestamp(rfc3339: "2026-12-01T08:30:00Z") ?? world.clock.now())
        #expect(try await world.engine().tick().map(\.state) == [.succeeded])
    }
}
