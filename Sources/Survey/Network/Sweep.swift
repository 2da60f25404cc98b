import Core
import Glibc
import NIOPosix
import Synchronization

/// Finds which of many addresses and ports accept a connection, and nothing more.
///
/// One thread, non-blocking sockets and `poll`: memory does not grow with the number of targets, only with how many
/// connections are in the air. Each socket that answers is closed at once, without a byte sent.
package struct Sweep: Sendable {
    package struct Limits: Sendable {
        /// Connections in the air at once.
        package var concurrency: Int
        /// How long one connection may take.
        package var timeout: Duration
        /// New connections a second to addresses other than loopback.
        package var rate: Int
        /// How long the whole sweep may take.
        package var total: Duration

        package init(
            concurrency: Int = 256,
            timeout: Duration = .milliseconds(1500),
            rate: Int = 1000,
            total: Duration = .seconds(3600)
        ) {
            self.concurrency = max(1, min(concurrency, 4096))
            self.timeout = timeout
            self.rate = max(1, rate)
            self.total = total
        }
    }

    package struct Outcome: Sendable {
        package var open: [Endpoint] = []
        package var refused = 0
        package var unanswered = 0
        /// Pairs that could not be looked at, by reason.
        package var failed: [String: Int] = [:]
        /// How many pairs were left when the sweep's own time was up.
        package var notReached = 0
    }

    private struct Attempt {
        var endpoint: Endpoint
        var deadline: ContinuousClock.Instant
    }

    package let targets: SweepTargets
    package let limits: Limits

    package init(targets: SweepTargets, limits: Limits = Limits()) {
        self.targets = targets
        self.limits = limits
    }

    /// Runs the sweep to its end; it ends early when the task is cancelled.
    ///
    /// It works on a thread of its own, because it waits in `poll` and a thread of the cooperative pool must not.
    package func run() async -> Outcome {
        let isCancelled = Flag()
        return await withTaskCancellationHandler {
            let outcome = try? await NIOThreadPool.singleton.runIfActive { work(isCancelled) }
            return outcome ?? Outcome(notReached: targets.count)
        } onCancel: {
            isCancelled.raise()
        }
    }

    private func work(_ isCancelled: Flag) -> Outcome {
        var outcome = Outcome()
        var waiting: [pollfd] = []
        var attempts: [Attempt] = []
        let clock = ContinuousClock()
        let started = clock.now
        let total = targets.count
        var next = 0
        var limited = 0
        while next < total || !waiting.isEmpty {
            let now = clock.now
            if isCancelled.isRaised || now - started > limits.total {
                outcome.notReached = total - next + waiting.count
                for entry in waiting { close(entry.fd) }
                return outcome
            }
            while next < total, waiting.count < limits.concurrency {
                let endpoint = targets.endpoint(at: next)
                if !endpoint.address.isLoopback {
                    // The rate is a promise to the networks of others: never ahead of it.
                    let due = Duration.seconds(1) * limited / limits.rate
                    if now - started < due { break }
                    limited += 1
                }
                next += 1
                begin(endpoint, at: now, &outcome, &waiting, &attempts)
            }
            if waiting.isEmpty {
                if next < total { usleep(1000) }
                continue
            }
            settle(&outcome, &waiting, &attempts, clock)
        }
        return outcome
    }

    private func begin(
        _ endpoint: Endpoint,
        at now: ContinuousClock.Instant,
        _ outcome: inout Outcome,
        _ waiting: inout [pollfd],
        _ attempts: inout [Attempt]
    ) {
        let family = endpoint.address.isVersion6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else {
            outcome.failed[reason(errno), default: 0] += 1
            return
        }
        if connect(descriptor, to: endpoint) == 0 {
            conclude(descriptor, endpoint, &outcome)
            return
        }
        let error = errno
        guard error == EINPROGRESS else {
            close(descriptor)
            count(error, &outcome)
            return
        }
        waiting.append(pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0))
        attempts.append(Attempt(endpoint: endpoint, deadline: now + limits.timeout))
    }

    private func settle(
        _ outcome: inout Outcome,
        _ waiting: inout [pollfd],
        _ attempts: inout [Attempt],
        _ clock: ContinuousClock
    ) {
        let ready = unsafe poll(&waiting, nfds_t(waiting.count), 10)
        let now = clock.now
        var kept = 0
        for index in waiting.indices {
            let entry = waiting[index]
            let attempt = attempts[index]
            if ready > 0, entry.revents != 0 {
                var error: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                _ = unsafe getsockopt(entry.fd, SOL_SOCKET, SO_ERROR, &error, &size)
                if error == 0 {
                    conclude(entry.fd, attempt.endpoint, &outcome)
                } else {
                    close(entry.fd)
                    count(error, &outcome)
                }
            } else if now > attempt.deadline {
                close(entry.fd)
                outcome.unanswered += 1
            } else {
                waiting[kept] = pollfd(fd: entry.fd, events: Int16(POLLOUT), revents: 0)
                attempts[kept] = attempt
                kept += 1
            }
        }
        waiting.removeLast(waiting.count - kept)
        attempts.removeLast(attempts.count - kept)
    }

    /// Books an accepted connection and closes it.
    ///
    /// A socket that happens to be given the very port which it tries to reach connects to itself (RFC 9293 §3.5,
    /// simultaneous open): then nobody listens there.
    private func conclude(_ descriptor: Int32, _ endpoint: Endpoint, _ outcome: inout Outcome) {
        var ends = (sockaddr_in6(), sockaddr_in6())
        var sizes = (socklen_t(MemoryLayout<sockaddr_in6>.size), socklen_t(MemoryLayout<sockaddr_in6>.size))
        let isItself = unsafe withUnsafeMutableBytes(of: &ends.0) { own in
            unsafe withUnsafeMutableBytes(of: &ends.1) { peer in
                guard let ownEnd = own.baseAddress, let peerEnd = peer.baseAddress,
                    unsafe getsockname(descriptor, ownEnd.assumingMemoryBound(to: sockaddr.self), &sizes.0) == 0,
                    unsafe getpeername(descriptor, peerEnd.assumingMemoryBound(to: sockaddr.self), &sizes.1) == 0
                else { return false }
                return unsafe own.elementsEqual(peer)
            }
        }
        close(descriptor)
        if isItself { outcome.refused += 1 } else { outcome.open.append(endpoint) }
    }

    private func count(_ error: Int32, _ outcome: inout Outcome) {
        switch error {
        case ECONNREFUSED: outcome.refused += 1
        case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH: outcome.unanswered += 1
        default: outcome.failed[reason(error), default: 0] += 1
        }
    }

    private func reason(_ error: Int32) -> String {
        unsafe String(cString: strerror(error)).lowercased()
    }

    private func connect(_ descriptor: Int32, to endpoint: Endpoint) -> Int32 {
        if endpoint.address.isVersion6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = endpoint.port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: endpoint.address.bytes) }
            return unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: endpoint.address.bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// Whether the task that started a sweep has been cancelled; written there, read on the sweep's thread.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .relaxed) }

    func raise() { value.store(true, ordering: .relaxed) }
}
