import Core
import Gateway
import Policies
import Workspace

extension Release {
    /// Whether a file is a release rather than a policy document, which is never JSON with this schema.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        let limits = JSON.Limits(maxBytes: 80 << 20, maxDepth: 32, maxMembers: 100_000)
        guard bytes.first == UInt8(ascii: "{"), let json = try? JSON.parse(bytes, limits: limits) else { return false }
        return json["schema"]?.string?.hasPrefix("lockstep.release/") ?? false
    }
}

extension GatewayFiles {
    /// The policy of a release, whose votes are verified by the people whom the document names.
    ///
    /// Its name is the digest of the policy, whatever file it came in. An expired release is refused, as is one of a
    /// rehearsal by a gateway that others than this machine reach.
    func released(_ bytes: [UInt8], _ name: String, now: Timestamp) throws -> LoadedPolicy {
        guard let people = document.controlPeople else {
            throw GatewayRuntime.Failure(
                "release",
                "`\(name)` is a release, and the document does not say whose approvals count",
                help: "add `control: {people: lockstep.yaml}`",
                isInput: true
            )
        }
        let configuration = try Workspace.Configuration.read(
            try self.bytes(people, as: "the list of people"),
            file: people
        )
        let release: Release
        do throws(Release.Fault) {
            release = try Release(parsing: bytes)
            _ = try release.verify(under: configuration, now: now)
        } catch {
            throw GatewayRuntime.Failure(
                code: error.code.rawValue,
                message: "`\(name)`: \(error.message)",
                help: error.help,
                isInput: true
            )
        }
        guard !release.isRehearsal || document.configuration.listen.isLoopback else {
            throw GatewayRuntime.Failure(
                "rehearsal",
                "`\(name)` is the release of a rehearsal, and the gateway listens for others than this machine",
                isInput: true
            )
        }
        let (policy, diagnostics) = PolicyReader.read(Array(release.document.utf8), file: name, now: now)
        guard let policy else { throw InvalidInput(diagnostics) }
        return LoadedPolicy(compiled: CompiledPolicy(policy), digest: release.digest)
    }
}
