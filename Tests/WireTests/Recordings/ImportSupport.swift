import Core
import Wire

/// Runs a whole text through an importer, in pieces of the given size.
func imported(
    _ text: String,
    as format: RecordingFormat,
    settings: ImportSettings = ImportSettings(),
    pieces: Int = 1 << 20
) -> ImportedRecording {
    guard var importer = format.importer(settings) else {
        return ImportedRecording(calls: [], report: ImportReport(format: format))
    }
    return run(&importer, text, pieces: pieces)
}

func run(_ importer: inout any RecordingImporter, _ text: String, pieces: Int = 1 << 20) -> ImportedRecording {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
        importer.feed(Array(bytes[start..<min(start + pieces, bytes.count)]))
        start += pieces
    }
    return importer.finish()
}

/// One line a call, with everything that tests compare.
func shown(_ recording: ImportedRecording) -> [String] {
    recording.calls.map { call in
        let arguments = call.argumentsAreKnown ? JSON.Value.object(call.arguments).description : "?"
        return
            "\(call.server)/\(call.tool) \(arguments) \(call.outcome.rawValue) \(call.principal.kind.rawValue):\(call.principal.id)"
    }
}

func reasons(_ recording: ImportedRecording) -> [String] {
    recording.report.quarantine.map { "\($0.line.map(String.init) ?? "-"):\($0.reason.code)" }
}
