/// A text that diagnostics quote from, with its lines found once: a file with many faults is quoted many times.
package struct SourceText: Sendable {
    private let bytes: [UInt8]
    /// Where each line begins; a line ends before the newline that the next one follows.
    private let starts: [Int]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        starts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    }

    package init(_ text: String) {
        self.init(Array(text.utf8))
    }

    /// A line by its number from 1, without its end; nothing where the text has no such line.
    func line(_ number: Int) -> String? {
        guard number >= 1, number <= starts.count else { return nil }
        let end = number < starts.count ? starts[number] - 1 : bytes.count
        return String(decoding: bytes[starts[number - 1]..<end], as: UTF8.self)
    }
}
