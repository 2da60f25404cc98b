import Core
import Testing

@testable import Traffic

@Suite struct CalendarDaysTests {
    private func names(
        _ text: String,
        _ date: String,
        on today: String = "2026-01-04"
    ) throws -> Bool {
        CalendarDays(in: text).names(
            try #require(CalendarMoment(date: date)),
            on: try #require(CivilDate(today))
        )
    }

    @Test(arguments: [
        ("on 2026-01-05 at nine", "2026-01-05"),
        ("on 2026-01-05T10:00", "2026-01-05"),
        ("on January 5th", "2026-01-05"),
        ("on January 5th", "2026-01-05T09:00:00Z"),
        ("on January 5th", "2026-01-05t09:00:00z"),
        ("the 5th of January 2026", "2026-01-05 09:00"),
        ("from the 1st to the 5th of May 2024", "2024-05-01"),
        ("from the 1st to the 5th of May 2024", "2024-05-05"),
        ("from May 1st to May 5th 2031", "2031-05-01"),
        ("January 11th-15th, 2025", "2025-01-11"),
        ("May 1, 2 and 5", "2026-05-02"),
        ("May 1-5, 2024", "2024-05-05"),
        ("1–5 May 2024", "2024-05-01"),
        ("2024 May 5", "2024-05-05"),
        ("on may 5 at 10", "2026-05-05"),
        ("Dinner May 5", "2026-05-05"),
        ("on May 5 create an event", "2026-05-05"),
        ("5/1/2026", "2026-01-05"),
        ("5/1/2026", "2026-05-01"),
        ("a lunch event on 5/1 with Sarah", "2026-05-01"),
        ("from 4/1-4/5", "2026-04-05"),
        ("am 5.1.2026", "2026-01-05"),
        ("am 5. März", "2026-03-05"),
        ("le 5 août", "2026-08-05"),
        ("el 5 de mayo de 2024", "2024-05-05"),
        ("5/1/26", "2026-01-05"),
        ("Jan. 5, 2026", "2026-01-05"),
        ("on February 29th", "2028-02-29"),
        ("I do not know, on May 5", "2026-05-05"),
        ("not before May 5", "2026-05-05"),
        ("not on May 5 but on May 6", "2026-05-06"),
        ("the version of 2026-05-05", "2026-05-05"),
    ])
    func aTextNamesADayInMoreThanOneNotation(text: String, date: String) throws {
        #expect(try names(text, date))
    }

    @Test(arguments: [
        ("on January 5th 2026", "2025-01-05"),
        ("on January 5th", "2026-01-06"),
        ("on 3 May 2024", "2031-05-03"),
        ("from May 1st to May 5th 2024", "2026-05-01"),
        ("version 3.5 of 2-3 parts", "2026-03-05"),
        ("version 3.5 of 2-3 parts", "2026-02-03"),
        ("install version 1.2.2024", "2024-02-01"),
        ("install v1.2.2024", "2024-02-01"),
        ("version 2026.3.3", "2026-03-03"),
        ("the release 2026.3.3 is out", "2026-03-03"),
        ("protocol version: 2026-03-03", "2026-03-03"),
        ("not on March 3", "2026-03-03"),
        ("not on Tuesday, the 3rd of March", "2026-03-03"),
        ("never on March 3", "2026-03-03"),
        ("any day except March 3 and 4", "2026-03-04"),
        ("nicht am 3. März", "2026-03-03"),
        ("see part 1.2.24", "2024-02-01"),
        ("5 of them may come", "2026-05-05"),
        ("5 of them may come", "2026-05-06"),
        ("5 may come", "2026-05-05"),
        ("May 5 people come?", "2026-05-05"),
        ("we march on 5 roads", "2026-03-05"),
        ("It serves 3 people in May for 20 dollars at 10, may I ask for 2 chairs", "2026-05-20"),
        ("It serves 3 people in May for 20 dollars at 10, may I ask for 2 chairs", "2026-05-03"),
        ("It serves 3 people in May for 20 dollars at 10, may I ask for 2 chairs", "2026-05-02"),
        ("the 4/5 rated place", "2026-04-05"),
        ("take 1/2 of it", "2026-02-01"),
        ("add 1/2 cup", "2026-01-02"),
        ("set it to 3/4 of the size", "2026-03-04"),
        ("pay $5 May refund", "2026-05-05"),
        ("a 5% May sale", "2026-05-05"),
        ("January was cold and wet and dark and long, 5 of us left", "2026-01-05"),
        ("40 may 99", "2026-05-09"),
        ("9999999999999999999999-01-05", "2026-01-05"),
        ("call 555-01-05", "2026-01-05"),
        ("", "2026-01-05"),
        ("13/13/2026", "2026-01-13"),
    ])
    func aDayThatATextDoesNotNameIsNotFound(text: String, date: String) throws {
        #expect(try !names(text, date))
    }

    @Test(
        arguments: [
            ("2026-01-05", "2026-01-04", true),
            ("2026-01-05", "2026-01-06", true),
            ("2026-01-05", "2026-12-04", true),
            ("2026-01-05", "2025-12-30", true),
            ("2026-01-05", "2025-01-06", true),
            ("2026-01-05", "2025-01-01", false),
            ("2027-01-05", "2026-01-04", false),
            ("2024-01-05", "2026-01-04", true),
            ("2023-01-05", "2026-01-04", true),
            ("2022-01-05", "2026-01-04", false),
            ("1999-01-05", "2026-01-04", false),
            ("0000-01-05", "2026-01-04", false),
            ("9999-01-05", "2026-01-04", false),
        ]
    )
    func aDayWithoutAYearIsTheNextOrOneOfTheLastYears(date: String, today: String, isNamed: Bool) throws {
        #expect(try names("on January 5th", date, on: today) == isNamed)
        #expect(try names("by 5/1", date, on: today) == isNamed)
    }

    @Test(arguments: [
        ("on May 5 at 12:00", "2026-05-05 12:00", true),
        ("on May 5 at 12:00", "2026-05-05T12:00", true),
        ("on May 5 at 12:00", "2026-05-05 13:00", true),
        ("on May 5 at 12:00", "2026-05-05 12:30", true),
        ("on May 5 at 12:00", "2026-05-05 03:00", false),
        ("on May 5 at 12:00", "2026-05-05 00:00", true),
        ("on May 5 at 12:00", "2026-05-05 23:59", true),
        ("on May 5 at 12:00 for two hours", "2026-05-05 14:00", true),
        ("on May 5 at 12:00, a 90-minute call", "2026-05-05 13:30", true),
        ("on May 5 at 12:00 for 1 hour 45 minutes", "2026-05-05 13:45", true),
        ("on May 5 at 12:00 for an hour and a half", "2026-05-05 13:30", true),
        ("remind me 2 hours before 12:00 on May 5", "2026-05-05 10:00", true),
        ("on May 5 at 7pm", "2026-05-05 19:00", true),
        ("on May 5 at 7 p.m.", "2026-05-05 19:00", true),
        ("on May 5 at 7pm", "2026-05-05 07:00", false),
        ("on May 5 at 7:30", "2026-05-05 19:30", true),
        ("on May 5, 10:00-11:30", "2026-05-05 11:30", true),
        ("on May 5 from 10 to 12:15", "2026-05-05 10:00", true),
        ("on 2026-05-05T10:00", "2026-05-05 15:00", false),
        ("le 5 mai à 19h30", "2026-05-05 19:30", true),
        ("le 5 mai à 19h", "2026-05-05 09:00", false),
        ("am 5. Mai um 19 Uhr", "2026-05-05 19:00", true),
        ("at noon on May 5", "2026-05-05 12:00", true),
        ("at noon on May 5", "2026-05-05 17:00", false),
        // No time is named: a price is none.
        ("on May 5", "2026-05-05 17:00", true),
        ("a table on May 5 for 20 dollars", "2026-05-05 17:00", true),
    ])
    func aTimeOfDayIsOneThatTheTextNamesOrLeavesOpen(text: String, date: String, isNamed: Bool) throws {
        #expect(try names(text, date) == isNamed)
    }

    @Test(arguments: [
        "2026-01", "2026-13-05", "2026-01-00", "tomorrow", "2026-01-055", "2026-02-30", "2026-02-29",
        "2024-05-01 99:99",
        "2024-05-01 24:00", "2024-05-01\n2024-12-24", "2024-5-1", "5/1", "20240501", "２０２４-05-01 12:00",
    ])
    func whatNamesNoDayIsNone(text: String) {
        #expect(CalendarMoment(date: text) == nil)
    }

    @Test(arguments: ["2026-02-30", "2026-13", "2024-05-01 99:99", "2024-05-01T12:60"])
    func whatTheCalendarDoesNotHaveIsNotOfClassDate(text: String) {
        #expect(CanonicalValue(text: text).valueClass != .date)
    }

    @Test func anHourOfDigitsAndMonthsStaysLinear() throws {
        #expect(try names(String(repeating: "on May 5 ", count: 10_000), "2026-05-05"))
        #expect(try !names(String(repeating: "1, ", count: 20_000) + "may", "2026-06-05"))
        #expect(try !names("may " + String(repeating: "1, ", count: 20_000), "2026-06-05"))
        #expect(try !names(String(repeating: "may 1, 2, ", count: 10_000), "2026-06-05"))
    }
}
