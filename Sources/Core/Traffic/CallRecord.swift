/// One recorded tool call, as `lockstep.call/1` writes it (design, "Recorded traffic").
///
/// Readers ignore unknown members. What a format does not know is nil, never a guess.
package struct CallRecord: Sendable {
    /// How it is known who called.
    ///
    /// A name that an agent gives itself is `declared`: never proof.
    package enum PrincipalKind: String, Sendable, CaseIterable {
        case spiffe, jwt, gateway, declared, unknown
    }

    package struct Principal: Sendable, Hashable {
        package var id: String
        package var kind: PrincipalKind

        package init(id: String, kind: PrincipalKind) {
            self.id = id
            self.kind = kind
        }
    }

    /// How sure it is that the task is what the user asked for.
    ///
    /// A declared task can narrow a decision, never widen it.
    package enum TaskAssurance: String, Sendable, CaseIterable {
        case signed, declared
    }

    package struct Task: Sendable, Hashable {
        package var id: String?
        /// What the user asked for, in the user's words.
        package var text: String?
        package var assurance: TaskAssurance

        package init(id: String? = nil, text: String? = nil, assurance: TaskAssurance = .declared) {
            self.id = id
            self.text = text
            self.assurance = assurance
        }
    }

    package struct Result: Sendable {
        package var text: String?
        package var structured: JSON.Value?
        package var isError: Bool
        package var bytes: Int?
        package var items: Int?
        /// Stands for the result where it was not kept: equal results have equal ones.
        ///
        /// Then `text` is nil, `structured` holds at most digests, and the call's `provenance` is all that is known of it.
        package var digest: UInt64?

        package init(
            text: String? = nil,
            structured: JSON.Value? = nil,
            isError: Bool = false,
            bytes: Int? = nil,
            items: Int? = nil
        ) {
            self.text = text
            self.structured = structured
            self.isError = isError
            self.bytes = bytes
            self.items = items
        }
    }

    package enum Outcome: String, Sendable, CaseIterable {
        case ok
        case toolError = "tool_error"
        case rpcError = "rpc_error"
        case denied
        case authFailed = "auth_failed"
        case timeout, cancelled, killed, lost
    }

    /// Where an importer found the call.
    package struct Source: Sendable, Hashable {
        package var importer: String
        package var file: String?
        /// One-based.
        package var line: Int?

        package init(importer: String, file: String? = nil, line: Int? = nil) {
            self.importer = importer
            self.file = file
            self.line = line
        }
    }

    package var id: String?
    package var time: Timestamp
    /// The agent's conversation across servers, not MCP's own session.
    package var session: String
    /// Order within the session, from 0 or 1; ties are broken by time.
    package var sequence: Int64
    package var principal: Principal
    package var delegation: [String]
    package var clientName: String?
    package var clientVersion: String?
    package var peerAddress: String?
    package var server: String
    package var tool: String
    /// Digest of the tool's definition, `sha256:…`, where it was known.
    package var definition: String?
    package var arguments: JSON.Object
    /// False where the recording does not hold arguments.
    ///
    /// Then `arguments` is empty, which does not mean that none were sent.
    /// Written as `"arguments_known": false`.
    package var argumentsAreKnown = true
    /// By their tokens the secrets that whole arguments were, so that they can be looked for in what was not known to hold
    /// them; never written.
    package var originals: [String: String] = [:]
    /// Per argument pointer (RFC 6901) the sources that a recorder computed; used where result texts were not kept.
    package var provenance: [String: [String]]
    /// Whether `provenance` was computed without all of what the session had seen before.
    package var provenanceIsPartial = false
    package var result: Result?
    package var task: Task?
    package var outcome: Outcome
    package var duration: Duration?
    package var source: Source?

    package init(
        id: String? = nil,
        time: Timestamp,
        session: String,
        sequence: Int64,
        principal: Principal,
        delegation: [String] = [],
        clientName: String? = nil,
        clientVersion: String? = nil,
        peerAddress: String? = nil,
        server: String,
        tool: String,
        definition: String? = nil,
        arguments: JSON.Object,
        provenance: [String: [String]] = [:],
        result: Result? = nil,
        task: Task? = nil,
        outcome: Outcome = .ok,
        duration: Duration? = nil,
        source: Source? = nil
    ) {
        self.id = id
        self.time = time
        self.session = session
        self.sequence = sequence
        self.principal = principal
        self.delegation = delegation
        self.clientName = clientName
        self.clientVersion = clientVersion
        self.peerAddress = peerAddress
        self.server = server
        self.tool = tool
        self.definition = definition
        self.arguments = arguments
        self.provenance = provenance
        self.result = result
        self.task = task
        self.outcome = outcome
        self.duration = duration
        self.source = source
    }

    /// Whether the call did what it was asked: only such calls are learned from.
    package var succeeded: Bool { outcome == .ok && result?.isError != true }
}
