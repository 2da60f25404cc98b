/// One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1).
package struct AuthenticationChallenge: Sendable, Hashable {
    /// The scheme in lower case, because schemes compare without case.
    package var scheme: String
    /// Parameters by lower-case name.
    package var parameters: [String: String]
    package var token68: String?

    package init(scheme: String, parameters: [String: String] = [:], token68: String? = nil) {
        self.scheme = scheme
        self.parameters = parameters
        self.token68 = token68
    }

    /// Where the server says its RFC 9728 metadata is; a hint from an untrusted peer, not an address to follow blindly.
    package var resourceMetadata: String? { parameters["resource_metadata"] }

    /// The scopes that the server asks for, as MCP 2025-11-25 lets it.
    package var scopes: [String] {
        parameters["scope"].map { $0.split(separator: " ").map(String.init) } ?? []
    }

    /// Reads all challenges of one header value, or nothing where the value breaks the grammar.
    ///
    /// Half of a challenge is worth less than none: a parameter that was cut off could change what the rest means. A
    /// value over 8 KiB, more than 16 challenges, or a parameter given twice is refused too.
    package static func parse(_ header: String) -> [AuthenticationChallenge]? {
        guard header.utf8.count <= 8_192 else { return nil }
        var reader = Reader(bytes: Array(header.utf8))
        return reader.challenges()
    }
}

extension AuthenticationChallenge {
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func challenges() -> [AuthenticationChallenge]? {
            var all: [AuthenticationChallenge] = []
            skipSeparators()
            while next != nil {
                guard all.count < 16, let challenge = challenge() else { return nil }
                all.append(challenge)
                guard next == nil || next == UInt8(ascii: ",") else { return nil }
                skipSeparators()
            }
            return all.isEmpty ? nil : all
        }

        private mutating func challenge() -> AuthenticationChallenge? {
            guard let scheme = token() else { return nil }
            var challenge = AuthenticationChallenge(scheme: scheme.lowercased())
            guard skipSpaces() else { return next == nil || next == UInt8(ascii: ",") ? challenge : nil }
            if let token68 = token68() {
                challenge.token68 = token68
                return challenge
            }
            var isFirst = true
            while next != nil {
                let start = position
                if !isFirst {
                    guard next == UInt8(ascii: ",") else { return nil }
                    skipSeparators()
                }
                guard next != nil else { break }
                guard let name = token() else { return nil }
                skipSpaces()
                guard next == UInt8(ascii: "=") else {
                    // Not a parameter, so the next challenge begins here; give its comma back to the list.
                    if isFirst { return nil }
                    position = start
                    return challenge
                }
                position += 1
                skipSpaces()
                guard let value = next == UInt8(ascii: "\"") ? quoted() : token() else { return nil }
                guard challenge.parameters.updateValue(value, forKey: name.lowercased()) == nil else { return nil }
                skipSpaces()
                isFirst = false
            }
            return challenge
        }

        /// Credentials without a name; only when nothing but the end or a comma follows.
        private mutating func token68() -> String? {
            let start = position
            while let byte = next, Self.isAlphanumeric(byte) || "-._~+/".utf8.contains(byte) { position += 1 }
            let hasContent = position > start
            while next == UInt8(ascii: "=") { position += 1 }
            let end = position
            skipSpaces()
            if hasContent, next == nil || next == UInt8(ascii: ",") {
                return String(decoding: bytes[start..<end], as: UTF8.self)
            }
            position = start
            return nil
        }

        private mutating func quoted() -> String? {
            position += 1
            var value: [UInt8] = []
            while let byte = next {
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return String(validating: value, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard let escaped = next else { return nil }
                    value.append(escaped)
                    position += 1
                case 0..<0x09, 0x0A..<0x20, 0x7F: return nil
                default: value.append(byte)
                }
            }
            return nil
        }

        private mutating func token() -> String? {
            let start = position
            while let byte = next, Self.isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte) { position += 1 }
            return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
        }

        @discardableResult
        private mutating func skipSpaces() -> Bool {
            let start = position
            while let byte = next, byte == 0x20 || byte == 0x09 { position += 1 }
            return position > start
        }

        private mutating func skipSeparators() {
            while let byte = next, byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ",") { position += 1 }
        }

        private static func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
    }
}
