import Audit
import Core
import Testing

private let origin = "lockstep.example/log"

/// A log of some size, published on the way and at the end, with a few entries after the signature.
private func made(_ size: Int, step: Int = 90) throws -> (disk: CrashDisk, checkpoints: [SignedCheckpoint]) {
    let disk = CrashDisk()
    let writer = try signer(origin)
    var log = try LogWriter(disk, origin: origin, signers: [writer], trusted: [writer.verifier], at: 0)
    var checkpoints: [SignedCheckpoint] = []
    for index in 0..<size {
        _ = try log.stage(Array("entry \(index)".utf8), at: .zero)
        if index % step == step - 1 { checkpoints.append(try log.publish(at: 0)) }
    }
    checkpoints.append(try log.publish(at: 0))
    for index in 0..<3 { _ = try log.stage(Array("later \(index)".utf8), at: .zero) }
    try log.commit()
    return (disk, checkpoints)
}

@Suite struct LogAuditTests {
    @Test(arguments: [0, 1, 255, 256, 257, 600]) func aSoundLogHasNoFindings(size: Int) throws {
        let (disk, checkpoints) = try made(size)
        let key = try signer(origin).verifier
        let known = checkpoints.enumerated().map { ("old-\($0)", $1) }
        let audit = try LogAudit(disk, keys: [key], known: known)
        #expect(audit.findings.isEmpty, "\(audit.findings)")
        #expect(audit.checkpoint?.size == size)
        #expect(audit.unsigned == 3)
        #expect(throws: AuditError.self) { try LogAudit(CrashDisk(), keys: [key]) }
    }

    /// One flipped bit in any file, at places all over it: found, and that file is named.
    @Test(arguments: [1, 300, 520]) func anyFlippedBitIsFoundAndItsFileNamed(size: Int) throws {
        let (disk, _) = try made(size)
        let key = try signer(origin).verifier
        var random = SplitMix(UInt64(size))
        for name in try disk.files(below: "") {
            let length = try disk.read(name, limit: 1 << 30).count
            for index in stride(from: 0, to: length, by: max(1, length / 40)) {
                let altered = disk.afterCrash()
                altered.alter(name) { $0[index] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
                let findings = try LogAudit(altered, keys: [key]).findings
                #expect(findings.contains { $0.file == name }, "\(name) byte \(index): \(findings)")
            }
        }
    }

    @Test func theWrongEntryIsNamed() throws {
        let (disk, _) = try made(520)
        let key = try signer(origin).verifier
        disk.alter("tile/entries/001") { bytes in
            let place = bytes.firstRange(of: Array("entry 300".utf8))?.lowerBound ?? 0
            bytes[place] ^= 1
        }
        let findings = try LogAudit(disk, keys: [key]).findings
        #expect(findings.contains { $0.file == "tile/entries/001" && $0.entry == 300 })
        #expect(!findings.contains { $0.file.hasPrefix("tile/0") || $0.file.hasPrefix("tile/1") })
        let (other, _) = try made(520)
        other.alter("tile/0/001") { $0[44 * 32] ^= 1 }
        let faults = try LogAudit(other, keys: [key]).findings
        #expect(faults.map(\.file) == ["tile/0/001"])
        #expect(faults.map(\.entry) == [300])
    }

    @Test func aFileThatIsMissingOrTooManyIsNamed() throws {
        let key = try signer(origin).verifier
        for name in ["tile/entries/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/8"] {
            let (disk, _) = try made(520)
            disk.delete(name)
            let findings = try LogAudit(disk, keys: [key]).findings
            #expect(findings.contains { $0.file == name || $0.message.contains(name) }, "\(name): \(findings)")
        }
        for name in ["tile/0/003", "tile/0/x", "other", "tile/entries/002.p/99", "tile/1/000"] {
            let (disk, _) = try made(520)
            _ = try disk.write([1], to: name)
            #expect(try LogAudit(disk, keys: [key]).findings.map(\.file) == [name])
        }
    }

    @Test func aMissingJournalIsAFindingInTheLogOfAWriterAlone() throws {
        let key = try signer(origin).verifier
        let (disk, _) = try made(5)
        #expect(try LogAudit(disk, keys: [key], isOwn: true).findings.isEmpty)
        disk.delete("journal")
        #expect(try LogAudit(disk, keys: [key]).findings.isEmpty)
        #expect(try LogAudit(disk, keys: [key], isOwn: true).findings.map(\.file) == ["journal"])
    }

    /// Numbers of a stranger that lead beyond an `Int`: named, and never computed with.
    @Test(arguments: [
        "tile/0/x999/x999/x999/x999/x999/999", "tile/entries/x999/x999/x999/x999/x999/999",
        "tile/7/x036/x028/x797/x018/x963/968.p/255", "tile/0/x018/x014/x398/x509/x481/984",
    ]) func aTileBeyondEveryTreeIsNoPartOfTheLog(name: String) throws {
        let key = try signer(origin).verifier
        let (disk, _) = try made(5)
        _ = try disk.write([10], to: name)
        #expect(try LogAudit(disk, keys: [key]).findings.map(\.file) == [name])
    }

    @Test(arguments: [Int.max, Int.max - 255, 1 << 62 + 1, 1 << 62, 1 << 62 - 1]) func aSizeBeyondEveryLogIsAFinding(
        size: Int
    ) throws {
        let key = try signer(origin).verifier
        let (disk, _) = try made(5)
        disk.alter("checkpoint") { bytes in
            var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            lines[1] = "\(size)"
            bytes = Array(lines.joined(separator: "\n").utf8)
        }
        #expect(try LogAudit(disk, keys: [key]).findings.contains { $0.file == "checkpoint" })
        let (other, _) = try made(5)
        other.alter("journal") { bytes in
            let end = bytes.firstIndex(of: 10) ?? 0
            bytes.replaceSubrange(..<end, with: Array("lockstep.journal/1 \(size)".utf8))
        }
        #expect(try LogAudit(other, keys: [key]).findings.contains { $0.file == "journal" })
    }

    @Test func aRewrittenHistoryIsFoundByAnOlderCheckpoint() throws {
        let writer = try signer(origin)
        let (_, checkpoints) = try made(520)
        // The same writer signs another history of the same length.
        let disk = CrashDisk()
        var log = try LogWriter(disk, origin: origin, signers: [writer], trusted: [writer.verifier], at: 0)
        for index in 0..<520 { _ = try log.stage(Array("other \(index)".utf8), at: .zero) }
        let end = try log.publish(at: 0)
        #expect(try LogAudit(disk, keys: [writer.verifier]).findings.isEmpty)
        for old in checkpoints {
            let findings = try LogAudit(disk, keys: [writer.verifier], known: [("old", old)]).findings
            #expect(findings.map(\.file) == ["old"])
        }
        // A log that was cut knows less than the checkpoint.
        let (short, _) = try made(100)
        let findings = try LogAudit(short, keys: [writer.verifier], known: [("old", end)]).findings
        #expect(findings.map(\.file) == ["old"])
        let stranger = try signer(origin, seed: 3)
        #expect(try LogAudit(disk, keys: [stranger.verifier]).findings.map(\.code).contains(.untrusted))
    }
}
