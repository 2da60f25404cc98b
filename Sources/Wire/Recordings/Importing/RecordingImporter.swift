import Core

/// Reads one recording in somebody else's format.
///
/// Bytes go in as they come, in pieces of any size, and the calls come out at the end: pairs, sessions and order need the
/// whole recording. Nothing throws. What cannot be read is set aside and counted. A compressed file is unpacked by the
/// caller.
package protocol RecordingImporter: Sendable {
    mutating func feed(_ bytes: [UInt8])
    /// Ends the import; the importer is used up.
    mutating func finish() -> ImportedRecording
}

/// Understands the lines of a format of text lines.
protocol LineReader: Sendable {
    mutating func read(_ line: [UInt8], at number: Int, into calls: inout DraftCalls)
    mutating func finish(into calls: inout DraftCalls)
}

/// Understands the entries of a format of JSON values.
protocol EntryReader: Sendable {
    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls)
    mutating func finish(into calls: inout DraftCalls)
}

extension LineReader {
    mutating func finish(into calls: inout DraftCalls) {}
}

extension EntryReader {
    mutating func finish(into calls: inout DraftCalls) {}
}

/// Cuts bytes into lines and keeps none that is longer than the limit.
struct LineSplitter: Sendable {
    enum Line: Sendable {
        case text([UInt8], number: Int)
        case tooLong(number: Int)
    }

    private let limit: Int
    private var pending: [UInt8] = []
    private var isTooLong = false
    private var number = 1

    init(limit: Int) { self.limit = limit }

    /// Takes the next bytes and returns the lines that they complete.
    mutating func feed(_ bytes: [UInt8]) -> [Line] {
        var lines: [Line] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            add(bytes[start..<end])
            guard end < bytes.endIndex else { break }
            emit(into: &lines)
            number += 1
            start = end + 1
        }
        return lines
    }

    /// The last line, where the text does not end with a line break.
    mutating func finish() -> [Line] {
        var lines: [Line] = []
        emit(into: &lines)
        return lines
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) {
        if isTooLong { return }
        if pending.count + bytes.count > limit {
            isTooLong = true
            pending = []
        } else {
            pending.append(contentsOf: bytes)
        }
    }

    private mutating func emit(into lines: inout [Line]) {
        defer {
            pending.removeAll(keepingCapacity: true)
            isTooLong = false
        }
        if isTooLong { return lines.append(.tooLong(number: number)) }
        var line = pending
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        if number == 1, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        if line.contains(where: { $0 != 0x20 && $0 != 0x09 }) { lines.append(.text(line, number: number)) }
    }
}

/// Feeds the lines of a text to a reader.
struct LineImporter<Reader: LineReader>: RecordingImporter {
    private var reader: Reader
    private var splitter: LineSplitter
    private var calls: DraftCalls

    init(_ reader: Reader, format: RecordingFormat, settings: ImportSettings) {
        self.reader = reader
        splitter = LineSplitter(limit: settings.limits.lineBytes)
        calls = DraftCalls(format: format, settings: settings)
    }

    mutating func feed(_ bytes: [UInt8]) {
        for line in splitter.feed(bytes) { take(line) }
    }

    mutating func finish() -> ImportedRecording {
        for line in splitter.finish() { take(line) }
        reader.finish(into: &calls)
        return calls.assemble()
    }

    private mutating func take(_ line: LineSplitter.Line) {
        calls.report.entries += 1
        switch line {
        case .tooLong(let number): calls.quarantine(.lineTooLong, at: number)
        case .text(let bytes, let number): reader.read(bytes, at: number, into: &calls)
        }
    }
}
