package import Core

/// Where a run stands.
package enum RunState: String, Sendable, Hashable, CaseIterable {
    /// Another run of its concurrency group goes first.
    case queued
    case running
    /// Everything left waits for time or people; no process is needed.
    case waiting
    case paused
    case cancelling
    case rollingBack = "rolling-back"
    /// A person has to look; the reason says at what.
    case needsAttention = "needs-attention"
    case succeeded
    case failed
    case cancelled
    case rolledBack = "rolled-back"

    package var isTerminal: Bool {
        switch self {
        case .succeeded, .failed, .cancelled, .rolledBack: true
        default: false
        }
    }
}

/// Where a step instance stands.
package enum StepState: String, Sendable, Hashable, CaseIterable {
    case pending
    case waiting
    case running
    case succeeded
    case failed
    case skipped
    case cancelled
    case needsAttention = "needs-attention"

    package var isTerminal: Bool {
        switch self {
        case .succeeded, .failed, .skipped, .cancelled: true
        default: false
        }
    }
}

/// A run as the ledger lists it.
package struct RunRecord: Sendable, Hashable {
    package var id: RunID
    package var playbook: String
    package var name: String
    package var version: String
    package var phase: Int?
    package var digest: Digest
    package var file: String
    package var inputs: JSON.Object
    package var startedBy: String
    /// The version of every action of the plan when the run started.
    package var pins: [String: Int]
    package var state: RunState
    package var reason: String?
    package var outputs: JSON.Object?
    package var created: Timestamp
    package var updated: Timestamp
    package var ended: Timestamp?
    package var parent: Parent?
    package var group: String?
    /// How many events it has, and the hash of the last one.
    package var sequence: Int
    package var head: [UInt8]
    package var lease: Lease?

    /// The step of another run that this run carries out.
    package struct Parent: Sendable, Hashable {
        package var run: RunID
        package var instance: StepInstance

        package init(run: RunID, instance: StepInstance) {
            self.run = run
            self.instance = instance
        }
    }

    package init(
        id: RunID,
        playbook: String,
        name: String,
        version: String,
        phase: Int? = nil,
        digest: Digest,
        file: String,
        inputs: JSON.Object,
        startedBy: String,
        pins: [String: Int] = [:],
        state: RunState,
        created: Timestamp,
        parent: Parent? = nil,
        group: String? = nil
    ) {
        self.id = id
        self.playbook = playbook
        self.name = name
        self.version = version
        self.phase = phase
        self.digest = digest
        self.file = file
        self.inputs = inputs
        self.startedBy = startedBy
        self.pins = pins
        self.state = state
        self.created = created
        updated = created
        self.parent = parent
        self.group = group
        sequence = 0
        head = []
    }
}

/// Who advances a run at the moment.
package struct Lease: Sendable, Hashable {
    package var token: String
    package var host: String
    /// The kernel's id of this start of the machine: a process id means nothing across a reboot.
    package var boot: String
    package var process: Int
    package var heartbeat: Timestamp
    package var expires: Timestamp

    package init(token: String, host: String, boot: String, process: Int, heartbeat: Timestamp, expires: Timestamp) {
        self.token = token
        self.host = host
        self.boot = boot
        self.process = process
        self.heartbeat = heartbeat
        self.expires = expires
    }
}

/// One event of a run; what a run is follows from its events alone.
package struct EventRecord: Sendable, Hashable {
    package var sequence: Int
    package var time: Timestamp
    package var kind: String
    /// The step instance that it is about; empty for the run itself.
    package var instance: String
    /// Canonical JSON.
    package var payload: String

    package init(sequence: Int, time: Timestamp, kind: String, instance: String, payload: String) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.instance = instance
        self.payload = payload
    }
}

/// A step instance as the ledger lists it.
package struct StepRecord: Sendable, Hashable {
    package var instance: StepInstance
    /// The place in the order in which people read the plan.
    package var position: Int
    /// `action`, `gate`, `approval`, `wait`, `playbook`.
    package var kind: String
    package var name: String?
    package var state: StepState
    package var attempts: Int
    package var started: Timestamp?
    package var ended: Timestamp?
    /// A gate's `pass`, `fail`, `inconclusive`, `error`; an approval's `approved`, `rejected`, `expired`.
    package var result: String?
    package var outputs: JSON.Object?
    package var error: String?
    package var summary: String?
    /// What it waits for, for people: `approval`, `gate`, `window change_window`, `retry`, `timer`, `playbook`.
    package var waitsFor: String?
    package var due: Timestamp?

    package init(
        instance: StepInstance,
        position: Int,
        kind: String,
        name: String? = nil,
        state: StepState = .pending
    ) {
        self.instance = instance
        self.position = position
        self.kind = kind
        self.name = name
        self.state = state
        attempts = 0
    }
}

/// Something that happens to a run when its time has come.
package struct TimerRecord: Sendable, Hashable {
    package var run: RunID
    package var instance: StepInstance
    package var kind: String
    /// A timer of an older generation than the machine's fires into nothing.
    package var generation: Int
    package var due: Timestamp

    package init(run: RunID, instance: StepInstance, kind: String, generation: Int, due: Timestamp) {
        self.run = run
        self.instance = instance
        self.kind = kind
        self.generation = generation
        self.due = due
    }
}

/// One measurement of a gate.
package struct SampleRecord: Sendable, Hashable {
    package var instance: StepInstance
    package var number: Int
    package var time: Timestamp
    package var outcome: String
    package var measurements: JSON.Object
    package var note: String?

    package init(
        instance: StepInstance,
        number: Int,
        time: Timestamp,
        outcome: String,
        measurements: JSON.Object,
        note: String? = nil
    ) {
        self.instance = instance
        self.number = number
        self.time = time
        self.outcome = outcome
        self.measurements = measurements
        self.note = note
    }
}

/// The decision of a gate, taken once a generation.
package struct VerdictRecord: Sendable, Hashable {
    package var instance: StepInstance
    package var generation: Int
    package var time: Timestamp
    package var result: String
    package var reason: String

    package init(instance: StepInstance, generation: Int, time: Timestamp, result: String, reason: String) {
        self.instance = instance
        self.generation = generation
        self.time = time
        self.result = result
        self.reason = reason
    }
}

/// A question to people with the bytes that they are shown.
package struct ApprovalRecord: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        case open, approved, rejected, expired, withdrawn
    }

    package var run: RunID
    package var instance: StepInstance
    package var generation: Int
    package var state: State
    package var opened: Timestamp
    /// Canonical JSON: the very bytes that a voter is shown and signs the digest of.
    package var shown: [UInt8]
    package var digest: Digest
    package var approvers: [String]
    package var quorum: Int
    package var excluded: [String]
    package var required: [String]
    package var ticket: String?
    package var expires: Timestamp
    package var decided: Timestamp?
    package var note: String?

    package init(
        run: RunID,
        instance: StepInstance,
        generation: Int,
        state: State,
        opened: Timestamp,
        shown: [UInt8],
        digest: Digest,
        approvers: [String],
        quorum: Int,
        excluded: [String],
        required: [String],
        ticket: String?,
        expires: Timestamp
    ) {
        self.run = run
        self.instance = instance
        self.generation = generation
        self.state = state
        self.opened = opened
        self.shown = shown
        self.digest = digest
        self.approvers = approvers
        self.quorum = quorum
        self.excluded = excluded
        self.required = required
        self.ticket = ticket
        self.expires = expires
    }
}

/// One vote; never altered or removed.
package struct VoteRecord: Sendable, Hashable {
    package var run: RunID
    package var instance: StepInstance
    package var generation: Int
    package var number: Int
    package var person: PersonID
    /// `approve`, `reject` or `withdraw`.
    package var verdict: String
    package var reason: String
    package var ticket: String?
    /// False for a vote that rests on the name of the OS user alone.
    package var isAuthenticated: Bool
    package var shown: Digest
    /// The signed bytes and the signature, as JSON, so that anybody can verify the vote later.
    package var proof: String?
    package var time: Timestamp

    package init(
        run: RunID,
        instance: StepInstance,
        generation: Int,
        number: Int,
        person: PersonID,
        verdict: String,
        reason: String,
        ticket: String? = nil,
        isAuthenticated: Bool,
        shown: Digest,
        proof: String? = nil,
        time: Timestamp
    ) {
        self.run = run
        self.instance = instance
        self.generation = generation
        self.number = number
        self.person = person
        self.verdict = verdict
        self.reason = reason
        self.ticket = ticket
        self.isAuthenticated = isAuthenticated
        self.shown = shown
        self.proof = proof
        self.time = time
    }
}

/// Bytes that are kept under their digest: in the ledger itself, or as a file of the workspace.
package struct ArtifactRecord: Sendable, Hashable {
    package var digest: Digest
    package var mediaType: String
    package var byteCount: Int
    /// Nothing for an artifact that lies in the workspace's `artifacts/`.
    package var bytes: [UInt8]?
    package var created: Timestamp

    package init(digest: Digest, mediaType: String, byteCount: Int, bytes: [UInt8]?, created: Timestamp) {
        self.digest = digest
        self.mediaType = mediaType
        self.byteCount = byteCount
        self.bytes = bytes
        self.created = created
    }
}
