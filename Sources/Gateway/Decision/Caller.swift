package import Core

/// Whoever sends a request, as far as it was proven.
package struct Caller: Sendable {
    package let principal: CallRecord.Principal
    /// For whom the principal acts, nearest first.
    package let delegation: [String]
    /// The task that a proven credential names.
    package let purpose: String?
    /// What identifies the credential, so that it can be refused alone: token id, thumbprint of its key.
    package var credentials: [String]
    /// The thumbprint of the key that the caller proved to have, where it proved one.
    package var provenKey: [UInt8]?
    /// Of a call that people send to see what the policy makes of it; nil for every other.
    package let canary: CanaryMark?

    package init(
        principal: CallRecord.Principal,
        delegation: [String] = [],
        purpose: String? = nil,
        credentials: [String] = [],
        canary: CanaryMark? = nil
    ) {
        self.principal = principal
        self.delegation = delegation
        self.purpose = purpose
        self.credentials = credentials
        self.canary = canary
    }
}
