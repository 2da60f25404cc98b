import Core
import Crypto
import Identity
import Testing

/// Which signatures on a bundle are enough.
@Suite struct BundleTrustTests {
    private static let type = "application/vnd.lockstep.bundle+json"
    private static let payload = Array("{}".utf8)

    private static let keys = (0..<4).map { _ in WorkspaceKey.ephemeral() }

    private static func signed(_ signers: [DSSESigner], type: String = type) throws -> DSSEEnvelope {
        try DSSEEnvelope(payload: payload, type: type, signers: signers)
    }

    @Test func everyKeyOfOneSetHasToSign() throws {
        let (own, old, other) = (
            try Self.keys[1].bundleSigners(), try Self.keys[2].bundleSigners(), try Self.keys[3].bundleSigners()
        )
        let trust = try #require(BundleTrust([own.map(\.key), old.map(\.key)]))
        #expect(own.map(\.key.algorithm) == ["ed25519", "ml-dsa-65"])
        for good in [own, old, own + other, old + [own[0]], own.reversed()] {
            #expect(try trust.verify(try Self.signed(good), type: Self.type) == Self.payload)
        }
        // One of each set is no set.
        for bad in [[own[0]], [own[1]], [own[0], old[1]], [old[0], own[1]], other, [own[0], other[1]]] {
            #expect(throws: DSSEError.self) { try trust.verify(try Self.signed(bad), type: Self.type) }
        }
    }

    @Test func aKeyOfAnotherUseOrTypeIsNone() throws {
        let key = Self.keys[1]
        let trust = try #require(BundleTrust([try key.bundleSigners().map(\.key)]))
        for bad in [[try key.envelopeSigner()], try key.heartbeatSigners(gateway: "edge-1")] {
            #expect(throws: DSSEError.self) { try trust.verify(try Self.signed(bad), type: Self.type) }
        }
        let kill = try Self.signed(try key.bundleSigners(), type: "application/vnd.lockstep.revocation+json")
        #expect(throws: DSSEError.self) { try trust.verify(kill, type: Self.type) }
    }

    @Test func aFileOfKeysReadsBackAndNothingElseIsOne() throws {
        let trust = try #require(BundleTrust([try Self.keys[1].bundleSigners().map(\.key)]))
        let file = JSON.canonical(["keys": [], "bundles": trust.json])
        let read = try #require(BundleTrust(parsing: file))
        #expect(read.sets.map { $0.map(\.id) } == trust.sets.map { $0.map(\.id) })
        let entry = try #require(trust.json.array?.first?.array?.first)
        let wrong: [JSON.Value] = [
            [:], ["keys": [entry]], ["bundles": []], ["bundles": [[]]], ["bundles": [entry]],
            ["bundles": [[entry, entry]]], ["bundles": [[["algorithm": "rsa", "key": "AAAA"]]]],
            ["bundles": [[["algorithm": "ml-dsa-65", "key": "AAAA"]]]], ["bundles": [["key"]]], ["bundles": "x"],
        ]
        for value in wrong { #expect(BundleTrust(parsing: JSON.canonical(value)) == nil, "\(value)") }
        #expect(BundleTrust(parsing: Array(file.dropLast())) == nil)
    }
}
