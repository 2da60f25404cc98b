import Core
import Foundation
import Testing

@testable import Identity

struct VoteTests {
    private static func vote(
        person: PersonID = "ann",
        verdict: Vote.Verdict = .approve,
        reason: String = "looks right",
        ticket: String? = nil
    ) throws -> Vote {
        try Vote(
            run: "01hq7",
            step: StepInstance("enforce", item: "inventory"),
            generation: 3,
            shown: Digest.sha256([1]),
            configuration: Digest.sha256([2]),
            verdict: verdict,
            reason: reason,
            ticket: ticket,
            person: person,
            time: Timestamp(microseconds: 1_767_603_603_120_456)
        )
    }

    private let ann: SSHPrivateKey
    private let bob: SSHPrivateKey
    private let people: [PersonID: [SSHPublicKey]]

    init() throws {
        ann = try TestKeys.ed25519(seed: 1)
        bob = try TestKeys.p256(seed: 2)
        people = ["ann": [ann.publicKey], "bob": [bob.publicKey]]
    }

    private func code(_ body: () throws -> Void) -> VoteError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? VoteError)?.code
        }
    }

    @Test func canonicalBytesAreFixed() throws {
        let text = String(decoding: try Self.vote().canonicalBytes, as: UTF8.self)
        #expect(
            text == """
                {"configuration":"sha256:dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986",\
                "generation":3,"person":"ann","reason":"looks right","run":"01hq7","schema":"lockstep.vote/1",\
                "shown":"sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",\
                "step":"enforce[inventory]","time":"2026-01-05T09:00:03.120Z","verdict":"approve"}
                """
        )
        #expect(try Vote(parsing: Array(text.utf8)) == Self.vote())
    }

    @Test(arguments: Vote.Verdict.allCases, [nil, "CHG-17"] as [String?])
    func aVoteGoesThroughItsFileUnchanged(verdict: Vote.Verdict, ticket: String?) throws {
        let vote = try Self.vote(verdict: verdict, reason: "two\nlines, \"quotes\", é", ticket: ticket)
        let signed = try SignedVote(signing: vote, with: .file(ann))
        let read = try SignedVote(parsing: signed.bytes)
        #expect(read == signed)
        let verified = try read.verify(people: people)
        #expect(verified.person == "ann" && verified.key == ann.publicKey && verified.vote == vote)
        let indented = Array(JSON.pretty(signed.json).utf8)
        #expect(try SignedVote(parsing: indented).verify(people: people).person == "ann")
    }

    @Test func aTimeThatCannotBeReadAgainIsRefused() throws {
        let vote = try Self.vote()
        #expect(
            code {
                _ = try Vote(
                    run: vote.run,
                    step: vote.step,
                    generation: 1,
                    shown: vote.shown,
                    configuration: vote.configuration,
                    verdict: .approve,
                    reason: "x",
                    person: "ann",
                    time: Timestamp(seconds: 300_000_000_000)
                )
            } == .malformed
        )
    }

    @Test func onlyTheNamedPersonCanSign() throws {
        let stolen = try SignedVote(signing: Self.vote(person: "ann"), with: .file(bob))
        #expect(code { _ = try stolen.verify(people: people) } == .wrongKey)
        let stranger = try SignedVote(signing: Self.vote(), with: .file(try TestKeys.ed25519(seed: 9)))
        #expect(code { _ = try stranger.verify(people: people) } == .wrongKey)
        let unknown = try SignedVote(signing: Self.vote(person: "eve"), with: .file(ann))
        #expect(code { _ = try unknown.verify(people: people) } == .unknownPerson)
        #expect(code { _ = try stolen.verify(people: [:]) } == .unknownPerson)
        #expect(code { _ = try stolen.verify(people: ["ann": []]) } == .wrongKey)
    }

    @Test func aKeyOfTwoPeopleProvesNeither() throws {
        let signed = try SignedVote(signing: Self.vote(), with: .file(ann))
        let shared = ["ann": [ann.publicKey], "bob": [bob.publicKey, ann.publicKey]] as [PersonID: [SSHPublicKey]]
        #expect(code { _ = try signed.verify(people: shared) } == .sharedKey)
    }

    @Test func anyChangedMemberBreaksTheSignature() throws {
        let signed = try SignedVote(signing: Self.vote(ticket: "CHG-17"), with: .file(ann))
        let text = String(decoding: signed.bytes, as: UTF8.self)
        let changes = [
            ("approve", "reject"), ("looks right", "looks wrong"), ("CHG-17", "CHG-18"), ("01hq7", "01hq8"),
            ("\"generation\":3", "\"generation\":4"), ("[inventory]", "[payroll]"), ("03.120Z", "03.121Z"),
            ("sha256:4bf5", "sha256:4bf6"), ("sha256:dbc1", "sha256:dbc2"), (",\"ticket\":\"CHG-17\"", ""),
        ]
        for (old, new) in changes {
            let changed = text.replacing(old, with: new)
            #expect(changed != text)
            #expect(code { _ = try SignedVote(parsing: Array(changed.utf8)).verify(people: people) } == .badSignature)
        }
    }

    @Test func aSignatureForAnotherPurposeIsNoVote() throws {
        let vote = try Self.vote()
        let signature = try SSHSigner.file(ann).sign(vote.canonicalBytes, namespace: "git")
        let error = #expect(throws: VoteError.self) {
            try SignedVote(vote: vote, signature: signature).verify(people: people)
        }
        #expect(error?.cause?.code == .namespaceMismatch)
    }

    @Test(arguments: [
        ("", VoteError.Code.malformed), ("[]", .malformed), ("{}", .unknownSchema), ("{\"schema\":1}", .unknownSchema),
        ("\"approve\":", .malformed),
    ])
    func whatIsNoVoteIsRefused(text: String, expected: VoteError.Code) {
        #expect(code { _ = try Vote(parsing: Array(text.utf8)) } == expected)
    }

    @Test(
        arguments: [
            ("\"generation\":3", "\"generation\":3.0", VoteError.Code.malformed),
            ("\"generation\":3", "\"generation\":-1", .malformed),
            ("\"generation\":3", "\"generation\":\"3\"", .malformed),
            ("\"generation\":3", "\"generation\":9007199254740993", .malformed),
            ("\"generation\":3", "\"generation\":3,\"generation\":3", .malformed),
            ("\"generation\":3", "\"generatoin\":3", .unknownMember),
            ("\"generation\":3,", "", .missingMember),
            ("lockstep.vote/1", "lockstep.vote/2", .unknownSchema),
            ("approve", "Approve", .malformed), ("looks right", "", .malformed), ("looks right", " \\n ", .malformed),
            ("looks right", "\\u001b[2J", .malformed), ("looks right", "a\\u202eb", .malformed),
            ("\"ann\"", "\"\"", .malformed), ("\"ann\"", "[\"ann\"]", .malformed), ("\"ann\"", "null", .malformed),
            ("03.120Z", "03.12Z", .malformed), ("03.120Z", "03.1204Z", .malformed),
            ("03.120Z", "03.120+00:00", .malformed),
            ("sha256:4bf5", "sha256:4BF5", .malformed), ("sha256:4bf5", "sha1:4bf5", .malformed),
            ("\"approve\"}", "\"approve\"} ", nil), ("\"approve\"}", "\"approve\"}x", .malformed),
            ("\"approve\"}", "\"approve\",\"ticket\":null}", .malformed),
        ] as [(String, String, VoteError.Code?)]
    )
    func oneFormOnly(old: String, new: String, expected: VoteError.Code?) throws {
        let text = String(decoding: try Self.vote().canonicalBytes, as: UTF8.self).replacing(old, with: new)
        #expect(code { _ = try Vote(parsing: Array(text.utf8)) } == expected)
    }

    @Test(
        .timeLimit(.minutes(10)),
        .enabled(if: OpenSSH.isInstalled, Comment(rawValue: OpenSSH.absent)),
        arguments: KeyType.all
    )
    func aVoteMadeWithOpenSSHAloneCounts(type: KeyType) throws {
        let scratch = try Scratch()
        let path = try scratch.makeKey(type)
        let key = try SSHPublicKey(line: try scratch.text("key.pub"))
        let vote = try Self.vote()
        let signed = try OpenSSH.run(
            "ssh-keygen",
            ["-q", "-Y", "sign", "-f", path, "-n", Vote.namespace],
            input: vote.canonicalBytes
        )
        let file = JSON.canonical(.object(["vote": vote.json, "signature": .string(signed.output)]))
        #expect(try SignedVote(parsing: file).verify(people: ["ann": [key]]).person == "ann")
    }
}
