package import Core
import Inspection

/// An inventory that somebody else wrote down: our own JSON export, or the services of a CycloneDX document.
///
/// Nothing of it is trusted: addresses and commands lose their secrets here as those of a look do, digests of
/// definitions are computed again, and an entry that cannot be understood is a gap.
package struct InventoryFile {
    /// Who answers for a server, as the file says.
    package struct Owner: Sendable, Hashable {
        package var canonicalKey: String
        package var owner: String
        package var criticality: InventoryServer.Criticality?
    }

    /// The largest file and the most servers that are read.
    package static let largest = 32 << 20
    package static let mostServers = 20_000

    package private(set) var result = SurveyResult()
    package private(set) var owners: [Owner] = []
    /// Names that nothing is known by, in the order of the file.
    package private(set) var unmapped: [String] = []

    private let location: String
    private let digest: (String) -> String
    private let known: (String) -> String?
    private var keys: Set<String> = []

    /// Reads a file.
    ///
    /// `known` gives the canonical key of a server by its id or an alias: an entry that has a name and no address is
    /// found by it, and becomes `unmapped:NAME` where it is not.
    package init(
        _ bytes: [UInt8],
        file: String,
        digest: @escaping (String) -> String,
        known: @escaping (String) -> String?
    ) throws(InvalidInput) {
        self.digest = digest
        self.known = known
        location = "import \(Credentials.redact(Shown.text(file)))"
        let value: JSON.Value
        do throws(JSON.ScanError) {
            value = try JSON.parse(bytes, limits: JSON.Limits(maxBytes: Self.largest))
        } catch {
            throw Self.invalid(file, "import.json", "the file is not acceptable json: \(error)")
        }
        if value["schema"]?.string == "lockstep.inventory/1" {
            try takeInventory(value, file)
        } else if value["bomFormat"]?.string == "CycloneDX" {
            try takeServices(value, file)
        } else {
            throw Self.invalid(file, "import.format", "the file is no inventory that is known")
        }
        result.examined = ["imported": result.sightings.count]
    }

    private static func invalid(_ file: String, _ code: String, _ message: String) -> InvalidInput {
        InvalidInput([
            Diagnostic(
                code: code,
                message: message,
                at: Place(file: file, line: 1, column: 1),
                help: "give a file of `lockstep inventory export --as json`, or CycloneDX 1.4 to 1.6 as json"
            )
        ])
    }

    private mutating func skip(_ index: Int, _ reason: String) {
        guard result.gaps.count < 100 else { return }
        result.gaps.append(CoverageGap(subject: location, reason: "entry \(index) was left out: \(reason)"))
    }

    /// Adds a sighting unless the file has had its key before.
    private mutating func add(_ sighting: Sighting, at index: Int) -> Bool {
        guard keys.insert(sighting.canonicalKey).inserted else {
            skip(index, "another entry is the same server")
            return false
        }
        result.sightings.append(sighting)
        return true
    }

    /// The key of an entry, in the order of what tells most: its address, a key of ours, a name that is known.
    private mutating func key(_ address: CanonicalKey.Address?, _ written: String?, _ name: String) -> String {
        if let address { return CanonicalKey.url(address) }
        if let written, written.utf8.count <= 4096, written.hasPrefix("stdio:") || written.hasPrefix("tcp://"),
            !written.contains("@") || written.hasPrefix("stdio:")
        {
            return Credentials.redact(written, includingRandom: false)
        }
        if let key = known(name) { return key }
        unmapped.append(name)
        return "unmapped:\(name)"
    }

    private static func name(_ text: String?) -> String {
        let name = Credentials.redact(Shown.text(text ?? "", limit: 200)).trimmingWhiteSpace()
        return name.hasPrefix("unmapped:") ? String(name.dropFirst(9)) : name
    }
}

// MARK: - The formats

extension InventoryFile {
    private mutating func takeInventory(_ value: JSON.Value, _ file: String) throws(InvalidInput) {
        guard let entries = value["servers"]?.array, entries.count <= Self.mostServers else {
            throw Self.invalid(
                file,
                "import.servers",
                "`servers` must be a list of at most \(Self.mostServers) servers"
            )
        }
        for (index, entry) in entries.enumerated() {
            guard let server = InventoryServer(json: entry) else {
                skip(index, "it is not written as an inventory has it")
                continue
            }
            let name = Self.name(server.aliases.first ?? server.id.text)
            guard !name.isEmpty else {
                skip(index, "it has no name")
                continue
            }
            var hiding = SecretHiding(digest: digest)
            let address = server.url.flatMap { hiding.address($0) }
            let command = hiding.command(server.command)
            let key = key(address, server.canonicalKey, name)
            let sighting = Sighting(
                source: "import",
                location: location,
                canonicalKey: key,
                name: key.hasPrefix("unmapped:") ? key : Self.name(server.id.text),
                kind: server.kind,
                transport: server.transport,
                url: address?.text,
                command: command,
                secrets: server.secrets.map {
                    SecretReference(name: Self.name($0.name), digest: $0.digest.hasPrefix("hmac-") ? $0.digest : "")
                } + hiding.references.filter { !$0.digest.isEmpty },
                description: server.description.map(Self.checked)
            )
            guard add(sighting, at: index) else { continue }
            if let owner = server.owner {
                owners.append(Owner(canonicalKey: key, owner: owner, criticality: server.criticality))
            }
        }
        takeGaps(value)
    }

    /// What the look that wrote a bundle did not cover, as its own words say.
    private mutating func takeGaps(_ value: JSON.Value) {
        let gaps = value["not_covered"]?.array ?? []
        let host = Self.name(value["host"]?.string)
        let place = host.isEmpty ? "" : " of \(host)"
        for gap in gaps.prefix(100).compactMap(CoverageGap.init(json:)) {
            result.gaps.append(
                CoverageGap(
                    subject: Credentials.redact(Shown.text(gap.subject)) + place,
                    reason: Credentials.redact(Shown.text(gap.reason))
                )
            )
        }
        if gaps.count > 100 {
            result.gaps.append(CoverageGap(subject: location, reason: "\(gaps.count - 100) gaps more"))
        }
    }

    /// A description whose definitions stand under digests of what they really hold.
    private static func checked(_ description: ServerDescription) -> ServerDescription {
        var description = description
        description.definitions = description.definitions.compactMap { Definition.read($0.body, kind: $0.kind) }
        return description
    }

    private mutating func takeServices(_ value: JSON.Value, _ file: String) throws(InvalidInput) {
        guard let services = (value["services"] ?? .array([])).array, services.count <= Self.mostServers else {
            throw Self.invalid(file, "import.servers", "`services` must be a list of at most \(Self.mostServers)")
        }
        var isDescribed = false
        for (index, service) in services.enumerated() {
            let name = Self.name(service["name"]?.string)
            guard !name.isEmpty else {
                skip(index, "it has no name")
                continue
            }
            var properties: [String: String] = [:]
            for property in (service["properties"]?.array ?? []).prefix(1000) {
                guard let key = property["name"]?.string, key.hasPrefix("lockstep:") else { continue }
                properties[String(key.dropFirst(9))] = property["value"]?.string
            }
            var hiding = SecretHiding(digest: digest)
            let urls = [service["endpoints"]?.array?.first?.string, properties["url"]].compactMap(\.self)
            let address = urls.lazy.compactMap { hiding.address($0) }.first
            isDescribed = isDescribed || service["services"]?.array?.isEmpty == false
            let key = key(address, properties["canonical-key"], name)
            let sighting = Sighting(
                source: "import",
                location: location,
                canonicalKey: key,
                name: key.hasPrefix("unmapped:") ? key : name,
                kind: properties["kind"].flatMap(ServerKindOfThing.init(rawValue:)) ?? Self.kind(name, address),
                transport: properties["transport"].flatMap(Transport.init(rawValue:)) ?? .unknown,
                url: address?.text,
                // The words of the command are not told apart in this format, so it is not taken.
                secrets: hiding.references.filter { !$0.digest.isEmpty }
            )
            guard add(sighting, at: index), let owner = properties["owner"] else { continue }
            let level = properties["criticality"].flatMap(InventoryServer.Criticality.init(rawValue:))
            owners.append(Owner(canonicalKey: key, owner: owner, criticality: level))
        }
        if isDescribed {
            result.gaps.append(
                CoverageGap(
                    subject: location,
                    reason: "CycloneDX names tools without their schemas, so they were not taken"
                )
            )
        }
    }

    /// Whether a service of somebody else's document is likely to be one of ours.
    private static func kind(_ name: String, _ address: CanonicalKey.Address?) -> ServerKindOfThing {
        let text = (name + " " + (address?.path ?? "") + " " + (address?.host ?? "")).lowercased()
        let words = text.split { !$0.isLetter && !$0.isNumber }
        return words.contains { $0 == "mcp" || $0 == "sse" } ? .mcp : .other
    }
}
