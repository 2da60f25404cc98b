import Core
import Testing

@testable import Traffic

@Suite struct CalendarDaysTests {
    @Test(arguments: [
        ("on 2026-01-05 at nine", "2026-01-05"),
        ("on January 5th", "2026-01-05"),
        ("on January 5th", "2031-01-05T09:00:00Z"),
        ("the 5th of January 2026", "2026-01-05 09:00"),
        ("from the 1st to the 5th of May 2024", "2024-05-01"),
        ("from the 1st to the 5th of May 2024", "2024-05-05"),
        ("5/1/2026", "2026-01-05"),
        ("5/1/2026", "2026-05-01"),
        ("am 5.1.2026", "2026-01-05"),
        ("am 5. März", "2026-03-05"),
        ("le 5 août", "2026-08-05"),
        ("5/1/26", "2026-01-05"),
    ])
    func aTextNamesADayInMoreThanOneNotation(text: String, date: String) throws {
        #expect(CalendarDays(in: text).names(try #require(CalendarDay(date: date))))
    }

    @Test(arguments: [
        ("on January 5th 2026", "2025-01-05"),
        ("on January 5th", "2026-01-06"),
        ("version 3.5 of 2-3 parts", "2026-03-05"),
        ("version 3.5 of 2-3 parts", "2026-02-03"),
        ("5 of them may come", "2026-05-06"),
        ("January was cold and wet and dark and long, 5 of us left", "2026-01-05"),
        ("40 may 99", "2026-05-09"),
        ("9999999999999999999999-01-05", "2026-01-05"),
        ("", "2026-01-05"),
        ("13/13/2026", "2026-01-13"),
    ])
    func aDayThatATextDoesNotNameIsNotFound(text: String, date: String) throws {
        #expect(!CalendarDays(in: text).names(try #require(CalendarDay(date: date))))
    }

    @Test(arguments: ["2026-01", "2026-13-05", "2026-01-00", "tomorrow", "2026-01-055"])
    func whatNamesNoDayIsNone(text: String) {
        #expect(CalendarDay(date: text) == nil)
    }

    @Test func anHourOfDigitsAndMonthsStaysLinear() {
        // A window around each month, not every month with every day.
        let text = String(repeating: "may 5 ", count: 50_000)
        #expect(CalendarDays(in: text).names(CalendarDay(month: 5, day: 5)!))
    }
}
