import Core
import Testing

@testable import Identity

struct SSHWireTests {
    struct Hostile: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var testDescription: String { name }
    }

    private static let ed25519 = Array("ssh-ed25519".utf8)

    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        var writer = SSHWriter()
        writer.string(bytes)
        return writer.bytes
    }

    private static let point: [UInt8] = [9] + [UInt8](repeating: 7, count: 31)

    static let keys: [Hostile] = [
        Hostile(name: "nothing", bytes: []),
        Hostile(name: "half a length", bytes: [0, 0]),
        Hostile(name: "length of 4 GiB", bytes: [0xff, 0xff, 0xff, 0xff, 1]),
        Hostile(name: "length of 2 GiB", bytes: [0x7f, 0xff, 0xff, 0xff]),
        Hostile(name: "name only", bytes: string(ed25519)),
        Hostile(name: "empty name", bytes: string([])),
        Hostile(name: "name that is not UTF-8", bytes: string([0xff, 0xfe])),
        Hostile(name: "name with an end of text", bytes: string(ed25519 + [0])),
        Hostile(name: "key too short", bytes: string(ed25519) + string([1, 2, 3])),
        Hostile(name: "key too long", bytes: string(ed25519) + string(point + [1])),
        Hostile(name: "trailing byte", bytes: string(ed25519) + string(point) + [0]),
        Hostile(name: "neutral point", bytes: string(ed25519) + string([1] + [UInt8](repeating: 0, count: 31))),
        Hostile(name: "point of order 4", bytes: string(ed25519) + string([UInt8](repeating: 0, count: 32))),
        Hostile(
            name: "neutral point with its sign set",
            bytes: string(ed25519) + string([1] + [UInt8](repeating: 0, count: 30) + [0x80])
        ),
        Hostile(
            name: "curve of another type",
            bytes: string(Array("ecdsa-sha2-nistp256".utf8)) + string(Array("nistp384".utf8)) + string([4])
        ),
        Hostile(
            name: "point not on its curve",
            bytes: string(Array("ecdsa-sha2-nistp256".utf8)) + string(Array("nistp256".utf8))
                + string([4] + [UInt8](repeating: 1, count: 64))
        ),
        Hostile(
            name: "point at infinity",
            bytes: string(Array("ecdsa-sha2-nistp256".utf8)) + string(Array("nistp256".utf8)) + string([0])
        ),
        Hostile(
            name: "compressed point",
            bytes: string(Array("ecdsa-sha2-nistp256".utf8)) + string(Array("nistp256".utf8))
                + string([2] + [UInt8](repeating: 1, count: 32))
        ),
        Hostile(name: "RSA without numbers", bytes: string(Array("ssh-rsa".utf8)) + string([]) + string([])),
        Hostile(
            name: "RSA with a negative modulus",
            bytes: string(Array("ssh-rsa".utf8)) + string([3]) + string([UInt8](repeating: 0xff, count: 256))
        ),
        Hostile(
            name: "RSA with a padded exponent",
            bytes: string(Array("ssh-rsa".utf8)) + string([0, 3]) + string([0] + [UInt8](repeating: 0xff, count: 256))
        ),
        Hostile(
            name: "RSA with exponent 1",
            bytes: string(Array("ssh-rsa".utf8)) + string([1]) + string([0] + [UInt8](repeating: 0xff, count: 256))
        ),
        Hostile(
            name: "RSA with an even modulus",
            bytes: string(Array("ssh-rsa".utf8)) + string([3]) + string([0] + [UInt8](repeating: 0xfe, count: 256))
        ),
        Hostile(
            name: "RSA of 32,768 bits",
            bytes: string(Array("ssh-rsa".utf8)) + string([3]) + string([0] + [UInt8](repeating: 0xff, count: 4096))
        ),
        Hostile(
            name: "security key without application",
            bytes: string(Array("sk-ssh-ed25519@openssh.com".utf8)) + string(point)
        ),
        Hostile(
            name: "security key with an empty application",
            bytes: string(Array("sk-ssh-ed25519@openssh.com".utf8)) + string(point) + string([])
        ),
        Hostile(name: "DSA", bytes: string(Array("ssh-dss".utf8))),
        Hostile(name: "certificate", bytes: string(Array("ssh-ed25519-cert-v01@openssh.com".utf8)) + string(point)),
    ]

    @Test(arguments: keys)
    func hostileKeysAreRefused(hostile: Hostile) {
        #expect(throws: SSHError.self) { try SSHPublicKey(blob: hostile.bytes) }
    }

    @Test(arguments: [
        "", " ", "ssh-ed25519", "AAAA", "ssh-ed25519 ", "ssh-ed25519 !!!!", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "command=\"x\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "ssh-ed25519\nAAAA", "ssh-dss AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", "\u{0}", "ssh-ed25519 é",
    ])
    func hostileKeyLinesAreRefused(line: String) {
        #expect(throws: SSHError.self) { try SSHPublicKey(line: line) }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func randomBytesNeverTrap(seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let key = try TestKeys.ed25519(seed: 3)
        let signature = try SSHSigner.file(key).sign([1], namespace: "n")
        for _ in 0..<500 {
            var bytes = Bool.random(using: &random) ? signature.blob : key.publicKey.blob
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(position...)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
                }
                if bytes.isEmpty { break }
            }
            guard bytes != signature.blob else { continue }
            #expect((try? SSHSignature(blob: bytes).verify([1], namespace: "n", allowed: [key.publicKey])) == nil)
            _ = try? SSHPublicKey(blob: bytes)
            _ = try? SSHPrivateKey(text: Array(TestKeys.armor(bytes).utf8), path: "memory")
        }
    }

    @Test(arguments: [
        ("", [] as [UInt8]?), ("AA==", [0]), ("AAA=", [0, 0]), ("AAAA", [0, 0, 0]), ("/+8=", [255, 239]),
        ("A", nil), ("AA", nil), ("AAA", nil), ("A===", nil), ("====", nil), ("AB==", nil), ("AAB=", nil),
        ("AA=A", nil), ("AAAA=", nil), ("AA A", nil), ("AA-_", nil),
    ])
    func base64HasOneForm(text: String, bytes: [UInt8]?) {
        #expect(Base64.decode(text.utf8) == bytes)
        if let bytes { #expect(Base64.encode(bytes) == text) }
    }

    @Test func numbersHaveOneForm() throws {
        var writer = SSHWriter()
        writer.positive([0, 0, 0x80, 1])
        #expect(writer.bytes == [0, 0, 0, 3, 0, 0x80, 1])
        var reader = SSHReader(writer.bytes, code: .malformedKey, subject: "it")
        #expect(try reader.positive(maximumBytes: 2) == [0x80, 1])
        var strict = SSHReader(writer.bytes, code: .malformedKey, subject: "it")
        #expect(throws: SSHError.self) { try strict.positive(maximumBytes: 1) }
    }
}

/// SplitMix64, so that a failure can be repeated from its seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
