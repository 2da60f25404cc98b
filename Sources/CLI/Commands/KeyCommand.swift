import ArgumentParser
import Core
import Identity

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "List and rotate the keys of the workspace.",
        subcommands: [List.self, Rotate.self, Public.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys by purpose; no key itself is printed.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open()
            let rings = try session.keys.list()
            let rows = rings.flatMap { ring in
                ([ring.current] + ring.retired).map { key in
                    [
                        ring.purpose.rawValue, key.id, key.algorithm.rawValue, key.created.description,
                        key.expires?.description ?? "never", key.retired?.description ?? "in use",
                    ]
                }
            }
            let header = ["purpose", "id", "algorithm", "created", "expires", "retired"]
            switch output.format {
            case .table: Output.answer(Output.table(header, rows))
            case .json:
                Output.answer(
                    .array(
                        rows.map { row in
                            .object(JSON.Object(zip(header, row).map { ($0, .string($1)) }))
                        }
                    )
                )
            }
        }
    }

    struct Public: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the public keys with which gateways check what this workspace signs.",
            discussion: """
                A gateway's document names the file: `control: {keys: keys.json}` for kills, `bundles: {keys: keys.json}` \
                for policies, which other keys sign.
                """
        )

        @Argument(help: "bundle; the other keys have no public half.")
        var purpose: String

        func run() async throws {
            guard purpose == KeyPurpose.bundle.rawValue else {
                throw CommandFailure(
                    "key.no-public",
                    "a `\(Output.printable(purpose))` key has no public half here",
                    help: "use bundle",
                    status: ExitStatus.invalidInput
                )
            }
            let session = try Session.open(.reading)
            var random = SystemRandomNumberGenerator()
            let ring = try session.keys.loadOrCreate(.bundle, now: session.clock.now(), using: &random)
            let keys = try ([ring.current] + ring.retired).map { try $0.envelopeSigner().key.json }
            guard let bundles = BundleTrust(try ring.publicBundleKeys) else { throw ExitStatus.failed }
            Output.answer(["keys": .array(keys), "bundles": bundles.json])
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace the key of a purpose; the old one is kept to verify what it made."
        )

        @Argument(help: "audit, redact, bundle, recording or issuer.")
        var purpose: String

        func run() async throws {
            let session = try Session.open()
            guard let purpose = KeyPurpose(rawValue: purpose) else {
                let near = nearest(to: purpose, in: KeyPurpose.allCases.map(\.rawValue))
                throw CommandFailure(
                    "key.purpose",
                    "`\(Output.printable(purpose))` is not a purpose of a key",
                    help: near.map { "did you mean `\($0)`?" } ?? "use audit, redact, bundle, recording or issuer",
                    status: ExitStatus.invalidInput
                )
            }
            let present = try session.keys.list().map(\.purpose)
            guard present.contains(purpose) else {
                let names = present.map { "`\($0.rawValue)`" }.joined(separator: ", ")
                throw CommandFailure(
                    "key.missing",
                    "this workspace has no `\(purpose.rawValue)` key to rotate",
                    help: "it has \(names.isEmpty ? "none" : names); a key is made by the first command that needs it",
                    status: ExitStatus.invalidInput
                )
            }
            var random = SystemRandomNumberGenerator()
            let ring = try session.keys.rotate(purpose, now: session.clock.now(), using: &random)
            Output.answer("the new \(purpose.rawValue) key is \(ring.current.id)")
        }
    }
}
