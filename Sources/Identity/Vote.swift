package import Core

/// What a person says about one approval step, exactly as it is signed.
///
/// The canonical bytes (RFC 8785) are the only form that counts. A document is accepted only if every member is known
/// and written as this program would write it, so that what was read is what was signed.
package struct Vote: Hashable, Sendable {
    package enum Verdict: String, Sendable, CaseIterable {
        case approve, reject, withdraw
    }

    package static let schema = "lockstep.vote/1"
    /// The namespace of the signature: a signature made for anything else never counts as a vote.
    package static let namespace = "lockstep-vote"
    package static let maximumReason = 4096

    package let run: RunID
    package let step: StepInstance
    /// Which asking this answers: a retried step asks anew, and old votes do not count there.
    package let generation: Int64
    /// Digest of what the person was shown.
    package let shown: Digest
    /// Digest of the workspace configuration that says who may vote.
    package let configuration: Digest
    package let verdict: Verdict
    package let reason: String
    package let ticket: String?
    package let person: PersonID
    package let time: Timestamp

    /// Makes a vote; the time is cut to milliseconds, which is what is printed and signed.
    package init(
        run: RunID,
        step: StepInstance,
        generation: Int64,
        shown: Digest,
        configuration: Digest,
        verdict: Verdict,
        reason: String,
        ticket: String? = nil,
        person: PersonID,
        time: Timestamp
    ) throws(VoteError) {
        self.run = run
        self.step = step
        self.generation = generation
        self.shown = shown
        self.configuration = configuration
        self.verdict = verdict
        self.reason = reason
        self.ticket = ticket
        self.person = person
        // A time that does not come back from its own text (after the year 9999) could not be read again.
        guard let printed = Timestamp(rfc3339: time.description) else { throw VoteError.malformed("time") }
        self.time = printed
        try Self.check(run.text, "run")
        try Self.check(step.description, "step")
        try Self.check(person.text, "person")
        try Self.check(reason, "reason", limit: Self.maximumReason, mayBreakLines: true)
        if let ticket {
            try Self.check(ticket, "ticket")
        }
        guard (0...Self.maximumGeneration).contains(generation) else { throw VoteError.malformed("generation") }
    }

    package var json: JSON.Value {
        var object: JSON.Object = [
            "schema": .string(Self.schema),
            "run": .string(run.text),
            "step": .string(step.description),
            "generation": .integer(generation),
            "shown": .string(shown.description),
            "configuration": .string(configuration.description),
            "verdict": .string(verdict.rawValue),
            "reason": .string(reason),
            "person": .string(person.text),
            "time": .string(time.description),
        ]
        object["ticket"] = ticket.map { .string($0) }
        return .object(object)
    }

    /// The bytes that are signed.
    package var canonicalBytes: [UInt8] { JSON.canonical(json) }

    /// Reads a vote document.
    package init(parsing bytes: [UInt8]) throws(VoteError) {
        try self.init(json: try VoteError.parse(bytes))
    }

    package init(json: JSON.Value) throws(VoteError) {
        guard let object = json.object else { throw VoteError(.malformed, "the vote is not a JSON object") }
        guard let schema = object["schema"]?.string, schema == Self.schema else {
            throw VoteError(.unknownSchema, "the vote is not of schema `\(Self.schema)`")
        }
        for key in object.keys where !Self.members.contains(key) {
            throw VoteError(
                .unknownMember,
                "the vote has the unknown member `\(VoteError.shown(key))`",
                help: nearest(to: key, in: Self.members).map { "did you mean `\($0)`?" }
            )
        }
        func text(_ key: String) throws(VoteError) -> String {
            guard let value = object[key] else { throw VoteError(.missingMember, "the vote lacks `\(key)`") }
            guard let text = value.string else { throw VoteError.malformed(key) }
            return text
        }
        func digest(_ key: String) throws(VoteError) -> Digest {
            guard let digest = Digest(try text(key)) else { throw VoteError.malformed(key) }
            return digest
        }
        guard let number = object["generation"] else { throw VoteError(.missingMember, "the vote lacks `generation`") }
        guard case .integer(let generation) = number else { throw VoteError.malformed("generation") }
        guard let verdict = Verdict(rawValue: try text("verdict")) else { throw VoteError.malformed("verdict") }
        let written = try text("time")
        guard let time = Timestamp(rfc3339: written), time.description == written else {
            throw VoteError.malformed("time")
        }
        try self.init(
            run: RunID(try text("run")),
            step: StepInstance(parsing: try text("step")),
            generation: generation,
            shown: try digest("shown"),
            configuration: try digest("configuration"),
            verdict: verdict,
            reason: try text("reason"),
            ticket: object["ticket"] == nil ? nil : try text("ticket"),
            person: PersonID(try text("person")),
            time: time
        )
    }

    private static let members = [
        "schema", "run", "step", "generation", "shown", "configuration", "verdict", "reason", "ticket", "person",
        "time",
    ]

    /// Canonical JSON counts in doubles; above this two generations could print alike.
    private static let maximumGeneration: Int64 = 1 << 53

    /// Refuses what could mislead the reader of a terminal or a report: control and direction characters.
    private static func check(
        _ text: String,
        _ member: String,
        limit: Int = 512,
        mayBreakLines: Bool = false
    ) throws(VoteError) {
        guard text.utf8.count <= limit, text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw VoteError(.malformed, "the vote's `\(member)` is empty or longer than \(limit) bytes")
        }
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where mayBreakLines && (scalar == "\n" || scalar == "\t"): continue
            case .control, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
                throw VoteError(.malformed, "the vote's `\(member)` holds control characters")
            case .format where scalar.properties.isBidiControl:
                throw VoteError(.malformed, "the vote's `\(member)` holds characters that change the reading direction")
            default: continue
            }
        }
    }
}

/// Why a vote does not count.
package struct VoteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The closed set of reasons; the raw value is printed and never reworded.
    package enum Code: String, Sendable, CaseIterable {
        case malformed = "vote.malformed"
        case unknownSchema = "vote.unknown-schema"
        case unknownMember = "vote.unknown-member"
        case missingMember = "vote.missing-member"
        case unknownPerson = "vote.unknown-person"
        case wrongKey = "vote.wrong-key"
        case sharedKey = "vote.shared-key"
        case badSignature = "vote.bad-signature"
    }

    package let code: Code
    package let message: String
    package let help: String?
    /// What the signature itself failed with, where that is the reason.
    package let cause: SSHError?

    package init(_ code: Code, _ message: String, help: String? = nil, cause: SSHError? = nil) {
        self.code = code
        self.message = message
        self.help = help
        self.cause = cause
    }

    package var description: String { "\(message) [\(code.rawValue)]" }

    static func malformed(_ member: String) -> VoteError {
        VoteError(.malformed, "the vote's `\(member)` is not what it should be")
    }

    /// A foreign name, short and without characters that a terminal would act on.
    static func shown(_ name: String) -> String {
        let clean = name.unicodeScalars.prefix(64).map { $0.properties.generalCategory == .control ? "?" : String($0) }
        return clean.joined()
    }

    static func parse(_ bytes: [UInt8]) throws(VoteError) -> JSON.Value {
        do throws(JSON.ScanError) {
            return try JSON.parse(bytes, limits: JSON.Limits(maxBytes: 128 << 10, maxDepth: 8, maxMembers: 64))
        } catch {
            throw VoteError(.malformed, "the vote is not sound JSON: \(error)")
        }
    }
}
