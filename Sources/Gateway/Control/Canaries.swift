import Core
import Synchronization

/// How a call is treated that people send to see what the policy makes of it.
package enum CanaryMark: Sendable, Hashable {
    /// Goes on to the server where the policy allows it, as any call would.
    case sent
    /// Never goes on: what the policy allows is answered by the gateway.
    case held
}

/// Short permissions to call in the name of a principal, for whoever may command the gateway.
///
/// A canary is decided on exactly as a call of its principal is, by the rules of that principal, and what the policy does
/// not allow is denied in every mode: in record and shadow as well, so that an attack that is tried out does no harm. It
/// is marked in the audit log, never recorded, counted apart, and has a conversation of its own.
package final class Canaries: Sendable {
    private struct Ticket {
        let id: String
        let principal: CallRecord.Principal
        let purpose: String?
        let mark: CanaryMark
        let until: Timestamp
    }

    package static let life: Duration = .seconds(120)
    static let most = 64
    private static let prefix = "Bearer lockstep-canary."

    private let tickets = Mutex<[Digest: Ticket]>([:])
    /// Whether there is any: on the way of every request only this is read.
    private let isOpen = Atomic<Bool>(false)

    package init() {}

    /// Gives out a permission; nil where there are too many.
    func issue(
        for principal: CallRecord.Principal,
        purpose: String?,
        _ mark: CanaryMark,
        at now: Timestamp
    ) -> Redacted<String>? {
        var random = SystemRandomNumberGenerator()
        let token = Hexadecimal.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
        return tickets.withLock { tickets in
            tickets = tickets.filter { now < $0.value.until }
            guard tickets.count < Self.most else { return nil }
            let digest = Digest.sha256(Array((Self.prefix + token).utf8))
            let id = String(digest.hex.prefix(16))
            tickets[digest] = Ticket(
                id: id,
                principal: principal,
                purpose: purpose,
                mark: mark,
                until: now + Self.life
            )
            isOpen.store(true, ordering: .releasing)
            return Redacted("lockstep-canary." + token)
        }
    }

    /// Whom a request stands for that was permitted here; nil for every other.
    func caller(_ fields: [String], at now: Timestamp) -> Caller? {
        guard isOpen.load(ordering: .acquiring), fields.count == 1, fields[0].hasPrefix(Self.prefix) else { return nil }
        let digest = Digest.sha256(Array(fields[0].utf8))
        guard let ticket = tickets.withLock({ $0[digest] }), now < ticket.until else { return nil }
        return Caller(
            principal: ticket.principal,
            purpose: ticket.purpose,
            credentials: ["canary:\(ticket.id)"],
            canary: ticket.mark
        )
    }
}
