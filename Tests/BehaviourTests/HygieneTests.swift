import Behaviour
import Core
import Policies
import Testing
import Traffic

/// What a source shows to few may have been planted, unless agents use it of themselves.
@Suite struct HygieneTests {
    private static func session(_ number: Int, day: String?, showing room: String, books: String) -> [CallRecord] {
        let call = { (sequence: Int64, tool: String, arguments: JSON.Object, text: String) in
            CallRecord(
                time: Timestamp(seconds: 1_760_000_000 + Int64(number) * 600 + sequence),
                session: "s-\(number)",
                sequence: sequence,
                principal: CallRecord.Principal(id: "agent:porter", kind: .declared),
                server: "house",
                tool: tool,
                arguments: arguments,
                result: CallRecord.Result(text: text)
            )
        }
        let read = day.map {
            call(0, "read_notes", ["day": .string($0)], "The night was quiet in \(room), nothing open.")
        }
        return [read, call(1, "book_room", ["room": .string(books)], "booked")].compactMap(\.self)
    }

    /// Three readings show one room and the fourth another; `others` book that one without having read of it.
    private static func sessions(others: Int) -> [[CallRecord]] {
        (0..<3).map { session($0, day: "monday", showing: "north", books: "north") }
            + [session(3, day: "monday", showing: "garden", books: "garden")]
            + (0..<others).map { session(10 + $0, day: nil, showing: "", books: "garden") }
    }

    @Test func whatOthersUseUnshownWasNotPlanted() throws {
        let proposal = Miner().mine(Recordings.profile(Self.sessions(others: 5)), name: "p")
        #expect(proposal.excludedSessions.isEmpty)
        #expect(!proposal.review.contains { $0.kind == .varyingSource })
        let rule = try #require(proposal.policy.rules.first { $0.tool.tool == "book_room" })
        #expect(rule.arguments.first?.values == [CanonicalValue(.token, "garden"), CanonicalValue(.token, "north")])
    }

    @Test(arguments: [0, 1, 4])
    func whatFewUseUnshownMayHaveBeen(others: Int) {
        let proposal = Miner().mine(Recordings.profile(Self.sessions(others: others)), name: "p")
        #expect(proposal.excludedSessions == ["s-3"])
        #expect(proposal.review.contains { $0.kind == .varyingSource && $0.values.map(\.text) == ["garden"] })
    }
}
