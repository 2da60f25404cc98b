extension StandardFunction {
    /// The extension for strings.
    ///
    /// Positions count code points.
    func applyToStrings(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        if self == .join { return try join(arguments, &meter) }
        guard case .string(let text)? = arguments.first else { throw meter.noOverload(rawValue, arguments) }
        try meter.charge(bytes: text.utf8.count)
        switch (self, arguments.count) {
        case (.lowerAscii, 1): return .string(mapASCII(text, UInt8(ascii: "A")...UInt8(ascii: "Z")))
        case (.upperAscii, 1): return .string(mapASCII(text, UInt8(ascii: "a")...UInt8(ascii: "z")))
        case (.trim, 1): return .string(trimmed(text))
        case (.reverse, 1): return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
        case (.quote, 1):
            try meter.charge(bytes: text.utf8.count)
            return .string(quoted(text))
        case (.format, 2): return .string(try Format.apply(text, arguments, &meter))
        case (.charAt, 2): return .string(try character(of: Array(text.unicodeScalars), arguments, &meter))
        case (.substring, 2...3): return .string(try substring(of: Array(text.unicodeScalars), arguments, &meter))
        case (.indexOf, 2...3), (.lastIndexOf, 2...3):
            return .int(Int64(try index(in: Array(text.unicodeScalars), arguments, &meter)))
        case (.split, 2...3): return .list(try split(text, arguments, &meter))
        case (.replace, 3...4): return .string(try replace(in: text, arguments, &meter))
        default: throw meter.noOverload(rawValue, arguments)
        }
    }

    private func position(
        _ value: Value,
        upTo end: Int,
        _ arguments: [Value],
        _ meter: Meter
    ) throws(EvaluationError) -> Int {
        guard case .int(let number) = value else { throw meter.noOverload(rawValue, arguments) }
        guard let position = Int(exactly: number), (0...end).contains(position) else {
            throw meter.error(.indexOutOfRange, "the index \(number) is outside a string of \(end)")
        }
        return position
    }

    private func text(_ value: Value, _ arguments: [Value], _ meter: Meter) throws(EvaluationError) -> String {
        guard case .string(let text) = value else { throw meter.noOverload(rawValue, arguments) }
        return text
    }

    private func limit(_ arguments: [Value], at index: Int, _ meter: Meter) throws(EvaluationError) -> Int {
        guard arguments.count > index else { return -1 }
        guard case .int(let number) = arguments[index] else { throw meter.noOverload(rawValue, arguments) }
        return Int(clamping: number)
    }

    private func mapASCII(_ text: String, _ letters: ClosedRange<UInt8>) -> String {
        String(decoding: text.utf8.map { letters.contains($0) ? $0 ^ 0x20 : $0 }, as: UTF8.self)
    }

    private func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let head = scalars.drop { $0.properties.isWhitespace }
        let end = head.lastIndex { !$0.properties.isWhitespace }.map { head.index(after: $0) } ?? head.startIndex
        return String(head[..<end])
    }

    private func character(
        of scalars: [Unicode.Scalar],
        _ arguments: [Value],
        _ meter: inout Meter
    ) throws(EvaluationError) -> String {
        let index = try position(arguments[1], upTo: scalars.count, arguments, meter)
        return index == scalars.count ? "" : String(scalars[index])
    }

    private func substring(
        of scalars: [Unicode.Scalar],
        _ arguments: [Value],
        _ meter: inout Meter
    ) throws(EvaluationError) -> String {
        let start = try position(arguments[1], upTo: scalars.count, arguments, meter)
        var end = scalars.count
        if arguments.count == 3 { end = try position(arguments[2], upTo: scalars.count, arguments, meter) }
        guard start <= end else {
            throw meter.error(.indexOutOfRange, "a substring cannot begin at \(start) and end at \(end)")
        }
        return String(String.UnicodeScalarView(scalars[start..<end]))
    }

    /// The place of a part; with a third argument, the search begins there (and `lastIndexOf` goes left from there).
    private func index(
        in scalars: [Unicode.Scalar],
        _ arguments: [Value],
        _ meter: inout Meter
    ) throws(EvaluationError) -> Int {
        let part = Array(try text(arguments[1], arguments, meter).unicodeScalars)
        try meter.charge(part.count >> 3)
        var start: Int?
        if arguments.count == 3 { start = try position(arguments[2], upTo: scalars.count, arguments, meter) }
        if self == .indexOf { return scalars.firstIndex(of: part, from: start ?? 0) ?? -1 }
        let last = scalars.count - part.count
        guard last >= 0 else { return -1 }
        let begin = min(start ?? last, last)
        // Going left over `a` is going right over the reverse: keeps the search linear.
        let reversed = Array(scalars[..<(begin + part.count)].reversed())
        guard let found = reversed.firstIndex(of: part.reversed(), from: 0) else { return -1 }
        return begin - found
    }

    private func split(_ text: String, _ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> [Value] {
        let separator = Array(try self.text(arguments[1], arguments, meter).utf8)
        let limit = try limit(arguments, at: 2, meter)
        if limit == 0 { return [] }
        if limit == 1 { return [.string(text)] }
        var parts: [Value] = []
        if separator.isEmpty {
            let scalars = Array(text.unicodeScalars)
            try meter.charge(scalars.count)
            for (index, scalar) in scalars.enumerated() {
                if parts.count == limit - 1 {
                    parts.append(.string(String(String.UnicodeScalarView(scalars[index...]))))
                    break
                }
                parts.append(.string(String(scalar)))
            }
            return parts
        }
        let bytes = Array(text.utf8)
        for range in ranges(of: separator, in: bytes, limit: limit < 0 ? .max : limit - 1) {
            try meter.charge(1)
            parts.append(.string(String(decoding: bytes[range], as: UTF8.self)))
        }
        return parts
    }

    private func replace(in text: String, _ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> String
    {
        let old = Array(try self.text(arguments[1], arguments, meter).utf8)
        let new = Array(try self.text(arguments[2], arguments, meter).utf8)
        let limit = try limit(arguments, at: 3, meter)
        if limit == 0 { return text }
        var output: [UInt8] = []
        var count = 0
        if old.isEmpty {
            // An empty part stands before each code point and at the end.
            for scalar in text.unicodeScalars {
                if limit < 0 || count < limit {
                    try meter.charge(bytes: new.count + 8)
                    output.append(contentsOf: new)
                    count += 1
                }
                output.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            }
            if limit < 0 || count < limit { output.append(contentsOf: new) }
            return String(decoding: output, as: UTF8.self)
        }
        let bytes = Array(text.utf8)
        for (index, range) in ranges(of: old, in: bytes, limit: limit < 0 ? .max : limit).enumerated() {
            if index > 0 {
                try meter.charge(bytes: new.count + 8)
                output.append(contentsOf: new)
            }
            output.append(contentsOf: bytes[range])
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// What stands between the occurrences of a separator, cut at most so often.
    ///
    /// Cutting UTF-8 at UTF-8 keeps it valid.
    private func ranges(of separator: [UInt8], in bytes: [UInt8], limit: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while ranges.count < limit, let found = bytes.firstIndex(of: separator, from: start) {
            ranges.append(start..<found)
            start = found + separator.count
        }
        ranges.append(start..<bytes.count)
        return ranges
    }

    private func join(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        guard case .list(let elements)? = arguments.first, arguments.count <= 2 else {
            throw meter.noOverload(rawValue, arguments)
        }
        let separator = arguments.count == 2 ? try text(arguments[1], arguments, meter) : ""
        var output = ""
        for (index, element) in elements.enumerated() {
            if index > 0 { output += separator }
            let part = try text(element, arguments, meter)
            try meter.charge(1 + (part.utf8.count + separator.utf8.count) >> 3)
            output += part
        }
        return .string(output)
    }

    private func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\u{07}": output += "\\a"
            case "\u{08}": output += "\\b"
            case "\u{0C}": output += "\\f"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{0B}": output += "\\v"
            case "\\": output += "\\\\"
            case "\"": output += "\\\""
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }
}
