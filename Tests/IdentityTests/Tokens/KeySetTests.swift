import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let curve: JSON.Object = TokenSigner(.p256(P256.Signing.PrivateKey()), id: nil).publicMembers

private func changed(_ changes: JSON.Object) -> JSON.Value {
    var key = curve
    for (name, value) in changes { key[name] = value.isNull ? JSON.Value?.none : value }
    return .object(key)
}

@Suite struct KeySetTests {
    @Test func theThumbprintIsThatOfTheStandard() throws {
        // RFC 7638 §3.1.
        let modulus =
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
            + "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbIS"
            + "D08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        let key = try JSONWebKey(["kty": "RSA", "e": "AQAB", "n": .string(modulus), "kid": "2011-04-29"])
        #expect(Base64URL.encode(key.thumbprint) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    }

    @Test(arguments: [
        changed(["d": "AAAA"]), changed(["x": "AAAA"]), changed(["x": curve["y"] ?? .null]), changed(["alg": "RS256"]),
        changed(["kid": 7]), changed(["kid": ""]), changed(["use": 7]), changed(["key_ops": "verify"]),
        ["kty": "oct", "k": "AAAA"], ["kty": "RSA", "n": "AQAB", "e": "AQAB"], ["x": "AAAA"], "text",
    ])
    func aSetWithAWrongKeyIsNotUsed(_ key: JSON.Value) throws {
        let set: JSON.Value = ["keys": [.object(curve), key]]
        #expect(throws: KeySetError.self) { try KeySet(parsing: JSON.canonical(set)) }
    }

    @Test(arguments: [
        changed(["use": "enc"]), changed(["crv": "secp256k1"]), changed(["kty": "AKP"]), changed(["alg": "ECDH-ES"]),
        changed(["key_ops": ["deriveKey"]]),
    ])
    func keysForOthersAreLeftOut(_ key: JSON.Value) throws {
        let set = try KeySet(parsing: JSON.canonical(["keys": [.object(curve), key]]))
        #expect(set.keys.count == 1 && set.ignored == 1)
        #expect(throws: KeySetError.self) { try KeySet(parsing: JSON.canonical(["keys": [key]])) }
    }

    @Test func idsDiffer() throws {
        let set: JSON.Value = ["keys": [changed(["kid": "a"]), changed(["kid": "a", "alg": "ES256"])]]
        #expect(throws: KeySetError("two keys have the id `a`")) { try KeySet(parsing: JSON.canonical(set)) }
        #expect(throws: KeySetError.self) { try KeySet(parsing: Array(#"{"keys":[],"keys":[]}"#.utf8)) }
    }

    @Test(arguments: ["", "A", "AA==", "AB", "A A", "AA\n", "A+", "A/", "AAA=", "Ä"])
    func onlyTheOneTextOfBytesIsBase64URL(_ text: String) {
        #expect(Base64URL.decode(text.utf8) == (text.isEmpty ? [] : nil))
    }

    @Test func base64URLGoesBothWays() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
            #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
        }
    }
}
