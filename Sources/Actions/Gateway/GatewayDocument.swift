package import Core
import Documents
package import Gateway

/// What a gateway's document says: the configuration, and the files that it names.
///
/// A document stands alone, beside the gateway that reads it, which may have no workspace.
package struct GatewayDocument: Sendable {
    /// Whose tokens are believed.
    package struct Issuer: Sendable, Hashable {
        package var name: String
        /// A file with a JSON Web Key Set (RFC 7517 §5).
        package var keys: String
        /// Stands before its subjects.
        package var prefix: String
    }

    /// What callers show of their machines.
    package struct Posture: Sendable, Hashable {
        package enum Statements: String, Sendable, CaseIterable { case required, optional }

        package var statements: Statements
        /// A file with a JSON Web Key Set: who may make statements.
        package var keys: String
    }

    /// What the document is read for.
    package enum Purpose: Sendable {
        /// To listen for clients.
        case listening
        /// To stand around one program; where to listen does not matter then.
        case wrapping
        /// To reach whatever stands on its folder, be it one that listens or programs alone.
        case contacting
    }

    package var configuration: GatewayConfiguration
    /// Servers that are programs: routes without a path and an upstream.
    package var programs: [String] = []
    /// Whether it is for programs alone, and nothing of it listens.
    package var isForProgramsAlone: Bool { !hasListener && !programs.isEmpty }
    var hasListener = false
    /// Paths as they were written, relative to the document.
    package var state: String
    package var policy: String?
    package var issuers: [Issuer] = []
    package var taskKeys: String?
    package var posture: Posture?
    package var definitions: String?
    package var tls: TLS?
    /// Where policies come from, instead of `policy` and `mode`.
    package var bundles: Bundles?
    package var telemetry = TelemetryDocument()

    /// TLS of the gateway's own port.
    package struct TLS: Sendable, Hashable {
        package var certificate: String
        package var key: String
        /// Trust domains and the files of their bundles (SPIFFE Trust Domain and Bundle, §4).
        package var clients: [Clients]
        package var groups: TLSGroups

        package struct Clients: Sendable, Hashable {
            package var trustDomain: String
            package var bundle: String
        }
    }
    /// Public keys of workspaces that may deny.
    package var controlKeys: String?
    /// People who may deny and lift: a `lockstep.yaml`, or a file with its `people` alone.
    package var controlPeople: String?
    /// The folder in which a workspace publishes who is denied.
    package var controlFrom: String?
    /// Who is told of kills.
    package var subscribers: [Subscriber] = []

    /// Somebody who takes security events.
    package struct Subscriber: Sendable, Hashable {
        package var url: String
        package var audience: String
        /// A file that holds what is sent as `Authorization`.
        package var credential: String?
        /// PEM file of the authorities by which its certificate is judged; nil is the system's.
        package var authorities: String?
    }

    /// What is kept of results in recordings: `provenance`, `digests` or `full`.
    package var stored = "provenance"

    /// Reads a document and reports everything that is wrong with it at once (codes `gateway.*`, `yaml.*`).
    package static func read(
        _ bytes: [UInt8],
        file: String,
        for purpose: Purpose = .listening
    ) throws(InvalidInput) -> GatewayDocument {
        let (node, syntax) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "gateway", syntax)
        guard let node else {
            if !problems.hasErrors {
                problems.report("empty", "the file is empty", at: Place(file: file, line: 1, column: 1))
            }
            throw InvalidInput(problems.sorted)
        }
        var document: GatewayDocument?
        if var reader = MappingReader(node, problems, as: "a gateway") {
            document = GatewayReading(problems, purpose).document(&reader)
        }
        guard let document, !problems.hasErrors else { throw InvalidInput(problems.sorted) }
        return document
    }
}
