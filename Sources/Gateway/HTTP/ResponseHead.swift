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
        let line = head.text(head.startLine)
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0", parts[1].utf8.count == 3,
            let status = Int(parts[1]), (100...599).contains(status)
        else { throw .malformed("status-line") }
        let length = head.value(of: .contentLength)
        let coding = head.value(of: .transferEncoding)
        if status < 200 || status == 204 || status == 304 {
            framing = .none
        } else if let coding {
            guard length == nil else { throw .malformed("length-and-chunks") }
            guard MessageHead.isSame(coding.utf8, "chunked"), parts[0] == "HTTP/1.1" else { throw .malformed("coding") }
            framing = .chunked
        } else if let length {
            let count = try RequestHead.contentLength(length)
            framing = count == 0 ? .none : .length(count)
        } else {
            framing = .untilClose
        }
        staysOpen = parts[0] == "HTTP/1.1" && framing != .untilClose && !head.lists("close", in: .connection)
        self.head = head
        self.status = status
    }
}
