import Synchronization

/// The newest thing that any connection of a client showed about its TLS; written on event loops, read by the client.
final class Observed: Sendable {
    private let value = Mutex<TLSObservation?>(nil)

    var last: TLSObservation? { value.withLock { $0 } }

    func record(_ observation: TLSObservation) { value.withLock { $0 = observation } }
}
