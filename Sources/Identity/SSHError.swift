/// Why an SSH key or signature was refused, or could not be made.
///
/// A closed code for programs, one sentence for people. Neither ever holds key material.
package struct SSHError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The closed set of reasons; the raw value is printed and never reworded.
    package enum Code: String, Sendable, CaseIterable {
        case malformedKey = "ssh.malformed-key"
        case unsupportedKey = "ssh.unsupported-key"
        case weakKey = "ssh.weak-key"
        case malformedArmor = "ssh.malformed-armor"
        case malformedSignature = "ssh.malformed-signature"
        case unsupportedVersion = "ssh.unsupported-version"
        case unsupportedHash = "ssh.unsupported-hash"
        case unsupportedAlgorithm = "ssh.unsupported-algorithm"
        case algorithmMismatch = "ssh.algorithm-mismatch"
        case namespaceMismatch = "ssh.namespace-mismatch"
        case keyNotAllowed = "ssh.key-not-allowed"
        case userPresenceMissing = "ssh.user-presence-missing"
        case invalidSignature = "ssh.invalid-signature"
        case encryptedKey = "ssh.encrypted-key"
        case exposedKey = "ssh.exposed-key"
        case unreadableKey = "ssh.unreadable-key"
        case agentUnavailable = "ssh.agent-unavailable"
        case agentTimeout = "ssh.agent-timeout"
        case agentRefused = "ssh.agent-refused"
        case agentProtocol = "ssh.agent-protocol"
        case keyNotInAgent = "ssh.key-not-in-agent"
        case signingFailed = "ssh.signing-failed"
    }

    package let code: Code
    package let message: String
    package let help: String?

    package init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
