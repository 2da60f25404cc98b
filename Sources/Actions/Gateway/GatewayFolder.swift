import Audit
package import Core
import FoundationEssentials
package import Gateway
import Identity
import Synchronization
package import Traffic
import Wire
import Workspace

/// The folder in which a gateway keeps what must outlive it: its keys, its log, who is denied, and recordings.
///
/// It is the owner's alone (mode 0700), as it holds what calls were about.
package struct GatewayFolder: Sendable {
    package let root: String

    package init(_ root: String) throws(FileFault) {
        self.root = root
        for folder in ["", "/keys", "/control", "/audit", "/recordings"] { try StoredFile.makeFolder(root + folder) }
    }

    var keys: KeyStore { KeyStore(directory: root + "/keys") }

    /// A token of the admin port, made anew at each start: where a gateway died, somebody else may have listened at its
    /// address and been told the last one.
    package func adminToken() throws -> Redacted<String> {
        try? FileManager.default.removeItem(atPath: "\(root)/control/admin-token")
        return try token("admin-token")
    }

    /// The token of those who ask for decisions, made once; it opens nothing else.
    package func decisionsToken() throws -> Redacted<String> { try token("decisions-token") }

    private func token(_ name: String) throws -> Redacted<String> {
        let path = "\(root)/control/\(name)"
        if let bytes = try? StoredFile.read(path, limit: 1_024) {
            let text = String(decoding: bytes.filter { $0 != 0x0A }, as: UTF8.self)
            if text.utf8.count >= 32 { return Redacted(text) }
        }
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        let token = Hexadecimal.encode(bytes)
        try StoredFile.write(Array((token + "\n").utf8), to: path)
        return Redacted(token)
    }

    /// Opens the first log of a wrapped program that nobody writes to: each client starts the program anew, and several
    /// run side by side.
    package func programLog(
        gateway: String,
        server: String,
        clock: @escaping @Sendable () -> Timestamp
    ) throws -> GatewayLog {
        // A name may hold what no path and no origin may.
        let name = Hexadecimal.encode(Digest.sha256(Array(server.utf8)).bytes.prefix(8))
        var number = 1
        while true {
            do {
                return try openLog("\(gateway)/\(name)/\(number)", at: "/audit/program-\(name)-\(number)", clock)
            } catch let error as AuditError where error.code == .locked && number < Self.mostProgramLogs {
                number += 1
            }
        }
    }

    private static let mostProgramLogs = 256

    /// Opens the gateway's audit log, whose origin is the gateway's id.
    package func log(gateway: String, clock: @escaping @Sendable () -> Timestamp) throws -> GatewayLog {
        try openLog(gateway, at: "/audit/gateway", clock)
    }

    private func openLog(
        _ name: String,
        at place: String,
        _ clock: @escaping @Sendable () -> Timestamp
    ) throws -> GatewayLog {
        var random = SystemRandomNumberGenerator()
        let ring = try keys.loadOrCreate(.audit, now: clock(), using: &random)
        let origin = "lockstep.gateway/\(name)"
        let path = root + place
        let signers = try ([ring.current] + ring.retired).map { key in
            // Made for this alone: seals and requests are made over texts that begin otherwise.
            let seed = key.authenticationCode(Array("lockstep.audit-log/1:ed25519:\(origin)".utf8))
            return try NoteSigner(name: origin, kind: .ed25519, seed: Redacted(seed))
        }
        let seconds: @Sendable () -> UInt64 = { UInt64(max(0, clock().epochSeconds)) }
        // Whatever comes while the disk syncs is one batch; a lone write need not wait for company.
        let queue = try LogQueue<FileDisk>(limits: .init(gathering: .zero), time: seconds) { () throws(AuditError) in
            try LogWriter(
                FileDisk(writing: path, waits: false),
                origin: origin,
                signers: Array(signers.prefix(4)),
                trusted: signers.map(\.verifier),
                at: seconds()
            )
        }
        return GatewayLog(queue)
    }

    /// The list of who is denied, made where the gateway has never run.
    ///
    /// To be asked for before `log`: that there is a log, and no list, is how it is seen that the list was taken away.
    package func revocations(
        gateway: String,
        control: ControlKeys,
        clock: @escaping @Sendable () -> Timestamp
    ) throws -> RevocationFile {
        var random = SystemRandomNumberGenerator()
        let ring = try keys.loadOrCreate(.audit, now: clock(), using: &random)
        let file = RevocationFile(
            path: root + "/control/revocations",
            gateway: gateway,
            keys: [ring.current] + ring.retired
        )
        // The logs of wrapped programs count as well.
        let logs = (try? FileManager.default.contentsOfDirectory(atPath: root + "/audit")) ?? []
        let hasRun = !logs.isEmpty
        if !hasRun, !FileManager.default.fileExists(atPath: file.path), file.update(control, { $0 ?? [] }) == nil {
            throw RevocationFile.Unreadable(message: "the list of who is denied cannot be written")
        }
        return file
    }

    /// Where commands reach the gateway.
    var adminSocket: AdminSocket { AdminSocket(in: root + "/control") }

    /// Leaves the address of the admin port, for what else reads how the gateway stands.
    package func note(admin endpoint: GatewayConfiguration.Endpoint) throws(FileFault) {
        try StoredFile.write(Array((endpoint.authority + "\n").utf8), to: adminAddress)
    }

    /// An address at which nobody listens is no place to send a token to.
    package func forgetAdmin() {
        try? FileManager.default.removeItem(atPath: adminAddress)
        adminSocket.remove()
    }

    var modes: ModeFile { ModeFile(path: root + "/control/mode") }

    private var adminAddress: String { root + "/control/admin-address" }

    package func recorder(_ storage: ResultStorage, clock: @escaping @Sendable () -> Timestamp) throws -> Recorder {
        var random = SystemRandomNumberGenerator()
        let key = try keys.loadOrCreate(.recording, now: clock(), using: &random).current
        return Recorder(folder: root + "/recordings", key: key, storage: storage, clock: clock)
    }
}

/// The audit log of one gateway.
package struct GatewayLog: AuditSink {
    private let queue: LogQueue<FileDisk>

    init(_ queue: LogQueue<FileDisk>) { self.queue = queue }

    package func append(_ entry: [UInt8], _ done: @escaping @Sendable (Bool) -> Void) {
        queue.submit(entry) { result in
            if case .success = result { done(true) } else { done(false) }
        }
    }

    package func note(_ entry: [UInt8]) -> Bool {
        // Refused on this very thread where there is no room; what comes later from the log's own thread is too late to
        // stop a call that only reads, and stops the next one.
        let isTaken = Taken()
        queue.submit(entry, isAwaited: false) { result in
            if case .failure = result { isTaken.flag.store(false, ordering: .relaxed) }
        }
        return isTaken.flag.load(ordering: .relaxed)
    }

    private final class Taken: Sendable { let flag = Atomic<Bool>(true) }

    /// Signs what there is and lets go of the log.
    package func close() { _ = try? queue.close() }
}
