package import Core
package import Ledger
package import Playbooks
package import Reporting
import Workspace

/// `report.progress`: writes how far the rollout is, for people and for machines.
package struct ReportProgress: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "report.progress",
            summary: "write a progress report",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init(
                    "formats",
                    .list,
                    items: .string,
                    allowed: ["md", "csv", "json", "html"],
                    summary: "which of md, csv, json and html; html unless given"
                ),
                .init(
                    "directory",
                    .string,
                    rule: .workspacePath,
                    summary: "folder inside the workspace; `reports` unless given"
                ),
            ],
            outputs: [("report", .artifact), ("files", .list)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let formats = request.parameters.texts("formats") ?? ["html"]
        let folder = try estate.place(request.parameters["directory"]?.string ?? "reports")
        var files: [JSON.Value] = []
        var evidence: [Evidence] = []
        do {
            let query = ProgressQuery(estate: estate, reader: PlaybookReading(estate: estate).document)
            let report = ProgressReport(try query.snapshot(of: try query.root(of: request.run)))
            try DurableFile.makeFolder(folder, mode: 0o755)
            for format in formats {
                let (bytes, type) = try report.rendered(as: format)
                // The key in the name makes a repeated attempt write the same file again.
                let path = "\(folder)/progress-\(request.run)-\(request.idempotencyKey.suffix(8)).\(format)"
                try DurableFile.write(bytes, to: path, mode: 0o644)
                files.append(.string(path))
                evidence.append(try estate.keep(bytes, name: path, mediaType: type, at: request.now))
            }
        } catch {
            throw StepError(error, otherwise: "the report could not be rendered")
        }
        return ActionResult(
            outputs: ["report": .string(evidence.first?.digest.description ?? ""), "files": .array(files)],
            summary: "report written: " + files.compactMap(\.string).joined(separator: ", "),
            evidence: evidence
        )
    }
}

extension ProgressReport {
    /// The bytes of one of the formats, with their media type.
    package func rendered(as format: String) throws -> (bytes: [UInt8], mediaType: String) {
        switch format {
        case "html": (Array(try html().utf8), "text/html")
        case "md": (Array(markdown().utf8), "text/markdown")
        case "json": (Array(JSON.pretty(json).utf8), "application/json")
        case "csv": (Array(csv().utf8), "text/csv")
        default:
            throw StepError(
                .permanent,
                "there is no report as `\(format)`",
                help: "use html, md, csv or json"
            )
        }
    }
}

extension ProgressQuery {
    /// The run of the programme that a run belongs to.
    package func root(of run: RunID) throws(LedgerError) -> RunID {
        var id = run
        while let parent = try estate.ledger.run(id)?.parent { id = parent.run }
        return id
    }
}

/// Reads playbooks as this workspace means them.
package struct PlaybookReading: Sendable {
    let estate: Estate

    package init(estate: Estate) {
        self.estate = estate
    }

    package var checker: Checker {
        let root = estate.folder.root
        return Checker(catalogue: estate.catalogue) { file in
            try DurableFile.read(file.hasPrefix("/") ? file : "\(root)/\(file)", limit: 16 << 20)
        }
    }

    @Sendable package func document(_ source: [UInt8], _ file: String) -> Checked.Document? {
        checker.check(file: file, bytes: source).document
    }
}

extension Estate {
    /// A path inside the workspace; one that would leave it is refused.
    package func place(_ path: String) throws(StepError) -> String {
        do throws(WorkspaceError) {
            return try Destination.checked(path, inside: folder)
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
    }

    /// Keeps bytes as an artifact under their digest.
    package func keep(
        _ bytes: [UInt8],
        name: String,
        mediaType: String,
        at time: Timestamp
    ) throws -> Evidence {
        let digest = Digest.sha256(bytes)
        // Files first, the row after: a row without its file would be a promise that nobody can keep.
        try DurableFile.write(bytes, to: "\(folder.artifacts)/\(digest.hex)")
        try ledger.record(
            ArtifactRecord(digest: digest, mediaType: mediaType, byteCount: bytes.count, bytes: nil, created: time)
        )
        return Evidence(name: name, digest: digest, mediaType: mediaType, byteCount: bytes.count)
    }
}
