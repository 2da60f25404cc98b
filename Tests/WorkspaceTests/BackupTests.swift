import Core
import Foundation
import GRDB
import Identity
import Ledger
import Testing
import Workspace

/// A workspace in a folder of its own that goes away with the test.
private final class Place {
    let folder: WorkspaceFolder
    let now = Timestamp(seconds: 1_700_000_000)

    init(isMade: Bool = true) throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "lockstep-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        folder = WorkspaceFolder(root: root)
        guard isMade else { return }
        var random = SystemRandomNumberGenerator()
        try WorkspaceInit(folder: folder, rehearsalFactor: nil, person: .init(id: "ana", name: "Ana \"A\" Silva"))
            .run(now: now, using: &random)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder.root)
    }

    func entries() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.root).sorted()
    }
}

@Suite struct BackupTests {
    @Test func initMakesAFileThatReadsBackAndFoldersForTheOwnerAlone() throws {
        let place = try Place()
        let bytes = try DurableFile.read(place.folder.configuration)
        let configuration = try Configuration.read(bytes, file: "lockstep.yaml")
        #expect(configuration.people.map(\.name) == ["Ana \"A\" Silva"])
        #expect(!configuration.allowsUnauthenticatedVotes)
        for path in place.folder.stateFolders {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o700, "\(path)")
        }
        var random = SystemRandomNumberGenerator()
        #expect(throws: WorkspaceError.self) {
            try WorkspaceInit(folder: place.folder, rehearsalFactor: 2, person: .init(id: "eve", name: "Eve"))
                .run(now: place.now, using: &random)
        }
    }

    @Test func bringsEverythingBackIntoAnotherFolder() throws {
        let place = try Place()
        let ledger = try Ledger(path: place.folder.database)
        try ledger.add(
            Exception(
                id: "x-1",
                scope: "finding:a",
                owner: "user:ana",
                reason: "r",
                createdBy: "ana",
                created: place.now,
                expires: place.now + .seconds(60)
            )
        )
        let artifact = Array("evidence".utf8)
        let digest = Digest.sha256(artifact)
        try DurableFile.write(artifact, to: "\(place.folder.artifacts)/\(digest.hex)")
        let archive = place.folder.root + "/saved"
        try Backup.write(place.folder, ledger, to: archive)

        let other = try Place(isMade: false)
        #expect(try Backup.restore(archive, into: other.folder) == nil)
        let restored = try Ledger(path: other.folder.database)
        #expect(try restored.exceptions().map(\.id) == ["x-1"])
        #expect(try restored.integrityCheck().isEmpty)
        #expect(try DurableFile.read("\(other.folder.artifacts)/\(digest.hex)") == artifact)
        #expect(
            try KeyStore(directory: other.folder.keys).load(.redact)
                == KeyStore(directory: place.folder.keys).load(.redact)
        )
        #expect(try other.entries() == [".lockstep", "lockstep.yaml"])
        let mode = try FileManager.default.attributesOfItem(atPath: archive)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func keepsTheStateThatItReplaces() throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        let ledger = try Ledger(path: place.folder.database)
        try Backup.write(place.folder, ledger, to: archive)
        try ledger.add(
            Exception(
                id: "later",
                scope: "finding:a",
                owner: "user:ana",
                reason: "r",
                createdBy: "ana",
                created: place.now,
                expires: place.now + .seconds(60)
            )
        )
        try ledger.close()
        let kept = try #require(try Backup.restore(archive, into: place.folder))
        #expect(try Ledger(path: place.folder.database).exceptions().isEmpty)
        #expect(try Ledger(path: kept + "/lockstep.db").exceptions().map(\.id) == ["later"])
    }

    @Test func eachRestoreKeepsTheConfigurationThatItReplaces() throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        try Backup.write(place.folder, try Ledger(path: place.folder.database), to: archive)
        let saved = try DurableFile.read(place.folder.configuration)
        var kept: [String] = []
        for round in 1...3 {
            try DurableFile.write(Array("round \(round)".utf8), to: place.folder.configuration)
            kept.append(try #require(try Backup.restore(archive, into: place.folder)))
            #expect(try DurableFile.read(place.folder.configuration) == saved)
        }
        #expect(Set(kept).count == 3)
        let texts = try kept.map { String(decoding: try DurableFile.read($0 + "/lockstep.yaml"), as: UTF8.self) }
        #expect(texts == ["round 1", "round 2", "round 3"])
        // A state that is gone leaves the configuration alone, and it is kept as well.
        try FileManager.default.removeItem(atPath: place.folder.state)
        try DurableFile.write(Array("alone".utf8), to: place.folder.configuration)
        let alone = try #require(try Backup.restore(archive, into: place.folder))
        #expect(try DurableFile.read(alone) == Array("alone".utf8))
    }

    @Test func anotherWorkspaceIsOnlyReplacedWhereThatIsSaid() throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        try Backup.write(place.folder, try Ledger(path: place.folder.database), to: archive)
        let other = try Place(isMade: false)
        var random = SystemRandomNumberGenerator()
        try WorkspaceInit(folder: other.folder, rehearsalFactor: nil, person: .init(id: "eve", name: "Eve"))
            .run(now: place.now + .seconds(1), using: &random)
        let before = (try other.entries(), try DurableFile.read(other.folder.configuration))
        #expect {
            try Backup.restore(archive, into: other.folder)
        } throws: {
            ($0 as? WorkspaceError)?.code == .otherWorkspace
        }
        #expect(try (other.entries(), DurableFile.read(other.folder.configuration)) == before)
        let kept = try #require(try Backup.restore(archive, into: other.folder, mayReplaceOther: true))
        #expect(try DurableFile.read(kept + "/lockstep.yaml") == before.1)
        // A marker that says nothing is what people restore for.
        try DurableFile.write([], to: other.folder.marker)
        _ = try Backup.restore(archive, into: other.folder)
    }

    @Test func thePathAboveIsThatOfTheKernel() throws {
        let place = try Place()
        let (sub, beside) = (place.folder.root + "/sub", place.folder.root + "-beside")
        defer { try? FileManager.default.removeItem(atPath: beside) }
        for path in [sub, beside] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let name = place.folder.root.split(separator: "/").last ?? ""
        #expect(WorkspaceFolder.nearest(to: "\(place.folder.root)/../\(name)-beside") == nil)
        let above = WorkspaceFolder.nearest(to: "\(beside)/../\(name)/sub")
        #expect(above?.root.hasSuffix("/\(name)") == true)
    }

    @Test func refusesWhatIsNoBackupAndLeavesTheStateAlone() throws {
        let place = try Place()
        let before = try place.entries()
        let rubbish = place.folder.root + "/rubbish"
        try DurableFile.write(Array("not a database at all".utf8), to: rubbish)
        #expect(throws: LedgerError.self) { try Backup.restore(rubbish, into: place.folder) }
        #expect(throws: LedgerError.self) { try Backup.restore(place.folder.root + "/missing", into: place.folder) }
        #expect(throws: LedgerError.self) { try Backup.restore(place.folder.database, into: place.folder) }
        #expect(try place.entries() == before + ["rubbish"])
        #expect(try Ledger(path: place.folder.database).integrityCheck().isEmpty)
    }

    @Test func refusesADamagedBackup() throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        let ledger = try Ledger(path: place.folder.database)
        try Backup.write(place.folder, ledger, to: archive)
        var bytes = try DurableFile.read(archive)
        let position = try #require(bytes.indices.last { bytes[$0] == UInt8(ascii: "W") })
        bytes[position] ^= 1
        try DurableFile.write(bytes, to: archive)
        #expect(throws: LedgerError.self) { try Backup.restore(archive, into: place.folder) }
        #expect(try ledger.integrityCheck().isEmpty)
    }

    /// Changes the ledger, or the list of files, inside of an archive, with digests that fit.
    private func tamper(_ archive: String, with sql: String, isInLedger: Bool) throws {
        let queue = try DatabaseQueue(path: archive)
        guard isInLedger else { return try queue.write { try $0.execute(sql: sql) } }
        let path = ".lockstep/lockstep.db"
        let bytes = try queue.read {
            try Data.fetchOne($0, sql: "SELECT bytes FROM archived_file WHERE path = ?", arguments: [path])
        }
        let copy = archive + ".ledger"
        try #require(bytes).write(to: URL(filePath: copy))
        let ledger = try DatabaseQueue(path: copy)
        try ledger.writeWithoutTransaction { try $0.execute(sql: sql + "; PRAGMA journal_mode = DELETE") }
        try ledger.close()
        let changed = try Data(contentsOf: URL(filePath: copy))
        try queue.write {
            try $0.execute(
                sql: "UPDATE archived_file SET bytes = ?, digest = ? WHERE path = ?",
                arguments: [changed, Digest.sha256(Array(changed)).description, path]
            )
        }
        try FileManager.default.removeItem(atPath: copy)
    }

    @Test(arguments: [
        ("CREATE TRIGGER t AFTER INSERT ON vote BEGIN DELETE FROM finding; END", true, "the trigger `t` is not ours"),
        ("DROP TRIGGER vote_kept", true, "the trigger `vote_kept` is missing"),
        ("CREATE VIEW v AS SELECT 1", true, "the view `v` is not ours"),
        ("CREATE TRIGGER t AFTER INSERT ON archived_file BEGIN SELECT 1; END", false, "more than files"),
        ("DELETE FROM archived_file WHERE path LIKE '%/keys/redact.json'", false, "lacks the keys `redact`"),
        ("DELETE FROM archived_file WHERE path LIKE '%/keys/%'", false, "`redact`, `audit ("),
    ])
    func refusesABackupThatThisProgramDidNotMake(_ sql: String, _ isInLedger: Bool, _ words: String) throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        let sealer = try Sealing(keys: KeyStore(directory: place.folder.keys), folder: place.folder)
            .sealer(now: place.now)
        let ledger = try Ledger(path: place.folder.database, sealer: sealer)
        try ledger.commit([Self.creation])
        try Backup.write(place.folder, ledger, to: archive)
        try tamper(archive, with: sql, isInLedger: isInLedger)
        let before = try place.entries()
        #expect { try Backup.restore(archive, into: place.folder) } throws: { error in
            let message = (error as? LedgerError)?.message ?? (error as? WorkspaceError)?.message ?? ""
            return message.contains(words)
        }
        #expect(try place.entries() == before)
        #expect(try ledger.integrityCheck().isEmpty)
    }

    private static var creation: RunCommit {
        var commit = RunCommit(run: "r1", sequence: 0, token: nil, state: .running)
        let source = Array("playbook".utf8)
        let time = Timestamp(seconds: 1_700_000_000)
        commit.creation = RunRecord(
            id: "r1",
            playbook: "p",
            name: "P",
            version: "1.0.0",
            digest: Digest.sha256(source),
            file: "p.yaml",
            inputs: [:],
            startedBy: "user:ana",
            state: .running,
            created: time
        )
        commit.artifacts = [
            ArtifactRecord(
                digest: Digest.sha256(source),
                mediaType: "application/yaml",
                byteCount: source.count,
                bytes: source,
                created: time
            )
        ]
        commit.events = [EventRecord(sequence: 1, time: time, kind: "run.created", instance: "", payload: "{}")]
        return commit
    }

    private func unmark(_ place: Place) throws {
        let marker = WorkspaceMarker(created: place.now, isSealed: false)
        try DurableFile.write(JSON.canonical(marker.json), to: place.folder.marker)
    }

    @Test func aWorkspaceThatLostItsKeyIsNotHealedByANewOne() throws {
        let place = try Place()
        let sealing = Sealing(keys: KeyStore(directory: place.folder.keys), folder: place.folder)
        let ledger = try Ledger(path: place.folder.database, sealer: try sealing.sealer(now: place.now))
        try ledger.commit([Self.creation])
        #expect(try sealing.faults(in: ledger).isEmpty)
        let before = try ledger.seals()
        var random = SystemRandomNumberGenerator()
        _ = try KeyStore(directory: place.folder.keys).rotate(.audit, now: place.now, using: &random)
        #expect(try sealing.faults(in: ledger).isEmpty, "what a retired key sealed is believed")
        #expect(try ledger.seals() == before)
        try FileManager.default.removeItem(atPath: place.folder.keys + "/audit.json")
        var said: [String] = []
        _ = try sealing.sealer(now: place.now) { said.append($0) }
        #expect(said.count == 1 && said[0].contains("seal.unknown-key"))
        #expect(try ledger.seals() == before)
        #expect(try sealing.faults(in: ledger).map(\.code) == ["seal.unknown-key"])
        // Nor where the seals were taken away with it.
        try DatabaseQueue(path: place.folder.database).write {
            try $0.execute(sql: "UPDATE run SET seal = NULL, seal_key = NULL")
        }
        try FileManager.default.removeItem(atPath: place.folder.keys + "/audit.json")
        _ = try sealing.sealer(now: place.now)
        #expect(try sealing.faults(in: ledger).map(\.code) == ["seal.missing"])
    }

    @Test func aPlantedConfigurationIsNotPutInPlace() throws {
        let place = try Place()
        let before = try DurableFile.read(place.folder.configuration)
        let planted = place.folder.state + "/restored-lockstep.yaml"
        try DurableFile.write(Array("people: {}".utf8), to: planted)
        for seal in [nil, "00"] {
            if let seal { try DurableFile.write(Array(seal.utf8), to: place.folder.state + "/restored-lockstep.seal") }
            #expect { try Backup.finishRestore(in: place.folder) } throws: { error in
                (error as? WorkspaceError)?.code == .foreignRestore
            }
        }
        #expect(try DurableFile.read(place.folder.configuration) == before)
        #expect(FileManager.default.fileExists(atPath: planted), "it is evidence")
    }

    @Test func aBackupWithARunWithoutASealIsRefused() throws {
        let place = try Place()
        let archive = place.folder.root + "/saved"
        let sealing = Sealing(keys: KeyStore(directory: place.folder.keys), folder: place.folder)
        let ledger = try Ledger(path: place.folder.database, sealer: try sealing.sealer(now: place.now))
        try ledger.commit([Self.creation])
        try Backup.write(place.folder, ledger, to: archive)
        try tamper(archive, with: "UPDATE run SET seal = NULL, seal_key = NULL", isInLedger: true)
        #expect { try Backup.restore(archive, into: place.folder) } throws: { error in
            (error as? WorkspaceError)?.code == .archiveSeals
        }
    }

    @Test func aWorkspaceFromBeforeSealsGetsItsKeyAndAllItsSealsAtOnce() throws {
        let place = try Place()
        try unmark(place)
        try FileManager.default.removeItem(atPath: place.folder.keys + "/audit.json")
        let ledger = try Ledger(path: place.folder.database)
        try ledger.commit([Self.creation])
        let sealing = Sealing(keys: KeyStore(directory: place.folder.keys), folder: place.folder)
        #expect(throws: KeyStoreError.self) { try sealing.faults(in: ledger) }
        let sealer = try sealing.sealer(now: place.now)
        #expect(try sealing.faults(in: ledger).isEmpty)
        #expect(try sealing.sealer(now: place.now).keyID == sealer.keyID)
        // From now on a run without a seal is a finding.
        try ledger.commit([RunCommit(run: "r1", sequence: 1, token: nil, state: .paused)])
        #expect(try sealing.faults(in: ledger).map(\.code) == ["seal.missing"])
    }

    @Test func findsTheNearestWorkspaceAbove() throws {
        let place = try Place()
        let below = place.folder.root + "/a/b"
        try FileManager.default.createDirectory(atPath: below, withIntermediateDirectories: true)
        #expect(WorkspaceFolder.nearest(to: below) == place.folder)
        #expect(WorkspaceFolder.nearest(to: "/") == nil)
    }

    @Test func aRehearsalRunsFasterFromItsCreationOn() {
        let base = ManualClock(Timestamp(seconds: 1000))
        let clock = WorkspaceMarker(created: Timestamp(seconds: 1000), rehearsalFactor: 3600).clock(over: base)
        base.advance(by: .seconds(2))
        #expect(clock.now() == Timestamp(seconds: 1000 + 7200))
        // A clock that is set back must not make time negative.
        base.set(Timestamp(seconds: 500))
        #expect(clock.now() == Timestamp(seconds: 1000))
    }

    @Test(arguments: [
        #"{"schema":"lockstep.workspace/2","created":"2026-01-01T00:00:00Z","rehearsal":null}"#,
        #"{"schema":"lockstep.workspace/1","created":"yesterday","rehearsal":null}"#,
        #"{"schema":"lockstep.workspace/1","created":"2026-01-01T00:00:00Z","rehearsal":0}"#,
        "[]",
    ])
    func refusesAMarkerThatItDoesNotKnow(_ text: String) throws {
        let value = try JSON.parse(Array(text.utf8), limits: .standard)
        #expect(throws: WorkspaceError.self) { try WorkspaceMarker(json: value) }
    }
}
