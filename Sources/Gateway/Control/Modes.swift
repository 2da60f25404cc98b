package import Core
import Synchronization

/// In which mode a gateway works, where people have said something else than its document.
///
/// Break-glass stands above both for a few hours: it decides and lets pass, as in shadow, ends by itself, and is shown
/// until somebody has looked at it. Who is denied by a kill stays denied in every mode.
package final class Modes: Sendable {
    package typealias Mode = GatewayConfiguration.Mode

    package struct Order: Sendable, Hashable {
        package let mode: Mode
        package let by: String
        package let reason: String
        package let at: Timestamp
    }

    package struct BreakGlass: Sendable, Hashable {
        package let by: String
        package let reason: String
        package let at: Timestamp
        package var until: Timestamp
        /// Who has looked at it since.
        package var reviewed: String?
    }

    package struct State: Sendable, Hashable {
        package var order: Order?
        package var breakGlass: BreakGlass?

        package init() {}
    }

    package static let longest: Duration = .seconds(4 * 3600)

    private struct Held {
        var state: State
        /// Ends break-glass also where the wall clock was put back.
        var deadline: ContinuousClock.Instant?
    }

    private let held: Mutex<Held>
    private let store: (any ModeStore)?
    private let clock = ContinuousClock()

    /// - Throws: what the store says; a gateway that does not know its mode does not begin.
    package init(store: (any ModeStore)? = nil, now: Timestamp = Timestamp(microseconds: 0)) throws {
        self.store = store
        held = Mutex(Self.held(try store?.load() ?? State(), now, clock.now))
    }

    private static func held(_ state: State, _ now: Timestamp, _ instant: ContinuousClock.Instant) -> Held {
        var held = Held(state: state)
        if let until = state.breakGlass?.until, until > now {
            held.deadline = instant + min(until - now, Self.longest)
        }
        return held
    }

    /// Reads anew what another process on the same folder may have written.
    ///
    /// - Throws: what the store says; then what was known stays.
    package func refresh(at now: Timestamp) throws {
        guard let state = try store?.load() else { return }
        held.withLock { if $0.state != state { $0 = Self.held(state, now, clock.now) } }
    }

    package var state: State { held.withLock(\.state) }

    /// The mode in force, for a document that says `declared`.
    package func mode(declared: Mode, at now: Timestamp) -> Mode {
        held.withLock { held in
            if Self.isOpen(held, now, clock.now) { return .shadow }
            return held.state.order?.mode ?? declared
        }
    }

    package func isBroken(at now: Timestamp) -> Bool { held.withLock { Self.isOpen($0, now, clock.now) } }

    private static func isOpen(_ held: Held, _ now: Timestamp, _ instant: ContinuousClock.Instant) -> Bool {
        guard let glass = held.state.breakGlass, let deadline = held.deadline else { return false }
        return now < glass.until && instant < deadline
    }

    /// Changes the mode for good, and ends break-glass; false where it could not be written, and nothing changed.
    package func set(_ mode: Mode, by: String, reason: String, at now: Timestamp) -> Bool {
        change { held in
            held.state.order = Order(mode: mode, by: by, reason: reason, at: now)
            if let until = held.state.breakGlass?.until { held.state.breakGlass?.until = min(until, now) }
            held.deadline = nil
        }
    }

    /// Lets pass what is denied, but kills, until it ends by itself.
    package func breakGlass(by: String, reason: String, for time: Duration, at now: Timestamp) -> Bool {
        let time = min(time, Self.longest)
        return change { held in
            held.state.breakGlass = BreakGlass(by: by, reason: reason, at: now, until: now + time)
            held.deadline = clock.now + time
        }
    }

    /// Somebody has looked at what break-glass let pass: it ends, and is shown no more.
    package func review(by: String, at now: Timestamp) -> Bool {
        guard let glass = state.breakGlass, glass.reviewed == nil else { return false }
        return change { held in
            held.state.breakGlass?.reviewed = by
            held.state.breakGlass?.until = min(glass.until, now)
            held.deadline = nil
        }
    }

    private func change(_ body: (inout Held) -> Void) -> Bool {
        held.withLock { held in
            var changed = held
            body(&changed)
            guard store?.save(changed.state) ?? true else { return false }
            held = changed
            return true
        }
    }
}

/// Where the mode is kept.
package protocol ModeStore: Sendable {
    func load() throws -> Modes.State
    func save(_ state: Modes.State) -> Bool
}

extension Modes.State {
    package var json: JSON.Value {
        var object: JSON.Object = [:]
        if let order {
            object["order"] = [
                "mode": .string(order.mode.rawValue), "by": .string(order.by), "reason": .string(order.reason),
                "time": .string(order.at.description),
            ]
        }
        if let breakGlass {
            var glass: JSON.Object = [
                "by": .string(breakGlass.by), "reason": .string(breakGlass.reason),
                "time": .string(breakGlass.at.description), "until": .string(breakGlass.until.description),
            ]
            glass["reviewed"] = breakGlass.reviewed.map(JSON.Value.string)
            object["break-glass"] = .object(glass)
        }
        return .object(object)
    }

    /// Reads what `json` writes; nothing where something is missing or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let object = json.object else { return nil }
        self.init()
        if let written = object["order"] {
            guard let mode = written["mode"]?.string.flatMap({ Modes.Mode(rawValue: $0) }),
                let by = written["by"]?.string, let reason = written["reason"]?.string,
                let at = written["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            else { return nil }
            order = Modes.Order(mode: mode, by: by, reason: reason, at: at)
        }
        if let written = object["break-glass"] {
            guard let by = written["by"]?.string, let reason = written["reason"]?.string,
                let at = written["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
                let until = written["until"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            else { return nil }
            breakGlass = Modes.BreakGlass(
                by: by,
                reason: reason,
                at: at,
                until: until,
                reviewed: written["reviewed"]?.string
            )
        }
    }
}
