import Foundation

/// The head of an HTTP message by a second, plain reading of RFC 9112.
struct PlainHTTP {
    var line: String
    /// Names in small letters, values without the space around them, both as Latin-1.
    var fields: [(name: String, value: String)]

    func values(of name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// Nothing where a strict reader would refuse it.
    static func head(_ bytes: [UInt8]) -> PlainHTTP? {
        guard !bytes.contains(0) else { return nil }
        var lines: [String] = []
        var current = ""
        var at = 0
        while at < bytes.count {
            if bytes[at] == 13, at + 1 < bytes.count, bytes[at + 1] == 10 {
                lines.append(current)
                current = ""
                at += 2
            } else {
                guard bytes[at] != 13, bytes[at] != 10 else { return nil }
                current.unicodeScalars.append(Unicode.Scalar(bytes[at]))
                at += 1
            }
        }
        lines.append(current)
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.unicodeScalars.firstIndex(of: ":") else { return nil }
            let name = String(line.unicodeScalars[..<colon])
            let isToken = name.unicodeScalars.allSatisfy {
                $0.isASCII
                    && ($0.properties.isAlphabetic || ("0"..."9").contains($0)
                        || "!#$%&'*+-.^_`|~".unicodeScalars.contains($0))
            }
            guard !name.isEmpty, isToken else { return nil }
            let value = String(line.unicodeScalars[line.unicodeScalars.index(after: colon)...])
            fields.append((name.lowercased(), value.trimmingCharacters(in: CharacterSet(charactersIn: " \t"))))
        }
        return PlainHTTP(line: lines[0], fields: fields)
    }

    /// The data of a chunked body, or nothing where it is not written as RFC 9112 §7.1 says.
    static func chunks(_ bytes: [UInt8]) -> [UInt8]? {
        var at = 0
        func line() -> String? {
            guard let end = bytes[at...].firstIndex(of: 10), end > at, bytes[end - 1] == 13 else { return nil }
            defer { at = end + 1 }
            return String(decoding: bytes[at..<end - 1], as: UTF8.self)
        }
        var body: [UInt8] = []
        while true {
            guard let text = line() else { return nil }
            let digits = text.prefix { $0 != ";" }
            guard digits.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }), let size = Int(digits, radix: 16) else {
                return nil
            }
            if size == 0 { break }
            guard bytes.count - at >= size + 2, bytes[at + size] == 13, bytes[at + size + 1] == 10 else { return nil }
            body += bytes[at..<at + size]
            at += size + 2
        }
        while let text = line() {
            if text.isEmpty { return body }
        }
        return nil
    }

    /// The value that a mirrored header stands for.
    static func decoded(_ value: String) -> String? {
        guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
        return Data(base64Encoded: String(value.dropFirst(9).dropLast(2))).flatMap { String(data: $0, encoding: .utf8) }
    }
}
