package import Core
import Documents
package import Gateway
import NIOSSL

/// What a gateway's document says about spans, figures, the access log and who may ask for decisions.
package struct TelemetryDocument: Sendable {
    /// Where a collector takes OTLP over HTTP.
    package struct Collector: Sendable {
        package var endpoint: GatewayConfiguration.Endpoint
        package var path: String
        package var isTLS: Bool
        /// PEM file of the authorities by which its certificate is judged; nil is the system's.
        package var authorities: String?
        package var headers: [(name: String, value: Redacted<String>)]
        package var every: Duration
        package var spans: OTLPTraces.Choice
        package var attributes: Set<String>
    }

    package var collector: Collector?
    /// A path, or `stdout`.
    package var accessLog: String?
    package var decisions: GatewayConfiguration.Endpoint?

    static func read(_ reader: inout MappingReader, _ problems: DiagnosticCollector) -> TelemetryDocument {
        var document = TelemetryDocument()
        document.accessLog = reader.string("access-log")?.value
        if let text = reader.string("decisions") {
            if let url = RoutedURL("http://" + text.value), url.path.isEmpty, let port = url.port {
                let endpoint = GatewayConfiguration.Endpoint(host: url.host, port: port)
                document.decisions = endpoint
                if !endpoint.isLoopback {
                    problems.report("invalid-value", "the port for decisions must be on loopback", at: text.place)
                }
            } else {
                problems.report(
                    "invalid-value",
                    "`decisions` must be an address and a port",
                    at: text.place,
                    help: "write it as `127.0.0.1:8810`"
                )
            }
        }
        guard var telemetry = reader.mapping("telemetry") else { return document }
        document.collector = collector(&telemetry, problems)
        telemetry.finish()
        return document
    }

    private static func collector(
        _ reader: inout MappingReader,
        _ problems: DiagnosticCollector
    ) -> Collector? {
        let address = reader.string("otlp", isRequired: true)
        let authorities = reader.string("ca")?.value
        let spans = reader.enumeration("spans", of: OTLPTraces.Choice.self)?.value ?? .all
        let attributes = Set((reader.strings("attributes")?.value ?? []).map(\.value))
        var every = Duration.seconds(5)
        if let text = reader.string("every") {
            if let time = Duration(playbook: text.value), time >= .milliseconds(100), time <= .seconds(3_600) {
                every = time
            } else {
                problems.report(
                    "invalid-value",
                    "`every` must be a time from 100ms to 1h",
                    at: text.place,
                    help: "write it as `5s`"
                )
            }
        }
        let headers = headers(&reader, problems)
        guard let address else { return nil }
        guard let url = RoutedURL(address.value), !url.host.isEmpty else {
            problems.report(
                "invalid-value",
                "\(address.value.inMessage) is not the address of a collector",
                at: address.place,
                help: "write it as `http://127.0.0.1:4318`"
            )
            return nil
        }
        var path = url.path
        while path.hasSuffix("/") { path.removeLast() }
        return Collector(
            endpoint: GatewayConfiguration.Endpoint(host: url.host, port: url.port ?? (url.isTLS ? 443 : 4_318)),
            path: path,
            isTLS: url.isTLS,
            authorities: authorities,
            headers: headers,
            every: every,
            spans: spans,
            attributes: attributes
        )
    }

    /// The collector's fields; their values can be credentials, and are never said again.
    private static func headers(
        _ reader: inout MappingReader,
        _ problems: DiagnosticCollector
    ) -> [(name: String, value: Redacted<String>)] {
        let own: Set = ["host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"]
        var headers: [(name: String, value: Redacted<String>)] = []
        for (key, node) in reader.members("headers")?.value ?? [] {
            let name = key.value
            let isName =
                !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_")
                }
            guard isName, !own.contains(name.lowercased()), let value = node.scalar?.text,
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
            else {
                problems.report(
                    "invalid-value",
                    "\(name.inMessage) is not a field that can be sent along",
                    at: key.place
                )
                continue
            }
            headers.append((name, Redacted(value)))
        }
        return headers
    }
}

extension GatewayFiles {
    /// The TLS towards a collector.
    func collectorTLS() throws -> NIOSSLContext? {
        guard let collector = document.telemetry.collector, collector.isTLS else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let name = collector.authorities {
            let pem = try bytes(name, as: "the authorities")
            guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
                throw GatewayRuntime.Failure("ca", "`\(name)` holds no certificate in PEM", isInput: true)
            }
            configuration.trustRoots = .certificates(certificates)
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

extension Telemetry {
    convenience init(of shared: Shared, gateway: String) {
        self.init(shared.observatory, gateway: gateway, clock: shared.clock) { shared.counts }
    }

    func change(to document: GatewayDocument, _ files: GatewayFiles) throws {
        let path = document.telemetry.accessLog.map { files.path($0) }
        try change(to: document.telemetry, accessLog: path, tls: try files.collectorTLS())
    }
}
