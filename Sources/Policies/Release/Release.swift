package import Core

/// An approved policy: its very bytes, how it is to be enforced and until when, and the votes that approved it.
///
/// Everything that counts is signed: each vote is over the digest of the page that its voter was shown, and the page
/// holds the terms with the digest of the policy. As a file it is canonical JSON (RFC 8785) and one line end, so that
/// no byte can be changed unseen. Whether the votes are good is not decided here: that takes the people's keys.
package struct Release: Sendable, Hashable {
    package static let schema = "lockstep.release/1"

    /// How gateways treat the policy as a whole; a rule in shadow stays in shadow whatever this says.
    package enum Mode: String, Sendable, CaseIterable { case shadow, enforce }

    /// What people approve, as the page of an approval shows it.
    package struct Terms: Sendable, Hashable {
        /// Of the policy's bytes.
        package var policy: Digest
        package var mode: Mode
        /// How long the release holds, counted from the vote that completed the approval.
        package var validDays: Int
        /// How many people have to approve; whoever verifies the release may want more.
        package var approvals: Int

        package init(policy: Digest, mode: Mode, validDays: Int, approvals: Int) {
            self.policy = policy
            self.mode = mode
            self.validDays = validDays
            self.approvals = approvals
        }

        package var json: JSON.Value {
            [
                "policy": .string(policy.description), "mode": .string(mode.rawValue),
                "valid_days": .integer(Int64(validDays)), "approvals": .integer(Int64(approvals)),
            ]
        }

        /// The terms, if the value is exactly that.
        package init?(_ json: JSON.Value) {
            guard let object = json.object, object.count == 4,
                let policy = object["policy"]?.string.flatMap({ Digest($0) }),
                let mode = object["mode"]?.string.flatMap(Mode.init(rawValue:)),
                let days = object["valid_days"]?.int.map(Int.init), (1...Self.mostDays).contains(days),
                let approvals = object["approvals"]?.int.map(Int.init), (1...1_000).contains(approvals)
            else { return nil }
            self.init(policy: policy, mode: mode, validDays: days, approvals: approvals)
        }

        package static let mostDays = 3_660
    }

    package let terms: Terms
    /// The bytes of the policy.
    package let document: String
    /// The modes of the rules, by id, as the policy says them.
    package let rules: [String: Rule.Mode]
    /// The canonical page that the voters were shown.
    package let shown: String
    package let run: String
    package let step: String
    /// The signed votes, each as `{"vote":…,"signature":…}`.
    package let votes: [JSON.Value]
    /// Whether the page says that it was a rehearsal; no gateway off loopback takes the release then.
    package let isRehearsal: Bool
    /// Who started the run, as the page says: `user:ana`, or `os:ana`; nil where it says nothing.
    package let startedBy: String?
    /// The people whom the page says may not vote.
    package let excluded: [String]
    /// The gates before the approval that did not pass and were waived.
    ///
    /// Each is an object of `gate`, `result`, `id`, `owner`, `by`, `reason`, `until` and `authenticated`, and part of what
    /// the approvers signed.
    package let waived: [JSON.Value]
    /// The profile that the policy says was named as a file; the page says so as well.
    package let unprovenProfile: Digest?

    /// Puts a release together.
    ///
    /// - Throws: `Fault` where the policy is not what the page shows, or the page shows no terms.
    package init(
        document: [UInt8],
        shown: [UInt8],
        run: String,
        step: String,
        votes: [JSON.Value]
    ) throws(Fault) {
        guard let page = String(validating: shown, as: UTF8.self),
            let text = String(validating: document, as: UTF8.self)
        else { throw Fault(.malformed, "the policy or what was shown is not text") }
        terms = try Self.terms(on: page, for: .sha256(document))
        (self.document, self.shown) = (text, page)
        let policy = try Self.policy(document)
        rules = Dictionary(policy.rules.map { ($0.id, $0.mode) }, uniquingKeysWith: { first, _ in first })
        unprovenProfile = policy.unprovenProfile
        if let sign = policy.unprovenSign, !page.contains(sign) {
            throw Fault(
                .notShown,
                "the policy was mined from a profile that was named as a file, and whoever approved it was not shown that",
                help: "show the output `basis` of the step that mined it, and have it approved again"
            )
        }
        (self.run, self.step, self.votes) = (run, step, votes)
        let members = Self.page(page)
        // A page is about one step of one run, which nobody can name anew beside it.
        guard members?["run"]?.string == run, members?["step"]?.string == step else {
            throw Fault(.malformed, "what was shown is about another step than the release")
        }
        // What is of another type than it should be would be passed over, and it was signed to count.
        func wrong(_ name: String) -> Fault { Fault(.malformed, "`\(name)` of what was shown is of the wrong type") }
        switch members?["rehearsal"] {
        case nil: isRehearsal = false
        case .bool(let flag)?: isRehearsal = flag
        default: throw wrong("rehearsal")
        }
        startedBy = members?["started_by"]?.string
        if startedBy == nil, members?["started_by"] != nil { throw wrong("started_by") }
        guard members?["show"]?.array != nil else { throw wrong("show") }
        guard let listed = (members?["excluded"] ?? []).array else { throw wrong("excluded") }
        excluded = listed.compactMap(\.string)
        guard excluded.count == listed.count else { throw wrong("excluded") }
        guard let gates = (members?["waived"] ?? []).array, gates.allSatisfy({ $0.object != nil }) else {
            throw wrong("waived")
        }
        waived = gates
        for name in ["playbook", "playbook_digest"] {
            if let value = members?[name], value.string == nil { throw wrong(name) }
        }
        if let ticket = members?["ticket"], ticket != .null, ticket.string == nil { throw wrong("ticket") }
        if let playbooks = members?["playbooks"], playbooks.object == nil { throw wrong("playbooks") }
    }

    package var digest: Digest { terms.policy }

    /// The digest that the votes have to be about.
    package var shownDigest: Digest { .sha256(Array(shown.utf8)) }

    /// The file: canonical JSON and one line end.
    package var bytes: [UInt8] {
        JSON.canonical([
            "schema": .string(Self.schema), "terms": terms.json, "policy": .string(document),
            "rules": .object(
                JSON.Object(rules.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value.rawValue)) })
            ),
            "shown": .string(shown), "run": .string(run), "step": .string(step), "votes": .array(votes),
            "rehearsal": .bool(isRehearsal),
        ]) + [UInt8(ascii: "\n")]
    }

    private static let members: Set<String> = [
        "schema", "terms", "policy", "rules", "shown", "run", "step", "votes", "rehearsal",
    ]

    /// Reads a file and checks everything about it but the votes.
    package init(parsing bytes: [UInt8]) throws(Fault) {
        let limits = JSON.Limits(maxBytes: 80 << 20, maxDepth: 32, maxMembers: 100_000)
        guard let object = (try? JSON.parse(bytes, limits: limits))?.object, let schema = object["schema"]?.string
        else {
            throw Fault(.malformed, "this is no release, or bytes of it were changed")
        }
        guard schema == Self.schema else {
            throw Fault(.malformed, "this version reads `\(Self.schema)`, and the release is of another schema")
        }
        guard object.count == Self.members.count, object.keys.allSatisfy(Self.members.contains),
            let document = object["policy"]?.string, let shown = object["shown"]?.string,
            let run = object["run"]?.string, let step = object["step"]?.string, let votes = object["votes"]?.array
        else { throw Fault(.malformed, "the release lacks a member or has one too many") }
        let told = object["terms"].flatMap(Terms.init)
        let digest = Digest.sha256(Array(document.utf8))
        guard let told, told.policy == digest else {
            throw Fault(.wrongDigest, "the policy in the release is \(digest), and its terms say otherwise")
        }
        try self.init(
            document: Array(document.utf8),
            shown: Array(shown.utf8),
            run: run,
            step: step,
            votes: votes
        )
        guard terms == told else { throw Fault(.wrongDigest, "the terms of the release are not those that were shown") }
        guard self.bytes == bytes else { throw Fault(.malformed, "bytes of the release were changed") }
    }

    private static func page(_ text: String) -> JSON.Object? {
        (try? JSON.parse(Array(text.utf8), limits: .standard))?.object
    }

    /// The terms on a page that are about this policy.
    private static func terms(on page: String, for digest: Digest) throws(Fault) -> Terms {
        guard let object = Self.page(page) else { throw Fault(.malformed, "what was shown is not sound JSON") }
        let all = (object["show"]?.array ?? []).compactMap(Terms.init)
        guard let first = all.first else {
            throw Fault(
                .noTerms,
                "what was approved shows no terms of a release",
                help: "show a mapping with `policy`, `mode`, `valid_days` and `approvals`"
            )
        }
        guard all.count == 1, first.policy == digest else {
            throw Fault(
                .wrongDigest,
                "the policy is \(digest), and what was approved is \(first.policy)",
                help: "it was changed since it was approved: have it approved again"
            )
        }
        return first
    }

    private static func policy(_ document: [UInt8]) throws(Fault) -> Policy {
        guard let policy = PolicyReader.read(document, file: "policy").policy else {
            throw Fault(.malformed, "the policy in the release is invalid", help: "see `lockstep policy diff` with it")
        }
        return policy
    }

    /// Why a release does not hold.
    package struct Fault: Error, Sendable, Hashable {
        /// The raw value is printed and never reworded.
        package enum Code: String, Sendable, CaseIterable {
            case malformed = "release.malformed"
            case wrongDigest = "release.wrong-digest"
            case noTerms = "release.no-terms"
            case unsigned = "release.unsigned"
            case unknownSigner = "release.unknown-signer"
            case badSignature = "release.bad-signature"
            case tooFewApprovals = "release.too-few-approvals"
            case expired = "release.expired"
            case notYet = "release.not-yet"
            case notApproved = "release.not-approved"
            case retiredKey = "release.retired-key"
            case notAnApprover = "release.not-an-approver"
            case ownApproval = "release.own-approval"
            case noApprovers = "release.no-approvers"
            case notShown = "release.not-shown"
        }

        package var code: Code
        /// One lower-case sentence without a full stop.
        package var message: String
        package var help: String?

        package init(_ code: Code, _ message: String, help: String? = nil) {
            self.code = code
            self.message = message
            self.help = help
        }
    }
}
