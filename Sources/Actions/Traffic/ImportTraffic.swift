import Core
package import Playbooks
import Wire
import Workspace

/// `traffic.import`: brings recordings into the native form, with tokens for secrets.
package struct ImportTraffic: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "traffic.import",
            summary: "bring recordings into the native form, with tokens for secrets",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init(
                    "files",
                    .list,
                    items: .string,
                    isRequired: true,
                    rule: .recording,
                    summary: "the recordings, by whole paths or inside the workspace"
                ),
                .init(
                    "format",
                    .string,
                    allowed: ["auto"] + RecordingImport.formats,
                    summary: "their format; told by how each begins unless given"
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
                ("recording", .string), ("digest", .string), ("calls", .integer), ("sessions", .integer),
                ("quarantined", .integer), ("gaps", .list), ("coverage", .list),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let path = try estate.place(request.parameters["path"]?.string ?? "")
        var recording = estate.recordingImport()
        for file in request.parameters.texts("files") ?? [] {
            let place = try estate.recording(file)
            do throws(RecordingImport.Failure) {
                try recording.add(place, format: request.parameters["format"]?.string ?? "auto")
            } catch {
                throw StepError(.permanent, error.words.message, help: error.words.help)
            }
        }
        do {
            try estate.write(recording.bytes, to: path, mode: 0o600)
        } catch {
            throw StepError(error, otherwise: "the recording could not be written")
        }
        let summaries = recording.summaries
        let calls = summaries.map(\.calls).reduce(0, +)
        let sessions = summaries.map(\.sessions).reduce(0, +)
        let quarantined = summaries.map(\.quarantinedTotal).reduce(0, +)
        return ActionResult(
            outputs: [
                "recording": .string(path), "digest": .string(Digest.sha256(recording.bytes).description),
                "calls": .integer(Int64(calls)), "sessions": .integer(Int64(sessions)),
                "quarantined": .integer(Int64(quarantined)),
                "gaps": .array(
                    summaries.flatMap { summary in summary.gaps.map { .string("\(summary.file): \($0)") } }
                ),
                "coverage": .array(summaries.map(\.json)),
            ],
            summary: "\(calls) calls of \(sessions) sessions imported, \(quarantined) lines quarantined"
        )
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        (request.parameters.texts("files") ?? []).map { "read \($0)" }
            + ["write \(request.parameters["path"]?.string ?? "?")"]
    }
}

extension LiteralRule {
    /// A recording that is read: by its whole path, or inside the workspace.
    package static let recording = LiteralRule { path in
        let isFine =
            path.hasPrefix("/") ? !WorkspacePath.touchesState(path) : WorkspacePath.parts(of: path) != nil
        return isFine
            ? .fine
            : .forbidden(
                "is no recording that a playbook may read",
                help: "write a whole path, or one inside the workspace such as `recordings/week-1.ndjson`"
            )
    }
}

extension Estate {
    /// The place of a recording; the state of a workspace is none.
    func recording(_ path: String) throws(StepError) -> String {
        guard path.hasPrefix("/") else { return try place(path) }
        guard !WorkspacePath.touchesState(path) else {
            throw StepError(.permanent, "`\(path)` lies in the state of a workspace", help: "name a recording")
        }
        return path
    }

    /// Writes a file whose place was checked, with the folder that it lies in.
    func write(_ bytes: [UInt8], to place: String, mode: UInt32) throws {
        let folder = place.lastIndex(of: "/").map { String(place[..<$0]) } ?? ""
        if !folder.isEmpty { try DurableFile.makeFolder(folder, mode: 0o755) }
        try DurableFile.write(bytes, to: place, mode: mode)
    }

    func recordings(_ request: ActionRequest) throws(StepError) -> [String] {
        var files: [String] = []
        for file in request.parameters.texts("recordings") ?? [] { files.append(try recording(file)) }
        guard !files.isEmpty else { throw StepError(.permanent, "no recording is named") }
        return files
    }
}
