import Core
import Foundation
import Testing

@testable import Identity

private let now = Timestamp(seconds: 1_790_000_000)
private let resource = TokenMaker.origin + "/shop"

private func read(_ value: JSON.Value, maker: inout TokenMaker) throws -> TaskStatement {
    try TaskStatement(
        value,
        principal: "alice",
        resource: resource,
        orchestrators: maker.keySet("orchestrator"),
        now: now
    )
}

private func signed(_ changes: JSON.Object = [:], key: String = "orchestrator", header: JSON.Value = ["alg": "ES256"])
    -> JSON.Value
{
    var claims: JSON.Object = ["sub": "alice", "task": "restock", "aud": "$resource:/shop", "exp": "$now+300"]
    for (name, value) in changes { claims[name] = value.isNull ? JSON.Value?.none : value }
    return ["header": header, "claims": .object(claims), "key": .string(key)]
}

@Suite struct TaskTests {
    @Test func aTaskThatTheOrchestratorSignedIsProven() throws {
        var maker = TokenMaker(now: now)
        let token = String(decoding: try maker.make(signed()), as: UTF8.self)
        for value: JSON.Value in [
            .string(token), ["signed": .string(token)], ["signed": .string(token), "id": "restock"],
        ] {
            let task = try read(value, maker: &maker)
            #expect(task.id == "restock" && task.assurance == .signed && task.expiry == now + .seconds(300))
        }
        let words = "Order 20 of a-17 please"
        let digest = JSON.Value.string(Digest.sha256(words.utf8).description)
        let full = String(decoding: try maker.make(signed(["text_digest": digest])), as: UTF8.self)
        #expect(try read(["signed": .string(full), "text": .string(words)], maker: &maker).text == words)
        #expect(throws: TokenFault.self) { try read(["signed": .string(full), "text": "other"], maker: &maker) }
        #expect(throws: TokenFault.self) { try read(["signed": .string(full)], maker: &maker) }
        #expect(throws: TokenFault.self) { try read(["signed": .string(token), "text": "words"], maker: &maker) }
        #expect(throws: TokenFault.self) { try read(["signed": .string(token), "id": "returns"], maker: &maker) }
    }

    @Test func anUnsignedTaskIsDeclared() throws {
        var maker = TokenMaker(now: now)
        let task = try read(["id": "returns", "text": "give it back"], maker: &maker)
        #expect(task.assurance == .declared && task.id == "returns" && task.text == "give it back")
        #expect(try read("returns", maker: &maker).assurance == .declared)
        #expect(try read("a.b.c", maker: &maker).assurance == .declared)
    }

    @Test(
        arguments: [
            [:], ["id": ""], ["id": "*"], ["id": "a*"], ["id": " a"], ["id": "a\u{0}"], ["id": "ä"], ["id": 7],
            ["id": "a", "x": 1],
            ["id": "a", "text": 7], ["signed": 7], ["signed": ""], ["signed": "a.b.c"], ["signed": "eyJ.e30."], "", "*",
            7, nil,
            true, [["id": "a"]], "eyJhbGciOiJub25lIn0.e30.", .string(String(repeating: "a", count: 257)),
        ] as [JSON.Value]
    )
    func anythingElseIsRefused(_ value: JSON.Value) {
        var maker = TokenMaker(now: now)
        #expect(throws: TokenFault.self) { try read(value, maker: &maker) }
    }

    @Test(arguments: [
        signed(["sub": "bob"]), signed(["sub": nil]), signed(["aud": "$resource:/bank"]), signed(["aud": nil]),
        signed(["exp": "$now"]), signed(["exp": nil]), signed(["exp": "$now+86401"]), signed(["task": nil]),
        signed(["task": "*"]), signed(["task": ["restock"]]), signed(["nbf": "$now+60"]), signed(["iat": "$now+60"]),
        signed(key: "other"), signed(["text_digest": "sha256:00"]),
        signed(header: ["alg": "ES256", "typ": "at+jwt"]), signed(header: ["alg": "none"]),
    ])
    func aSignedTaskThatCannotBeProvenIsRefused(_ recipe: JSON.Value) throws {
        var maker = TokenMaker(now: now)
        let token = JSON.Value.string(String(decoding: try maker.make(recipe), as: UTF8.self))
        #expect(throws: TokenFault.self) { try read(["signed": token], maker: &maker) }
        #expect(throws: TokenFault.self) { try read(token, maker: &maker) }
    }

    @Test func nothingIsProvenWithoutKeysOrACaller() throws {
        var maker = TokenMaker(now: now)
        let token = JSON.Value.string(String(decoding: try maker.make(signed()), as: UTF8.self))
        let keys = try maker.keySet("orchestrator")
        for (principal, orchestrators) in [(nil, keys), ("alice", nil)] as [(String?, KeySet?)] {
            #expect(throws: TokenFault.self) {
                try TaskStatement(
                    token,
                    principal: principal,
                    resource: resource,
                    orchestrators: orchestrators,
                    now: now
                )
            }
        }
    }

    /// What the corpus says of tasks: a signature that is not good is refused here, and nothing unsigned is proven.
    @Test(arguments: try! BypassCorpus.cases("sessions").filter { $0["class"]?.string == "task and purpose" })
    func noTaskOfTheCorpusIsProven(_ entry: JSON.Value) throws {
        var maker = TokenMaker(now: now)
        let post = try #require(entry["steps"]?.array?.last?["post"])
        var text = ""
        for piece in post.array ?? [post] {
            if let recipe = piece["sign"] {
                text += String(decoding: try maker.make(recipe), as: UTF8.self)
            } else {
                text += piece.string ?? ""
            }
        }
        // A message that names a task twice is refused before anybody reads it.
        guard let message = try? JSON.parse(text) else { return }
        guard let value = message["params"]?["_meta"]?["dev.lockstep/task"] else { return }
        let outcome = Result { try read(value, maker: &maker) }
        if value["signed"] != nil {
            #expect(throws: TokenFault.self) { try outcome.get() }
        } else {
            #expect((try? outcome.get())?.assurance != .signed)
        }
    }
}
