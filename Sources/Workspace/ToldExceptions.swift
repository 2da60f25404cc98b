import Audit
import Core
import FoundationEssentials
import Ledger

/// Which exceptions the audit log has heard of: `audit/exceptions.told`, one line for each change of one.
///
/// Exceptions belong to no run, so their changes are in no outbox; they are found by comparing the table with this file.
/// A line is the id and the hash that its entry has. Where the file is lost the log hears of them again.
struct ToldExceptions {
    private let path: String
    private static let limit = 64 << 20

    init(_ folder: WorkspaceFolder) {
        path = folder.audit + "/exceptions.told"
    }

    /// The changes that the log has not heard of, as entries; of an exception its id, who made it and digests are told.
    func untold(_ exceptions: [Core.Exception], now: Timestamp) throws(WorkspaceError) -> [AuditEntry] {
        guard !exceptions.isEmpty else { return [] }
        let lines = Set(try lines())
        let ids = Set(lines.compactMap { $0.split(separator: " ").first.map { String($0) } })
        var entries: [AuditEntry] = []
        for exception in exceptions {
            var open = exception
            open.closed = nil
            let made = Self.entry(open, ids.contains(exception.id) ? "extended" : "added", now)
            if !lines.contains(Self.line(made)) { entries.append(made) }
            guard exception.closed != nil else { continue }
            let closed = Self.entry(exception, "closed", now)
            if !lines.contains(Self.line(closed)) { entries.append(closed) }
        }
        return entries
    }

    func note(_ entries: [AuditEntry]) throws(WorkspaceError) {
        let all = try lines() + entries.map(Self.line)
        try DurableFile.write(Array((all.joined(separator: "\n") + "\n").utf8), to: path)
    }

    private func lines() throws(WorkspaceError) -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let text = String(decoding: try DurableFile.read(path, limit: Self.limit), as: UTF8.self)
        return text.split(separator: "\n").map { String($0) }
    }

    private static func line(_ entry: AuditEntry) -> String {
        (entry.members["exception"]?.string ?? "") + " " + (entry.members["hash"]?.string ?? "")
    }

    private static func entry(_ exception: Core.Exception, _ event: String, _ now: Timestamp) -> AuditEntry {
        let facts: JSON.Value = [
            "id": .string(exception.id), "scope": .string(exception.scope), "owner": .string(exception.owner),
            "reason": .string(exception.reason), "created_by": .string(exception.createdBy),
            "created": .string(exception.created.description), "expires": .string(exception.expires.description),
            "closed": exception.closed.map { .string($0.description) } ?? .null,
            "authenticated": .bool(exception.isAuthenticated), "proof": exception.proof.map { .string($0) } ?? .null,
        ]
        let digest = JSON.Value.string(Digest.sha256(JSON.canonical(facts)).description)
        var members: JSON.Object = [
            "event": .string("exception." + event), "exception": .string(exception.id), "hash": digest,
            "payload": digest, "scope": .string(Digest.sha256(Array(exception.scope.utf8)).description),
            "state": exception.closed == nil ? "open" : "closed",
        ]
        // Who closed one is not recorded.
        if exception.closed == nil {
            members["by"] = .string(exception.createdBy)
            members["authenticated"] = .bool(exception.isAuthenticated)
        }
        if let gate = exception.scope.dropping(prefix: "gate:"), let slash = gate.firstIndex(of: "/") {
            members["run"] = .string(String(gate[..<slash]))
            members["step"] = .string(String(gate[gate.index(after: slash)...]))
        }
        let time = exception.closed ?? (event == "added" ? exception.created : now)
        return AuditEntry(kind: "ledger.exception", time: time, members: members)
    }
}
