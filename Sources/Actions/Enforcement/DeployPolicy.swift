import Core
import Gateway
package import Playbooks
import Policies
import Workspace

/// `policy.deploy`: puts a release in force at gateways.
///
/// The release takes the place of the file that each gateway's document names, the gateway reads it anew and verifies the
/// votes itself, and its status has to name the policy's digest. Where one of them refuses, all have their former policy
/// again. `gateway.restore` puts the former policies back.
package struct DeployPolicy: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.deploy",
            summary: "put a release in force at gateways",
            effect: .change,
            parameters: [
                .gateways,
                .init(
                    "release",
                    .string,
                    isRequired: true,
                    rule: .recording,
                    summary: "the release, as `policy.release` wrote it"
                ),
            ],
            outputs: [
                ("policy", .string), ("mode", .string), ("changed", .list), ("expires", .string), ("since", .string),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let (bytes, verified) = try release(request)
        let release = verified.release
        let gateways = try await estate.reached(try estate.gateways(request.parameters))
        var deliveries: [Delivery] = []
        for gateway in gateways {
            if gateway.mode == GatewayConfiguration.Mode.enforce.rawValue, release.terms.mode != .enforce {
                throw StepError(
                    .permanent,
                    "`\(gateway.id)` enforces, and the release was approved for \(release.terms.mode.rawValue)",
                    help: "change the gateway's mode first, or have the policy approved with `mode: enforce`"
                )
            }
            deliveries.append(try Delivery(gateway))
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let changing = deliveries.filter { $0.former != text || $0.gateway.policy != release.digest.description }
        var undo = try GatewayUndo(estate, run: request.run, step: request.instance.description)
        try undo.add(
            changing.map { .file(gateway: $0.gateway.id, path: $0.path, former: $0.former, after: .sha256(bytes)) }
        )
        for (index, delivery) in changing.enumerated() {
            do throws(StepError) {
                try await delivery.put(bytes, release.digest)
            } catch {
                for changed in changing[...index] { await changed.putBack() }
                throw error
            }
        }
        return ActionResult(
            outputs: [
                "policy": .string(release.digest.description), "mode": .string(release.terms.mode.rawValue),
                "changed": .array(changing.map { .string($0.gateway.id) }),
                "expires": .string(verified.expires.description), "since": .string(request.now.description),
            ],
            summary: "\(release.digest.description.prefix(19)) in force at "
                + gateways.map { "\($0.id) (\($0.mode))" }.joined(separator: ", ")
        )
    }

    /// The release, as far as this workspace can verify it: the votes, and that the ledger knows of them.
    private func release(_ request: ActionRequest) throws(StepError) -> ([UInt8], VerifiedRelease) {
        let name = request.parameters["release"]?.string ?? ""
        let place = try estate.recording(name)
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(place, limit: 80 << 20)
        } catch {
            throw StepError(.permanent, "`\(name)` cannot be read: \(error.sentence)")
        }
        do {
            let verified = try Release(parsing: bytes).verify(under: estate.configuration, now: request.now)
            guard try estate.recalls(verified) else {
                throw StepError(.permanent, "`\(name)` was not released in this workspace")
            }
            return (bytes, verified)
        } catch let fault as Release.Fault {
            throw StepError(.permanent, "\(fault.message) [\(fault.code.rawValue)]", help: fault.help)
        } catch {
            throw StepError(error, otherwise: "`\(name)` cannot be verified")
        }
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        let release = request.parameters["release"]?.string ?? "?"
        return (request.parameters.texts("gateways") ?? []).map { id in
            let policy = try? (try? estate.gateway(id))?.document().policy
            return "put \(release) in force at \(id)" + (policy.map { ", in the place of \($0)" } ?? "")
        }
    }
}

/// The way in which one gateway gets its policy: the file that its document names.
private struct Delivery {
    let gateway: ReachedGateway
    let path: String
    /// What stands there now.
    let former: String?

    init(_ gateway: ReachedGateway) throws(StepError) {
        self.gateway = gateway
        let files = GatewayFiles(gateway.document, beside: gateway.named.file)
        guard let name = gateway.document.policy else {
            throw StepError(
                .permanent,
                "the document of `\(gateway.id)` names no policy",
                help: "add `policy: policy.json` to \(gateway.named.written)"
            )
        }
        do throws(WorkspaceError) {
            path = try Destination.checked(files.path(name))
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        do throws(FileFault) {
            former = String(decoding: try StoredFile.read(path, limit: 80 << 20), as: UTF8.self)
        } catch {
            guard error == .missing else {
                throw StepError(.permanent, "the policy of `\(gateway.id)` cannot be read: \(error.sentence)")
            }
            former = nil
        }
    }

    /// Puts a policy in its place, and wants the gateway to say that it is in force.
    func put(_ bytes: [UInt8], _ digest: Digest) async throws(StepError) {
        do throws(WorkspaceError) { try DurableFile.write(bytes, to: path) } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        try await gateway.reload()
        let status = try await gateway.named.status(gateway.client)
        guard status["policy"]?.string == digest.description else {
            throw StepError(.permanent, "`\(gateway.id)` read the release and has another policy in force")
        }
    }

    func putBack() async {
        guard let former else { return }
        try? DurableFile.write(Array(former.utf8), to: path)
        try? await gateway.reload()
    }
}
