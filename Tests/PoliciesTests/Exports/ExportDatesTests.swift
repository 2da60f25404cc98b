import Testing
import Traffic

@testable import Policies

/// An engine and a decision agree on what a date is.
@Suite struct ExportDatesTests {
    @Test(arguments: ["0000", "1900", "1999", "2000", "2023", "2024", "2100"])
    func everyDayOfAYear(year: String) throws {
        let pattern = try Regex(TextTest.date.pattern)
        for month in 0...13 {
            for day in 0...32 {
                let text = "\(year)-\(Self.two(month))-\(Self.two(day))"
                let isDate = CanonicalValue(text: text).valueClass == .date
                #expect((text.wholeMatch(of: pattern) != nil) == isDate, "\(text)")
            }
        }
    }

    @Test(arguments: [
        "2026-01", "2026-00", "2026-13", "2026-01-05T10:00", "2026-01-05 23:59:60", "2026-01-05T24:00",
        "2026-01-05T10:60", "2026-01-05T10:00:00.5Z", "2026-01-05T10:00+23:59", "2026-01-05T10:00+2400",
        "2026-01-05T10:00-0530", "2026-01-05T",
    ])
    func timesAndMonths(text: String) throws {
        let pattern = try Regex(TextTest.date.pattern)
        #expect((text.wholeMatch(of: pattern) != nil) == (CanonicalValue(text: text).valueClass == .date))
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
