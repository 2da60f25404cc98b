package import Core
package import Identity

/// Who is denied, as a workspace publishes it: signed, numbered, and made anew all the time.
///
/// Gateways pull it, so that a kill reaches one that could not be told. What counts as new is the number; the time says
/// whether it was kept back on its way.
package struct RevocationList: Sendable, Hashable {
    package static let schema = "lockstep.revocations/1"
    package static let payloadType = "application/vnd.lockstep.revocations+json"
    /// Of the file in the folder from which gateways pull.
    package static let fileName = "revocations.json"
    package static let mostBytes = 16 << 20

    package var number: Int64
    package var time: Timestamp
    /// The kills that are in force, each with its own signature.
    package var kills: [RevocationProof]

    package init(number: Int64, time: Timestamp, kills: [RevocationProof] = []) {
        self.number = number
        self.time = time
        self.kills = kills
    }

    package var json: JSON.Value {
        [
            "schema": .string(Self.schema), "number": .integer(number), "time": .string(time.description),
            "kills": .array(kills.map(\.json)),
        ]
    }

    /// Reads what `json` writes; nothing where a member is missing, unknown or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let object = json.object, object.count == 4, object["schema"]?.string == Self.schema,
            let number = object["number"]?.int, number > 0,
            let time = object["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let written = object["kills"]?.array
        else { return nil }
        var kills: [RevocationProof] = []
        for one in written {
            guard let proof = RevocationProof(one), proof.statement?.action == .kill else { return nil }
            kills.append(proof)
        }
        self.init(number: number, time: time, kills: kills)
    }

    package func envelope(signer: DSSESigner) throws -> DSSEEnvelope {
        try DSSEEnvelope(payload: JSON.canonical(json), type: Self.payloadType, signers: [signer])
    }

    /// Reads a list that one of the keys has signed, or says in a few words what is wrong with it.
    package static func read(_ bytes: [UInt8], by keys: [DSSEKey]) -> Result<RevocationList, Fault> {
        guard let envelope = try? DSSEEnvelope(parsing: bytes, limit: mostBytes) else {
            return .failure(Fault("it is no signed list"))
        }
        guard let payload = keys.lazy.compactMap({ try? envelope.verify(by: [$0], type: payloadType) }).first else {
            return .failure(Fault("it is not signed by a key that is believed here"))
        }
        guard let list = (try? JSON.parse(payload)).flatMap({ RevocationList($0) }) else {
            return .failure(Fault("what was signed is no list"))
        }
        return .success(list)
    }

    package struct Fault: Error, Hashable, Sendable {
        package let message: String

        package init(_ message: String) { self.message = message }
    }
}
