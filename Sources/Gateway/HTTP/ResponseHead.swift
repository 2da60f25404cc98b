/// The head of a server's answer.
package struct ResponseHead: Sendable {
    package let head: MessageHead
    package let status: Int
    package let framing: BodyFraming
    package let staysOpen: Bool

    /// - Parameter bytes: Without the empty line at the end.
    /// - Throws: `HTTPFault`, after which the connection to the server is closed.
    package init(_ bytes: [UInt8]) throws(HTTPFault) {
        let head = try MessageHead(bytes)
        for at in head.startLine where bytes[at] < 0x20 && bytes[at] != 0x09 || bytes[at] == 0x7F {
            throw .malformed("status-line")
        }
        guard let (status, isLatest) = Self.status(bytes.span, head.startLine) else { throw .malformed("status-line") }
        let length = head.value(of: .contentLength)
        let coding = head.value(of: .transferEncoding)
        if status < 200 || status == 204 || status == 304 {
            framing = .none
        } else if let coding {
            guard length == nil else { throw .malformed("length-and-chunks") }
            guard MessageHead.isSame(coding.utf8, "chunked"), isLatest else { throw .malformed("coding") }
            framing = .chunked
        } else if let length {
            let count = try RequestHead.contentLength(length)
            framing = count == 0 ? .none : .length(count)
        } else {
            framing = .untilClose
        }
        staysOpen = isLatest && framing != .untilClose && !head.lists("close", in: .connection)
        self.head = head
        self.status = status
    }

    /// The code after `HTTP/1.1 ` or `HTTP/1.0 `, and whether it is the former.
    private static func status(_ bytes: Span<UInt8>, _ line: Range<Int>) -> (code: Int, isLatest: Bool)? {
        let version: StaticString = "HTTP/1."
        guard line.count >= 12 else { return nil }
        for offset in 0..<version.utf8CodeUnitCount {
            let known = unsafe version.utf8Start[offset]
            if bytes[line.lowerBound + offset] != known { return nil }
        }
        let minor = bytes[line.lowerBound + 7]
        guard minor == 0x30 || minor == 0x31, bytes[line.lowerBound + 8] == 0x20 else { return nil }
        var code = 0
        for at in (line.lowerBound + 9)..<(line.lowerBound + 12) {
            guard bytes[at] &- 0x30 < 10 else { return nil }
            code = code * 10 + Int(bytes[at] &- 0x30)
        }
        guard line.count == 12 || bytes[line.lowerBound + 12] == 0x20, (100...599).contains(code) else { return nil }
        return (code, minor == 0x31)
    }
}
