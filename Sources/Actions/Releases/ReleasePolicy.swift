import Core
import Identity
package import Playbooks
import Policies
import Workspace

/// `policy.release`: joins an approved policy with the votes that approved it.
package struct ReleasePolicy: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.release",
            summary: "join an approved policy with the signed votes that approved it",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init("policy", .string, isRequired: true, rule: .recording, summary: "the policy that was approved"),
                .init(
                    "approval",
                    .string,
                    isRequired: true,
                    isName: true,
                    summary: "the approval step of this run; it shows `policy`, `mode`, `valid_days` and `approvals`"
                ),
                .init(
                    "path",
                    .string,
                    isRequired: true,
                    rule: .workspacePath,
                    summary: "the file that is written, inside the workspace"
                ),
            ],
            outputs: [
                ("release", .string), ("digest", .string), ("policy_digest", .string), ("mode", .string),
                ("expires", .string), ("approved_by", .list), ("artifact", .artifact),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let path = try estate.place(request.parameters["path"]?.string ?? "")
        let policy = request.parameters["policy"]?.string ?? ""
        let place = try estate.recording(policy)
        let document: [UInt8]
        do throws(FileFault) {
            document = try StoredFile.read(place, limit: 64 << 20)
        } catch {
            throw StepError(.permanent, "`\(policy)` cannot be read: \(error)")
        }
        let verified: VerifiedRelease
        do {
            verified = try estate.release(
                document,
                run: request.run,
                step: StepInstance(parsing: request.parameters["approval"]?.string ?? ""),
                now: request.now
            )
        } catch let fault as Release.Fault {
            throw StepError(.permanent, "\(fault.message) [\(fault.code.rawValue)]", help: fault.help)
        } catch {
            throw StepError(error, otherwise: "the release could not be made")
        }
        let release = verified.release
        let evidence: Evidence
        do {
            try estate.write(release.bytes, to: path, mode: 0o600)
            evidence = try estate.keep(release.bytes, name: path, mediaType: "application/json", at: request.now)
        } catch {
            throw StepError(error, otherwise: "the release could not be written")
        }
        let names = verified.approvals.map(\.person.text)
        return ActionResult(
            outputs: [
                "release": .string(path), "digest": .string(Digest.sha256(release.bytes).description),
                "policy_digest": .string(release.digest.description), "mode": .string(release.terms.mode.rawValue),
                "expires": .string(verified.expires.description), "approved_by": .array(names.map { .string($0) }),
                "artifact": .string(evidence.digest.description),
            ],
            summary: "released for \(release.terms.mode.rawValue), approved by \(names.joined(separator: ", "))"
                + (release.isRehearsal ? ", a rehearsal" : ""),
            evidence: [evidence]
        )
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        [
            "write \(request.parameters["path"]?.string ?? "?") with the votes of \(request.parameters["approval"]?.string ?? "?")"
        ]
    }
}
