import ArgumentParser
import Audit
import Core
import FoundationEssentials
import Ledger
import Workspace

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the audit log, prove entries of it, list them.",
        discussion: """
            The log is a Merkle tree in the files of C2SP tlog-tiles with signed checkpoints: whoever has the folder and \
            the verifier key can check it with tools that are not ours. Commands that decide something bring it into the \
            log at their end.
            """,
        subcommands: [Verify.self, Prove.self, List.self, Drain.self]
    )

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every entry, tile and signature of a log, offline.",
            discussion: """
                Without a folder it is the log of this workspace, by the keys of this workspace. Exit code 2 when \
                something is wrong: each line names the file and, where it is about one, the entry. Keep a copy of \
                `checkpoint` elsewhere and give it with --checkpoint: only that shows a log that was rewritten or put \
                back as a whole by somebody who has the key.
                """
        )

        @Argument(help: "The folder of a log.") var folder: String?
        @Option(help: "The log of this workspace that has this origin.") var origin: String?
        @Option(help: "An older checkpoint, which the log must go on from; may be given several times.")
        var checkpoint: [String] = []
        @Option(help: "A verifier key, or a file of them such as `vkeys` of the log; may be given several times.")
        var key: [String] = []
        @Option(help: "Check this proof of an entry and nothing else; needs --key outside of the workspace.")
        var proof: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            if let proof { return try check(proof: proof) }
            let place = try AuditPlace(folder: folder, origin: origin)
            var known: [(name: String, checkpoint: SignedCheckpoint)] = []
            for file in checkpoint { known.append((file, try AuditFiles.checkpoint(file))) }
            let keys = try AuditFiles.keys(key)
            let trusted = keys.isEmpty ? try place.keys() : keys
            let audit = try LogAudit(FileDisk(reading: place.path), keys: trusted, known: known, isOwn: folder == nil)
            // Only the workspace's own log can be held against what the ledger brought into it.
            if folder == nil, origin == nil, audit.findings.isEmpty {
                let session = try Session.open(.reading)
                let size = (audit.checkpoint?.size ?? 0) + audit.unsigned
                if let gone = try session.auditLog.shortfall(of: size, from: session.ledger) {
                    throw CommandFailure(
                        gone.code.rawValue,
                        gone.message,
                        help: gone.help,
                        status: ExitStatus.answerIsNo
                    )
                }
            }
            switch output.format {
            case .table:
                for finding in audit.findings { Output.answer(AuditText.sentence(finding)) }
                if audit.findings.isEmpty, let checkpoint = audit.checkpoint {
                    Output.answer(Self.text(checkpoint, audit, known.count))
                }
            case .json: Output.answer(Self.json(audit))
            }
            if !audit.findings.isEmpty { throw ExitStatus.answerIsNo }
        }

        private static func text(_ checkpoint: Checkpoint, _ audit: LogAudit, _ known: Int) -> String {
            var lines = [
                "\(checkpoint.origin): \(counted(checkpoint.size, "entry", "entries")), root \(checkpoint.root.base64)",
                "signed by "
                    + audit.signedBy.map { "\($0.key.name)+\($0.key.hexadecimalID)" }.joined(separator: ", "),
            ]
            if known > 0 { lines.append("goes on from \(counted(known, "older checkpoint"))") }
            if audit.unsigned > 0 {
                lines.append("\(counted(audit.unsigned, "entry", "entries")) accepted and not signed yet")
            }
            return lines.joined(separator: "\n")
        }

        private static func json(_ audit: LogAudit) -> JSON.Value {
            [
                "ok": .bool(audit.findings.isEmpty), "origin": audit.checkpoint.map { .string($0.origin) } ?? .null,
                "size": audit.checkpoint.map { .integer(Int64($0.size)) } ?? .null,
                "root": audit.checkpoint.map { .string($0.root.base64) } ?? .null,
                "keys": .array(audit.signedBy.map { .string($0.key.description) }),
                "unsigned": .integer(Int64(audit.unsigned)),
                "findings": .array(audit.findings.map(AuditText.json)),
            ]
        }

        private func check(proof path: String) throws {
            let proof = try LogProof(try AuditFiles.read(path, limit: LogProof.maximumBytes))
            let given = try AuditFiles.keys(key)
            let keys =
                given.isEmpty
                ? try Session.open(.reading).auditLog.trusted(origin: proof.checkpoint.checkpoint.origin) : given
            do throws(AuditError) {
                let checkpoint = try proof.verified(by: keys)
                let entry = String(decoding: proof.entry, as: UTF8.self)
                switch output.format {
                case .table:
                    Output.answer("entry \(proof.index) of \(checkpoint.size) in \(checkpoint.origin):\n\(entry)")
                case .json:
                    Output.answer([
                        "ok": .bool(true), "index": .integer(Int64(proof.index)), "origin": .string(checkpoint.origin),
                        "size": .integer(Int64(checkpoint.size)), "entry": .string(entry),
                    ])
                }
            } catch {
                throw CommandFailure(error.code.rawValue, error.message, status: ExitStatus.answerIsNo)
            }
        }
    }

    struct Prove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that an entry is in the log, or that it only grew.",
            discussion: """
                Prints a C2SP tlog-proof with the entry in it: with the verifier key it can be checked without this \
                program and without the log. With --from it prints that the log goes on from an older checkpoint.
                """
        )

        @Argument(help: "The index of an entry, from 0.") var index: Int?
        @Option(help: "The run of an event, with --sequence.") var run: String?
        @Option(help: "The number of an event within its run.") var sequence: Int?
        @Option(help: "An older checkpoint: prove that the log only grew since.") var from: String?
        @Option(help: "The folder of a log; that of this workspace unless given.") var log: String?
        @Option(help: "Where to write the proof; stdout unless given.") var out: String?

        func run() async throws {
            let place = try AuditPlace(folder: log, origin: nil)
            let reader = LogReader(FileDisk(reading: place.path))
            let signed = try reader.checkpoint()
            let size = signed.checkpoint.size
            var tree = TileTree(size: size, source: reader)
            // Nothing is proved from tiles that do not lead to what was signed.
            guard try tree.root() == signed.checkpoint.root else {
                throw AuditError(
                    .contradiction,
                    "the tiles of the log do not lead to its signed root",
                    help: "see `lockstep audit verify`"
                )
            }
            if let from {
                guard index == nil, run == nil else { throw Self.question }
                let old = try AuditFiles.checkpoint(from).checkpoint
                let path = try tree.consistency(from: old.size)
                guard old.origin == signed.checkpoint.origin,
                    MerkleProof.extends(old: (old.size, old.root), new: (size, signed.checkpoint.root), path: path)
                else {
                    throw CommandFailure(
                        AuditError.Code.contradiction.rawValue,
                        "the log does not go on from `\(Output.printable(from))`",
                        help: "its history was rewritten, or that is a checkpoint of another log",
                        status: ExitStatus.answerIsNo
                    )
                }
                return try write(GrowthProof(oldSize: old.size, path: path, checkpoint: signed).bytes)
            }
            let index = try wanted()
            let path = try tree.inclusion(of: index)
            let entry = Array(try reader.entries(index..<(index + 1), size: size)[0])
            let proof = LogProof(index: index, entry: entry, path: path, checkpoint: signed)
            guard
                MerkleProof.includes(
                    leaf: .leaf(entry),
                    index: index,
                    size: size,
                    path: path,
                    root: signed.checkpoint.root
                )
            else {
                throw AuditError(
                    .contradiction,
                    "entry \(index) is not the one that was signed",
                    help: "see `lockstep audit verify`"
                )
            }
            try write(proof.bytes)
        }

        private static let question = CommandFailure(
            "audit.question",
            "say what to prove: an index, --run with --sequence, or --from",
            status: ExitStatus.invalidInput
        )

        private func wanted() throws -> Int {
            switch (index, run, sequence) {
            case (let index?, nil, nil):
                guard index >= 0 else { throw Self.question }
                return index
            case (nil, let run?, let sequence?):
                guard log == nil else { throw Self.question }
                let session = try Session.open(.reading)
                let id = try session.run(run).id
                guard let index = try session.ledger.delivered(run: id, sequence: sequence) else {
                    throw CommandFailure(
                        "audit.not-logged",
                        "event \(sequence) of run \(id) is not in the audit log",
                        help:
                            "only decisions are: see `lockstep audit list`; what waits is brought in by `lockstep audit drain`"
                    )
                }
                guard index >= 0 else {
                    throw CommandFailure(
                        "audit.former-log",
                        "event \(sequence) of run \(id) is entry \(-1 - index) of a log that ended with a restore",
                        help: "its folder lies in .lockstep/audit: `lockstep audit prove \(-1 - index) --log FOLDER`"
                    )
                }
                return index
            default: throw Self.question
            }
        }

        private func write(_ bytes: [UInt8]) throws {
            guard let out else { return Output.stream(bytes) }
            let place = try Destination.checked(absolute(out))
            try DurableFile.write(bytes, to: place, mode: 0o644)
            Output.answer("proof written to \(place)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the last entries of the log.",
            discussion: """
                Each entry is checked to be the one that was signed before it is printed; exit code 2 where one is not, or \
                where no trusted key signed the checkpoint.
                """
        )

        @Option(help: "How many.") var limit = 20
        @Option(help: "The folder of a log; that of this workspace unless given.") var log: String?
        @Option(help: "A verifier key, or a file of them such as `vkeys` of the log; may be given several times.")
        var key: [String] = []
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let place = try AuditPlace(folder: log, origin: nil)
            let given = try AuditFiles.keys(key)
            let keys = given.isEmpty ? try place.keys() : given
            let reader = LogReader(FileDisk(reading: place.path))
            let signed = try reader.checkpoint()
            let first: Int
            let entries: [ArraySlice<UInt8>]
            do throws(AuditError) {
                let checkpoint = try signed.verified(by: keys)
                first = max(0, checkpoint.size - max(0, limit))
                entries = try reader.proven(first..<checkpoint.size, by: checkpoint)
            } catch {
                throw CommandFailure(
                    error.code.rawValue,
                    Output.printable(error.message),
                    help: error.help,
                    status: ExitStatus.answerIsNo
                )
            }
            switch output.format {
            case .table:
                let rows = entries.enumerated().map { offset, bytes in
                    guard let entry = AuditEntry(bytes) else {
                        return [String(first + offset), "", "?"] + Array(repeating: "", count: 5)
                    }
                    let what = ["verdict", "result", "state"].compactMap { entry.members[$0]?.string }.first
                    return [
                        String(first + offset), entry.time.description, entry.members["event"]?.string ?? entry.kind,
                        entry.members["run"]?.string ?? "",
                        entry.members["sequence"]?.int.map { String($0) } ?? "", entry.members["step"]?.string ?? "",
                        entry.members["by"]?.string ?? "", what ?? "",
                    ]
                }
                Output.answer(Output.table(["entry", "time", "event", "run", "sequence", "step", "by", "what"], rows))
            case .json:
                Output.answer(
                    .array(
                        entries.enumerated().map { offset, bytes in
                            [
                                "index": .integer(Int64(first + offset)),
                                "entry": (try? JSON.parse(Array(bytes))) ?? .string(Base64.encode(Array(bytes))),
                            ]
                        }
                    )
                )
            }
        }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring what waits in the ledger into the log, as every command that decides does at its end."
        )

        func run() async throws {
            let session = try Session.open()
            let count = try session.auditLog.deliver(
                from: session.ledger,
                now: session.clock.now(),
                patience: Session.patience
            )
            Output.answer(count == 0 ? "nothing waited" : "\(counted(count, "event")) brought into the log")
        }
    }
}
