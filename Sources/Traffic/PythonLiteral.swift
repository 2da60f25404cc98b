import Core

/// Reads a Python literal, as many tools print their results: lists, tuples, dictionaries, texts, numbers, `None`.
///
/// Not a Python: no calls, no names, no comprehension. Nil where the text is anything else or too deep.
struct PythonLiteral {
    private let bytes: [UInt8]
    private var at = 0
    private var budget: Int

    static let maxDepth = 64

    static func parse(_ text: String, maxValues: Int = 200_000) -> JSON.Value? {
        var reader = PythonLiteral(bytes: Array(text.utf8), budget: maxValues)
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipSpace()
        return reader.at == reader.bytes.count ? value : nil
    }

    private init(bytes: [UInt8], budget: Int) {
        self.bytes = bytes
        self.budget = budget
    }

    private var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = current, ASCII.isSpace(byte) { at += 1 }
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) -> JSON.Value? {
        skipSpace()
        budget -= 1
        guard depth < Self.maxDepth, budget > 0, let byte = current else { return nil }
        switch byte {
        case UInt8(ascii: "["): return sequence(closing: UInt8(ascii: "]"), depth)
        case UInt8(ascii: "("): return sequence(closing: UInt8(ascii: ")"), depth)
        case UInt8(ascii: "{"): return dictionary(depth)
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            guard var result = text(quote: byte) else { return nil }
            // Texts beside each other are one.
            while true {
                skipSpace()
                guard let next = current, next == UInt8(ascii: "'") || next == UInt8(ascii: "\"") else { break }
                guard let more = text(quote: next) else { return nil }
                result += more
            }
            return .string(result)
        default: return word()
        }
    }

    private mutating func sequence(closing: UInt8, _ depth: Int) -> JSON.Value? {
        at += 1
        var elements: [JSON.Value] = []
        while !skip(closing) {
            guard let element = value(depth: depth + 1) else { return nil }
            elements.append(element)
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(closing) else { return nil }
            break
        }
        return .array(elements)
    }

    private mutating func dictionary(_ depth: Int) -> JSON.Value? {
        at += 1
        var members: [(key: String, value: JSON.Value)] = []
        var elements: [JSON.Value] = []
        while !skip(UInt8(ascii: "}")) {
            guard let key = value(depth: depth + 1) else { return nil }
            if skip(UInt8(ascii: ":")) {
                guard elements.isEmpty, let name = Self.name(of: key), let inner = value(depth: depth + 1) else {
                    return nil
                }
                members.append((name, inner))
            } else {
                guard members.isEmpty else { return nil }
                elements.append(key)
            }
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(UInt8(ascii: "}")) else { return nil }
            break
        }
        return elements.isEmpty ? .object(JSON.Object(members)) : .array(elements)
    }

    private static func name(of key: JSON.Value) -> String? {
        switch key {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): Numerals.canonical(number)
        case .bool(let flag): flag ? "True" : "False"
        case .null: "None"
        default: nil
        }
    }

    private mutating func word() -> JSON.Value? {
        let start = at
        while let byte = current, ASCII.isAlphanumeric(byte) || "+-._".utf8.contains(byte) { at += 1 }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        switch text {
        case "None": return .null
        case "True": return .bool(true)
        case "False": return .bool(false)
        default:
            if let whole = Int64(text) { return .integer(whole) }
            guard Numerals.canonical(text) != nil, let number = Double(text) else { return nil }
            return JSON.Value(finite: number)
        }
    }

    private mutating func text(quote: UInt8) -> String? {
        at += 1
        var result: [UInt8] = []
        while let byte = current {
            at += 1
            if byte == quote { return String(decoding: result, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                if byte == UInt8(ascii: "\n") { return nil }
                result.append(byte)
                continue
            }
            guard let escape = current else { return nil }
            at += 1
            switch escape {
            case UInt8(ascii: "n"): result.append(10)
            case UInt8(ascii: "t"): result.append(9)
            case UInt8(ascii: "r"): result.append(13)
            case UInt8(ascii: "\n"): break
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(escape)
            case UInt8(ascii: "x"): guard append(digits: 2, to: &result) else { return nil }
            case UInt8(ascii: "u"): guard append(digits: 4, to: &result) else { return nil }
            case UInt8(ascii: "U"): guard append(digits: 8, to: &result) else { return nil }
            default:
                result.append(byte)
                result.append(escape)
            }
        }
        return nil
    }

    private mutating func append(digits: Int, to result: inout [UInt8]) -> Bool {
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = current, let digit = ASCII.hexDigit(byte), code < 1 << 27 else { return false }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        guard let scalar = Unicode.Scalar(code) else { return false }
        result.append(contentsOf: String(scalar).utf8)
        return true
    }
}
