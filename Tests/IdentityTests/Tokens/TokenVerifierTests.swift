import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let now = Timestamp(seconds: 1_790_000_000)
private let resource = TokenMaker.origin + "/files"

/// A token of the issuer with these claims changed; null takes one away.
private func token(_ changes: JSON.Object = [:], header: JSON.Value = ["alg": "ES256"]) -> JSON.Value {
    var claims: JSON.Object = [
        "iss": "$issuer", "sub": "alice", "aud": "$resource:/files", "exp": "$now+300", "iat": "$now", "jti": "$new",
    ]
    for (key, value) in changes { claims[key] = value.isNull ? JSON.Value?.none : value }
    return ["header": header, "claims": .object(claims), "key": "issuer"]
}

private func verifier(_ maker: inout TokenMaker) throws -> TokenVerifier {
    TokenVerifier(issuers: [TokenIssuer(name: TokenMaker.issuer, keys: try maker.keySet("issuer"))])
}

private func outcome(_ recipe: JSON.Value, at time: Timestamp = now) throws -> Result<VerifiedToken, TokenFault> {
    var maker = TokenMaker(now: now)
    let verifier = try verifier(&maker)
    let bytes = try maker.make(recipe)
    return Result { () throws(TokenFault) in try verifier.verify(bytes, resource: resource, now: time) }
}

extension Result where Failure == TokenFault {
    var fault: TokenFault.Code? {
        if case .failure(let fault) = self { fault.code } else { nil }
    }
}

@Suite struct TokenVerifierTests {
    @Test func aGoodTokenSaysWhoCallsForWhatAndUntilWhen() throws {
        let recipe = token([
            "scope": "files:read files:list", "purpose": "restock",
            "act": ["sub": "planner", "act": ["sub": "front"]],
        ])
        let verified = try outcome(recipe).get()
        #expect(verified.subject == "alice" && verified.kind == .jwt && verified.issuer == TokenMaker.issuer)
        #expect(verified.expiry == now + .seconds(300) && verified.issuedAt == now)
        #expect(verified.scopes == ["files:read", "files:list"] && verified.purpose == "restock")
        #expect(verified.delegation == ["planner", "front"])
        #expect(verified.confirmation == .none && verified.isFor(resource))
    }

    struct Wrong: CustomTestStringConvertible {
        var claims: JSON.Object
        var code: TokenFault.Code
        var testDescription: String { JSON.Value.object(claims).description }
    }

    @Test(arguments: [
        Wrong(claims: ["sub": ""], code: .subject), Wrong(claims: ["sub": " alice"], code: .subject),
        Wrong(claims: ["sub": "al*"], code: .subject), Wrong(claims: ["sub": 7], code: .subject),
        Wrong(claims: ["sub": "spiffe://acme/a"], code: .subject),
        Wrong(claims: ["sub": "SPIFFE://acme/a"], code: .subject),
        Wrong(claims: ["sub": "spiffe://Acme/a"], code: .subject),
        Wrong(claims: ["aud": []], code: .audience), Wrong(claims: ["aud": [7]], code: .claim),
        Wrong(claims: ["aud": ["a": 1]], code: .claim), Wrong(claims: ["aud": "$resource:/Files"], code: .audience),
        Wrong(claims: ["exp": nil], code: .claim), Wrong(claims: ["exp": -1], code: .claim),
        Wrong(claims: ["exp": 1e300], code: .claim), Wrong(claims: ["exp": "$now"], code: .expired),
        Wrong(claims: ["nbf": "$now+31"], code: .notYetValid), Wrong(claims: ["iat": "$now+31"], code: .notYetValid),
        Wrong(claims: ["iat": "$now-86401"], code: .tooOld), Wrong(claims: ["exp": "$now+86431"], code: .tooOld),
        Wrong(claims: ["iat": true], code: .claim), Wrong(claims: ["scope": 7], code: .claim),
        Wrong(claims: ["purpose": ""], code: .claim), Wrong(claims: ["purpose": ["a"]], code: .claim),
        Wrong(claims: ["purpose": "*"], code: .claim), Wrong(claims: ["purpose": "r\u{435}stock"], code: .claim),
        Wrong(claims: ["act": "planner"], code: .claim), Wrong(claims: ["act": [:]], code: .claim),
        Wrong(claims: ["cnf": [:]], code: .claim), Wrong(claims: ["cnf": ["jkt": "AAAA"]], code: .claim),
        Wrong(claims: ["cnf": ["kid": "a"]], code: .claim), Wrong(claims: ["cnf": "a"], code: .claim),
        Wrong(claims: ["jti": 7], code: .claim), Wrong(claims: ["iss": 7], code: .unknownIssuer),
        Wrong(claims: ["iss": nil], code: .unknownIssuer), Wrong(claims: ["iss": "$issuer/"], code: .unknownIssuer),
    ])
    func aClaimThatIsOddIsRefused(_ wrong: Wrong) throws {
        #expect(try outcome(token(wrong.claims)).fault == wrong.code)
    }

    struct Odd: CustomTestStringConvertible {
        var header: String
        var code: TokenFault.Code
        var testDescription: String { header }
    }

    @Test(arguments: [
        Odd(header: #"{"alg":"ES384"}"#, code: .unknownKey), Odd(header: #"{"alg":"RS256"}"#, code: .unknownKey),
        Odd(header: #"{"alg":"none"}"#, code: .algorithm), Odd(header: #"{"alg":"HS256"}"#, code: .algorithm),
        Odd(header: #"{"alg":"es256"}"#, code: .algorithm), Odd(header: "{}", code: .algorithm),
        Odd(header: #"{"alg":"ES512"}"#, code: .algorithm),
        Odd(header: #"{"alg":"ES256","kid":"other"}"#, code: .unknownKey),
        Odd(header: #"{"alg":"ES256","kid":""}"#, code: .header),
        Odd(header: #"{"alg":"ES256","typ":"dpop+jwt"}"#, code: .type),
        Odd(header: #"{"alg":"ES256","typ":"logout+jwt"}"#, code: .type),
        Odd(header: #"{"alg":"ES256","typ":7}"#, code: .header),
        Odd(header: #"{"alg":"ES256","crit":["exp"]}"#, code: .header),
        Odd(header: #"{"alg":"ES256","jwk":{}}"#, code: .header), Odd(header: "[]", code: .malformed),
        Odd(header: #"{"alg":"ES256",}"#, code: .malformed),
    ])
    func aHeaderThatIsOddIsRefused(_ odd: Odd) throws {
        var recipe = try #require(token().object)
        recipe["header"] = nil
        recipe["header-text"] = .string(odd.header)
        #expect(try outcome(.object(recipe)).fault == odd.code)
    }

    @Test(arguments: ["JWT", "at+jwt", "AT+JWT", "application/at+jwt", "JOSE"])
    func typesOfAccessTokensAreAccepted(_ type: String) throws {
        #expect(try outcome(token(header: ["alg": "ES256", "typ": .string(type)])).fault == nil)
    }

    @Test func delegationEndsAtTenActors() throws {
        func chain(_ count: Int) -> JSON.Value {
            (1..<count).reduce(["sub": "a"]) { inner, _ in ["sub": "a", "act": inner] }
        }
        #expect(try outcome(token(["act": chain(10)])).get().delegation.count == 10)
        #expect(try outcome(token(["act": chain(11)])).fault == .claim)
    }

    @Test func aWorkloadIsNamedOnlyByItsTrustDomain() throws {
        var maker = TokenMaker(now: now)
        let keys = try maker.keySet("issuer")
        let verifier = TokenVerifier(issuers: [
            TokenIssuer(name: TokenMaker.issuer, keys: try maker.keySet("other")),
            TokenIssuer(name: "spiffe://acme", keys: keys),
        ])
        func check(_ changes: JSON.Object) throws -> Result<VerifiedToken, TokenFault> {
            let bytes = try maker.make(token(changes))
            return Result { () throws(TokenFault) in try verifier.verify(bytes, resource: resource, now: now) }
        }
        let svid = try check(["iss": nil, "sub": "spiffe://acme/agent/retail-bot"]).get()
        #expect(svid.kind == .spiffe && svid.issuer == "spiffe://acme")
        #expect(try check(["iss": "spiffe://acme", "sub": "spiffe://acme/agent/retail-bot"]).fault == nil)
        #expect(try check(["iss": "spiffe://acme", "sub": "spiffe://evil/agent/a"]).fault == .subject)
        #expect(try check(["iss": nil, "sub": "spiffe://evil/agent/a"]).fault == .unknownIssuer)
        #expect(try check(["iss": "spiffe://acme", "sub": "spiffe://acme"]).fault == .subject)
    }

    @Test func aCachedTokenIsStillHeldToTimeAudienceAndKeys() throws {
        var maker = TokenMaker(now: now)
        let first = try verifier(&maker)
        let bytes = try maker.make(token())
        var cache = TokenCache(capacity: 2)
        let verified = try cache.verify(bytes, resource: resource, by: first, now: now)
        #expect(try cache.verify(bytes, resource: resource, by: first, now: now + .seconds(299)) == verified)
        #expect(throws: TokenFault.self) {
            try cache.verify(bytes, resource: resource, by: first, now: now + .seconds(300))
        }
        #expect(throws: TokenFault.self) { try cache.verify(bytes, resource: resource + "x", by: first, now: now) }
        let rotated = TokenVerifier(issuers: [TokenIssuer(name: TokenMaker.issuer, keys: try maker.keySet("other"))])
        #expect(throws: TokenFault.self) { try cache.verify(bytes, resource: resource, by: rotated, now: now) }
        #expect(cache.count == 0)
        for _ in 0..<5 { _ = try cache.verify(try maker.make(token()), resource: resource, by: first, now: now) }
        #expect(cache.count == 2)
    }

    @Test(arguments: 0..<64)
    func aTokenChangedInOneByteIsRefused(_ seed: Int) throws {
        var maker = TokenMaker(now: now)
        let verifier = try verifier(&maker)
        var bytes = try maker.make(token())
        var random = Seeded(seed: UInt64(seed))
        let position = Int.random(in: 0..<bytes.count, using: &random)
        let old = bytes[position]
        while bytes[position] == old { bytes[position] = UInt8.random(in: 0...255, using: &random) }
        #expect(throws: TokenFault.self) { try verifier.verify(bytes, resource: resource, now: now) }
        #expect(throws: TokenFault.self) {
            try verifier.verify(Array(bytes.prefix(position)), resource: resource, now: now)
        }
    }

    @Test(arguments: try! BypassCorpus.cases("tokens").filter { $0["class"]?.string == "tokens" })
    func whatTheCorpusRefusesIsRefused(_ entry: JSON.Value) throws {
        var maker = TokenMaker(now: now)
        let verifier = try verifier(&maker)
        let step = try #require(entry["steps"]?.array?.last)
        var fields: [String] = []
        if let recipe = step["token"] {
            let scheme = step["scheme"]?.string ?? "Bearer"
            fields = ["\(scheme) " + String(decoding: try maker.make(recipe), as: UTF8.self)]
        } else if let headers = step["headers"]?.array {
            let good = "Bearer " + String(decoding: try maker.make(token()), as: UTF8.self)
            fields = headers.filter { $0[0]?.string?.lowercased() == "authorization" }.map { header in
                (header[1]?.array ?? [header[1] ?? .null]).map { $0.string ?? good }.joined()
            }
        }
        #expect(throws: TokenFault.self, "\(entry["id"] ?? .null)") {
            try verifier.verify(try Credentials(fields: fields).token, resource: resource, now: now)
        }
    }

    @Test(arguments: try! BypassCorpus.cases("neighbours").filter { $0["steps"]?[0]?["token"] != nil })
    func whatTheCorpusAnswersIsAccepted(_ entry: JSON.Value) throws {
        var maker = TokenMaker(now: now)
        let verifier = try verifier(&maker)
        let step = try #require(entry["steps"]?[0])
        let bytes = try maker.make(try #require(step["token"]))
        let path = try #require(step["to"]?.string)
        #expect(throws: Never.self) {
            try verifier.verify(bytes, resource: TokenMaker.origin + path, now: now)
        }
    }
}
