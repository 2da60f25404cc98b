// The one file that may import all of Foundation: the zone database is not part of FoundationEssentials on Linux.
import Foundation

/// The IANA time zones of this machine.
package enum Zones {
    package static func exists(_ name: String) -> Bool {
        name.utf8.count <= 64 && (name.contains("/") || name == "UTC") && TimeZone(identifier: name) != nil
    }

    /// Seconds east of UTC in the named zone at a moment, or nothing if there is no such zone.
    package static func offset(_ name: String, at epochSeconds: Int64) -> Int? {
        guard exists(name), let zone = TimeZone(identifier: name) else { return nil }
        return zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(epochSeconds)))
    }
}
