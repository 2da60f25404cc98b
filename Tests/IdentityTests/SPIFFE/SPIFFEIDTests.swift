import Testing

@testable import Identity

@Suite struct SPIFFEIDTests {
    @Test(arguments: [
        "spiffe://acme", "spiffe://acme/agent/retail-bot", "spiffe://a.b-c_9/A.b-C_9", "spiffe://acme/..a/.b./...",
        "spiffe://1.2.3.4/a",
    ])
    func anIdKeepsItsText(_ text: String) throws {
        #expect(try SPIFFEID(text).description == text)
    }

    @Test(
        arguments: [
            ("", SPIFFEID.Fault.scheme), ("acme/a", .scheme), ("SPIFFE://acme", .scheme), ("https://acme/a", .scheme),
            ("spiffe:/acme", .scheme), ("spiffe://", .trustDomain), ("spiffe:///a", .trustDomain),
            ("spiffe://EXAMPLE.org/a", .trustDomain), ("spiffe://acme:80/a", .trustDomain),
            ("spiffe://me@acme/a", .trustDomain), ("spiffe://acme?q", .trustDomain),
            ("spiffe://%61cme/a", .trustDomain),
            ("spiffe://acmé/a", .trustDomain), ("spiffe://acme/", .emptySegment), ("spiffe://acme/a/", .emptySegment),
            ("spiffe://acme//a", .emptySegment), ("spiffe://acme/./a", .dotSegment),
            ("spiffe://acme/a/..", .dotSegment),
            ("spiffe://acme/a%20", .pathCharacter), ("spiffe://acme/a?q=1", .pathCharacter),
            ("spiffe://acme/a#b", .pathCharacter), ("spiffe://acme/ä", .pathCharacter),
            ("spiffe://acme/a\u{0}", .pathCharacter),
        ] as [(String, SPIFFEID.Fault)]
    )
    func whatIsNoIdIsRefused(_ text: String, _ fault: SPIFFEID.Fault) {
        #expect(throws: fault) { try SPIFFEID(text) }
    }

    @Test func idsAndDomainsEndWhereTheSpecificationSays() throws {
        #expect(throws: Never.self) { try SPIFFEID("spiffe://" + String(repeating: "a", count: 255)) }
        #expect(throws: SPIFFEID.Fault.trustDomain) { try SPIFFEID("spiffe://" + String(repeating: "a", count: 256)) }
        #expect(throws: Never.self) { try SPIFFEID("spiffe://a/" + String(repeating: "a", count: 2037)) }
        #expect(throws: SPIFFEID.Fault.tooLong) { try SPIFFEID("spiffe://a/" + String(repeating: "a", count: 2038)) }
    }
}
