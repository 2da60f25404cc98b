package import Core
import FoundationEssentials
import GRDB

/// Makes the keyed codes that close the chains of events and the tables beside them.
///
/// A chain of plain digests can be computed anew by anybody who can write the file; its seal only by who has the key,
/// which lies outside of the file. What no seal shows: that a whole run is gone, or that the whole file, seals and all,
/// was put back to what it was earlier.
package struct Sealer: Sendable {
    package typealias Code = @Sendable ([UInt8]) -> [UInt8]

    package let keyID: String
    private let code: Code
    /// The codes of keys that are no longer in use, by key: what they sealed is believed, nothing new is sealed by them.
    private let retired: [String: Code]

    /// `code` is a message authentication code under the key that `keyID` names.
    package init(keyID: String, retired: [String: Code] = [:], code: @escaping Code) {
        self.keyID = keyID
        self.code = code
        self.retired = retired
    }

    /// The seal of a table under the key of an id; nothing where that key is not here.
    func seal(_ table: SealedTable, rows: Int, digest: [UInt8], keyID: String) -> [UInt8]? {
        guard let code = code(of: keyID) else { return nil }
        return code(Array("lockstep.table-seal/1:\(table.rawValue):\(rows):".utf8) + digest)
    }

    /// The seal of a run: one short code over its id, its length and the hash of its last event.
    package func seal(_ run: RunID, sequence: Int, head: [UInt8]) -> [UInt8] {
        code(Self.bytes(run, sequence, head))
    }

    /// What is wrong with a seal; nothing when this workspace made it.
    package func fault(of seal: RunSeal) -> SealFault? {
        guard let id = seal.keyID, let made = seal.seal else { return .missing }
        guard let code = code(of: id) else { return .unknownKey(id) }
        return made == code(Self.bytes(seal.run, seal.sequence, seal.head)) ? nil : .broken
    }

    private func code(of id: String) -> Code? { id == keyID ? code : retired[id] }

    private static func bytes(_ run: RunID, _ sequence: Int, _ head: [UInt8]) -> [UInt8] {
        Array("lockstep.seal/1:\(run.text):\(sequence):".utf8) + head
    }

    // MARK: - Requests

    /// A request with the code that shows who left it: somebody with the key of the workspace, not only its database.
    func sealed(_ body: JSON.Object, to run: RunID, at time: Timestamp) -> JSON.Object {
        var sealed = body
        sealed["seal"] = .object([
            "key": .string(keyID),
            "code": .string(Hexadecimal.encode(code(Self.bytes(body, run, time)))),
        ])
        return sealed
    }

    /// What was asked for, without its seal; nothing when nobody with a key of the workspace left it.
    func opened(_ sealed: JSON.Object, to run: RunID, at time: Timestamp) -> JSON.Object? {
        guard let seal = sealed["seal"], let code = seal["key"]?.string.flatMap(code(of:)) else { return nil }
        var body = sealed
        body["seal"] = nil
        guard seal["code"]?.string == Hexadecimal.encode(code(Self.bytes(body, run, time))) else { return nil }
        return body
    }

    private static func bytes(_ body: JSON.Object, _ run: RunID, _ time: Timestamp) -> [UInt8] {
        Array("lockstep.request/1:\(run.text):\(time.microseconds):".utf8) + JSON.canonical(.object(body))
    }
}

/// Why the end of a run's chain is not believed.
package enum SealFault: Error, Sendable, Hashable {
    case missing
    case unknownKey(String)
    case broken

    /// Printed and never reworded.
    package var code: String {
        switch self {
        case .missing: "seal.missing"
        case .unknownKey: "seal.unknown-key"
        case .broken: "seal.broken"
        }
    }

    package var message: String {
        switch self {
        case .missing: "nobody with the key of this workspace wrote its last events"
        case .unknownKey(let id): "it is sealed with the key `\(id)`, which is not here"
        case .broken: "its events were changed by somebody without the key of this workspace"
        }
    }

    func error(_ run: RunID) -> LedgerError {
        let kind: LedgerError.Code =
            switch self {
            case .missing: .sealMissing
            case .unknownKey: .sealUnknownKey
            case .broken: .sealBroken
            }
        return LedgerError(kind, "run `\(run)` is not believed: \(message) [\(code)]")
    }
}

/// What the ledger says about the end of a run's chain.
package struct RunSeal: Sendable, Hashable {
    package var run: RunID
    package var sequence: Int
    package var head: [UInt8]
    package var keyID: String?
    package var seal: [UInt8]?

    init(_ row: Row) {
        run = RunID(row["id"])
        sequence = row["sequence"]
        head = Array(row["head"] as Data)
        keyID = row["seal_key"]
        seal = (row["seal"] as Data?).map { Array($0) }
    }
}

extension Ledger {
    /// The seals of all runs, oldest run first.
    package func seals() throws(LedgerError) -> [RunSeal] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT id, sequence, head, seal_key, seal FROM run ORDER BY created, id")
                .map(RunSeal.init)
        }
    }

    /// Seals every run as it is: for the one moment in which a workspace from before seals gets its key.
    package func sealAll(with sealer: Sealer) throws(LedgerError) {
        let seals = try seals()
        try write(.decision) { db in
            for seal in seals {
                try db.execute(
                    sql: "UPDATE run SET seal = ?, seal_key = ? WHERE id = ? AND sequence = ?",
                    arguments: [
                        Data(sealer.seal(seal.run, sequence: seal.sequence, head: seal.head)), sealer.keyID,
                        seal.run.text, seal.sequence,
                    ]
                )
            }
        }
    }
}
