package import Core

/// Hours of a day, on some days of the week, in a zone.
package struct TimeWindow: Sendable, Hashable {
    /// An IANA name.
    package var zone: String
    /// Monday is 1 and Sunday is 7, as in ISO 8601.
    package var days: Set<Int>
    /// Minutes after local midnight, the first that belongs to the window.
    package var start: Int
    /// The first minute that no longer belongs to it; not after `start` means the next day.
    package var end: Int

    package init(zone: String, days: Set<Int>, start: Int, end: Int) {
        self.zone = zone
        self.days = days
        self.start = start
        self.end = end
    }

    /// Whether a moment lies in the window; nil where the zone is unknown.
    package func contains(_ time: Timestamp) -> Bool? {
        guard let offset = Zones.offset(zone, at: time.epochSeconds) else { return nil }
        let local = time.epochSeconds + Int64(offset)
        let day = local >= 0 ? local / 86_400 : -((-local + 86_399) / 86_400)
        let minute = Int((local - day * 86_400) / 60)
        let weekday = CivilDate(daysSince1970: day).weekday
        if start < end { return days.contains(weekday) && start <= minute && minute < end }
        // What goes over midnight belongs to the day on which it began.
        let before = weekday == 1 ? 7 : weekday - 1
        return (minute >= start && days.contains(weekday)) || (minute < end && days.contains(before))
    }
}
