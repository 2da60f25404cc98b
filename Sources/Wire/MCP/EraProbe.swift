package import Core

/// Finds out which revisions a server speaks, one question at a time.
///
/// Both eras are always asked: `server/discover` names modern revisions only, and a server that also accepts
/// `initialize` does not say so there. The modern question comes first, because on stdio a legacy server answers it with
/// some error and lives on, while the reverse order opens a session that nobody wants. Any error that is not one of the
/// three modern codes counts as "not modern" (2026-07-28, "Versioning and Compatibility").
///
/// The probe only decides. Whoever drives it sends the question, bounds it in time and bytes, and hands back the answer.
package struct EraProbe: Sendable {
    /// Where a question is asked.
    package enum Route: Sendable, Hashable {
        case stdio
        /// POST to the address under examination.
        case post
        /// POST to the address that the open stream of the 2024-11-05 transport named, as the server wrote it.
        case eventStream(endpoint: String)
    }

    package enum Question: Sendable, Hashable {
        case discover(ProtocolRevision, Route)
        case initialize(offering: ProtocolRevision, Route)
        /// GET the address and wait for the first event of the stream; the stream stays open for what follows.
        case openEventStream
    }

    package enum Answer: Sendable, Hashable {
        /// A JSON-RPC response, whatever the HTTP status around it.
        case response(JSONRPC.Response)
        /// An HTTP status without a JSON-RPC response in the body.
        case status(Int)
        /// 401 or 403 with what the server wants to see.
        case challenge(status: Int, [AuthenticationChallenge])
        /// The first event of the stream was `endpoint`, with this address as its data.
        case endpoint(String)
        /// No answer in time, or one that is not what was asked for.
        case nothing
    }

    /// How many legacy revisions are tried.
    package enum Depth: Sendable, Hashable {
        /// The one that the server picks when it is offered the newest. Each `initialize` opens a session.
        case negotiated
        /// Every published one, to know which of them a server would still accept. Not for stdio, where one process
        /// takes one `initialize`.
        case everyRevision
    }

    /// What is known so far.
    package struct Report: Sendable, Hashable {
        /// The answer of the modern era.
        package var modern: Introduction?
        /// The answer of the legacy era to the newest revision offered.
        package var legacy: Introduction?
        package var revisions: Set<ProtocolRevision> = []
        /// What the server named and nobody has published.
        package var unknownVersions: Set<String> = []
        package var transports: Set<Transport> = []
        package var challenges: [AuthenticationChallenge] = []
        package var isChallenged = false
        /// A modern error came back, so the era is known even where no revision could be agreed on.
        package var hasModernEvidence = false
        /// The address for the 2024-11-05 transport, as the server wrote it.
        package var endpoint: String?

        /// Whether anything answered as a server of this protocol does.
        package var isModelContextProtocol: Bool { modern != nil || legacy != nil || hasModernEvidence }

        package var eras: Set<ProtocolRevision.Era> {
            var eras = Set(revisions.map(\.era))
            if hasModernEvidence { eras.insert(.modern) }
            return eras
        }
    }

    package private(set) var report = Report()
    /// What to ask next; nothing once all that can be known is known.
    package private(set) var question: Question?

    private let route: Route
    private let depth: Depth
    private var asked: Set<Question> = []
    /// Legacy revisions still to be offered, newest first.
    private var offers: [ProtocolRevision] = []

    /// A probe of an address that is reached by HTTP.
    package static func http(depth: Depth = .negotiated) -> EraProbe { EraProbe(route: .post, depth: depth) }

    /// A probe of a process on the other end of a pipe.
    package static func stdio() -> EraProbe { EraProbe(route: .stdio, depth: .negotiated) }

    private init(route: Route, depth: Depth) {
        self.route = route
        self.depth = depth
        ask(.discover(.latest, route))
    }

    /// Takes the answer to `question` and settles the next one.
    package mutating func receive(_ answer: Answer) {
        guard let current = question else { return }
        question = nil
        if case .challenge(_, let challenges) = answer {
            report.isChallenged = true
            for challenge in challenges where !report.challenges.contains(challenge) {
                report.challenges.append(challenge)
            }
        }
        switch current {
        case .discover: settleDiscover(answer)
        case .initialize(let offered, let route): settleInitialize(answer, offered: offered, route: route)
        case .openEventStream: settleEventStream(answer)
        }
    }

    private mutating func settleDiscover(_ answer: Answer) {
        if case .response(let response) = answer {
            switch response.outcome {
            case .success(let result):
                if let introduction = try? Introduction(discoverResult: result) {
                    record(introduction.versions)
                    if introduction.revisions.contains(where: { $0.era == .modern }) {
                        report.modern = introduction
                        report.hasModernEvidence = true
                        report.transports.insert(route == .stdio ? .stdio : .streamableHTTP)
                    }
                }
            case .failure(let failure) where failure.known?.isModern == true:
                report.hasModernEvidence = true
                let supported = Self.supported(failure)
                record(supported)
                let mutual = supported.compactMap(ProtocolRevision.init(rawValue:)).filter { $0.era == .modern }
                for revision in mutual.sorted(by: >) where ask(.discover(revision, route)) { return }
            case .failure: break
            }
        }
        offers = depth == .everyRevision ? ProtocolRevision.legacy : [.latestLegacy]
        offerNext(route)
    }

    private mutating func settleInitialize(_ answer: Answer, offered: ProtocolRevision, route: Route) {
        switch answer {
        case .response(let response):
            switch response.outcome {
            case .success(let result):
                guard let introduction = try? Introduction(initializeResult: result) else { break }
                report.legacy = report.legacy ?? introduction
                record(introduction.versions)
                report.transports.insert(Self.transport(of: route))
            case .failure(let failure):
                let supported = Self.supported(failure)
                record(supported)
                if failure.known?.isModern == true { report.hasModernEvidence = true }
                // Servers in the field refuse a revision that they do not know, where they ought to offer another.
                let mutual = supported.compactMap(ProtocolRevision.init(rawValue:)).filter { $0.era == .legacy }
                if report.legacy == nil {
                    offers = mutual.sorted(by: >) + offers.filter { !mutual.contains($0) }
                }
            }
        case .status(400), .status(404), .status(405), .status(406):
            if route == .post, report.legacy == nil, !report.hasModernEvidence, ask(.openEventStream) { return }
        case .status, .challenge, .endpoint, .nothing: break
        }
        offerNext(route)
    }

    private mutating func settleEventStream(_ answer: Answer) {
        guard case .endpoint(let endpoint) = answer else { return }
        report.endpoint = endpoint
        report.transports.insert(.legacySSE)
        offers = depth == .everyRevision ? ProtocolRevision.legacy : [.v2024_11_05]
        offerNext(.eventStream(endpoint: endpoint))
    }

    private mutating func offerNext(_ route: Route) {
        while !offers.isEmpty {
            if ask(.initialize(offering: offers.removeFirst(), route)) { return }
        }
    }

    /// Puts a question unless it has been asked before, which is what keeps the probe finite.
    @discardableResult
    private mutating func ask(_ next: Question) -> Bool {
        guard asked.insert(next).inserted else { return false }
        question = next
        return true
    }

    private mutating func record(_ versions: [String]) {
        for version in versions {
            if let revision = ProtocolRevision(rawValue: version) {
                report.revisions.insert(revision)
            } else {
                report.unknownVersions.insert(version)
            }
        }
    }

    private static func supported(_ failure: JSONRPC.Failure) -> [String] {
        (failure.data?["supported"]?.array ?? []).prefix(64).compactMap(\.string)
    }

    private static func transport(of route: Route) -> Transport {
        switch route {
        case .stdio: .stdio
        case .post: .streamableHTTP
        case .eventStream: .legacySSE
        }
    }
}
