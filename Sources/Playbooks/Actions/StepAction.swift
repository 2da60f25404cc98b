package import Core

/// What a step kind takes, gives and touches: the linter, the plan and the engine read only this.
package struct ActionSchema: Sendable {
    package enum Effect: String, Sendable {
        /// Looks only; may be repeated at will.
        case read
        /// Changes something outside the ledger; wants an intent first and may be asked whether its effect is there.
        case change
    }

    /// Something that a workspace declares and a playbook only names.
    package enum Reference: Sendable, Hashable {
        case hook
        /// `user:ana`, `group:security-leads`.
        case principal
    }

    package struct Parameter: Sendable {
        package var name: String
        package var type: ValueType
        /// The type of a list's elements; nothing for any.
        package var items: ValueType?
        package var isRequired: Bool
        /// Only such a parameter may be given `secrets.x`.
        package var isSecret: Bool
        /// The only texts that are accepted, as the value or as elements of a list.
        package var allowed: [String]
        /// Whether the text is a `snake_case` name of something that is declared elsewhere, such as a hook.
        package var isName: Bool
        /// The least and the greatest whole number.
        package var range: ClosedRange<Int>?
        /// What a text that is written out must be beyond its type; for a list, each element.
        package var rule: LiteralRule?
        /// What a text names that `lockstep.yaml` declares.
        package var refersTo: Reference?
        package var summary: String

        package init(
            _ name: String,
            _ type: ValueType,
            items: ValueType? = nil,
            isRequired: Bool = false,
            isSecret: Bool = false,
            allowed: [String] = [],
            isName: Bool = false,
            range: ClosedRange<Int>? = nil,
            rule: LiteralRule? = nil,
            refersTo: Reference? = nil,
            summary: String
        ) {
            self.name = name
            self.type = type
            self.items = items
            self.isName = isName
            self.range = range
            self.rule = rule
            self.refersTo = refersTo
            self.isRequired = isRequired
            self.isSecret = isSecret
            self.allowed = allowed
            self.summary = summary
        }
    }

    package var name: ActionName
    package var version: Int
    package var summary: String
    package var effect: Effect
    /// Whether its change only adds something, such as a report: no consent and no rollback are asked for it.
    package var isAdditive: Bool
    package var parameters: [Parameter]
    package var outputs: [(name: String, type: ValueType)]
    /// What it asks of what it calls, in words for its page; nothing where the parameters say it all.
    package var contract: String?

    package init(
        name: ActionName,
        version: Int = 1,
        summary: String,
        effect: Effect,
        isAdditive: Bool = false,
        parameters: [Parameter] = [],
        outputs: [(name: String, type: ValueType)] = []
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.effect = effect
        self.isAdditive = isAdditive
        self.parameters = parameters
        self.outputs = outputs
    }
}

/// One attempt at an action.
package struct ActionRequest: Sendable {
    package var run: RunID
    package var instance: StepInstance
    /// The same for every attempt at this effect, different for every other: what a target can deduplicate by.
    package var idempotencyKey: String
    package var parameters: JSON.Object
    package var secrets: [String: Redacted<String>]
    package var now: Timestamp

    package init(
        run: RunID,
        instance: StepInstance,
        idempotencyKey: String,
        parameters: JSON.Object,
        secrets: [String: Redacted<String>] = [:],
        now: Timestamp
    ) {
        self.run = run
        self.instance = instance
        self.idempotencyKey = idempotencyKey
        self.parameters = parameters
        self.secrets = secrets
        self.now = now
    }
}

/// What an action did.
package struct ActionResult: Sendable, Hashable {
    package var outputs: JSON.Object
    /// One sentence for the report.
    package var summary: String
    package var evidence: [Evidence]

    package init(outputs: JSON.Object, summary: String = "", evidence: [Evidence] = []) {
        self.outputs = outputs
        self.summary = summary
        self.evidence = evidence
    }
}

/// The answer to "is your effect there?" after a crash between intent and outcome.
package enum Observation: Sendable, Hashable {
    case absent
    case done(ActionResult)
    /// A person has to look: a change is never repeated blindly.
    case unknown(String)
}

/// Why an attempt did not work.
package struct StepError: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        /// Worth trying again.
        case transient
        case timeout
        case permanent
        case cancelled
    }

    package var code: Code
    /// One lower-case sentence without a full stop; never holds a secret.
    package var message: String
    package var help: String?

    package init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }
}

/// A step kind: its schema and its work.
///
/// Implemented in `Actions`, one file each.
package protocol StepAction: Sendable {
    var schema: ActionSchema { get }

    /// Says whether the effect of this request is already there. Read-only actions answer `.absent`.
    func observe(_ request: ActionRequest) async -> Observation

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult

    /// What would be read or changed, one line each, without doing any of it; shown by `lockstep plan`.
    func preview(_ request: ActionRequest) async -> [String]
}

extension StepAction {
    package func observe(_ request: ActionRequest) async -> Observation { .absent }
    package func preview(_ request: ActionRequest) async -> [String] { [schema.summary] }
}

/// Something that a gate can measure.
package struct MetricSchema: Sendable {
    package var name: String
    package var summary: String
    package var unit: String
    package var parameters: [ActionSchema.Parameter]
    /// The command with which a person changes what is measured; nothing where only time or other people do.
    package var remedy: String?

    package init(
        name: String,
        summary: String,
        unit: String,
        parameters: [ActionSchema.Parameter] = [],
        remedy: String? = nil
    ) {
        self.name = name
        self.summary = summary
        self.unit = unit
        self.parameters = parameters
        self.remedy = remedy
    }
}

/// Measures one number now; throws when it cannot, which a gate counts as an error and never as a failure.
package protocol MetricSource: Sendable {
    var schema: MetricSchema { get }
    func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double
}

/// Everything that a playbook may use in this version.
package struct Catalogue: Sendable {
    package var actions: [ActionName: any StepAction]
    package var metrics: [String: any MetricSource]

    package init(actions: [any StepAction] = [], metrics: [any MetricSource] = []) {
        self.actions = Dictionary(actions.map { ($0.schema.name, $0) }) { first, _ in first }
        self.metrics = Dictionary(metrics.map { ($0.schema.name, $0) }) { first, _ in first }
    }
}
