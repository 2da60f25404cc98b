package import Core
import Glibc
import Identity
import Inspection
package import Wire

/// Reads recordings in any known format and gives their calls in the native form, without secrets.
package struct RecordingImport: Sendable {
    /// What came of one file.
    package struct Summary: Sendable {
        package var file: String
        /// `native`, or the raw value of a `RecordingFormat`.
        package var format: String
        package var calls = 0
        package var sessions = 0
        package var coverage = ImportReport.Coverage()
        package var notices: [String: Int] = [:]
        package var skipped: [String: Int] = [:]
        package var quarantined: [String: Int] = [:]
        /// The first places that were set aside, with the reason.
        package var examples: [Example] = []
        package var unmapped: [String: Int] = [:]

        package var quarantinedTotal: Int { quarantined.values.reduce(0, +) }
    }

    package struct Example: Sendable {
        package var line: Int?
        package var reason: String
    }

    package enum Failure: Error, Sendable {
        case unreadable(file: String, FileFault)
        /// gzip or zstd, which is unpacked by whoever has it.
        case compressed(file: String)
        case unknownFormat(file: String)

        /// One sentence, with what to do about it.
        package var words: (code: String, message: String, help: String?) {
            switch self {
            case .unreadable(let file, let fault):
                ("input.unreadable", "`\(file)` cannot be read: \(fault)", nil)
            case .compressed(let file):
                (
                    "import.compressed", "`\(file)` is compressed",
                    "unpack it first: `gunzip -c FILE` and `-` as the file"
                )
            case .unknownFormat(let file):
                (
                    "import.unknown-format", "the format of `\(file)` is not known by its beginning",
                    "name it: \(RecordingImport.formats.joined(separator: ", "))"
                )
            }
        }
    }

    /// What `--from` takes besides `auto`.
    package static let formats =
        ["native"] + RecordingFormat.allCases.filter { $0 != .fields }.map(\.rawValue) + FieldMap.shipped.keys.sorted()

    private static let pieceBytes = 1 << 20
    private static let examplesKept = 20

    private let settings: ImportSettings
    /// Where each session of an earlier file stopped, so that its numbers go on.
    private var sequences: [String: Int64] = [:]
    package private(set) var summaries: [Summary] = []
    /// The lines that the calls were turned into.
    package private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - secretDigest: The keyed digest of a secret, which takes its place.
    ///   - names: From what recordings call a server to its id.
    package init(secretDigest: @escaping @Sendable (String) -> String, names: [String: String] = [:]) {
        settings = ImportSettings(
            aliases: ServerAliases(names),
            tokeniser: Tokeniser { text, name in
                // What an earlier import put there stays: a token of a token could not be compared.
                if KeyedDigest(text) != nil { return nil }
                return Credentials.tokenise(text, named: name, token: secretDigest)
            }
        )
    }

    /// Reads one file; `-` is standard input.
    package mutating func add(_ file: String, format: String = "auto") throws(Failure) {
        let descriptor = file == "-" ? STDIN_FILENO : unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(file: file, FileFault(errno: errno)) }
        defer { if file != "-" { close(descriptor) } }
        var piece = try Self.beginning(of: descriptor, file)
        if piece.starts(with: [0x1F, 0x8B]) || piece.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            throw .compressed(file: file)
        }
        if format == "native" || format == "auto" && Self.isNative(piece) {
            return try addNative(&piece, descriptor, file)
        }
        guard var importer = importer(format, piece, file) else { throw .unknownFormat(file: file) }
        while !piece.isEmpty {
            importer.feed(piece)
            piece = try Self.read(descriptor, file)
        }
        take(importer.finish(), file)
    }

    private func importer(_ format: String, _ beginning: [UInt8], _ file: String) -> (any RecordingImporter)? {
        var settings = settings
        settings.file = file
        if let map = FieldMap.shipped[format] { return map.importer(settings) }
        let known = format == "auto" ? RecordingFormat.sniff(beginning) : RecordingFormat(rawValue: format)
        return known?.importer(settings)
    }

    private static func isNative(_ beginning: [UInt8]) -> Bool {
        beginning.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
            || String(decoding: beginning.prefix(64 << 10), as: UTF8.self).contains("\"lockstep.call/")
    }

    private mutating func take(_ recording: ImportedRecording, _ file: String) {
        let report = recording.report
        var summary = Summary(file: file, format: report.format.rawValue)
        summary.calls = report.calls
        summary.sessions = report.sessions
        summary.coverage = report.coverage
        summary.notices = Dictionary(uniqueKeysWithValues: report.notices.map { ($0.key.rawValue, $0.value) })
        summary.skipped = report.skipped
        summary.quarantined = Dictionary(report.quarantined.map { ($0.key.code, $0.value) }, uniquingKeysWith: +)
        summary.examples = report.quarantine.prefix(Self.examplesKept).map {
            Example(line: $0.line, reason: $0.reason.code)
        }
        summary.unmapped = report.unmapped
        summaries.append(summary)
        var next: [String: Int64] = [:]
        for var call in recording.calls {
            call.sequence += sequences[call.session] ?? 0
            next[call.session] = call.sequence + 1
            bytes += NativeWriter.line(call)
        }
        sequences.merge(next) { $1 }
    }

    /// Own recordings keep their numbers: only their secrets go.
    private mutating func addNative(
        _ piece: inout [UInt8],
        _ descriptor: Int32,
        _ file: String
    ) throws(Failure) {
        var summary = Summary(file: file, format: "native")
        var sessions: Set<String> = []
        var lines: [UInt8] = []
        let limit = settings.limits.calls
        let tokeniser = settings.tokeniser
        func take(_ line: Int, _ result: Result<CallRecord, NativeReader.Refusal>) {
            switch result {
            case .success(var call):
                guard summary.calls < limit else {
                    summary.quarantined["calls.too-many", default: 0] += 1
                    return
                }
                let count = tokeniser?.apply(to: &call) ?? 0
                if count > 0 { summary.notices[ImportNotice.tokenised.rawValue, default: 0] += count }
                if call.source == nil {
                    call.source = CallRecord.Source(importer: "native", file: file, line: line)
                }
                summary.calls += 1
                summary.coverage.count(call)
                sessions.insert(call.principal.id + "\u{0}" + call.session)
                lines += NativeWriter.line(call)
            case .failure(let refusal):
                let code = "recording.\(refusal.code.rawValue)"
                summary.quarantined[code, default: 0] += 1
                if summary.examples.count < Self.examplesKept {
                    summary.examples.append(Example(line: line, reason: code))
                }
            }
        }
        var reader = NativeReader()
        while !piece.isEmpty {
            reader.feed(piece.span, take)
            piece = try Self.read(descriptor, file)
        }
        reader.finish(take)
        summary.sessions = sessions.count
        summaries.append(summary)
        bytes += lines
    }

    /// Enough to tell a format by: a pipe may give a few bytes at a time.
    private static func beginning(of descriptor: Int32, _ file: String) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < 64 << 10 {
            let piece = try read(descriptor, file)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    private static func read(_ descriptor: Int32, _ file: String) throws(Failure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: pieceBytes)
        while true {
            let length = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw .unreadable(file: file, FileFault(errno: errno)) }
            return Array(buffer.prefix(length))
        }
    }
}

extension RecordingImport.Summary {
    /// What is missing and what follows from it.
    package var gaps: [String] { coverage.gaps(of: calls) }

    package var json: JSON.Value {
        func counts(_ counts: [String: Int]) -> JSON.Value {
            .object(
                JSON.Object(
                    counts.sorted { $0.key < $1.key }.map { (key: $0.key, value: .integer(Int64($0.value))) }
                )
            )
        }
        return [
            "file": .string(file), "format": .string(format), "calls": .integer(Int64(calls)),
            "sessions": .integer(Int64(sessions)), "coverage": coverage.json,
            "gaps": .array(gaps.map { .string($0) }), "notices": counts(notices), "skipped": counts(skipped),
            "quarantined": counts(quarantined),
            "examples": .array(
                examples.map {
                    ["line": $0.line.map { .integer(Int64($0)) } ?? .null, "reason": .string($0.reason)]
                }
            ),
            "unmapped": counts(unmapped),
        ]
    }
}

extension ImportReport.Coverage {
    /// For how many calls each was told.
    package var json: JSON.Value {
        [
            "principal": .integer(Int64(principal)), "arguments": .integer(Int64(arguments)),
            "results": .integer(Int64(results)), "task": .integer(Int64(task)), "times": .integer(Int64(times)),
            "outcomes": .integer(Int64(outcomes)), "conversations": .integer(Int64(conversations)),
        ]
    }
}

extension Estate {
    /// An import under the workspace's key and with its names of servers.
    package func recordingImport() -> RecordingImport {
        RecordingImport(secretDigest: secretDigest, names: declaredNames.mapValues(\.text))
    }
}
