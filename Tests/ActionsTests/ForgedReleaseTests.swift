import Actions
import Core
import Crypto
import Foundation
import Policies
import Testing
import Workspace

@testable import Identity

/// Releases that somebody made who may write files but not decide, against the configuration of who verifies them.
@Suite struct ForgedReleaseTests {
    private static let now = Timestamp(seconds: 1_790_000_000)
    /// Key of a person; the number is the seed.
    private static func key(_ seed: UInt8) throws -> SSHPrivateKey {
        let seed = [UInt8](repeating: seed, count: 32)
        let point = Array(try Curve25519.Signing.PrivateKey(rawRepresentation: seed).publicKey.rawRepresentation)
        var blob = SSHWriter()
        blob.string("ssh-ed25519")
        blob.string(point)
        var inner = SSHWriter()
        inner.uint32(7)
        inner.uint32(7)
        inner.string("ssh-ed25519")
        inner.string(point)
        inner.string(seed + point)
        inner.string("made in memory")
        for padding in 1...255 where inner.bytes.count % 8 != 0 { inner.byte(UInt8(padding)) }
        var outer = SSHWriter()
        outer.raw(Array("openssh-key-v1\0".utf8))
        for text in ["none", "none", ""] { outer.string(text) }
        outer.uint32(1)
        outer.string(blob.bytes)
        outer.string(inner.bytes)
        let text =
            "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Base64.encode(outer.bytes))\n-----END OPENSSH PRIVATE KEY-----\n"
        return try SSHPrivateKey(text: Array(text.utf8), path: "memory")
    }

    private static func line(_ seed: UInt8) throws -> String { try key(seed).publicKey.line }

    /// Ana starts runs, ben and cara lead too, eve is in no group, lea has left and her key is retired, dan has two keys.
    private static func configuration(_ more: String = "") throws -> Workspace.Configuration {
        try Workspace.Configuration.read(
            Array(
                """
                apiVersion: lockstep/v1
                kind: Workspace
                people:
                  ana: {keys: ["\(line(1))"], os-user: annie}
                  ben: {keys: ["\(line(2))"]}
                  cara: {keys: ["\(line(3))"]}
                  dan: {keys: ["\(line(4))", "\(line(5))"]}
                  eve: {keys: ["\(line(6))"]}
                  lea: {retired-keys: ["\(line(7))"]}
                  kim: {keys: ["\(line(9))"], retired-keys: ["\(line(10))"]}
                groups:
                  security-leads: [ana, ben, cara, dan, lea, kim]
                  visitors: [eve]
                \(more)
                """.utf8
            ),
            file: "lockstep.yaml"
        )
    }

    private struct Signing {
        var person: PersonID
        var seed: UInt8
        var verdict = Vote.Verdict.approve
        var time = now
        var run: RunID?
        var step: StepInstance?
    }

    /// A release as whoever has these keys can make it.
    private struct Draft {
        var policy = smallPolicy
        var mode = Release.Mode.shadow
        var days = 90
        var approvals = 1
        var startedBy: String? = "user:ana"
        var more: JSON.Object = [:]
        var signings = [Signing(person: "ben", seed: 2)]
        var configuration = ""
        /// What is done to the file after it was signed.
        var tamper: (inout JSON.Object) -> Void = { _ in }
        var edit: (String) -> String = { $0 }
    }

    private static func file(_ draft: Draft) throws -> [UInt8] {
        let terms = Release.Terms(
            policy: .sha256(Array(draft.policy.utf8)),
            mode: draft.mode,
            validDays: draft.days,
            approvals: draft.approvals
        )
        let (run, step) = (RunID("01m83g0ek1qwv8k9q1r3"), StepInstance("policy_review"))
        var page: JSON.Object = [
            "run": .string(run.text), "step": .string(step.description), "show": [terms.json], "excluded": [],
        ]
        page["started_by"] = draft.startedBy.map { .string($0) }
        for (name, value) in draft.more { page[name] = value }
        let shown = JSON.canonical(.object(page))
        let votes = try draft.signings.map { signing in
            let vote = try Vote(
                run: signing.run ?? run,
                step: signing.step ?? step,
                generation: 1,
                shown: .sha256(shown),
                configuration: .sha256([]),
                verdict: signing.verdict,
                reason: "read each rule",
                person: signing.person,
                time: signing.time
            )
            return try SignedVote(signing: vote, with: .file(key(signing.seed))).json
        }
        let release = try Release(
            document: Array(draft.policy.utf8),
            shown: shown,
            run: run.text,
            step: step.description,
            votes: votes
        )
        var object = try #require(JSON.parse(release.bytes, limits: .standard).object)
        draft.tamper(&object)
        let text = String(decoding: JSON.canonical(.object(object)), as: UTF8.self) + "\n"
        return Array(draft.edit(text).utf8)
    }

    private static func verify(_ draft: Draft) throws -> VerifiedRelease {
        try Release(parsing: file(draft)).verify(under: configuration(draft.configuration), now: now)
    }

    private struct Case: CustomTestStringConvertible {
        var name: String
        /// Nil: it holds.
        var code: Release.Fault.Code?
        var change: (inout Draft) -> Void

        init(_ name: String, _ code: Release.Fault.Code?, _ change: @escaping (inout Draft) -> Void = { _ in }) {
            (self.name, self.code, self.change) = (name, code, change)
        }

        var testDescription: String { name }
    }

    private static func terms(_ object: inout JSON.Object, _ name: String, _ value: JSON.Value) {
        guard var terms = object["terms"]?.object, var page = page(object),
            var first = page["show"]?.array?.first?.object
        else { return }
        terms[name] = value
        first[name] = value
        page["show"] = [.object(first)]
        object["terms"] = .object(terms)
        object["shown"] = .string(String(decoding: JSON.canonical(.object(page)), as: UTF8.self))
    }

    private static func page(_ object: JSON.Object) -> JSON.Object? {
        try? JSON.parse(Array((object["shown"]?.string ?? "").utf8), limits: .standard).object
    }

    private static var cases: [Case] {
        let ben = Signing(person: "ben", seed: 2)
        let both = [ben, Signing(person: "cara", seed: 3)]
        let two = "releases: {approvers: [group:security-leads], min: 2}"
        return [
            Case("as it should be", nil),
            Case("own-terms quorum 0", .wrongDigest) { $0.tamper = { terms(&$0, "approvals", 0) } },
            Case("own-terms quorum 1 where two are wanted", .tooFewApprovals) { $0.configuration = two },
            Case("two where two are wanted", nil) { ($0.configuration, $0.signings) = (two, both) },
            Case("the terms want more than the configuration", .tooFewApprovals) { $0.approvals = 2 },
            Case("the terms want more and have it", nil) { ($0.approvals, $0.signings) = (2, both) },
            Case("no votes", .tooFewApprovals) { $0.signings = [] },
            Case("the page names another group", .notAnApprover) {
                $0.more = ["approvers": ["group:visitors"]]
                $0.signings = [Signing(person: "eve", seed: 6)]
            },
            Case("no longer in the group", .notAnApprover) { $0.configuration = "releases: {approvers: [user:cara]}" },
            Case("the signer started the run", .ownApproval) { $0.signings = [Signing(person: "ana", seed: 1)] },
            Case("the signer started it under a system name", .ownApproval) {
                ($0.startedBy, $0.signings) = ("os:annie", [Signing(person: "ana", seed: 1)])
            },
            Case("a system name that is the signer's", .ownApproval) { $0.startedBy = "os:ben" },
            Case("who started it is not said", .ownApproval) { $0.startedBy = nil },
            Case("a system name that nobody has", nil) { $0.startedBy = "os:root" },
            Case("a system name in other letters", .ownApproval) { $0.startedBy = "os:BEN" },
            Case("excluded is a text", .malformed) { $0.more = ["excluded": "ben"] },
            Case("excluded holds a number", .malformed) { $0.more = ["excluded": ["ben", 5]] },
            Case("rehearsal is a number", .malformed) { $0.more = ["rehearsal": 0] },
            Case("who started it is a number", .malformed) { $0.more = ["started_by": 5] },
            Case("who started it is a list", .malformed) { $0.more = ["started_by": ["user:ben"]] },
            Case("who started it is null", .malformed) { $0.more = ["started_by": .null] },
            Case("the ticket is a list", .malformed) { $0.more = ["ticket": []] },
            Case("who started it may approve here", nil) {
                $0.configuration = "releases: {approvers: [group:security-leads], distinct-from: []}"
                ($0.startedBy, $0.signings) = (nil, [Signing(person: "ana", seed: 1)])
            },
            Case("kept from voting by the step", .ownApproval) { $0.more = ["excluded": ["ben"]] },
            Case("beside a good vote, one that does not count", .ownApproval) {
                $0.signings = [ben, Signing(person: "ana", seed: 1)]
            },
            Case("retired key of somebody who left", .retiredKey) { $0.signings = [Signing(person: "lea", seed: 7)] },
            Case("retired key of somebody who is here", .retiredKey) {
                $0.signings = [Signing(person: "kim", seed: 10)]
            },
            Case("current key of the same person", nil) { $0.signings = [Signing(person: "kim", seed: 9)] },
            Case("unknown key", .unknownSigner) { $0.signings = [Signing(person: "ben", seed: 8)] },
            Case("unknown person", .unknownSigner) { $0.signings = [Signing(person: "zoe", seed: 8)] },
            Case("somebody else's key", .unknownSigner) { $0.signings = [Signing(person: "ben", seed: 6)] },
            Case("one person, twice", .badSignature) { $0.signings = [ben, ben] },
            Case("one person under two keys", .badSignature) {
                $0.approvals = 2
                $0.signings = [Signing(person: "dan", seed: 4), Signing(person: "dan", seed: 5)]
            },
            Case("a rejection", .badSignature) { $0.signings[0].verdict = .reject },
            Case("a vote of another run", .badSignature) { $0.signings[0].run = "01m83g0ek1qwv8k9q1r4" },
            Case("a vote at another step", .badSignature) { $0.signings[0].step = StepInstance("inventory_review") },
            Case("policy swapped", .wrongDigest) {
                $0.tamper = { $0["policy"] = .string(smallPolicy.replacing("106", with: "9000")) }
            },
            Case("policy swapped with its digest", .badSignature) {
                $0.tamper = { object in
                    let wide = smallPolicy.replacing("106", with: "9000")
                    object["policy"] = .string(wide)
                    terms(&object, "policy", .string(Digest.sha256(Array(wide.utf8)).description))
                }
            },
            Case("mode raised in the terms", .wrongDigest) {
                $0.tamper = { object in
                    var terms = object["terms"]?.object ?? [:]
                    terms["mode"] = "enforce"
                    object["terms"] = .object(terms)
                }
            },
            Case("mode raised in terms and page", .badSignature) { $0.tamper = { terms(&$0, "mode", "enforce") } },
            Case("days added in terms and page", .badSignature) { $0.tamper = { terms(&$0, "valid_days", 3_000) } },
            Case("rules said to be in shadow", .malformed) { $0.tamper = { $0["rules"] = ["send": "shadow"] } },
            Case("unknown member", .malformed) { $0.tamper = { $0["note"] = "x" } },
            Case("unknown member of a vote", .malformed) {
                $0.tamper = { object in
                    guard var signed = object["votes"]?.array?.first?.object, var vote = signed["vote"]?.object else {
                        return
                    }
                    vote["note"] = "x"
                    signed["vote"] = .object(vote)
                    object["votes"] = [.object(signed)]
                }
            },
            Case("duplicate key", .malformed) {
                $0.edit = { $0.replacing("\"rehearsal\":false", with: "\"rehearsal\":false,\"rehearsal\":false") }
            },
            Case("duplicate key of the page", .malformed) {
                $0.edit = { $0.replacing("{\\\"excluded\\\":[]", with: "{\\\"excluded\\\":[],\\\"excluded\\\":[]") }
            },
            Case("expired", .expired) { $0.signings[0].time = now - .seconds(91 * 86_400) },
            Case("longer than it may be here", .expired) {
                $0.configuration = "releases: {approvers: [group:security-leads], longest-days: 10}"
                $0.signings[0].time = now - .seconds(11 * 86_400)
            },
            Case("shorter than it may be here", .expired) {
                $0.configuration = "releases: {approvers: [group:security-leads], longest-days: 3000}"
                $0.signings[0].time = now - .seconds(91 * 86_400)
            },
            Case("signed tomorrow", .notYet) { $0.signings[0].time = now + .seconds(86_400) },
        ] + starters
    }

    /// Names that are nobody's, or nearly somebody's.
    private static var starters: [Case] {
        [
            "", "user:", "os:", "ben", "user:Ben", "user:ben ", "user: ben", "user:b\u{200B}en", "user:user:ben",
            "user:zoe", "USER:ben", "os:ben ", "user:\u{FF42}en", "\u{0}",
        ].map { name in Case("started by \(name.debugDescription)", .ownApproval) { $0.startedBy = name } }
    }

    @Test(arguments: cases.indices) func whatAReleaseNeedsIsAskedOfWhoVerifiesIt(index: Int) throws {
        let example = Self.cases[index]
        var draft = Draft()
        example.change(&draft)
        guard let code = example.code else {
            #expect(try Self.verify(draft).approvals.count == draft.signings.count, "\(example.name)")
            return
        }
        let fault = #expect(throws: Release.Fault.self, "\(example.name)") { try Self.verify(draft) }
        #expect(fault?.code == code, "\(example.name): \(fault?.message ?? "it holds")")
    }

    @Test func whereNobodyIsNamedNobodyApproves() throws {
        let (ana, ben) = (try Self.line(1), try Self.line(2))
        let people = "people: {ana: {keys: [\"\(ana)\"]}, ben: {keys: [\"\(ben)\"]}}\ngroups: {leads: [ben]}"
        let text = "apiVersion: lockstep/v1\nkind: Workspace\n\(people)\n"
        let release = try Release(parsing: Self.file(Draft()))
        let renamed = try Workspace.Configuration.read(Array(text.utf8), file: "lockstep.yaml")
        let fault = #expect(throws: Release.Fault.self) { try release.verify(under: renamed, now: Self.now) }
        #expect(fault?.code == .noApprovers)
        let named = try Workspace.Configuration.read(
            Array((text + "releases: {approvers: [group:leads]}\n").utf8),
            file: "lockstep.yaml"
        )
        #expect(try release.verify(under: named, now: Self.now).approvals.map(\.person) == ["ben"])
    }
}
