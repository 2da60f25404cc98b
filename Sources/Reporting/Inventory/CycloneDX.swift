package import Core

extension InventoryExport {
    /// CycloneDX 1.6: each server as a service, its tools, prompts and resources as the services behind it.
    ///
    /// The serial number is derived from the content (RFC 9562 §5.8, version 8), so the same inventory of the same
    /// moment has the same number. What is not known is left out rather than guessed: `authenticated` of a server that
    /// did not answer, `x-trust-boundary` of one whose address is unknown.
    ///
    /// Source: https://cyclonedx.org/docs/1.6/json/
    package var cycloneDX: JSON.Value {
        var references = References()
        let services = servers.map { Self.service($0, &references) }
        let metadata: JSON.Value = [
            "timestamp": .string(taken.description),
            "tools": ["components": [["type": "application", "name": "lockstep"]]],
            "properties": [Self.property("schema", Self.schema)],
        ]
        let content: JSON.Value = ["metadata": metadata, "services": .array(services)]
        return [
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX",
            "specVersion": "1.6", "serialNumber": .string(Self.serialNumber(of: content)), "version": 1,
            "metadata": metadata, "services": .array(services),
        ]
    }

    /// Hands out references and keeps them unique, which the format demands and a hostile server may not respect.
    private struct References {
        private var counts: [String: Int] = [:]

        mutating func unique(_ text: String) -> String {
            var candidate = text
            while counts[candidate] != nil {
                counts[text, default: 0] += 1
                candidate = "\(text)#\(counts[text, default: 0])"
            }
            counts[candidate] = 1
            return candidate
        }
    }

    private static func service(_ server: InventoryServer, _ references: inout References) -> JSON.Value {
        let reference = references.unique("server/\(server.id)")
        let description = server.description
        var service: JSON.Object = ["bom-ref": .string(reference), "name": .string(server.id.text)]
        if let version = description?.version, !version.isEmpty { service["version"] = .string(cut(version, 1024)) }
        if let title = description?.title ?? description?.name, !title.isEmpty {
            service["description"] = .string(cut(title, 2000))
        }
        let endpoint = server.url.flatMap { Endpoint($0) }
        if let endpoint { service["endpoints"] = [.string(endpoint.text)] }
        switch description?.authentication {
        case .bearer, .oauth: service["authenticated"] = true
        case Optional.none, .unknown: break
        case .some(.none): service["authenticated"] = false
        }
        if server.transport == .stdio {
            service["x-trust-boundary"] = false
        } else if let endpoint {
            service["x-trust-boundary"] = .bool(!endpoint.isLoopback)
        }
        service["properties"] = .array(properties(of: server, hasEndpoint: endpoint != nil))
        if let definitions = description?.definitions, !definitions.isEmpty {
            service["services"] = .array(definitions.map { definition($0, of: reference, &references) })
        }
        return .object(service)
    }

    private static func definition(
        _ definition: Definition,
        of server: String,
        _ references: inout References
    ) -> JSON.Value {
        let reference = references.unique("\(server)/\(definition.kind.rawValue)/\(definition.name)")
        var service: JSON.Object = ["bom-ref": .string(reference), "name": .string(definition.name)]
        if let text = definition.body["description"]?.string, !text.isEmpty {
            service["description"] = .string(cut(text, 2000))
        }
        service["properties"] = [
            property("kind", definition.kind.rawValue), property("digest", definition.digest.description),
        ]
        return .object(service)
    }

    private static func properties(of server: InventoryServer, hasEndpoint: Bool) -> [JSON.Value] {
        var list: [JSON.Value] = [
            property("kind", server.kind.rawValue), property("transport", server.transport.rawValue),
            property("canonical-key", server.canonicalKey),
        ]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { list.append(property(name, value)) }
        }
        if !hasEndpoint { add("url", server.url) }
        add("command", server.command.joined(separator: " "))
        add("owner", server.owner)
        add("criticality", server.criticality?.rawValue)
        if let description = server.description {
            add("authentication", description.authentication.word)
            if case .oauth(_, let issuers) = description.authentication {
                for issuer in issuers { add("authorization-server", issuer) }
            }
            add("encryption", description.security.version)
            add("certificate", description.security.certificate?.description)
            add("certificate-trusted", description.security.isTrusted.map { $0 ? "true" : "false" })
            add("certificate-ends", description.security.notAfter?.description)
            for revision in description.revisions { add("protocol-revision", revision) }
            for gap in description.gaps { add("gap", gap) }
        }
        for alias in server.aliases { add("alias", alias) }
        for location in server.locations { add("location", location) }
        for secret in server.secrets { add("secret-name", secret.name) }
        add("first-seen", server.firstSeen.description)
        add("last-seen", server.lastSeen.description)
        return list
    }

    private static func property(_ name: String, _ value: String) -> JSON.Value {
        ["name": .string("lockstep:\(name)"), "value": .string(value)]
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
    }

    private static func serialNumber(of content: JSON.Value) -> String {
        var bytes = Array(Digest.sha256(JSON.canonical(content)).bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Array(Hexadecimal.encode(bytes).utf8)
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(decoding: hex[$0], as: UTF8.self) }
        return "urn:uuid:" + groups.joined(separator: "-")
    }
}

/// An address that is fit for `endpoints`, which takes IRI references only; the others become a property.
private struct Endpoint {
    let text: String
    let isLoopback: Bool

    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://"),
            ["http", "https", "ws", "wss"].contains(text[..<separator.lowerBound].lowercased())
        else { return nil }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...]
        let bytes = Array(text.utf8)
        for (position, byte) in bytes.enumerated() {
            guard (0x21...0x7E).contains(byte), !"<>\"{}|\\^`".utf8.contains(byte) else { return nil }
            if byte == UInt8(ascii: "%") {
                let digits = bytes[(position + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy({ "0123456789abcdefABCDEF".utf8.contains($0) }) else {
                    return nil
                }
            }
        }
        guard !authority.isEmpty, !path.contains("["), !path.contains("]"), path.count(where: { $0 == "#" }) <= 1 else {
            return nil
        }
        guard !authority.contains("@"), let host = Self.host(authority) else { return nil }
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            self.text = text[..<authority.startIndex] + host + text[authority.index(after: end)...]
        } else {
            self.text = text
        }
        isLoopback =
            host == "localhost" || host.hasSuffix(".localhost") || host == "[0:0:0:0:0:0:0:1]"
            || host.hasPrefix("127.") && host.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
    }

    private static func host(_ authority: Substring) -> String? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]"), isPort(authority[authority.index(after: end)...]) else {
                return nil
            }
            return expanded(authority[..<end].dropFirst()).map { "[\($0)]" }
        }
        guard !authority.contains("["), !authority.contains("]") else { return nil }
        let host = authority.prefix { $0 != ":" }
        return host.isEmpty || !isPort(authority[host.endIndex...]) ? nil : host.lowercased()
    }

    /// An IPv6 address with all eight groups, since the validator of the CycloneDX project (rfc3987-syntax 1.1.0) takes
    /// no `::` although RFC 3986 allows it.
    private static func expanded(_ address: Substring) -> String? {
        func groups(_ text: Substring) -> [String]? {
            if text.isEmpty { return [] }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            let areNumbers = parts.allSatisfy { part in
                (1...4).contains(part.utf8.count) && part.utf8.allSatisfy { "0123456789abcdefABCDEF".utf8.contains($0) }
            }
            return areNumbers ? parts.map { $0.lowercased() } : nil
        }
        guard let gap = address.firstRange(of: "::") else {
            return groups(address).flatMap { $0.count == 8 ? $0.joined(separator: ":") : nil }
        }
        guard let before = groups(address[..<gap.lowerBound]), let after = groups(address[gap.upperBound...]),
            before.count + after.count < 8
        else { return nil }
        let zeros = Array(repeating: "0", count: 8 - before.count - after.count)
        return (before + zeros + after).joined(separator: ":")
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.hasPrefix(":") && text.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
