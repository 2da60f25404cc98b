/// Where a request went, without query and fragment, in one normal form (RFC 3986 §6.2.2, §6.2.3).
///
/// Two addresses are equal when every server would take them for one: letter case of scheme and host, the default port,
/// an empty path and needless percent-encoding do not matter. What could be read differently has no address.
package struct HTTPAddress: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// Reads an absolute `http` or `https` address; a query and a fragment are dropped, as RFC 9449 §4.3 says.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 8192, bytes.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "\\") }) else {
            return nil
        }
        let whole = bytes.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let colon = whole.firstIndex(of: UInt8(ascii: ":")),
            whole[(colon + 1)...].starts(with: "//".utf8)
        else { return nil }
        let scheme = String(decoding: whole[..<colon], as: UTF8.self).lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = whole[(colon + 3)...]
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        guard let host = Self.authority(authority, defaultPort: scheme == "http" ? "80" : "443"),
            let path = Self.path(rest[authority.endIndex...])
        else { return nil }
        description = "\(scheme)://\(host)\(path)"
    }

    private static func authority(_ bytes: ArraySlice<UInt8>, defaultPort: String) -> String? {
        // A name before the host would let an address look like another one's.
        guard !bytes.isEmpty, !bytes.contains(UInt8(ascii: "@")), !bytes.contains(UInt8(ascii: "%")) else { return nil }
        var host = bytes
        var port = ""
        let bracket = bytes.lastIndex(of: UInt8(ascii: "]"))
        let after = bracket.map { bytes.index(after: $0) } ?? bytes.startIndex
        if let colon = bytes[after...].firstIndex(of: UInt8(ascii: ":")) {
            host = bytes[..<colon]
            let digits = bytes[(colon + 1)...]
            guard digits.count <= 5, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                digits.isEmpty || UInt16(String(decoding: digits, as: UTF8.self)) != nil
            else { return nil }
            port = digits.isEmpty ? "" : String(UInt16(String(decoding: digits, as: UTF8.self)) ?? 0)
        }
        guard !host.isEmpty else { return nil }
        let name = String(decoding: host, as: UTF8.self).lowercased()
        return port.isEmpty || port == defaultPort ? name : "\(name):\(port)"
    }

    private static func path(_ bytes: ArraySlice<UInt8>) -> String? {
        guard !bytes.isEmpty else { return "/" }
        var path: [UInt8] = []
        var at = bytes.startIndex
        while at < bytes.endIndex {
            guard bytes[at] == UInt8(ascii: "%") else {
                path.append(bytes[at])
                at += 1
                continue
            }
            guard at + 2 < bytes.endIndex, let high = digit(bytes[at + 1]), let low = digit(bytes[at + 2]) else {
                return nil
            }
            let byte = high << 4 | low
            if isUnreserved(byte) {
                path.append(byte)
            } else {
                path.append(contentsOf: "%\(hex[Int(high)])\(hex[Int(low)])".utf8)
            }
            at += 3
        }
        // Dot segments mean one thing to who resolves them and another to who does not.
        for segment in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        where segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
            return nil
        }
        return String(decoding: path, as: UTF8.self)
    }

    private static let hex = Array("0123456789ABCDEF")

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
