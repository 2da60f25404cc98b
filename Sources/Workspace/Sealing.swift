package import Core
import FoundationEssentials
package import Identity
package import Ledger

/// The key that seals the chains of events, kept outside of the ledger.
package struct Sealing: Sendable {
    private let keys: KeyStore
    private let folder: WorkspaceFolder

    package init(keys: KeyStore, folder: WorkspaceFolder) {
        self.keys = keys
        self.folder = folder
    }

    /// The sealer with the key in use; a workspace from before seals gets its key, and all its runs their seals, now.
    ///
    /// Runs are sealed before the key is written: killed in between, the next one begins anew, and a workspace that has
    /// the key never has a run without a seal that is not a finding.
    package func sealer(now: Timestamp) throws -> Sealer {
        let sealer = try sealerOfRuns(now: now)
        // The mark lies beside the key and outside of the ledger: once it is there, a missing seal is a finding.
        guard !FileManager.default.fileExists(atPath: mark) else { return sealer }
        let ledger = try Ledger(path: folder.database, mayCreate: false)
        try ledger.sealTables(with: sealer)
        try ledger.close()
        try DurableFile.write(Array("the tables of the ledger are sealed since \(now)\n".utf8), to: mark)
        return sealer
    }

    private var mark: String { folder.keys + "/tables.sealed" }

    private func sealerOfRuns(now: Timestamp) throws -> Sealer {
        do throws(KeyStoreError) {
            return Sealer(try keys.load(.audit))
        } catch {
            guard error.code == .missing else { throw error }
        }
        let ledger = try Ledger(path: folder.database, mayCreate: false)
        var random = SystemRandomNumberGenerator()
        do throws(KeyStoreError) {
            let ring = try keys.create(.audit, now: now, using: &random) { ring throws(KeyStoreError) in
                do throws(LedgerError) {
                    try ledger.sealAll(with: Sealer(ring.current))
                } catch {
                    throw KeyStoreError(.unusable, "the runs could not be sealed: \(error.message)")
                }
            }
            return Sealer(ring)
        } catch {
            // Another process was quicker; it sealed what there was.
            guard error.code == .exists else { throw error }
            return Sealer(try keys.load(.audit))
        }
    }

    /// What is wrong with the seals of a ledger: the run, a stable code and the words.
    package func faults(in ledger: Ledger) throws -> [(run: RunID, code: String, message: String)] {
        let ring = try keys.load(.audit)
        return try ledger.seals().compactMap { seal in
            guard let id = seal.keyID, seal.seal != nil else {
                return (seal.run, "seal.missing", "nobody with the key of this workspace wrote its last events")
            }
            guard let key = ring.key(id: id) else {
                return (seal.run, "seal.unknown-key", "it is sealed with the key `\(id)`, which is not here")
            }
            guard !seal.isMade(by: Sealer(key)) else { return nil }
            return (seal.run, "seal.broken", "its events were changed by somebody without the key of this workspace")
        }
    }
}

extension Sealing {
    /// What is wrong with the seals of the tables beside the chains: the table, a stable code and the words.
    package func tableFaults(in ledger: Ledger) throws -> [(table: SealedTable, code: String, message: String)] {
        try ledger.tableFaults(Sealer(try keys.load(.audit)))
    }
}

extension Sealer {
    /// With the keys that were in use before, so that a seal from before a rotation is known and made anew.
    init(_ ring: KeyRing) {
        let current = ring.current
        self.init(
            keyID: current.id,
            code: current.authenticationCode,
            former: { ring.key(id: $0)?.authenticationCode }
        )
    }

    init(_ key: WorkspaceKey) {
        self.init(keyID: key.id, code: key.authenticationCode)
    }
}
