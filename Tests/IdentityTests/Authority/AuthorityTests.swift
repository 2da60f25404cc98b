import Core
import Crypto
import Foundation
import Testing

@testable import Identity

private let start = Timestamp(seconds: 1_790_000_000)
private let day: Duration = .seconds(86_400)

@Suite struct AuthorityTests {
    private let scratch: Scratch
    private let store: KeyStore
    private let bot: SPIFFEID

    init() throws {
        scratch = try Scratch()
        store = KeyStore(directory: scratch.file("keys"))
        bot = try SPIFFEID("spiffe://acme/agent/retail-bot")
    }

    private func open(at now: Timestamp = start) throws -> Authority {
        var random = Seeded(seed: 1)
        return try Authority.openOrCreate(store, trustDomain: "acme", now: now, using: &random)
    }

    private func bundle(_ authority: Authority, at now: Timestamp) throws -> TrustBundle {
        try TrustBundle(parsing: JSON.canonical(authority.bundle(now: now)), trustDomain: "acme")
    }

    @Test func aCertificateNamesItsWorkloadForItsTime() throws {
        let authority = try open()
        let key = P256.Signing.PrivateKey()
        let chain = try authority.issueCertificate(bot, publicKey: key.publicKey, now: start)
        let bundle = try bundle(authority, at: start)
        let svid = try X509SVID.verify(chain: chain, bundles: [bundle], now: start + .seconds(3600))
        #expect(svid.id == bot && svid.notAfter == start + .seconds(3600))
        #expect(svid.digest == Digest.sha256(chain[0]).bytes)
        for time in [start - .seconds(31), start + .seconds(3601)] {
            #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: chain, bundles: [bundle], now: time) }
        }
        // The authority itself is no workload, and its certificate may not sign another authority.
        #expect(throws: SVIDFault.self) { try X509SVID(parsing: bundle.authorities) }
        var broken = chain[0]
        broken[broken.count - 1] ^= 1
        #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: [broken], bundles: [bundle], now: start) }
        #expect(throws: SVIDFault.self) { try X509SVID.verify(chain: [], bundles: [bundle], now: start) }
    }

    @Test func aTokenIsProvedByTheBundle() throws {
        let authority = try open()
        let token = try authority.issueToken(
            bot,
            audience: ["https://gw/files"],
            purpose: "restock",
            confirmation: [UInt8](repeating: 7, count: 32),
            tokenID: "one",
            now: start
        )
        let keys = try KeySet(parsing: JSON.canonical(authority.bundle(now: start)))
        let verifier = TokenVerifier(issuers: [TokenIssuer(name: "spiffe://acme", keys: keys)])
        let verified = try verifier.verify(token, resource: "https://gw/files", now: start)
        #expect(verified.kind == .spiffe && verified.subject == bot.description && verified.purpose == "restock")
        #expect(verified.confirmation == .key(thumbprint: [UInt8](repeating: 7, count: 32)))
        #expect(verified.expiry == start + .seconds(3600))
    }

    @Test func aKeyIsPublishedBeforeItSignsAndAfter() throws {
        let key = P256.Signing.PrivateKey().publicKey
        let first = try open()
        let old = try bundle(first, at: start)
        let turned = start + day
        var random = Seeded(seed: 2)
        let both = try Authority.rotate(store, now: turned, using: &random)
        #expect(try bundle(both, at: turned).authorities.count == 2)
        func isProved(by bundle: TrustBundle, at now: Timestamp) throws -> Bool {
            let chain = try both.issueCertificate(bot, publicKey: key, life: day, now: now)
            return (try? X509SVID.verify(chain: chain, bundles: [bundle], now: now)) != nil
        }
        // Who still holds the old bundle can verify until the new one had time to arrive.
        #expect(try isProved(by: old, at: turned + .seconds(599)))
        #expect(try !isProved(by: old, at: turned + .seconds(600)))
        // What the old key signed last is proved until it ends.
        let last = try both.issueCertificate(bot, publicKey: key, life: day, now: turned + .seconds(599))
        let end = turned + day + .seconds(599)
        #expect(try X509SVID.verify(chain: last, bundles: [bundle(both, at: end)], now: end).id == bot)
        let alone = try bundle(both, at: turned + day + .seconds(600))
        #expect(alone.authorities.count == 1 && alone.tokenKeys?.keys.count == 1)
        let before = try bundle(both, at: turned).sequence ?? .max
        #expect(alone.sequence ?? 0 > before)
        #expect(try Authority.open(store)?.summary.map(\.id) == both.summary.map(\.id))
    }

    @Test func anAuthorityStaysWhatItIs() throws {
        let first = try open()
        #expect(
            try JSON.canonical(open(at: start + day).bundle(now: start)) == JSON.canonical(first.bundle(now: start))
        )
        var random = Seeded(seed: 3)
        #expect(throws: AuthorityError.self) {
            try Authority.openOrCreate(store, trustDomain: "other", now: start, using: &random)
        }
        // A key that was rotated without the authority gets its certificate when the authority is next opened.
        _ = try store.rotate(.issuer, now: start + day, using: &random)
        #expect(try open(at: start + day).summary.count == 2)
        let text = try scratch.text("keys/authority.json")
        #expect(!text.contains(Base64.encode(try store.load(.issuer).current.secret.revealed)))
    }

    @Test func whatItMayNotIssueIsRefused() throws {
        let authority = try open()
        let key = P256.Signing.PrivateKey().publicKey
        for text in ["spiffe://other/agent/a", "spiffe://acme"] {
            let id = try SPIFFEID(text)
            #expect(throws: AuthorityError.self) { try authority.issueCertificate(id, publicKey: key, now: start) }
        }
        for life in [Duration.seconds(0), .seconds(-1), .seconds(86_401)] {
            #expect(throws: AuthorityError.self) {
                try authority.issueCertificate(bot, publicKey: key, life: life, now: start)
            }
        }
        #expect(throws: AuthorityError.self) {
            try authority.issueToken(bot, audience: [], tokenID: "a", now: start)
        }
        #expect(throws: AuthorityError.self) {
            try authority.issueCertificate(bot, publicKey: key, now: start + Authority.keyLife)
        }
        var random = Seeded(seed: 4)
        #expect(throws: AuthorityError.self) {
            try Authority.openOrCreate(store, trustDomain: "Acme", now: start, using: &random)
        }
        #expect(try Authority.open(KeyStore(directory: scratch.file("none"))) == nil)
    }
}

@Suite struct PostureTests {
    private let signer = TokenSigner(.p256(P256.Signing.PrivateKey()), id: "posture-1")

    private func keys() throws -> KeySet {
        var members = signer.publicMembers
        members["kid"] = "posture-1"
        return try KeySet(parsing: JSON.canonical(["keys": [.object(members)]]))
    }

    private func statement() -> PostureStatement {
        PostureStatement(
            subject: "spiffe://acme/agent/a",
            binary: Digest.sha256([1]),
            configuration: Digest.sha256([2]),
            version: "1.2.3",
            thumbprint: [UInt8](repeating: 7, count: 32),
            audience: "gw",
            nonce: "n-1",
            issued: start
        )
    }

    private func read(
        _ bytes: [UInt8],
        subject: String = "spiffe://acme/agent/a",
        thumbprint: [UInt8]? = nil,
        audience: String? = "gw",
        nonce: String? = "n-1",
        at now: Timestamp = start
    ) throws -> PostureStatement {
        try PostureStatement(
            verifying: bytes,
            keys: keys(),
            subject: subject,
            thumbprint: thumbprint,
            audience: audience,
            nonce: nonce,
            now: now
        )
    }

    @Test func aStatementSaysWhatRunsForFiveMinutes() throws {
        let bytes = try statement().sign(with: signer)
        #expect(try read(bytes) == statement())
        #expect(try read(bytes, thumbprint: [UInt8](repeating: 7, count: 32), at: start + .seconds(299)) == statement())
        #expect(throws: TokenFault.self) { try read(bytes, at: start + .seconds(300)) }
        #expect(throws: TokenFault.self) { try read(bytes, at: start - .seconds(31)) }
        #expect(throws: TokenFault.self) { try read(bytes, subject: "spiffe://acme/agent/b") }
        #expect(throws: TokenFault.self) { try read(bytes, thumbprint: [UInt8](repeating: 8, count: 32)) }
        #expect(throws: TokenFault.self) { try read(bytes, audience: "other") }
        #expect(throws: TokenFault.self) { try read(bytes, nonce: "n-2") }
        let other = TokenSigner(.p256(P256.Signing.PrivateKey()), id: "posture-1")
        #expect(throws: TokenFault.self) { try read(try statement().sign(with: other)) }
    }

    @Test(
        arguments: [
            ["exp": 1_790_000_301], ["exp": nil], ["iat": nil], ["cnf": nil], ["cnf": ["x5t#S256": "AAAA"]],
            ["binary_digest": "sha256:00"], ["configuration_digest": nil], ["swversion": ""], ["eat_profile": "other"],
        ] as [JSON.Object]
    )
    func aStatementThatIsOddIsRefused(_ changes: JSON.Object) throws {
        var claims = try JSONWebToken(parsing: try statement().sign(with: signer)).claims
        for (name, value) in changes { claims[name] = value.isNull ? JSON.Value?.none : value }
        let bytes = try signer.sign(claims, type: PostureStatement.type)
        #expect(throws: TokenFault.self) { try read(bytes) }
    }

    @Test func anAccessTokenIsNoStatementAndAStatementNoAccessToken() throws {
        let claims = try JSONWebToken(parsing: try statement().sign(with: signer)).claims
        #expect(throws: TokenFault.self) { try read(try signer.sign(claims, type: "JWT")) }
        let verifier = TokenVerifier(issuers: [TokenIssuer(name: "spiffe://acme", keys: try keys())])
        #expect(throws: TokenFault.self) {
            try verifier.verify(try statement().sign(with: signer), resource: "gw", now: start)
        }
    }
}
