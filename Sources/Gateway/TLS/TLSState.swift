package import Core
import Synchronization

/// How TLS stands: the certificate in use, why a newer one is not, and what connections agreed on.
package final class TLSState: Sendable {
    private struct State: Sendable {
        var end: Timestamp?
        var digest: String?
        var loaded: Timestamp?
        var fault: String?
        var groups: [String: Int] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// A certificate is in use from now on.
    package func took(_ tls: ListenerTLS?, at now: Timestamp) {
        state.withLock {
            $0.end = tls?.end
            $0.digest = tls?.digest
            $0.loaded = tls == nil ? nil : now
            $0.fault = nil
        }
    }

    /// What lies in the files cannot be used; what was in use stays.
    package func refused(_ why: String) { state.withLock { $0.fault = why } }

    package var hasFault: Bool { state.withLock { $0.fault != nil } }

    func agreed(on group: String?) {
        // A handshake that failed before agreed on nothing.
        guard let name = group else { return }
        state.withLock { state in
            // Names come from what this side offers, so that there are few.
            if state.groups.count < 16 || state.groups[name] != nil { state.groups[name, default: 0] += 1 }
        }
    }

    /// As status shows it; nothing where the port is in the clear.
    var json: JSON.Value {
        let state = state.withLock { $0 }
        guard let end = state.end else { return state.fault.map { ["fault": .string($0)] } ?? .null }
        return [
            "until": .string(end.description), "certificate": state.digest.map(JSON.Value.string) ?? .null,
            "since": state.loaded.map { .string($0.description) } ?? .null,
            "fault": state.fault.map(JSON.Value.string) ?? .null,
            "groups": .object(JSON.Object(state.groups.map { ($0.key, .integer(Int64($0.value))) })),
        ]
    }
}
