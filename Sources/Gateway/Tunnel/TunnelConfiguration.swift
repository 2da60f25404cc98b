package import Core

/// What a tunnel is told: which end of the hop it is, and how much it takes.
package struct TunnelConfiguration: Sendable {
    package enum Side: String, Sendable, CaseIterable {
        /// Takes clear connections and carries them to the far end in TLS.
        case near
        /// Takes TLS from near ends and carries it on in the clear.
        case far
    }

    package var side: Side
    package var listen: GatewayConfiguration.Endpoint
    package var to: GatewayConfiguration.Endpoint
    /// Connections at once; one more is closed as soon as it comes.
    package var connections: Int
    /// How long a connection may stay without a byte in either direction, seconds.
    package var idleSeconds: Int
    /// How long both ends may take until bytes can flow, seconds.
    package var openingSeconds = 10

    package init(
        side: Side,
        listen: GatewayConfiguration.Endpoint,
        to: GatewayConfiguration.Endpoint,
        connections: Int = 1_000,
        idleSeconds: Int = 600
    ) {
        self.side = side
        self.listen = listen
        self.to = to
        self.connections = connections
        self.idleSeconds = idleSeconds
    }
}

/// What becomes of a connection, for the log.
package enum TunnelEvent: Sendable {
    case opened(number: Int, from: String, peer: String, group: String)
    case ended(number: Int, sent: Int, received: Int, reason: TunnelEnding, detail: String?)
    /// It never carried a byte.
    case refused(number: Int, from: String, reason: String)

    /// One line of the log.
    package var line: String {
        switch self {
        case .opened(let number, let from, let peer, let group):
            "connection \(number) from \(from): \(peer), \(group)"
        case .ended(let number, let sent, let received, let reason, let detail):
            "connection \(number) \(reason.rawValue)\(detail.map { " (\($0))" } ?? ""): "
                + "\(sent) bytes to the server, \(received) bytes back"
        case .refused(let number, let from, let reason):
            "connection \(number) from \(from) refused: \(reason)"
        }
    }
}

/// How a connection ended.
package enum TunnelEnding: String, Sendable {
    /// Both sides said all they had to say.
    case done = "ended"
    case idle = "was idle too long"
    /// One side broke off, and so the other was broken off: what is cut short must not look whole.
    case broken = "broke off"
    case drained = "was cut at the end of draining"
}

/// What a tunnel counted since it began.
package struct TunnelCounts: Sendable, Hashable {
    package var open = 0
    package var opened = 0
    package var refused = 0
    package var broken = 0
    package var sent = 0
    package var received = 0
    package var groups: [String: Int] = [:]
    package var peers: [String: Int] = [:]

    private static let mostNames = 1_000

    mutating func count(peer: String, group: String) {
        opened += 1
        open += 1
        groups[group, default: 0] += 1
        if peers.count < Self.mostNames || peers[peer] != nil { peers[peer, default: 0] += 1 }
    }

    package var json: JSON.Object {
        func table(_ counts: [String: Int]) -> JSON.Value {
            .object(JSON.Object(counts.map { ($0.key, .integer(Int64($0.value))) }))
        }
        return [
            "open": .integer(Int64(open)), "opened": .integer(Int64(opened)), "refused": .integer(Int64(refused)),
            "broken": .integer(Int64(broken)), "sent": .integer(Int64(sent)), "received": .integer(Int64(received)),
            "groups": table(groups), "peers": table(peers),
        ]
    }

    /// The exposition format of Prometheus 0.0.4.
    package var metrics: String {
        var lines: [String] = []
        func add(_ name: String, _ kind: String, _ values: [(labels: String, value: Int)]) {
            lines.append("# TYPE lockstep_tunnel_\(name) \(kind)")
            for value in values { lines.append("lockstep_tunnel_\(name)\(value.labels) \(value.value)") }
        }
        add("open", "gauge", [("", open)])
        add("refused_total", "counter", [("", refused)])
        add("broken_total", "counter", [("", broken)])
        add("bytes_total", "counter", [("{way=\"sent\"}", sent), ("{way=\"received\"}", received)])
        // A SPIFFE ID holds nothing that a label would have to escape.
        func labelled(_ label: String, _ counts: [String: Int]) -> [(labels: String, value: Int)] {
            counts.sorted { $0.key < $1.key }.map { ("{\(label)=\"\($0.key)\"}", $0.value) }
        }
        add("connections_total", "counter", labelled("group", groups))
        add("peers_total", "counter", labelled("peer", peers))
        return lines.joined(separator: "\n") + "\n"
    }
}
