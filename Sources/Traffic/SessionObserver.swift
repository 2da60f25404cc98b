package import Core

/// Follows one session and says of each argument where its value can have come from.
///
/// Calls are handed over in their order. The answer to each rests on what came before it: the user's request, and the
/// results of earlier calls. What an agent itself wrote and then reads back proves nothing: if a value was known from
/// free text only when the agent first used it, later fields that show it do not count.
///
/// Work is done when it is needed: results are kept as they came, and are analysed once an argument of a tool that can
/// do more than read is to be explained. Arguments of closed reads are explained where they name somebody or a place, and fully
/// with `explainsReads`.
package struct SessionObserver: Sendable {
    /// How much of a session is kept.
    package struct Limits: Sendable, Hashable {
        /// A longer result is cut, counts as free text only, and marks later calls with `isEvidencePartial`.
        package var maxTextBytes: Int
        package var maxSessionBytes: Int
        package var maxResults: Int
        /// Distinct values that the agent sent.
        package var maxValues: Int

        package init(
            maxTextBytes: Int = 1 << 20,
            maxSessionBytes: Int = 64 << 20,
            maxResults: Int = 8192,
            maxValues: Int = 100_000
        ) {
            self.maxTextBytes = maxTextBytes
            self.maxSessionBytes = maxSessionBytes
            self.maxResults = maxResults
            self.maxValues = maxValues
        }
    }

    private struct SeenResult {
        var tool: ServerTool
        var tier: ToolTier
        var text: ResultText
        var ordinal: Int
        var reading: UInt64
    }

    private struct FirstUse {
        var ordinal: Int
        var value: CanonicalValue
    }

    private let prompt: ResultText?
    private let tiers: [ServerTool: ToolTier]
    private let explainsReads: Bool
    private let limits: Limits
    private let cache: ResultCache
    private var results: [SeenResult] = []
    /// Of the earlier results; the latest ones are asked one by one.
    private var index = SessionIndex()
    /// So many results are asked one by one before they are put into the index; most sessions never have more.
    var mostUnindexed = 32
    private var bytes = 0
    private var firstUses: [String: FirstUse] = [:]
    /// Calls of each tool; of tools beyond the limit the calls of all of them together.
    private var calls: [ServerTool: Int] = [:]
    private var otherCalls = 0
    private var ordinal = 0
    /// Whether a result was not kept by the recorder: then what it computed stands for it.
    private var withholdsResults = false
    /// From when on not everything that the session saw was kept.
    private var partialSince: Int?
    private var isPartial: Bool { partialSince != nil }

    /// - Parameters:
    ///   - taskText: What the user asked for; nil where nobody knows.
    ///   - tiers: Of tools whose tier is known better than by name.
    ///   - explainsReads: Explains every argument of closed reads too, for people who ask.
    ///   - limits: How much of the session is kept.
    ///   - isPartial: Whether calls of the session came before that nothing is known of any more.
    ///   - cache: Shared by the observers of one worker; what results have in common is analysed once.
    package init(
        taskText: String?,
        tiers: [ServerTool: ToolTier] = [:],
        explainsReads: Bool = false,
        limits: Limits = Limits(),
        isPartial: Bool = false,
        cache: ResultCache = ResultCache(maxBytes: 4 << 20)
    ) {
        partialSince = isPartial ? -1 : nil
        self.tiers = tiers
        self.explainsReads = explainsReads
        self.limits = limits
        self.cache = cache
        if let taskText, !taskText.isEmpty {
            prompt = cache.text(taskText, structured: nil, maxTextBytes: limits.maxTextBytes)
        } else {
            prompt = nil
        }
    }

    /// Bytes of the results that are remembered, also of those that other sessions share.
    package var heldBytes: Int { bytes }

    /// Explains a call by what came before it, and takes in its result.
    package mutating func observe(_ record: CallRecord) -> ObservedCall {
        var asksResults = false
        var call = explain(record, &asksResults)
        if asksResults, results.count - index.count > mostUnindexed {
            index.add(results[index.count...].lazy.map(\.text))
        }
        remember(call)
        if calls[call.tool] != nil || calls.count < limits.maxResults {
            calls[call.tool, default: 0] += 1
        } else {
            otherCalls += 1
        }
        call.resultDigest = absorb(record, tool: call.tool, tier: call.tier, reading: call.reading)
        ordinal += 1
        return call
    }

    /// Explains a call that has not been made yet; nothing is remembered of it.
    package func explain(_ record: CallRecord) -> ObservedCall {
        var asksResults = false
        return explain(record, &asksResults)
    }

    // `asksResults` becomes true where earlier results were asked about a value.
    private func explain(_ record: CallRecord, _ asksResults: inout Bool) -> ObservedCall {
        let tool = ServerTool(server: record.server, tool: record.tool)
        let tier = (tiers.isEmpty ? nil : tiers[tool]) ?? cache.tier(of: tool)
        var reading = Fingerprint()
        reading.combine(record.server)
        reading.combine(record.tool)
        reading.combine(record.arguments)
        let arguments = ArgumentLeaves(record.arguments)
        var leaves: [ObservedLeaf] = []
        leaves.reserveCapacity(arguments.leaves.count)
        for leaf in arguments.leaves { leaves.append(observed(leaf, tier, record, &asksResults)) }
        if arguments.exceedsLimits {
            // No rule has this path, so that a decision that overlooks the flag denies all the same.
            let path = ArgumentLeaves.omitted
            leaves.append(ObservedLeaf(argument: path, path: path, value: CanonicalValue(.free, path)))
        }
        return ObservedCall(
            session: record.session,
            sequence: record.sequence,
            principal: record.principal.id,
            client: record.clientName,
            task: record.task?.id,
            tool: tool,
            definition: record.definition,
            tier: tier,
            succeeded: record.succeeded,
            arguments: record.arguments.keys.map(ArgumentLeaves.escaped),
            leaves: leaves,
            listLengths: arguments.listLengths,
            earlierCalls: calls[tool] ?? otherCalls,
            reading: reading.value,
            exceedsLimits: arguments.exceedsLimits,
            lacksArguments: !record.argumentsAreKnown,
            isEvidencePartial: isPartial || record.provenanceIsPartial
        )
    }

    private func observed(
        _ leaf: ArgumentLeaves.Leaf,
        _ tier: ToolTier,
        _ record: CallRecord,
        _ asksResults: inout Bool
    ) -> ObservedLeaf {
        // An inner list or object that is empty never becomes a leaf.
        let value = CanonicalValue(argument: leaf.value) ?? CanonicalValue(.empty, "")
        let text = leaf.value.string
        var result = ObservedLeaf(
            argument: leaf.argument,
            path: leaf.path,
            value: value,
            number: value.valueClass == .number ? leaf.value.double : nil,
            length: text.map(TextFolding.scalarCount) ?? 0,
            words: Words.count(value.text)
        )
        guard value.valueClass != .empty, value.valueClass != .boolean else { return result }
        let isNeeded =
            tier != .read || value.valueClass.isIdentity || value.valueClass == .path || explainsReads
        if isNeeded {
            asksResults = true
            result.provenance = provenance(of: value, as: text ?? value.text, at: record.time)
            let recorded = Self.recorded(value, leaf.pointer, record)
            result.provenance = known(result.provenance, recorded)
            if Self.asksReadings(result.provenance, value) {
                result.readings = readings(showing: value, as: text ?? value.text, recorded)
            }
        }
        if let text, value.valueClass.mayHoldIdentities {
            for entity in Identities.find(in: text).sorted() {
                asksResults = true
                let recorded =
                    record.provenance.isEmpty ? nil : record.provenance[Provenance.key(of: entity, at: leaf.pointer)]
                let provenance = known(provenance(of: entity, as: entity.text, at: record.time), recorded)
                let isTextOnly = Self.asksReadings(provenance, entity)
                result.entities.append(
                    ObservedEntity(
                        value: entity,
                        provenance: provenance,
                        readings: isTextOnly ? readings(showing: entity, as: entity.text, recorded) : []
                    )
                )
            }
        }
        return result
    }

    /// Several values share a pointer where they stand in one text that was opened; then the key names the value.
    private static func recorded(_ value: CanonicalValue, _ pointer: String, _ record: CallRecord) -> [String]? {
        guard !record.provenance.isEmpty else { return nil }
        return record.provenance[Provenance.key(of: value, at: pointer)] ?? record.provenance[pointer]
    }

    /// What the observer sees, or what the recorder saw, where its results were not kept or nothing else explains the value.
    private func known(_ seen: Provenance, _ recorded: [String]?) -> Provenance {
        guard let recorded, withholdsResults || seen.isUnexplained else { return seen }
        var known = Provenance(sources: recorded)
        known.prompt = max(known.prompt, seen.prompt)
        known.fields.formUnion(seen.fields)
        known.texts.formUnion(seen.texts)
        return known
    }

    private static func asksReadings(_ provenance: Provenance, _ value: CanonicalValue) -> Bool {
        guard provenance.isTextOnly else { return false }
        switch value.valueClass {
        case .email, .url, .account: return true
        case .token, .path, .short, .free: return provenance.prompt == .none && value.text.utf8.count < 300
        default: return false
        }
    }
}

extension SessionObserver {
    private func provenance(of value: CanonicalValue, as text: String, at time: Timestamp) -> Provenance {
        let source = promptSource(value, text, time)
        let query = FieldQuery(value)
        var fields = fields(holding: query, before: ordinal)
        let texts = texts(showing: value, text, before: ordinal)
        if source == .none, !fields.isEmpty {
            if let first = firstUses[value.text] {
                // What was not kept may have shown the value.
                let isDoubtful = partialSince.map { $0 < first.ordinal } ?? false
                if isDoubtful || !self.texts(showing: first.value, first.value.text, before: first.ordinal).isEmpty {
                    fields.formIntersection(self.fields(holding: query, before: first.ordinal))
                }
            } else if firstUses.count >= limits.maxValues {
                fields = []
            }
        }
        return Provenance(prompt: source, fields: fields, texts: texts)
    }

    private func promptSource(_ value: CanonicalValue, _ text: String, _ time: Timestamp) -> PromptSource {
        guard let prompt else { return .none }
        guard value.valueClass.isIdentity else {
            let phrase = Words.hashes(of: text)
            // A hash can be forged, and this match grants, so the words themselves are compared.
            if prompt.words.holds(phrase), prompt.holdsExactly(text) { return .exact }
            guard value.valueClass == .date, let moment = CalendarMoment(date: value.text) else { return .none }
            let year = CivilDate(daysSince1970: time.epochSeconds / 86_400).parts.year
            return prompt.days.names(moment, around: Int(year)) ? .exact : .none
        }
        if prompt.identities.contains(value) { return .exact }
        guard let host = value.host else { return .none }
        // Whoever names one person names nobody else at the same domain.
        let named = value.valueClass == .email ? prompt.sites : prompt.hosts
        return named.contains(host) ? .host : .none
    }

    private func fields(holding value: FieldQuery, before: Int) -> Set<ResultField> {
        var found: Set<ResultField> = []
        forEachResult(of: index.results(withField: value.text), before: before) { result in
            for field in result.text.fields(holding: value) {
                found.insert(ResultField(tool: result.tool, field: field))
            }
        }
        return found
    }

    private func texts(showing value: CanonicalValue, _ text: String, before: Int) -> Set<ServerTool> {
        var found: Set<ServerTool> = []
        forEachResult(showing: value, text, before: before, where: { !found.contains($0.tool) }) {
            found.insert($0.tool)
        }
        return found
    }

    private func readings(showing value: CanonicalValue, as text: String, _ recorded: [String]?) -> [UInt64] {
        var found: Set<UInt64> = withholdsResults ? Set(Provenance.readings(recorded ?? [])) : []
        forEachResult(
            showing: value,
            text,
            before: ordinal,
            where: { $0.tier <= .openRead && !found.contains($0.reading) }
        ) { found.insert($0.reading) }
        return found.sorted()
    }

    // `condition` is asked first, since it costs less than to look into a text.
    private func forEachResult(
        showing value: CanonicalValue,
        _ text: String,
        before: Int,
        where condition: (SeenResult) -> Bool,
        _ body: (SeenResult) -> Void
    ) {
        guard !results.isEmpty else { return }
        if value.valueClass.isIdentity {
            let query = IdentityQuery(value)
            forEachResult(of: index.results(naming: value), before: before) { result in
                if condition(result), result.text.names(query) { body(result) }
            }
        } else if text.utf8.count < Words.longestPhrase {
            let phrase = Words.hashes(of: text)
            guard !phrase.isEmpty else { return }
            forEachResult(of: index.results(holding: phrase), before: before) { result in
                if condition(result), result.text.words.holds(phrase) { body(result) }
            }
        }
    }

    /// Those of the candidates, and of the results that the index does not have yet, that came before a call.
    private func forEachResult(of candidates: [Int], before: Int, _ body: (SeenResult) -> Void) {
        for candidate in candidates where results[candidate].ordinal < before { body(results[candidate]) }
        for result in results[index.count...] {
            if result.ordinal >= before { break }
            body(result)
        }
    }
}

extension SessionObserver {
    /// Notes which values the agent has sent, and when it first did.
    private mutating func remember(_ call: ObservedCall) {
        for leaf in call.leaves {
            switch leaf.value.valueClass {
            case .empty, .boolean, .number: continue
            default: remember(leaf.value)
            }
            for entity in leaf.entities { remember(entity.value) }
        }
    }

    private mutating func remember(_ value: CanonicalValue) {
        guard firstUses[value.text] == nil else { return }
        guard firstUses.count < limits.maxValues else {
            becomePartial()
            return
        }
        firstUses[value.text] = FirstUse(ordinal: ordinal, value: value)
    }

    private mutating func absorb(_ record: CallRecord, tool: ServerTool, tier: ToolTier, reading: UInt64) -> UInt64 {
        if let digest = record.result?.digest {
            withholdsResults = true
            return digest
        }
        guard let result = record.result, let text = Self.text(of: result) else { return 0 }
        let seen = cache.text(text, structured: result.structured, maxTextBytes: limits.maxTextBytes)
        guard results.count < limits.maxResults, bytes + text.utf8.count <= limits.maxSessionBytes else {
            becomePartial()
            return seen.digest
        }
        if seen.isCut { becomePartial() }
        bytes += seen.text.utf8.count
        results.append(SeenResult(tool: tool, tier: tier, text: seen, ordinal: ordinal, reading: reading))
        return seen.digest
    }

    private mutating func becomePartial() { partialSince = partialSince ?? ordinal }

    private static func text(of result: CallRecord.Result) -> String? {
        if let text = result.text { return text }
        return result.structured.map { String(decoding: JSON.canonical($0), as: UTF8.self) }
    }
}

extension ValueClass {
    fileprivate var mayHoldIdentities: Bool {
        switch self {
        case .free, .short, .token, .path: true
        default: false
        }
    }
}

extension Provenance {
    fileprivate var isUnexplained: Bool { isComposed }
}
