/// A moment between the years 1 and 9999 in nanoseconds, as RFC 3339 writes it.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// 0 to 999,999,999, counted forward also before 1970.
    package let nanoseconds: Int32

    private static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// Makes a moment; `nil` outside the years 1 to 9999.
    package init?(seconds: Int64, nanoseconds: Int32 = 0) {
        guard Self.range.contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    func adding(_ duration: Int64) -> Timestamp? {
        var seconds = seconds + duration / 1_000_000_000
        var nanoseconds = Int64(nanoseconds) + duration % 1_000_000_000
        if nanoseconds < 0 {
            nanoseconds += 1_000_000_000
            seconds -= 1
        } else if nanoseconds >= 1_000_000_000 {
            nanoseconds -= 1_000_000_000
            seconds += 1
        }
        return Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
    }

    /// The difference in nanoseconds; `nil` where it is longer than a duration can be (about 292 years).
    func nanoseconds(since other: Timestamp) -> Int64? {
        let (product, hasOverflowed) = (seconds - other.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !hasOverflowed else { return nil }
        let (sum, hasSumOverflowed) = product.addingReportingOverflow(Int64(nanoseconds) - Int64(other.nanoseconds))
        return hasSumOverflowed ? nil : sum
    }
}

/// A day of the proleptic Gregorian calendar with a time of day.
///
/// The conversions between days and dates are Howard Hinnant's (`chrono`-Compatible Low-Level Date Algorithms).
struct CivilDate {
    let year: Int
    let month: Int
    let day: Int
    let secondOfDay: Int
    let daysSinceEpoch: Int

    init(seconds: Int64) {
        let days = Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
        daysSinceEpoch = days
        secondOfDay = Int(seconds) - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// 0 for the first of January.
    var dayOfYear: Int { daysSinceEpoch - Self.days(year: year, month: 1, day: 1) }

    /// 0 for Sunday.
    var dayOfWeek: Int { ((daysSinceEpoch + 4) % 7 + 7) % 7 }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with as many digits of a second as are needed.
    package var description: String {
        let date = CivilDate(seconds: seconds)
        let time = date.secondOfDay
        return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))"
            + "T\((time / 3600).padded(2)):\((time / 60 % 60).padded(2)):\((time % 60).padded(2))"
            + fraction(UInt64(nanoseconds)) + "Z"
    }

    /// Reads RFC 3339 strictly: upper or lower case `T` and `Z`, an offset or `Z`, at most nine digits of a second kept.
    package init?(_ text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T") || reader.skip("t"), let hour = reader.number(2),
            reader.skip(":"), let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            (1...12).contains(month), day >= 1, day <= CivilDate.length(ofMonth: month, year: year), hour < 24,
            minute < 60, second < 60
        else { return nil }
        var nanoseconds = 0
        if reader.skip(".") {
            guard let read = reader.fraction() else { return nil }
            nanoseconds = read
        }
        var offset = 0
        if !(reader.skip("Z") || reader.skip("z")) {
            let isWest = reader.skip("-")
            guard isWest || reader.skip("+"), let hours = reader.number(2), reader.skip(":"),
                let minutes = reader.number(2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (isWest ? -60 : 60)
        }
        guard reader.isAtEnd else { return nil }
        let days = CivilDate.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(seconds: Int64(seconds), nanoseconds: Int32(nanoseconds))
    }
}

/// The digits of a second after the point, without trailing zeros; empty for a whole second.
private func fraction(_ nanoseconds: UInt64) -> String {
    guard nanoseconds > 0 else { return "" }
    var digits = Array(Int(nanoseconds).padded(9).utf8)
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return "." + String(decoding: digits, as: UTF8.self)
}

extension Int {
    func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}

private struct DigitReader {
    private var text: Substring.UTF8View

    init(_ text: String) { self.text = text[...].utf8 }

    var isAtEnd: Bool { text.isEmpty }

    mutating func skip(_ symbol: Unicode.Scalar) -> Bool {
        guard let first = text.first, UInt32(first) == symbol.value else { return false }
        text.removeFirst()
        return true
    }

    mutating func number(_ count: Int) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard let digit = text.first, digit.isDigit else { return nil }
            value = value * 10 + Int(digit - 0x30)
            text.removeFirst()
        }
        return value
    }

    mutating func fraction() -> Int? {
        var value = 0
        var count = 0
        while let digit = text.first, digit.isDigit {
            if count < 9 { value = value * 10 + Int(digit - 0x30) }
            count += 1
            text.removeFirst()
        }
        guard count > 0 else { return nil }
        for _ in min(count, 9)..<9 { value *= 10 }
        return value
    }
}

/// A duration in the notation of the language: `1h45m47.5s`, `-250ms`.
enum DurationNotation {
    // `m` begins `ms` too: the longer one stands first.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]

    /// Nanoseconds; `nil` for another notation or beyond about 292 years.
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual("0".utf8) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = part(&rest, isNegative: isNegative) else { return nil }
            let (sum, hasOverflowed) = total.addingReportingOverflow(part)
            guard !hasOverflowed else { return nil }
            total = sum
        }
        return total
    }

    private static func part(_ rest: inout Substring.UTF8View, isNegative: Bool) -> Int64? {
        let whole = rest.prefix(while: \.isDigit)
        rest = rest.dropFirst(whole.count)
        var decimals = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            decimals = rest.prefix(while: \.isDigit)
            rest = rest.dropFirst(decimals.count)
        }
        guard !whole.isEmpty || !decimals.isEmpty,
            let unit = units.first(where: { rest.starts(with: $0.name.utf8) })
        else { return nil }
        rest = rest.dropFirst(unit.name.utf8.count)
        var value: Int64 = 0
        if !whole.isEmpty {
            guard let number = Int64(String(whole) ?? "") else { return nil }
            let (product, hasOverflowed) = (isNegative ? -number : number).multipliedReportingOverflow(
                by: unit.nanoseconds
            )
            guard !hasOverflowed else { return nil }
            value = product
        }
        var scale = unit.nanoseconds
        for digit in decimals {
            scale /= 10
            guard scale > 0 else { break }
            let (sum, hasOverflowed) = value.addingReportingOverflow(
                Int64(digit - 0x30) * (isNegative ? -scale : scale)
            )
            guard !hasOverflowed else { return nil }
            value = sum
        }
        return value
    }

    /// Seconds with as many decimals as are needed: `6347s`, `-0.25s`.
    static func text(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        return (nanoseconds < 0 ? "-" : "") + String(magnitude / 1_000_000_000)
            + fraction(magnitude % 1_000_000_000) + "s"
    }
}

extension StandardFunction {
    /// The parts of a moment, in UTC or a zone, and of a duration.
    func read(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        if case .duration(let nanoseconds)? = arguments.first, arguments.count == 1 {
            switch self {
            case .getHours: return .int(nanoseconds / 3_600_000_000_000)
            case .getMinutes: return .int(nanoseconds / 60_000_000_000)
            case .getSeconds: return .int(nanoseconds / 1_000_000_000)
            case .getMilliseconds: return .int(nanoseconds / 1_000_000 % 1_000)
            default: throw meter.noOverload(rawValue, arguments)
            }
        }
        guard case .timestamp(let timestamp)? = arguments.first, arguments.count <= 2 else {
            throw meter.noOverload(rawValue, arguments)
        }
        var offset = 0
        if arguments.count == 2 {
            guard case .string(let zone) = arguments[1] else { throw meter.noOverload(rawValue, arguments) }
            offset = try meter.offset(of: zone, at: timestamp.seconds)
        }
        let date = CivilDate(seconds: timestamp.seconds + Int64(offset))
        switch self {
        case .getDate: return .int(Int64(date.day))
        case .getDayOfMonth: return .int(Int64(date.day - 1))
        case .getDayOfWeek: return .int(Int64(date.dayOfWeek))
        case .getDayOfYear: return .int(Int64(date.dayOfYear))
        case .getFullYear: return .int(Int64(date.year))
        case .getMonth: return .int(Int64(date.month - 1))
        case .getHours: return .int(Int64(date.secondOfDay / 3600))
        case .getMinutes: return .int(Int64(date.secondOfDay / 60 % 60))
        case .getSeconds: return .int(Int64(date.secondOfDay % 60))
        default: return .int(Int64(timestamp.nanoseconds / 1_000_000))
        }
    }
}
