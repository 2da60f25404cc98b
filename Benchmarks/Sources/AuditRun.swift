import Audit
import Core
import FoundationEssentials

/// Appends to an audit log against bare leaf hashing with the same calls to the same disk, and checks a large log.
struct AuditRun {
    /// How many entries the checked log has.
    let entries: Int
    let batch: Int
    private static let origin = "benchmark.example/log"
    private static let pairs = 5
    /// A signature comes after so many batches.
    private static let portion = 64
    /// What is measured against bare hashing; its writes are kept in memory.
    private static let compared = 200_000

    func measure(folder: String) throws -> JSON.Object {
        let signer = try NoteSigner(name: Self.origin, kind: .ed25519, seed: Redacted([UInt8](repeating: 7, count: 32)))
        let count = min(entries, Self.compared)
        var ours: [Duration] = []
        var bare: [Duration] = []
        // The first pair warms the machine up and is not counted.
        for pair in 0...Self.pairs {
            let clock = ContinuousClock()
            // What is written is noted in a run of its own, so that noting it costs neither side anything.
            let noted = NotingDisk(try FileDisk(writing: "\(folder)/noted-\(pair)", waits: false))
            try append(count, to: noted, signer)
            let plain = try FileDisk(writing: "\(folder)/ours-\(pair)", waits: false)
            let wall = try clock.measure { try append(count, to: plain, signer) }
            let again = try FileDisk(writing: "\(folder)/bare-\(pair)", waits: false)
            var sum: UInt8 = 0
            let floor = try clock.measure {
                for index in 0..<count { sum ^= TreeHash.leaf(Self.entry(index)).bytes[0] }
                try noted.repeat(on: again)
            }
            for name in ["noted", "ours", "bare"] {
                try? FileManager.default.removeItem(atPath: "\(folder)/\(name)-\(pair)")
            }
            guard pair > 0, sum <= .max else { continue }
            ours.append(wall)
            bare.append(floor)
        }
        let ratios = zip(bare, ours).map { Double($0.microseconds) / Double($1.microseconds) }.sorted()
        let path = "\(folder)/large"
        try append(entries, to: try FileDisk(writing: path, waits: false), signer)
        let clock = ContinuousClock()
        var findings = 0
        let check = try clock.measure {
            findings = try LogAudit(FileDisk(reading: path), keys: [signer.verifier]).findings.count
        }
        guard findings == 0 else { throw BenchmarkFault("the log has findings") }
        return [
            "compared": .integer(Int64(count)), "batch": .integer(Int64(batch)),
            "appends_per_second": .number(Double(count) * 1e6 / Double(ours.median.microseconds)),
            "bare_per_second": .number(Double(count) * 1e6 / Double(bare.median.microseconds)),
            "ratio": .number(ratios[ratios.count / 2]), "pair_ratios": .array(ratios.map { .number($0) }),
            "checked": .integer(Int64(entries)), "check_us": .integer(check.microseconds),
            "peak_kib": .integer(Resources.peakMemory()),
        ]
    }

    private func append(_ count: Int, to disk: some LogDisk, _ signer: NoteSigner) throws {
        var log = try LogWriter(disk, origin: Self.origin, signers: [signer], trusted: [signer.verifier], at: 0)
        var batches = 0
        for index in 0..<count {
            _ = try log.stage(Self.entry(index), at: .zero)
            guard (index + 1) % batch == 0 else { continue }
            try log.commit()
            batches += 1
            if batches % Self.portion == 0 { try log.publish(at: 0) }
        }
        try log.publish(at: 0)
    }

    /// As long as an entry of the workspace's log.
    private static func entry(_ index: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 400)
        var rest = index
        for place in 0..<8 {
            bytes[place] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
        return bytes
    }
}

/// A disk that remembers every call that changes it, to do the same on another.
private final class NotingDisk: LogDisk {
    private let disk: FileDisk
    private var calls: [(FileDisk) throws(FileFault) -> Void] = []

    init(_ disk: FileDisk) { self.disk = disk }

    func `repeat`(on other: FileDisk) throws(FileFault) {
        for call in calls { try call(other) }
    }

    private func note(_ call: @escaping (FileDisk) throws(FileFault) -> Void) { calls.append(call) }

    func read(_ name: String, limit: Int) throws(FileFault) -> [UInt8] { try disk.read(name, limit: limit) }
    func files(below folder: String) throws(FileFault) -> [String] { try disk.files(below: folder) }

    func write(_ bytes: [UInt8], to name: String) throws(FileFault) -> [String] {
        note { disk throws(FileFault) in _ = try disk.write(bytes, to: name) }
        return try disk.write(bytes, to: name)
    }

    func append(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileFault) {
        note { disk throws(FileFault) in try disk.append(bytes, to: name, at: offset) }
        try disk.append(bytes, to: name, at: offset)
    }

    func cut(_ name: String, to length: Int) throws(FileFault) {
        note { disk throws(FileFault) in try disk.cut(name, to: length) }
        try disk.cut(name, to: length)
    }

    func sync(_ name: String) throws(FileFault) {
        note { disk throws(FileFault) in try disk.sync(name) }
        try disk.sync(name)
    }

    func syncFolder(_ name: String) throws(FileFault) {
        note { disk throws(FileFault) in try disk.syncFolder(name) }
        try disk.syncFolder(name)
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(FileFault) {
        note { disk throws(FileFault) in try disk.replace(name, with: bytes) }
        try disk.replace(name, with: bytes)
    }

    func remove(_ name: String) throws(FileFault) {
        note { disk throws(FileFault) in try disk.remove(name) }
        try disk.remove(name)
    }
}
