import Core
import Crypto
import Foundation
import Identity
import SwiftASN1
import X509

/// Tokens: there is one text for what is read, and no signature counts for another.
enum TokenTarget {
    static let now = Timestamp(rfc3339: "2026-06-01T00:00:00Z") ?? Timestamp(seconds: 0)

    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        switch choice.pick(3) {
        case 0: read(bytes, &report)
        case 1:
            do {
                let keys = try KeySet(parsing: bytes)
                report.outcome = "key set \(keys.revision.bytes.count)"
            } catch {
                report.outcome = "no key set"
            }
        default:
            guard let value = try? JSON.parse(bytes) else { return report.outcome = "no task" }
            do throws(TokenFault) {
                let task = try TaskStatement(value, principal: "p", resource: "r", orchestrators: Keys.set, now: now)
                report.outcome = "task"
                _ = task
            } catch {
                report.outcome = "task \(error.code)"
            }
        }
    }

    private static func read(_ bytes: [UInt8], _ report: inout Report) {
        do throws(TokenFault) {
            let token = try CompactSignature(parsing: bytes, mayEmbedKey: true)
            report.outcome = "read \(token.algorithm)"
            let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard parts.count == 3 else { return report.expect(false, "token-parts", bytes.shown) }
            for part in parts {
                let again = Base64URL.decode(part).map { Base64URL.encode($0) }
                report.expect(again.map { Array($0.utf8) } == Array(part), "token-base64", bytes.shown)
            }
            let foundation = Self.foundation(parts[1])
            report.expect(foundation == token.payload, "token-payload", bytes.shown)
            if token.isSigned(by: .ed25519(Keys.ed25519.publicKey)) || token.isSigned(by: .p256(Keys.p256.publicKey)) {
                report.outcome += " signed"
                report.expect(Keys.isSigned(token.payload), "token-forged", bytes.shown)
            }
            let whole = try JSONWebToken(parsing: bytes)
            report.outcome += " \(whole.claims.count)"
            let plain = Plain.read(token.payload)
            report.expect(plain?.isSame(as: .object(whole.claims)) ?? false, "token-claims", bytes.shown)
        } catch {
            report.outcome += " \(error.code)"
        }
    }

    private static func foundation(_ part: ArraySlice<UInt8>) -> [UInt8]? {
        var text = String(decoding: part, as: UTF8.self).replacing("-", with: "+").replacing("_", with: "/")
        while text.utf8.count % 4 != 0 { text += "=" }
        return Data(base64Encoded: text).map { Array($0) }
    }
}

/// Envelopes: what is read is what was signed.
enum EnvelopeTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        do throws(DSSEError) {
            let envelope = try DSSEEnvelope(parsing: bytes)
            report.outcome = "read \(min(envelope.signatures.count, 3))"
            let again = try DSSEEnvelope(parsing: envelope.bytes)
            report.expect(again == envelope, "envelope-again", bytes.shown)
            let payload = try envelope.verify(by: [.ed25519(Keys.ed25519.publicKey)], type: Keys.type)
            report.outcome += " signed"
            report.expect(Keys.isSigned(payload), "envelope-forged", bytes.shown)
        } catch {
            report.outcome += " \(error.code.rawValue)"
        }
    }
}

/// Certificates: what is read here, a second library reads too, and alike.
enum CertificateTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        do throws(SVIDFault) {
            let svid = try X509SVID(parsing: [bytes])
            report.outcome = "read"
            guard let other = try? X509.Certificate(derEncoded: bytes) else {
                // Names, the key and the signature are looked at when a chain is proven, and not before.
                let mended = Self.mended(bytes)
                let isReadable = (try? X509.Certificate(derEncoded: mended)) != nil
                report.expect(isReadable, "certificate-unreadable", mended.shown)
                let isProven =
                    (try? X509SVID.verify(chain: [bytes], bundles: Keys.bundles, now: TokenTarget.now)) != nil
                report.expect(!isProven, "certificate-proven-unreadable", bytes.shown)
                return report.outcome = "read, with parts that are none"
            }
            let names = try? other.extensions.subjectAlternativeNames
            let uris: [String] = (names.map { Array($0) } ?? []).compactMap { name in
                if case .uniformResourceIdentifier(let text) = name { text } else { nil }
            }
            report.expect(uris == [svid.id.description], "certificate-name", "\(uris) \(svid.id)")
            let start = Int64(other.notValidBefore.timeIntervalSince1970)
            let end = Int64(other.notValidAfter.timeIntervalSince1970)
            report.expect(
                svid.notBefore.epochSeconds == start && svid.notAfter.epochSeconds == end,
                "certificate-time",
                "\(start) \(end)"
            )
            _ = try X509SVID.verify(chain: [bytes], bundles: Keys.bundles, now: TokenTarget.now)
            report.outcome = "signed"
            report.expect(svid.id.description == Keys.workload, "certificate-forged", svid.id.description)
        } catch {
            report.outcome += " \(error.code)"
        }
    }
}

extension CertificateTarget {
    /// The certificate with the names, the key and the signature of a good one.
    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        var tree = DERTree.read(bytes[...], levels: 3)
        guard let good = Keys.good?.parts.first, tree.parts.first?.parts.count == 3,
            tree.parts[0].parts[0].parts.count == 8
        else { return bytes }
        for field in [3, 5, 6] { tree.parts[0].parts[0].parts[field] = good.parts[0].parts[field] }
        tree.parts[0].parts[2] = good.parts[2]
        return tree.bytes
    }
}

/// Keys and statements that are the same in every run: their secrets are in this file.
enum Keys {
    static let payloads = [
        "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\",\"aud\":[\"http://127.0.0.1:8800/files\"],\"exp\":1900000000,\"iat\":1780000000,\"jti\":\"t1\"}",
        "{\"sub\":\"spiffe://example.org/agent\",\"aud\":\"r\",\"exp\":1900000000,\"cnf\":{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}}",
        "{\"purpose\":\"invoices\",\"aud\":[\"r\"],\"sub\":\"p\",\"exp\":1900000000,\"act\":{\"sub\":\"o\"}}",
    ]
    /// Whether these bytes were signed by somebody who has the keys.
    static func isSigned(_ payload: [UInt8]) -> Bool {
        payloads.contains { Array($0.utf8) == payload || (try? JSON.parse($0)).map { JSON.canonical($0) } == payload }
    }
    static let type = "application/vnd.lockstep.test+json"
    static let workload = "spiffe://example.org/agent"

    static let ed25519 = made { try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 7, count: 32)) }
    static let p256 = made { try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 9, count: 32)) }
    static let set = try? KeySet(parsing: JSON.canonical(keySet))

    static var keySet: JSON.Value {
        var keys: [JSON.Value] = []
        for signer in [TokenSigner(.ed25519(ed25519), id: "e"), TokenSigner(.p256(p256), id: "p")] {
            var members = signer.publicMembers
            members["kid"] = .string(signer.id ?? "")
            members["use"] = "sig"
            keys.append(.object(members))
        }
        return ["keys": .array(keys)]
    }

    static let bundles: [TrustBundle] = {
        guard let authority = try? certificate(isAuthority: true) else { return [] }
        return (try? TrustBundle(trustDomain: "example.org", authorities: [authority])).map { [$0] } ?? []
    }()

    static let good = (try? certificate(isAuthority: false)).map { DERTree.read($0[...], levels: 3) }

    /// These bytes are keys.
    private static func made<Key>(_ make: () throws -> Key) -> Key {
        do { return try make() } catch { preconditionFailure("a fixed key is no key: \(error)") }
    }

    /// An authority, or a workload that it names.
    static func certificate(isAuthority: Bool) throws -> [UInt8] {
        let authority = X509.Certificate.PrivateKey(p256)
        let own = made { try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 11, count: 32)) }
        let issuer = try DistinguishedName { CommonName("test authority") }
        let start = Date(timeIntervalSince1970: 1_767_225_600)
        let made = try X509.Certificate(
            version: .v3,
            serialNumber: X509.Certificate.SerialNumber(bytes: [1, 2, 3, isAuthority ? 4 : 5]),
            publicKey: isAuthority ? authority.publicKey : X509.Certificate.PrivateKey(own).publicKey,
            notValidBefore: start,
            notValidAfter: start.addingTimeInterval(365 * 86_400),
            issuer: issuer,
            subject: isAuthority ? issuer : DistinguishedName { OrganizationName("workloads") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: X509.Certificate.Extensions {
                if isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    Critical(KeyUsage(keyCertSign: true))
                    SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://example.org")])
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                    SubjectAlternativeNames([.uniformResourceIdentifier(workload)])
                }
            },
            issuerPrivateKey: authority
        )
        var serializer = DER.Serializer()
        try serializer.serialize(made)
        return serializer.serializedBytes
    }
}
