import Core
package import Playbooks
import Traffic
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
                    rule: .workspacePath,
                    summary: "a file inside the workspace; unless given, the workspace's own encrypted recordings"
                ),
                .init(
                    "results",
                    .string,
                    allowed: ResultStorage.allCases.map(\.rawValue),
                    summary: "what is kept of results; what lockstep.yaml says unless given"
                ),
                .init(
                    "map",
                    .list,
                    items: .string,
                    rule: .fieldMapping,
                    summary:
                        "columns of CSV and members of flat lines as `KEY=COLUMN`, such as `tool=action`; KEY is one of "
                        + FieldMap.keys.joined(separator: ", ")
                ),
                .init(
                    "include_purged",
                    .boolean,
                    summary: "whether calls come in again that a purge took away; they are left out unless given"
                ),
            ],
            outputs: [
                ("recording", .string), ("digest", .string), ("calls", .integer), ("sessions", .integer),
                ("quarantined", .integer), ("added", .integer), ("known", .integer), ("purged", .integer),
                ("gaps", .list),
                ("coverage", .list),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        var recording = estate.recordingImport()
        let given = request.parameters["results"]?.string.flatMap(ResultStorage.init(rawValue:))
        let format = request.parameters["format"]?.string ?? "auto"
        if let map = request.parameters.texts("map"), !map.isEmpty {
            guard ["auto", "csv", "fields"].contains(format) else {
                throw StepError(
                    .permanent,
                    "the format `\(format)` has no columns that a map could name",
                    help: "leave `format` out, or name csv or fields"
                )
            }
            do throws(FieldMap.DeclarationFault) {
                recording.fieldMap = try FieldMap(declarations: map)
            } catch {
                throw StepError(.permanent, "the map cannot be read: \(error)", help: LiteralRule.fieldMappingHelp)
            }
        }
        var files: [String] = []
        for file in request.parameters.texts("files") ?? [] { files.append(try estate.recording(file)) }
        let (path, digest): (String, Digest)
        var addition: RecordingStore.Addition?
        if let name = request.parameters["path"]?.string {
            recording.results = given ?? estate.recordedResults ?? .full
            (path, digest) = try write(files, format, &recording, to: name)
        } else {
            recording.results = given ?? estate.recordedResults ?? .provenance
            do {
                let store = RecordingStore(estate)
                addition = try store.add(
                    files,
                    format: format,
                    &recording,
                    now: request.now,
                    includesPurged: request.parameters["include_purged"]?.bool ?? false
                )
                // Shards are never changed, so their names say what there is.
                let names = try store.folder.shards().map(\.name).joined(separator: "\n")
                (path, digest) = (Self.store, Digest.sha256(Array(names.utf8)))
            } catch let error as RecordingImport.Failure {
                throw StepError(.permanent, error.words.message, help: error.words.help)
            } catch {
                throw StepError(error, otherwise: "the recordings could not be taken in")
            }
        }
        let summaries = recording.summaries
        let calls = summaries.map(\.calls).reduce(0, +)
        let sessions = summaries.map(\.sessions).reduce(0, +)
        let quarantined = summaries.map(\.quarantinedTotal).reduce(0, +)
        return ActionResult(
            outputs: [
                "recording": .string(path), "digest": .string(digest.description),
                "calls": .integer(Int64(calls)), "sessions": .integer(Int64(sessions)),
                "quarantined": .integer(Int64(quarantined)),
                "added": .integer(Int64(addition?.calls ?? calls)), "known": .integer(Int64(addition?.known ?? 0)),
                "purged": .integer(Int64(addition?.purged ?? 0)),
                "gaps": .array(
                    summaries.flatMap { summary in summary.gaps.map { .string("\(summary.file): \($0)") } }
                ),
                "coverage": .array(summaries.map(\.json)),
            ],
            summary:
                Self.summary(
                    calls: calls,
                    added: addition?.calls ?? calls,
                    known: addition?.known ?? 0,
                    sessions: sessions,
                    quarantined: quarantined,
                    purged: addition?.purged ?? 0
                )
        )
    }

    /// What came in: a call that was there already did not.
    package static func summary(
        calls: Int,
        added: Int,
        known: Int,
        sessions: Int,
        quarantined: Int,
        purged: Int = 0
    ) -> String {
        let read = "\(counted(calls, "call")) of \(counted(sessions, "session")) read"
        let there = known == 1 ? "1 was there already" : "\(known) were there already"
        let left = "\(purged) left out that a purge took away (`include_purged: true` takes them in again)"
        let added = "\(added) imported" + (known == 0 ? "" : ", \(there)") + (purged == 0 ? "" : ", \(left)")
        return "\(read), \(added), \(counted(quarantined, "line")) quarantined"
    }

    private func write(
        _ files: [String],
        _ format: String,
        _ recording: inout RecordingImport,
        to name: String
    ) throws(StepError) -> (String, Digest) {
        let path = try estate.place(name)
        var bytes: [UInt8] = []
        for file in files {
            do throws(RecordingImport.Failure) {
                try recording.add(file, format: format) { bytes += NativeWriter.line($0) }
            } catch {
                throw StepError(.permanent, error.words.message, help: error.words.help)
            }
        }
        do {
            try estate.write(bytes, to: path, mode: 0o600)
        } catch {
            throw StepError(error, otherwise: "the recording could not be written")
        }
        return (path, Digest.sha256(bytes))
    }

    /// The recordings of the workspace, as other steps name them.
    private static let store = ".lockstep/recordings"

    package func preview(_ request: ActionRequest) async -> [String] {
        (request.parameters.texts("files") ?? []).map { "read \($0)" }
            + ["write \(request.parameters["path"]?.string ?? Self.store)"]
    }
}

extension LiteralRule {
    /// A recording that is read: by its whole path, or inside the workspace.
    package static let recording = LiteralRule { path in
        let isFine =
            path == ".lockstep/recordings" || path.hasPrefix("/")
            ? !WorkspacePath.touchesState(path) : WorkspacePath.parts(of: path) != nil
        return isFine
            ? .fine
            : .forbidden(
                "is no recording that a playbook may read",
                help: "write a whole path, or one inside the workspace such as `recordings/week-1.ndjson`"
            )
    }
}

extension LiteralRule {
    static let fieldMappingHelp =
        "write KEY=COLUMN, such as `tool=action`; KEY is one of \(FieldMap.keys.joined(separator: ", "))"

    /// `KEY=COLUMN` of a field map.
    static let fieldMapping = LiteralRule { text in
        do throws(FieldMap.DeclarationFault) {
            _ = try FieldMap(declarations: [text])
            return .fine
        } catch {
            return .malformed("is no KEY=COLUMN of a call", help: fieldMappingHelp)
        }
    }
}

extension Estate {
    /// The place of a recording; of the state of a workspace only the recordings as a whole are one.
    func recording(_ path: String) throws(StepError) -> String {
        if path == ".lockstep/recordings" { return folder.recordings }
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
