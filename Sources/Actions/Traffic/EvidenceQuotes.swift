package import Behaviour
import Core
import Inspection
package import Policies
package import Traffic

/// What recordings say at the places that stand behind a point: the call itself, and the result that showed its value.
package struct EvidenceQuotes: Sendable {
    package struct Quote: Sendable, Hashable {
        package var session: String
        package var sequence: Int64
        package var tool: ServerTool
        /// Of the argument in question, or of all arguments.
        package var argument: String
        /// Around the value in an earlier result of the same session, with the tool that showed it.
        package var source: Source?
        /// Why there is no source: the recording has no texts of the results before the call, as it is by default.
        package var lacksTexts: Bool
    }

    package struct Source: Sendable, Hashable {
        package var tool: ServerTool
        package var text: String
    }

    private struct Place: Hashable {
        var session: String
        var sequence: Int64
    }

    /// How many results of a session are kept, and how much of each, while a quoted call may still come.
    private static let keptResults = 64
    private static let keptBytes = 64 << 10
    /// How many places are quoted for one point.
    private static let places = 3
    private static let excerptLength = 160

    private var quotes: [ReviewPoint: [Quote]] = [:]
    /// Where what the points are about was seen.
    private var pointers: [ReviewPoint: [EvidencePointer]] = [:]

    /// Reads the recordings once more; nothing is quoted where there are none.
    package init(
        _ points: [(item: ReviewItem, point: ReviewPoint)],
        from files: [String]
    ) throws(RecordingFiles.Failure) {
        var wanted: [Place: [Int]] = [:]
        for (index, (item, point)) in points.enumerated() {
            let evidence = item.evidence
            pointers[point] = evidence
            for pointer in evidence.prefix(Self.places) {
                wanted[Place(session: pointer.session, sequence: pointer.sequence), default: []].append(index)
            }
        }
        if wanted.isEmpty || files.isEmpty { return }
        let sessions = Set(wanted.keys.map(\.session))
        var results: [String: [Source]] = [:]
        var textless: Set<String> = []
        var found: [ReviewPoint: [Quote]] = [:]
        _ = try RecordingFiles.read(files) { record in
            guard sessions.contains(record.session) else { return }
            let tool = ServerTool(server: record.server, tool: record.tool)
            for index in wanted[Place(session: record.session, sequence: record.sequence)] ?? [] {
                let (item, point) = points[index]
                guard item.tool == tool, item.agent == record.principal.id else { continue }
                let earlier = results[record.session] ?? []
                let source = Self.source(item, earlier)
                found[point, default: []].append(
                    Quote(
                        session: record.session,
                        sequence: record.sequence,
                        tool: tool,
                        argument: Self.argument(record, item.path),
                        source: source,
                        lacksTexts: source == nil && textless.contains(record.session)
                    )
                )
            }
            guard let text = record.result.flatMap(Self.text) else {
                textless.insert(record.session)
                return
            }
            var kept = results[record.session] ?? []
            kept.append(Source(tool: tool, text: text))
            if kept.count > Self.keptResults { kept.removeFirst() }
            results[record.session] = kept
        }
        quotes = found
    }

    /// Those of one point.
    package subscript(point: ReviewPoint) -> [Quote] { quotes[point] ?? [] }

    /// The calls behind a point, by session and number; those that a profile knows where there was no recording.
    package func places(_ point: ReviewPoint) -> [EvidencePointer] { pointers[point] ?? [] }

    /// Whether a quote has no source because the recordings keep no texts.
    package var lackTexts: Bool { quotes.values.contains { $0.contains(where: \.lacksTexts) } }

    /// The review queue of a proposal, each point with the calls that hold what it is about; read from the recordings, since
    /// a profile keeps only some calls of an argument.
    package static func placing(_ proposal: Proposal, from files: [String]) throws(RecordingFiles.Failure) -> Proposal {
        var proposal = proposal
        // What was read from standard input cannot be read once more.
        guard !files.isEmpty, !files.contains("-") else { return proposal }
        let placed = try placed(proposal.points, files)
        for index in proposal.review.indices {
            if let places = placed[proposal.point(of: proposal.review[index])] {
                proposal.review[index].evidence = places
            }
        }
        return proposal
    }

    /// The calls with the very values, for points where a profile only knows calls of the rule.
    private static func placed(
        _ points: [(item: ReviewItem, point: ReviewPoint)],
        _ files: [String]
    ) throws(RecordingFiles.Failure) -> [ReviewPoint: [EvidencePointer]] {
        let asked = points.filter { $0.item.path != nil && $0.item.kind.isPlacedByCalls }
        var found: [ReviewPoint: [EvidencePointer]] = [:]
        if asked.isEmpty { return found }
        var largest: [ReviewPoint: Double] = [:]
        var follower = SessionFollower()
        _ = try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            guard call.succeeded else { return }
            let pointer = EvidencePointer(session: call.session, sequence: call.sequence)
            for (item, point) in asked where item.agent == call.principal && item.tool == call.tool {
                if let task = item.task, task != call.task { continue }
                for leaf in call.leaves where leaf.path == item.path {
                    if item.kind == .lonelyExtreme {
                        guard let number = leaf.number, number > largest[point] ?? -.infinity else { continue }
                        largest[point] = number
                        found[point] = [pointer]
                    } else if item.concerns(leaf), found[point]?.last != pointer, found[point]?.count ?? 0 < 5 {
                        found[point, default: []].append(pointer)
                    }
                }
            }
        }
        return found
    }

    private static func text(_ result: CallRecord.Result) -> String? {
        let text = result.text ?? result.structured.map { String(decoding: JSON.canonical($0), as: UTF8.self) }
        // Whole, since an excerpt may begin after the word that calls its value a password.
        return text.map { withoutSecrets(String(decoding: $0.utf8.prefix(keptBytes), as: UTF8.self), named: nil) }
    }

    private static func argument(_ record: CallRecord, _ path: String?) -> String {
        let name = path.map { String($0.prefix { $0 != "/" }) }
        let plain = name.map {
            $0.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
                .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
        }
        let value = plain.flatMap { record.arguments[$0] } ?? .object(record.arguments)
        return excerpt(String(decoding: JSON.canonical(value), as: UTF8.self), named: plain)
    }

    /// Where the newest earlier result names one of the values, in whatever case.
    private static func source(_ item: ReviewItem, _ earlier: [Source]) -> Source? {
        for result in earlier.reversed() {
            let lowered = Array(result.text.utf8.map { 65...90 ~= $0 ? $0 + 32 : $0 })
            for value in item.values {
                let bytes = Array(value.text.utf8)
                guard !bytes.isEmpty, let start = lowered.firstRange(of: bytes)?.lowerBound else { continue }
                let whole = Array(result.text.utf8)
                let low = max(0, start - 60)
                let high = min(whole.count, start + bytes.count + 60)
                let text = (low > 0 ? "…" : "") + String(decoding: whole[low..<high], as: UTF8.self)
                return Source(tool: result.tool, text: excerpt(text + (high < whole.count ? "…" : ""), named: nil))
            }
        }
        return nil
    }

    private static func withoutSecrets(_ text: String, named name: String?) -> String {
        Credentials.tokenise(text, named: name, token: { _ in "<secret>" }) ?? text
    }

    /// Short, and without what looks like a secret.
    private static func excerpt(_ text: String, named name: String?) -> String {
        let clean = withoutSecrets(text, named: name)
        guard clean.unicodeScalars.count > excerptLength + 60 else { return clean }
        return String(String.UnicodeScalarView(clean.unicodeScalars.prefix(excerptLength + 60))) + "…"
    }
}

extension ReviewItem.Kind {
    /// Whether the profile keeps calls of the argument for it, and not of what is in question.
    fileprivate var isPlacedByCalls: Bool {
        switch self {
        case .lonelyExtreme, .rareText, .secret: true
        case .varyingSource, .textOnlyIdentity, .unexplainedIdentity, .openText, .fewSessions, .severalDefinitions,
            .manyCalls, .suspectTool, .wildcardName, .instructingText, .anyRead:
            false
        }
    }
}

extension ReviewItem {
    /// Whether a value is one of those in question.
    fileprivate func concerns(_ leaf: ObservedLeaf) -> Bool {
        switch kind {
        case .secret:
            let name = leaf.path.split(separator: "/").last { $0 != "*" }.map(String.init)
            return leaf.value.valueClass == .secret || SecretToken.isHeld(by: leaf.value.text)
                || Credentials.tokenise(leaf.value.text, named: name, token: { _ in "" }) != nil
        case .rareText:
            return !leaf.provenance.texts.isDisjoint(with: sources)
                || leaf.entities.contains { !$0.provenance.texts.isDisjoint(with: sources) }
        default: return false
        }
    }
}
