import Core

/// Reads comma-separated values (RFC 4180) with a header line; every cell is text.
///
/// A quoted cell may hold line breaks. A quote that is never closed would swallow the rest of the file, so a row longer
/// than the line limit is set aside and reading goes on at the next line break.
struct CSVImporter: RecordingImporter {
    private var reader: FieldReader
    private var calls: DraftCalls
    private var header: [String]?
    private var row: [String] = []
    private var cell: [UInt8] = []
    private var rowBytes = 0
    private var isQuoted = false
    private var endsQuote = false
    private var isSkipping = false
    /// Two columns have one name: no row of the file can be read for sure.
    private var isRefused = false
    private var line = 1
    private var start = 1

    init(_ reader: FieldReader, settings: ImportSettings) {
        self.reader = reader
        calls = DraftCalls(format: .fields, settings: settings)
    }

    mutating func feed(_ bytes: [UInt8]) {
        for byte in bytes where !isRefused { take(byte) }
    }

    mutating func finish() -> ImportedRecording {
        if isRefused { return calls.assemble() }
        if isQuoted, !endsQuote {
            calls.report.entries += 1
            calls.quarantine(.columns, at: start)
        } else if !cell.isEmpty || !row.isEmpty {
            endRow()
        }
        reader.finish(into: &calls)
        return calls.assemble()
    }

    private mutating func take(_ byte: UInt8) {
        let isNewline = byte == UInt8(ascii: "\n")
        defer { if isNewline { line += 1 } }
        if isSkipping {
            if isNewline { reset() }
            return
        }
        rowBytes += 1
        if rowBytes > calls.settings.limits.lineBytes {
            calls.report.entries += 1
            calls.quarantine(.lineTooLong, at: start)
            isSkipping = true
            return
        }
        if isQuoted {
            if endsQuote, byte == UInt8(ascii: "\"") {
                cell.append(byte)
                endsQuote = false
                return
            }
            if !endsQuote {
                if byte == UInt8(ascii: "\"") { endsQuote = true } else { cell.append(byte) }
                return
            }
        } else if byte == UInt8(ascii: "\""), cell.isEmpty {
            isQuoted = true
            return
        }
        switch byte {
        case UInt8(ascii: ","): endCell()
        case UInt8(ascii: "\n"): endRow()
        case UInt8(ascii: "\r"): break
        default: cell.append(byte)
        }
    }

    private mutating func endCell() {
        row.append(String(decoding: cell, as: UTF8.self))
        cell.removeAll(keepingCapacity: true)
        isQuoted = false
        endsQuote = false
    }

    private mutating func endRow() {
        endCell()
        defer { reset() }
        if row == [""] { return }
        guard let header else {
            if let first = row.first, first.hasPrefix("\u{FEFF}") { row[0] = String(first.unicodeScalars.dropFirst()) }
            if let (first, second) = Self.repeated(row) {
                // Which of the two is meant is not for a reader to choose.
                calls.report.entries += 1
                calls.quarantine(.repeatedColumn(first, second), at: start)
                isRefused = true
            }
            return header = row
        }
        calls.report.entries += 1
        guard row.count == header.count else { return calls.quarantine(.columns, at: start) }
        let entry = JSON.Object(zip(header, row).map { (key: $0, value: .string($1)) })
        reader.read(.object(entry), at: start, into: &calls)
    }

    /// The places of the first two columns of one name, from 1.
    private static func repeated(_ header: [String]) -> (Int, Int)? {
        var places: [String: Int] = [:]
        for (index, name) in header.enumerated() where !name.isEmpty {
            if let first = places.updateValue(index, forKey: name) { return (first + 1, index + 1) }
        }
        return nil
    }

    private mutating func reset() {
        row = []
        cell = []
        rowBytes = 0
        isQuoted = false
        endsQuote = false
        isSkipping = false
        start = line + 1
    }
}
