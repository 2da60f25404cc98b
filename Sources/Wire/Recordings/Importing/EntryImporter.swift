import Core

/// Feeds JSON values to a reader: one a line, or the elements of one document.
///
/// A text whose first line is no more than an opening bracket, or begins with `[`, is one document; so is every text of a
/// format that says so. One broken byte spoils a document, but only one line of a text of lines.
struct EntryImporter<Reader: EntryReader>: RecordingImporter {
    private enum Mode { case undecided, lines, document }

    private var reader: Reader
    private var mode: Mode
    private var splitter: LineSplitter
    private var calls: DraftCalls
    /// The beginning while it is undecided what the text is, then the document.
    private var buffer: [UInt8] = []
    private var isTooLarge = false

    init(_ reader: Reader, format: RecordingFormat, settings: ImportSettings, isDocument: Bool = false) {
        self.reader = reader
        mode = isDocument ? .document : .undecided
        splitter = LineSplitter(limit: settings.limits.lineBytes)
        calls = DraftCalls(format: format, settings: settings)
    }

    mutating func feed(_ bytes: [UInt8]) {
        switch mode {
        case .lines: for line in splitter.feed(bytes) { take(line) }
        case .document: collect(bytes)
        case .undecided:
            buffer.append(contentsOf: bytes)
            decide(isEnd: false)
        }
    }

    mutating func finish() -> ImportedRecording {
        if mode == .undecided { decide(isEnd: true) }
        if mode == .document {
            readDocument()
        } else {
            for line in splitter.finish() { take(line) }
        }
        reader.finish(into: &calls)
        return calls.assemble()
    }

    private mutating func decide(isEnd: Bool) {
        let text = buffer.drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
        guard let first = text.first else { return }
        let head = text.prefix(16).prefix { $0 != UInt8(ascii: "\n") }.filter { $0 > 0x20 }
        // The end of the first line may not have come yet.
        let isLineKnown = isEnd || text.count >= 16 || text.contains(UInt8(ascii: "\n"))
        guard isLineKnown || first == UInt8(ascii: "[") else { return }
        let start = buffer
        buffer = []
        if first == UInt8(ascii: "[") || head == [UInt8(ascii: "{")] {
            mode = .document
            collect(start)
        } else {
            mode = .lines
            for line in splitter.feed(start) { take(line) }
        }
    }

    private mutating func collect(_ bytes: [UInt8]) {
        if isTooLarge { return }
        if buffer.count + bytes.count > calls.settings.limits.documentBytes {
            isTooLarge = true
            buffer = []
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    private mutating func readDocument() {
        guard !isTooLarge else { return calls.quarantine(.documentTooLarge, at: nil) }
        let bytes = buffer.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(buffer.dropFirst(3)) : buffer
        buffer = []
        guard bytes.contains(where: { $0 > 0x20 }) else { return }
        var outline = JSON.Outline()
        do throws(JSON.ScanError) {
            try outline.scan(bytes.span, limits: calls.settings.limits.documentJSON)
        } catch {
            let line = bytes.prefix(error.offset).count { $0 == UInt8(ascii: "\n") } + 1
            return calls.quarantine(.json(error.code), at: line)
        }
        guard outline.kind(of: outline.root) == .array else {
            calls.report.entries += 1
            return reader.read(outline.value(of: outline.root, in: bytes.span), at: 1, into: &calls)
        }
        var line = 1
        var counted = 0
        for element in outline.children(of: outline.root) {
            let start = outline.range(of: element).lowerBound
            line += bytes[counted..<start].count { $0 == UInt8(ascii: "\n") }
            counted = start
            calls.report.entries += 1
            reader.read(outline.value(of: element, in: bytes.span), at: line, into: &calls)
        }
    }

    private mutating func take(_ line: LineSplitter.Line) {
        calls.report.entries += 1
        switch line {
        case .tooLong(let number): calls.quarantine(.lineTooLong, at: number)
        case .text(let bytes, let number):
            if let value = calls.json(bytes, at: number) { reader.read(value, at: number, into: &calls) }
        }
    }
}
