import Core

/// JSON as a second reader sees it, written apart from the one that it is compared with.
///
/// It follows RFC 8259 and the refusals that `JSON` names: equal keys, what is not UTF-8, half a surrogate pair, a byte
/// order mark, a number that no double holds. It is slow, calls itself once a level, and looks up nothing.
indirect enum Plain: Equatable {
    case null
    case bool(Bool)
    /// As it is written.
    case number(String)
    /// As UTF-8, since `String` takes different spellings of one letter for equal.
    case string([UInt8])
    case array([Plain])
    case object([Member])

    struct Member: Equatable {
        var key: [UInt8]
        var value: Plain
    }

    subscript(key: String) -> Plain? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == Array(key.utf8) }?.value
    }

    var text: String? { if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil } }
    var isObject: Bool { if case .object = self { true } else { false } }

    var numbers: [String] {
        switch self {
        case .number(let text): [text]
        case .array(let elements): elements.flatMap(\.numbers)
        case .object(let members): members.flatMap(\.value.numbers)
        default: []
        }
    }

    /// Whether a key holds U+FEFF, which Foundation drops.
    var hasMarkedKeys: Bool {
        switch self {
        case .array(let elements): elements.contains(where: \.hasMarkedKeys)
        case .object(let members):
            members.contains { member in
                let key = String(decoding: member.key, as: UTF8.self)
                return key.unicodeScalars.contains("\u{FEFF}") || member.value.hasMarkedKeys
            }
        default: false
        }
    }

    /// Whether two keys of one object are the same letters in another spelling; Foundation takes them for one.
    var hasAlikeKeys: Bool {
        switch self {
        case .array(let elements): return elements.contains(where: \.hasAlikeKeys)
        case .object(let members):
            let names = Set(members.map { String(decoding: $0.key, as: UTF8.self) })
            return names.count < members.count || members.contains { $0.value.hasAlikeKeys }
        default: return false
        }
    }
}

extension Plain {
    /// The value of a text, or nothing where it is none that everybody reads alike.
    static func read(_ bytes: [UInt8], depth: Int = 512) -> Plain? {
        var reader = PlainReader(bytes: bytes, deepest: depth)
        guard let value = reader.value(0) else { return nil }
        reader.space()
        return reader.at == bytes.count ? value : nil
    }
}

private struct PlainReader {
    let bytes: [UInt8]
    let deepest: Int
    var at = 0

    init(bytes: [UInt8], deepest: Int) {
        self.bytes = bytes
        self.deepest = deepest
    }

    var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func space() {
        while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
    }

    mutating func takes(_ text: String) -> Bool {
        guard bytes[at...].starts(with: text.utf8) else { return false }
        at += text.utf8.count
        return true
    }

    mutating func value(_ depth: Int) -> Plain? {
        space()
        switch byte {
        case UInt8(ascii: "n"): return takes("null") ? .null : nil
        case UInt8(ascii: "t"): return takes("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return takes("false") ? .bool(false) : nil
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "["):
            guard depth < deepest, let elements = list("]", { reader in reader.value(depth + 1) }) else { return nil }
            return .array(elements)
        case UInt8(ascii: "{"):
            guard depth < deepest else { return nil }
            let members = list("}") { reader -> Member? in
                reader.space()
                guard let key = reader.string() else { return nil }
                reader.space()
                guard reader.takes(":"), let value = reader.value(depth + 1) else { return nil }
                return Member(key: key, value: value)
            }
            guard let members, Set(members.map(\.key)).count == members.count else { return nil }
            return .object(members)
        case nil: return nil
        default: return number().map { .number($0) }
        }
    }

    typealias Member = Plain.Member

    private mutating func list<Element>(_ end: String, _ read: (inout PlainReader) -> Element?) -> [Element]? {
        at += 1
        space()
        if takes(end) { return [] }
        var found: [Element] = []
        while true {
            guard let element = read(&self) else { return nil }
            found.append(element)
            space()
            if takes(end) { return found }
            guard takes(",") else { return nil }
        }
    }

    private mutating func number() -> String? {
        let start = at
        _ = takes("-")
        let first = at
        guard let whole = digits(), whole == 1 || bytes[first] != UInt8(ascii: "0") else { return nil }
        if takes("."), digits() == nil { return nil }
        if takes("e") || takes("E") {
            if !takes("+") { _ = takes("-") }
            if digits() == nil { return nil }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard text.utf8.count <= 1024, Double(text)?.isFinite == true else { return nil }
        return text
    }

    private mutating func digits() -> Int? {
        let start = at
        while let byte, (0x30...0x39).contains(byte) { at += 1 }
        return at > start ? at - start : nil
    }

    private mutating func string() -> [UInt8]? {
        guard takes("\"") else { return nil }
        var content: [UInt8] = []
        while let byte {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                // Escapes give whole scalars, so that what is wrong now was wrong as it stood.
                return String(validating: content, as: UTF8.self) == nil ? nil : content
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                content += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default:
                // A scalar must not be put together of bytes on both sides of an escape.
                if byte >= 0x80 {
                    var end = at
                    while end < bytes.count, bytes[end] >= 0x80 { end += 1 }
                    guard String(validating: bytes[(at - 1)..<end], as: UTF8.self) != nil else { return nil }
                    content += bytes[(at - 1)..<end]
                    at = end
                } else {
                    content.append(byte)
                }
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard let byte else { return nil }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let unit = unit() else { return nil }
            guard (0xD800..<0xDC00).contains(unit) else { return Unicode.Scalar(unit) }
            guard takes("\\u"), let low = self.unit(), (0xDC00..<0xE000).contains(low) else { return nil }
            return Unicode.Scalar(0x10000 + (unit - 0xD800) * 0x400 + low - 0xDC00)
        default: return nil
        }
    }

    private mutating func unit() -> UInt32? {
        guard at + 4 <= bytes.count else { return nil }
        let text = String(decoding: bytes[at..<at + 4], as: UTF8.self)
        guard text.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else { return nil }
        at += 4
        return UInt32(text, radix: 16)
    }
}

extension Plain {
    /// Whether a value of the product is the same.
    func isSame(as value: JSON.Value) -> Bool {
        switch (self, value) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.string(let left), .string(let right)): return left.elementsEqual(right.utf8)
        case (.number(let text), .integer(let number)): return text == String(number)
        case (.number(let text), .number(let number)):
            return Double(text) == number && Int64(text).map { $0 == 0 } ?? true
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.object(let left), .object(let right)):
            return left.count == right.count
                && zip(left, right).allSatisfy { $0.key.elementsEqual($1.key.utf8) && $0.value.isSame(as: $1.value) }
        default: return false
        }
    }
}
