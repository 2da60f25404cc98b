import Actions
import ArgumentParser
import Core
import Engine
import FoundationEssentials
import Ledger
import Logging
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Do what comes due, until told to stop."
    )

    @Option(name: .customLong("for"), help: "Stop after this long, for example 30s.")
    var limit: String?

    @Flag(help: "Stop when no run is left that time alone would move on.")
    var untilIdle = false

    func run() async throws {
        var duration: Duration?
        if let limit {
            duration = Duration(playbook: limit)
            guard duration != nil else {
                throw CommandFailure(
                    "serve.for",
                    "`\(Output.printable(limit))` is not a duration",
                    help: "write it as 30s or 2h",
                    status: ExitStatus.invalidInput
                )
            }
        }
        let session = try Session.open()
        let waker = Waker(
            engine: session.engine(),
            remedy: Remedy(estate: session.estate),
            session: session,
            limit: duration,
            stopsWhenIdle: untilIdle
        )
        var logger = Logger(label: "lockstep.serve")
        logger.logLevel = .error
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: waker, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }
}

/// Wakes runs when their time has come; holds no state of theirs, so that stopping it at any instant loses nothing.
private struct Waker: Service {
    let engine: Engine
    let remedy: Remedy
    let session: Session
    let limit: Duration?
    let stopsWhenIdle: Bool
    let announcer = Announcer()

    func run() async throws {
        let clock = ContinuousClock()
        let started = clock.now
        var retention: ContinuousClock.Instant?
        var isLogged = true
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            if retention.map({ clock.now - $0 >= .seconds(600) }) ?? true {
                RecordingChecks(session: session).applyRetention()
                retention = clock.now
            }
            for summary in announcer.news(among: try await engine.tick()) {
                Output.answer(RunSummaryText.text(summary, remedy))
            }
            isLogged = session.deliverAudit(quietly: !isLogged)
            if let limit, clock.now - started >= limit { return }
            if stopsWhenIdle, try engine.ledger.nextDue() == nil { return }
            // Short enough for people and for the compressed time of a rehearsal; an idle look is one small query.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .milliseconds(200)) }
        }
    }
}
