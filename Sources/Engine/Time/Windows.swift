package import Core
package import Playbooks

extension Calendar {
    /// Whether the named window is open at a moment; a window that does not exist is never open.
    package func isOpen(_ name: String, at time: Timestamp) -> Bool {
        nextOpening(name, from: time) == time
    }

    /// The first moment, from `time` on, at which the named window is open and no freeze holds.
    ///
    /// Nothing when there is none within two years. Local times that a change of the clocks skips begin where the clocks
    /// go on; of a local hour that happens twice, a window that starts in it takes the first and one that ends in it
    /// the second.
    package func nextOpening(_ name: String, from time: Timestamp) -> Timestamp? {
        guard let window = windows.first(where: { $0.name == name }),
            let today = localDay(of: time.epochSeconds, in: window.zone)
        else { return nil }
        // A window over midnight may have begun yesterday.
        for day in (today - 1)...(today + 732) {
            guard window.days.contains(CivilDate(daysSince1970: day).weekday) else { continue }
            let lasts = window.endMinute <= window.startMinute ? window.endMinute + 1440 : window.endMinute
            guard let start = instant(day: day, minute: window.startMinute, in: window.zone, takesLater: false),
                let end = instant(day: day, minute: lasts, in: window.zone, takesLater: true)
            else { return nil }
            var candidate = max(time.microseconds, start * 1_000_000)
            while candidate < end * 1_000_000 {
                let moment = Timestamp(microseconds: candidate)
                guard let local = localDay(of: moment.epochSeconds, in: window.zone) else { return nil }
                guard let freeze = freeze(on: local) else { return moment }
                guard
                    let thaw = instant(
                        day: freeze.to.daysSince1970 + 1,
                        minute: 0,
                        in: window.zone,
                        takesLater: false
                    )
                else { return nil }
                candidate = max(candidate + 1, thaw * 1_000_000)
            }
        }
        return nil
    }

    /// The freeze that holds a window shut at a moment.
    package func freeze(_ name: String, at time: Timestamp) -> Freeze? {
        let zone = windows.first { $0.name == name }?.zone ?? "UTC"
        return localDay(of: time.epochSeconds, in: zone).flatMap(freeze(on:))
    }

    private func freeze(on day: Int64) -> Freeze? {
        freezes.first { $0.from.daysSince1970 <= day && day <= $0.to.daysSince1970 }
    }

    private func localDay(of seconds: Int64, in zone: String) -> Int64? {
        guard let offset = Zones.offset(zone, at: seconds) else { return nil }
        let local = seconds + Int64(offset)
        return local >= 0 ? local / 86_400 : -((-local + 86_399) / 86_400)
    }

    /// The moment at which clocks of a zone show a local time.
    private func instant(day: Int64, minute: Int, in zone: String, takesLater: Bool) -> Int64? {
        let local = day * 86_400 + Int64(minute) * 60
        // No zone is further than a day from UTC, and clocks change at most once within two days.
        guard let before = Zones.offset(zone, at: local - 86_400), let after = Zones.offset(zone, at: local + 86_400)
        else { return nil }
        let candidates = Set([before, after]).map { local - Int64($0) }.filter { candidate in
            Zones.offset(zone, at: candidate).map { candidate + Int64($0) == local } ?? false
        }
        if let found = takesLater ? candidates.max() : candidates.min() { return found }
        // The local time does not exist: with the offset from before the gap it lands the gap's length after it.
        return firstMoment(after: local - Int64(max(before, after)), in: zone, offset: before) ?? local - Int64(before)
    }

    /// When the offset of a zone changes from `offset`, within the day after a moment.
    private func firstMoment(after moment: Int64, in zone: String, offset: Int) -> Int64? {
        var low = moment - 86_400
        var high = moment + 86_400
        guard Zones.offset(zone, at: low) == offset, Zones.offset(zone, at: high) != offset else { return nil }
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if Zones.offset(zone, at: middle) == offset { low = middle } else { high = middle }
        }
        return high
    }
}
