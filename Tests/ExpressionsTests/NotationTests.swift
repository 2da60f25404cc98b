import Testing

@testable import Expressions

@Suite struct NotationTests {
    /// The forms of Go's `%g`, `%.3f` and `%.3e`.
    @Test(
        arguments: [
            (0.0, "0", "0.000", "0.000e+00"), (-0.0, "-0", "-0.000", "-0.000e+00"), (1, "1", "1.000", "1.000e+00"),
            (100_000, "100000", "100000.000", "1.000e+05"), (1_000_000, "1e+06", "1000000.000", "1.000e+06"),
            (123_456_789, "1.23456789e+08", "123456789.000", "1.235e+08"), (0.0001, "0.0001", "0.000", "1.000e-04"),
            (0.00001, "1e-05", "0.000", "1.000e-05"), (1.2345, "1.2345", "1.234", "1.234e+00"),
            (9.9996, "9.9996", "10.000", "1.000e+01"), (0.9996, "0.9996", "1.000", "9.996e-01"),
            (0x1p-1074, "5e-324", "0.000", "4.941e-324"), (0.0005, "0.0005", "0.001", "5.000e-04"),
            (-2.5, "-2.5", "-2.500", "-2.500e+00"), (1.5e300, "1.5e+300", nil, "1.500e+300"),
        ] as [(Double, String, String?, String)]
    )
    func writesDoublesAsGoDoes(_ value: Double, _ shortest: String, _ fixed: String?, _ scientific: String) {
        #expect(DoubleNotation.shortest(value) == shortest)
        if let fixed { #expect(DoubleNotation.fixed(value, decimals: 3) == fixed) }
        #expect(DoubleNotation.scientific(value, decimals: 3) == scientific)
    }

    @Test(arguments: [1 as UInt64, 2, 3])
    func shortestReadsBack(_ seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        for _ in 0..<500 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            #expect(Double(DoubleNotation.shortest(value)) == value)
            #expect(Double(DoubleNotation.plain(value)) == value)
            #expect(Double(DoubleNotation.scientific(value, decimals: 17)) == value)
        }
    }

    @Test(arguments: [
        ("0", 0 as Int64), ("1s", 1_000_000_000), ("-1.5h", -5_400_000_000_000), ("1h45m47s", 6_347_000_000_000),
        ("1.000000001s", 1_000_000_001), ("250ms", 250_000_000), ("1µs", 1_000), ("1us", 1_000), ("+3ns", 3),
        (".5s", 500_000_000), ("1.s", 1_000_000_000), ("-9223372036.854775808s", .min), ("0.1ns", 0),
    ])
    func readsDurations(_ text: String, _ nanoseconds: Int64) {
        #expect(DurationNotation.nanoseconds(text) == nanoseconds)
    }

    @Test(arguments: ["", "-", "1", "s", ".s", "1x", "1 s", "1s ", "--1s", "1e3s", "9223372037s", "１s", "1h-1m"])
    func refusesOtherDurations(_ text: String) {
        #expect(DurationNotation.nanoseconds(text) == nil)
    }

    @Test(arguments: [
        (0 as Int64, "0s"), (1, "0.000000001s"), (-1_500_000_000, "-1.5s"), (.min, "-9223372036.854775808s"),
    ])
    func writesDurations(_ nanoseconds: Int64, _ text: String) {
        #expect(DurationNotation.text(nanoseconds) == text)
    }

    @Test(arguments: [
        "null", "true", "-1", "1u", "1.0", "1e+06", "-0.0", "\"a\\\"b\\\\c\\n\"", "b\"\\x00a\\xff\"",
        "[1, [\"x\"], {}]",
        "{\"a\": 1, 2u: true}", "timestamp(\"2024-02-29T12:00:00.5Z\")", "duration(\"-1.5s\")", "optional.none()",
        "optional.of([optional.of(1)])", "ip(\"::1\")", "cidr(\"10.0.0.0/8\")", "double(\"NaN\")",
        "google.protobuf.Timestamp",
        "double(\"-Infinity\")", "\"\\U0000202e\"",
    ])
    func writesValuesAsExpressions(_ source: String) throws {
        #expect(try Expression.parse(source).evaluate().description == source)
    }

    @Test(arguments: [
        "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2024-02-29T12:00:00.5Z",
        "1969-12-31T23:59:59.000000001Z", "1900-03-01T00:00:00Z",
    ])
    func writesTimestampsAsItReadsThem(_ text: String) throws {
        #expect(try #require(Timestamp(text)).description == text)
    }

    @Test(arguments: [
        "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z",
        "2023-01-00T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T00:60:00Z", "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00", "2023-01-01 00:00:00Z", "2023-1-1T00:00:00Z", "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+0100", "2023-01-01T00:00:00+24:00", "2023-01-01T00:00:00Zx", "", "0000-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00", "２023-01-01T00:00:00Z", "+2023-01-01T00:00:00Z",
    ])
    func refusesOtherTimestamps(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func knowsEveryDayOfFourCenturies() throws {
        var date = (year: 1_900, month: 1, day: 1)
        var days = CivilDate.days(year: 1_900, month: 1, day: 1)
        while date.year < 2_301 {
            let found = CivilDate(seconds: Int64(days) * 86_400 + 86_399)
            #expect((found.year, found.month, found.day) == (date.year, date.month, date.day))
            days += 1
            date.day += 1
            if date.day > CivilDate.length(ofMonth: date.month, year: date.year) {
                date = date.month == 12 ? (date.year + 1, 1, 1) : (date.year, date.month + 1, 1)
            }
        }
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:c0a8:1", "192.168.0.1"), ("0:0:0:1::", "0:0:0:1::"),
        ("255.255.255.255", "255.255.255.255"),
    ])
    func writesAddressesCanonically(_ text: String, _ canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
    }

    @Test(arguments: [
        "", ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::",
        "g::", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.-4", "+1.2.3.4", " 1.2.3.4", "::1.2.3.4",
        "fe80::1%eth0",
    ])
    func refusesOtherAddresses(_ text: String) {
        #expect(IPAddress(text) == nil)
        #expect(IPNetwork(text + "/8") == nil)
    }

    @Test(arguments: [
        "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/", "::/129", "/8",
    ])
    func refusesOtherNetworks(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
