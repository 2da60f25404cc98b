import ArgumentParser
import Core
import FoundationEssentials
import Identity

struct IdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity",
        abstract: "Issue identities that end within hours.",
        subcommands: [Issue.self, Rotate.self, Bundle.self, Posture.self]
    )

    /// Reads a SPIFFE ID of a workload.
    static func workload(_ text: String) throws -> SPIFFEID {
        do throws(SPIFFEID.Fault) {
            let id = try SPIFFEID(text)
            if !id.isTrustDomain { return id }
        } catch {
            throw CommandFailure(
                "identity.id",
                "`\(Output.printable(text))` names no workload: \(error.rawValue)",
                help: "write it as spiffe://DOMAIN/agent/TEAM/NAME",
                status: ExitStatus.invalidInput
            )
        }
        throw CommandFailure(
            "identity.id",
            "`\(Output.printable(text))` names a trust domain and no workload",
            help: "write it as spiffe://DOMAIN/agent/TEAM/NAME",
            status: ExitStatus.invalidInput
        )
    }

    static func duration(_ text: String) throws -> Duration {
        guard let duration = Duration(playbook: text), duration > .seconds(30), duration <= Authority.longestLife else {
            throw CommandFailure(
                "identity.lifetime",
                "`\(Output.printable(text))` is no lifetime of an identity",
                help: "write it as 10m or 4h; it is more than 30 seconds and at most a day",
                status: ExitStatus.invalidInput
            )
        }
        return duration
    }

    /// The key of a file that has to be there.
    static func key(_ file: String) throws -> AgentKey {
        guard let key = try AgentKey(file: file) else {
            throw CommandFailure(
                "identity.key",
                "there is no key `\(Output.printable(file))`",
                status: ExitStatus.invalidInput
            )
        }
        return key
    }

    static func authority(_ session: Session) throws -> Authority {
        guard let authority = try Authority.open(session.keys) else {
            throw CommandFailure(
                "authority.missing",
                "this workspace has no authority",
                help: "make one by issuing to a workload: `lockstep identity issue spiffe://DOMAIN/NAME`",
                status: ExitStatus.invalidInput
            )
        }
        return authority
    }
}

extension IdentityCommand {
    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue a certificate (X509-SVID), or with --audience a token (JWT-SVID), to a workload.",
            discussion: """
                The first identity makes the authority of its trust domain. A certificate is written with its key and the \
                bundle into the folder of --out: svid.pem, svid.key, bundle.json; a key that is there is kept, so the \
                same command renews. A token is printed.
                """
        )

        @Argument(help: "The workload, as spiffe://DOMAIN/agent/TEAM/NAME.") var id: String
        @Option(help: "The folder for certificate, key and bundle; it is made where it is missing.") var out = "."
        @Option(help: "Who may take the token: the address of a gateway's route; may be repeated.")
        var audience: [String] = []
        @Option(help: "How long it counts, at most a day.") var lifetime = "1h"
        @Option(help: "The task that the token is for.") var purpose: String?
        @Option(help: "Bind the token to the key in this file: it is then used with DPoP proofs only.")
        var bind: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let id = try IdentityCommand.workload(id)
            let life = try IdentityCommand.duration(lifetime)
            guard !audience.isEmpty || (purpose == nil && bind == nil) else {
                throw CommandFailure(
                    "identity.audience",
                    "--purpose and --bind are for tokens",
                    help: "name who may take the token with --audience",
                    status: ExitStatus.invalidInput
                )
            }
            let session = try Session.open()
            let now = session.clock.now()
            var random = SystemRandomNumberGenerator()
            let authority = try Authority.openOrCreate(
                session.keys,
                trustDomain: id.trustDomain,
                now: now,
                using: &random
            )
            if audience.isEmpty {
                try issueCertificate(id, life, authority, now)
            } else {
                let token = try authority.issueToken(
                    id,
                    audience: audience,
                    life: life,
                    purpose: purpose,
                    confirmation: try bind.map { try IdentityCommand.key($0).thumbprint },
                    tokenID: Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }),
                    now: now
                )
                Output.answer(String(decoding: token, as: UTF8.self))
            }
        }

        private func issueCertificate(_ id: SPIFFEID, _ life: Duration, _ authority: Authority, _ now: Timestamp) throws
        {
            do throws(FileFault) {
                // For its owner alone, as it holds a key; one that is there keeps its mode.
                _ = try HeldFolder(out, mayCreate: true)
            } catch {
                throw CommandFailure(
                    "identity.folder",
                    "the folder `\(Output.printable(out))` \(error.sentence)",
                    help: "the folder that it is to be in has to be there",
                    status: ExitStatus.invalidInput
                )
            }
            let files = ["svid.pem", "svid.key", "bundle.json"].map { "\(out)/\($0)" }
            let key: AgentKey
            if let held = try AgentKey(file: files[1]) {
                key = held
            } else {
                key = AgentKey()
                try Recordings.write(Array(key.pem.revealed.utf8), to: files[1])
            }
            let chain = try authority.issueCertificate(id, publicKey: key.publicKey, life: life, now: now)
            let svid = try X509SVID(parsing: chain)
            try Recordings.write(Array(CertificateText.pem(chain).utf8), to: files[0], mode: 0o644)
            try Recordings.write(JSON.canonical(authority.bundle(now: now)), to: files[2], mode: 0o644)
            let header = ["id", "serial", "until", "certificate", "key", "bundle"]
            let row = [id.description, svid.serial, svid.notAfter.description] + files.prefix(3)
            switch output.format {
            case .table: Output.answer(Output.table(header, [row]))
            case .json: Output.answer(.object(JSON.Object(zip(header, row).map { ($0, .string($1)) })))
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a new key of the authority beside the present one.",
            discussion: """
                The new key is in the bundle at once and signs ten minutes later; the old one stays in the bundle until \
                all that it signed has ended.
                """
        )

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open()
            _ = try IdentityCommand.authority(session)
            var random = SystemRandomNumberGenerator()
            let authority = try Authority.rotate(session.keys, now: session.clock.now(), using: &random)
            let header = ["key", "created", "replaced", "expires"]
            let rows = authority.summary.map {
                [$0.id, $0.created.description, $0.retired?.description ?? "no", $0.expires.description]
            }
            switch output.format {
            case .table: Output.answer(Output.table(header, rows))
            case .json:
                Output.answer(.array(rows.map { .object(JSON.Object(zip(header, $0).map { ($0, .string($1)) })) }))
            }
        }
    }

    struct Bundle: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what verifiers need: the SPIFFE bundle of the authority, which is a JWK set too."
        )

        func run() async throws {
            let session = try Session.open(.reading)
            Output.answer(try IdentityCommand.authority(session).bundle(now: session.clock.now()))
        }
    }

    struct Posture: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a signed statement of what runs here: client, configuration and version, for five minutes."
        )

        private static let largestFile = 1 << 30

        @Argument(help: "The workload that the statement is about.") var id: String
        @Option(help: "The client's binary; its digest is stated.") var binary: String
        @Option(help: "The client's configuration; its digest is stated.") var configuration: String
        @Option(help: "The version of the client.") var clientVersion: String
        @Option(help: "The key that signs the statement.") var key: String
        @Option(help: "The agent's key, where another one signs.") var agentKey: String?
        @Option(help: "Who the statement is for.") var audience: String?
        @Option(help: "What the verifier asked to be repeated.") var nonce: String?

        func run() async throws {
            let id = try IdentityCommand.workload(id)
            let signer = try IdentityCommand.key(key)
            let agent = try agentKey.map { try IdentityCommand.key($0) } ?? signer
            let statement = PostureStatement(
                subject: id.description,
                binary: Digest.sha256(try Recordings.bytes(binary, limit: Self.largestFile)),
                configuration: Digest.sha256(try Recordings.bytes(configuration, limit: Self.largestFile)),
                version: clientVersion,
                thumbprint: agent.thumbprint,
                audience: audience,
                nonce: nonce,
                issued: SystemClock().now()
            )
            Output.answer(String(decoding: try statement.sign(with: signer.signer), as: UTF8.self))
        }
    }
}
