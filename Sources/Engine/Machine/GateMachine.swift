package import Core
package import Playbooks

/// What a measurement, and in the end a gate, answers.
package enum GateResult: String, Sendable, Hashable, CaseIterable {
    case pass, fail, inconclusive, error
}

/// Decides a gate from the samples that were taken so far; knows neither clock nor sensor.
///
/// The table is that of Argo Rollouts' analysis with three changes: nothing measured is inconclusive and never a pass, a
/// broken sensor is `error` and never `fail`, and a pass needs the minimum of samples.
package struct GateMachine: Sendable {
    package struct Limits: Sendable, Hashable {
        package var every: Duration?
        package var soak: Duration?
        package var within: Duration?
        package var minSamples = 1
        package var failureLimit = 0
        package var consecutiveErrors = 4
        /// Whether the playbook says what a failure is; otherwise "did not pass" is all that is known.
        package var hasFailCondition = false
        /// Whether a sensor is asked; an expression over the run alone errs again when it errs once.
        package var hasMetrics = false

        package init() {}

        package init(_ gate: Gate) {
            every = gate.every
            soak = gate.soak
            within = gate.within
            minSamples = gate.minSamples
            failureLimit = gate.failureLimit
            consecutiveErrors = gate.consecutiveErrors
            hasFailCondition = gate.fail != nil
            hasMetrics = !gate.metrics.isEmpty
        }
    }

    package enum Decision: Sendable, Hashable {
        case again(at: Timestamp)
        case decided(GateResult, reason: String)
    }

    package struct Sample: Sendable, Hashable {
        package var time: Timestamp
        package var outcome: GateResult
        package var measurements: [String: Double]

        package init(time: Timestamp, outcome: GateResult, measurements: [String: Double] = [:]) {
            self.time = time
            self.outcome = outcome
            self.measurements = measurements
        }
    }

    package let limits: Limits
    package let opened: Timestamp
    package private(set) var samples: [Sample] = []
    /// Whether a soak may have gaps: in a rehearsal, where hours pass between two looks.
    package var bearsGaps = false
    private var counts: [GateResult: Int] = [:]
    /// Since when the soak is covered by samples, the passes since then, and why it is not since the gate opened.
    private var soakStart: Timestamp
    private var soakPasses = 0
    private var interruption: String?
    private var wasClockSet = false
    private var errorsInARow = 0

    package init(_ limits: Limits, opened: Timestamp) {
        self.limits = limits
        self.opened = opened
        soakStart = opened
    }

    /// The clock was set: how long the gate has been passing is no longer known, so its soak begins anew.
    package mutating func noteClock() {
        if limits.soak != nil { wasClockSet = true }
    }

    /// How long a soak may go without a sample; of a longer gap nobody knows what would have been measured.
    ///
    /// Three times its rhythm, or for whoever looks seldom a quarter of the soak, at most an hour.
    private func bearable(_ soak: Duration) -> Duration {
        max((limits.every ?? Self.pause) * 3, min(.seconds(3600), soak / 4))
    }

    private mutating func cover(_ sample: Sample) {
        guard let soak = limits.soak else { return }
        let gap = sample.time - (samples.last?.time ?? opened)
        if wasClockSet || gap > bearable(soak) {
            let why = wasClockSet ? "the clock was set" : "\(gap.brief) without a sample"
            interruption = "the soak began anew at \(sample.time) after \(why)"
            soakStart = sample.time
            soakPasses = 0
            wasClockSet = false
        }
        if sample.outcome == .pass { soakPasses += 1 }
    }

    /// A sensor that failed is asked again after this long when the gate itself has no rhythm.
    private static let pause: Duration = .seconds(10)

    package mutating func take(_ sample: Sample) -> Decision {
        cover(sample)
        samples.append(sample)
        counts[sample.outcome, default: 0] += 1
        errorsInARow = sample.outcome == .error ? errorsInARow + 1 : 0
        let failures = counts[.fail, default: 0]
        switch sample.outcome {
        case .error:
            if errorsInARow > limits.consecutiveErrors || (limits.every == nil && !limits.hasMetrics) {
                return .decided(.error, reason: "\(counted(errorsInARow, "error")) in a row")
            }
        case .fail:
            // Before a deadline "not yet" is no failure, unless the playbook says what one is.
            if limits.within == nil || limits.hasFailCondition, failures > limits.failureLimit {
                return .decided(
                    .fail,
                    reason: "\(failures) failed of \(samples.count), \(limits.failureLimit) are borne"
                )
            }
        case .inconclusive:
            if limits.within == nil {
                return .decided(.inconclusive, reason: "the sample neither passed nor failed")
            }
        case .pass: break
        }
        return decide(after: sample)
    }

    private func decide(after sample: Sample) -> Decision {
        let passes = counts[.pass, default: 0]
        if let soak = limits.soak {
            let end = (bearsGaps ? opened : soakStart) + soak
            guard sample.time >= end else { return .again(at: min(next(after: sample), end)) }
            let words = "kept passing for \(soak.brief)"
            guard !bearsGaps, let interruption else { return measured(passes, words) }
            return measured(soakPasses, "\(words); \(interruption)")
        }
        if sample.outcome == .pass, passes >= limits.minSamples {
            return .decided(.pass, reason: "\(passes) passed of \(samples.count)")
        }
        if let within = limits.within {
            let end = opened + within
            guard sample.time >= end else { return .again(at: min(next(after: sample), end)) }
            let measured = samples.count - counts[.error, default: 0]
            if measured < limits.minSamples { return tooFew(measured) }
            return sample.outcome == .fail
                ? .decided(.fail, reason: "did not pass within \(within.brief)")
                : .decided(.inconclusive, reason: "was not decided within \(within.brief)")
        }
        return .again(at: next(after: sample))
    }

    private func measured(_ passes: Int, _ reason: String) -> Decision {
        passes >= limits.minSamples
            ? .decided(.pass, reason: "\(reason), \(passes) passed of \(samples.count)") : tooFew(passes)
    }

    private func tooFew(_ count: Int) -> Decision {
        .decided(.inconclusive, reason: "\(count) samples, at least \(limits.minSamples) are needed")
    }

    private func next(after sample: Sample) -> Timestamp { sample.time + (limits.every ?? Self.pause) }

    /// The answer when the gate is ended before it decided: whatever was seen, it is no pass.
    package var terminated: Decision {
        samples.isEmpty
            ? .decided(.inconclusive, reason: "nothing was measured")
            : .decided(.inconclusive, reason: "ended after \(samples.count) samples without a decision")
    }

    /// `last`, `min`, `max`, `avg`, `sum` and `count` of each metric over the samples and one more.
    package func aggregates(adding newest: [String: Double]) -> [String: [String: Double]] {
        var series: [String: [Double]] = [:]
        for sample in samples {
            for (name, value) in sample.measurements { series[name, default: []].append(value) }
        }
        for (name, value) in newest { series[name, default: []].append(value) }
        return series.mapValues { values in
            let sum = values.reduce(0, +)
            return [
                "last": values.last ?? 0, "min": values.min() ?? 0, "max": values.max() ?? 0, "sum": sum,
                "avg": sum / Double(values.count), "count": Double(values.count),
            ]
        }
    }
}
