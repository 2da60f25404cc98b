package import Core
import Glibc
package import Wire

/// Recordings as files: read once, a piece at a time, whatever their size.
package struct RecordingFiles: Sendable {
    /// What was read, and what could not be.
    package struct Count: Sendable, Hashable {
        package var calls = 0
        package var quarantined = 0
        /// The first lines that could not be read, at most twenty, each with its file.
        package var examples: [Example] = []
    }

    package struct Example: Sendable, Hashable {
        package var file: String
        /// One-based.
        package var line: Int
        package var refusal: NativeReader.Refusal
    }

    /// A file that could not be opened or read to its end.
    package struct Failure: Error, Sendable, Hashable {
        package var file: String
        package var fault: FileFault
    }

    private static let pieceBytes = 1 << 20

    /// Hands over every call of the files, in their order; `-` is standard input.
    ///
    /// - Throws: `Failure` where a file cannot be read; the calls before it were handed over.
    package static func read(
        _ files: [String],
        _ body: (CallRecord) -> Void
    ) throws(Failure) -> Count {
        var count = Count()
        for file in files { try read(file, &count, body) }
        return count
    }

    private static func read(_ file: String, _ count: inout Count, _ body: (CallRecord) -> Void) throws(Failure) {
        let descriptor = file == "-" ? STDIN_FILENO : unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(file: file, fault: FileFault(errno: errno)) }
        defer { if file != "-" { close(descriptor) } }
        var reader = NativeReader()
        func take(_ line: Int, _ result: Result<CallRecord, NativeReader.Refusal>) {
            switch result {
            case .success(var record):
                count.calls += 1
                if record.source == nil {
                    record.source = CallRecord.Source(importer: "native", file: file, line: line)
                }
                body(record)
            case .failure(let refusal):
                count.quarantined += 1
                if count.examples.count < 20 {
                    count.examples.append(Example(file: file, line: line, refusal: refusal))
                }
            }
        }
        var buffer = [UInt8](repeating: 0, count: Self.pieceBytes)
        while true {
            let length = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if length < 0 {
                if errno == EINTR { continue }
                throw Failure(file: file, fault: FileFault(errno: errno))
            }
            if length == 0 { break }
            reader.feed(buffer.span.extracting(0..<length), take)
        }
        reader.finish(take)
    }
}
