import Core
import Gateway
package import Playbooks
import Policies

/// `gateway.mode`: makes gateways record, shadow or enforce.
///
/// All of them are asked first: where one does not answer nothing changes. Doing it twice does nothing, and
/// `gateway.restore` gives each its former mode back.
package struct SetGatewayMode: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "gateway.mode",
            summary: "make gateways record, shadow or enforce",
            effect: .change,
            parameters: [
                .gateways,
                .init(
                    "mode",
                    .string,
                    isRequired: true,
                    allowed: GatewayConfiguration.Mode.allCases.map(\.rawValue),
                    summary: "what the gateways do with their decisions"
                ),
                .init("reason", .string, summary: "why; kept in each gateway's audit log"),
            ],
            outputs: [("changed", .list), ("former", .map), ("since", .string)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        guard let word = request.parameters["mode"]?.string, let mode = GatewayConfiguration.Mode(rawValue: word) else {
            throw StepError(.permanent, "a mode is needed", help: "write record, shadow or enforce")
        }
        let gateways = try await estate.reached(try estate.gateways(request.parameters))
        for gateway in gateways {
            if gateway.isGlassBroken, gateway.mode != word {
                throw StepError(
                    .permanent,
                    "somebody has broken the glass at `\(gateway.id)`, and its mode is theirs",
                    help: "`lockstep gateway mode \(gateway.id) --reviewed` ends it"
                )
            }
            if mode == .enforce { try checkMayEnforce(gateway) }
        }
        let changing = gateways.filter { $0.mode != word }
        var undo = try GatewayUndo(estate, run: request.run, step: request.instance.description)
        try undo.add(changing.map { .mode(gateway: $0.id, former: $0.mode) })
        for (index, gateway) in changing.enumerated() {
            do throws(StepError) {
                try await gateway.change(to: word, by: request.author, reason: request.reason)
            } catch {
                // Half of them in another mode is what nobody asked for.
                for changed in changing[..<index] {
                    try? await changed.change(to: changed.mode, by: request.author, reason: "not all could be changed")
                }
                throw error
            }
        }
        let former = undo.entries.compactMap { entry -> (String, JSON.Value)? in
            if case .mode(let gateway, let former) = entry { (gateway, .string(former)) } else { nil }
        }
        return ActionResult(
            outputs: [
                "changed": .array(changing.map { .string($0.id) }), "former": .object(JSON.Object(former)),
                "since": .string(request.now.description),
            ],
            summary: changing.isEmpty
                ? "\(counted(gateways.count, "gateway")) in \(word) already"
                : changing.map { "\($0.id) from \($0.mode) to \(word)" }.joined(separator: ", ")
        )
    }

    /// A gateway without a policy denies everything, and a release says itself what it was approved for.
    private func checkMayEnforce(_ gateway: ReachedGateway) throws(StepError) {
        guard !gateway.policy.isEmpty else {
            throw StepError(
                .permanent,
                "`\(gateway.id)` has no policy, and would deny every call",
                help: "put a release in force with `policy.deploy` first"
            )
        }
        let files = try gateway.named.files
        guard let name = files.document.policy, let bytes = try? StoredFile.read(files.path(name), limit: 80 << 20),
            Release.isOne(bytes)
        else { return }
        let release: Release
        do throws(Release.Fault) { release = try Release(parsing: bytes) } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        guard release.digest.description == gateway.policy else {
            throw StepError(
                .permanent,
                "the release of `\(gateway.id)` is not the policy that is in force there",
                help: "put the release in force with `policy.deploy`"
            )
        }
        guard release.terms.mode == .enforce else {
            throw StepError(
                .permanent,
                "the release at `\(gateway.id)` was approved for \(release.terms.mode.rawValue), not to be enforced",
                help: "have it approved with `mode: enforce`, and put that release in force"
            )
        }
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        let mode = request.parameters["mode"]?.string ?? "?"
        return (request.parameters.texts("gateways") ?? []).map { "change gateway \($0) to \(mode)" }
    }
}
