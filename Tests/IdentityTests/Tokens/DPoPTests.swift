import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let now = Timestamp(seconds: 1_790_000_000)
private let resource = TokenMaker.origin + "/files"

/// Plays the steps of one case of the corpus against token, proof and replay memory; one answer a step.
private func play(_ entry: JSON.Value) throws -> [TokenFault?] {
    var maker = TokenMaker(now: now)
    let keys = try maker.keySet("issuer")
    let tokens = TokenVerifier(issuers: [TokenIssuer(name: TokenMaker.issuer, keys: keys)])
    let verifier = DPoPVerifier(replays: ReplayCache())
    let address = try #require(HTTPAddress(resource))
    var sent: [(token: [UInt8], proof: [UInt8])] = []
    return try (entry["steps"]?.array ?? []).map { step in
        // The proof that comes again comes with the token that it is for.
        let same = step["dpop"]?["same-as"]?.int.map { sent[Int($0)] }
        let token = try same?.token ?? maker.make(try #require(step["token"]))
        let proof = try same?.proof ?? step["dpop"].map { try maker.make($0, token: token) }
        sent.append((token, proof ?? []))
        let proofs = Array(repeating: proof, count: Int(step["proofs"]?.int ?? 1)).compactMap(\.self)
        let scheme = step["scheme"]?.string ?? "Bearer"
        do throws(TokenFault) {
            let credentials = try Credentials(fields: ["\(scheme) " + String(decoding: token, as: UTF8.self)])
            let verified = try tokens.verify(credentials.token, resource: resource, now: now)
            try verifier.admit(
                verified,
                scheme: credentials.scheme,
                proofs: proofs,
                method: "POST",
                address: address,
                now: now
            )
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct DPoPTests {
    @Test(arguments: try! BypassCorpus.cases("tokens").filter { $0["class"]?.string == "DPoP" })
    func whatTheCorpusRefusesIsRefused(_ entry: JSON.Value) throws {
        let faults = try play(entry)
        if entry["expect"]?["client"]?.string == "mixed" {
            #expect(faults.first == .some(nil))
            #expect(faults.dropFirst().allSatisfy { $0?.code == .proofReplayed })
        } else {
            #expect(faults.allSatisfy { $0 != nil })
        }
        let statuses = entry["expect"]?["status"]?.array?.compactMap(\.int) ?? [401]
        #expect(faults.compactMap { $0?.answer.status }.allSatisfy { statuses.contains(Int64($0)) })
    }

    @Test(arguments: try! BypassCorpus.cases("neighbours").filter { $0["steps"]?[0]?["dpop"] != nil })
    func whatTheCorpusAnswersIsAccepted(_ entry: JSON.Value) throws {
        #expect(try play(entry) == [nil])
    }

    /// The proof of RFC 9449 §7.1 (figure 12) with the key of figure 2; its token is the one of that figure.
    @Test func theExampleOfTheStandardIsAccepted() throws {
        let token =
            "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
        let proof =
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
            + ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
            + ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
        let thumbprint = try #require(Base64URL.decode("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".utf8))
        let then = Timestamp(seconds: 1_562_262_618)
        let verified = VerifiedToken(
            issuer: "a",
            subject: "a",
            kind: .jwt,
            id: nil,
            expiry: then + .seconds(60),
            issuedAt: nil,
            notBefore: nil,
            audience: [],
            scopes: [],
            purpose: nil,
            delegation: [],
            confirmation: .key(thumbprint: thumbprint),
            digest: Digest.sha256(token.utf8)
        )
        let address = try #require(HTTPAddress("https://resource.example.org/protectedresource"))
        let verifier = DPoPVerifier(replays: ReplayCache())
        func admit(at time: Timestamp) throws(TokenFault) {
            try verifier.admit(
                verified,
                scheme: .dpop,
                proofs: [Array(proof.utf8)],
                method: "GET",
                address: address,
                now: time
            )
        }
        #expect(throws: TokenFault.self) { try admit(at: then + .seconds(61)) }
        #expect(throws: TokenFault.self) { try admit(at: then - .seconds(31)) }
        #expect(throws: Never.self) { try admit(at: then + .seconds(60)) }
        #expect(throws: TokenFault(.proofReplayed, "the proof was used before", answer: .invalidProof)) {
            try admit(at: then + .seconds(60))
        }
    }

    @Test func aTokenBoundToACertificateNeedsThatCertificate() throws {
        let digest = [UInt8](repeating: 7, count: 32)
        let verified = VerifiedToken(
            issuer: "a",
            subject: "a",
            kind: .jwt,
            id: nil,
            expiry: now + .seconds(60),
            issuedAt: nil,
            notBefore: nil,
            audience: [],
            scopes: [],
            purpose: nil,
            delegation: [],
            confirmation: .certificate(digest: digest),
            digest: Digest.sha256([])
        )
        let address = try #require(HTTPAddress(resource))
        let verifier = DPoPVerifier(replays: ReplayCache())
        for (certificate, isGood) in [(digest, true), (nil, false), ([UInt8](repeating: 8, count: 32), false)] {
            let outcome = Result { () throws(TokenFault) in
                try verifier.admit(
                    verified,
                    scheme: .bearer,
                    proofs: [],
                    method: "POST",
                    address: address,
                    certificate: certificate,
                    now: now
                )
            }
            #expect((outcome.faultCode == nil) == isGood)
        }
    }

    @Test func theMemoryOfProofsIsBoundedAndForgetsOnlyWhatHasExpired() throws {
        let cache = ReplayCache(mostOfOneKey: 3, most: 4)
        let (one, two) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        func admit(_ id: String, _ key: [UInt8], at second: Int64) -> TokenFault.Code? {
            let time = now + .seconds(second)
            return Result { () throws(TokenFault) in
                try cache.admit(id: id, thumbprint: key, until: time + .seconds(60), now: time)
            }.faultCode
        }
        #expect(["a", "b", "c"].allSatisfy { admit($0, one, at: 0) == nil })
        #expect(admit("a", one, at: 60) == .proofReplayed)
        #expect(admit("d", one, at: 0) == .proofFlood)
        #expect(admit("a", two, at: 0) == nil && admit("b", two, at: 0) == .proofFlood)
        #expect(admit("é", one, at: 61) == nil && admit("e\u{301}", one, at: 61) == nil)
        #expect(admit("é", one, at: 61) == .proofReplayed)
        #expect(admit("b", two, at: 62) == nil && cache.count == 3)
    }

    @Test(arguments: [
        ["HTTP://Example.com:80", "http://example.com/"], ["https://a/b%7e?x#y", "https://a/b~"],
        ["https://a:443/%2f", "https://a/%2F"], ["http://[::1]:8080/a", "http://[::1]:8080/a"],
        ["http://a:0080/", "http://a/"],
    ])
    func addressesHaveOneNormalForm(_ pair: [String]) {
        #expect(HTTPAddress(pair[0])?.description == pair[1])
    }

    @Test(arguments: [
        "", "/files", "ftp://a/", "http:///a", "http://u@a/", "http://a/../b", "http://a/%2e%2e/b", "http://a:99999/",
        "http://a:x/", "http://a/%", "http://a/%zz", "http://a/ b", "http://a\\b/", "http://é/", "http://:80/",
    ])
    func whatCouldBeReadDifferentlyHasNoAddress(_ text: String) {
        #expect(HTTPAddress(text) == nil)
    }
}

extension Result where Success == Void, Failure == TokenFault {
    fileprivate var faultCode: TokenFault.Code? {
        if case .failure(let fault) = self { fault.code } else { nil }
    }
}
