import Audit
import Core

/// A disk that fails or stops at any call, and after a stop has only what was synced, or some of what was not.
final class CrashDisk: LogDisk {
    /// What the process dies with; no code under test may see it and go on to write.
    static let crash = FileFault.failed(errno: 999)
    static let full = FileFault.failed(errno: 28)

    enum Ending { case none, crash, failure(FileFault) }

    struct File {
        var bytes: [UInt8]
        /// What survives for certain; nothing before the first sync.
        var durable: [UInt8]?
        /// Whether the name of the file survives.
        var isNamed = false
    }

    private(set) var contents: [String: File] = [:]
    /// Calls that change something, counted.
    private(set) var calls = 0
    private var end: (at: Int, ending: Ending)
    private var isDead = false
    private var random: SplitMix

    init(ending: Ending = .none, at call: Int = .max, seed: UInt64 = 0) {
        end = (call, ending)
        random = SplitMix(seed)
    }

    /// The disk that the next process finds.
    func afterCrash(ending: Ending = .none, at call: Int = .max) -> CrashDisk {
        let next = CrashDisk(ending: ending, at: call, seed: random.next())
        for (name, file) in contents.sorted(by: { $0.key < $1.key }) {
            guard file.isNamed || Bool.random(using: &random) else { continue }
            let bytes = survivor(file)
            next.contents[name] = File(bytes: bytes, durable: bytes, isNamed: true)
        }
        return next
    }

    /// A process that goes on with the same disk, nothing lost.
    func revived() -> CrashDisk {
        let next = CrashDisk(seed: random.next())
        next.contents = contents
        return next
    }

    private func survivor(_ file: File) -> [UInt8] {
        guard let durable = file.durable, durable != file.bytes else {
            if file.durable != nil { return file.bytes }
            // Never synced: a part of it, perhaps with pages that were not written.
            let count = Int.random(in: 0...file.bytes.count, using: &random)
            return torn(Array(file.bytes[..<count]), from: 0)
        }
        // Appended and not synced: the old bytes are there, of the new ones a part.
        let kept = zip(durable, file.bytes).prefix { $0 == $1 }.count
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return durable
        case 1: return file.bytes
        default:
            let count = Int.random(in: kept...max(kept, file.bytes.count), using: &random)
            return torn(Array(file.bytes[..<count]), from: kept)
        }
    }

    private func torn(_ bytes: [UInt8], from start: Int) -> [UInt8] {
        guard start < bytes.count, Bool.random(using: &random) else { return bytes }
        var bytes = bytes
        let hole = Int.random(in: start..<bytes.count, using: &random)
        for index in hole..<min(bytes.count, hole + 16) { bytes[index] = 0 }
        return bytes
    }

    private func step(_ partly: () -> Void = {}) throws(FileFault) {
        if isDead { throw Self.crash }
        calls += 1
        guard calls == end.at else { return }
        switch end.ending {
        case .none: break
        case .crash:
            isDead = true
            if Bool.random(using: &random) { partly() }
            throw Self.crash
        case .failure(let fault):
            if Bool.random(using: &random) { partly() }
            throw fault
        }
    }

    func read(_ name: String, limit: Int) throws(FileFault) -> [UInt8] {
        guard let file = contents[name] else { throw .missing }
        guard file.bytes.count <= limit else { throw .tooLarge }
        return file.bytes
    }

    func write(_ bytes: [UInt8], to name: String) throws(FileFault) -> [String] {
        let put = {
            self.contents[name] = File(bytes: bytes, durable: nil, isNamed: self.contents[name]?.isNamed ?? false)
        }
        let cut = Int.random(in: 0...bytes.count, using: &random)
        try step { self.contents[name] = File(bytes: Array(bytes[..<cut]), durable: nil) }
        put()
        return [Self.folder(of: name)]
    }

    func append(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileFault) {
        guard let old = contents[name] else { throw .missing }
        func put(_ count: Int) {
            var file = old
            let end = max(old.bytes.count, offset + count)
            var all = old.bytes + [UInt8](repeating: 0, count: end - old.bytes.count)
            for index in 0..<count { all[offset + index] = bytes[index] }
            file.bytes = all
            contents[name] = file
        }
        let part = Int.random(in: 0...bytes.count, using: &random)
        try step { put(part) }
        put(bytes.count)
    }

    func cut(_ name: String, to length: Int) throws(FileFault) {
        try step()
        guard var file = contents[name] else { throw .missing }
        file.bytes = Array(file.bytes.prefix(length))
        contents[name] = file
    }

    func sync(_ name: String) throws(FileFault) {
        let put = {
            guard var file = self.contents[name] else { return }
            file.durable = file.bytes
            self.contents[name] = file
        }
        guard contents[name] != nil else { throw .missing }
        try step(put)
        put()
    }

    func syncFolder(_ name: String) throws(FileFault) {
        try step()
        for key in contents.keys where Self.folder(of: key) == name { contents[key]?.isNamed = true }
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(FileFault) {
        let put = { self.contents[name] = File(bytes: bytes, durable: bytes, isNamed: true) }
        try step(put)
        put()
    }

    func remove(_ name: String) throws(FileFault) {
        let put = { self.contents[name] = nil }
        try step(put)
        put()
    }

    func files(below folder: String) throws(FileFault) -> [String] {
        contents.keys.filter { folder.isEmpty || $0.hasPrefix(folder + "/") }.sorted()
    }

    /// Changes a file behind everybody's back.
    func alter(_ name: String, _ change: (inout [UInt8]) -> Void) {
        guard var file = contents[name] else { return }
        change(&file.bytes)
        file.durable = file.bytes
        contents[name] = file
    }

    func delete(_ name: String) { contents[name] = nil }

    private static func folder(of name: String) -> String {
        name.split(separator: "/").dropLast().joined(separator: "/")
    }
}
