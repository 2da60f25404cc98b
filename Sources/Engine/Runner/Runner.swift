package import Core
package import Ledger
package import Playbooks

extension Engine {
    /// Does everything for a run that can be done now, and returns when it is over or everything left waits.
    ///
    /// Takes the lease of the run for that long. For a run below another, advance the one above.
    ///
    /// - Throws: `LedgerError.leased` when another process is at it.
    package func advance(_ run: RunID, plan: Plan) async throws -> RunSummary {
        let (token, expected) = try take(run)
        var session: Session
        do {
            session = try open(run, plan: plan, token: token)
            session.expectedTime = expected
        } catch let error as MachineFault {
            return try setAside(run, error.description, token: token)
        } catch let error as EventFault {
            return try setAside(run, error.description, token: token)
        } catch let error as LedgerError where error.isAboutHistory {
            return try setAside(run, error.message, token: token)
        }
        do {
            try await work(&session)
        } catch {
            // A pretended crash leaves everything as a real one would, the lease included.
            if !(error is CrashPoints.Crash) { try? ledger.release(run, token: token) }
            if let fault = error as? MachineFault { return try setAside(run, fault.description, token: token) }
            throw error
        }
        try ledger.release(run, token: token)
        return try summary(session.machine)
    }

    /// Advances a run after checking its pinned source again.
    package func advance(_ run: RunID) async throws -> RunSummary {
        guard let record = try ledger.run(run) else { throw LedgerError(.missing, "there is no run `\(run)`") }
        let plan: Plan
        do {
            plan = try pinnedPlan(of: record)
        } catch let error as LedgerError where error.code != .corrupt {
            throw error
        } catch {
            return try setAside(run, Self.words(error), token: nil)
        }
        return try await advance(run, plan: plan)
    }

    /// The plan of a run as it was checked when the run started.
    package func pinnedPlan(of record: RunRecord) throws -> Plan {
        guard let artifact = try ledger.artifact(record.digest), let source = artifact.bytes else {
            throw LedgerError(.corrupt, "the playbook of run `\(record.id)` is missing in the ledger")
        }
        guard Digest.sha256(source) == record.digest else {
            throw LedgerError(.corrupt, "the playbook of run `\(record.id)` is not the one that was started")
        }
        return try planFor(source, record.file, try pinnedPlaybooks(of: record.id))
    }

    /// The bytes of the playbooks below a run, as they were when it started; nothing for a run of the first version.
    private func pinnedPlaybooks(of run: RunID) throws -> [String: [UInt8]]? {
        guard let first = try ledger.firstEvent(of: run),
            case .created(_, _, _, let origin?) = try RunEvent(first, run: run).body,
            let digests = origin["playbooks"]?.object
        else { return nil }
        var pinned: [String: [UInt8]] = [:]
        for (file, value) in digests {
            guard let digest = value.string.flatMap({ Digest($0) }), let bytes = try ledger.artifact(digest)?.bytes,
                Digest.sha256(bytes) == digest
            else { throw LedgerError(.corrupt, "the playbook `\(file)` of run `\(run)` is missing in the ledger") }
            pinned[file] = bytes
        }
        return pinned
    }

    static func words(_ error: any Error) -> String {
        switch error {
        case let error as LedgerError: error.message
        case let error as InvalidInput:
            "the pinned playbook does not check any more: \(error.diagnostics.first?.message ?? "")"
        case let error as StepError: error.message
        default: String(describing: error)
        }
    }

    // MARK: - Lease and machine

    /// Takes the lease; also says what time it should be, where the clock was set since the run was last taken.
    func take(_ run: RunID) throws(LedgerError) -> (token: String, expected: Timestamp?) {
        var random = SeededRandom(seed: seed())
        let token = String(random.next(), radix: 36) + String(random.next(), radix: 36)
        let now = clock.now()
        let offset = host.offset(of: now)
        let last = try ledger.acquire(
            run,
            host.lease(token: token, now: now),
            now: now,
            clock: offset,
            isDead: host.isDead
        )
        guard let last, let offset, last.boot == offset.boot else { return (token, nil) }
        let moved = offset.microseconds - last.microseconds
        let isJump = moved > Self.leap || moved < -Self.setBack
        return (token, isJump ? Timestamp(microseconds: now.microseconds - moved) : nil)
    }

    func open(_ run: RunID, plan: Plan, token: String) throws -> Session {
        var machine = RunMachine(run: run, plan: plan)
        // Nothing is added to a history that this workspace did not write: a new seal would vouch for it.
        let (record, events) = try ledger.history(of: run)
        for record in events { try machine.apply(try RunEvent(record, run: run)) }
        if let what = machine.difference(from: record) {
            throw LedgerError(.corrupt, "\(what) of run `\(run)` is not what its first event says [run.differs]")
        }
        return Session(engine: self, token: token, machine: machine, row: (record.head, record.state))
    }

    /// As `open`, for a command: a run whose history is not believed is set aside, and the command is refused.
    func openForCommand(_ run: RunID, plan: Plan, token: String) throws -> Session {
        do {
            return try open(run, plan: plan, token: token)
        } catch let error as LedgerError where error.isAboutHistory {
            try ledger.setAside(run, reason: error.message, at: clock.now())
            throw error
        }
    }

    /// Puts a run aside that cannot be read, so that the others go on.
    func setAside(_ run: RunID, _ reason: String, token: String?) throws -> RunSummary {
        try ledger.setAside(run, reason: reason, at: clock.now())
        if let token { try ledger.release(run, token: token) }
        return RunSummary(run: run, state: .needsAttention, reason: reason, outputs: [:], waiting: [])
    }

    // MARK: - The loop

    private func work(_ session: inout Session) async throws {
        try noteClock(&session)
        try pins(&session)
        try takeRequests(&session)
        try dequeue(&session)
        try session.renewQuestions()
        try session.hastenWaived()
        // A cancelled group starts nothing new: what follows a cancel runs in a group of its own.
        repeat {
            while try await workUntilCancelled(&session) {}
            try session.commit(isBusy: false)
            // What was asked for since the last look would wait for the next tick otherwise.
            try takeRequests(&session)
        } while session.hasNews
    }

    private func workUntilCancelled(_ session: inout Session) async throws -> Bool {
        let mailbox = Mailbox<Outcome>()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            var inFlight: Set<StepInstance> = []
            var isTicking = false
            while true {
                let effects = try session.plan(inFlight)
                if effects.isEmpty, inFlight.isEmpty { return false }
                try session.commit(isBusy: true)
                inFlight.formUnion(effects.map(\.instance))
                if let only = effects.first, inFlight.count == 1 {
                    // With nothing to run beside it, a hop to another thread and back would be most of its cost.
                    group.addImmediateTask { mailbox.post(await perform(only)) }
                } else {
                    for effect in effects { group.addTask { mailbox.post(await perform(effect)) } }
                }
                if !isTicking {
                    isTicking = true
                    group.addTask {
                        try? await sleep(.seconds(1))
                        mailbox.post(.tick)
                    }
                }
                try await group.next()
                // Outcomes first: what a tick finds out may end this group.
                let outcomes = mailbox.takeAll()
                for outcome in outcomes {
                    if case .broken(let error) = outcome { throw error }
                    // This process is told to stop: an intent without an outcome stays for whoever comes next.
                    if outcome.isInterruption, Task.isCancelled { continue }
                    guard let name = outcome.instance else { continue }
                    inFlight.remove(name)
                    try session.take(outcome)
                }
                guard !Task.isCancelled else {
                    try session.commit(isBusy: true)
                    throw CancellationError()
                }
                guard outcomes.contains(where: \.isTick) else { continue }
                isTicking = false
                try heartbeat(session)
                let was = session.machine.mode
                try takeRequests(&session)
                guard session.machine.mode == was else {
                    try await drain(&group, mailbox, &session)
                    return true
                }
            }
        }
    }

    /// Ends what is under way and takes its outcomes in.
    private func drain(
        _ group: inout ThrowingTaskGroup<Void, any Error>,
        _ mailbox: Mailbox<Outcome>,
        _ session: inout Session
    ) async throws {
        try session.commit(isBusy: true)
        group.cancelAll()
        while try await group.next() != nil {}
        for outcome in mailbox.takeAll() {
            if case .broken(let error) = outcome {
                // A run below was interrupted; its own cancel is waiting for it.
                if error is CancellationError { continue }
                throw error
            }
            if outcome.instance != nil { try session.take(outcome) }
        }
        try session.commit(isBusy: true)
    }

    private func heartbeat(_ session: Session) throws {
        let now = clock.now()
        let holds = try ledger.renew(
            session.machine.run,
            token: session.token,
            heartbeat: now,
            expires: now + Host.leaseLength
        )
        guard holds else {
            throw LedgerError(.conflict, "another process took over run `\(session.machine.run)`")
        }
    }

    /// Records that the clock was set: soaks, expiries and windows of this run are to be read with that in mind.
    ///
    /// Waiting for days is no jump. A clock that moved against the machine's uptime is, and so is one that stands before
    /// what was recorded; that is said once, however often somebody looks until it has caught up.
    func noteClock(_ session: inout Session) throws {
        let machine = session.machine
        let now = session.now
        guard machine.end == nil, machine.sequence > 0 else { return }
        if let expected = session.expectedTime {
            session.expectedTime = nil
            try session.stage(.clockJumped(from: expected, to: now))
        } else if now < machine.lastEvent - .seconds(3600), machine.clockJump != machine.lastEvent {
            try session.stage(.clockJumped(from: machine.lastEvent, to: now))
        }
    }

    /// In microseconds: what a correction of the clock does not exceed, forwards and backwards.
    private static let leap: Int64 = 3600 * 1_000_000
    private static let setBack: Int64 = 60 * 1_000_000

    /// A run keeps the versions of its actions; what this program does not have, it does not replace by something else.
    private func pins(_ session: inout Session) throws {
        guard session.machine.end == nil, session.machine.attention == nil else { return }
        for (action, version) in session.machine.plan.pins.sorted(by: { $0.key < $1.key }) {
            let known = catalogue.actions[ActionName(action)]?.schema.version
            guard known != version else { continue }
            let has = known.map { "this program has version \($0)" } ?? "this program does not have it"
            try session.stage(.attention(reason: "unknown action version: `\(action)` \(version), \(has)"))
            return
        }
    }

    private func dequeue(_ session: inout Session) throws {
        guard let other = session.machine.queuedBehind else { return }
        guard try ledger.run(other)?.state.isTerminal ?? true else { return }
        // Several may have waited for the same one: only one of them goes on.
        let holders = try others(inGroupOf: session.machine.plan, than: session.machine.run)
        guard !holders.contains(where: { $0.state != .queued }) else { return }
        try session.stage(.dequeued)
    }
}
