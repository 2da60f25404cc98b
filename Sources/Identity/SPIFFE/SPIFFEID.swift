/// The name of a workload (SPIFFE-ID §2): a trust domain and a path.
///
/// Read by the letter of the specification: nothing is made small, decoded or resolved, so that one workload has one text.
package struct SPIFFEID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Why a text is no SPIFFE ID; the raw value says it in words.
    package enum Fault: String, Error, Hashable, Sendable {
        case scheme = "a spiffe id begins with `spiffe://`"
        case tooLong = "a spiffe id has at most 2,048 bytes"
        case trustDomain = "a trust domain is 1 to 255 of `a` to `z`, `0` to `9`, `.`, `-` and `_`"
        case emptySegment = "the path of a spiffe id has no empty segments and no `/` at its end"
        case dotSegment = "the path of a spiffe id has no segments `.` and `..`"
        case pathCharacter = "the path of a spiffe id holds letters, digits, `.`, `-` and `_` only"
    }

    package let trustDomain: String
    /// Empty, or begins with a slash.
    package let path: String

    private static let scheme = "spiffe://"
    private static let longest = 2048
    private static let longestTrustDomain = 255

    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.longest else { throw .tooLong }
        guard text.utf8.starts(with: Self.scheme.utf8) else { throw .scheme }
        let rest = text.utf8.dropFirst(Self.scheme.utf8.count)
        let domain = rest.prefix { $0 != UInt8(ascii: "/") }
        guard !domain.isEmpty, domain.count <= Self.longestTrustDomain, domain.allSatisfy(Self.isOfDomain) else {
            throw .trustDomain
        }
        let path = rest.dropFirst(domain.count)
        if !path.isEmpty {
            for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
                guard !segment.isEmpty else { throw .emptySegment }
                guard !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8) else { throw .dotSegment }
                guard segment.allSatisfy(Self.isOfPath) else { throw .pathCharacter }
            }
        }
        trustDomain = String(decoding: Array(domain), as: UTF8.self)
        self.path = String(decoding: Array(path), as: UTF8.self)
    }

    /// Whether the id names the trust domain itself, and no workload in it.
    package var isTrustDomain: Bool { path.isEmpty }

    package var description: String { Self.scheme + trustDomain + path }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }

    private static func isOfDomain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isOfPath(_ byte: UInt8) -> Bool {
        isOfDomain(byte) || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
    }
}
