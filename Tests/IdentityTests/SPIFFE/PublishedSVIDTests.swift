import Core
import Foundation
import Testing

@testable import Identity

private let archive = "spiffe/testdata.tar.xz"

/// The test data of spiffe/go-spiffe e9973f6, right and wrong; its verdicts are in the names of the files.
@Suite(.enabled(if: Published.isPresent(archive), "LOCKSTEP_SHARED holds no \(archive)"))
struct PublishedSVIDTests {
    private static func text(_ path: String) throws -> String {
        let file = Published.root.appending(path: archive).path
        return String(decoding: try Published.output(of: ["tar", "-xJOf", file, path]), as: UTF8.self)
    }

    /// The DER of the certificates in a PEM text.
    static func chain(_ pem: String) -> [[UInt8]] {
        pem.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst().map { block in
            let body = block.components(separatedBy: "-----END CERTIFICATE-----")[0]
            return Array(Data(base64Encoded: body, options: .ignoreUnknownCharacters) ?? Data())
        }
    }

    @Test(arguments: ["good-leaf-only", "good-leaf-and-intermediate", "good-cert-and-key", "good-key-and-cert"])
    func goodChainsAreRead(_ name: String) throws {
        let chain = Self.chain(try Self.text("svid/x509svid/testdata/\(name).pem"))
        let svid = try X509SVID(parsing: chain)
        #expect(svid.id.trustDomain == "example.org" && !svid.id.path.isEmpty)
        // They expired long ago, and nobody vouches for them.
        let bundle = try TrustBundle(trustDomain: "example.org", authorities: [])
        #expect(throws: SVIDFault.self) {
            try X509SVID.verify(chain: chain, bundles: [bundle], now: Timestamp(seconds: 1_790_000_000))
        }
    }

    @Test(arguments: [
        "wrong-intermediate-no-ca", "wrong-intermediate-no-key-cert-sign", "wrong-leaf-ca-true", "wrong-leaf-cert-sign",
        "wrong-leaf-crl-sign", "wrong-leaf-empty-id", "wrong-leaf-no-digital-signature", "corrupt-cert", "corrupt-key",
        "key-pkcs8-rsa",
    ])
    func wrongChainsAreRefused(_ name: String) throws {
        let chain = Self.chain(try Self.text("svid/x509svid/testdata/\(name).pem"))
        #expect(throws: SVIDFault.self) { try X509SVID(parsing: chain) }
    }

    @Test func anIntermediateProvesItsLeafInItsTime() throws {
        let chain = Self.chain(try Self.text("svid/x509svid/testdata/good-leaf-and-intermediate.pem"))
        let bundle = try TrustBundle(trustDomain: "example.org", authorities: [chain[1]])
        // 2020-03-24T14:30:00Z, within the hour of the leaf.
        let then = Timestamp(seconds: 1_585_060_200)
        for sent in [chain, [chain[0]]] {
            #expect(throws: Never.self) { try X509SVID.verify(chain: sent, bundles: [bundle], now: then) }
        }
        #expect(throws: SVIDFault.self) {
            try X509SVID.verify(chain: [chain[1], chain[0]], bundles: [bundle], now: then)
        }
        #expect(throws: SVIDFault.self) {
            try X509SVID.verify(chain: [chain[0], chain[0]], bundles: [bundle], now: then)
        }
        for time in [then - .seconds(3600), then + .seconds(3600)] {
            #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: chain, bundles: [bundle], now: time) }
        }
        let other = try TrustBundle(trustDomain: "other.org", authorities: [chain[1]])
        #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: chain, bundles: [other], now: then) }
    }

    @Test(arguments: [
        ("valid_1", true), ("valid_2", true), ("valid_with_wit", true), ("missing_kid", false),
        ("multiple_x509", false), ("no_keys", false),
    ])
    func bundlesAreReadAsTheNameSays(_ name: String, _ isValid: Bool) throws {
        let bytes = Array(try Self.text("bundle/spiffebundle/testdata/spiffebundle_\(name).json").utf8)
        let bundle = try? TrustBundle(parsing: bytes, trustDomain: "example.org")
        #expect((bundle != nil) == isValid)
        if let bundle { #expect(bundle.authorities.count == 1 && bundle.tokenKeys != nil) }
    }

    @Test(arguments: [("valid_1", true), ("valid_2", true), ("missing_kid", false)])
    func keySetsOfTokensAreReadAsTheNameSays(_ name: String, _ isValid: Bool) throws {
        let value = try JSON.parse(try Self.text("bundle/jwtbundle/testdata/jwks_\(name).json"))
        let keys = try? KeySet(value["keys"]?.array ?? [], uses: ["jwt-svid"], needsIDs: true)
        #expect((keys != nil) == isValid)
    }
}
