import Core
import Ledger
package import Playbooks
import Policies
import Traffic
import Workspace

/// `policy.export`: writes a policy for another engine, with a statement of what that engine cannot express.
package struct ExportPolicy: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.export",
            summary: "write a policy for another engine",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init("policy", .string, isRequired: true, rule: .recording, summary: "the policy"),
                .init("digest", .string, summary: "what the policy must be, so that what was approved is exported"),
                .init(
                    "to",
                    .string,
                    isRequired: true,
                    allowed: ExportTarget.allCases.map(\.rawValue),
                    summary: "the engine or format"
                ),
                .init(
                    "path",
                    .string,
                    isRequired: true,
                    rule: .workspacePath,
                    summary: "the folder that is written, inside the workspace"
                ),
                .init(
                    "tools",
                    .list,
                    items: .string,
                    rule: .recording,
                    summary: "answers to tools/list, for tools that the inventory does not know"
                ),
                .init(
                    "recordings",
                    .list,
                    items: .string,
                    rule: .recording,
                    summary: "recordings, for engines that compare texts as they were sent"
                ),
                .init("task", .string, summary: "the one task whose calls reach the engine"),
                .init(
                    "delegate",
                    .list,
                    items: .string,
                    allowed: ["arguments", "calls"],
                    summary: "what another service decides in front of the tools"
                ),
            ],
            outputs: [
                ("folder", .string), ("files", .list), ("digest", .string), ("exact", .list), ("narrower", .list),
                ("omitted", .list), ("differences", .list),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let parameters = request.parameters
        let path = parameters["policy"]?.string ?? ""
        let (policy, digest) = try estate.policy(path, now: request.now)
        if let wanted = parameters["digest"]?.string, wanted != digest.description {
            throw StepError(
                .permanent,
                "the policy `\(path)` is \(digest), not \(wanted)",
                help: "it was changed since it was approved: have it approved again"
            )
        }
        guard let target = parameters["to"]?.string.flatMap(ExportTarget.init(rawValue:)) else {
            throw StepError(.permanent, "there is no such target")
        }
        let place = try estate.place(parameters["path"]?.string ?? "")
        let delegated = parameters.texts("delegate") ?? []
        let options = ExportOptions(
            task: parameters["task"]?.string,
            tools: try shapes(request, policy),
            spellings: try spellings(request, policy),
            delegatesArguments: delegated.contains("arguments"),
            delegatesCalls: delegated.contains("calls")
        )
        let export = policy.exported(to: target, options: options)
        do throws(ExportFolder.Failure) {
            _ = try ExportFolder(place).write(export, mayReplace: false)
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        let json = export.statement.json
        let statement = export.files.first { $0.path == ExportStatement.file }?.bytes ?? []
        return ActionResult(
            outputs: [
                "folder": .string(place), "files": .array(export.files.map { .string($0.path) }),
                "digest": .string(Digest.sha256(statement).description), "exact": json["exact"] ?? [],
                "narrower": json["narrower"] ?? [], "omitted": json["omitted"] ?? [],
                "differences": .array(export.statement.differences.prefix(100).map { .string($0.line) }),
            ],
            summary: "policy exported to \(place) for \(target.rawValue): \(export.statement.summary)"
        )
    }

    private func shapes(_ request: ActionRequest, _ policy: Policy) throws(StepError) -> [ServerTool: ToolShape] {
        var shapes: [ServerTool: ToolShape]
        do {
            shapes = ExportSources.shapes(in: try estate.ledger.servers(), of: policy)
        } catch {
            throw StepError(error)
        }
        for file in request.parameters.texts("tools") ?? [] {
            let place = try estate.recording(file)
            let bytes: [UInt8]
            do throws(FileFault) {
                bytes = try StoredFile.read(place, limit: 64 << 20)
            } catch {
                throw StepError(.permanent, "`\(file)` cannot be read: \(error)")
            }
            do throws(ExportSources.Failure) {
                shapes.merge(try ExportSources.shapes(bytes, of: policy)) { $1 }
            } catch {
                throw StepError(.permanent, "`\(file)`: \(error.message)", help: error.help)
            }
        }
        return shapes
    }

    private func spellings(_ request: ActionRequest, _ policy: Policy) throws(StepError) -> [String] {
        guard request.parameters["recordings"] != nil else { return [] }
        let files = try estate.recordings(request)
        do throws(RecordingFiles.Failure) {
            return try ExportSources.spellings(in: files, of: policy)
        } catch {
            throw StepError(.permanent, "`\(error.file)` cannot be read: \(error.fault)")
        }
    }
}

/// `policy.unexport`: takes an export back, as long as nobody changed it.
package struct RemoveExport: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.unexport",
            summary: "remove an export that nobody changed",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init(
                    "path",
                    .string,
                    isRequired: true,
                    rule: .workspacePath,
                    summary: "the folder of the export, inside the workspace"
                )
            ],
            outputs: [("removed", .list)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let place = try estate.place(request.parameters["path"]?.string ?? "")
        do throws(ExportFolder.Failure) {
            let removed = try ExportFolder(place).clear().removed
            return ActionResult(
                outputs: ["removed": .array(removed.map { .string($0) })],
                summary: "\(counted(removed.count, "file")) of an export removed from \(place)"
            )
        } catch {
            // A second attempt finds nothing left to do.
            if error.code == "export.none" { return ActionResult(outputs: ["removed": []], summary: error.message) }
            throw StepError(.permanent, error.message, help: error.help)
        }
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        ["remove the export in \(request.parameters["path"]?.string ?? "?")"]
    }
}
