import Testing

@testable import Gateway

@Suite struct HTTPHeadTests {
    private static let limit = 1 << 20

    private func head(_ text: String) throws -> RequestHead {
        var search = HeadSearch(limit: 64 << 10)
        let bytes = Array(text.utf8)
        let end = try #require(try search.end(in: bytes.span))
        return try RequestHead(Array(bytes[..<end]), bodyLimit: Self.limit)
    }

    @Test func a_request_is_read() throws {
        let head = try head("POST /files?x=1 HTTP/1.1\r\nhost: a:1\r\nContent-Length:  12 \r\nMcp-Param-X: 1\r\n\r\n")
        #expect(head.method == .post)
        #expect(head.path == "/files")
        #expect(head.query == "x=1")
        #expect(head.authority == "a:1")
        #expect(head.framing == .length(12))
        #expect(head.staysOpen)
        #expect(head.head.written(.parameter).map(\.name) == ["Mcp-Param-X"])
    }

    /// RFC 9112 §2.2, §3, §5.1, §5.2, §6.3 and what people have made of their edges.
    @Test(arguments: [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "POST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: u@a/b\r\n\r\n",
        "POST / HTTP/9.9\r\nHost: a\r\n\r\n",
        "POST /\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "POST /#f HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST \\a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-fine\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n",
    ])
    func what_two_readers_could_take_for_different_requests_is_refused(_ text: String) {
        #expect(throws: HTTPFault.self) { try head(text) }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
    ])
    func lone_line_ends_are_refused_when_they_are_seen(_ text: String) {
        #expect(throws: HTTPFault.self) {
            var search = HeadSearch(limit: 1_000)
            _ = try search.end(in: Array(text.utf8).span)
        }
    }

    @Test func a_head_is_found_wherever_it_is_cut() throws {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest".utf8)
        for cut in 0..<bytes.count {
            var search = HeadSearch(limit: 1_000)
            let first = try search.end(in: Array(bytes[..<cut]).span)
            let end = try first ?? search.end(in: bytes.span)
            #expect(end == 23)
        }
    }

    @Test func a_head_without_end_is_refused() {
        var search = HeadSearch(limit: 1_000)
        #expect(throws: HTTPFault(431, "head-too-large")) {
            _ = try search.end(in: [UInt8](repeating: 0x61, count: 2_000).span)
        }
    }
}
