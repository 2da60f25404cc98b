import Core
import Crypto
import Foundation
import Testing

@testable import Identity

/// Test vectors that others published, where they are at hand: `LOCKSTEP_SHARED` names the folder.
enum Published {
    static let root = URL(
        fileURLWithPath: ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"] ?? "../shared"
    ).appending(path: "conformance")

    static func isPresent(_ path: String) -> Bool {
        FileManager.default.isReadableFile(atPath: root.appending(path: path).path)
    }

    /// What a tool writes about a file, `xz` or `tar`.
    static func output(of arguments: [String]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(arguments[0]) failed")
        return Array(data)
    }

    static func json(_ path: String) throws -> JSON.Value {
        try JSON.parse(try output(of: ["xz", "-dc", root.appending(path: path).path]))
    }
}

private let signatures = "wycheproof/json_web_signature_test.json.xz"
private let lattice = "wycheproof/mldsa_65_verify_test.json.xz"

@Suite struct PublishedVectorTests {
    /// C2SP/wycheproof dac1dd4.
    @Test(.enabled(if: Published.isPresent(signatures), "LOCKSTEP_SHARED holds no \(signatures)"))
    func theSignaturesOfWycheproofAreJudgedAsItSays() throws {
        var (agreed, stricter) = (0, [Int64: String]())
        for group in try Published.json(signatures)["testGroups"]?.array ?? [] {
            // A group without a public key is for symmetric algorithms: all of it has to be refused.
            let key = group["public"]?.object.flatMap { try? JSONWebKey($0) }
            for test in group["tests"]?.array ?? [] {
                let id = try #require(test["tcId"]?.int)
                let isValid = test["result"]?.string == "valid"
                let text: [UInt8] = test["jws"].map { Array(($0.string ?? $0.description).utf8) } ?? []
                let isAccepted: Bool
                if let key, ["sig", nil].contains(key.use),
                    let token = try? CompactSignature(parsing: text), key.fits(token.algorithm)
                {
                    isAccepted = token.isSigned(by: key.key)
                } else {
                    isAccepted = false
                }
                #expect(isValid || !isAccepted, "accepts \(id): \(test["comment"] ?? .null)")
                if isValid == isAccepted { agreed += 1 } else { stricter[id] = "\(group["comment"] ?? .null)" }
            }
        }
        #expect(agreed + stricter.count == 401)
        // Valid ones that are refused: symmetric algorithms, and keys that say they are for another algorithm.
        let known: Set<Int64> = [1, 346, 347, 348, 350, 351, 352, 357, 358, 359, 372, 373, 376, 377]
        #expect(Set(stricter.keys) == known, "\(stricter.sorted { $0.key < $1.key })")
    }

    /// C2SP/wycheproof dac1dd4; without a context, as envelopes are signed.
    @Test(.enabled(if: Published.isPresent(lattice), "LOCKSTEP_SHARED holds no \(lattice)"))
    func theSignaturesOfMLDSA65AreJudgedAsWycheproofSays() throws {
        var count = 0
        for group in try Published.json(lattice)["testGroups"]?.array ?? [] {
            let bytes = Hexadecimal.decode((group["publicKey"]?.string ?? "").utf8) ?? []
            let key = DSSEKey(algorithm: "ml-dsa-65", bytes: bytes)
            for test in group["tests"]?.array ?? [] where test["ctx"] == nil {
                let message = Hexadecimal.decode((test["msg"]?.string ?? "").utf8) ?? []
                let signature = Hexadecimal.decode((test["sig"]?.string ?? "").utf8) ?? []
                let isAccepted = key?.isValid(signature, of: message) ?? false
                #expect(isAccepted == (test["result"]?.string == "valid"), "\(test["tcId"] ?? .null)")
                count += 1
            }
        }
        #expect(count > 50)
    }
}
