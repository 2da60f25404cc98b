package import Core
import Behaviour
import Identity
import Inspection
package import Traffic
package import Wire
import Workspace

/// Reads recordings in any known format and gives their calls in the native form, without secrets.
package struct RecordingImport {
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
        /// Columns, or members of flat lines, that nothing was read from.
        package var unread: [String] = []

        package var quarantinedTotal: Int { quarantined.values.reduce(0, +) }
    }

    package struct Example: Sendable {
        package var line: Int?
        /// Stable.
        package var reason: String
        /// What it is about the line, a sentence, where there is more to say than the reason.
        package var detail: String?
    }

    package enum Failure: Error, Sendable {
        case unreadable(file: String, RecordingFault)
        /// zstd, which is unpacked by whoever has it.
        case compressed(file: String)
        case unknownFormat(file: String)
        /// Two columns have one name, and nobody can say which is meant.
        case repeatedColumn(file: String, Int, Int)

        /// One sentence, with what to do about it.
        package var words: (code: String, message: String, help: String?) {
            switch self {
            case .unreadable(let file, let fault):
                (fault.code, "`\(file)` cannot be read: \(fault)", nil)
            case .compressed(let file):
                (
                    "import.compressed", "`\(file)` is compressed",
                    "unpack it first: `zstd -dc FILE` and `-` as the file"
                )
            case .unknownFormat(let file):
                (
                    "import.unknown-format", "the format of `\(file)` is not known by its beginning",
                    "name it with --from: \(RecordingImport.formats.joined(separator: ", ")); of CSV, --map KEY=COLUMN "
                        + "says what its columns are, such as --map tool=action,time=at"
                )
            case .repeatedColumn(let file, let first, let second):
                (
                    "import.repeated-column", "columns \(first) and \(second) of `\(file)` have one name",
                    "rename or remove one of them: nothing says which of them is meant"
                )
            }
        }
    }

    /// What `--from` takes besides `auto`.
    package static let formats =
        ["native"] + RecordingFormat.allCases.map(\.rawValue) + ["csv"] + FieldMap.shipped.keys.sorted()

    private static let examplesKept = 20
    /// Enough to tell a format by.
    private static let beginningBytes = 64 << 10

    private let settings: ImportSettings
    private let secretDigest: @Sendable (String) -> String
    /// What is kept of results.
    package var results = ResultStorage.full
    /// Whether the workspace keeps the calls, so that where secrets came from is noted and believed.
    private var isKept = false
    /// The same, for calls that the workspace keeps.
    var kept: RecordingImport {
        var kept = self
        kept.isKept = true
        return kept
    }
    /// Where flat lines and CSV keep what a call needs; names of the native form unless somebody declares others.
    package var fieldMap: FieldMap?
    /// Replaces personal data in what is handed over; nil where it stays.
    package var personalData: Tokeniser?
    private var follower = SessionFollower()
    private var secrets = SessionSecrets()
    /// Where each session of an earlier file stopped, so that its numbers go on.
    private var sequences: [String: Int64] = [:]
    package private(set) var summaries: [Summary] = []
    /// What is to be said of files that a killed writer left.
    package private(set) var notes: [String] = []

    /// - Parameters:
    ///   - secretDigest: The keyed digest of a secret, which takes its place.
    ///   - names: From what recordings call a server to its id.
    package init(secretDigest: @escaping @Sendable (String) -> String, names: [String: String] = [:]) {
        self.secretDigest = secretDigest
        settings = ImportSettings(
            aliases: ServerAliases(names),
            tokeniser: .secrets(digest: secretDigest)
        )
    }

    /// Reads one file, or all recordings of a workspace by their folder, and hands over its calls; `-` is standard input.
    ///
    /// - Throws: `Failure`; the calls before it were handed over.
    package mutating func add(
        _ file: String,
        format: String = "auto",
        _ body: (CallRecord) -> Void
    ) throws(Failure) {
        let parts: [RecordingSource.Part]
        do throws(RecordingFault) { parts = try RecordingSource.parts(of: file) } catch {
            throw .unreadable(file: file, error)
        }
        for part in parts { try add(part, format, body) }
    }

    mutating func add(
        _ part: RecordingSource.Part,
        _ format: String,
        _ body: (CallRecord) -> Void
    ) throws(Failure) {
        var beginning: [UInt8] = []
        var intake: Intake?
        var failure: Failure?
        let name = part.name
        let settings = settings
        let map = fieldMap
        let secrets = secrets
        func decide(_ isSealedHere: Bool) {
            if beginning.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
                failure = .compressed(file: name)
            } else if format == "native" || format == "auto" && map == nil && Self.isNative(beginning) {
                intake = .native(NativeIntake(name, settings, secrets, isSealedHere: isSealedHere))
            } else if let importer = Self.importer(format, beginning, name, settings, map) {
                intake = .foreign(importer)
            } else {
                failure = .unknownFormat(file: name)
            }
        }
        func feed(_ bytes: [UInt8], _ import: inout RecordingImport) {
            switch intake {
            case .native(var native):
                intake = nil
                native.feed(bytes) { `import`.hand($0, body) }
                intake = .native(native)
            case .foreign(var importer):
                intake = nil
                importer.feed(bytes)
                intake = .foreign(importer)
            case nil: break
            }
        }
        do throws(RecordingFault) {
            var isSealed = false
            let note = try RecordingSource.read(part) { piece, isSealedHere in
                guard failure == nil else { return }
                isSealed = isSealedHere
                let bytes = unsafe piece.withUnsafeBufferPointer { unsafe Array($0) }
                guard intake == nil else { return feed(bytes, &self) }
                beginning += bytes
                guard beginning.count >= Self.beginningBytes else { return }
                decide(isSealedHere)
                feed(beginning, &self)
                beginning = []
            }
            if intake == nil, failure == nil {
                decide(isSealed)
                feed(beginning, &self)
            }
            if let note { notes.append(note) }
        } catch {
            throw .unreadable(file: name, error)
        }
        if let failure { throw failure }
        switch intake {
        case .native(var native):
            native.finish { hand($0, body) }
            self.secrets = native.secrets
            summaries.append(native.summary)
        case .foreign(var importer): try take(importer.finish(), name, body)
        case nil: break
        }
    }

    /// Hands a call over as it may leave: without its result where that is not kept, without personal data.
    private mutating func hand(_ call: CallRecord, _ body: (CallRecord) -> Void) {
        var call = call
        if results != .full {
            if let text = call.result?.text,
                PoisonSignals.isMarked(text, scalars: ShownText.longestInstructing)
            {
                call.marksInstructions = true
            }
            call.withholdResult(results, observed: follower.observe(call), digest: secretDigest)
        } else if isKept {
            call.noteOriginsOfSecrets(follower.observe(call))
        }
        personalData?.apply(to: &call)
        body(call)
    }

    private static func importer(
        _ format: String,
        _ beginning: [UInt8],
        _ file: String,
        _ settings: ImportSettings,
        _ declared: FieldMap?
    ) -> (any RecordingImporter)? {
        var settings = settings
        settings.file = file
        if let map = FieldMap.shipped[format] { return map.importer(settings) }
        let map = declared ?? .native
        switch format {
        case "csv": return map.csvImporter(settings)
        case "fields": return map.importer(settings)
        case "auto" where declared != nil:
            let start = beginning.first { $0 > 0x20 && ![0xEF, 0xBB, 0xBF].contains($0) }
            let isJSON = start == UInt8(ascii: "{") || start == UInt8(ascii: "[")
            return isJSON ? map.importer(settings) : map.csvImporter(settings)
        default: break
        }
        let known = format == "auto" ? RecordingFormat.sniff(beginning) : RecordingFormat(rawValue: format)
        return known?.importer(settings)
    }

    private static func isNative(_ beginning: [UInt8]) -> Bool {
        beginning.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
            || String(decoding: beginning.prefix(64 << 10), as: UTF8.self).contains("\"lockstep.call/")
    }

    private mutating func take(
        _ recording: ImportedRecording,
        _ file: String,
        _ body: (CallRecord) -> Void
    ) throws(Failure) {
        let report = recording.report
        for case .repeatedColumn(let first, let second) in report.quarantined.keys {
            throw .repeatedColumn(file: file, first, second)
        }
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
        summary.unread = report.unread
        var next: [String: Int64] = [:]
        var disbelieved = DisbelievedClaims()
        for var call in recording.calls {
            disbelieved.count(call.withdrawClaims())
            call.sequence += sequences[call.session] ?? 0
            next[call.session] = call.sequence + 1
            hand(call, body)
        }
        sequences.merge(next) { $1 }
        summary.note(disbelieved)
        summaries.append(summary)
    }
}

/// What a file turned out to be.
private enum Intake {
    case native(NativeIntake)
    case foreign(any RecordingImporter)
}

/// Own recordings keep their numbers: only their secrets go.
private struct NativeIntake {
    private(set) var summary: RecordingImport.Summary
    private var sessions: Set<Int> = []
    private var reader = NativeReader()
    private let settings: ImportSettings

    private var disbelieved = DisbelievedClaims()
    private let isSealedHere: Bool
    /// Sessions go on from one file to the next.
    private(set) var secrets: SessionSecrets

    init(_ file: String, _ settings: ImportSettings, _ secrets: SessionSecrets, isSealedHere: Bool) {
        self.secrets = secrets
        summary = RecordingImport.Summary(file: file, format: "native")
        self.settings = settings
        self.isSealedHere = isSealedHere
    }

    mutating func feed(_ bytes: [UInt8], _ body: (CallRecord) -> Void) {
        var reader = reader
        reader.feed(bytes.span) { take($0, $1, body) }
        self.reader = reader
    }

    mutating func finish(_ body: (CallRecord) -> Void) {
        var reader = reader
        reader.finish { take($0, $1, body) }
        summary.sessions = sessions.count
        summary.note(disbelieved)
    }

    private mutating func take(
        _ line: Int,
        _ result: Result<CallRecord, NativeReader.Refusal>,
        _ body: (CallRecord) -> Void
    ) {
        switch result {
        case .success(var call):
            if !isSealedHere { disbelieved.count(call.withdrawClaims()) }
            let count = settings.tokeniser?.apply(to: &call, &secrets) ?? 0
            if count > 0 { summary.notices[ImportNotice.tokenised.rawValue, default: 0] += count }
            if call.source == nil {
                call.source = CallRecord.Source(importer: "native", file: summary.file, line: line)
            }
            summary.calls += 1
            summary.coverage.count(call)
            sessions.insert((call.principal.id + "\u{0}" + call.session).hashValue)
            body(call)
        case .failure(let refusal):
            let code = "recording.\(refusal.code.rawValue)"
            summary.quarantined[code, default: 0] += 1
            if summary.examples.count < 20 {
                summary.examples.append(RecordingImport.Example(line: line, reason: code, detail: "\(refusal)"))
            }
        }
    }
}

extension Tokeniser {
    /// Replaces secrets by their keyed digests.
    static func secrets(digest: @escaping @Sendable (String) -> String) -> Tokeniser {
        Tokeniser(token: digest) { text, name in
            // What an earlier import put there stays: a token of a token could not be compared.
            if KeyedDigest(text) != nil { return nil }
            var secrets: [String] = []
            let replaced = Credentials.tokenise(text, named: name) { secret in
                if mayBeSentAgain(secret) { secrets.append(secret) }
                return digest(secret)
            }
            return replaced.map { Tokeniser.Replacement(text: $0, secrets: secrets) }
        }
    }

    /// Whether the value alone may be taken for the secret elsewhere.
    ///
    /// Never what names a party, a place or a day: a text that calls an account a password must not hide where money goes.
    private static func mayBeSentAgain(_ secret: String) -> Bool {
        switch CanonicalValue(text: secret).valueClass {
        case .token, .number, .short, .free: true
        case .email, .url, .account, .phone, .path, .date, .boolean, .empty, .secret: false
        }
    }
}

extension Estate {
    /// An import under the workspace's key and with its names of servers.
    package func recordingImport() -> RecordingImport {
        RecordingImport(secretDigest: secretDigest, names: declaredNames.mapValues(\.text))
    }

    /// What `lockstep.yaml` says is kept of results.
    package var recordedResults: ResultStorage? {
        configuration.recordedResults.flatMap(ResultStorage.init(rawValue:))
    }

    /// What replaces personal data in whatever leaves this workspace.
    package var personalData: Tokeniser {
        let fields = configuration.servers.flatMap { $0.fields.keys.compactMap { $0.split(separator: "/").last } }
        return .personalData(declaredFields: Set(fields.map(String.init)), digest: secretDigest)
    }
}
