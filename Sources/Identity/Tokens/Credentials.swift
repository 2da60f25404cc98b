/// The token of a request as its `Authorization` fields hold it.
package struct Credentials: Sendable, Hashable {
    package enum Scheme: Sendable, Hashable {
        case bearer, dpop
    }

    package let scheme: Scheme
    package let token: [UInt8]

    /// Reads the values of all `Authorization` fields of one request.
    ///
    /// Exactly one field with one scheme and one token (RFC 6750 §2.1, RFC 9449 §7.1): a comma, a second token or white
    /// space in between would be read differently by others.
    package init(fields: [String]) throws(TokenFault) {
        guard let field = fields.first else {
            throw TokenFault(.missing, "the request has no token", answer: .missingToken)
        }
        guard fields.count == 1 else {
            throw TokenFault(.scheme, "the request has two `Authorization` fields", answer: .invalidRequest)
        }
        let parts = field.utf8.split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
        switch parts.first.map({ String(decoding: Array($0), as: UTF8.self).lowercased() }) {
        case "bearer": scheme = .bearer
        case "dpop": scheme = .dpop
        default:
            throw TokenFault(.scheme, "the request's scheme of authorization is not accepted", answer: .missingToken)
        }
        let token = parts.count == 2 ? Array(parts[1].drop { $0 == 0x20 }) : []
        guard !token.isEmpty, token.allSatisfy(Self.isOfToken) else {
            throw TokenFault(.malformed, "the request's token is none")
        }
        self.token = token
    }

    /// The characters of `token68` (RFC 9110 §11.2).
    private static func isOfToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
