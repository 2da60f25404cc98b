/// How far a rollout is, at one moment: everything that a progress report says, and nothing that it has to look up.
///
/// Made from the ledger, rendered by `Reporting`; a report can be made again from the JSON of a snapshot alone.
package struct ProgressSnapshot: Sendable, Hashable {
    /// A count with the number that it is a part of; a share without its denominator is not reported.
    package struct Coverage: Sendable, Hashable {
        package var name: String
        package var numerator: Int
        package var denominator: Int
        /// What the denominator was at the snapshot before, since a moving one hides a stall.
        package var previousDenominator: Int?

        package init(name: String, numerator: Int, denominator: Int, previousDenominator: Int? = nil) {
            self.name = name
            self.numerator = numerator
            self.denominator = denominator
            self.previousDenominator = previousDenominator
        }
    }

    package struct Phase: Sendable, Hashable {
        package var number: Int
        package var name: String
        /// `not in this version`, `not started`, `running`, `waiting`, `done`, `failed`.
        package var status: String
        package var plannedStart: Timestamp?
        package var plannedEnd: Timestamp?
        package var started: Timestamp?
        package var ended: Timestamp?

        package init(
            number: Int,
            name: String,
            status: String,
            plannedStart: Timestamp? = nil,
            plannedEnd: Timestamp? = nil,
            started: Timestamp? = nil,
            ended: Timestamp? = nil
        ) {
            self.number = number
            self.name = name
            self.status = status
            self.plannedStart = plannedStart
            self.plannedEnd = plannedEnd
            self.started = started
            self.ended = ended
        }
    }

    package struct Step: Sendable, Hashable {
        /// As it prints: `phase_1/probe[hr]`.
        package var instance: String
        package var name: String?
        package var kind: String
        package var state: String
        package var attempts: Int
        package var started: Timestamp?
        package var ended: Timestamp?
        package var summary: String

        package init(
            instance: String,
            name: String? = nil,
            kind: String,
            state: String,
            attempts: Int = 0,
            started: Timestamp? = nil,
            ended: Timestamp? = nil,
            summary: String = ""
        ) {
            self.instance = instance
            self.name = name
            self.kind = kind
            self.state = state
            self.attempts = attempts
            self.started = started
            self.ended = ended
            self.summary = summary
        }
    }

    package struct Gate: Sendable, Hashable {
        package struct Measurement: Sendable, Hashable {
            package var name: String
            package var last: Double?
            package var count: Int

            package init(name: String, last: Double?, count: Int) {
                self.name = name
                self.last = last
                self.count = count
            }
        }

        package var instance: String
        package var condition: String
        /// `pass`, `fail`, `inconclusive`, `error`, or `running`.
        package var verdict: String
        package var decided: Timestamp?
        package var samples: Int
        package var measurements: [Measurement]
        package var message: String

        package init(
            instance: String,
            condition: String,
            verdict: String,
            decided: Timestamp? = nil,
            samples: Int = 0,
            measurements: [Measurement] = [],
            message: String = ""
        ) {
            self.instance = instance
            self.condition = condition
            self.verdict = verdict
            self.decided = decided
            self.samples = samples
            self.measurements = measurements
            self.message = message
        }
    }

    package struct Approval: Sendable, Hashable {
        package struct Vote: Sendable, Hashable {
            package var person: String
            package var verdict: String
            package var reason: String
            package var time: Timestamp
            package var isAuthenticated: Bool

            package init(person: String, verdict: String, reason: String, time: Timestamp, isAuthenticated: Bool) {
                self.person = person
                self.verdict = verdict
                self.reason = reason
                self.time = time
                self.isAuthenticated = isAuthenticated
            }
        }

        package var instance: String
        package var state: String
        package var needed: Int
        package var votes: [Vote]
        package var shown: Digest?
        package var expires: Timestamp?

        package init(
            instance: String,
            state: String,
            needed: Int,
            votes: [Vote] = [],
            shown: Digest? = nil,
            expires: Timestamp? = nil
        ) {
            self.instance = instance
            self.state = state
            self.needed = needed
            self.votes = votes
            self.shown = shown
            self.expires = expires
        }
    }

    /// Why a run does not go on, and the command that would make it.
    package struct Blocker: Sendable, Hashable {
        package var instance: String
        package var reason: String
        package var waitingOn: String
        package var since: Timestamp?
        package var command: String

        package init(
            instance: String,
            reason: String,
            waitingOn: String,
            since: Timestamp? = nil,
            command: String
        ) {
            self.instance = instance
            self.reason = reason
            self.waitingOn = waitingOn
            self.since = since
            self.command = command
        }
    }

    package struct Server: Sendable, Hashable {
        package var id: String
        package var transport: String
        package var security: String
        package var authentication: String
        package var owner: String?
        package var criticality: String?
        /// Nil where they could not be read.
        package var tools: Int?
        package var revisions: [String]
        /// `mcp`, or what else it is; shares count MCP servers only, as gates do.
        package var kind: String

        package init(
            id: String,
            transport: String,
            security: String,
            authentication: String,
            owner: String? = nil,
            criticality: String? = nil,
            tools: Int? = nil,
            revisions: [String] = [],
            kind: String = "mcp"
        ) {
            self.id = id
            self.transport = transport
            self.security = security
            self.authentication = authentication
            self.owner = owner
            self.criticality = criticality
            self.tools = tools
            self.revisions = revisions
            self.kind = kind
        }
    }

    package var title: String
    package var taken: Timestamp
    package var isRehearsal: Bool
    package var run: String?
    package var runState: String
    package var startedBy: String?
    package var started: Timestamp?
    package var playbookDigest: Digest?
    package var phases: [Phase]
    package var steps: [Step]
    package var gates: [Gate]
    package var approvals: [Approval]
    package var coverage: [Coverage]
    package var blockers: [Blocker]
    package var servers: [Server]
    package var findings: [Finding]
    package var exceptions: [Exception]
    /// What was not looked at, and why.
    package var gaps: [CoverageGap]

    package init(
        title: String,
        taken: Timestamp,
        isRehearsal: Bool = false,
        run: String? = nil,
        runState: String = "none",
        startedBy: String? = nil,
        started: Timestamp? = nil,
        playbookDigest: Digest? = nil,
        phases: [Phase] = [],
        steps: [Step] = [],
        gates: [Gate] = [],
        approvals: [Approval] = [],
        coverage: [Coverage] = [],
        blockers: [Blocker] = [],
        servers: [Server] = [],
        findings: [Finding] = [],
        exceptions: [Exception] = [],
        gaps: [CoverageGap] = []
    ) {
        self.title = title
        self.taken = taken
        self.isRehearsal = isRehearsal
        self.run = run
        self.runState = runState
        self.startedBy = startedBy
        self.started = started
        self.playbookDigest = playbookDigest
        self.phases = phases
        self.steps = steps
        self.gates = gates
        self.approvals = approvals
        self.coverage = coverage
        self.blockers = blockers
        self.servers = servers
        self.findings = findings
        self.exceptions = exceptions
        self.gaps = gaps
    }
}
