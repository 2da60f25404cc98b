import Core

/// Which fields of a result have which value, by hashes of the values.
///
/// A session holds thousands of such values, and is asked about few. A hash of 64 bits under a secret that each process
/// draws anew stands for the value, so that nobody can make one that passes for another.
struct FieldTable: Sendable {
    private struct Entry {
        var value: UInt64
        var path: UInt32
    }

    /// By value, then in the order of the fields.
    private var entries: [Entry] = []
    private var paths: [String] = []

    init(_ fields: [StructuredResult.Field]) {
        guard !fields.isEmpty else { return }
        var numbers: [String: UInt32] = [:]
        entries.reserveCapacity(fields.count)
        var next = 0
        for field in fields {
            // Records have the same fields in the same order, so that one path mostly comes after the other.
            if next >= paths.count { next = 0 }
            var path = next < paths.count && paths[next] == field.path ? UInt32(truncatingIfNeeded: next) : nil
            if path == nil { path = numbers[field.path] }
            if path == nil {
                path = UInt32(truncatingIfNeeded: paths.count)
                numbers[field.path] = path
                paths.append(field.path)
            }
            entries.append(Entry(value: Self.hash(field.text), path: path ?? 0))
            next = Int(path ?? 0) + 1
        }
        entries.sort { $0.value == $1.value ? $0.path < $1.path : $0.value < $1.value }
    }

    static func hash(_ value: String) -> UInt64 { UInt64(bitPattern: Int64(value.hashValue)) }

    /// The paths of the fields with a value of this hash.
    func paths(holding hash: UInt64) -> [String] {
        if entries.isEmpty { return [] }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].value < hash { low = middle + 1 } else { high = middle }
        }
        var found: [String] = []
        while low < entries.count, entries[low].value == hash {
            let path = paths[Int(entries[low].path)]
            if path != found.last { found.append(path) }
            low += 1
        }
        return found
    }

    /// The hash of every value.
    func forEachValue(_ body: (UInt64) -> Void) {
        for entry in entries { body(entry.value) }
    }
}

/// A value that fields are asked for, with what a text must show that has such a field.
struct FieldQuery: Sendable {
    enum Sign: Sendable {
        /// Nothing is known: a value of this kind has spellings whose words differ.
        case none
        case words([UInt32])
        /// A whole number, which is also written with noughts before it or as a power of ten.
        case whole([UInt32])
    }

    let text: String
    let hash: UInt64
    let sign: Sign

    init(_ value: CanonicalValue) {
        text = value.text
        hash = FieldTable.hash(value.text)
        sign = Self.sign(of: value)
    }

    private static func sign(of value: CanonicalValue) -> Sign {
        switch value.valueClass {
        case .url, .account, .phone: return .none
        default: break
        }
        guard TextFolding.isASCII(value.text) else { return .none }
        let phrase = Words.hashes(of: value.text)
        guard !phrase.isEmpty else { return .none }
        let digits = value.text.utf8.first == UInt8(ascii: "-") ? value.text.utf8.dropFirst() : value.text.utf8[...]
        if let first = digits.first, digits.allSatisfy(ASCII.isDigit) {
            return first == UInt8(ascii: "0") && digits.count > 1 ? .none : .whole(phrase)
        }
        if Numerals.canonical(value.text) != nil { return .none }
        // An account number may be written in groups.
        let capitals = value.text.utf8.map { ASCII.isLetter($0) ? $0 & 0xDF : $0 }
        return Accounts.isAccount(capitals[...]) ? .none : .words(phrase)
    }

    /// Whether the words of each field stand in the text as they are in the field's canonical form.
    ///
    /// Not so where there are escapes, dots that lead up a path, ports that are left out, or texts in quotes beside each
    /// other, which Python takes for one.
    static func isLiteral(_ text: String) -> Bool {
        let bytes = text.utf8.span
        for byte in [UInt8(ascii: "\\"), UInt8(ascii: "%")]
        where ByteSearch.first(byte, in: bytes, from: 0, to: bytes.count) < bytes.count { return false }
        var last: UInt8 = 0
        var beforeQuote: UInt8 = 0
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte &- UInt8(ascii: "a") < 26 {
                last = byte
                continue
            }
            switch byte {
            case UInt8(ascii: "."):
                if last == byte { return false }
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                guard last == UInt8(ascii: "'") || last == UInt8(ascii: "\"") else {
                    beforeQuote = last
                    break
                }
                // An empty text in quotes joins nothing.
                if ASCII.isAlphanumeric(beforeQuote) || beforeQuote >= 0x80 { return false }
            case UInt8(ascii: ":"):
                if isPort(bytes, at) { return false }
            default:
                // Quotes may have space between them.
                if ASCII.isSpace(byte), last == UInt8(ascii: "'") || last == UInt8(ascii: "\"") { continue }
            }
            last = byte
        }
        return true
    }

    private static func isPort(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        var at = start
        while at < bytes.count, ASCII.isDigit(bytes[at]) { at += 1 }
        return at > start && at < bytes.count && (bytes[at] == UInt8(ascii: "/") || bytes[at] == UInt8(ascii: "?"))
    }

    /// Whether a number is written with noughts before it or as a power of ten.
    static func hasOddNumerals(_ text: String) -> Bool {
        let bytes = text.utf8.span
        let end = bytes.count
        let isOfLines =
            ByteSearch.first(UInt8(ascii: "{"), in: bytes, from: 0, to: end) == end
            && ByteSearch.first(UInt8(ascii: "["), in: bytes, from: 0, to: end) == end
        var at = 0
        while at < bytes.count {
            guard ASCII.isDigit(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, ASCII.isDigit(bytes[at]) { at += 1 }
            if at - start > 1, bytes[start] == UInt8(ascii: "0"), !isPart(bytes, start..<at, isOfLines) { return true }
            if at + 1 < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
                let next = bytes[at + 1]
                if ASCII.isDigit(next) || next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { return true }
            }
        }
        return false
    }

    /// Whether digits go on a date, a time or a fraction, and so are no number of their own.
    private static func isPart(_ bytes: Span<UInt8>, _ run: Range<Int>, _ isOfLines: Bool) -> Bool {
        func isJoint(_ at: Int, _ beyond: Int) -> Bool {
            guard bytes.indices.contains(at), bytes.indices.contains(beyond), ASCII.isDigit(bytes[beyond]) else {
                return false
            }
            switch bytes[at] {
            case UInt8(ascii: "-"), UInt8(ascii: "/"): return true
            case UInt8(ascii: "."): return beyond < at
            // Between a key and its value there is a space in lines, and perhaps none in brackets.
            case UInt8(ascii: ":"): return isOfLines
            default: return false
            }
        }
        return isJoint(run.lowerBound - 1, run.lowerBound - 2) || isJoint(run.upperBound, run.upperBound + 1)
    }
}

/// An identity that texts are asked for, with words that stand in every text of plain letters that names it.
struct IdentityQuery: Sendable {
    let value: CanonicalValue
    /// Nil where it may be written in other words: accounts in groups, letters of other scripts.
    let phrase: [UInt32]?

    init(_ value: CanonicalValue) {
        self.value = value
        guard TextFolding.isASCII(value.text) else {
            phrase = nil
            return
        }
        switch value.valueClass {
        case .email: phrase = Words.hashes(of: value.text)
        case .url:
            // Up to where the host ends: ports and paths have several spellings.
            var host = Array(value.text.utf8)[...]
            if let scheme = WebAddress.schemeEnd(host) { host = host[(scheme + 3)...] }
            host = host.prefix { !":/?#@".utf8.contains($0) }
            phrase = Words.hashes(of: String(decoding: host, as: UTF8.self))
        default: phrase = nil
        }
    }
}
