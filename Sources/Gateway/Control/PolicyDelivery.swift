package import Core
import Synchronization

/// How the delivery of policies stands, for whoever asks: the bundle in force, and what was refused.
///
/// What is delivered is decided elsewhere; here it is only told. A gateway with a policy of its own has none of it.
package final class PolicyDelivery: Sendable {
    /// The bundle in force.
    package struct Bundle: Sendable, Hashable {
        package let revision: Int64
        package let digest: Digest
        package let issued: Timestamp
        package let expires: Timestamp
        package let mode: GatewayConfiguration.Mode
        package let isApproved: Bool

        package init(
            revision: Int64,
            digest: Digest,
            issued: Timestamp,
            expires: Timestamp,
            mode: GatewayConfiguration.Mode,
            isApproved: Bool
        ) {
            self.mode = mode
            self.revision = revision
            self.digest = digest
            self.issued = issued
            self.expires = expires
            self.isApproved = isApproved
        }
    }

    /// What was not taken, and why.
    package struct Refusal: Sendable, Hashable {
        /// The file, or the source itself.
        package let name: String
        package let code: String
        package let message: String
        package let at: Timestamp

        package init(name: String, code: String, message: String, at: Timestamp) {
            self.name = name
            self.code = code
            self.message = message
            self.at = at
        }
    }

    package struct Standing: Sendable, Hashable {
        package var source: String
        /// The last one that was taken; whether it still counts is another matter.
        package var bundle: Bundle?
        package var isExpired = false
        /// What the document says for the time without a bundle.
        package var whenNone: String
        package var lastRefusal: Refusal?
        /// When the source was read last; nil while it cannot be.
        package var seen: Timestamp?

        package init(source: String, whenNone: String) {
            self.source = source
            self.whenNone = whenNone
        }
    }

    private let held = Mutex<Standing?>(nil)
    private let statement = Mutex<[UInt8]>([])

    package init() {}

    package var standing: Standing? { held.withLock { $0 } }
    package func tell(_ standing: Standing?) { held.withLock { $0 = standing } }

    /// The last signed heartbeat, as an envelope.
    package var heartbeat: [UInt8] { statement.withLock { $0 } }
    package func tell(heartbeat: [UInt8]) { statement.withLock { $0 = heartbeat } }

    /// As `status` shows it; null for a gateway with a policy of its own.
    package var json: JSON.Value {
        guard let standing else { return .null }
        var object: JSON.Object = [
            "source": .string(standing.source), "when-none": .string(standing.whenNone),
            "seen": standing.seen.map { .string($0.description) } ?? .null,
            "state": .string(standing.bundle == nil ? "none" : standing.isExpired ? "expired" : "in force"),
        ]
        if let bundle = standing.bundle {
            object["revision"] = .integer(bundle.revision)
            object["digest"] = .string(bundle.digest.description)
            object["issued"] = .string(bundle.issued.description)
            object["expires"] = .string(bundle.expires.description)
            object["mode"] = .string(bundle.mode.rawValue)
            object["approved"] = .bool(bundle.isApproved)
        }
        if let refusal = standing.lastRefusal {
            object["refused"] = [
                "name": .string(refusal.name), "code": .string(refusal.code), "message": .string(refusal.message),
                "time": .string(refusal.at.description),
            ]
        }
        return .object(object)
    }

    /// As Prometheus reads it; nothing for a gateway with a policy of its own.
    func write(_ text: inout PrometheusText, _ id: (String, String)) {
        guard let standing, let bundle = standing.bundle else { return }
        let revision = "lockstep_gateway_bundle_revision"
        text.family(revision, .gauge, "Revision of the bundle of policies in force.")
        text.sample(revision, [id], bundle.revision)
        let end = "lockstep_gateway_bundle_expires_seconds"
        text.family(end, .gauge, "When the bundle ends, in seconds since 1970.")
        text.sample(end, [id], Int(bundle.expires.epochSeconds))
    }
}
