import Core
import Documents
import Gateway

/// Whom a gateway believes, and what it shows of itself.
extension GatewayReading {
    func identity(_ reader: inout MappingReader, _ document: inout GatewayDocument) {
        guard var identity = reader.mapping("identity") else { return }
        for node in identity.list("tokens")?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "an issuer") else { continue }
            let issuer = entry.string("issuer", isRequired: true)
            let keys = entry.string("keys", isRequired: true)
            let prefix = entry.string("prefix")
            entry.finish()
            if let issuer, let keys {
                let new = GatewayDocument.Issuer(name: issuer.value, keys: keys.value, prefix: prefix?.value ?? "")
                checkNames(of: new, against: document.issuers, at: prefix?.place ?? issuer.place)
                document.issuers.append(new)
            }
        }
        document.configuration.issuers = document.issuers.map(\.name)
        if var tasks = identity.mapping("tasks") {
            document.taskKeys = tasks.string("keys", isRequired: true)?.value
            tasks.finish()
        }
        if let sessions = identity.enumeration("sessions", of: GatewayConfiguration.Sessions.self) {
            document.configuration.sessions = sessions.value
        }
        if var posture = identity.mapping("posture") {
            let statements = posture.enumeration("statements", of: GatewayDocument.Posture.Statements.self)
            if let keys = posture.string("keys", isRequired: true) {
                document.posture = GatewayDocument.Posture(
                    statements: statements?.value ?? .required,
                    keys: keys.value
                )
            }
            posture.finish()
        }
        if let declared = identity.string("declared"), declared.value != "none" {
            document.configuration.declared = declared.value
            let prefixes = document.issuers.map(\.prefix).filter { !$0.isEmpty }
            if declared.value.lowercased().hasPrefix("spiffe:") || prefixes.contains(where: declared.value.hasPrefix) {
                problems.report(
                    "ambiguous-subject",
                    "nobody proves a declared name, and \(declared.value.inMessage) is one that has to be proven",
                    at: declared.place
                )
            }
        }
        identity.finish()
    }

    /// Two issuers that could name the same subject would let either speak for the agents of the other.
    private func checkNames(
        of new: GatewayDocument.Issuer,
        against others: [GatewayDocument.Issuer],
        at place: Place?
    ) {
        if others.contains(where: { $0.name == new.name }) {
            problems.report("duplicate-issuer", "the issuer \(new.name.inMessage) stands here twice", at: place)
        }
        let isDomain = new.name.lowercased().hasPrefix("spiffe:")
        if isDomain, !new.prefix.isEmpty {
            problems.report("invalid-value", "workloads of a trust domain have no prefix", at: place)
        }
        let small = new.prefix.lowercased()
        if !small.isEmpty, small.hasPrefix("spiffe") || "spiffe:".hasPrefix(small) {
            problems.report("invalid-value", "a prefix may not look like a workload's name", at: place)
        }
        guard !isDomain else { return }
        let rivals = others.filter { !$0.name.lowercased().hasPrefix("spiffe:") }
        for rival in rivals where rival.prefix.hasPrefix(new.prefix) || new.prefix.hasPrefix(rival.prefix) {
            problems.report(
                "ambiguous-subject",
                "the issuers \(rival.name.inMessage) and \(new.name.inMessage) can name the same subject",
                at: place,
                help: "give each a `prefix` that begins differently, such as `prefix: \"staff:\"`; "
                    + "policies then name `staff:alice`"
            )
        }
    }

    func tls(_ reader: inout MappingReader) -> GatewayDocument.TLS? {
        guard var tls = reader.mapping("tls") else { return nil }
        let certificate = tls.string("certificate", isRequired: true)
        let key = tls.string("key", isRequired: true)
        let groups = tls.enumeration("groups", of: TLSGroups.self)?.value ?? .hybridPreferred
        var clients: [GatewayDocument.TLS.Clients] = []
        for node in tls.list("clients")?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "a trust domain") else { continue }
            let domain = entry.string("trust-domain", isRequired: true)
            let bundle = entry.string("bundle", isRequired: true)
            entry.finish()
            if let domain, clients.contains(where: { $0.trustDomain == domain.value }) {
                problems.report(
                    "duplicate-domain",
                    "the trust domain \(domain.value.inMessage) stands here twice",
                    at: domain.place
                )
            }
            if let domain, let bundle {
                clients.append(GatewayDocument.TLS.Clients(trustDomain: domain.value, bundle: bundle.value))
            }
        }
        tls.finish()
        guard let certificate, let key else { return nil }
        return GatewayDocument.TLS(certificate: certificate.value, key: key.value, clients: clients, groups: groups)
    }
}
