import Synchronization

/// What requests came to, by route and by operation.
package struct RequestMetrics: Sendable {
    package struct Route: Sendable {
        package let server: String
        /// By `RequestEvent.Verdict`, in the order of its cases.
        package fileprivate(set) var verdicts = [UInt64](repeating: 0, count: RequestEvent.Verdict.allCases.count)
        package fileprivate(set) var decide = Histogram(Histogram.decide)
        package fileprivate(set) var upstream = Histogram(Histogram.upstream)
        package fileprivate(set) var bytesIn: UInt64 = 0
        package fileprivate(set) var bytesOut: UInt64 = 0
    }

    /// What is told apart in durations of operations.
    package struct Operation: Sendable, Hashable {
        package let route: String
        package let method: String
        package let name: String
        package let fault: String
        package let revision: String
    }

    /// Names and faults that a stranger chose must not fill the memory: beyond these all are one.
    static let mostOperations = 1_024
    static let other = "_OTHER"

    package private(set) var routes: [String: Route] = [:]
    package private(set) var operations: [Operation: Histogram] = [:]
    package internal(set) var connections = 0

    mutating func add(_ event: RequestEvent) {
        routes[event.route, default: Route(server: event.server)].add(event)
        guard !event.method.isEmpty else { return }
        // A name that was refused says nothing about a server, and is a stranger's own word.
        let isNamed = event.verdict == .allow || event.verdict == .shadow || event.rule != nil
        var key = Operation(
            route: event.route,
            method: event.method,
            // In shadow whatever a caller invents passes.
            name: !isNamed || event.name.isEmpty ? "" : event.isKnown ? event.name : Self.other,
            fault: event.fault ?? "",
            revision: event.revision
        )
        if operations.count >= Self.mostOperations, operations[key] == nil {
            key = Operation(
                route: event.route,
                method: event.method,
                name: key.name.isEmpty ? "" : Self.other,
                fault: key.fault.isEmpty ? "" : Self.other,
                revision: event.revision
            )
        }
        operations[key, default: Histogram(Histogram.operation)].add(nanoseconds: event.wholeTime)
    }

    mutating func add(_ other: RequestMetrics) {
        connections += other.connections
        for (path, route) in other.routes { routes[path, default: Route(server: route.server)].add(route) }
        for (key, histogram) in other.operations {
            operations[key, default: Histogram(Histogram.operation)].add(histogram)
        }
    }
}

extension RequestMetrics.Route {
    fileprivate mutating func add(_ event: RequestEvent) {
        verdicts[event.verdict.number] += 1
        decide.add(nanoseconds: event.decideTime)
        if let time = event.upstreamTime { upstream.add(nanoseconds: time) }
        bytesIn += UInt64(max(0, event.bytesIn))
        bytesOut += UInt64(max(0, event.bytesOut))
    }

    fileprivate mutating func add(_ other: Self) {
        for at in verdicts.indices { verdicts[at] += other.verdicts[at] }
        decide.add(other.decide)
        upstream.add(other.upstream)
        bytesIn += other.bytesIn
        bytesOut += other.bytesOut
    }
}

extension RequestEvent.Verdict {
    var number: Int {
        switch self {
        case .pass: 0
        case .allow: 1
        case .shadow: 2
        case .ask: 3
        case .deny: 4
        case .revoked: 5
        case .unauthenticated: 6
        case .refused: 7
        }
    }
}
