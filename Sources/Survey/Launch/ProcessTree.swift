import Glibc

/// Everything that a launched program has started, wherever it tries to hide, as `/proc` shows it.
///
/// A process belongs to the tree when an ancestor does, when it is in the session of the first one, when it carries the
/// mark in its environment, or when it belonged at an earlier look and is still the same process. One that left its
/// session, emptied its environment and lost its parent between two looks is not found: only a control group would
/// catch it, and that needs rights which a survey has not.
struct ProcessTree {
    struct Member: Hashable {
        var id: pid_t
        /// Clock ticks after boot; with the id it names one process for good.
        var started: UInt64
    }

    struct Load {
        var count = 0
        var residentBytes = 0
    }

    private struct Row {
        var member: Member
        var parent: pid_t
        var session: pid_t
        var isDead: Bool
        var residentPages: Int
    }

    let root: pid_t
    /// `NAME=value`, as it stands in the environment of everything that was launched.
    let mark: [UInt8]
    private var known: Set<Member> = []

    init(root: pid_t, mark: String) {
        self.root = root
        self.mark = Array(mark.utf8)
    }

    /// Looks again; returns who lives and what they use.
    ///
    /// Reading every environment is slow and only needed to be sure that nobody is left, so it is asked for.
    mutating func look(atEnvironments readsEnvironments: Bool) -> (living: Set<Member>, load: Load) {
        let rows = Self.rows()
        var inside: Set<pid_t> = [root]
        for row in rows where row.session == root || known.contains(row.member) { inside.insert(row.member.id) }
        if readsEnvironments {
            for row in rows where !row.isDead && !inside.contains(row.member.id) && isMarked(row.member.id) {
                inside.insert(row.member.id)
            }
        }
        var hasGrown = true
        while hasGrown {
            hasGrown = false
            for row in rows where inside.contains(row.parent) && inside.insert(row.member.id).inserted {
                hasGrown = true
            }
        }
        var living: Set<Member> = []
        var load = Load()
        for row in rows where inside.contains(row.member.id) && !row.isDead {
            living.insert(row.member)
            load.count += 1
            load.residentBytes += row.residentPages * Int(getpagesize())
        }
        known.formUnion(living)
        return (living, load)
    }

    /// Sends a signal to a process that is still the one that was seen.
    static func send(_ signal: Int32, to member: Member) {
        guard member.id > 1, row(member.id)?.member == member else { return }
        kill(member.id, signal)
    }

    private func isMarked(_ id: pid_t) -> Bool {
        let environment = Self.read("/proc/\(id)/environ", limit: 128 << 10)
        return environment.split(separator: 0).contains { $0.elementsEqual(mark) }
    }

    private static func rows() -> [Row] {
        guard let folder = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(folder) }
        var rows: [Row] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe Array(bytes.prefix { $0 != 0 })
            }
            guard let id = pid_t(String(decoding: name, as: UTF8.self)), let row = row(id) else { continue }
            rows.append(row)
        }
        return rows
    }

    /// Reads one line of `/proc/ID/stat` (proc_pid_stat(5)); a program may put any character into its own name.
    private static func row(_ id: pid_t) -> Row? {
        let text = read("/proc/\(id)/stat", limit: 4096)
        guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = text[(end + 1)...].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 21, let parent = pid_t(fields[1]), let session = pid_t(fields[3]),
            let started = UInt64(fields[19]), let pages = Int(fields[21])
        else { return nil }
        return Row(
            member: Member(id: id, started: started),
            parent: parent,
            session: session,
            isDead: fields[0] == "Z" || fields[0] == "X",
            residentPages: pages
        )
    }

    private static func read(_ path: String, limit: Int) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + filled }, limit - filled)
            }
            guard count > 0 else { break }
            filled += count
        }
        bytes.removeLast(limit - filled)
        return bytes
    }
}
