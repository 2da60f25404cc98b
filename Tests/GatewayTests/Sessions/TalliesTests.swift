import Core
import Testing
import Traffic

@testable import Gateway

private let start = Timestamp(seconds: 1_800_000_000)
private let pay = ServerTool(server: "bank", tool: "pay")
private let alice = Tallies.Key(principal: "alice")

@Suite struct TalliesTests {
    @Test func `what a principal called within half an hour counts, whatever came between`() {
        let tallies = Tallies()
        for minute in 0..<40 {
            let earlier = tallies.call(pay, alice, at: start + .seconds(60 * minute))
            #expect(earlier == min(minute, 29))
        }
        #expect(tallies.call(ServerTool(server: "bank", tool: "read"), alice, at: start + .seconds(2_400)) == 0)
        #expect(tallies.call(pay, .init(principal: "bob"), at: start + .seconds(2_400)) == 0)
    }

    @Test func `a proven task has a count of its own, until it was silent for half an hour`() {
        let tallies = Tallies()
        let task = Tallies.Key(principal: "alice", task: "restock")
        for minute in 0..<90 {
            #expect(tallies.call(pay, task, at: start + .seconds(60 * minute)) == minute)
        }
        #expect(tallies.call(pay, alice, at: start) == 0)
        #expect(tallies.call(pay, task, at: start + .seconds(90 * 60 + 1_800)) == 0)
    }

    @Test func `items add up like calls`() {
        let tallies = Tallies()
        #expect(tallies.items(60, alice, at: start) == 60)
        #expect(tallies.items(0, alice, at: start + .seconds(60)) == 60)
        #expect(tallies.items(50, alice, at: start + .seconds(120)) == 110)
        #expect(tallies.items(1, alice, at: start + .seconds(1_800)) == 51)
    }

    @Test func `invented tools and a clock that is set back reset nothing`() {
        let tallies = Tallies()
        #expect(tallies.call(pay, alice, at: start) == 0)
        for number in 0..<2_000 {
            _ = tallies.call(ServerTool(server: "bank", tool: "\(number)"), alice, at: start)
        }
        #expect(tallies.call(pay, alice, at: start - .seconds(3_600)) == 1)
        #expect(tallies.call(pay, alice, at: start) == 2)
        #expect(tallies.call(ServerTool(server: "bank", tool: "new"), alice, at: start) > 900)
    }

    @Test func `where there are too many principals the further ones share a count`() {
        let tallies = Tallies(most: 64 * 16)
        var shared = 0
        for number in 0..<5_000 where tallies.call(pay, .init(principal: "\(number)"), at: start) > 0 { shared += 1 }
        #expect(shared > 3_000)
        #expect(tallies.call(pay, .init(principal: "late"), at: start + .seconds(1_801)) == 0)
    }
}
