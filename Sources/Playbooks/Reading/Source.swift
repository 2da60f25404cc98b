import Core
import Documents

/// The text of a document, to find where a part of a value stands in it.
struct Source {
    let file: String
    private let bytes: [UInt8]
    private let lines: [Int]

    init(_ bytes: [UInt8], file: String) {
        self.file = file
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        self.bytes = text
        var lines = [0]
        for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { lines.append(offset + 1) }
        self.lines = lines
    }

    /// Where these bytes of a scalar's value stand; of a scalar of several lines, its start.
    func place(of range: Range<Int>, in node: Node) -> Place {
        guard let scalar = node.scalar, node.start.line == node.end.line else { return node.lead }
        let utf8 = scalar.text.utf8
        func scalars(_ bytes: Range<Int>) -> Int {
            utf8.dropFirst(bytes.lowerBound).prefix(bytes.count).count { $0 & 0xC0 != 0x80 }
        }
        let before = scalars(0..<range.lowerBound)
        let inside = scalars(range)
        let columns: (first: Int, width: Int)
        switch scalar.style {
        case .single:
            let quotes = utf8.prefix(range.lowerBound).count { $0 == UInt8(ascii: "'") }
            columns = (1 + before + quotes, inside)
        case .double:
            let first = written(before, from: node.start)
            columns = (1 + first, written(before + inside, from: node.start) - first)
        default: columns = (before, inside)
        }
        return Place(
            file: file,
            line: node.start.line,
            column: node.start.column + columns.first,
            length: max(1, columns.width)
        )
    }

    /// How many scalars stand in the source for the first `count` ones of a double-quoted value.
    private func written(_ count: Int, from mark: Node.Mark) -> Int {
        guard lines.indices.contains(mark.line - 1) else { return count }
        let start = lines[mark.line - 1]
        let end = mark.line < lines.count ? lines[mark.line] : bytes.count
        var scalars = String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars.dropFirst(mark.column)[...]
        var passed = 0
        for _ in 0..<count {
            guard let scalar = scalars.popFirst() else { break }
            passed += 1
            guard scalar == "\\", let kind = scalars.popFirst() else { continue }
            let digits =
                switch kind {
                case "x": 2
                case "u": 4
                case "U": 8
                default: 0
                }
            scalars = scalars.dropFirst(digits)
            passed += 1 + digits
        }
        return passed
    }
}
