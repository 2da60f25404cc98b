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

    /// The sealer with the keys of this workspace; what they sealed stays as it is.
    ///
    /// Tables get their seals once, too: the mark lies beside the key and outside of the ledger.
    package func sealer(now: Timestamp, warn: (String) -> Void = { _ in }) throws -> Sealer {
        let sealer = try sealerOfRuns(now: now, warn: warn)
        // Once the mark is there, a missing seal is a finding.
        guard !FileManager.default.fileExists(atPath: mark) else { return sealer }
        let ledger = try Ledger(path: folder.database, mayCreate: false)
        try ledger.sealTables(with: sealer)
        try ledger.close()
        try DurableFile.write(Array("the tables of the ledger are sealed since \(now)\n".utf8), to: mark)
        return sealer
    }

    private var mark: String { folder.keys + "/tables.sealed" }

    /// A workspace from before seals gets its key, and all its runs their seals, once.
    ///
    /// Its marker, which is no part of the ledger, remembers that. Runs are sealed before the key is written, and the marker comes last: killed in between,
    /// the next one begins anew. Afterwards a run without a seal, or with that of a key that is not here, stays a finding.
    ///
    /// `warn` is told in words when a key had to be made although there are runs.
    private func sealerOfRuns(now: Timestamp, warn: (String) -> Void) throws -> Sealer {
        let wasSealed = try isSealed()
        do throws(KeyStoreError) {
            let ring = try keys.load(.audit)
            if !wasSealed { try noteSealed() }
            return Sealer(ring)
        } catch {
            guard error.code == .missing else { throw error }
        }
        let ledger = try Ledger(path: folder.database, mayCreate: false)
        let count = try ledger.seals().count
        var random = SystemRandomNumberGenerator()
        let made: KeyRing
        do throws(KeyStoreError) {
            made = try keys.create(.audit, now: now, using: &random) { ring throws(KeyStoreError) in
                guard !wasSealed else { return }
                do throws(LedgerError) {
                    try ledger.sealAll(with: Sealer(ring))
                } catch {
                    throw KeyStoreError(.unusable, "the runs could not be sealed: \(error.message)")
                }
            }
        } catch {
            // Another process was quicker; it sealed what there was.
            guard error.code == .exists else { throw error }
            return Sealer(try keys.load(.audit))
        }
        if !wasSealed { try noteSealed() }
        if count > 0 {
            warn(
                wasSealed
                    ? "the `audit` key of this workspace was gone: the new one `\(made.current.id)` does not vouch for what is there, and none of the \(count) runs is believed any more [seal.unknown-key]"
                    : "this workspace is from before seals: its \(count) runs were sealed as they are now with the new key `\(made.current.id)`"
            )
        }
        return Sealer(made)
    }

    private func isSealed() throws -> Bool { try marker().isSealed }

    private func marker() throws -> WorkspaceMarker {
        let bytes = try DurableFile.read(folder.marker, limit: 1 << 16)
        guard let value = try? JSON.parse(bytes, limits: .standard) else {
            throw WorkspaceError(
                .damaged,
                "`\(folder.marker)` is not readable",
                help: "restore it with `lockstep restore FILE`"
            )
        }
        return try WorkspaceMarker(json: value)
    }

    private func noteSealed() throws(KeyStoreError) {
        do {
            var marker = try marker()
            marker.isSealed = true
            try DurableFile.write(JSON.canonical(marker.json), to: folder.marker)
        } catch {
            throw KeyStoreError(.unusable, "the workspace could not be marked as sealed")
        }
    }

    /// What is wrong with the seals of a ledger: the run, a stable code and the words.
    package func faults(in ledger: Ledger) throws -> [(run: RunID, code: String, message: String)] {
        let sealer = Sealer(try keys.load(.audit))
        return try ledger.seals().compactMap { seal in
            sealer.fault(of: seal).map { (seal.run, $0.code, $0.message) }
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
    init(_ ring: KeyRing) {
        self.init(
            keyID: ring.current.id,
            retired: Dictionary(
                ring.retired.map { ($0.id, $0.authenticationCode) },
                uniquingKeysWith: { first, _ in first }
            ),
            code: ring.current.authenticationCode
        )
    }
}
