import Core
import Foundation
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999Z", -1000),
        ("2000-02-29T12:00:00.5Z", 951_825_600_500_000),
        ("2026-11-23T01:02:03.123456+05:30", 1_795_375_923_123_456),
        ("2024-12-31t23:59:59-01:00", 1_735_693_199_000_000),
    ])
    func readsRFC3339(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zz",
        "2026-01-01T00:00:00+24:00", "２０26-01-01T00:00:00Z", "-026-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
    ])
    func refusesWhatIsNoMoment(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: UInt64(0)..<32)
    func agreesWithFoundation(_ seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        for _ in 0..<50 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let seconds = Int64(state >> 8) % 60_000_000_000 - 8_000_000_000
            let text = Timestamp(seconds: seconds).description
            let date = Date(timeIntervalSince1970: Double(seconds))
            #expect(text == Date.ISO8601FormatStyle(includingFractionalSeconds: true).format(date))
            #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds))
        }
    }

    @Test func theEndsOfTimeDoNotTrap() {
        for extreme in [Int64.min, .max, .min + 1, -1, 0] {
            #expect(!Timestamp(microseconds: extreme).description.isEmpty)
        }
    }

    @Test(arguments: [
        ("30m", 1800.0), ("24h", 86_400), ("14d", 1_209_600), ("250ms", 0.25), ("0s", 0),
    ])
    func readsPlaybookDurations(_ text: String, _ seconds: Double) {
        #expect(Duration(playbook: text) == .seconds(seconds))
    }

    @Test(arguments: ["", "5", "m", "-5m", "5 m", "1h30m", "9999999999d", "5M", "٣s"])
    func refusesOtherDurations(_ text: String) {
        #expect(Duration(playbook: text) == nil)
    }

    @Test(arguments: [
        ("P4W", 2_419_200), ("P400D", 34_560_000), ("P1DT12H", 129_600), ("PT30M", 1800), ("P0D", 0),
    ])
    func readsOffsets(_ text: String, _ seconds: Int) {
        #expect(Duration(iso8601: text) == .seconds(seconds))
    }

    @Test(arguments: ["", "P", "PT", "P1M", "P1Y", "4W", "P1H", "PT1D", "P1D4W", "P1.5D", "P-1D", "P1DT"])
    func refusesOffsetsWithoutAFixedLength(_ text: String) {
        #expect(Duration(iso8601: text) == nil)
    }

    @Test func weekdaysAreThoseOfTheCalendar() {
        #expect(CivilDate("1970-01-01")?.weekday == 4)
        #expect(CivilDate("2026-11-23")?.weekday == 1)
        #expect(CivilDate("1969-12-28")?.weekday == 7)
    }

    @Test func knowsTheZonesOfThisMachine() {
        #expect(Zones.offset("Europe/Berlin", at: 1_782_864_000) == 7200)
        #expect(Zones.offset("Europe/Berlin", at: 1_798_761_600) == 3600)
        #expect(!Zones.exists("Mars/Olympus"))
        #expect(!Zones.exists("../../etc/passwd"))
    }

    @Test func idsSortByTime() {
        var random = SystemRandomNumberGenerator()
        let ids = (0..<50).map { RunID.make(at: Timestamp(seconds: Int64($0) * 1000), using: &random) }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == 50)
    }
}

@Suite struct DiagnosticTests {
    @Test(arguments: [
        ("stpes", "steps"), ("timout", "timeout"), ("STEPS", "steps"), ("uses", nil), ("x", nil), ("completely", nil),
    ])
    func suggestsOnlyWhatIsNear(_ word: String, _ expected: String?) {
        #expect(nearest(to: word, in: ["steps", "timeout", "uses", "with"]) == expected)
    }

    @Test func pointsAtTheSourceAndHidesControlCharacters() {
        let diagnostic = Diagnostic(
            code: "playbook.unknown-key",
            message: "unknown key `stpes`",
            at: Place(file: "a.yaml", line: 2, column: 3, length: 5),
            help: "did you mean `steps`?"
        )
        let text = diagnostic.rendered(source: SourceText("id: a\n  stpes:\u{1B}[2J\n"))
        #expect(
            text == """
                a.yaml:2:3: error: unknown key `stpes` [playbook.unknown-key]
                  2 |   stpes: [2J
                    |   ^^^^^
                  help: did you mean `steps`?
                """
        )
    }

    @Test func aSecretHasNoDescription() {
        let secret = Redacted("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] { #expect(!text.contains("hunter2")) }
        #expect(secret.revealed == "hunter2")
    }

    @Test func digestsReadBackWhatTheyPrint() {
        let digest = Digest.sha256(Array("abc".utf8))
        // FIPS 180-4, example of the standard.
        #expect(digest.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest(digest.description) == digest)
        #expect(Digest(digest.hex) == nil)
        #expect(Digest("sha256:ABC") == nil)
    }
}
