import Core
import Wire

/// One examination of one origin from the first contact to the end: tries the paths, then asks whatever answered.
struct Examination {
    let client: HTTPClient
    let calls: Calls
    let limits: ProbeLimits
    /// `host:port`, or the address from a configuration.
    let location: String
    let isLoopback: Bool
    let token: Redacted<String>?

    /// A path that may be the one: what was said there, and what it wants to see first.
    private struct Candidate {
        var conversation: Conversation
        var authentication: ServerDescription.Authentication
        var gaps: [String]

        var isChallenged: Bool { conversation.report.isChallenged }
        var hasMetadata: Bool { if case .oauth = authentication { true } else { false } }
    }

    /// Examines the paths in their order, beginning with the answer to the opening question, and describes each server.
    ///
    /// One port may carry several servers. Two paths that answer alike are one server, known by the first of them. Where
    /// the path is certain, because somebody wrote it down, a challenge there is a server of ours behind a door.
    func run(
        paths: [String],
        first: Result<HTTPExchange.Answer, HTTPExchange.Failure>,
        isPathCertain: Bool
    ) async -> ProbeOutcome {
        var outcome = ProbeOutcome()
        guard case .success = first else {
            if case .failure(let failure) = first { await describeUnknown(failure, &outcome) }
            return outcome
        }
        var candidates: [Candidate] = []
        var contact: Result<HTTPExchange.Answer, HTTPExchange.Failure>? = first
        var isKnown = false
        for path in paths {
            // A busy server is not asked on to the last moment: what has been found is worth more than one more path.
            if isKnown, client.remaining < limits.endpoint / 4 {
                outcome.gaps.append(CoverageGap(subject: location, reason: "the path \(path) was not asked, for time"))
                continue
            }
            let candidate = await introduce(path, first: contact)
            contact = nil
            candidates.append(candidate)
            guard candidate.conversation.report.isModelContextProtocol || candidate.hasMetadata else { continue }
            // Servers in the field show the metadata of their host to every path.
            if isKnown, !candidate.conversation.report.isModelContextProtocol {
                await leave(candidate)
                continue
            }
            isKnown = true
            await describeServer(candidate, &outcome)
        }
        if !isKnown, let candidate = Self.choose(candidates, isPathCertain: isPathCertain) {
            isKnown = true
            await describeServer(candidate, &outcome)
        }
        if !isPathCertain { isKnown = await describeNeighbours(isKnown, &outcome) || isKnown }
        if !isKnown, let last = candidates.last { await describeOther(last, candidates[0], &outcome) }
        outcome.requests = await client.requests
        return outcome
    }

    private func leave(_ candidate: Candidate) async {
        var conversation = candidate.conversation
        await conversation.leave()
    }

    private func introduce(
        _ path: String,
        first: Result<HTTPExchange.Answer, HTTPExchange.Failure>?
    ) async -> Candidate {
        var conversation = Conversation(client: client, path: path, calls: calls)
        await conversation.introduce(first: first, depth: .everyRevision)
        var check = AuthorizationCheck(client: client, path: path)
        let authentication = await check.run(conversation.report)
        var gaps = check.gaps
        if conversation.report.isChallenged, let token {
            if await maySendToken {
                var admitted = Conversation(client: client, path: path, calls: calls, token: token)
                await admitted.introduce(depth: .negotiated)
                if admitted.report.isModelContextProtocol {
                    await conversation.leave()
                    conversation = admitted
                } else {
                    gaps.append("the token that was given does not open it")
                }
            } else {
                gaps.append("the token that was given was kept back, because the connection is not confidential")
            }
        }
        return Candidate(conversation: conversation, authentication: authentication, gaps: gaps)
    }

    private var maySendToken: Bool {
        get async {
            if isLoopback { return true }
            return client.origin.isEncrypted ? await client.isTrusted == true : false
        }
    }

    /// The candidate that is a server of ours: one that answered as such, or else a door that only such a server has.
    private static func choose(_ candidates: [Candidate], isPathCertain: Bool) -> Candidate? {
        if let answered = candidates.first(where: { $0.conversation.report.isModelContextProtocol || $0.hasMetadata }) {
            return answered
        }
        let doors = candidates.filter { candidate in
            candidate.isChallenged
                && (candidate.conversation.report.challenges.contains { $0.scheme == "bearer" || $0.scheme == "dpop" }
                    || isPathCertain)
        }
        // Where everything is behind the door, there is no telling what it is a door to.
        guard let door = doors.first, isPathCertain || doors.count < candidates.count else { return nil }
        return door
    }
}

// MARK: - What was found

extension Examination {
    private func describeServer(_ candidate: Candidate, _ outcome: inout ProbeOutcome) async {
        var conversation = candidate.conversation
        await conversation.readLists(limits.listing)
        await conversation.leave()
        let report = conversation.report
        let introduction = report.modern ?? report.legacy
        var authentication = candidate.authentication
        if authentication == .none, report.isChallenged {
            // Only the lists wanted a token.
            var check = AuthorizationCheck(client: client, path: conversation.path)
            authentication = await check.run(report)
        }
        if introduction == nil {
            conversation.note(
                report.hasModernEvidence
                    ? "no revision is spoken by both sides" : "identity and lists are behind authentication"
            )
        }
        if authentication == .none, introduction == nil { authentication = .unknown }
        let url = address(conversation.path)
        let key = CanonicalKey.url(url) ?? url
        let revisions = report.revisions.sorted(by: >).map(\.rawValue)
        let unknown = report.unknownVersions.sorted(by: >).prefix(16).map { Shown.text($0, limit: 64) }
        let server = introduction?.server
        let description = ServerDescription(
            name: Shown.text(server?.name ?? ""),
            title: (server?.title).map { Shown.text($0) },
            version: Shown.text(server?.version ?? ""),
            instructions: introduction?.instructions,
            revisions: revisions + unknown,
            capabilities: .object(introduction?.capabilities ?? [:]),
            definitions: conversation.definitions,
            authentication: authentication,
            security: await client.security,
            gaps: candidate.gaps + conversation.gaps,
            areToolsKnown: introduction != nil && conversation.areToolsKnown
        )
        let transport: Transport =
            report.transports.contains(.legacySSE) && !report.transports.contains(.streamableHTTP)
            ? .legacySSE : .streamableHTTP
        let sighting = Sighting(
            source: "network",
            location: location,
            canonicalKey: key,
            name: description.name.isEmpty ? location : description.name,
            kind: .mcp,
            transport: transport,
            url: key,
            description: description
        )
        if outcome.sightings.contains(where: { $0.kind == .mcp && Self.isSame($0.description, description) }) { return }
        outcome.sightings.append(sighting)
        outcome.findings += Exposure.findings(sighting, isLoopback: isLoopback)
        outcome.gaps += description.gaps.map { CoverageGap(subject: key, reason: $0) }
    }

    /// Whether two paths lead to one server: it calls itself the same and offers the same, in whatever revision.
    private static func isSame(_ known: ServerDescription?, _ other: ServerDescription) -> Bool {
        guard let known, known.name == other.name, known.version == other.version else { return false }
        func offers(_ description: ServerDescription) -> Set<String> {
            Set(description.definitions.map { "\($0.kind.rawValue) \($0.name) \($0.digest)" })
        }
        return offers(known) == offers(other) && known.areToolsKnown == other.areToolsKnown
    }

    /// Looks for an agent card and, where no MCP server was found, for a model server.
    private func describeNeighbours(_ isServer: Bool, _ outcome: inout ProbeOutcome) async -> Bool {
        var neighbours = Neighbours(client: client)
        var sightings: [Sighting] = []
        let card = await neighbours.agentCard()
        let security = await client.security
        if let (path, card) = card {
            let key = CanonicalKey.url(address(path)) ?? address(path)
            let description = ServerDescription(
                name: Shown.text(card.name),
                version: Shown.text(card.version ?? ""),
                instructions: card.description,
                revisions: Set(card.interfaces.compactMap(\.version)).sorted(by: >),
                capabilities: Self.capabilities(of: card),
                authentication: card.securitySchemes.first.map { .bearer(scheme: Shown.text($0, limit: 64)) } ?? .none,
                security: security
            )
            sightings.append(
                Sighting(
                    source: "network",
                    location: location,
                    canonicalKey: key,
                    name: description.name,
                    kind: .agent,
                    transport: .unknown,
                    url: key,
                    description: description
                )
            )
        } else if !isServer, let model = await neighbours.modelServer() {
            let key = CanonicalKey.url(address("/")) ?? address("/")
            let description = ServerDescription(
                name: model.product.rawValue,
                version: Shown.text(model.version ?? ""),
                capabilities: ["models": .array(model.models.map { .string(Shown.text($0)) })],
                authentication: .none,
                security: security
            )
            sightings.append(
                Sighting(
                    source: "network",
                    location: location,
                    canonicalKey: key,
                    name: model.product.rawValue,
                    kind: .modelServer,
                    transport: .unknown,
                    url: key,
                    description: description
                )
            )
        }
        for sighting in sightings {
            outcome.findings += Exposure.findings(sighting, isLoopback: isLoopback)
        }
        outcome.sightings += sightings
        outcome.gaps += neighbours.gaps.map { CoverageGap(subject: location, reason: $0) }
        return !sightings.isEmpty
    }

    private static func capabilities(of card: AgentCard) -> JSON.Value {
        let skills = card.skills.map { skill in
            JSON.Value.object(["id": .string(skill.id), "name": .string(skill.name)])
        }
        let interfaces = card.interfaces.map { interface in
            JSON.Value.object(["url": .string(interface.url), "binding": .string(interface.binding)])
        }
        return ["skills": .array(skills), "interfaces": .array(interfaces), "isSigned": .bool(card.isSigned)]
    }

    /// An HTTP server that is none of ours.
    private func describeOther(_ candidate: Candidate, _ first: Candidate, _ outcome: inout ProbeOutcome) async {
        let answer = candidate.conversation.lastAnswer ?? first.conversation.lastAnswer
        var seen = "http"
        if let answer {
            seen += " \(answer.status)"
            if let server = answer.value("server") { seen += " " + Shown.text(server, limit: 80) }
        }
        let troubles = (first.gaps + first.conversation.gaps + candidate.gaps + candidate.conversation.gaps)
        var gaps: [String] = []
        for trouble in troubles where !gaps.contains(trouble) { gaps.append(trouble) }
        appendOther(
            ServerDescription(
                name: seen,
                authentication: first.authentication == .none ? .unknown : first.authentication,
                security: await client.security,
                gaps: gaps
            ),
            &outcome
        )
    }

    /// Something that does not speak HTTP.
    private func describeUnknown(_ failure: HTTPExchange.Failure, _ outcome: inout ProbeOutcome) async {
        let security = client.origin.isEncrypted ? await client.security : ServerDescription.Security(version: "none")
        appendOther(
            ServerDescription(name: Shown.line(failure.sample), security: security, gaps: [failure.reason]),
            &outcome
        )
        outcome.requests = await client.requests
    }

    private func appendOther(_ description: ServerDescription, _ outcome: inout ProbeOutcome) {
        outcome.sightings.append(
            Sighting(
                source: "network",
                location: location,
                canonicalKey: "tcp://\(location)",
                name: location,
                kind: .other,
                transport: .unknown,
                description: description
            )
        )
        outcome.gaps += description.gaps.map { CoverageGap(subject: location, reason: $0) }
    }

    private func address(_ path: String) -> String {
        CanonicalKey.address(client.origin.text + path)?.text ?? client.origin.text
    }
}

/// A server that lets clients in and shows no tools that could be reviewed.
enum UnreadTools {
    /// Nothing where the tools are known, or behind authentication, which is as it should be.
    static func finding(_ description: ServerDescription, key: String) -> Finding? {
        guard !description.areToolsKnown, !description.gaps.contains(where: { $0.contains("behind authentication") }),
            !description.revisions.isEmpty
        else { return nil }
        let reasons = description.gaps.filter { $0.contains("tools") || $0.contains("json") || $0.contains("answer") }
        return Finding(
            code: "server.tools-unreadable",
            severity: .high,
            subject: key,
            message: "the server's tools could not be read",
            evidence: (reasons.isEmpty ? description.gaps : reasons).prefix(4).joined(separator: "; ")
        )
    }
}

/// What a server's place on the network says against it, without regard to what it offers.
enum Exposure {
    static func findings(_ sighting: Sighting, isLoopback: Bool) -> [Finding] {
        guard let description = sighting.description else { return [] }
        var findings: [Finding] = []
        func add(_ code: String, _ severity: Finding.Severity, _ message: String, _ evidence: String) {
            findings.append(
                Finding(
                    code: code,
                    severity: severity,
                    subject: sighting.canonicalKey,
                    message: message,
                    evidence: evidence
                )
            )
        }
        let tools = description.definitions.count { $0.kind == .tool }
        if let finding = UnreadTools.finding(description, key: sighting.canonicalKey) { findings.append(finding) }
        if sighting.kind == .mcp, description.authentication == .none, tools > 0 {
            add(
                "server.unauthenticated",
                isLoopback ? .medium : .high,
                "anyone who can reach `\(sighting.canonicalKey)` may call \(tools == 1 ? "its tool" : "its \(tools) tools")",
                "tools/list answered without credentials"
            )
        }
        if description.security.version == "cleartext" {
            add(
                "transport.cleartext",
                isLoopback ? .info : .high,
                "`\(sighting.canonicalKey)` is spoken to without encryption",
                "answered over http"
            )
        }
        if description.security.isTrusted == false {
            add(
                "transport.untrusted-certificate",
                isLoopback ? .low : .high,
                "the certificate of `\(sighting.canonicalKey)` is not from an issuer that this machine trusts",
                description.security.certificate.map { "certificate \($0)" } ?? ""
            )
        }
        if sighting.transport == .legacySSE {
            add(
                "server.legacy-transport",
                .low,
                "`\(sighting.canonicalKey)` speaks only the deprecated http+sse transport",
                "2024-11-05"
            )
        }
        return findings
    }
}
