/// Why a token, a proof or a signed statement is not accepted.
///
/// The message never holds a part of the token, since it goes to logs and to the client.
package struct TokenFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reasons; the raw value is stable.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case malformed = "token.malformed"
        case tooLarge = "token.too-large"
        case header = "token.header"
        case algorithm = "token.algorithm"
        case type = "token.type"
        case unknownIssuer = "token.unknown-issuer"
        case unknownKey = "token.unknown-key"
        case signature = "token.signature"
        case claim = "token.claim"
        case audience = "token.audience"
        case expired = "token.expired"
        case notYetValid = "token.not-yet-valid"
        case tooOld = "token.too-old"
        case subject = "token.subject"
        case scheme = "token.scheme"
        case missing = "token.missing"
        case certificate = "token.certificate"
        case proof = "proof.missing"
        case proofMismatch = "proof.mismatch"
        case proofReplayed = "proof.replayed"
        case proofFlood = "proof.flood"
        case task = "task.refused"
        case posture = "posture.refused"
        case postureExpired = "posture.expired"
    }

    /// What the resource server answers (RFC 6750 §3.1, RFC 9449 §7.1).
    package enum Answer: Sendable, Hashable {
        case missingToken
        case invalidToken
        case invalidRequest
        case invalidProof
        case forbidden

        /// The HTTP status.
        package var status: Int {
            switch self {
            case .missingToken, .invalidToken, .invalidProof: 401
            case .invalidRequest: 400
            case .forbidden: 403
            }
        }

        /// The value of `error` in `WWW-Authenticate`; a request without a token gets none (RFC 6750 §3.1).
        package var error: String? {
            switch self {
            case .missingToken: nil
            case .invalidToken: "invalid_token"
            case .invalidRequest: "invalid_request"
            case .invalidProof: "invalid_dpop_proof"
            case .forbidden: "insufficient_scope"
            }
        }
    }

    package let code: Code
    package let answer: Answer
    package let message: String

    package init(_ code: Code, _ message: String, answer: Answer = .invalidToken) {
        self.code = code
        self.message = message
        self.answer = answer
    }

    package var description: String { "\(message) [\(code.rawValue)]" }

    /// The same fault of a proof rather than of a token.
    func ofProof() -> TokenFault {
        TokenFault(code, message, answer: .invalidProof)
    }
}
