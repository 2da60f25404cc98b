package import Core
package import Ledger
package import Playbooks

/// Something that happened to a run; what a run is follows from its plan and its events.
package struct RunEvent: Sendable, Hashable {
    package var time: Timestamp
    package var body: Body

    package init(_ body: Body, at time: Timestamp) {
        self.time = time
        self.body = body
    }

    package enum Body: Sendable, Hashable {
        /// The origin says what else is fixed when a run is created: see `RunRecord.origin`; nothing in the first version.
        case created(inputs: JSON.Object, startedBy: String, digest: String, origin: JSON.Object?)
        case queued(behind: RunID)
        case dequeued
        case paused(by: String, reason: String)
        case resumed(by: String)
        case cancelRequested(by: String, reason: String)
        /// Undo everything that was done after `to`, or all of it.
        case rollbackRequested(by: String, reason: String, to: StepID?)
        case retried(from: StepID, reason: String? = nil, by: String)
        case attention(reason: String)
        /// The clock showed `to` where it should have shown `from`, or something later.
        case clockJumped(from: Timestamp, to: Timestamp)
        case ended(RunState, reason: String?, outputs: JSON.Object)

        case expanded(StepInstance, items: [Item], waves: [Int])
        case skipped(StepInstance, reason: String, by: String?)
        case waits(StepInstance, Pending)
        case started(StepInstance, Attempt)
        case succeeded(StepInstance, ActionResult)
        /// With a time it is tried again then; without it is over.
        case failed(StepInstance, StepError, retry: Pending?)
        case cancelled(StepInstance)
        case asked(StepInstance, question: String)
        case childStarted(StepInstance, RunID)

        case gateOpened(StepInstance)
        case sampled(StepInstance, GateMachine.Sample, note: String?, next: Pending?)
        /// With the exception that let a gate pass that did not.
        case decided(StepInstance, GateResult, reason: String, waiver: GateWaiver?)

        case approvalOpened(ApprovalRecord)
        case voted(VoteRecord)
        case escalated(StepInstance, approvers: [String], expires: Timestamp)
        case approvalDecided(StepInstance, ApprovalRecord.State, note: String)
    }

    /// One element that a `for-each` runs over.
    package struct Item: Sendable, Hashable {
        package var key: String
        package var value: JSON.Value
    }

    /// Why a step instance waits, and until when at the latest.
    package struct Pending: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable, CaseIterable {
            case retry, window, wait, sample, expiry
        }

        package var kind: Kind
        package var generation: Int
        package var due: Timestamp
        /// For people: `window change_window`.
        package var note: String?
    }

    /// The intent to act, recorded before the act.
    package struct Attempt: Sendable, Hashable {
        package var number: Int
        package var key: String
        package var action: ActionName
        package var version: Int
        package var effect: ActionSchema.Effect
        /// What the action is given; a secret stands here as `<secret:name>`.
        package var parameters: JSON.Object
    }
}

extension RunEvent {
    /// The step instance that it is about.
    package var instance: StepInstance? {
        switch body {
        case .created, .queued, .dequeued, .paused, .resumed, .cancelRequested, .rollbackRequested, .retried,
            .attention, .clockJumped, .ended:
            nil
        case .expanded(let instance, _, _), .skipped(let instance, _, _), .waits(let instance, _),
            .started(let instance, _), .succeeded(let instance, _), .failed(let instance, _, _),
            .cancelled(let instance), .asked(let instance, _), .childStarted(let instance, _),
            .gateOpened(let instance), .sampled(let instance, _, _, _), .decided(let instance, _, _, _),
            .escalated(let instance, _, _), .approvalDecided(let instance, _, _):
            instance
        case .approvalOpened(let record): record.instance
        case .voted(let vote): vote.instance
        }
    }

    /// Whether a power cut may not lose it.
    package var isDecision: Bool {
        switch body {
        case .created, .cancelRequested, .rollbackRequested, .retried, .ended, .decided, .approvalOpened, .voted,
            .approvalDecided, .escalated, .paused, .resumed, .asked, .attention:
            true
        case .started(_, let attempt): attempt.effect == .change
        case .skipped(_, _, let by): by != nil
        default: false
        }
    }

    /// Whether the audit log hears of it.
    package var isForAudit: Bool {
        switch body {
        case .voted, .decided, .approvalDecided, .cancelRequested, .rollbackRequested, .created, .ended: true
        case .skipped(_, _, let by): by != nil
        default: false
        }
    }
}

extension RunEvent.Body {
    /// When it happened, where what it records says so itself: the two must not differ.
    var time: Timestamp? {
        switch self {
        case .approvalOpened(let record): record.opened
        case .voted(let vote): vote.time
        default: nil
        }
    }
}
