import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Identity
import Policies
import Workspace

extension PolicyCommand {
    struct Bundle: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish policies for gateways as signed bundles, and look at them.",
            subcommands: [Create.self, Show.self, Verify.self]
        )
    }
}

extension PolicyCommand.Bundle {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish the next bundle of a directory: a release, or a policy that nobody approved.",
            discussion: """
                Signed with an Ed25519 and an ML-DSA-65 key of this workspace, which `lockstep key public bundle` prints \
                for gateways: `bundles: {from: DIRECTORY, keys: keys.json}`. The votes of a release are proven again, and \
                its bundle does not outlive it.
                """
        )
        @Option(help: "The release to publish.") var release: String?
        @Option(help: "A policy to publish without an approval.") var policy: String?
        @Option(name: .customLong("out"), help: "The directory where gateways look, by file or over https.")
        var out: String
        @Option(
            name: .customLong("select"),
            help: "Id of a gateway it is for; `*` stands for any characters; may be given again."
        )
        var gateways: [String] = []
        @Option(name: .customLong("label"), help: "A label that these gateways have; may be given again.")
        var labels: [String] = []
        @Option(help: "record, shadow or enforce; as the release says unless given.") var mode: String?
        @Option(name: .customLong("for"), help: "How long gateways may rely on it, such as 30d.") var time = "30d"
        @Option(help: "Why gateways may take it without knowing the bundle before.") var gap: String?
        @Option(help: "With --gap, the last revision that gateways know, where the directory has lost it.")
        var after: Int64 = 0
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open()
            let now = session.clock.now()
            guard let lasting = Duration(playbook: time), lasting > .zero else {
                throw Self.input("`\(Output.printable(time))` is not a length of time", help: "write it as `30d`")
            }
            let wanted = try mode.map { name in
                guard let known = PolicyBundle.Mode(rawValue: name) else {
                    throw Self.input(
                        "`\(Output.printable(name))` is not a mode",
                        help: "write record, shadow or enforce"
                    )
                }
                return known
            }
            guard !gateways.isEmpty else {
                throw Self.input("a bundle is for somebody", help: "name gateways with --select, all of them with '*'")
            }
            do {
                let selector = try PolicyBundle.Selector(gateways: gateways, labels: labels)
                let place = absolute(out)
                let deployed: BundleWriter.Deployed
                switch (release, policy) {
                case (let file?, nil):
                    deployed = try session.estate.deploy(
                        release: try Recordings.bytes(file, limit: PolicyBundle.mostBytes),
                        to: place,
                        mode: wanted,
                        selector: selector,
                        lasting: lasting,
                        gap: gap,
                        after: after,
                        now: now
                    )
                case (nil, let file?):
                    deployed = try session.estate.bundleWriter(place, now: now).deploy(
                        .policy(try Self.text(file)),
                        mode: wanted,
                        selector: selector,
                        expires: now + lasting,
                        gap: gap,
                        after: after,
                        now: now
                    )
                default: throw Self.input("a bundle holds one release or one policy", help: "name it with --release")
                }
                ShownBundle(deployed.bundle).answer(output.format)
                Output.talk("published as \(Output.printable(out))/\(BundleDirectory.name(deployed.bundle.revision))")
                if policy != nil { Output.talk("warning: nobody approved this policy") }
            } catch let fault as PolicyBundle.Fault {
                throw CommandFailure(fault, status: fault.isInput ? ExitStatus.invalidInput : ExitStatus.failed)
            } catch let fault as Policies.Release.Fault {
                throw CommandFailure(
                    fault.code.rawValue,
                    fault.message,
                    help: fault.help,
                    status: ExitStatus.answerIsNo
                )
            }
        }

        /// The policy, after everything that is wrong with it was said.
        private static func text(_ file: String) throws -> String {
            _ = try Recordings.policy(file)
            let bytes = try Recordings.bytes(file, limit: PolicyBundle.mostBytes)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw input("the policy is not text", help: nil)
            }
            return text
        }

        private static func input(_ message: String, help: String?) -> CommandFailure {
            CommandFailure("bundle.input", message, help: help, status: ExitStatus.invalidInput)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a bundle says, whoever signed it."
        )
        @Argument(help: "The file of the bundle.") var file: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let bytes = try Recordings.bytes(file, limit: BundleDirectory.mostBytes)
            do {
                let envelope = try DSSEEnvelope(parsing: bytes, limit: BundleDirectory.mostBytes)
                let bundle = try PolicyBundle(parsing: envelope.payload)
                ShownBundle(bundle, signedBy: envelope.signatures.map { $0.keyID ?? "a key without a name" })
                    .answer(output.format)
                Output.talk("who signed it was not looked at: `lockstep policy bundle verify FILE --keys KEYS`")
            } catch let error as DSSEError {
                throw CommandFailure(error.code.rawValue, error.message, status: ExitStatus.invalidInput)
            } catch let fault as PolicyBundle.Fault {
                throw CommandFailure(fault, status: ExitStatus.invalidInput)
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether a gateway would take a bundle.",
            discussion: """
                Exit code 0 where every key of one set of --keys has signed it, it has not expired, and what is inside is \
                sound; 2 where not. That nothing older is in its place is known to gateways alone.
                """
        )
        @Argument(help: "The file of the bundle.") var file: String
        @Option(help: "The public keys, as `lockstep key public bundle` prints them; this workspace's unless given.")
        var keys: String?
        @Option(help: "The gateway for which it has to be.") var gateway: String?
        @Option(name: .customLong("label"), help: "A label of that gateway; may be given again.") var labels: [String] =
            []
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let trust = try trust()
            let bytes = try Recordings.bytes(file, limit: BundleDirectory.mostBytes)
            let now = SystemClock().now()
            do {
                let bundle = try SignedBundle(parsing: bytes, trust: trust).bundle
                _ = try bundle.follows(nil, now: now)
                guard !bundle.isExpired(at: now) else {
                    throw PolicyBundle.Fault(.expired, "the bundle \(bundle.revision) expired on \(bundle.expires)")
                }
                _ = try bundle.opened(
                    at: gateway.map { PolicyBundle.Place(gateway: $0, labels: Set(labels), isLoopback: true) }
                )
                ShownBundle(bundle).answer(output.format)
            } catch let fault as PolicyBundle.Fault {
                throw CommandFailure(fault, status: ExitStatus.answerIsNo)
            }
        }

        private func trust() throws -> BundleTrust {
            if let keys {
                guard let read = BundleTrust(parsing: try Recordings.bytes(keys, limit: 1 << 20)) else {
                    throw CommandFailure(
                        "bundle.keys",
                        "`\(Output.printable(keys))` is no list of keys",
                        help: "write it with `lockstep key public bundle`",
                        status: ExitStatus.invalidInput
                    )
                }
                return read
            }
            let session = try Session.open(.reading)
            let ring = try session.keys.load(.bundle)
            guard let own = BundleTrust(try ring.publicBundleKeys) else {
                throw CommandFailure("bundle.keys", "the workspace has no key that signs bundles")
            }
            return own
        }
    }
}

/// A bundle as commands print it.
private struct ShownBundle {
    let bundle: PolicyBundle
    let signers: [String]

    init(_ bundle: PolicyBundle, signedBy signers: [String] = []) {
        self.bundle = bundle
        self.signers = signers
    }

    func answer(_ format: OutputFormat) {
        let opened = try? bundle.opened(at: nil)
        let isRelease = if case .release = bundle.content { true } else { false }
        switch format {
        case .json:
            Output.answer([
                "revision": .integer(bundle.revision), "digest": .string(bundle.digest.description),
                "predecessor": bundle.predecessor.map { .string($0.description) } ?? .null,
                "issued": .string(bundle.issued.description), "expires": .string(bundle.expires.description),
                "selector": bundle.selector.json, "mode": .string(bundle.mode.rawValue),
                "policy": opened.map { .string($0.digest.description) } ?? .null, "approved": .bool(isRelease),
                "rules": opened.map { .integer(Int64($0.policy.rules.count)) } ?? .null,
                "gap": bundle.gap.map(JSON.Value.string) ?? .null,
                "signed_by": .array(signers.map { .string($0) }),
            ])
        case .table:
            let selector = bundle.selector.gateways + bundle.selector.labels.map { "with \($0)" }
            var lines = [
                "revision  \(bundle.revision)", "digest    \(bundle.digest)",
                "follows   \(bundle.predecessor?.description ?? "none")", "issued    \(bundle.issued)",
                "expires   \(bundle.expires)", "for       \(Output.cell(selector.joined(separator: ", ")))",
                "mode      \(bundle.mode.rawValue)",
                "policy    \(opened?.digest.description ?? "INVALID")" + (isRelease ? "" : ", approved by nobody"),
            ]
            if let gap = bundle.gap { lines.append("GAP       \(Output.cell(gap))") }
            lines += signers.map { "signature \(Output.cell($0))" }
            Output.answer(lines.joined(separator: "\n"))
        }
    }
}

extension PolicyBundle.Fault {
    /// Whether what people wrote is wrong, rather than the machine.
    fileprivate var isInput: Bool {
        switch code {
        case .malformed, .tooLarge, .policy, .notApproved, .rehearsal, .predecessor: true
        default: false
        }
    }
}

extension KeyRing {
    /// What gateways believe: the keys in use and those before them.
    var publicBundleKeys: [[DSSEKey]] {
        get throws { try ([current] + retired).prefix(64).map { try $0.bundleSigners().map(\.key) } }
    }
}

extension CommandFailure {
    init(_ fault: PolicyBundle.Fault, status: ExitCode) {
        self.init(fault.code.rawValue, fault.message, help: fault.help, status: status)
    }
}
