/// Why bytes are no HTTP message that everybody reads in the same way (RFC 9110, RFC 9112).
///
/// After one of these nothing on the connection can be trusted to begin where it seems to: it is answered once and
/// closed.
package struct HTTPFault: Error, Sendable, Hashable {
    /// The status that says so.
    package let status: Int
    /// A word for logs and answers, such as `length` or `coding`.
    package let reason: String

    package init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    static func malformed(_ reason: String) -> HTTPFault { HTTPFault(400, reason) }
}
