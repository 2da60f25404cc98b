package import Core

extension ProgressSnapshot {
    /// Reads what `json` writes, so that a report can be rendered again from its JSON alone.
    ///
    /// Members that are not known are passed over, as a later release may add some; `summary` is one of them, because
    /// every figure is computed anew. All problems are reported together, each with the path of its member.
    package init(json: JSON.Value) throws(InvalidInput) {
        let root = MemberReader(json)
        if let schema = json["schema"]?.string, schema != Self.schema {
            throw InvalidInput([
                Diagnostic(
                    code: "report.unknown-schema",
                    message: "the report has the schema `\(VisibleText.line(schema, limit: 80))`, not `\(Self.schema)`",
                    help: "render it with the release that wrote it"
                )
            ])
        }
        _ = root.string("schema")
        self.init(
            title: root.string("title"),
            taken: root.time("taken"),
            isRehearsal: root.bool("rehearsal"),
            run: root.optionalString("run"),
            runState: root.string("run_state"),
            startedBy: root.optionalString("started_by"),
            started: root.optionalTime("started"),
            playbookDigest: root.optionalDigest("playbook_digest"),
            phases: root.list("phases", Phase.init),
            steps: root.list("steps", Step.init),
            gates: root.list("gates", Gate.init),
            approvals: root.list("approvals", Approval.init),
            coverage: root.list("coverage", Coverage.init),
            blockers: root.list("blockers", Blocker.init),
            servers: root.list("servers", Server.init),
            findings: root.list("findings", Finding.init),
            exceptions: root.list("exceptions", Exception.init),
            gaps: root.list("gaps", CoverageGap.init)
        )
        if !root.problems.found.isEmpty { throw InvalidInput(root.problems.found) }
    }
}

/// Reads the members of one object, notes what is wrong with each, and goes on.
private struct MemberReader {
    /// Lives as long as one reading; every reader of it writes here.
    final class Problems {
        var found: [Diagnostic] = []
        /// A hostile file should not make a hostile amount of diagnostics.
        static let limit = 50
    }

    private let value: JSON.Value
    private let path: String
    let problems: Problems

    init(_ value: JSON.Value) {
        self.init(value, path: "", problems: Problems())
    }

    private init(_ value: JSON.Value, path: String, problems: Problems) {
        self.value = value
        self.path = path
        self.problems = problems
        if value.object == nil { refuse(path.isEmpty ? "the report" : "`\(path)`", "an object", value) }
    }

    private func refuse(_ subject: String, _ expected: String, _ found: JSON.Value?) {
        guard problems.found.count < Problems.limit else { return }
        problems.found.append(
            Diagnostic(
                code: "report.invalid-snapshot",
                message: "\(subject) is \(found.map(Self.article) ?? "missing"), not \(expected)"
            )
        )
    }

    private static func article(_ value: JSON.Value) -> String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }

    private func place(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func optional<T>(_ key: String, _ expected: String, _ read: (JSON.Value) -> T?) -> T? {
        guard let member = value[key], !member.isNull else { return nil }
        if let result = read(member) { return result }
        refuse("`\(place(of: key))`", expected, member)
        return nil
    }

    private func required<T>(_ key: String, _ expected: String, _ fallback: T, _ read: (JSON.Value) -> T?) -> T {
        guard value.object != nil else { return fallback }
        if let member = value[key], let result = read(member) { return result }
        refuse("`\(place(of: key))`", expected, value[key])
        return fallback
    }

    func string(_ key: String) -> String { required(key, "a string", "", \.string) }
    func bool(_ key: String) -> Bool { required(key, "true or false", false, \.bool) }
    func optionalString(_ key: String) -> String? { optional(key, "a string", \.string) }
    func optionalNumber(_ key: String) -> Double? { optional(key, "a number", \.double) }

    func count(_ key: String) -> Int { required(key, "a whole number from 0", 0, Self.count) }
    func optionalCount(_ key: String) -> Int? { optional(key, "a whole number from 0", Self.count) }

    private static func count(_ value: JSON.Value) -> Int? {
        value.int.flatMap { (0...Int64(1) << 53).contains($0) ? Int(exactly: $0) : nil }
    }

    func time(_ key: String) -> Timestamp {
        required(key, "an RFC 3339 time", Timestamp(microseconds: 0)) { $0.string.flatMap { Timestamp(rfc3339: $0) } }
    }

    func optionalTime(_ key: String) -> Timestamp? {
        optional(key, "an RFC 3339 time") { $0.string.flatMap { Timestamp(rfc3339: $0) } }
    }

    func optionalDigest(_ key: String) -> Digest? {
        optional(key, "a digest such as `sha256:…`") { $0.string.flatMap { Digest($0) } }
    }

    func severity(_ key: String) -> Finding.Severity {
        required(key, "a severity", .critical) { $0.string.flatMap(Finding.Severity.init(rawValue:)) }
    }

    func strings(_ key: String) -> [String] {
        required(key, "a list of strings", []) { value in
            guard let elements = value.array else { return nil }
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts : nil
        }
    }

    func list<T>(_ key: String, _ read: (MemberReader) -> T) -> [T] {
        required(key, "a list", [], \.array).enumerated().map { position, element in
            read(MemberReader(element, path: "\(place(of: key))[\(position)]", problems: problems))
        }
    }
}

extension ProgressSnapshot.Phase {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            number: reader.count("number"),
            name: reader.string("name"),
            status: reader.string("status"),
            plannedStart: reader.optionalTime("planned_start"),
            plannedEnd: reader.optionalTime("planned_end"),
            started: reader.optionalTime("started"),
            ended: reader.optionalTime("ended")
        )
    }
}

extension ProgressSnapshot.Step {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            instance: reader.string("instance"),
            name: reader.optionalString("name"),
            kind: reader.string("kind"),
            state: reader.string("state"),
            attempts: reader.count("attempts"),
            started: reader.optionalTime("started"),
            ended: reader.optionalTime("ended"),
            summary: reader.string("summary")
        )
    }
}

extension ProgressSnapshot.Gate {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            instance: reader.string("instance"),
            condition: reader.string("condition"),
            verdict: reader.string("verdict"),
            decided: reader.optionalTime("decided"),
            samples: reader.count("samples"),
            measurements: reader.list("measurements") {
                Measurement(name: $0.string("name"), last: $0.optionalNumber("last"), count: $0.count("count"))
            },
            message: reader.string("message")
        )
    }
}

extension ProgressSnapshot.Approval {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            instance: reader.string("instance"),
            state: reader.string("state"),
            needed: reader.count("needed"),
            votes: reader.list("votes") {
                Vote(
                    person: $0.string("person"),
                    verdict: $0.string("verdict"),
                    reason: $0.string("reason"),
                    time: $0.time("time"),
                    isAuthenticated: $0.bool("authenticated")
                )
            },
            shown: reader.optionalDigest("shown"),
            expires: reader.optionalTime("expires")
        )
    }
}

extension ProgressSnapshot.Coverage {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            name: reader.string("name"),
            numerator: reader.count("numerator"),
            denominator: reader.count("denominator"),
            previousDenominator: reader.optionalCount("previous_denominator")
        )
    }
}

extension ProgressSnapshot.Blocker {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            instance: reader.string("instance"),
            reason: reader.string("reason"),
            waitingOn: reader.string("waiting_on"),
            since: reader.optionalTime("since"),
            command: reader.string("command")
        )
    }
}

extension ProgressSnapshot.Server {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            id: reader.string("id"),
            transport: reader.string("transport"),
            security: reader.string("security"),
            authentication: reader.string("authentication"),
            owner: reader.optionalString("owner"),
            criticality: reader.optionalString("criticality"),
            tools: reader.optionalCount("tools"),
            revisions: reader.strings("revisions"),
            // Reports from before it was written held MCP servers in the main.
            kind: reader.optionalString("kind") ?? "mcp"
        )
    }
}

extension Finding {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            code: reader.string("code"),
            severity: reader.severity("severity"),
            subject: reader.string("subject"),
            message: reader.string("message"),
            evidence: reader.string("evidence")
        )
    }
}

extension Exception {
    fileprivate init(_ reader: MemberReader) {
        self.init(
            id: reader.string("id"),
            scope: reader.string("scope"),
            owner: reader.string("owner"),
            reason: reader.string("reason"),
            createdBy: reader.string("created_by"),
            created: reader.time("created"),
            expires: reader.time("expires"),
            closed: reader.optionalTime("closed"),
            isAuthenticated: reader.bool("authenticated")
        )
    }
}

extension CoverageGap {
    fileprivate init(_ reader: MemberReader) {
        self.init(subject: reader.string("subject"), reason: reader.string("reason"))
    }
}
