import Audit
import Core
import Testing

@Suite struct NoteTests {
    /// The example of C2SP signed-note §Verifier keys.
    private static let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    private static let note = """
        This is an example message.

        \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

        """

    @Test func theExampleOfTheSpecificationVerifies() throws {
        let key = try VerifierKey(Self.key)
        #expect(key.description == Self.key)
        let note = try SignedNote(Array(Self.note.utf8))
        #expect(note.text == "This is an example message.\n")
        #expect(try note.verified(by: [key]).map(\.key) == [key])
        #expect(String(decoding: note.bytes, as: UTF8.self) == Self.note)
    }

    /// The example of C2SP tlog-cosignature.
    @Test func theExampleCheckpointIsRead() throws {
        let text = """
            example.com/behind-the-sofa
            20852163
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
            \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==

            """
        let signed = try SignedCheckpoint(Array(text.utf8))
        #expect(signed.checkpoint.size == 20_852_163)
        #expect(signed.note.signatures.map(\.bytes.count) == [64, 72])
        #expect(String(decoding: signed.bytes, as: UTF8.self) == text)
        #expect(throws: AuditError.self) {
            try signed.verified(by: [try signer("example.com/behind-the-sofa").verifier])
        }
    }

    @Test func anyChangedByteOfANoteIsRefused() throws {
        let key = try VerifierKey(Self.key)
        let bytes = Array(Self.note.utf8)
        for index in bytes.indices {
            for mask: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128] {
                var changed = bytes
                changed[index] ^= mask
                #expect(throws: AuditError.self, "byte \(index)") {
                    _ = try SignedNote(changed).verified(by: [key])
                }
            }
            #expect(throws: AuditError.self) { _ = try SignedNote(Array(bytes[..<index])).verified(by: [key]) }
        }
    }

    @Test(arguments: [
        "", "\n", "text\n", "text\n\n", "\n\n\u{2014} a b\n", "text\n\n- a AAAAAAA=\n", "text\n\n\u{2014} a AAAAAAA\n",
        "text\n\n\u{2014} a AAAA\n", "text\n\n\u{2014} a+b AAAAAAA=\n", "text\n\n\u{2014} a b AAAAAAA=\n",
        "text\n\n\u{2014} a\u{00A0}b AAAAAAA=\n", "text\r\n\n\u{2014} a AAAAAAA=\n", "text\n\n\u{2014} a AAAAAAA=",
        "text\n\n\u{2014}  AAAAAAA=\n", "text\n\n\u{2014} a AAAAAAA=\n\n", "te\u{0}xt\n\n\u{2014} a AAAAAAA=\n",
    ])
    func whatIsNoNoteIsRefused(text: String) {
        #expect(throws: AuditError.self) { try SignedNote(Array(text.utf8)) }
    }

    @Test func notesHaveBoundsAndMustBeText() {
        let line = "\u{2014} a AAAAAAA=\n"
        #expect(throws: Never.self) { try SignedNote(Array(("t\n\n" + String(repeating: line, count: 64)).utf8)) }
        #expect(throws: AuditError.self) {
            try SignedNote(Array(("t\n\n" + String(repeating: line, count: 65)).utf8))
        }
        #expect(throws: AuditError.self) { try SignedNote(Array("t\n\n".utf8) + [0xFF] + Array(line.utf8)) }
        let large = String(repeating: "x", count: 1 << 20)
        #expect(throws: AuditError.self) { try SignedNote(Array((large + "\n\n" + line).utf8)) }
    }

    @Test(arguments: [
        "", "a", "a+b", "a+530d903a+AA==", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "+530d903a+AekyeRrm",
    ])
    func whatIsNoVerifierKeyIsRefused(text: String) {
        #expect(throws: AuditError.self) { try VerifierKey(text) }
    }

    @Test func aSignatureIsOnlyGoodForItsNameAndKind() throws {
        let text = Checkpoint(origin: "a", size: 1, root: .leaf([])).text
        let one = try signer("a")
        let note = SignedNote(text: text, signatures: [try one.sign(text, at: 5)])
        #expect(throws: Never.self) { try note.verified(by: [one.verifier]) }
        for other in [try signer("b"), try signer("a", seed: 8), try signer("a", kind: .cosignature)] {
            #expect(throws: AuditError.self) { try note.verified(by: [other.verifier]) }
        }
    }

    @Test func aWitnessSaysWhenAndDoesNotStandInForTheWriter() throws {
        let writer = try signer("log.example")
        let witness = try signer("witness.example", kind: .cosignature, seed: 9)
        let checkpoint = Checkpoint(origin: "log.example", size: 3, root: NaiveTree.root(leaves(3)[...]))
        let alone = try SignedCheckpoint(checkpoint, signers: [witness], at: 1_700_000_000)
        #expect(throws: AuditError.self) { try alone.verified(by: [writer.verifier, witness.verifier]) }
        let signed = try SignedCheckpoint(checkpoint, signers: [writer], at: 0).adding(witness, at: 1_700_000_000)
        let read = try SignedCheckpoint(signed.bytes)
        #expect(read == signed)
        #expect(try read.verified(by: [writer.verifier, witness.verifier]) == checkpoint)
        #expect(try read.note.verified(by: [witness.verifier]).map(\.time) == [1_700_000_000])
        #expect(try read.adding(witness, at: 1_800_000_000).note.signatures.count == 2)
        // The time is signed too.
        var signatures = read.note.signatures
        var bytes = signatures[1].bytes
        bytes[7] ^= 1
        signatures[1] = SignedNote.Signature(name: witness.verifier.name, keyID: witness.verifier.id, bytes: bytes)
        let altered = SignedNote(text: read.note.text, signatures: signatures)
        #expect(throws: AuditError.self) { try altered.verified(by: [witness.verifier]) }
    }

    @Test func signaturesOfTypesToComeAreKnownByNameAndPassedOver() throws {
        let writer = try signer("log.example")
        let quantum = try VerifierKey(
            name: "log.example",
            kind: .postQuantumCosignature,
            publicKey: [UInt8](repeating: 3, count: 1312)
        )
        #expect(try VerifierKey(quantum.description) == quantum)
        #expect(!quantum.isSupported)
        let checkpoint = Checkpoint(origin: "log.example", size: 1, root: .leaf([1]))
        let plain = try SignedCheckpoint(checkpoint, signers: [writer], at: 0)
        let signature = SignedNote.Signature(
            name: "log.example",
            keyID: quantum.id,
            bytes: [UInt8](repeating: 1, count: 8 + 2420)
        )
        let both = SignedNote(text: plain.note.text, signatures: plain.note.signatures + [signature])
        let read = try SignedCheckpoint(both.bytes)
        #expect(try read.verified(by: [writer.verifier, quantum]) == checkpoint)
        #expect(throws: AuditError.self) { try read.verified(by: [quantum]) }
    }

    @Test(arguments: [
        "a\n1\n", "a\n01\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n",
        "a\n-1\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n",
        "a\n1\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0\n", "a\n1\nAAAA\n",
        "\n1\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n",
        "a\n1\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n\n",
        "a\n0\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n",
        "a\n9223372036854775808\nungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n",
    ])
    func whatIsNoCheckpointIsRefused(text: String) {
        #expect(throws: AuditError.self) { try Checkpoint(text: text) }
    }

    @Test func aProofOfAnEntryStandsAlone() throws {
        let writer = try signer("log.example")
        let entries = (0..<300).map { Array("entry \($0)".utf8) }
        let tiles = MadeTiles(entries.map { TreeHash.leaf($0) })
        var tree = TileTree(size: 300, source: tiles)
        let checkpoint = Checkpoint(origin: "log.example", size: 300, root: try tree.root())
        let signed = try SignedCheckpoint(checkpoint, signers: [writer], at: 0)
        for index in [0, 17, 255, 256, 299] {
            let proof = LogProof(
                index: index,
                entry: entries[index],
                path: try tree.inclusion(of: index),
                checkpoint: signed
            )
            let read = try LogProof(proof.bytes)
            #expect(read == proof)
            #expect(try read.verified(by: [writer.verifier]) == checkpoint)
        }
        let proof = LogProof(index: 17, entry: entries[17], path: try tree.inclusion(of: 17), checkpoint: signed)
        var refused = 0
        for index in proof.bytes.indices {
            var bytes = proof.bytes
            bytes[index] ^= 1
            do { _ = try LogProof(bytes).verified(by: [writer.verifier]) } catch { refused += 1 }
        }
        #expect(refused == proof.bytes.count)
        let growth = GrowthProof(oldSize: 120, path: try tree.consistency(from: 120), checkpoint: signed)
        #expect(try GrowthProof(growth.bytes) == growth)
    }
}
