package import Core
package import Gateway
import Identity

/// What a heartbeat is worth to whoever asked for it.
package enum HeartbeatCheck: Sendable, Hashable {
    case good(Heartbeat)
    /// Signed, and older than a gateway that runs lets it become.
    case stale(Heartbeat)
    /// Not signed by the keys that the gateway's folder names, or about another gateway.
    case unproven
}

extension GatewayContact {
    /// Proves a heartbeat with the keys that stand in the gateway's folder.
    package func check(heartbeat envelope: JSON.Value, now: Timestamp) -> HeartbeatCheck {
        guard let file = try? StoredFile.read(state + "/control/heartbeat-keys.json", limit: 1 << 20),
            let keys = DSSEKey.list(file), !keys.isEmpty,
            let said = Heartbeat.verified(JSON.canonical(envelope), by: keys), said.gateway == id
        else { return .unproven }
        let age = now - said.time
        return age <= Heartbeat.freshness && age >= .zero - Heartbeat.freshness ? .good(said) : .stale(said)
    }
}
