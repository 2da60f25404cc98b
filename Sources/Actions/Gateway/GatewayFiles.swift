import Core
import FoundationEssentials
import Gateway
import Identity
import NIOSSL
import Policies
import Workspace

/// The files that a gateway's document names.
struct GatewayFiles {
    struct LoadedPolicy: Sendable {
        let compiled: CompiledPolicy
        let digest: Digest
        /// What its document holds that is not wrong, and does not do what it seems to.
        var warnings: [Diagnostic] = []
    }

    let document: GatewayDocument
    private let folder: String

    init(_ document: GatewayDocument, beside file: String) {
        self.document = document
        let parts = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        folder = parts.isEmpty ? "." : parts.joined(separator: "/")
    }

    func path(_ name: String) -> String { name.hasPrefix("/") ? name : "\(folder)/\(name)" }

    func bytes(_ name: String, as what: String) throws -> [UInt8] {
        do throws(FileFault) {
            return try StoredFile.read(path(name), limit: 64 << 20)
        } catch {
            throw GatewayRuntime.Failure(
                "unreadable",
                "\(what) `\(name)` cannot be read: \(error.sentence)",
                help: "paths are relative to the gateway's document",
                isInput: true
            )
        }
    }

    /// The policy in force; without one everything is denied, but in record mode.
    func policy(now: Timestamp) throws -> LoadedPolicy? {
        guard let name = document.policy else { return nil }
        let bytes = try bytes(name, as: "the policy")
        if Release.isOne(bytes) { return try released(bytes, name, now: now) }
        let (policy, diagnostics) = PolicyReader.read(bytes, file: name)
        guard let policy else { throw InvalidInput(diagnostics) }
        return LoadedPolicy(
            compiled: CompiledPolicy(policy),
            digest: .sha256(bytes),
            warnings: diagnostics.filter { $0.severity == .warning }
        )
    }

    /// What callers are proven by; `possession` is kept over a reload, so that proofs it saw do not count again.
    func proofs(possession: DPoPVerifier? = nil) throws -> Proofs {
        let issuers = try document.issuers.map { issuer in
            TokenIssuer(name: issuer.name, keys: try keys(issuer.keys), prefix: issuer.prefix)
        }
        return Proofs(
            tokens: issuers.isEmpty ? nil : TokenVerifier(issuers: issuers),
            possession: possession ?? DPoPVerifier(replays: ReplayCache()),
            orchestrators: try document.taskKeys.map(keys),
            posture: try document.posture.map {
                PostureDemand(keys: try keys($0.keys), isRequired: $0.statements == .required)
            }
        )
    }

    /// The TLS of the gateway's own port.
    func tls(_ clock: @escaping @Sendable () -> Timestamp) throws -> ListenerTLS? {
        guard let tls = document.tls else { return nil }
        let bundles = try tls.clients.map { client in
            let bytes = try bytes(client.bundle, as: "the bundle")
            do throws(SVIDFault) {
                return try TrustBundle(parsing: bytes, trustDomain: client.trustDomain)
            } catch {
                throw GatewayRuntime.Failure(
                    "bundle",
                    "the bundle `\(client.bundle)` is wrong: \(error)",
                    isInput: true
                )
            }
        }
        let certificate = try bytes(tls.certificate, as: "the certificate")
        let key = try bytes(tls.key, as: "the private key")
        do {
            return try ListenerTLS(
                certificate: certificate,
                key: key,
                bundles: bundles,
                groups: tls.groups,
                now: clock
            )
        } catch {
            throw GatewayRuntime.Failure(
                "tls",
                "`\(tls.certificate)` and `\(tls.key)` are no certificate and private key in PEM that belong together",
                isInput: true
            )
        }
    }

    /// The TLS towards servers, by route: 1.3 unless a route allows 1.2, hybrid key agreement first or alone.
    func contexts() throws -> [String: NIOSSLContext] {
        var contexts: [String: NIOSSLContext] = [:]
        for route in document.configuration.routes where route.isUpstreamTLS {
            contexts[route.path] = try context(authorities: route.authorities) { configuration in
                configuration.minimumTLSVersion = route.allowsOldTLS ? .tlsv12 : .tlsv13
                configuration.curves = route.groups.curves
            }
        }
        return contexts
    }

    func context(
        authorities: String?,
        _ change: (inout TLSConfiguration) -> Void = { $0.minimumTLSVersion = .tlsv12 }
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        change(&configuration)
        if let authorities {
            let pem = try bytes(authorities, as: "the authorities")
            guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
                throw GatewayRuntime.Failure("ca", "`\(authorities)` holds no certificate in PEM", isInput: true)
            }
            configuration.trustRoots = .certificates(certificates)
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// Who may deny and lift.
    func control() throws -> ControlKeys {
        var control = ControlKeys()
        if let name = document.controlKeys {
            guard let keys = DSSEKey.list(try bytes(name, as: "the list of keys")) else {
                throw GatewayRuntime.Failure(
                    "control",
                    "`\(name)` is no list of keys",
                    help: "write it with `lockstep key public bundle` in the workspace",
                    isInput: true
                )
            }
            control.keys = keys
        }
        if let name = document.controlPeople {
            let bytes = try bytes(name, as: "the list of people")
            for person in try Workspace.Configuration.readPeople(bytes, file: name) {
                control.people[person.id] = person.keys.compactMap { try? SSHPublicKey(line: $0) }
                control.retired[person.id] = person.retiredKeys.compactMap { try? SSHPublicKey(line: $0) }
            }
        }
        return control
    }

    /// Where who is denied is pulled from, if anywhere.
    func feed(keptIn state: GatewayFolder, _ control: ControlKeys) throws -> RevocationFeed? {
        guard let from = document.controlFrom else { return nil }
        return try RevocationFeed(from, at: path(from), keptIn: state, keys: control.keys)
    }

    private func keys(_ name: String) throws -> KeySet {
        let bytes = try bytes(name, as: "the key set")
        do throws(KeySetError) {
            return try KeySet(parsing: bytes)
        } catch {
            throw GatewayRuntime.Failure("keys", "the key set `\(name)` is wrong: \(error.message)", isInput: true)
        }
    }
}
