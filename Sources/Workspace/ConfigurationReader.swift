package import Core
import Documents
import Identity

extension Configuration {
    /// Reads `lockstep.yaml` and reports everything that is wrong with it at once (codes `workspace.*`, `yaml.*`).
    package static func read(_ bytes: [UInt8], file: String) throws(InvalidInput) -> Configuration {
        let (node, syntax) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "workspace", syntax)
        guard let node else {
            if !problems.hasErrors {
                problems.report("empty", "the file is empty", at: Place(file: file, line: 1, column: 1))
            }
            throw InvalidInput(problems.sorted)
        }
        var configuration = Configuration(digest: .sha256(bytes))
        if var document = MappingReader(node, problems, as: "the workspace") {
            configuration.fill(from: &document, problems)
        }
        guard !problems.hasErrors else { throw InvalidInput(problems.sorted) }
        return configuration
    }

    /// Reads the people of a `lockstep.yaml`, or of a file that holds `people` alone.
    package static func readPeople(_ bytes: [UInt8], file: String) throws(InvalidInput) -> [Person] {
        let (node, syntax) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "workspace", syntax)
        var configuration = Configuration(digest: .sha256(bytes))
        if let node, var document = MappingReader(node, problems, as: "the list of people") {
            if document.keys.contains(where: { $0.value == "apiVersion" }) {
                configuration.fill(from: &document, problems)
            } else {
                configuration.readPeople(&document, problems)
                document.finish()
            }
        } else if !problems.hasErrors {
            problems.report("empty", "the file is empty", at: Place(file: file, line: 1, column: 1))
        }
        guard !problems.hasErrors else { throw InvalidInput(problems.sorted) }
        return configuration.people
    }

    private mutating func fill(from document: inout MappingReader, _ problems: DiagnosticCollector) {
        if let version = document.string("apiVersion", isRequired: true), version.value != "lockstep/v1" {
            problems.report(
                "unknown-version",
                "this version reads only `lockstep/v1`",
                at: version.place
            )
        }
        if let kind = document.string("kind", isRequired: true), kind.value != "Workspace" {
            problems.report("unknown-kind", "the kind of this file must be `Workspace`", at: kind.place)
        }
        organisation = document.string("organisation", mayBeEmpty: true)?.value ?? ""
        allowsUnauthenticatedVotes = document.bool("unauthenticated-votes")?.value ?? false
        readPeople(&document, problems)
        readGroups(&document, problems)
        readReleases(&document, problems)
        for member in document.members("data-classes")?.value ?? [] {
            guard let text = member.value.scalar?.text else {
                problems.report("wrong-type", "a data class is described by text", at: member.value.place)
                continue
            }
            dataClasses.append((member.key.value, text))
        }
        readServers(&document, problems)
        readGateways(&document, problems)
        readHooks(&document, problems)
        if var retention = document.mapping("retention") {
            if let days = retention.string("recordings") {
                if let duration = Duration(playbook: days.value) {
                    recordingRetention = duration
                } else {
                    problems.report(
                        "invalid-value",
                        "`recordings` must be a duration",
                        at: days.place,
                        help: "write it as `30d`"
                    )
                }
            }
            retention.finish()
        }
        if var recordings = document.mapping("recordings") {
            if let results = recordings.string("results") {
                if Self.resultStorages.contains(results.value) {
                    recordedResults = results.value
                } else {
                    problems.report(
                        "invalid-value",
                        "\(results.value.inMessage) is not what can be kept of results",
                        at: results.place,
                        help: "write \(Self.resultStorages.joined(separator: ", "))"
                    )
                }
            }
            recordings.finish()
        }
        document.finish()
    }

    /// The data classes of single fields: `fields: {lookup/name: contact}`.
    private func readFields(_ entry: inout MappingReader, _ problems: DiagnosticCollector) -> [String: String] {
        var fields: [String: String] = [:]
        let known = dataClasses.map(\.name) + Self.knownDataClasses
        for member in entry.members("fields")?.value ?? [] {
            let parts = member.key.value.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 2, !parts.contains("") else {
                problems.report(
                    "invalid-value",
                    "\(member.key.value.inMessage) names no field of a tool",
                    at: member.key.place,
                    help: "write it as `TOOL/FIELD`, such as `lookup/name`; `*` stands for every tool"
                )
                continue
            }
            let name = member.value.scalar?.text ?? ""
            guard known.contains(name) else {
                let near = nearest(to: name, in: known)
                problems.report(
                    "unknown-data-class",
                    "\(name.inMessage) is not a data class",
                    at: member.value.place,
                    help: near.map { "did you mean `\($0)`?" } ?? "declare it under `data-classes`"
                )
                continue
            }
            fields[member.key.value] = name
        }
        return fields
    }

    private mutating func readPeople(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        var owners: [String: PersonID] = [:]
        for member in document.members("people")?.value ?? [] {
            guard Self.isName(member.key.value) else {
                problems.report(
                    "invalid-value",
                    "a person's id must be a short name such as `ana`",
                    at: member.key.place
                )
                continue
            }
            guard var entry = MappingReader(member.value, problems, as: "a person") else { continue }
            var person = Person(id: PersonID(member.key.value), name: member.key.value)
            person.name = entry.string("name")?.value ?? person.name
            person.email = entry.string("email")?.value
            person.osUser = entry.string("os-user")?.value
            let current = (entry.strings("keys", mayBeOne: true)?.value ?? []).map { ($0, true) }
            let retired = (entry.strings("retired-keys", mayBeOne: true)?.value ?? []).map { ($0, false) }
            for (line, isCurrent) in current + retired {
                do throws(SSHError) {
                    let key = try SSHPublicKey(line: line.value)
                    // One key for two people would make four eyes two.
                    if let other = owners.updateValue(person.id, forKey: key.fingerprint), other != person.id {
                        problems.report(
                            "shared-key",
                            "this key already belongs to `\(other)`",
                            at: line.place,
                            help: "give each person a key of their own"
                        )
                    }
                    if isCurrent {
                        person.keys.append(key.line)
                    } else if person.keys.contains(key.line) {
                        problems.report(
                            "retired-key",
                            "this key is listed under `keys` too",
                            at: line.place,
                            help: "a key may either sign or be retired: remove it from one of the two"
                        )
                    } else {
                        person.retiredKeys.append(key.line)
                    }
                } catch {
                    problems.report("invalid-key", error.message, at: line.place, help: error.help)
                }
            }
            entry.finish()
            people.append(person)
        }
    }

    private mutating func readGroups(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        for member in document.members("groups")?.value ?? [] {
            guard let elements = member.value.sequence else {
                problems.report("wrong-type", "a group is a list of people", at: member.value.place)
                continue
            }
            var members: [PersonID] = []
            for element in elements {
                let name = element.scalar?.text ?? ""
                if person(PersonID(name)) == nil {
                    let near = nearest(to: name, in: people.map(\.id.text))
                    problems.report(
                        "unknown-person",
                        "\(name.inMessage) is not among the people",
                        at: element.place,
                        help: near.map { "did you mean `\($0)`?" }
                    )
                } else if members.contains(PersonID(name)) {
                    problems.report("duplicate-member", "\(name.inMessage) is in the group twice", at: element.place)
                } else {
                    members.append(PersonID(name))
                }
            }
            groups.append((member.key.value, members))
        }
    }

    private mutating func readServers(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        for member in document.members("servers")?.value ?? [] {
            guard Self.isName(member.key.value) else {
                problems.report("invalid-value", "a server's id must be a slug such as `hr-api`", at: member.key.place)
                continue
            }
            guard var entry = MappingReader(member.value, problems, as: "a server") else { continue }
            var server = Server(
                id: ServerID(member.key.value),
                url: entry.string("url")?.value,
                aliases: entry.strings("aliases")?.value.map(\.value) ?? [],
                owner: entry.string("owner")?.value,
                criticality: entry.enumeration("criticality", of: InventoryServer.Criticality.self)?.value,
                dataClasses: entry.strings("data-classes")?.value.map(\.value) ?? []
            )
            server.fields = readFields(&entry, problems)
            entry.finish()
            servers.append(server)
        }
    }

    private mutating func readGateways(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        for node in document.list("gateways")?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "a gateway") else { continue }
            let id = entry.string("id", isRequired: true)
            let config = entry.string("config", isRequired: true)
            entry.finish()
            guard let id, let config else { continue }
            if gateways.contains(where: { $0.id == id.value }) {
                problems.report("duplicate-gateway", "the gateway \(id.value.inMessage) is listed twice", at: id.place)
            }
            gateways.append(Gateway(id: id.value, config: config.value))
        }
    }

    private mutating func readHooks(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        for member in document.members("hooks")?.value ?? [] {
            // Playbooks name it, so it follows the rule of their names.
            guard Self.isHookName(member.key.value) else {
                problems.report(
                    "invalid-value",
                    "a hook's name must be a lower-case name such as `revoke_token`",
                    at: member.key.place
                )
                continue
            }
            guard member.value.mapping != nil else {
                problems.report(
                    "wrong-type",
                    "the hook `\(member.key.value)` must be a mapping with `command`, not \(member.value.kindName)",
                    at: member.value.place,
                    help: Self.hookForm(member.key.value)
                )
                continue
            }
            guard var entry = MappingReader(member.value, problems, as: "a hook") else { continue }
            guard entry.keys.contains(where: { $0.value == "command" }) else {
                problems.report(
                    "missing-key",
                    "the hook `\(member.key.value)` has no `command`",
                    at: member.value.place,
                    help: Self.hookForm(member.key.value)
                )
                continue
            }
            var hook = Hook(name: member.key.value, command: [])
            let command = entry.strings("command", isRequired: true)
            hook.command = command?.value.map(\.value) ?? []
            if let command, let first = hook.command.first, !first.hasPrefix("/") {
                problems.report(
                    "invalid-value",
                    "a hook's command must begin with an absolute path",
                    at: command.place,
                    help: "a relative one could be replaced by whoever owns the current folder; "
                        + Self.hookForm(member.key.value)
                )
            }
            if let text = entry.string("timeout") {
                if let duration = Duration(playbook: text.value) {
                    hook.timeout = duration
                } else {
                    problems.report("invalid-value", "`timeout` must be a duration such as `30s`", at: text.place)
                }
            }
            hook.environment = entry.strings("environment")?.value.map(\.value) ?? []
            entry.finish()
            hooks.append(hook)
        }
    }

    /// The whole form of a hook, so that nobody finds it out key by key.
    private static func hookForm(_ name: String) -> String {
        "write it as `\(name): {command: [/usr/local/bin/\(name), --quiet], timeout: 60s, environment: [HOME]}`; "
            + "`timeout` and `environment` may be left out"
    }

    /// Whether playbooks can name a hook so: a lower-case letter, then lower-case letters, digits and `_`.
    private static func isHookName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return text.utf8.count <= 63
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
    }

    /// Whether a text may name a person or a server: letters, digits, `.`, `_`, `-`, at most 63.
    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
                    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }
}
