package import Core

/// Looks at many addresses and ports, and asks whatever answers what it is.
package struct NetworkSurvey: Sendable {
    package struct Limits: Sendable {
        package var sweep: Sweep.Limits
        package var probe: ProbeLimits
        /// Endpoints examined at once.
        package var concurrency: Int
        /// How long the sweep and all examinations together may take.
        package var total: Duration

        package init(
            sweep: Sweep.Limits = Sweep.Limits(),
            probe: ProbeLimits = ProbeLimits(),
            concurrency: Int = 32,
            total: Duration = .seconds(3600)
        ) {
            self.sweep = sweep
            self.probe = probe
            self.concurrency = max(1, min(concurrency, 256))
            self.total = total
        }
    }

    /// How far a look has come.
    package enum Progress: Sendable, Hashable {
        case swept(ports: Int, open: Int)
        /// So many of the open endpoints have been examined.
        case probed(Int, of: Int)
    }

    package let limits: Limits
    package let prober: Prober

    package init(limits: Limits = Limits(), version: String = "0") {
        self.limits = limits
        prober = Prober(limits: limits.probe, version: version)
    }

    /// Sweeps the targets, then examines each endpoint that accepted a connection.
    ///
    /// What was not looked at is a gap of the result: pairs that the system could not try, pairs and endpoints that the
    /// time did not reach.
    ///
    /// `paths` are where clients expect servers. Tokens are for servers that somebody named. Progress is reported from the task that runs this.
    package func run(
        _ targets: SweepTargets,
        paths: [Endpoint: [String]] = [:],
        tokens: [Endpoint: Redacted<String>] = [:],
        token: Redacted<String>? = nil,
        progress: @Sendable (Progress) -> Void = { _ in }
    ) async -> SurveyResult {
        let deadline = ContinuousClock.now + limits.total
        var sweepLimits = limits.sweep
        sweepLimits.total = min(sweepLimits.total, limits.total)
        let outcome = await Sweep(targets: targets, limits: sweepLimits).run()
        let open = outcome.open.sorted {
            ($0.address.bytes.count, $0.host, $0.port) < ($1.address.bytes.count, $1.host, $1.port)
        }
        progress(.swept(ports: targets.count - outcome.notReached, open: open.count))

        var result = SurveyResult()
        result.gaps = Self.gaps(of: outcome)
        result.examined = ["ports": targets.count - outcome.notReached, "open": open.count]
        var answers: [(index: Int, outcome: ProbeOutcome)] = []
        let prober = prober
        await withTaskGroup(of: (Int, ProbeOutcome).self) { group in
            var next = 0
            while next < open.count || !group.isEmpty {
                while next < open.count, (next - answers.count) < limits.concurrency, .now < deadline, !Task.isCancelled
                {
                    let (index, endpoint) = (next, open[next])
                    group.addTask {
                        (
                            index,
                            await prober.probe(
                                endpoint,
                                paths: paths[endpoint] ?? [],
                                token: tokens[endpoint] ?? (endpoint.address.isLoopback ? token : nil)
                            )
                        )
                    }
                    next += 1
                }
                guard let (index, outcome) = await group.next() else { break }
                answers.append((index, outcome))
                progress(.probed(answers.count, of: open.count))
            }
        }
        // In the order of the addresses, whichever answered first.
        for (_, outcome) in answers.sorted(by: { $0.index < $1.index }) { result.merge(outcome.result) }
        result.examined["probed"] = answers.count
        if answers.count < open.count {
            result.gaps.append(
                CoverageGap(
                    subject: "network",
                    reason: "\(open.count - answers.count) open endpoints were not asked, because the time was up"
                )
            )
        }
        return result
    }

    /// The paths that URLs name, by the address and port they belong to; names other than the loopback's are not resolved.
    ///
    /// A path whose secret part was taken out cannot be asked.
    package static func paths(of urls: some Sequence<String>) -> [Endpoint: [String]] {
        var paths: [Endpoint: [String]] = [:]
        for url in urls {
            guard let key = CanonicalKey.url(url), let address = CanonicalKey.address(key),
                let host = Address(address.host), let port = UInt16(exactly: address.port),
                !address.path.contains("redacted")
            else { continue }
            paths[Endpoint(address: host, port: port), default: []].append(address.path)
        }
        return paths.mapValues { $0.sorted() }
    }

    private static func gaps(of outcome: Sweep.Outcome) -> [CoverageGap] {
        var gaps: [CoverageGap] = []
        for (reason, count) in outcome.failed.sorted(by: { $0.key < $1.key }) {
            gaps.append(
                CoverageGap(
                    subject: "network",
                    reason: "\(count) pairs of address and port could not be tried: \(reason)"
                )
            )
        }
        if outcome.unanswered > 0 {
            gaps.append(
                CoverageGap(
                    subject: "network",
                    reason:
                        "\(outcome.unanswered) pairs of address and port did not answer, so a filter may hide a server"
                )
            )
        }
        if outcome.notReached > 0 {
            gaps.append(
                CoverageGap(
                    subject: "network",
                    reason: "\(outcome.notReached) pairs of address and port were not tried, because the time was up"
                )
            )
        }
        return gaps
    }
}
