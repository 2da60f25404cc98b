/// Something that a person should know or decide about, with a code that stays.
package struct Finding: Sendable, Hashable {
    package enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        case info, low, medium, high, critical

        package static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// For example `definition.changed`, `server.unauthenticated`, `transport.cleartext`, `tool.poisoned`.
    package var code: String
    package var severity: Severity
    /// The canonical key or id of what it is about, and the tool where there is one: `inventory/lookup`.
    package var subject: String
    package var message: String
    /// What was seen, in a form that a person can check; never a secret.
    package var evidence: String
    /// Where it was seen, for example a file: a later look that covered this place and did not see it ends the finding.
    ///
    /// Nothing for what is about a server itself; then a look that asked the server does.
    package var place: String?

    package init(
        code: String,
        severity: Severity,
        subject: String,
        message: String,
        evidence: String = "",
        place: String? = nil
    ) {
        self.code = code
        self.severity = severity
        self.subject = subject
        self.message = message
        self.evidence = evidence
        self.place = place
    }

    /// Equal for the same finding in two looks, whatever words it was described with.
    package var key: String { "\(code) \(subject)" }
}

/// A file that proves something, kept under the digest of its bytes.
package struct Evidence: Sendable, Hashable {
    package var name: String
    package var digest: Digest
    package var mediaType: String
    package var byteCount: Int
    /// Controls that it supports, for example `soc2:CC6.1`.
    package var controls: [String]

    package init(name: String, digest: Digest, mediaType: String, byteCount: Int, controls: [String] = []) {
        self.name = name
        self.digest = digest
        self.mediaType = mediaType
        self.byteCount = byteCount
        self.controls = controls
    }
}

/// A waiver of any kind: a finding, a gate or a step that somebody accepted for a limited time.
package struct Exception: Sendable, Hashable {
    package var id: String
    /// What it waives: `finding:<key>`, `gate:<run>/<step>`, `server:<id>`.
    package var scope: String
    package var owner: String
    package var reason: String
    package var createdBy: String
    package var created: Timestamp
    package var expires: Timestamp
    package var closed: Timestamp?
    /// Whether a signature proves who made it; otherwise only the name of the OS user says so.
    package var isAuthenticated: Bool
    /// What was signed and the signature, as JSON.
    package var proof: String?

    package init(
        id: String,
        scope: String,
        owner: String,
        reason: String,
        createdBy: String,
        created: Timestamp,
        expires: Timestamp,
        closed: Timestamp? = nil,
        isAuthenticated: Bool = false,
        proof: String? = nil
    ) {
        self.id = id
        self.scope = scope
        self.owner = owner
        self.reason = reason
        self.createdBy = createdBy
        self.created = created
        self.expires = expires
        self.closed = closed
        self.isAuthenticated = isAuthenticated
        self.proof = proof
    }

    /// Whether it still waives anything: neither closed nor past its end.
    package func isActive(at time: Timestamp) -> Bool { closed == nil && time < expires }
}
