import Core

/// The keys of a step and of what a step may be.
extension PlaybookGrammar {
    static let stepKinds = ["uses", "gate", "approval", "wait", "playbook"]
    /// Keys that only a step that `uses` an action can honour.
    static let keysOfActions = ["rollback", "retry", "on-cancel", "outputs", "idempotency-key"]

    static let step = Record(
        "step",
        [
            .init("id", .text(.name), isRequired: true, "The name by which other steps know it."),
            .init("name", .template, "The title that people read."),
            .init(
                "needs",
                .list(.text(.input), minimum: 0),
                "The steps that must be done first; without it, the step before this one."
            ),
            .init("if", .expression, "The step is skipped unless this is true."),
            .init("uses", .text(.action), "The action that the step carries out."),
            .init("with", .map(.input, .value), "What the action or the playbook is given."),
            .init("gate", .record(gate), "A question about measurements that must be answered first."),
            .init("approval", .record(approval), "People who must agree first."),
            .init("wait", .record(wait), "A time that must pass first."),
            .init("playbook", .text(.free), "Another playbook, by its path from this file or `builtin:` and its name."),
            .init("for-each", .record(forEach), "The step is carried out once for each item."),
            .init("after-each-wave", .record(afterEachWave), "What must hold before the next wave starts."),
            .init(
                "outputs",
                .map(.name, .choice(outputTypes.map(\.rawValue))),
                "The outputs with their declared types."
            ),
            .init("timeout", .duration, "How long one attempt may take."),
            .init("retry", .record(retry), "How often a failing action is tried again."),
            .init("continue-on-error", .boolean, "Whether the run goes on when the step fails."),
            .init("rollback", .record(action("rollback")), "The action that undoes the step."),
            .init("on-cancel", .record(action("on-cancel")), "The action that tidies up when the run is cancelled."),
            .init("window", .text(.input), "The calendar window in which the step may start."),
            .init("evidence", .record(evidence), "What evidence is kept, and for which controls."),
            .init(
                "plan",
                .choice(PlannedStep.Preview.allCases.map(\.rawValue)),
                "What `lockstep plan` does with the step."
            ),
            .init("idempotency-key", .expression, "What makes two requests the same effect."),
        ],
        exactlyOne: .init(keys: stepKinds, noneCode: Code.stepKind, manyCode: Code.stepKind)
    )

    static let outputTypes: [ValueType] = [
        .string, .integer, .number, .boolean, .list, .map, .duration, .timestamp, .artifact,
    ]

    static func action(_ name: String) -> Record {
        Record(
            name,
            [
                .init("uses", .text(.action), isRequired: true, "The action."),
                .init("with", .map(.input, .value), "What it is given."),
            ]
        )
    }

    static let metric = Record(
        "metric",
        [
            .init("source", .text(.metric), isRequired: true, "What is measured."),
            .init("with", .map(.input, .value), "What the measurement is given."),
        ]
    )

    static let gate = Record(
        "gate",
        [
            .init("pass", .expression, isRequired: true, "The sample passes when this is true."),
            .init("fail", .expression, "The sample fails when this is true; neither is inconclusive."),
            .init("metrics", .map(.name, .record(metric)), "What is measured for each sample."),
            .init("every", .duration, "The pause between two samples."),
            .init("for", .duration, "Samples must keep passing for this long."),
            .init("within", .duration, "The gate must have passed before this long."),
            .init("min-samples", .integer(1...1_000_000), "The least number of samples for an answer."),
            .init("failure-limit", .integer(0...1_000_000), "How many failing samples are borne."),
            .init("consecutive-errors", .integer(1...1_000_000), "How many sensor errors in a row are borne."),
            .init("inconclusive", .choice(Gate.OnInconclusive.allCases.map(\.rawValue)), "What no answer leads to."),
            .init("on-fail", .choice(Gate.OnFail.allCases.map(\.rawValue)), "What a failed gate leads to."),
            .init("rollback-to", .text(.name), "The step after which a rollback undoes; without it, everything."),
            .init("dry-run", .boolean, "Whether the answer is recorded without effect."),
            .init("message", .template, "What people read when the gate does not pass."),
        ],
        companions: [
            ("for", "every"), ("within", "every"), ("min-samples", "every"), ("failure-limit", "every"),
            ("consecutive-errors", "every"),
        ]
    )

    static let approval = Record(
        "approval",
        [
            .init("approvers", .list(.text(.principal), minimum: 1), isRequired: true, "Who may vote."),
            .init("min", .integer(1...10), isRequired: true, "How many different people must agree."),
            .init(
                "expires",
                .duration,
                isRequired: true,
                missing: Code.approvalNoExpiry,
                "How long the vote stays open."
            ),
            .init(
                "distinct-from",
                .list(.text(.free), minimum: 0),
                "Who may not vote: `run.started_by`, `steps.x.actor`."
            ),
            .init("show", .list(.template, minimum: 0), "What voters are shown; votes are bound to it."),
            .init(
                "require",
                .list(.choice(Approval.Requirement.allCases.map(\.rawValue)), minimum: 0),
                "What each vote must carry."
            ),
            .init("ticket", .template, "The ticket under which the change runs."),
            .init("on-expiry", .choice(Approval.OnExpiry.allCases.map(\.rawValue)), "What expiry leads to."),
            .init("escalate-to", .list(.text(.principal), minimum: 1), "Who may vote after expiry."),
        ]
    )

    static let wait = Record(
        "wait",
        [
            .init("for", .duration, "How long."),
            .init("until", .moment, "Until a moment: RFC 3339 text or an expression."),
            .init("window", .text(.input), "Until a calendar window opens."),
        ],
        exactlyOne: .init(
            keys: ["for", "until", "window"],
            noneCode: Code.missingKey,
            manyCode: Code.invalidValue
        )
    )

    static let forEach = Record(
        "for-each",
        [
            .init("items", .either(.template, .list(.value, minimum: 0)), isRequired: true, "The items."),
            .init("as", .text(.name), isRequired: true, "The name of the item in expressions."),
            .init("max-parallel", .integer(1...10_000), "How many run at the same time."),
            .init("fail-fast", .boolean, "Whether one failing item stops the rest."),
            .init(
                "waves",
                .list(.either(.integer(1...1_000_000), .text(.percent)), minimum: 1),
                "Sizes of the waves: counts, or shares of all items counted from the start."
            ),
        ]
    )

    static let afterEachWave = Record(
        "after-each-wave",
        [.init("gate", .record(gate), isRequired: true, "What must hold before the next wave.")]
    )
}
