import Behaviour
import Core
import Policies
import Testing
import Traffic

@Suite struct MinerTests {
    @Test(arguments: [UInt64(1), 2, 3, 4, 5], [Policy.Scope.agent, .task])
    func everyCallThatWasLearnedFromIsAllowed(seed: UInt64, scope: Policy.Scope) {
        let sessions = Recordings(seed: seed).sessions(120)
        let proposal = Miner().mine(Recordings.profile(sessions), name: "p", scope: scope)
        let policy = CompiledPolicy(proposal.policy)
        let reviewed = Set(proposal.review.flatMap(\.values))
        #expect(proposal.isExact)
        for (call, _) in Recordings.observed(sessions) where call.succeeded {
            guard call.leaves.allSatisfy({ !reviewed.contains($0.value) }) else { continue }
            let decision = policy.decide(call)
            #expect(decision.verdict == .allow, "\(call.tool) \(decision) \(call.leaves)")
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func aPoisonedWindowTeachesNothingAndIsNamed(seed: UInt64) throws {
        let sessions = Recordings(seed: seed).sessions(120, poisoned: 6)
        let proposal = Miner().mine(Recordings.profile(sessions), name: "p")
        let evil = CanonicalValue(.email, "eve\(seed)@evil.example.org")
        let item = try #require(proposal.review.first { $0.values.contains(evil) })
        #expect(item.kind == .varyingSource)
        #expect(item.sessions > 0)
        #expect(item.sources == [ServerTool(server: "office", tool: "get_note")])
        #expect(proposal.excludedSessions.count >= 6)
        for rule in proposal.policy.rules {
            #expect(!rule.arguments.contains { $0.values.contains(evil) || $0.domains.contains("evil.example.org") })
        }
        for known in proposal.policy.known {
            #expect(!known.identities.contains(evil))
        }
        let policy = CompiledPolicy(proposal.policy)
        for (call, _) in Recordings.observed(Array(sessions.prefix(6))) where call.tool.tool == "send_mail" {
            #expect(policy.decide(call).verdict == .deny)
        }
    }

    @Test func failedCallsTeachNothing() {
        var sessions = Recordings(seed: 1).sessions(20)
        for index in sessions.indices {
            sessions[index][3].outcome = .toolError
        }
        let proposal = Miner().mine(Recordings.profile(sessions), name: "p")
        #expect(!proposal.policy.rules.contains { $0.tool.tool == "pay_bill" })
    }

    @Test func aTaskThatNobodyWasSeenToDoMayOnlyRead() throws {
        let sessions = Recordings(seed: 2).sessions(80)
        let proposal = Miner().mine(Recordings.profile(sessions), name: "p", scope: .task)
        let policy = CompiledPolicy(proposal.policy)
        for (call, _) in Recordings.observed(sessions) where call.succeeded {
            var other = call
            other.task = "another task"
            #expect((policy.decide(other).verdict == .allow) == (call.tier == .read))
        }
        #expect(proposal.policy.rules.filter { $0.task == nil }.allSatisfy { $0.tier == .read })
    }

    @Test func everyArgumentHasItsNeighbouringLevels() throws {
        let sessions = Recordings(seed: 3).sessions(100)
        let proposal = Miner().mine(Recordings.profile(sessions), name: "p")
        for found in proposal.alternatives {
            let bounds = [found.tighter, found.chosen, found.looser].compactMap(\.self)
            for (tight, loose) in zip(bounds, bounds.dropFirst()) {
                #expect(tight.level <= loose.level)
                #expect(tight.wouldDeny.denied >= loose.wouldDeny.denied)
            }
        }
        let body = try #require(proposal.alternatives.first { $0.path == "body" })
        #expect(body.chosen.level == .open)
        #expect(body.tighter?.wouldDeny.rate ?? 0 > 0.9)
        let rule = try #require(proposal.policy.rules.first { $0.id == body.rule })
        #expect(rule.warnings.contains { $0.code == "open-text" && $0.path == "body" })
        #expect(rule.support.sessions == 50)
        let amount = try #require(proposal.alternatives.first { $0.path == "amount" })
        #expect(amount.chosen.level == .ranged)
        #expect(amount.chosen.rule.maximum ?? 0 > 800)
        #expect(!proposal.sufficiency.isEmpty)
    }

    @Test func theSameTrafficGivesTheSamePolicy() {
        let sessions = Recordings(seed: 4).sessions(60)
        let first = Miner().mine(Recordings.profile(sessions), name: "p", scope: .task)
        let second = Miner().mine(Recordings.profile(sessions.reversed()), name: "p", scope: .task)
        #expect(first.policy == second.policy)
        #expect(first.review.map(\.rule) == second.review.map(\.rule))
    }

    /// One tool, called in some sessions more often than a rule allows, with a code that a few sessions read in a text.
    private static func bookings(
        _ count: Int,
        flooded: Int,
        reading: Int
    ) -> [[CallRecord]] {
        (0..<count).map { index in
            let call = { (sequence: Int64, tool: String, arguments: JSON.Object, text: String) in
                CallRecord(
                    time: Timestamp(seconds: 1_760_000_000 + Int64(index) * 600 + sequence),
                    session: "s-\(index)",
                    sequence: sequence,
                    principal: CallRecord.Principal(id: "agent:clerk", kind: .declared),
                    server: "desk",
                    tool: tool,
                    arguments: arguments,
                    result: CallRecord.Result(text: text)
                )
            }
            let hasRead = index < reading
            let code = hasRead ? "code-\(index)-x" : "standard"
            let read = hasRead ? [call(0, "get_letter", ["number": .integer(Int64(index))], "Use \(code) today.")] : []
            let booking: JSON.Object = index == 0 ? ["code": .string(code)] : ["code": .string(code), "room": "north"]
            return read
                + (0..<(index < flooded ? 30 : 1)).map { call(Int64($0) + 1, "update_booking", booking, "done") }
        }
    }

    @Test func aSourceThatIsTooRareIsNamed() throws {
        let proposal = Miner().mine(Recordings.profile(Self.bookings(20, flooded: 0, reading: 2)), name: "p")
        let rule = try #require(proposal.policy.rules.first { $0.tool.tool == "update_booking" })
        #expect(rule.arguments.first { $0.path == "code" }?.fromTexts == [])
        #expect(
            rule.warnings.contains { $0.code == "rare-text" && $0.detail.contains("desk/get_letter in 2 sessions") }
        )
        let item = try #require(proposal.review.first { $0.kind == .rareText })
        #expect(item.path == "code" && item.sources == [ServerTool(server: "desk", tool: "get_letter")])
    }

    @Test(arguments: [0, 1, 2])
    func aSessionThatCallsTooOftenIsNamed(flooded: Int) throws {
        let proposal = Miner().mine(Recordings.profile(Self.bookings(20, flooded: flooded, reading: 0)), name: "p")
        let rule = try #require(proposal.policy.rules.first { $0.tool.tool == "update_booking" })
        #expect(rule.maximumCalls == (flooded < 2 ? 5 : 60))
        #expect(proposal.review.contains { $0.kind == .manyCalls } == (flooded == 1))
    }

    @Test func nothingGivesNothing() {
        let proposal = Miner().mine(Recordings.profile([]), name: "p")
        #expect(proposal.policy.rules.isEmpty)
        #expect(proposal.policy.unseenReads.isEmpty)
    }
}
