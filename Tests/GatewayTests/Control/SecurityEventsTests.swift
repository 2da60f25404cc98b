import Core
import Crypto
import Identity
import Synchronization
import Testing

@testable import Gateway

/// A subscriber that answers as it is told, and a clock that goes on by what is waited.
private final class World: Sendable {
    struct State {
        var time = Duration.zero
        var pauses: [Duration] = []
        var pushed = 0
    }

    let state = Mutex(State())
    private let status: Int?

    init(_ status: Int?) { self.status = status }

    func events() -> SecurityEvents {
        SecurityEvents(
            issuer: "https://gateway.example",
            signer: TokenSigner(.p256(P256.Signing.PrivateKey()), id: "1"),
            subscribers: [
                EventSubscriber(endpoint: .init(host: "127.0.0.1", port: 1), path: "/", audience: "https://soc.example")
            ],
            outside: .init(
                push: { _, _ in
                    self.state.withLock { $0.pushed += 1 }
                    return self.status
                },
                pause: { time in
                    self.state.withLock { state in
                        state.pauses.append(time)
                        state.time += time
                    }
                },
                elapsed: { self.state.withLock(\.time) },
                newID: { "id" }
            )
        )
    }
}

private let revoked = SecurityEvents.Revoked(
    principal: "spiffe://acme/agent",
    reason: "result-limit",
    isByPerson: false,
    at: Timestamp(seconds: 1_800_000_000),
    number: 3
)

@Suite struct SecurityEventsTests {
    @Test func `what nobody takes is tried again, ever more seldom, for an hour`() async {
        let world = World(nil)
        let events = world.events()
        events.tell(revoked)
        await events.close(within: .seconds(60))
        let state = world.state.withLock { $0 }
        #expect(events.dropped == 1 && events.sent == 0)
        #expect(Array(state.pauses.prefix(7)) == SecurityEvents.pauses)
        #expect(state.time >= SecurityEvents.longest && state.time < SecurityEvents.longest + .seconds(61))
        #expect(state.pushed == state.pauses.count + 1)
    }

    @Test(arguments: [(202, 1, 0), (200, 1, 0), (400, 0, 1)])
    func `an answer that settles it is the last`(status: Int, sent: Int, dropped: Int) async {
        let world = World(status)
        let events = world.events()
        events.tell(revoked)
        await events.close(within: .seconds(60))
        #expect(world.state.withLock(\.pushed) == 1)
        #expect(events.sent == sent && events.dropped == dropped)
    }

    @Test func `an event names what it is about and gives nobody access`() async {
        let events = World(202).events()
        let claims = events.claims(revoked, audience: "https://soc.example")
        #expect(claims["sub_id"] == ["format": "uri", "uri": "spiffe://acme/agent"])
        #expect(claims["txn"] == "https://gateway.example#3")
        #expect(claims["events"]?[SecurityEvents.type]?["initiating_entity"] == "policy")
        #expect(claims["exp"] == nil && claims["sub"] == nil)
        await events.close()
    }
}
