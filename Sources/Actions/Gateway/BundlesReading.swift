import Core
import Documents
import Gateway

extension GatewayDocument {
    /// Where policies come from, who signs them, and what holds without one.
    package struct Bundles: Sendable, Hashable {
        /// What a gateway does while no bundle counts: none came yet, or the last one has expired.
        package enum WhenNone: String, Sendable, CaseIterable {
            case deny
            /// The expired one stays in force; before the first one everything is denied.
            case lastGood = "last-good"
            /// Everything is let through and recorded.
            case record
        }

        /// A directory, or the URL of one.
        package var from: String
        /// A file of public keys.
        package var keys: String
        package var every: Duration
        package var whenNone: WhenNone
        /// What bundles may select the gateway by, beside its id.
        package var labels: Set<String>
        /// PEM file of the authorities by which the web server is judged; nil is the system's.
        package var authorities: String?

        /// Whether `from` is a web server.
        package var isWeb: Bool { from.hasPrefix("https://") || from.hasPrefix("http://") }
    }

    /// The document in the mode that goes with what was delivered.
    func enforcing(_ inForce: BundleKeeper.InForce?) -> GatewayDocument {
        guard let inForce else { return self }
        var document = self
        document.configuration.mode = inForce.mode
        return document
    }
}

/// Reads `bundles` of a gateway's document.
struct BundlesReading {
    let problems: DiagnosticCollector

    init(_ problems: DiagnosticCollector) { self.problems = problems }

    func bundles(_ reader: inout MappingReader, isListened: Bool) -> GatewayDocument.Bundles? {
        guard reader.has("bundles") else { return nil }
        let place = reader.place(ofKey: "bundles")
        guard var entry = reader.mapping("bundles") else { return nil }
        if !isListened {
            problems.report(
                "bundles",
                "bundles are fetched by a gateway that listens, and this document is for programs alone",
                at: place,
                help: "name a policy for wrapped programs: `policy: policy.yaml`"
            )
        }
        for key in ["policy", "mode"] where reader.has(key) {
            problems.report(
                "bundles",
                "`\(key)` comes with the bundle",
                at: reader.place(ofKey: key),
                help: "leave `\(key)` out, or `bundles`"
            )
        }
        let from = entry.string("from", isRequired: true)
        let keys = entry.string("keys", isRequired: true)
        let every = entry.string("every")
        let span = every.map { Duration(playbook: $0.value) } ?? .seconds(10)
        if let every, span.map({ $0 < .seconds(1) || $0 > .seconds(3_600) }) ?? true {
            problems.report(
                "invalid-value",
                "`every` must be from 1s to 1h",
                at: every.place,
                help: "write it as `10s`"
            )
        }
        let whenNone = entry.enumeration("when-none", of: GatewayDocument.Bundles.WhenNone.self)?.value ?? .deny
        let labels = entry.strings("labels")?.value.map(\.value) ?? []
        let authorities = entry.string("ca")?.value
        entry.finish()
        guard let from, let keys, let span else { return nil }
        let bundles = GatewayDocument.Bundles(
            from: from.value,
            keys: keys.value,
            every: span,
            whenNone: whenNone,
            labels: Set(labels),
            authorities: authorities
        )
        if bundles.isWeb {
            let url = RoutedURL(from.value)
            let isLocal = url.map { $0.host == "localhost" || $0.host == "::1" || $0.host.hasPrefix("127.") } ?? false
            if url == nil || url?.path.contains("?") == true || !(url?.isTLS == true || isLocal) {
                problems.report(
                    "invalid-value",
                    "`from` must be a directory, or an https address without a query",
                    at: from.place,
                    help: "write it as `https://policies.example/edge`"
                )
            }
        }
        return bundles
    }
}
