import Glibc

/// The unique key that joins all sightings of one server.
///
/// A URL counts by scheme, host, port and path; user, query and fragment are left out because they often hold secrets
/// and because the same server is reached with many of them. Every look of this target makes its keys here.
package enum CanonicalKey {
    /// The parts of an http or websocket URL that identify a server.
    package struct Address: Sendable, Hashable {
        package var scheme: String
        /// Lower-case; an IPv6 address without brackets in its shortest form.
        package var host: String
        package var port: Int
        /// Begins with `/`; dots resolved, escapes normalised, no slash at the end unless it is all there is.
        package var path: String

        package var isLoopback: Bool {
            host == "localhost" || host.hasSuffix(".localhost") || host == "::1"
                || (host.hasPrefix("127.") && host.split(separator: ".").count == 4)
        }

        package var isEncrypted: Bool { scheme == "https" || scheme == "wss" }

        /// The URL again, without the port where the scheme implies it.
        package var text: String {
            let shown = host.contains(":") ? "[\(host)]" : host
            let implied = port == Address.ports[scheme]
            return "\(scheme)://\(shown)\(implied ? "" : ":\(port)")\(path)"
        }

        static let ports = ["http": 80, "https": 443, "ws": 80, "wss": 443]
    }

    /// The key of a server behind a URL; the names of the loopback interface count as one.
    package static func url(_ address: Address) -> String {
        var address = address
        if address.host == "localhost" || address.host.hasSuffix(".localhost") || address.host == "::1" {
            address.host = "127.0.0.1"
        }
        return address.text
    }

    /// The key of a server behind a URL, or nil where the text is none that a server can have.
    package static func url(_ text: String) -> String? {
        address(text).map { url($0) }
    }

    /// The key of a server that a client starts: the host, and what is started.
    package static func stdio(host: String, identity: String) -> String {
        "stdio:\(host.lowercased())/\(identity)"
    }

    /// Reads a URL (RFC 3986) of the schemes http, https, ws and wss, normalised by §6.2.2 and §6.2.3.
    package static func address(_ text: String) -> Address? {
        let text = text.trimmingWhiteSpace()
        guard text.utf8.count <= 8192, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = text[..<colon].lowercased()
        guard let impliedPort = Address.ports[scheme] else { return nil }
        var rest = text[text.utf8.index(after: colon)...]
        guard rest.hasPrefix("//") else { return nil }
        rest = rest.dropFirst(2)
        let end = rest.utf8.firstIndex { [0x2F, 0x3F, 0x23, 0x5C].contains($0) } ?? rest.endIndex
        // Browsers take a backslash for a slash, others for a part of the host: such a text means two addresses.
        guard end == rest.endIndex || rest[end] != "\\" else { return nil }
        var authority = rest[..<end]
        if let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) {
            authority = authority[authority.utf8.index(after: at)...]
        }
        var path = rest[end...]
        if let stop = path.utf8.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            path = path[..<stop]
        }
        guard let (host, port) = hostAndPort(authority) else { return nil }
        return Address(scheme: scheme, host: host, port: port ?? impliedPort, path: normalised(path: path))
    }

    private static func hostAndPort(_ authority: Substring) -> (host: String, port: Int?)? {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.utf8.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = authority[authority.utf8.index(after: authority.startIndex)..<close]
            let rest = authority[authority.utf8.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
            guard let short = shortened(ipv6: String(host)) else { return nil }
            host = Substring(short)
        } else if let colon = authority.utf8.lastIndex(of: UInt8(ascii: ":")) {
            host = authority[..<colon]
            port = authority[authority.utf8.index(after: colon)...]
        }
        var name = host.lowercased()
        if name.hasSuffix("."), name.utf8.count > 1 { name.removeLast() }
        guard !name.isEmpty, name.utf8.count <= 253,
            name.unicodeScalars.allSatisfy({ !forbidden.contains($0.value) && $0.value > 0x20 && $0.value != 0x7F })
        else { return nil }
        guard let port, !port.isEmpty else { return (name, nil) }
        guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port), (1...65535).contains(number)
        else { return nil }
        return (name, number)
    }

    /// Characters that no host has; some of them would let one text mean two hosts.
    private static let forbidden: Set<UInt32> = Set("\"<>[]\\^`{|}%@/?#, '$".unicodeScalars.map(\.value))

    private static func shortened(ipv6 text: String) -> String? {
        var address = in6_addr()
        guard unsafe inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard unsafe inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func normalised(path: Substring) -> String {
        var kept: [String] = []
        for segment in path.split(separator: "/", omittingEmptySubsequences: true) {
            switch segment {
            case ".": break
            case "..": _ = kept.popLast()
            default: kept.append(unescaped(segment))
            }
        }
        return "/" + kept.joined(separator: "/")
    }

    /// Escapes of letters, digits, `-`, `.`, `_` and `~` are resolved; the others are written in upper case.
    private static func unescaped(_ segment: Substring) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = Array(segment.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.count, let high = hexValue(bytes[index + 1]),
                let low = hexValue(bytes[index + 2])
            {
                let value = high << 4 | low
                if isUnreserved(value) {
                    result.append(value)
                } else {
                    result += [byte, digits[Int(high)], digits[Int(low)]]
                }
                index += 3
            } else if byte > 0x20, byte < 0x7F {
                result.append(byte)
                index += 1
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }
}

extension StringProtocol {
    /// The text without spaces, tabs and line ends around it.
    func trimmingWhiteSpace() -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        var bytes = Array(utf8)[...]
        while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
