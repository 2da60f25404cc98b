import Testing

@testable import Gateway

@Suite struct BodyScannerTests {
    /// The body and what is left behind it, fed in pieces of this size.
    private func read(_ text: String, _ framing: BodyFraming, pieces: Int) throws -> (body: String, rest: String)? {
        var scanner = BodyScanner(framing)
        var waiting: [UInt8] = []
        var body: [UInt8] = []
        var source = Array(text.utf8)[...]
        while true {
            switch try scanner.next(waiting.span) {
            case .needsMore:
                guard !source.isEmpty else { return nil }
                waiting += source.prefix(pieces)
                source = source.dropFirst(pieces)
            case .framing(let count): waiting.removeFirst(count)
            case .data(let count):
                body += waiting.prefix(count)
                waiting.removeFirst(count)
            case .done:
                return (String(decoding: body, as: UTF8.self), String(decoding: waiting + source, as: UTF8.self))
            }
        }
    }

    @Test(arguments: [1, 2, 3, 7, 1_000])
    func chunks_are_read_and_nothing_behind_them(_ pieces: Int) throws {
        let text = "4\r\nWiki\r\n06;name=\"a b\"\r\npedia \r\n0\r\nX: y\r\n\r\nGET /"
        let read = try #require(try read(text, .chunked, pieces: pieces))
        #expect(read.body == "Wikipedia ")
        #expect(read.rest == "GET /")
    }

    @Test func a_length_is_kept_to() throws {
        let read = try #require(try read("abcdef", .length(4), pieces: 3))
        #expect(read.body == "abcd")
        #expect(read.rest == "ef")
    }

    /// RFC 9112 §7.1 and the chunk readers of CVE-2023-46137, CVE-2024-6827 and their like.
    @Test(
        arguments: [
            "0x4\r\nWiki\r\n0\r\n\r\n", "-4\r\nWiki", "+4\r\nWiki", "1_0\r\nWiki", " 4\r\nWiki", "4 \r\nWiki",
            "\r\nWiki",
            "4\nWiki\n0\n\n", "4\r\nWikipedia", "4\r\nWikiX\r\n", "4;a\nb\r\nWiki", "4;a\rb\r\nWiki",
            "11111111111111111\r\n", "0\r\nGET / HTTP/1.1\r\n\r\n",
        ],
        [1, 1_000]
    )
    func chunks_that_readers_differ_about_are_refused(_ text: String, _ pieces: Int) {
        #expect(throws: HTTPFault.self) { try read(text, .chunked, pieces: pieces) }
    }

    @Test func extensions_are_bounded() {
        let long = "1;" + String(repeating: "x", count: 1 << 20) + "\r\na\r\n0\r\n\r\n"
        #expect(throws: HTTPFault.self) { try read(long, .chunked, pieces: 4_096) }
    }

    @Test func a_cut_body_is_no_body() throws {
        #expect(try read("5\r\nabc", .chunked, pieces: 2) == nil)
        #expect(try read("abc", .length(5), pieces: 2) == nil)
    }
}
