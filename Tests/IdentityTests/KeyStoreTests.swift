import Core
import Crypto
import Foundation
import Testing

@testable import Identity

struct KeyStoreTests {
    private let scratch: Scratch
    private let store: KeyStore
    private let start = Timestamp(seconds: 1_767_600_000)

    init() throws {
        scratch = try Scratch()
        store = KeyStore(directory: scratch.file("keys"))
    }

    private func code(_ body: () throws -> Void) -> KeyStoreError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? KeyStoreError)?.code
        }
    }

    private func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: scratch.file(name))[.posixPermissions] as? Int
    }

    @Test func aNewKeyIsStoredForItsOwnerAlone() throws {
        var random = Seeded(seed: 1)
        let ring = try store.create(.redact, now: start, lifetime: .seconds(86_400 * 365), using: &random)
        #expect(try store.load(.redact) == ring)
        #expect(try store.list() == [ring])
        #expect(try mode("keys") == 0o700)
        #expect(try mode("keys/redact.json") == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == ["redact.json"])
        #expect(ring.current.secret.revealed.count == 32)
        #expect(!ring.current.isExpired(at: start) && ring.current.isExpired(at: start + .seconds(86_400 * 365)))
        let text = try scratch.text("keys/redact.json")
        #expect(Array(text.utf8) == JSON.canonical(try JSON.parse(text)))
        #expect(!"\(ring)".contains(Base64.encode(ring.current.secret.revealed)))
    }

    @Test func anExistingKeyIsNeverReplaced() throws {
        var random = Seeded(seed: 1)
        let first = try store.create(.redact, now: start, using: &random)
        #expect(code { _ = try store.create(.redact, now: start, using: &random) } == .exists)
        #expect(try store.loadOrCreate(.redact, now: start, using: &random) == first)
    }

    @Test func rotationKeepsOldKeysToRecogniseWhatTheyMade() throws {
        var random = Seeded(seed: 1)
        var rings = [try store.create(.redact, now: start, lifetime: .seconds(100), using: &random)]
        let digest = KeyedDigest(of: "hunter2", key: rings[0].current)
        for round in 1...3 {
            rings.append(try store.rotate(.redact, now: start + .seconds(Int64(round) * 10), using: &random))
        }
        let last = try store.load(.redact)
        #expect(last == rings[3])
        #expect(last.retired.map(\.id) == [2, 1, 0].map { rings[$0].current.id })
        #expect(last.retired.map(\.retired) == [30, 20, 10].map { start + .seconds($0) })
        #expect(last.current.expires == start + .seconds(130), "the lifetime is kept")
        #expect(digest.matches("hunter2", in: last))
        #expect(!digest.matches("hunter3", in: last))
        #expect(KeyedDigest(of: "hunter2", key: last.current) != digest)
        #expect(Set(([last.current] + last.retired).map(\.secret.revealed)).count == 4)
    }

    @Test func keyedDigestsAreHMACs() throws {
        var random = Seeded(seed: 1)
        let key = try store.create(.redact, now: start, using: &random).current
        let expected = HMAC<SHA256>.authenticationCode(
            for: Array("secret".utf8),
            using: SymmetricKey(data: key.secret.revealed)
        )
        let text = "hmac-sha256:\(key.id):\(Hexadecimal.encode(expected).prefix(32))"
        #expect(KeyedDigest(of: "secret", key: key).description == text)
        #expect(KeyedDigest(text)?.keyID == key.id)
        for wrong in ["", text + "0", String(text.dropLast()), text.uppercased(), "hmac-sha256::", "a:b:c"] {
            #expect(KeyedDigest(wrong) == nil)
        }
    }

    /// RFC 4231, test case 1 (the key is 20 bytes of 0x0b).
    @Test func theHMACIsThatOfTheStandard() {
        let key = WorkspaceKey(
            id: "00000000",
            algorithm: .hmacSHA256,
            created: start,
            expires: nil,
            retired: nil,
            secret: Redacted([UInt8](repeating: 0x0b, count: 20))
        )
        #expect(
            KeyedDigest(of: "Hi There", key: key).description
                == "hmac-sha256:00000000:b0344c61d8db38535ca8afceaf0bf12b"
        )
    }

    @Test func whatIsMissingSaysSo() throws {
        var random = Seeded(seed: 1)
        #expect(code { _ = try store.load(.redact) } == .missing)
        #expect(try store.list().isEmpty)
        #expect(code { _ = try store.rotate(.redact, now: start, using: &random) } == .missing)
    }

    @Test func whatOthersMayReadIsRefused() throws {
        var random = Seeded(seed: 1)
        _ = try store.create(.redact, now: start, using: &random)
        let files = FileManager.default
        let file = scratch.file("keys/redact.json")
        try files.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
        #expect(code { _ = try store.load(.redact) } == .exposed)
        #expect(code { _ = try store.list() } == .exposed)
        #expect(code { _ = try store.rotate(.redact, now: start, using: &random) } == .exposed)
        try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: store.directory)
        #expect(code { _ = try store.load(.redact) } == .exposed)
        #expect(code { _ = try store.rotate(.redact, now: start, using: &random) } == .exposed)
    }

    @Test func damagedFilesAndLinksAreRefused() throws {
        var random = Seeded(seed: 1)
        _ = try store.create(.redact, now: start, using: &random)
        let good = try scratch.text("keys/redact.json")
        let damages = [
            "", "{", "{}", "[]", good + "x", String(good.dropLast(2)), good.replacing("redact", with: "audit"),
            good.replacing("hmac-sha256", with: "hmac-sha1"), good.replacing("\"expires\":null", with: "\"expires\":1"),
            good.replacing("\"retired\":[]", with: "\"retired\":[{}]"), good.replacing("{", with: "{\"extra\":1,"),
            good.replacing("=\"", with: "\""),
        ]
        for damage in damages {
            #expect(damage != good)
            try scratch.write(damage.utf8, to: "keys/redact.json")
            #expect(code { _ = try store.load(.redact) } == .damaged, "\(damage.count) bytes")
        }
        try scratch.write(good.utf8, to: "elsewhere")
        try FileManager.default.removeItem(atPath: scratch.file("keys/redact.json"))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("keys/redact.json"),
            withDestinationPath: scratch.file("elsewhere")
        )
        #expect(code { _ = try store.load(.redact) } == .damaged)
    }

    @Test func whatACrashLeftIsOverwritten() throws {
        var random = Seeded(seed: 1)
        _ = try store.create(.redact, now: start, using: &random)
        try scratch.write("half a f".utf8, to: "keys/.redact.json.new")
        let ring = try store.rotate(.redact, now: start, using: &random)
        #expect(try store.load(.redact) == ring)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == ["redact.json"])
    }

    @Test(.timeLimit(.minutes(10))) func rotationsAtTheSameTimeLoseNothing() async throws {
        var random = Seeded(seed: 1)
        _ = try store.create(.redact, now: start, using: &random)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 2..<10 as Range<UInt64> {
                group.addTask { [store, start] in
                    var random = Seeded(seed: seed)
                    _ = try store.rotate(.redact, now: start, using: &random)
                }
            }
            try await group.waitForAll()
        }
        #expect(try store.load(.redact).retired.count == 8)
    }
}
