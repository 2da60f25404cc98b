import Core
import Gateway
import Identity
import Testing

/// What a gateway signs of itself.
@Suite struct HeartbeatTests {
    private static let beat = Heartbeat(
        gateway: "edge-1",
        time: Timestamp(seconds: 1_750_000_000),
        mode: .enforce,
        policy: .sha256([1]),
        revision: 7,
        bundle: .sha256([2]),
        counts: ["denied": 3],
        revocation: 2
    )

    private static func signers(_ gateway: String) throws -> [DSSESigner] {
        try WorkspaceKey.open.heartbeatSigners(gateway: gateway)
    }

    @Test func itIsBelievedWithAllKeysOfItsGatewayOnly() throws {
        let own = try Self.signers("edge-1")
        let envelope = try Self.beat.signed(by: own).bytes
        #expect(Heartbeat.verified(envelope, by: own.map(\.key)) == Self.beat)
        #expect(Heartbeat.verified(envelope, by: try Self.signers("edge-2").map(\.key)) == nil)
        #expect(Heartbeat.verified(try Self.beat.signed(by: [own[0]]).bytes, by: own.map(\.key)) == nil)
        #expect(Heartbeat.verified(envelope, by: []) == nil)
        #expect(Heartbeat.verified(Array(envelope.dropLast()), by: own.map(\.key)) == nil)
    }

    @Test func whatIsOfAnotherTypeIsNoHeartbeat() throws {
        let own = try Self.signers("edge-1")
        let wrong: [(String, JSON.Value?)] = [
            ("schema", "lockstep.heartbeat/2"), ("gateway", 1), ("time", "now"), ("mode", "open"), ("policy", 1),
            ("revision", "7"), ("bundle", "x"), ("counts", ["denied": "3"]), ("revocation", nil), ("more", 1),
        ]
        for (name, value) in wrong {
            var object = try #require(Self.beat.json.object)
            object[name] = value
            let envelope = try DSSEEnvelope(
                payload: JSON.canonical(.object(object)),
                type: Heartbeat.payloadType,
                signers: own
            )
            #expect(Heartbeat.verified(envelope.bytes, by: own.map(\.key)) == nil, "\(name)")
        }
    }
}
