/// Why a certificate, a chain or a bundle does not prove a workload.
package struct SVIDFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reasons; the raw value is stable.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case malformed = "svid.malformed"
        case identity = "svid.identity"
        case usage = "svid.usage"
        case extensions = "svid.extension"
        case chain = "svid.chain"
        case untrusted = "svid.untrusted"
        case algorithm = "svid.algorithm"
        case notValidNow = "svid.not-valid-now"
        case bundle = "svid.bundle"
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
