import Core
import Foundation
import Testing
import Traffic

@testable import Behaviour

@Suite struct ProfileTests {
    @Test(arguments: [UInt64(1), 2, 3])
    func shardsMergeToTheProfileOfOnePassInAnyOrder(seed: UInt64) throws {
        let sessions = Recordings(seed: seed).sessions(60, poisoned: 3)
        let whole = Recordings.profile(sessions)
        let parts = stride(from: 0, to: 60, by: 15).map { start in
            Recordings.profile(Array(sessions[start..<start + 15]), shard: "part \(start)")
        }
        var random = Recordings.Generator(state: seed)
        for _ in 0..<4 {
            var order = parts.shuffled(using: &random)
            var merged = order.removeFirst()
            for part in order { try merged.merge(part) }
            #expect(merged.digest == whole.digest)
        }
        var left = parts[0]
        try left.merge(parts[1])
        var right = parts[2]
        try right.merge(parts[3])
        try left.merge(right)
        #expect(left.digest == whole.digest)
    }

    @Test func theOrderOfInterleavedSessionsLeavesNoTrace() {
        let sessions = Recordings(seed: 4).sessions(20)
        var profiler = Profiler()
        let observed = sessions.map { Recordings.observed([$0]) }
        for position in 0..<4 {
            for session in observed.reversed() {
                profiler.observe(session[position].call, context: session[position].context)
            }
        }
        #expect(profiler.finish().digest == Recordings.profile(sessions).digest)
    }

    @Test func anotherTimeTheSameRecordingChangesNothing() throws {
        let sessions = Recordings(seed: 5).sessions(20)
        let first = Recordings.profile(Array(sessions.prefix(10)), shard: "a")
        let second = Recordings.profile(Array(sessions.suffix(10)), shard: "b")
        var both = first
        try both.merge(second)
        var again = both
        try again.merge(first)
        #expect(again.digest == both.digest)
        var backwards = second
        try backwards.merge(both)
        #expect(backwards.digest == both.digest)
        let third = Recordings.profile(Recordings(seed: 6).sessions(3), shard: "c")
        var other = third
        try other.merge(first)
        #expect(throws: Profile.MergeError.sharedRecordings(1)) { try both.merge(other) }
    }

    @Test func setsOfProfilesUniteWithoutCountingTwice() throws {
        let sessions = Recordings(seed: 7).sessions(12)
        var first = ProfileSet()
        var second = ProfileSet()
        for (index, session) in sessions.enumerated() {
            let profile = Recordings.profile([session])
            let shard = Digest.sha256([UInt8(index)])
            if index < 8 { first.add(profile, of: shard) }
            if index > 3 { second.add(profile, of: shard) }
        }
        let whole = Recordings.profile(sessions).digest
        #expect(try first.union(second).folded()?.digest == whole)
        #expect(try second.union(first).union(first).folded()?.digest == whole)
    }

    @Test func profilesUnderDifferentKeysDoNotMerge() {
        let sessions = Recordings(seed: 8).sessions(2)
        var profile = Recordings.profile(sessions)
        let other = Recordings.profile(sessions, hash: KeyedHash(1, 2))
        #expect(throws: Profile.MergeError.differentKeys) { try profile.merge(other) }
    }

    @Test func readsBackWhatItWrote() throws {
        let profile = Recordings.profile(Recordings(seed: 9).sessions(30, poisoned: 2), shard: "x")
        let bytes = profile.bytes
        let again = try Profile(bytes: bytes)
        #expect(again.bytes == bytes)
        #expect(again.digest == profile.digest)
        // What is written part by part is what the whole would be written as.
        #expect(JSON.canonical(try JSON.parse(bytes, limits: JSON.Limits(maxTokens: 10_000_000))) == bytes)
        #expect(
            profile.agents.elements.allSatisfy { agent in
                var written: [UInt8] = []
                agent.value.write(to: &written)
                return written == JSON.canonical(agent.value.json)
            }
        )
        #expect(Miner().mine(again, name: "p").policy == Miner().mine(profile, name: "p").policy)
    }

    @Test func refusesWhatWasChanged() throws {
        let bytes = Recordings.profile(Recordings(seed: 10).sessions(3)).bytes
        let text = String(decoding: bytes, as: UTF8.self)
        let changed = text.replacingOccurrences(of: "ann@acme", with: "eve@acme")
        for damaged in [
            changed, "", "{}", "[1]", String(text.dropLast(5)), text.replacingOccurrences(of: "/2\"", with: "/9\""),
            text.replacingOccurrences(of: "[0,\"", with: "[99999999,\""),
        ] {
            #expect(damaged != text)
            #expect(throws: Profile.ReadError.self) { try Profile(bytes: Array(damaged.utf8)) }
        }
        let earlier = text.replacingOccurrences(of: "profile/2", with: "profile/1")
        let error = #expect(throws: Profile.ReadError.self) { try Profile(bytes: Array(earlier.utf8)) }
        #expect(error?.description.contains("earlier version") == true)
    }

    /// Every argument is different in every call, so that all paths together have more values than are kept.
    @Test(arguments: [UInt64(1), 2, 3])
    func theMoreValuesThereAreTheFewerOfEachPathAreKept(seed: UInt64) throws {
        var random = Recordings.Generator(state: seed)
        var writer = TraceWriter(.unkeyed)
        let paths = 8
        let traces = (0..<300).map { session in
            let leaves = (0..<paths).map {
                ObservedLeaf(argument: "a\($0)", path: "a\($0)", value: CanonicalValue(.email, "\(session)@x\($0).org"))
            }
            let call = ObservedCall(
                session: "s\(session)",
                sequence: 0,
                principal: "a",
                tool: ServerTool(server: "s", tool: "t"),
                tier: .write,
                succeeded: true,
                arguments: leaves.map(\.argument),
                leaves: leaves
            )
            return SessionTrace(
                key: random.next(),
                session: call.session,
                principal: writer.name("a"),
                calls: [writer.call(call, CallContext())]
            )
        }
        struct Part {
            var agents = BottomK<AgentEvidence>()
            var limits = SampleLimits(mostValues: 1_200, mostIdentities: 500)

            mutating func settle() {
                limits.lower(for: agents)
                limits.apply(to: &agents)
            }
        }
        func fold(_ traces: some Collection<SessionTrace>) -> Part {
            var part = Part()
            for (number, trace) in traces.enumerated() {
                part.agents.update(trace.principal.key, make: { AgentEvidence(trace.principal.value) }) {
                    $0.note(trace, number: UInt64(number) + 1, hash: .unkeyed)
                }
                if random.next() % 7 == 0 { part.settle() }
            }
            part.settle()
            return part
        }
        let whole = fold(traces)
        var parts = [fold(traces[..<20]), fold(traces[20..<130]), fold(traces[130...])]
        parts.shuffle(using: &random)
        var merged = parts.removeFirst()
        for part in parts {
            // As one that was read from a file.
            merged.agents.merge(try #require(BottomK<AgentEvidence>(json: part.agents.json)))
            merged.limits.merge(part.limits)
            merged.settle()
        }
        #expect(merged.agents.json == whole.agents.json)
        #expect(merged.limits.json == whole.limits.json)
        #expect((whole.limits.values, whole.limits.identities) == (128, 256))
        let agent = try #require(whole.agents.elements.first?.value)
        #expect(agent.identities.count == 256)
        let found = try #require(agent.tools.elements.first?.value.paths.elements)
        #expect(found.count == paths)
        #expect(found.allSatisfy { $0.value.values.count == 128 && $0.value.sessions.count == traces.count })
    }

    @Test func longSessionsAreCutAndCounted() {
        var limits = Profiler.Limits()
        limits.callsOfSession = 2
        var profiler = Profiler(limits: limits)
        for (call, context) in Recordings.observed(Recordings(seed: 11).sessions(1)) {
            profiler.observe(call, context: context)
        }
        let profile = profiler.finish()
        #expect(profile.calls == 2)
        #expect(profile.skippedCalls == 2)
        #expect(!Miner().mine(profile, name: "p").isExact)
    }

    @Test func fewOpenSessionsAreEnoughWhereSessionsAreContiguous() {
        let sessions = Recordings(seed: 12).sessions(40)
        var limits = Profiler.Limits()
        limits.openSessions = 3
        var profiler = Profiler(limits: limits)
        for (call, context) in Recordings.observed(sessions) { profiler.observe(call, context: context) }
        #expect(profiler.finish().digest == Recordings.profile(sessions).digest)
    }
}
