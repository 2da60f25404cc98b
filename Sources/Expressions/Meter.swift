/// The bill of one evaluation, and what standard functions need besides their arguments.
struct Meter {
    private var remaining: Int
    private let limit: Int
    private let zoneOffset: ZoneOffset?
    private var patterns: [String: Pattern] = [:]
    /// The place of the operation at work, for its errors.
    var offset = 0

    init(limit: Int, zoneOffset: ZoneOffset?) {
        remaining = limit
        self.limit = limit
        self.zoneOffset = zoneOffset
    }

    static let unlimited = Meter(limit: .max, zoneOffset: nil)

    var spent: Int { limit - remaining }

    mutating func charge(_ cost: Int) throws(EvaluationError) {
        guard cost <= remaining else {
            remaining = 0
            throw error(.costLimit, "the evaluation costs more than \(limit)")
        }
        remaining -= cost
    }

    mutating func charge(bytes: Int) throws(EvaluationError) {
        try charge(bytes >> 3)
    }

    /// Bills what reading a whole text costs, for keys and conversions.
    mutating func charge(text value: Value) throws(EvaluationError) {
        if case .string(let text) = value { try charge(bytes: text.utf8.count) }
    }

    func error(_ code: EvaluationError.Code, _ message: String) -> EvaluationError {
        EvaluationError(code, message, offset: offset)
    }

    func noOverload(_ name: String, _ arguments: [Value]) -> EvaluationError {
        error(
            .noSuchOverload,
            "`\(name)` does not take (\(arguments.map { $0.type.name }.joined(separator: ", ")))"
        )
    }

    /// Compiles a pattern once for an evaluation, so that a loop pays for it once.
    mutating func pattern(_ source: String) throws(EvaluationError) -> Pattern {
        if let pattern = patterns[source], pattern.source.hasSameCodePoints(as: source) { return pattern }
        try charge(bytes: source.utf8.count)
        let pattern: Pattern
        do {
            pattern = try Pattern(source)
        } catch {
            throw self.error(.invalidPattern, "`\(source.shortened)` is no pattern: \(error.reason)")
        }
        try charge(pattern.size)
        if patterns.count < 64 { patterns[source] = pattern }
        return pattern
    }

    /// Seconds east of UTC: a fixed offset such as `+02:00` or `-9:30`, `UTC`, or a name that the host knows.
    func offset(of zone: String, at seconds: Int64) throws(EvaluationError) -> Int {
        if zone.isEmpty || zone == "UTC" || zone == "Z" { return 0 }
        if let fixed = Self.fixedOffset(zone) { return fixed }
        if zone.utf8.count <= 64, let offset = zoneOffset?(zone, seconds), offset.magnitude < 2 * 86_400 {
            return offset
        }
        throw error(.unknownZone, "`\(zone.shortened)` is no known time zone")
    }

    private static func fixedOffset(_ zone: String) -> Int? {
        guard zone.utf8.count <= 6 else { return nil }
        var text = zone.utf8[...]
        var sign = 1
        if text.first == UInt8(ascii: "-") { sign = -1 }
        if text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") { text = text.dropFirst() }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2,
            parts.joined().allSatisfy(\.isDigit),
            let hours = Int(String(parts[0]) ?? ""), let minutes = Int(String(parts[1]) ?? ""), hours < 24, minutes < 60
        else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }
}

extension String {
    /// At most forty code points, for a message.
    var shortened: String {
        guard unicodeScalars.count > 40 else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.prefix(39))) + "…"
    }
}
