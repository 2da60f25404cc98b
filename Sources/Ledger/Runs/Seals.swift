package import Core
import FoundationEssentials
import GRDB

/// Makes the keyed codes that close the chains of events.
///
/// A chain of plain digests can be computed anew by anybody who can write the file; its seal only by who has the key,
/// which lies outside of the file. What no seal shows: that a whole run is gone, or that the whole file, seals and all,
/// was put back to what it was earlier.
package struct Sealer: Sendable {
    package let keyID: String
    private let code: @Sendable ([UInt8]) -> [UInt8]

    /// `code` is a message authentication code under the key that `keyID` names.
    package init(keyID: String, code: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.keyID = keyID
        self.code = code
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
