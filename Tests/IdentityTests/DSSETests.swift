import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let type = "application/vnd.lockstep.bundle+json"
private let payload = Array(#"{"a":1}"#.utf8)

@Suite struct DSSETests {
    /// The example at the end of `protocol.md` of secure-systems-lab/dsse 1.0.0; the key's numbers in hexadecimal.
    @Test func theExampleOfTheSpecificationVerifies() throws {
        let point =
            "0467cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238"
            + "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74"
        let bytes = try #require(Hexadecimal.decode(point.utf8))
        let key = try #require(DSSEKey(algorithm: "ecdsa-p256", bytes: bytes))
        let text = #"""
            {"payload": "aGVsbG8gd29ybGQ=",
             "payloadType": "http://example.com/HelloWorld",
             "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}
            """#
        for form in [text, text.replacing("+", with: "-").replacing("==", with: "")] {
            let envelope = try DSSEEnvelope(parsing: Array(form.utf8))
            #expect(try envelope.verify(by: [key], type: "http://example.com/HelloWorld") == Array("hello world".utf8))
        }
    }

    @Test(arguments: [
        ("http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", "", "DSSEv1 0  0 "), ("é", "ü", "DSSEv1 2 é 2 ü"),
    ])
    func whatIsSignedIsWrittenAsTheSpecificationSays(_ type: String, _ payload: String, _ expected: String) {
        #expect(DSSEEnvelope.encoding(type: type, payload: Array(payload.utf8)) == Array(expected.utf8))
    }

    @Test func aHybridEnvelopeNeedsBothSignatures() throws {
        let signers: [DSSESigner] = [.p256(P256.Signing.PrivateKey()), .mldsa65(try MLDSA65.PrivateKey())]
        let keys = signers.map(\.key)
        let envelope = try DSSEEnvelope(payload: payload, type: type, signers: signers)
        let read = try DSSEEnvelope(parsing: envelope.bytes)
        #expect(read == envelope)
        #expect(try read.verify(by: keys, type: type) == payload)
        for signer in signers {
            let half = try DSSEEnvelope(payload: payload, type: type, signers: [signer, signer])
            #expect(throws: DSSEError.self) { try half.verify(by: keys, type: type) }
            #expect(try half.verify(by: [signer.key], type: type) == payload)
        }
        #expect(throws: DSSEError.self) { try read.verify(by: [], type: type) }
        #expect(throws: DSSEError.self) { try read.verify(by: keys, type: "application/json") }
        let other = DSSESigner.ed25519(Curve25519.Signing.PrivateKey())
        #expect(throws: DSSEError.self) { try read.verify(by: keys + [other.key], type: type) }
    }

    @Test func keysAreReadBack() throws {
        let signers: [DSSESigner] = [
            .p256(P256.Signing.PrivateKey()), .mldsa65(try MLDSA65.PrivateKey()),
            .ed25519(Curve25519.Signing.PrivateKey()),
        ]
        for signer in signers {
            let key = try #require(DSSEKey(algorithm: signer.key.algorithm, bytes: signer.key.bytes))
            #expect(key.id == signer.key.id)
            #expect(DSSEKey(algorithm: signer.key.algorithm, bytes: [1, 2, 3]) == nil)
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"payload":"e30=","payloadType":"a","signatures":[]}"#,
        #"{"payload":"e30","payloadType":"a","signatures":[{"sig":"!"}]}"#,
        #"{"payload":7,"payloadType":"a","signatures":[{"sig":"AAAA"}]}"#,
        #"{"payload":"e30=","payloadType":"a","signatures":[{"sig":"AAAA","keyid":7}]}"#,
        #"{"payload":"e30=","payload":"e30=","payloadType":"a","signatures":[{"sig":"AAAA"}]}"#,
    ])
    func whatIsNoEnvelopeIsRefused(_ text: String) {
        #expect(throws: DSSEError.self) { try DSSEEnvelope(parsing: Array(text.utf8)) }
    }

    @Test func aChangedPayloadOrTypeIsRefused() throws {
        let signer = DSSESigner.ed25519(Curve25519.Signing.PrivateKey())
        let envelope = try DSSEEnvelope(payload: payload, type: type, signers: [signer])
        for name in ["payload", "payloadType"] {
            var object = try #require(envelope.json.object)
            object[name] = name == "payload" ? "e30=" : "other"
            let changed = try DSSEEnvelope(parsing: JSON.canonical(.object(object)))
            #expect(throws: DSSEError.self) { try changed.verify(by: [signer.key], type: changed.payloadType) }
        }
    }
}
