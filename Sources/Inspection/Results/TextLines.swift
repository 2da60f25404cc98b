/// The lines of a text, sorted into tables, lists, and what is neither.
struct TextLines {
    /// So many lines of one form are no chance.
    static let fewestRows = 3
    private static let fewestPlain = 10

    private var lines: [ArraySlice<UInt8>] = []
    /// A text with signs of a programming language in many lines.
    private var isSource = false
    private var isDifference = false
    private var hasBlockComments = false

    init(_ bytes: [UInt8], _ parts: [Range<Int>]) {
        var inCode = 0
        for part in parts {
            for var line in bytes[part].split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
                while let last = line.last, last == 0x20 || last == 0x09 && line.count < 2 { line.removeLast() }
                guard let first = line.first(where: { $0 != 0x20 && $0 != 0x09 }) else { continue }
                // Fences of code blocks, and brackets that are left over.
                if first == 0x60, line.count < 16 { continue }
                if let last = line.last,
                    last == 0x3B || last == 0x7B || last == 0x7D || last == 0x3A && line.contains(0x28)
                {
                    inCode += 1
                }
                if line.starts(with: "@@ ".utf8) || line.starts(with: "+++ ".utf8) { isDifference = true }
                if line.drop(while: { $0 == 0x20 }).starts(with: "/*".utf8) { hasBlockComments = true }
                lines.append(line)
            }
        }
        isSource = inCode * 8 > lines.count
    }

    func records(upTo cap: Int) -> Int {
        // No table and no list is shorter.
        guard lines.count >= Self.fewestRows, cap > 0 else { return 0 }
        // A file that is shown with the numbers of its lines is the file.
        if let bare = withoutNumbers() { return bare.records(upTo: cap) }
        if isDifference { return 0 }
        var used = [Bool](repeating: false, count: lines.count)
        var total = tables(&used)
        total += lists(&used)
        if !isSource { total += alike(used) }
        return total
    }

    private func withoutNumbers() -> TextLines? {
        guard lines.count >= Self.fewestPlain else { return nil }
        var result = self
        var previous: Int?
        for (index, line) in lines.enumerated() {
            let start = line.drop { $0 == 0x20 || $0 == 0x09 }
            let digits = start.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, digits.count < 9, let number = Int(String(decoding: digits, as: UTF8.self)) else {
                return nil
            }
            let rest = start.dropFirst(digits.count)
            // Editors put a tab, a bar or an arrow after the number.
            guard let sign = rest.first,
                sign == 0x09 || sign == 0x7C || sign == 0x3A || sign == 0xE2 || rest.starts(with: " | ".utf8)
            else { return nil }
            if let previous, number <= previous || number > previous + 64 { return nil }
            previous = number
            result.lines[index] = rest.drop { $0 == 0x09 || $0 == 0x7C || $0 == 0x3A || $0 == 0x20 || $0 >= 0x80 }
        }
        result.lines.removeAll(where: \.isEmpty)
        guard !result.lines.isEmpty else { return nil }
        // Rows with a number in front are rows all the same: the rest has to be source or prose to be a file.
        let sourceLines = result.lines.count {
            $0.last == 0x3B || $0.last == 0x7B || $0.last == 0x7D || $0.contains(0x28) || $0.contains(0x3D)
        }
        guard sourceLines * 8 > result.lines.count else { return nil }
        result.isSource = true
        return result
    }

    // MARK: Tables

    private func tables(_ used: inout [Bool]) -> Int {
        var total = 0
        for separator: UInt8 in [0x7C, 0x09, 0x2C, 0x3B] {
            var start = 0
            while start < lines.count {
                let width = used[start] ? 0 : columns(lines[start], separator)
                var end = start + 1
                if width > 1 {
                    while end < lines.count, !used[end], columns(lines[end], separator) == width { end += 1 }
                    if end - start >= Self.fewestRows, isTable(start..<end, separator) {
                        var rows = end - start
                        if hasHeading(start..<end, separator) { rows -= 1 }
                        if rows > 0, start + 1 < end, isRule(lines[start + 1]) { rows -= 1 }
                        total += rows
                        for index in start..<end { used[index] = true }
                    }
                }
                start = end
            }
        }
        return total
    }

    /// The number of cells; separators in quotes are text.
    private func columns(_ line: ArraySlice<UInt8>, _ separator: UInt8) -> Int {
        var count = 1
        var isQuoted = false
        for byte in line {
            if byte == 0x22 { isQuoted.toggle() }
            if byte == separator, !isQuoted { count += 1 }
        }
        return count
    }

    /// Whether lines with the same number of cells are rows, and not code or verse that happens to have its commas.
    private func isTable(_ range: Range<Int>, _ separator: UInt8) -> Bool {
        guard separator == 0x2C || separator == 0x3B else { return !isSource || separator == 0x7C && range.count > 4 }
        var compact = 0
        var codes = 0
        var longCells = 0
        for line in lines[range] {
            var isCompact = true
            var previous: UInt8 = 0
            for byte in line {
                if previous == separator, byte == 0x20 { isCompact = false }
                previous = byte
            }
            if isCompact, previous != separator { compact += 1 }
            if let last = line.last, last == 0x7B || last == 0x7D || last == 0x3B || last == 0x29 || last == separator {
                codes += 1
            }
            if line.split(separator: separator).contains(where: { $0.count { $0 == 0x20 } > 5 }) { longCells += 1 }
        }
        if codes * 4 > range.count { return false }
        if compact * 10 >= range.count * 9 { return true }
        return !isSource && range.count >= 5 && longCells * 4 <= range.count
    }

    /// Whether the first row names the columns: no digit in it, and digits in those below.
    private func hasHeading(_ range: Range<Int>, _ separator: UInt8) -> Bool {
        if isRule(lines[range.lowerBound + 1]) { return true }
        func hasDigit(_ line: ArraySlice<UInt8>) -> Bool { line.contains { (0x30...0x39).contains($0) } }
        return !hasDigit(lines[range.lowerBound]) && lines[range.dropFirst()].allSatisfy(hasDigit)
    }

    private func isRule(_ line: ArraySlice<UInt8>) -> Bool {
        line.contains(0x2D) && line.allSatisfy { $0 == 0x2D || $0 == 0x7C || $0 == 0x3A || $0 == 0x20 || $0 == 0x2B }
    }

    // MARK: Lists

    /// Entries with a bullet or a number; those below an entry are its fields while they are few.
    private func lists(_ used: inout [Bool]) -> Int {
        var indents: [Int?] = []
        for (index, line) in lines.enumerated() { indents.append(used[index] ? nil : bullet(line)) }
        guard let outer = indents.compactMap(\.self).min() else { return 0 }
        let entries = indents.count { $0 != nil }
        guard entries >= Self.fewestRows else { return 0 }
        var total = 0
        var below = 0
        var isOpen = false
        func flush() {
            total += below > ItemCount.mostFieldValues ? below : isOpen ? 1 : 0
            below = 0
        }
        for (index, indent) in indents.enumerated() {
            guard let indent else { continue }
            used[index] = true
            if indent == outer {
                flush()
                isOpen = true
            } else {
                below += 1
            }
        }
        flush()
        return total
    }

    /// How far a line is indented that begins with a bullet.
    private func bullet(_ line: ArraySlice<UInt8>) -> Int? {
        let start = line.drop { $0 == 0x20 || $0 == 0x09 }
        let indent = line.count - start.count
        if start.starts(with: "\u{2022}".utf8) || start.starts(with: "\u{25E6}".utf8)
            || start.starts(with: "\u{2023}".utf8)
        {
            return indent
        }
        guard let first = start.first else { return nil }
        if first == 0x2D || first == 0x2A || first == 0x2B {
            guard start.dropFirst().first == 0x20, start.count > 2 else { return nil }
            // The lines of a block comment begin with a star.
            return hasBlockComments && first == 0x2A ? nil : indent
        }
        let digits = start.prefix { (0x30...0x39).contains($0) }
        guard (1...7).contains(digits.count), let sign = start.dropFirst(digits.count).first,
            sign == 0x2E || sign == 0x29,
            start.dropFirst(digits.count + 1).first == 0x20
        else { return nil }
        return indent
    }

    // MARK: Lines of one form

    /// Lines of a few words each, or lines that begin alike with numbers in them: names, files, a log.
    private func alike(_ used: [Bool]) -> Int {
        var plain = 0
        var free = 0
        var forms: [[UInt8]: Int] = [:]
        for (index, line) in lines.enumerated() where !used[index] {
            free += 1
            let words = line.split(separator: 0x20, maxSplits: 8)
            guard let first = words.first else { continue }
            let isEnded = line.last == 0x2E || line.last == 0x3F || line.last == 0x21 || line.last == 0x3A
            let isCode = line.contains { $0 == 0x7B || $0 == 0x7D || $0 == 0x3B || $0 == 0x3D }
            if words.count <= 4, !isEnded, !isCode, first.first != 0x23 { plain += 1 }
            if first.count <= 64, first.contains(where: { (0x30...0x39).contains($0) }) {
                forms[Self.form(first), default: 0] += 1
            }
        }
        let form = forms.values.max() ?? 0
        let most = max(plain, form)
        return most >= Self.fewestPlain && most * 5 >= free * 4 ? most : 0
    }

    /// A word with its digits and letters as one sign for each run.
    private static func form(_ word: ArraySlice<UInt8>) -> [UInt8] {
        var form: [UInt8] = []
        for byte in word {
            let kind: UInt8 =
                switch byte {
                case 0x30...0x39: 0x39
                case 0x41...0x5A, 0x61...0x7A, 0x80...0xFF: 0x61
                default: byte
                }
            if form.last != kind { form.append(kind) }
        }
        return form
    }
}
