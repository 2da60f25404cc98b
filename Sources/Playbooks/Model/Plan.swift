package import Core
package import Expressions

/// A playbook that was checked: the only thing that the engine accepts.
///
/// Made by `Checker.check`; whoever holds a plan knows that every name in it resolves, that its graph has no cycle and
/// that each action, metric and window exists.
package struct Plan: Sendable {
    package var id: String
    package var name: String
    package var version: String
    package var phase: Int?
    package var summary: String?
    package var owner: String?
    /// SHA-256 of `source`; a run is pinned to it.
    package var digest: Digest
    /// The bytes that were checked.
    package var source: [UInt8]
    package var file: String
    package var inputs: [InputDeclaration]
    package var secrets: [SecretDeclaration]
    package var variables: [(name: String, value: Template)]
    package var schedule: Schedule
    package var calendar: Calendar
    package var concurrency: Concurrency?
    /// In document order; each step already carries its effective `needs` and defaults.
    package var steps: [PlannedStep]
    package var finally: [PlannedStep]
    package var outputs: [(name: String, value: Template)]
    /// What the checker deduced of the outputs, for whoever calls the playbook.
    package var outputTypes: [String: CELType] = [:]

    package init(
        id: String,
        name: String,
        version: String,
        phase: Int? = nil,
        summary: String? = nil,
        owner: String? = nil,
        digest: Digest,
        source: [UInt8],
        file: String,
        inputs: [InputDeclaration] = [],
        secrets: [SecretDeclaration] = [],
        variables: [(name: String, value: Template)] = [],
        schedule: Schedule = Schedule(),
        calendar: Calendar = Calendar(),
        concurrency: Concurrency? = nil,
        steps: [PlannedStep],
        finally: [PlannedStep] = [],
        outputs: [(name: String, value: Template)] = []
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.phase = phase
        self.summary = summary
        self.owner = owner
        self.digest = digest
        self.source = source
        self.file = file
        self.inputs = inputs
        self.secrets = secrets
        self.variables = variables
        self.schedule = schedule
        self.calendar = calendar
        self.concurrency = concurrency
        self.steps = steps
        self.finally = finally
        self.outputs = outputs
    }
}

/// One step of a plan.
package struct PlannedStep: Sendable {
    package enum Kind: Sendable {
        case action(ActionCall)
        case gate(Gate)
        case approval(Approval)
        case wait(Wait)
        case playbook(SubPlaybook)
    }

    package enum Preview: String, Sendable, CaseIterable { case read, simulate, skip }

    package var id: StepID
    package var name: Template?
    package var kind: Kind
    /// Which steps must have ended well before this one starts; the step before it unless the playbook says otherwise.
    package var needs: [StepID]
    package var condition: Expression?
    package var forEach: ForEach?
    package var afterEachWave: Gate?
    package var retry: RetryPolicy
    package var timeout: Duration?
    /// The name of the calendar window in which the step may start.
    package var window: String?
    package var continueOnError: Bool
    package var rollback: ActionCall?
    package var onCancel: ActionCall?
    package var outputs: [(name: String, type: ValueType)]
    package var evidence: EvidencePolicy
    /// What `lockstep plan` does with the step; nothing for what its action says of itself.
    package var preview: Preview?
    /// What makes two requests the same effect; nothing for run, step and item.
    package var idempotencyKey: Expression?
    package var place: Place

    package init(
        id: StepID,
        name: Template? = nil,
        kind: Kind,
        needs: [StepID] = [],
        condition: Expression? = nil,
        forEach: ForEach? = nil,
        afterEachWave: Gate? = nil,
        retry: RetryPolicy = .none,
        timeout: Duration? = nil,
        window: String? = nil,
        continueOnError: Bool = false,
        rollback: ActionCall? = nil,
        onCancel: ActionCall? = nil,
        outputs: [(name: String, type: ValueType)] = [],
        evidence: EvidencePolicy = EvidencePolicy(),
        preview: Preview? = nil,
        idempotencyKey: Expression? = nil,
        place: Place
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.needs = needs
        self.condition = condition
        self.forEach = forEach
        self.afterEachWave = afterEachWave
        self.retry = retry
        self.timeout = timeout
        self.window = window
        self.continueOnError = continueOnError
        self.rollback = rollback
        self.onCancel = onCancel
        self.outputs = outputs
        self.evidence = evidence
        self.preview = preview
        self.idempotencyKey = idempotencyKey
        self.place = place
    }
}

/// A call of an action with values that may hold expressions.
package struct ActionCall: Sendable {
    package var action: ActionName
    /// The version of the action that the playbook was checked against; a run pins it.
    package var version: Int
    package var parameters: [(name: String, value: Template)]

    package init(action: ActionName, version: Int, parameters: [(name: String, value: Template)] = []) {
        self.action = action
        self.version = version
        self.parameters = parameters
    }
}

/// A value of a playbook in which `${{ }}` may stand.
package indirect enum Template: Sendable {
    case literal(JSON.Value)
    /// The whole scalar is one `${{ }}`: the value keeps its type.
    case expression(Expression)
    /// Text around expressions: each is converted by CEL's `string()`.
    case text([Piece])
    case list([Template])
    case map([(key: String, value: Template)])

    package enum Piece: Sendable {
        case text(String)
        case expression(Expression)
    }
}

/// How the items of a step are found and in which waves they run.
package struct ForEach: Sendable {
    package enum Wave: Sendable, Hashable {
        /// How many items are done at its end, counted from the start: `1` then `5` is one item, then four more.
        case count(Int)
        /// Of all items, counted from the start: `25` then `100` is a quarter, then the rest.
        case percent(Int)
    }

    package var items: Template
    package var variable: String
    package var maxParallel: Int?
    package var failFast: Bool
    package var waves: [Wave]

    package init(
        items: Template,
        variable: String,
        maxParallel: Int? = nil,
        failFast: Bool = true,
        waves: [Wave] = []
    ) {
        self.items = items
        self.variable = variable
        self.maxParallel = maxParallel
        self.failFast = failFast
        self.waves = waves
    }
}

package struct RetryPolicy: Sendable, Hashable {
    package enum Backoff: String, Sendable, CaseIterable { case constant, linear, exponential }
    package enum Condition: String, Sendable, CaseIterable { case transient, timeout, any }

    /// How many times more after the first attempt.
    package var max: Int
    package var backoff: Backoff
    package var initial: Duration
    package var maxInterval: Duration
    /// From 0 to 1: the share of the interval by which it may vary either way.
    package var jitter: Double
    package var conditions: Set<Condition>

    package init(
        max: Int,
        backoff: Backoff = .exponential,
        initial: Duration = .seconds(10),
        maxInterval: Duration = .seconds(300),
        jitter: Double = 0,
        conditions: Set<Condition> = [.transient]
    ) {
        self.max = max
        self.backoff = backoff
        self.initial = initial
        self.maxInterval = maxInterval
        self.jitter = jitter
        self.conditions = conditions
    }

    package static let none = RetryPolicy(max: 0)
}

package struct EvidencePolicy: Sendable, Hashable {
    package var keep: Duration?
    package var controls: [String]

    package init(keep: Duration? = nil, controls: [String] = []) {
        self.keep = keep
        self.controls = controls
    }
}

package struct SubPlaybook: Sendable {
    /// The checked plan of the other playbook.
    package var plan: Plan
    package var path: String
    package var inputs: [(name: String, value: Template)]

    package init(plan: Plan, path: String, inputs: [(name: String, value: Template)] = []) {
        self.plan = plan
        self.path = path
        self.inputs = inputs
    }
}

package struct Concurrency: Sendable, Hashable {
    package enum Conflict: String, Sendable, CaseIterable {
        case queue, fail
        case cancelRunning = "cancel-running"
    }

    package var group: String
    package var onConflict: Conflict

    package init(group: String, onConflict: Conflict = .queue) {
        self.group = group
        self.onConflict = onConflict
    }
}

/// Offsets from the start of the roadmap.
package struct Schedule: Sendable, Hashable {
    package var start: Duration?
    package var due: Duration?

    package init(start: Duration? = nil, due: Duration? = nil) {
        self.start = start
        self.due = due
    }
}
