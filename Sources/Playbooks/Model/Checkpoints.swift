package import Core
package import Expressions

/// A question about measurements that must be answered before a run goes on.
///
/// Four answers: pass, fail, inconclusive, error. Nothing measured is never a pass.
package struct Gate: Sendable {
    package enum OnFail: String, Sendable, CaseIterable { case abort, pause, rollback }
    package enum OnInconclusive: String, Sendable, CaseIterable { case pause, fail }

    package struct Metric: Sendable {
        package var name: String
        package var source: String
        package var parameters: [(name: String, value: Template)]

        package init(name: String, source: String, parameters: [(name: String, value: Template)] = []) {
            self.name = name
            self.source = source
            self.parameters = parameters
        }
    }

    package var pass: Expression
    /// When true the sample fails; a sample that neither passes nor fails is inconclusive.
    ///
    /// Without it, not passing fails.
    package var fail: Expression?
    package var metrics: [Metric]
    /// The pause between two samples; nothing for a gate that is asked once.
    package var every: Duration?
    /// Soak: samples must keep passing for this long.
    package var soak: Duration?
    /// Deadline: the gate must have passed before this long; until then a sample that does not pass is taken again.
    package var within: Duration?
    package var minSamples: Int
    /// How many failing samples are borne.
    package var failureLimit: Int
    /// How many sensor errors in a row are borne before the gate's answer is `error`.
    package var consecutiveErrors: Int
    package var onFail: OnFail
    /// Of a rollback that a failure leads to: only what comes after this step is undone.
    package var rollbackTo: StepID?
    package var onInconclusive: OnInconclusive
    package var isDryRun: Bool
    package var message: Template?
    /// In the exit gate of a roadmap: the step whose fields and outputs expressions see as `phase`.
    package var subject: StepID?

    package init(
        pass: Expression,
        fail: Expression? = nil,
        metrics: [Metric] = [],
        every: Duration? = nil,
        soak: Duration? = nil,
        within: Duration? = nil,
        minSamples: Int = 1,
        failureLimit: Int = 0,
        consecutiveErrors: Int = 4,
        onFail: OnFail = .abort,
        rollbackTo: StepID? = nil,
        onInconclusive: OnInconclusive = .pause,
        isDryRun: Bool = false,
        message: Template? = nil
    ) {
        self.pass = pass
        self.fail = fail
        self.metrics = metrics
        self.every = every
        self.soak = soak
        self.within = within
        self.minSamples = minSamples
        self.failureLimit = failureLimit
        self.consecutiveErrors = consecutiveErrors
        self.onFail = onFail
        self.rollbackTo = rollbackTo
        self.onInconclusive = onInconclusive
        self.isDryRun = isDryRun
        self.message = message
    }
}

/// People who must agree before a run goes on.
package struct Approval: Sendable {
    package enum OnExpiry: String, Sendable, CaseIterable { case fail, pause, escalate }
    package enum Requirement: String, Sendable, CaseIterable { case reason, ticket }

    /// `user:ana`, `group:security-leads`.
    package var approvers: [String]
    package var min: Int
    /// Who may not vote: `run.started_by`, `steps.X.actor` or a `user:`.
    package var distinctFrom: [Template]
    package var show: [Template]
    package var require: Set<Requirement>
    package var ticket: Template?
    package var expires: Duration
    package var onExpiry: OnExpiry
    package var escalateTo: [String]

    package init(
        approvers: [String],
        min: Int = 1,
        distinctFrom: [Template] = [],
        show: [Template] = [],
        require: Set<Requirement> = [.reason],
        ticket: Template? = nil,
        expires: Duration,
        onExpiry: OnExpiry = .fail,
        escalateTo: [String] = []
    ) {
        self.approvers = approvers
        self.min = min
        self.distinctFrom = distinctFrom
        self.show = show
        self.require = require
        self.ticket = ticket
        self.expires = expires
        self.onExpiry = onExpiry
        self.escalateTo = escalateTo
    }
}

package enum Wait: Sendable {
    case duration(Duration)
    case until(Template)
    /// Until the named calendar window opens.
    case window(String)
}

/// Type of an input or an output.
package enum ValueType: String, Sendable, CaseIterable {
    case string, integer, number, boolean, list, map, duration, timestamp, artifact
}

package struct InputDeclaration: Sendable {
    package var name: String
    package var type: ValueType
    package var items: ValueType?
    package var isRequired: Bool
    package var defaultValue: JSON.Value?
    package var allowed: [JSON.Value]
    package var min: Double?
    package var max: Double?
    package var pattern: String?
    package var summary: String?

    package init(
        name: String,
        type: ValueType,
        items: ValueType? = nil,
        isRequired: Bool = false,
        defaultValue: JSON.Value? = nil,
        allowed: [JSON.Value] = [],
        min: Double? = nil,
        max: Double? = nil,
        pattern: String? = nil,
        summary: String? = nil
    ) {
        self.name = name
        self.type = type
        self.items = items
        self.isRequired = isRequired
        self.defaultValue = defaultValue
        self.allowed = allowed
        self.min = min
        self.max = max
        self.pattern = pattern
        self.summary = summary
    }
}

/// Where a secret comes from when an action needs it; its value never enters the plan or the ledger.
package struct SecretDeclaration: Sendable, Hashable {
    package enum Origin: Sendable, Hashable {
        case environment(String)
        case file(String)
    }

    package var name: String
    package var origin: Origin

    package init(name: String, origin: Origin) {
        self.name = name
        self.origin = origin
    }
}

/// Weekly windows and freezes, in IANA zones.
package struct Calendar: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        package var name: String
        /// ISO weekdays: Monday is 1.
        package var days: Set<Int>
        /// Minutes after local midnight; an end before the start means the next day.
        package var startMinute: Int
        package var endMinute: Int
        package var zone: String

        package init(name: String, days: Set<Int>, startMinute: Int, endMinute: Int, zone: String) {
            self.name = name
            self.days = days
            self.startMinute = startMinute
            self.endMinute = endMinute
            self.zone = zone
        }
    }

    /// Both days inclusive, in the zone of the window that they hold shut, or UTC.
    package struct Freeze: Sendable, Hashable {
        package var from: CivilDate
        package var to: CivilDate
        package var reason: String

        package init(from: CivilDate, to: CivilDate, reason: String) {
            self.from = from
            self.to = to
            self.reason = reason
        }
    }

    package var windows: [Window]
    package var freezes: [Freeze]

    package init(windows: [Window] = [], freezes: [Freeze] = []) {
        self.windows = windows
        self.freezes = freezes
    }
}
