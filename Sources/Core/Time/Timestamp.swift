/// A moment in UTC with a resolution of one microsecond.
///
/// Printed as RFC 3339 with milliseconds and `Z`; what is stored and compared is the count of microseconds since 1970.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(seconds: Int64) {
        microseconds = seconds.multipliedReportingOverflow(by: 1_000_000).partialValue
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds &+ duration.microseconds)
    }

    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds &- duration.microseconds)
    }

    package static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds &- earlier.microseconds)
    }

    /// Whole seconds since 1970, rounded down.
    package var epochSeconds: Int64 {
        microseconds / 1_000_000 - (microseconds % 1_000_000 < 0 ? 1 : 0)
    }

    package var description: String {
        let seconds = epochSeconds
        let millis = (microseconds % 1_000_000 + 1_000_000) % 1_000_000 / 1000
        let days = seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0)
        let rest = seconds - days * 86_400
        let date = CivilDate(daysSince1970: days)
        let time = "\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))"
        return "\(date)T\(time).\(padded(millis, 3))Z"
    }

    /// The times that RFC 3339 can write, in seconds: the years 0 to 9999 in UTC.
    private static let writable: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Reads RFC 3339 with any offset; leap seconds and impossible dates are refused, and what an offset takes out of the
    /// years that can be written again.
    package init?(rfc3339 text: String) {
        var scan = Digits(text)
        guard let year = scan.take(4), scan.skip("-"), let month = scan.take(2), scan.skip("-"), let day = scan.take(2),
            scan.skip("T") || scan.skip("t") || scan.skip(" "),
            let hour = scan.take(2), scan.skip(":"), let minute = scan.take(2), scan.skip(":"),
            let second = scan.take(2),
            let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if scan.skip(".") {
            guard let micros = scan.fraction() else { return nil }
            fraction = micros
        }
        var offset: Int64 = 0
        if !(scan.skip("Z") || scan.skip("z")) {
            let isWest = scan.skip("-")
            guard isWest || scan.skip("+"), let hours = scan.take(2), scan.skip(":"), let minutes = scan.take(2),
                hours < 24, minutes < 60
            else { return nil }
            offset = (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
        }
        guard scan.isAtEnd else { return nil }
        let seconds = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset
        guard Self.writable.contains(seconds) else { return nil }
        microseconds = seconds * 1_000_000 + fraction
    }
}

/// A day of the proleptic Gregorian calendar, without a zone.
package struct CivilDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let daysSince1970: Int64

    package init(daysSince1970: Int64) {
        self.daysSince1970 = daysSince1970
    }

    package init?(year: Int64, month: Int64, day: Int64) {
        guard (0...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        // Days from civil, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.init(daysSince1970: era * 146_097 + dayOfEra - 719_468)
        guard self.parts == (year, month, day) else { return nil }
    }

    /// Reads `YYYY-MM-DD`.
    package init?(_ text: String) {
        var scan = Digits(text)
        guard let year = scan.take(4), scan.skip("-"), let month = scan.take(2), scan.skip("-"), let day = scan.take(2),
            scan.isAtEnd
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    package var parts: (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex + (monthIndex < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthIndex + 2) / 5 + 1)
    }

    /// Monday is 1 and Sunday is 7, as in ISO 8601.
    package var weekday: Int { Int((daysSince1970 % 7 + 7 + 3) % 7) + 1 }

    package var description: String {
        let (year, month, day) = parts
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    package static func < (left: Self, right: Self) -> Bool { left.daysSince1970 < right.daysSince1970 }
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}

/// A cursor over ASCII digits and separators.
private struct Digits {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8.prefix(64))
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func take(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + count] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        position += count
        return value
    }

    /// Reads at least one digit of a fraction and returns microseconds; finer digits are dropped.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var digits = 0
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            if digits < 6 { value = value * 10 + Int64(bytes[position] - UInt8(ascii: "0")) }
            digits += 1
            position += 1
        }
        guard digits > 0 else { return nil }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }
}
