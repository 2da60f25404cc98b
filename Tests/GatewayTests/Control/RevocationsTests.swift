import Core
import Synchronization
import Testing

@testable import Gateway

private let now = Timestamp(seconds: 1_800_000_000)

private final class Disk: RevocationStore {
    let kept = Mutex<[Revocations.Entry]>([])
    let isFull = Mutex(false)

    var mark: RevocationMark? { nil }
    func load(_: ControlKeys) throws -> [Revocations.Entry] { kept.withLock { $0 } }
    func update(_: ControlKeys, _ change: ([Revocations.Entry]?) -> [Revocations.Entry]?) -> RevocationMark? {
        guard let entries = change(kept.withLock { $0 }), !isFull.withLock({ $0 }) else { return nil }
        kept.withLock { $0 = entries }
        return RevocationMark([Int64(entries.count)])
    }
}

@Suite struct RevocationsTests {
    private func caller(_ id: String, for others: [String] = [], credentials: [String] = []) -> Caller {
        Caller(principal: .init(id: id, kind: .jwt), delegation: others, credentials: credentials)
    }

    @Test func `a kill denies the principal, its token and whoever acts for it`() throws {
        let list = try Revocations()
        #expect(!list.denies(caller("alice")))
        list.add(principal: "alice", reason: "leak", by: "ana", at: now)
        list.add(principal: "jti:7", reason: "leak", by: "ana", at: now)
        #expect(list.denies(caller("alice")))
        #expect(list.denies(caller("bob", for: ["alice"])))
        #expect(list.denies(caller("carol", credentials: ["jti:7"])))
        #expect(!list.denies(caller("carol")))
    }

    @Test func `a kill that the disk refuses is in force, and is written with the next`() throws {
        let disk = Disk()
        let list = try Revocations(store: disk)
        disk.isFull.withLock { $0 = true }
        #expect(!list.add(principal: "alice", reason: "leak", by: "ana", at: now).isDurable)
        #expect(list.denies(caller("alice")))
        #expect(!list.isDurable)
        #expect(list.lift(principal: "alice", reason: "fine", by: "ana", at: now) == .unwritten)
        #expect(list.denies(caller("alice")))
        disk.isFull.withLock { $0 = false }
        #expect(list.add(principal: "alice", reason: "leak", by: "ana", at: now).number == 1)
        #expect(list.isDurable)
        #expect(try Revocations(store: disk).denies(caller("alice")))
    }

    @Test func `what two processes deny is in one list, and one lift gives access back`() throws {
        let disk = Disk()
        let (one, two) = (try Revocations(store: disk), try Revocations(store: disk))
        one.add(principal: "carol", reason: "leak", by: "gateway", at: now)
        one.add(principal: "alice", reason: "leak", by: "gateway", at: now)
        // Neither knows of the other's yet.
        #expect(two.add(principal: "alice", reason: "night", by: "ana", at: now).number == 2)
        #expect(two.add(principal: "bob", reason: "night", by: "ana", at: now).number == 3)
        #expect(try one.refresh())
        #expect(try !one.refresh())
        #expect(one.denies(caller("bob")) && two.denies(caller("carol")))
        #expect(two.entries.map(\.principal) == ["carol", "alice", "bob"] && one.entries == two.entries)
        #expect(two.lift(principal: "alice", reason: "fine", by: "ana", at: now) == .lifted)
        try one.refresh()
        #expect(!one.denies(caller("alice")) && !two.denies(caller("alice")))
        #expect(try !Revocations(store: disk).denies(caller("alice")))
        // Who was never heard of here, and is denied by another, is lifted as well.
        one.add(principal: "dave", reason: "leak", by: "gateway", at: now)
        #expect(two.lift(principal: "dave", reason: "fine", by: "ana", at: now) == .lifted)
    }

    @Test func `a kill that waits for the disk outlives what another process writes`() throws {
        let disk = Disk()
        let (one, two) = (try Revocations(store: disk), try Revocations(store: disk))
        one.add(principal: "alice", reason: "leak", by: "gateway", at: now)
        try two.refresh()
        let again = one.deny(principal: "alice", reason: "again", by: "ana", at: now)
        let new = one.deny(principal: "bob", reason: "again", by: "ana", at: now)
        #expect(two.lift(principal: "alice", reason: "fine", by: "ben", at: now) == .lifted)
        two.add(principal: "carol", reason: "leak", by: "gateway", at: now)
        try one.refresh()
        for name in ["alice", "bob", "carol"] { #expect(one.denies(caller(name))) }
        #expect(one.write(again) && one.write(new))
        let kept = try Revocations(store: disk)
        for name in ["alice", "bob", "carol"] { #expect(kept.denies(caller(name))) }
        #expect(kept.entries.map(\.number) == [1, 2, 3, 4])
        #expect(kept.entries[0].lifted != nil)
    }

    @Test func `it is in force before the disk is waited for`() throws {
        let list = try Revocations(store: Disk())
        var wasDenied = false
        list.add(principal: "alice", reason: "leak", by: "ana", at: now) { wasDenied = list.denies(caller("alice")) }
        #expect(wasDenied)
    }

    @Test func `an entry is read as it was written`() throws {
        var entry = Revocations.Entry(
            number: 3,
            principal: "a",
            reason: "r",
            by: "user:ana",
            at: now,
            proof: nil,
            lifted: nil
        )
        #expect(Revocations.Entry(entry.json) == entry)
        let digest = entry.digest
        entry.lifted = .init(by: "user:ana", reason: "fine", at: now)
        #expect(Revocations.Entry(entry.json) == entry)
        #expect(entry.digest == digest)
    }

    @Test(arguments: ["schema", "action", "principal", "reason", "by", "time"])
    func `a statement that lacks a member is none`(member: String) throws {
        let statement = RevocationStatement(.kill, principal: "a", reason: "r", by: "ana", time: now)
        var object = try #require(statement.json.object)
        #expect(RevocationStatement(.object(object)) == statement)
        object[member] = nil
        #expect(RevocationStatement(.object(object)) == nil)
        object[member] = 7
        #expect(RevocationStatement(.object(object)) == nil)
    }

    @Test func `a statement with a member that is not known is none`() throws {
        var object = try #require(
            RevocationStatement(.kill, principal: "a", reason: "r", by: "ana", time: now).json.object
        )
        object["until"] = "tomorrow"
        #expect(RevocationStatement(.object(object)) == nil)
    }
}

@Suite struct ModesTests {
    @Test func `broken glass ends when its time is over and is never longer than four hours`() throws {
        let modes = try Modes()
        #expect(modes.breakGlass(by: "ana", reason: "outage", for: .seconds(100_000), at: now))
        #expect(modes.mode(declared: .enforce, at: now) == .shadow)
        #expect(modes.mode(declared: .enforce, at: now + .seconds(4 * 3600)) == .enforce)
        #expect(modes.state.breakGlass?.until == now + Modes.longest)
    }

    @Test func `what people set stands above the document, and ends broken glass`() throws {
        let modes = try Modes()
        #expect(modes.breakGlass(by: "ana", reason: "outage", for: .seconds(60), at: now))
        #expect(modes.set(.record, by: "ana", reason: "new", at: now + .seconds(1)))
        #expect(modes.mode(declared: .enforce, at: now + .seconds(2)) == .record)
        #expect(!modes.isBroken(at: now))
        #expect(modes.review(by: "ben", at: now + .seconds(3)))
        #expect(!modes.review(by: "ben", at: now + .seconds(4)))
        #expect(Modes.State(modes.state.json) == modes.state)
    }
}
