import Core
import Crypto
import Identity
import Synchronization
import Testing

@testable import Gateway

private let now = Timestamp(seconds: 1_800_000_000)

/// A clock that goes forward when it is told.
private final class Ticks: Sendable {
    private let time = Mutex(Duration.zero)
    func advance(_ by: Duration) { time.withLock { $0 += by } }
    var clock: @Sendable () -> Duration { { self.time.withLock { $0 } } }
}

private struct Workspace {
    let signer = DSSESigner.ed25519(Curve25519.Signing.PrivateKey())

    func kill(_ principal: String, reason: String = "leak") throws -> RevocationProof {
        let statement = RevocationStatement(.kill, principal: principal, reason: reason, by: "ana", time: now)
        let type = RevocationStatement.payloadType
        return .envelope(try DSSEEnvelope(payload: statement.canonicalBytes, type: type, signers: [signer]))
    }

    func list(_ number: Int64, _ kills: [RevocationProof] = []) throws -> Result<[UInt8], RevocationList.Fault> {
        .success(try RevocationList(number: number, time: now, kills: kills).envelope(signer: signer).bytes)
    }
}

@Suite struct RevocationPullTests {
    private let ticks = Ticks()
    private let workspace = Workspace()
    private var keys: [DSSEKey] { [workspace.signer.key] }

    private func pull(after number: Int64 = 0) -> RevocationPull {
        RevocationPull(source: "lists", number: number, elapsed: ticks.clock)
    }

    @Test func `before the first list and a minute after the last one it is stale`() throws {
        let pull = pull()
        #expect(pull.isStale)
        #expect(pull.take(try workspace.list(1), keys: keys, at: now) != nil)
        #expect(!pull.isStale)
        ticks.advance(.seconds(59))
        #expect(!pull.isStale)
        ticks.advance(.seconds(1))
        #expect(pull.isStale)
        #expect(pull.json["age"]?.int == 60)
        #expect(pull.json["fault"] == .some(.null))
        _ = pull.take(try workspace.list(2), keys: keys, at: now)
        #expect(!pull.isStale)
    }

    @Test func `a list that was there before renews nothing, whatever time it names`() throws {
        let pull = pull()
        _ = pull.take(try workspace.list(7), keys: keys, at: now)
        ticks.advance(.seconds(61))
        let later = RevocationList(number: 7, time: now + .seconds(3_600))
        #expect(pull.take(try workspace.list(7), keys: keys, at: now) == nil)
        #expect(pull.take(.success(try later.envelope(signer: workspace.signer).bytes), keys: keys, at: now) == nil)
        #expect(pull.take(try workspace.list(6), keys: keys, at: now) == nil)
        #expect(pull.isStale)
        #expect(pull.json["fault"]?.string == "it is older than one that was read before")
    }

    @Test func `lists that come late one after the other deny, and none of them counts as fresh`() throws {
        let (pull, kill) = (pull(), try workspace.kill("alice"))
        for number: Int64 in 1...5 {
            let late = try workspace.list(number, [kill])
            let news = pull.take(late, keys: keys, at: now + .seconds(60 * number))
            #expect(news?.kills.count == (number == 1 ? 1 : 0))
            #expect(pull.isStale)
        }
        #expect(pull.json["fault"]?.string == "it came with a time 300 s ago: late, or a clock is wrong")
    }

    @Test func `what a list was kept back for is taken off the minute`() throws {
        let pull = pull()
        #expect(pull.take(try workspace.list(1), keys: keys, at: now + .seconds(45)) != nil)
        #expect(!pull.isStale)
        #expect(pull.json["age"]?.int == 45)
        ticks.advance(.seconds(15))
        #expect(pull.isStale)
    }

    @Test func `a time ahead is good for no more than the minute, and a whole minute ahead for nothing`() throws {
        let pull = pull()
        #expect(pull.take(try workspace.list(1), keys: keys, at: now - .seconds(60)) != nil)
        #expect(pull.isStale)
        #expect(pull.take(try workspace.list(2), keys: keys, at: now - .seconds(30)) != nil)
        ticks.advance(.seconds(59))
        #expect(!pull.isStale)
        ticks.advance(.seconds(1))
        #expect(pull.isStale)
    }

    @Test func `after a restart only a list with a higher number is news`() throws {
        let pull = pull(after: 7)
        #expect(pull.take(try workspace.list(7), keys: keys, at: now) == nil)
        #expect(pull.isStale)
        #expect(pull.take(try workspace.list(8), keys: keys, at: now) != nil)
        #expect(!pull.isStale)
    }

    @Test func `a list of another key, a damaged one and none at all renew nothing`() throws {
        let pull = pull()
        let other = Workspace()
        #expect(pull.take(try other.list(1), keys: keys, at: now) == nil)
        #expect(pull.take(try workspace.list(1), keys: [], at: now) == nil)
        #expect(pull.take(.success(Array("{}".utf8)), keys: keys, at: now) == nil)
        #expect(pull.take(.success(Array(try workspace.list(1).get().dropLast(8))), keys: keys, at: now) == nil)
        #expect(pull.take(.failure(.init("it does not exist")), keys: keys, at: now) == nil)
        #expect(pull.isStale)
        #expect(pull.json["fault"]?.string == "it does not exist")
    }

    @Test func `a kill is news once, and what was lifted here stays lifted`() throws {
        let (pull, kill) = (pull(), try workspace.kill("alice"))
        let denied = try Revocations(control: ControlKeys(keys: keys))
        let first = try #require(pull.take(try workspace.list(1, [kill]), keys: keys, at: now))
        #expect(denied.deny(published: first.kills, at: now).count == 1)
        #expect(denied.denies(Caller(principal: .init(id: "alice", kind: .jwt))))
        #expect(pull.take(try workspace.list(2, [kill]), keys: keys, at: now)?.kills == [])
        // After a restart of the gateway the list is read anew, and the entry is known by what was signed.
        #expect(denied.deny(published: [kill], at: now).isEmpty)
        #expect(denied.deny(published: [try workspace.kill("alice", reason: "again")], at: now).count == 1)
    }

    @Test func `a kill that nobody here believes denies all the same, once`() throws {
        let denied = try Revocations()
        let kill = try workspace.kill("alice")
        #expect(denied.deny(published: [kill], at: now).count == 1)
        #expect(denied.deny(published: [kill], at: now).isEmpty)
        #expect(denied.entries[0].proof == nil)
        #expect(denied.entries[0].by == "user:ana")
    }

    @Test(arguments: ["schema", "number", "time", "kills"])
    func `a list that lacks a member is none`(member: String) throws {
        let list = RevocationList(number: 1, time: now, kills: [try workspace.kill("alice")])
        var object = try #require(list.json.object)
        #expect(RevocationList(.object(object)) == list)
        object[member] = nil
        #expect(RevocationList(.object(object)) == nil)
        object[member] = .bool(true)
        #expect(RevocationList(.object(object)) == nil)
    }
}

@Suite struct DiskQueueTests {
    @Test func `work is done in its order, one piece at a time`() async {
        let queue = DiskQueue()
        let done = Mutex<[Int]>([])
        for number in 0..<1_000 { queue.run { done.withLock { $0.append(number) } } }
        await queue.finish()
        #expect(done.withLock { $0 } == Array(0..<1_000))
    }
}
