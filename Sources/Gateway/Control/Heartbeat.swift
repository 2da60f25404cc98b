package import Core
package import Identity

/// What a gateway says of itself every few seconds, and signs: which policy is in force, in which mode, and how much it
/// decided.
///
/// Who watches many gateways sees from it that one of them lags behind, was put back, or is silent, and need not believe
/// whoever carries the statement.
package struct Heartbeat: Sendable, Hashable {
    package static let schema = "lockstep.heartbeat/1"
    package static let payloadType = "application/vnd.lockstep.heartbeat+json"
    /// How often a gateway says it.
    package static let interval: Duration = .seconds(10)
    /// After this it counts as silent.
    package static let freshness: Duration = .seconds(60)

    package let gateway: String
    package let time: Timestamp
    package let mode: GatewayConfiguration.Mode
    /// The digest of the policy in force; nil where there is none.
    package let policy: Digest?
    /// Of the bundle in force; nil where the policy did not come as one, or none counts.
    package let revision: Int64?
    package let bundle: Digest?
    /// Decisions and the like since the gateway began.
    package let counts: [String: Int]
    /// The number of the last revocation.
    package let revocation: Int

    package var json: JSON.Value {
        [
            "schema": .string(Self.schema), "gateway": .string(gateway), "time": .string(time.description),
            "mode": .string(mode.rawValue), "policy": policy.map { .string($0.description) } ?? .null,
            "revision": revision.map { .integer($0) } ?? .null,
            "bundle": bundle.map { .string($0.description) } ?? .null,
            "counts": .object(
                JSON.Object(counts.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })
            ),
            "revocation": .integer(Int64(revocation)),
        ]
    }

    package func signed(by signers: [DSSESigner]) throws -> DSSEEnvelope {
        try DSSEEnvelope(payload: JSON.canonical(json), type: Self.payloadType, signers: signers)
    }

    /// Reads what `json` writes; nothing where a member is missing, unknown or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let object = json.object, object.count == 9, object["schema"]?.string == Self.schema,
            let gateway = object["gateway"]?.string,
            let time = object["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let mode = object["mode"]?.string.flatMap({ GatewayConfiguration.Mode(rawValue: $0) }),
            let policy = object["policy"], let revision = object["revision"], let bundle = object["bundle"],
            let listed = object["counts"]?.object, let revocation = object["revocation"]?.int
        else { return nil }
        var counts: [String: Int] = [:]
        for (name, count) in listed {
            guard let number = count.int else { return nil }
            counts[name] = Int(number)
        }
        let digests = (policy.string.flatMap { Digest($0) }, bundle.string.flatMap { Digest($0) })
        guard policy.isNull || digests.0 != nil, bundle.isNull || digests.1 != nil,
            revision.isNull || revision.int != nil
        else { return nil }
        self.init(
            gateway: gateway,
            time: time,
            mode: mode,
            policy: digests.0,
            revision: revision.int,
            bundle: digests.1,
            counts: counts,
            revocation: Int(revocation)
        )
    }

    package init(
        gateway: String,
        time: Timestamp,
        mode: GatewayConfiguration.Mode,
        policy: Digest?,
        revision: Int64?,
        bundle: Digest?,
        counts: [String: Int],
        revocation: Int
    ) {
        self.gateway = gateway
        self.time = time
        self.mode = mode
        self.policy = policy
        self.revision = revision
        self.bundle = bundle
        self.counts = counts
        self.revocation = revocation
    }

    /// Proves a statement with every one of the gateway's keys.
    ///
    /// - Returns: What it says, or nothing where it is not signed by them all or is no heartbeat.
    package static func verified(_ envelope: [UInt8], by keys: [DSSEKey]) -> Heartbeat? {
        guard let read = try? DSSEEnvelope(parsing: envelope, limit: 1 << 20),
            let payload = try? read.verify(by: keys, type: payloadType)
        else { return nil }
        return (try? JSON.parse(payload)).flatMap { Heartbeat($0) }
    }
}

extension Gateway {
    /// How it stands at this moment.
    package var heartbeat: Heartbeat {
        let settings = settings
        let standing = shared.delivery.standing
        // Where what was delivered counts no more, nothing of it is in force.
        let bundle = settings.policy == nil ? nil : standing?.bundle
        return Heartbeat(
            gateway: settings.configuration.id,
            time: shared.now(),
            mode: settings.configuration.mode,
            policy: settings.policy == nil ? nil : Digest(settings.policyName),
            revision: bundle?.revision,
            bundle: bundle?.digest,
            counts: Dictionary(
                uniqueKeysWithValues: Counters.Name.allCases.map { ("\($0)", shared.counters[$0]) }
            ),
            revocation: shared.revocations.entries.last?.number ?? 0
        )
    }
}
