package import Core
import FoundationEssentials
import GRDB

/// Makes the keyed codes that close the chains of events and the tables beside them.
///
/// A chain of plain digests can be computed anew by anybody who can write the file; its seal only by who has the key,
/// which lies outside of the file. What no seal shows: that a whole run is gone, or that the whole file, seals and all,
/// was put back to what it was earlier.
package struct Sealer: Sendable {
    package let keyID: String
    /// A message authentication code under one key.
    package typealias Code = @Sendable ([UInt8]) -> [UInt8]
    private let code: Code
    private let former: @Sendable (String) -> Code?

    /// `code` is a message authentication code under the key that `keyID` names, `former` those of keys before it.
    package init(
        keyID: String,
        code: @escaping Code,
        former: @escaping @Sendable (_ keyID: String) -> Code? = { _ in nil }
    ) {
        self.keyID = keyID
        self.code = code
        self.former = former
    }

    /// The seal of a table under the key of an id; nothing where that key is not here.
    func seal(_ table: SealedTable, rows: Int, digest: [UInt8], keyID: String) -> [UInt8]? {
        guard let code = keyID == self.keyID ? code : former(keyID) else { return nil }
        return code(Array("lockstep.table-seal/1:\(table.rawValue):\(rows):".utf8) + digest)
    }

    /// The seal of a run: one short code over its id, its length and the hash of its last event.
    package func seal(_ run: RunID, sequence: Int, head: [UInt8]) -> [UInt8] {
        code(Array("lockstep.seal/1:\(run.text):\(sequence):".utf8) + head)
    }
}

/// What the ledger says about the end of a run's chain.
package struct RunSeal: Sendable, Hashable {
    package var run: RunID
    package var sequence: Int
    package var head: [UInt8]
    package var keyID: String?
    package var seal: [UInt8]?

    package func isMade(by sealer: Sealer) -> Bool {
        keyID == sealer.keyID && seal == sealer.seal(run, sequence: sequence, head: head)
    }
}

extension Ledger {
    /// The seals of all runs, oldest run first.
    package func seals() throws(LedgerError) -> [RunSeal] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT id, sequence, head, seal_key, seal FROM run ORDER BY created, id")
                .map { row in
                    RunSeal(
                        run: RunID(row[0]),
                        sequence: row[1],
                        head: Array(row[2] as Data),
                        keyID: row[3],
                        seal: (row[4] as Data?).map { Array($0) }
                    )
                }
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
