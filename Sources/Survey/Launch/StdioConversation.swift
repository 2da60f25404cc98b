import Core
import Wire

/// The same questions as over HTTP, put to a process: one JSON-RPC message a line.
struct StdioConversation {
    let inbox: LineInbox
    let calls: Calls
    let deadline: ContinuousClock.Instant
    /// Writes one message with its line end; says whether it could be written.
    let write: @Sendable ([UInt8]) async -> Bool
    private(set) var report = EraProbe.stdio().report
    private(set) var definitions: [Definition] = []
    private(set) var gaps: [String] = []
    private(set) var areToolsKnown = true
    private var lastID: Int64 = 0

    init(
        inbox: LineInbox,
        calls: Calls,
        deadline: ContinuousClock.Instant,
        write: @escaping @Sendable ([UInt8]) async -> Bool
    ) {
        self.inbox = inbox
        self.calls = calls
        self.deadline = deadline
        self.write = write
    }

    mutating func run(_ limits: Listing.Limits) async {
        var probe = EraProbe.stdio()
        while let question = probe.question {
            switch question {
            case .discover(let revision, _):
                probe.receive(await ask(calls.discover(id: nextID(), revision: revision), revision))
            case .initialize(let offered, _):
                probe.receive(await ask(calls.initialize(id: nextID(), offering: offered), offered))
            case .openEventStream: probe.receive(.nothing)
            }
        }
        report = probe.report
        guard let introduction = report.modern ?? report.legacy else { return }
        let revision =
            introduction.revisions.first { report.modern == nil || $0.era == .modern }
            ?? (report.modern == nil ? .latestLegacy : .latest)
        if report.modern == nil { _ = await send(.notification(calls.initialized)) }
        for kind in ListKind.allCases {
            let isOffered = introduction.lists.contains(kind)
            guard isOffered || kind == .tools else { continue }
            await read(kind, limits, revision, isOffered: isOffered)
        }
    }

    /// Asks a process that has not been asked anything yet for the legacy era alone.
    mutating func runLegacy() async -> Introduction? {
        let answer = await ask(calls.initialize(id: nextID(), offering: .latestLegacy), .latestLegacy)
        guard case .response(let response) = answer, let result = response.result else { return nil }
        return try? Introduction(initializeResult: result)
    }

    private mutating func read(
        _ kind: ListKind,
        _ limits: Listing.Limits,
        _ revision: ProtocolRevision,
        isOffered: Bool
    ) async {
        let words = Conversation.words(kind)
        var listing = Listing(kind, limits: limits)
        while let request = listing.request(calls, id: nextID(), revision: revision) {
            guard case .response(let response) = await ask(request, revision) else {
                if isOffered { note("the list of \(words) was not answered") }
                break
            }
            listing.receive(response)
        }
        definitions += listing.definitions
        if kind == .tools, isOffered, listing.definitions.isEmpty {
            areToolsKnown = Conversation.isRead(listing.stop, refusals: listing.refusals.count)
        }
        if let trouble = Conversation.trouble(listing.stop, words: words, isOffered: isOffered) { note(trouble) }
        for refusal in listing.refusals.prefix(4) {
            note("entry \(refusal.index) of the list of \(words) is malformed: \(refusal.reason)")
        }
        if !listing.duplicates.isEmpty { note("the list of \(words) names \(listing.duplicates.count) of them twice") }
    }

    private mutating func ask(_ request: JSONRPC.Request, _ revision: ProtocolRevision) async -> EraProbe.Answer {
        // Half of what is left: a question that is never answered leaves room for another.
        let patience: ContinuousClock.Instant = .now + (deadline - .now) / 2
        guard .now < deadline, await send(.request(request)) else { return .nothing }
        while let line = await inbox.next(until: patience) {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
            do throws(Malformed) {
                let body = try JSONRPC.parse(line, revision: revision)
                for case .response(let response) in body.messages where response.id == request.id {
                    return .response(response)
                }
            } catch {
                // Programs that print to standard output are common; each such line is skipped.
                note("it writes lines to standard output that are not messages")
            }
        }
        return .nothing
    }

    private func send(_ message: JSONRPC.Message) async -> Bool {
        await write(message.encoded + [UInt8(ascii: "\n")])
    }

    private mutating func nextID() -> JSONRPC.ID {
        lastID += 1
        return .integer(lastID)
    }

    private mutating func note(_ gap: String) {
        if !gaps.contains(gap), gaps.count < 32 { gaps.append(gap) }
    }
}
