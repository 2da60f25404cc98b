import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let now = Timestamp(seconds: 1_790_000_000)

/// One authority and a leaf of it, with what is to be wrong.
private struct Pair {
    let authority: P256.Signing.PrivateKey
    let bundle: TrustBundle
    let leaf: [UInt8]

    init(
        authority changes: (inout CertificateForm) -> Void = { _ in },
        leaf other: (inout CertificateForm) -> Void = { _ in }
    ) throws {
        authority = P256.Signing.PrivateKey()
        let name = CertificateForm.name(organization: "acme", common: "root")
        var root = CertificateForm(
            issuer: name,
            subject: name,
            notBefore: now - .seconds(60),
            notAfter: now + .seconds(60),
            publicKey: authority.publicKey,
            extensions: [CertificateForm.authority(below: 0), CertificateForm.usage(.certificates)]
        )
        changes(&root)
        let key = P256.Signing.PrivateKey()
        var form = CertificateForm(
            issuer: name,
            subject: CertificateForm.name(organization: "a", common: nil),
            notBefore: now - .seconds(60),
            notAfter: now + .seconds(60),
            publicKey: key.publicKey,
            extensions: [
                CertificateForm.noAuthority, CertificateForm.usage(.signature), CertificateForm.uri("spiffe://acme/a"),
            ]
        )
        other(&form)
        bundle = try TrustBundle(trustDomain: "acme", authorities: [try root.sign(with: authority)])
        leaf = try form.sign(with: authority)
    }

    func verify() throws(SVIDFault) -> X509SVID {
        try X509SVID.verify(chain: [leaf], bundles: [bundle], now: now)
    }
}

@Suite struct CertificateTests {
    @Test func aGoodPairVerifies() throws {
        #expect(try Pair().verify().id.description == "spiffe://acme/a")
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: SVIDFault.Code
        var authority: @Sendable (inout CertificateForm) -> Void = { _ in }
        var leaf: @Sendable (inout CertificateForm) -> Void = { _ in }
    }

    @Test(arguments: [
        Wrong(
            testDescription: "two ids",
            code: .malformed,
            leaf: { $0.extensions.append(CertificateForm.uri("spiffe://acme/b")) }
        ),
        Wrong(testDescription: "no id", code: .identity, leaf: { $0.extensions.removeLast() }),
        Wrong(
            testDescription: "another id",
            code: .identity,
            leaf: { $0.extensions[2] = CertificateForm.uri("https://acme/a") }
        ),
        Wrong(
            testDescription: "another domain",
            code: .untrusted,
            leaf: { $0.extensions[2] = CertificateForm.uri("spiffe://b/a") }
        ),
        Wrong(testDescription: "no usage", code: .usage, leaf: { $0.extensions.remove(at: 1) }),
        Wrong(testDescription: "another issuer", code: .untrusted, leaf: { $0.issuer = $0.subject }),
        Wrong(testDescription: "over", code: .notValidNow, leaf: { $0.notAfter = now - .seconds(1) }),
        Wrong(testDescription: "not yet", code: .notValidNow, leaf: { $0.notBefore = now + .seconds(1) }),
        Wrong(testDescription: "authority over", code: .notValidNow, authority: { $0.notAfter = now - .seconds(1) }),
        Wrong(
            testDescription: "signer is no authority",
            code: .usage,
            authority: { $0.extensions[0] = CertificateForm.noAuthority }
        ),
        Wrong(
            testDescription: "signer may not sign",
            code: .usage,
            authority: { $0.extensions[1] = CertificateForm.usage(.revocations) }
        ),
        Wrong(
            testDescription: "another key",
            code: .untrusted,
            authority: { $0.publicKey = P256.Signing.PrivateKey().publicKey }
        ),
    ])
    func whatIsWrongIsRefused(_ wrong: Wrong) throws {
        do {
            _ = try Pair(authority: wrong.authority, leaf: wrong.leaf).verify()
            Issue.record("accepted")
        } catch let fault as SVIDFault {
            #expect(fault.code == wrong.code)
        }
    }

    @Test func twoURIsAreNoIdentity() throws {
        let names = ["spiffe://acme/a", "https://acme/a"].map { DER.value(0x86, Array($0.utf8)) }
        let value = DER.value(DER.sequence, names[0], names[1])
        let both = DER.value(
            DER.sequence,
            DER.value(DER.object, ObjectID.alternativeName),
            DER.value(DER.octetString, value)
        )
        let pair = try Pair(leaf: { $0.extensions[2] = both })
        #expect(throws: SVIDFault(.identity, "an svid has exactly one uri among its names")) { try pair.verify() }
    }

    private static func entry(_ id: [UInt8], _ flag: [UInt8], _ value: [UInt8]) -> [UInt8] {
        DER.value(DER.sequence, DER.value(DER.object, id), flag, DER.value(DER.octetString, value))
    }

    private static let yes = DER.value(DER.boolean, [0xFF])
    private static let no = DER.value(DER.boolean, [0])
    private static let uri = DER.value(0x86, Array("spiffe://acme/a".utf8))

    private static func named(_ more: [UInt8]) -> [UInt8] {
        entry(ObjectID.alternativeName, [], DER.value(DER.sequence, uri, more))
    }

    private static func subject(_ value: [UInt8], in outer: UInt8 = DER.set) -> [UInt8] {
        let part = DER.value(DER.sequence, DER.value(DER.object, ObjectID.organization), value)
        return DER.value(DER.sequence, DER.value(outer, part))
    }

    /// What swift-certificates refuses as well.
    ///
    /// X.690 §8.14, §11.2 and §11.5; RFC 5280 §4.1.2.4 and §4.2.1.6.
    @Test(arguments: [
        Wrong(
            testDescription: "a critical that is written as false",
            code: .malformed,
            leaf: { $0.extensions[2] = entry(ObjectID.alternativeName, no, DER.value(DER.sequence, uri)) }
        ),
        Wrong(
            testDescription: "no authority, written as false",
            code: .malformed,
            leaf: { $0.extensions[0] = entry(ObjectID.basicConstraints, yes, DER.value(DER.sequence, no)) }
        ),
        Wrong(
            testDescription: "a usage with bits that say nothing",
            code: .malformed,
            leaf: { $0.extensions[1] = entry(ObjectID.keyUsage, yes, DER.value(DER.bitString, [0, 0x80])) }
        ),
        Wrong(
            testDescription: "more usages than there are",
            code: .malformed,
            leaf: { $0.extensions[1] = entry(ObjectID.keyUsage, yes, DER.value(DER.bitString, [0, 0x80, 1])) }
        ),
        Wrong(testDescription: "a name that is none", code: .malformed, leaf: { $0.extensions[2] = named([0x89, 0]) }),
        Wrong(
            testDescription: "a uri in pieces",
            code: .malformed,
            leaf: { $0.extensions[2] = named(DER.value(0xA6, DER.value(0x86, [0x61]))) }
        ),
        Wrong(
            testDescription: "a host in another alphabet",
            code: .malformed,
            leaf: { $0.extensions[2] = named(DER.value(0x82, [0xC3, 0xA9])) }
        ),
        Wrong(
            testDescription: "a subject that is no list of sets",
            code: .malformed,
            leaf: { $0.subject = subject(DER.value(DER.text, [0x61]), in: DER.sequence) }
        ),
        Wrong(
            testDescription: "a subject whose text is in pieces",
            code: .malformed,
            leaf: { $0.subject = subject(DER.value(DER.text | 0x20, DER.value(DER.text, [0x61]))) }
        ),
        Wrong(
            testDescription: "a subject with more than a value",
            code: .malformed,
            leaf: { $0.subject = subject(DER.value(DER.text, [0x61]) + DER.value(DER.text, [0x62])) }
        ),
        Wrong(
            testDescription: "a length that is longer than it needs to be, deep inside",
            code: .malformed,
            leaf: { $0.subject = subject([DER.text, 0x81, 1, 0x61]) }
        ),
    ])
    func whatIsNotDistinguishedIsRefused(_ wrong: Wrong) throws { try whatIsWrongIsRefused(wrong) }

    @Test(
        arguments: [
            ([0], true), ([1], true), ([0x7F], true), ([0, 0x80], true), ([], false), ([0, 0x7F], false),
            ([0, 0], false),
            ([0x80], false), ([0xFF, 0x80], false),
        ] as [([UInt8], Bool)]
    )
    func aNumberHasOneForm(_ content: [UInt8], _ isGood: Bool) {
        var reader = DER.Reader(DER.value(DER.integer, content)[...])
        #expect((try? reader.number()) == (isGood ? .some(content[...]) : .none))
    }

    @Test(arguments: 0..<64)
    func aChangedCertificateIsRefusedAndHarmless(_ seed: Int) throws {
        let pair = try Pair()
        var random = Seeded(seed: UInt64(seed))
        for _ in 0..<20 {
            var bytes = pair.leaf
            let position = Int.random(in: 0..<bytes.count, using: &random)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            bytes[position] ^= bit
            #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: [bytes], bundles: [pair.bundle], now: now) }
            let short = Array(pair.leaf.prefix(position))
            #expect(throws: SVIDFault.self) { try X509SVID(parsing: [short]) }
        }
        #expect(throws: SVIDFault.self) { try X509SVID(parsing: [pair.leaf + [0]]) }
    }

    @Test(
        arguments: [
            [0x30], [0x30, 0x80], [0x30, 0x81, 0x7F], [0x30, 0x82, 0x00, 0xFF], [0x30, 0x84, 0, 0, 0, 1],
            [0x1F, 0x81, 0x01, 0],
            [0x30, 0x02, 0x00],
        ] as [[UInt8]]
    )
    func lengthsHaveOneForm(_ bytes: [UInt8]) {
        var reader = DER.Reader(bytes[...])
        #expect(throws: SVIDFault.self) { try reader.next() }
    }
}
