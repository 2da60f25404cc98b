/// How the length of a body is known.
package enum BodyFraming: Sendable, Hashable {
    case none
    case length(Int)
    case chunked
    /// Of an answer: the body ends with the connection.
    case untilClose
}

/// The head of a request, with everything decided that smuggling plays with.
package struct RequestHead: Sendable {
    package enum Method: Sendable, Hashable { case post, get, delete, other }

    package let head: MessageHead
    package let method: Method
    /// The path as it was sent; routes are compared with it byte for byte.
    package private(set) var path: String
    /// What follows the question mark.
    package let query: String?
    /// Host and port of an absolute target, which counts more than `Host` (RFC 9112 §3.2.2).
    package let authority: String
    package let framing: BodyFraming
    /// Whether the connection can carry another request after this one.
    package let staysOpen: Bool
    package let expectsContinue: Bool
    /// HTTP/1.0, which has no chunks.
    package let isOld: Bool

    /// Reads a request's head.
    ///
    /// - Parameters:
    ///   - bytes: Without the empty line at the end.
    ///   - limit: Bytes that a body may have.
    /// - Throws: `HTTPFault`, after which the connection is closed.
    package init(_ bytes: [UInt8], bodyLimit limit: Int) throws(HTTPFault) {
        let head = try MessageHead(bytes)
        let span = bytes.span
        var parts: [Range<Int>] = []
        var start = head.startLine.lowerBound
        for at in head.startLine where span[at] == 0x20 {
            parts.append(start..<at)
            start = at + 1
        }
        parts.append(start..<head.startLine.upperBound)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { throw .malformed("request-line") }
        for at in parts[0] where !MessageHead.isToken(span[at]) { throw .malformed("method") }
        let isOld: Bool
        switch head.text(parts[2]) {
        case "HTTP/1.1": isOld = false
        case "HTTP/1.0": isOld = true
        default: throw HTTPFault(505, "version")
        }
        switch head.text(parts[0]) {
        case "POST": method = .post
        case "GET": method = .get
        case "DELETE": method = .delete
        case "PRI": throw .malformed("method")
        default: method = .other
        }
        guard let host = head.value(of: .host), Self.isAuthority(host) else { throw .malformed("host") }
        let target = try Self.target(span, parts[1])
        (path, query) = (target.path, target.query)
        authority = (target.authority ?? host)
        framing = try Self.framing(head, isOld: isOld, limit: limit)
        self.isOld = isOld
        let asksClose = head.lists("close", in: .connection)
        staysOpen = isOld ? head.lists("keep-alive", in: .connection) && !asksClose : !asksClose
        if let expectation = head.value(of: .expect) {
            guard MessageHead.isSame(expectation.utf8, "100-continue"), !isOld else { throw HTTPFault(417, "expect") }
            expectsContinue = true
        } else {
            expectsContinue = false
        }
        self.head = head
    }

    /// The same request as it was before somebody who asks about it put a prefix before its path.
    func without(prefix: String) -> RequestHead? {
        guard path.hasPrefix(prefix + "/") else { return nil }
        var original = self
        original.path = String(path.dropFirst(prefix.count))
        return original
    }

    private static func target(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>
    ) throws(HTTPFault) -> (authority: String?, path: String, query: String?) {
        // A fragment is never sent, and a backslash is a slash for some.
        for at in range {
            let byte = bytes[at]
            guard byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "#"), byte != UInt8(ascii: "\\") else {
                throw .malformed("target")
            }
        }
        var text = ""
        for at in range { text.unicodeScalars.append(Unicode.Scalar(bytes[at])) }
        var authority: String?
        if bytes[range.lowerBound] != UInt8(ascii: "/") {
            let scheme = text.lowercased().hasPrefix("https://") ? 8 : text.lowercased().hasPrefix("http://") ? 7 : 0
            guard scheme > 0 else { throw .malformed("target") }
            let rest = text.dropFirst(scheme)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            guard isAuthority(String(rest[..<end])) else { throw .malformed("target") }
            authority = String(rest[..<end])
            text = rest[end...].isEmpty ? "/" : String(rest[end...])
        }
        guard let question = text.firstIndex(of: "?") else { return (authority, text, nil) }
        return (authority, String(text[..<question]), String(text[text.index(after: question)...]))
    }

    /// A name or address with or without a port; no user, no path.
    static func isAuthority(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~:[]".utf8.contains(byte)
                }
            }
    }

    private static func framing(_ head: MessageHead, isOld: Bool, limit: Int) throws(HTTPFault) -> BodyFraming {
        let length = head.value(of: .contentLength)
        if let coding = head.value(of: .transferEncoding) {
            guard length == nil else { throw .malformed("length-and-chunks") }
            guard !isOld, MessageHead.isSame(coding.utf8, "chunked") else { throw .malformed("coding") }
            return .chunked
        }
        guard let length else { return .none }
        let count = try contentLength(length)
        guard count <= limit else { throw HTTPFault(413, "too-large") }
        return count == 0 ? .none : .length(count)
    }

    /// Digits and nothing else, few enough not to wrap.
    static func contentLength(_ text: String) throws(HTTPFault) -> Int {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { throw .malformed("length") }
        guard text.utf8.count <= 18, let count = Int(text) else { throw HTTPFault(413, "too-large") }
        return count
    }
}
