/// The one spelling of a web address: what browsers and servers treat alike is equal, what they may treat differently is not.
///
/// `https://www.Example.com:443/a/../b/#top` and `example.com/b` are the same. The scheme of the web is dropped, any
/// other stays. Information about a user before an `@` stays visible, and so does a host of another script: neither
/// ever equals the host that it imitates.
enum WebAddress {
    private static let webSchemes: Set<String> = ["http", "https", "ws", "wss", "ftp"]
    private static let defaultPorts: Set<String> = ["80", "443", "21"]
    private static let trailing = Set(".,;:!?*_~)>".utf8)

    static func canonical(_ text: String) -> String {
        var bytes = Array(TextFolding.composed(TextFolding.trimmed(text)).utf8)[...]
        while let last = bytes.last, trailing.contains(last) { bytes.removeLast() }
        var prefix = ""
        if let end = schemeEnd(bytes) {
            let scheme = String(decoding: bytes[..<end], as: UTF8.self).lowercased()
            if !webSchemes.contains(scheme) { prefix = scheme + "://" }
            bytes = bytes[(end + 3)...]
        } else if bytes.starts(with: "//".utf8) {
            bytes = bytes.dropFirst(2)
        }
        if let fragment = bytes.firstIndex(of: UInt8(ascii: "#")) { bytes = bytes[..<fragment] }
        let end = bytes.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? bytes.endIndex
        let authority = canonicalAuthority(String(decoding: bytes[..<end], as: UTF8.self))
        let rest = bytes[end...]
        let query = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        var path = String(decoding: Percent.normalized(rest[..<query]), as: UTF8.self)
        if path.utf8.contains(UInt8(ascii: "/")) { path = PathName.resolved(path, isAbsolute: true) }
        if path == "/" { path = "" }
        var tail = Percent.normalized(rest[query...])
        while let last = tail.last, last == UInt8(ascii: "/") || tail.count == 1 { tail.removeLast() }
        return prefix + authority + path + String(decoding: tail, as: UTF8.self)
    }

    private static func canonicalAuthority(_ authority: String) -> String {
        var user = ""
        var host = Substring(authority)
        // Bytes tell sooner than characters that there is none.
        if authority.utf8.contains(UInt8(ascii: "@")), let at = authority.lastIndex(of: "@") {
            user = String(authority[...at])
            host = authority[authority.index(after: at)...]
        }
        var name = host.lowercased()
        if name.utf8.contains(UInt8(ascii: ":")), let colon = name.lastIndex(of: ":"),
            defaultPorts.contains(String(name[name.index(after: colon)...]))
        {
            name = String(name[..<colon])
        }
        while name.hasSuffix(".") { name.removeLast() }
        if name.hasPrefix("www."), name.dropFirst(4).contains(".") { name.removeFirst(4) }
        return user + name
    }

    /// Where the scheme ends, if `://` follows it.
    static func schemeEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = bytes.first, ASCII.isLetter(first) else { return nil }
        var at = bytes.startIndex
        while at < bytes.endIndex, at - bytes.startIndex < 32, isSchemeByte(bytes[at]) { at += 1 }
        return bytes[at...].starts(with: "://".utf8) ? at : nil
    }

    static func isSchemeByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "-")
    }
}

/// Percent-encoding (RFC 3986 §2.1 and §6.2.2).
enum Percent {
    /// Decodes what never needed encoding, and writes the rest with capital digits.
    static func normalized(_ bytes: ArraySlice<UInt8>, alsoDecoding extra: Set<UInt8> = []) -> [UInt8] {
        guard bytes.contains(UInt8(ascii: "%")) else { return Array(bytes) }
        var result: [UInt8] = []
        var at = bytes.startIndex
        while at < bytes.endIndex {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.endIndex, let high = ASCII.hexDigit(bytes[at + 1]),
                let low = ASCII.hexDigit(bytes[at + 2])
            {
                let byte = high << 4 | low
                if isUnreserved(byte) || extra.contains(byte) {
                    result.append(byte)
                } else {
                    result.append(UInt8(ascii: "%"))
                    result.append(contentsOf: String(byte, radix: 16, uppercase: true).utf8.leftPadded)
                }
                at += 3
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}

extension String.UTF8View {
    fileprivate var leftPadded: [UInt8] { (count < 2 ? [UInt8(ascii: "0")] : []) + Array(self) }
}

/// File paths and the paths of addresses.
enum PathName {
    /// The path without segments of dots and doubled separators.
    ///
    /// A relative path keeps the `..` that lead out of where it begins.
    static func resolved(_ path: String, isAbsolute: Bool? = nil) -> String {
        let absolute = isAbsolute ?? path.hasPrefix("/")
        if isPlain(path, isAbsolute: absolute) { return path }
        var kept: [Substring] = []
        for segment in path.split(separator: "/", omittingEmptySubsequences: true) {
            switch segment {
            case ".": break
            case "..":
                if let last = kept.last, last != ".." {
                    kept.removeLast()
                } else if !absolute {
                    kept.append(segment)
                }
            default: kept.append(segment)
            }
        }
        let joined = kept.joined(separator: "/")
        if absolute { return "/" + joined }
        return joined.isEmpty ? "." : joined
    }

    /// Whether the path stays as it is: no segment is empty or begins with a dot, as in most paths.
    private static func isPlain(_ path: String, isAbsolute: Bool) -> Bool {
        let separator = UInt8(ascii: "/")
        let bytes = path.utf8.span
        guard bytes.count > 1, (bytes[0] == separator) == isAbsolute, bytes[bytes.count - 1] != separator else {
            return false
        }
        var last = separator
        for at in (isAbsolute ? 1 : 0)..<bytes.count {
            let byte = bytes[at]
            // A letter of another script may join the separator before it.
            guard byte < 0x80, last != separator || (byte != separator && byte != UInt8(ascii: ".")) else {
                return false
            }
            last = byte
        }
        return true
    }

    /// One spelling of a file's path: separators forward, encoded dots and separators decoded.
    static func canonical(_ text: String) -> String {
        let decoded = Percent.normalized(
            Array(text.utf8)[...],
            alsoDecoding: [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        )
        let forward = decoded.map { $0 == UInt8(ascii: "\\") ? UInt8(ascii: "/") : $0 }
        return resolved(String(decoding: forward, as: UTF8.self))
    }
}
