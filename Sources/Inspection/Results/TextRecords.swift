import Core

// The records that stand in a text: JSON, tables, lists, lines of one form.
extension ItemCount.Counter {
    /// The records of a text, 0 for prose and source.
    mutating func text(_ text: String, depth: Int) -> Int {
        let bytes = Array(text.utf8)
        guard bytes.count > 1, depth < ItemCount.deepestText else { return 0 }
        var rest: [Range<Int>] = []
        let inJSON = json(bytes, depth: depth, rest: &rest)
        if inJSON >= cap { return cap }
        let mostLines = rest.count + rest.reduce(0) { $0 + bytes[$1].count { $0 == 0x0A || $0 == 0x0D } }
        guard mostLines >= TextLines.fewestRows else { return inJSON }
        let lines = TextLines(bytes, rest)
        let (sum, overflows) = inJSON.addingReportingOverflow(lines.records(upTo: cap - inJSON))
        return overflows ? .max : sum
    }

    /// JSON values that begin a line, alone, one a line, or after a heading; what is none of them remains.
    private mutating func json(_ bytes: [UInt8], depth: Int, rest: inout [Range<Int>]) -> Int {
        var total = 0
        var at = 0
        var restStart = 0
        // After a bracket that nothing closes no other is looked for to the end, so that work stays linear.
        var mayMatch = true
        while at < bytes.count, total < cap {
            var start = at
            while start < bytes.count, bytes[start] == 0x20 || bytes[start] == 0x09 || bytes[start] == 0x0D {
                start += 1
            }
            if start < bytes.count, bytes[start] == 0x7B || bytes[start] == 0x5B, Self.looksLikeJSON(bytes, start) {
                let end = mayMatch ? Self.closing(bytes, start) : nil
                if end == nil { mayMatch = false }
                // A list that was cut off counts as far as it goes.
                let stop = end ?? bytes.count
                rest.append(restStart..<at)
                let slice = bytes[start..<stop]
                if end != nil, let value = try? JSON.parse(Array(slice)) {
                    let rows = nested(value, depth: 0, texts: depth + 1)
                    total += value.object == nil ? rows : max(1, rows)
                } else {
                    total += Self.innermost(slice)
                }
                // Another value may follow in the same line.
                at = stop
                while at < bytes.count, bytes[at] == 0x2C || bytes[at] == 0x20 { at += 1 }
                restStart = at
                if at > start, at < bytes.count, bytes[at] == 0x7B || bytes[at] == 0x5B { continue }
            }
            at = bytes[at...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
        }
        if restStart < bytes.count { rest.append(restStart..<bytes.count) }
        return total
    }

    private static func looksLikeJSON(_ bytes: [UInt8], _ start: Int) -> Bool {
        var next = start + 1
        while next < bytes.count, bytes[next] <= 0x20 { next += 1 }
        guard next < bytes.count else { return false }
        switch (bytes[start], bytes[next]) {
        // Some write their rows as Python does.
        case (0x7B, 0x22), (0x7B, 0x27), (0x7B, 0x7D): return true
        case (0x5B, 0x22), (0x5B, 0x27), (0x5B, 0x7B), (0x5B, 0x5B), (0x5B, 0x30...0x39), (0x5B, 0x2D): return true
        default: return false
        }
    }

    /// The position after the bracket that closes the first one.
    private static func closing(_ bytes: [UInt8], _ start: Int) -> Int? {
        var depth = 0
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D:
                depth -= 1
                if depth == 0 { return at + 1 }
            case 0x22:
                at += 1
                while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// The innermost objects, or else lists, or else entries, of what only looks like JSON.
    private static func innermost(_ bytes: ArraySlice<UInt8>) -> Int {
        var objects = 0
        var commas = 0
        var last: UInt8 = 0
        for byte in bytes {
            switch byte {
            case 0x7B, 0x5B: last = byte
            case 0x7D:
                if last == 0x7B { objects += 1 }
                last = 0
            case 0x2C: commas += 1
            default: break
            }
        }
        return objects > 0 ? objects : commas + 1
    }
}
