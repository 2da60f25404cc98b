import Behaviour
import Core
import Policies
import Testing
import Traffic

/// Rules about several arguments of one call: mined where much bears them out, and only ever narrowing.
@Suite struct RelationTests {
    /// Deployments: where they go follows from the mode, and the tag is sent twice.
    private static func sessions(_ count: Int, seed: UInt64, tasks: Int, isRelated: Bool = true) -> [[CallRecord]] {
        var random = Recordings.Generator(state: seed)
        return (0..<count).map { index in
            let mode = ["canary", "full"][Int.random(in: 0..<2, using: &random)]
            let regions = isRelated && mode == "canary" ? ["lab"] : ["lab", "north", "south"]
            let region = regions[Int.random(in: 0..<regions.count, using: &random)]
            let folder = isRelated && mode == "canary" ? "/srv/try/" : "/srv/live/"
            let file = folder + "\(Int.random(in: 0..<40, using: &random))/app.conf"
            let tag = "v\(Int.random(in: 0..<30, using: &random))"
            return [
                CallRecord(
                    time: Timestamp(seconds: 1_760_000_000 + Int64(index) * 600),
                    session: "s-\(index)",
                    sequence: 0,
                    principal: CallRecord.Principal(id: "agent:shipper", kind: .declared),
                    server: "fleet",
                    tool: "update_release",
                    arguments: [
                        "mode": .string(mode), "region": .string(region), "file": .string(file), "tag": .string(tag),
                        "label": .string(isRelated ? tag : "v\(index % 30)"),
                    ],
                    result: CallRecord.Result(text: "done"),
                    task: tasks == 0 ? nil : CallRecord.Task(id: "task-\(index % tasks)")
                )
            ]
        }
    }

    private static func rule(_ sessions: [[CallRecord]], scope: Policy.Scope = .agent) throws -> Rule {
        let policy = Miner().mine(Recordings.profile(sessions), name: "p", scope: scope).policy
        return try #require(policy.rules.first { $0.tool.tool == "update_release" })
    }

    @Test(arguments: [UInt64(1), 2, 3], [0, 8])
    func whatManySessionsBearOutIsFound(seed: UInt64, tasks: Int) throws {
        let rule = try Self.rule(Self.sessions(240, seed: seed, tasks: tasks))
        #expect(rule.relations.contains(Relation(path: "tag", other: "label", kind: .equals)))
        let canary = CanonicalValue(.token, "canary")
        let lab = [CanonicalValue(.token, "lab")]
        let isBound = { (path: String, kind: Relation.Kind) in
            rule.relations.contains(Relation(path: path, other: "mode", kind: kind))
        }
        #expect(isBound("file", .given(when: canary, values: [], folders: ["/srv/try"])), "\(rule.relations)")
        #expect(isBound("region", .given(when: canary, values: lab, folders: [])), "\(rule.relations)")
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func whatWasLearnedFromKeepsToIt(seed: UInt64) {
        let sessions = Self.sessions(240, seed: seed, tasks: 8)
        let policy = Miner().mine(Recordings.profile(sessions), name: "p").policy
        let compiled = CompiledPolicy(policy)
        for (call, _) in Recordings.observed(sessions) { #expect(compiled.decide(call).reason != "relation") }
        var broken = sessions[0][0]
        let isCanary = broken.arguments["mode"] == "canary"
        broken.arguments["file"] = .string(isCanary ? "/srv/live/1/app.conf" : "/srv/try/1/app.conf")
        #expect(compiled.decide(Recordings.observed([[broken]])[0].call).verdict == .deny)
    }

    @Test func chanceIsNoRelation() throws {
        for seed in UInt64(1)...5 {
            let rule = try Self.rule(Self.sessions(240, seed: seed, tasks: 8, isRelated: false))
            #expect(rule.relations.isEmpty, "\(rule.relations)")
        }
    }

    @Test(arguments: [(40, 8), (240, 2)])
    func fewSessionsOrTasksBearNothingOut(sessions: Int, tasks: Int) throws {
        #expect(try Self.rule(Self.sessions(sessions, seed: 1, tasks: tasks)).relations.isEmpty)
    }
}
