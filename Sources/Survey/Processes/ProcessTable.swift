import Core

/// One running process as `/proc` shows it.
struct RunningProcess {
    var id: Int
    var parent: Int
    var user: UInt32
    var name: String
    /// May hold secrets.
    var words: [String]
}

/// Reads the processes below a root that is laid out like `/proc`.
struct ProcessTable {
    private static let maxProcesses = 65_536
    private static let maxDescriptors = 65_536

    let root: String
    private(set) var gaps: [CoverageGap] = []
    private(set) var examined = 0
    private var refusals: [String: Int] = [:]

    init(root: String) {
        self.root = root
    }

    mutating func processes() -> [RunningProcess] {
        let names: [String]
        do throws(FileRefusal) {
            names = try ReadOnlyFiles.list(root, limit: Self.maxProcesses)
        } catch {
            gaps.append(CoverageGap(subject: root, reason: error.reason))
            return []
        }
        var found: [RunningProcess] = []
        for id in names.compactMap({ Int($0) }).sorted() {
            do throws(FileRefusal) {
                let line = try ReadOnlyFiles.read("\(root)/\(id)/cmdline", limit: 4 << 20).bytes
                let status = try ReadOnlyFiles.read("\(root)/\(id)/status", limit: 1 << 20).bytes
                examined += 1
                if let process = Self.process(id, line, status) { found.append(process) }
            } catch {
                // A process may end while it is looked at; that is no gap.
                if error.code != .absent { refusals["command lines of processes: \(error.reason)", default: 0] += 1 }
            }
        }
        return found
    }

    /// Which process holds which socket; those of other users can be read by root only.
    mutating func owners(_ processes: [RunningProcess]) -> [UInt64: Int] {
        var owners: [UInt64: Int] = [:]
        for process in processes {
            let folder = "\(root)/\(process.id)/fd"
            do throws(FileRefusal) {
                for name in try ReadOnlyFiles.list(folder, limit: Self.maxDescriptors) {
                    guard let target = try? ReadOnlyFiles.destination(of: "\(folder)/\(name)"),
                        target.hasPrefix("socket:["), let inode = UInt64(target.dropFirst(8).dropLast())
                    else { continue }
                    // Forked workers share a socket; the oldest process is the one to name.
                    if owners[inode] == nil { owners[inode] = process.id }
                }
            } catch {
                if error.code != .absent { refusals["open sockets of processes: \(error.reason)", default: 0] += 1 }
            }
        }
        return owners
    }

    mutating func listeningSockets() -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        for file in ["tcp", "tcp6"] {
            let path = "\(root)/net/\(file)"
            do throws(FileRefusal) {
                let (found, badLines) = SocketTable.listening(try ReadOnlyFiles.read(path, limit: 64 << 20).bytes)
                sockets += found
                if badLines > 0 {
                    gaps.append(CoverageGap(subject: path, reason: "\(badLines) lines could not be understood"))
                }
            } catch {
                // A machine without IPv6 has no second table.
                if error.code != .absent || file == "tcp" {
                    gaps.append(CoverageGap(subject: path, reason: error.reason))
                }
            }
        }
        return sockets
    }

    func allGaps() -> [CoverageGap] {
        gaps + refusals.sorted { $0.key < $1.key }.map { CoverageGap(subject: root, reason: "\($0.value) \($0.key)") }
    }

    private static func process(_ id: Int, _ line: [UInt8], _ status: [UInt8]) -> RunningProcess? {
        var words = line.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        while words.last?.isEmpty == true { words.removeLast() }
        // Threads of the kernel have no command line.
        guard let first = words.first, !first.isEmpty else { return nil }
        // A process that has written its own title leaves one text, with spaces between its words.
        if words.count == 1, first.contains(" "), !first.hasPrefix("/") {
            words = first.split(separator: " ").map(String.init)
        }
        var process = RunningProcess(id: id, parent: 0, user: 0, name: "", words: words)
        for line in status.split(separator: 0x0A) {
            let parts = line.split(maxSplits: 1, whereSeparator: { $0 == UInt8(ascii: ":") })
            guard parts.count == 2 else { continue }
            let value = String(decoding: parts[1], as: UTF8.self).trimmingWhiteSpace()
            switch String(decoding: parts[0], as: UTF8.self) {
            case "Name": process.name = value
            case "PPid": process.parent = Int(value) ?? 0
            case "Uid": process.user = value.split { $0 == "\t" || $0 == " " }.first.flatMap { UInt32($0) } ?? 0
            default: break
            }
        }
        return process
    }
}
