package import Core
package import Identity
import Synchronization

/// Tells others that somebody's sessions were revoked: CAEP `session-revoked` in a signed security event token (RFC 8417).
///
/// Each subscriber has a queue of its own and is told one event after the other, off every event loop. What cannot be
/// handed over is tried again for an hour; what is refused for good (RFC 8935 §2.4), too old, or too much is dropped and
/// counted. Events do not outlive the process: the kill does, and the list of who is denied is what counts.
package final class SecurityEvents: Sendable {
    package static let type = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    package static let most = 1_000
    package static let longest: Duration = .seconds(3_600)
    static let pauses: [Duration] = [1, 2, 4, 8, 15, 30, 60].map { .seconds($0) }

    /// A kill, as subscribers are told of it.
    package struct Revoked: Sendable, Hashable {
        package let principal: String
        package let reason: String
        /// Whether a person said so, rather than the gateway itself.
        package let isByPerson: Bool
        package let at: Timestamp
        /// The number of the entry in the gateway's list.
        package let number: Int

        package init(principal: String, reason: String, isByPerson: Bool, at: Timestamp, number: Int) {
            self.principal = principal
            self.reason = reason
            self.isByPerson = isByPerson
            self.at = at
            self.number = number
        }
    }

    /// What the outside does, so that tests need none.
    package struct Outside: Sendable {
        package var push: @Sendable (EventSubscriber, [UInt8]) async -> Int?
        package var pause: @Sendable (Duration) async throws -> Void
        package var elapsed: @Sendable () -> Duration
        package var newID: @Sendable () -> String

        package init(
            push: @escaping @Sendable (EventSubscriber, [UInt8]) async -> Int?,
            pause: @escaping @Sendable (Duration) async throws -> Void,
            elapsed: @escaping @Sendable () -> Duration,
            newID: @escaping @Sendable () -> String
        ) {
            self.push = push
            self.pause = pause
            self.elapsed = elapsed
            self.newID = newID
        }
    }

    private struct Waiting: Sendable {
        let token: [UInt8]
        let since: Duration
    }

    private let issuer: String
    private let signer: TokenSigner
    private let outside: Outside
    private let lanes: [(subscriber: EventSubscriber, queue: AsyncStream<Waiting>.Continuation)]
    private let work = Mutex<[Task<Void, Never>]>([])
    private let counts = Mutex<(sent: Int, dropped: Int)>((0, 0))

    package init(issuer: String, signer: TokenSigner, subscribers: [EventSubscriber], outside: Outside) {
        self.issuer = issuer
        self.signer = signer
        self.outside = outside
        var lanes: [(EventSubscriber, AsyncStream<Waiting>.Continuation)] = []
        var streams: [(EventSubscriber, AsyncStream<Waiting>)] = []
        for subscriber in subscribers {
            let (stream, queue) = AsyncStream.makeStream(of: Waiting.self, bufferingPolicy: .bufferingOldest(Self.most))
            lanes.append((subscriber, queue))
            streams.append((subscriber, stream))
        }
        self.lanes = lanes
        let tasks = streams.map { subscriber, stream in
            Task { [weak self] in
                for await waiting in stream {
                    guard let self else { return }
                    await self.deliver(waiting, to: subscriber)
                }
            }
        }
        work.withLock { $0 = tasks }
    }

    /// Gives what still waits a moment, and ends.
    package func close(within limit: Duration = .seconds(2)) async {
        for lane in lanes { lane.queue.finish() }
        let tasks = work.withLock { $0 }
        let end = Task {
            try? await Task.sleep(for: limit)
            for task in tasks { task.cancel() }
        }
        for task in tasks { await task.value }
        end.cancel()
    }

    package var sent: Int { counts.withLock(\.sent) }
    package var dropped: Int { counts.withLock(\.dropped) }

    /// Tells every subscriber; returns at once.
    package func tell(_ revoked: Revoked) {
        for lane in lanes {
            let claims = claims(revoked, audience: lane.subscriber.audience)
            guard let token = try? signer.sign(claims, type: "secevent+jwt"),
                case .enqueued = lane.queue.yield(Waiting(token: token, since: outside.elapsed()))
            else {
                counts.withLock { $0.dropped += 1 }
                continue
            }
        }
    }

    func claims(_ revoked: Revoked, audience: String) -> JSON.Object {
        let isAddress = revoked.principal.contains("://")
        let subject: JSON.Value =
            isAddress
            ? ["format": "uri", "uri": .string(revoked.principal)]
            : ["format": "opaque", "id": .string(revoked.principal)]
        let event: JSON.Value = [
            "event_timestamp": .integer(revoked.at.epochSeconds),
            "initiating_entity": revoked.isByPerson ? "admin" : "policy",
            "reason_admin": ["en": .string(revoked.reason)],
        ]
        return [
            "iss": .string(issuer), "aud": .string(audience), "jti": .string(outside.newID()),
            "iat": .integer(revoked.at.epochSeconds), "txn": .string("\(issuer)#\(revoked.number)"),
            "sub_id": subject, "events": .object([Self.type: event]),
        ]
    }

    private func deliver(_ waiting: Waiting, to subscriber: EventSubscriber) async {
        var tries = 0
        while !Task.isCancelled {
            let status = await outside.push(subscriber, waiting.token)
            if let status, (200..<300).contains(status) {
                counts.withLock { $0.sent += 1 }
                return
            }
            // 400 says that this very token will never be taken.
            guard status != 400, outside.elapsed() - waiting.since < Self.longest else { break }
            try? await outside.pause(Self.pauses[min(tries, Self.pauses.count - 1)])
            tries += 1
        }
        counts.withLock { $0.dropped += 1 }
    }
}
