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
    /// Bytes of the results that are remembered, also of those that other sessions share.
    package private(set) var heldBytes = 0
    private var firstUses: [String: FirstUse] = [:]
    /// Bytes of the values that the agent sent.
    private var valueBytes = 0
    /// Whether results and values were let go of.
    private var hasForgotten = false
    private struct ToolUse {
        var calls: Int
        let tier: ToolTier
    }

    /// Calls of each tool; of tools beyond the limit the calls of all of them together.
    private var calls: [ServerTool: ToolUse] = [:]
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

    /// About how many bytes of memory the session takes.
    package var weight: Int {
        // What a text is taken apart into is about three times its size, as measured on recordings of servers.
        heldBytes * 4 + results.count * 96 + firstUses.count * 160 + valueBytes * 2 + calls.count * 128
    }

    /// Lets go of all results and values, but not of how often each tool was called.
    ///
    /// From here on less is explained than otherwise, never more: evidence is partial, and a field proves nothing any more,
    /// since the agent itself may have written what stands there.
    package mutating func forget() {
        results = []
        index = SessionIndex()
        heldBytes = 0
        firstUses = [:]
        valueBytes = 0
        hasForgotten = true
        partialSince = -1
    }

    /// A call that was made and has no result yet.
    package struct OpenCall: Sendable {
        fileprivate let tool: ServerTool
        fileprivate let tier: ToolTier
        fileprivate let reading: UInt64
    }

    /// Explains a call by what came before it, and takes in its result.
    package mutating func observe(_ record: CallRecord) -> ObservedCall {
        var (call, open) = begin(record)
        call.resultDigest = end(open, record)
        return call
    }

    /// Explains a call by what came before it and counts it, before anybody knows what becomes of it.
    ///
    /// Calls that are open at the same time count for one another from here on.
    package mutating func begin(_ record: CallRecord) -> (call: ObservedCall, open: OpenCall) {
        var asksResults = false
        let call = explain(record, &asksResults)
        if asksResults, results.count - index.count > mostUnindexed {
            index.add(results[index.count...].lazy.map(\.text))
        }
        remember(call)
        if let place = calls.index(forKey: call.tool) {
            calls.values[place].calls += 1
        } else if calls.count < limits.maxResults {
            calls[call.tool] = ToolUse(calls: 1, tier: call.tier)
        } else {
            otherCalls += 1
        }
        ordinal += 1
        return (call, OpenCall(tool: call.tool, tier: call.tier, reading: call.reading))
    }

    /// Takes in the result of a call; what calls made meanwhile can have used is no more than what was there by then.
    ///
    /// - Returns: the digest of what the call returned, 0 where nothing is known of it.
    package mutating func end(_ open: OpenCall, _ record: CallRecord) -> UInt64 {
        absorb(record, tool: open.tool, tier: open.tier, reading: open.reading)
    }

    /// Explains a call that has not been made yet; nothing is remembered of it.
    package func explain(_ record: CallRecord) -> ObservedCall {
        var asksResults = false
        return explain(record, &asksResults)
    }

    // `asksResults` becomes true where earlier results were asked about a value.
    private func explain(_ record: CallRecord, _ asksResults: inout Bool) -> ObservedCall {
        let tool = ServerTool(server: record.server, tool: record.tool)
        let use = calls[tool]
        let tier = use?.tier ?? (tiers.isEmpty ? nil : tiers[tool]) ?? cache.tier(of: tool)
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
            earlierCalls: use?.calls ?? otherCalls,
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
        // What is no text is short and quickly read.
        let known: ValueText? = if case .string(let text) = leaf.value { cache.value(text) } else { nil }
        // An inner list or object that is empty never becomes a leaf.
        let value = known?.value ?? CanonicalValue(argument: leaf.value) ?? CanonicalValue(.empty, "")
        var result = ObservedLeaf(
            argument: leaf.argument,
            path: leaf.path,
            value: value,
            number: value.valueClass == .number ? leaf.value.double : nil,
            length: known?.length ?? 0,
            words: known?.words ?? Words.count(value.text)
        )
        guard value.valueClass != .empty, value.valueClass != .boolean else { return result }
        let isNeeded =
            tier != .read || value.valueClass.isIdentity || value.valueClass == .path || explainsReads
        if isNeeded {
            asksResults = true
            let query = known?.query ?? ValueQuery(value, as: value.text)
            // What shows it may not have been known to hold a secret.
            let original =
                value.valueClass == .secret && !record.originals.isEmpty
                ? record.originals[value.text].flatMap { cache.value($0).query } : nil
            result.provenance = provenance(of: query, original, at: record.time)
            let recorded = Self.recorded(value, leaf.pointer, record)
            result.provenance = self.known(result.provenance, recorded)
            if Self.asksReadings(result.provenance, value) { result.readings = readings(showing: query, recorded) }
        }
        guard let entities = known?.entities, !entities.isEmpty else { return result }
        asksResults = true
        for query in entities {
            let entity = query.value
            let recorded =
                record.provenance.isEmpty ? nil : record.provenance[Provenance.key(of: entity, at: leaf.pointer)]
            let provenance = self.known(provenance(of: query, at: record.time), recorded)
            let isTextOnly = Self.asksReadings(provenance, entity)
            result.entities.append(
                ObservedEntity(
                    value: entity,
                    provenance: provenance,
                    readings: isTextOnly ? readings(showing: query, recorded) : []
                )
            )
        }
        return result
    }

    /// What the observer sees, or what the recorder saw, where its results were not kept or nothing else explains the value.
    private func known(_ seen: Provenance, _ recorded: [String]?) -> Provenance {
        guard let recorded, withholdsResults || seen.isComposed else { return seen }
        var known = Provenance(sources: recorded)
        known.prompt = max(known.prompt, seen.prompt)
        known.fields.formUnion(seen.fields)
        known.texts.formUnion(seen.texts)
        return known
    }
}

extension SessionObserver {
    private func provenance(of query: ValueQuery, _ original: ValueQuery? = nil, at time: Timestamp) -> Provenance {
        var source = promptSource(query, time)
        if let original { source = max(source, promptSource(original, time)) }
        var (fields, texts) = evidence(of: query, original, before: ordinal)
        if source == .none, !fields.isEmpty {
            if hasForgotten {
                fields = []
            } else if let first = firstUse(query, original) {
                // What was not kept may have shown the value.
                let isDoubtful = partialSince.map { $0 < first.ordinal } ?? false
                let used = ValueQuery(first.value, as: first.value.text)
                let earlier = evidence(of: used, original, before: first.ordinal)
                if isDoubtful || !earlier.texts.isEmpty {
                    fields.formIntersection(evidence(of: query, original, before: first.ordinal).fields)
                }
            } else if firstUses.count >= limits.maxValues {
                fields = []
            }
        }
        return Provenance(prompt: source, fields: fields, texts: texts)
    }

    private func firstUse(_ query: ValueQuery, _ original: ValueQuery?) -> FirstUse? {
        guard let first = firstUses[query.value.text] else { return original.flatMap { firstUses[$0.value.text] } }
        guard let original, let before = firstUses[original.value.text] else { return first }
        return before.ordinal < first.ordinal ? before : first
    }

    private func promptSource(_ query: ValueQuery, _ time: Timestamp) -> PromptSource {
        guard let prompt else { return .none }
        let value = query.value
        guard value.valueClass.isIdentity else {
            if prompt.holdsExactly(query) { return .exact }
            guard value.valueClass == .date, let moment = CalendarMoment(date: value.text) else { return .none }
            let today = CivilDate(daysSince1970: time.epochSeconds / 86_400)
            return prompt.days.names(moment, on: today) ? .exact : .none
        }
        if prompt.identities.contains(value) { return .exact }
        guard let host = query.host else { return .none }
        // Whoever names one person names nobody else at the same domain.
        let named = value.valueClass == .email ? prompt.sites : prompt.hosts
        return named.contains(host) ? .host : .none
    }

    /// Of a token also what shows the secret itself.
    private func evidence(
        of query: ValueQuery,
        _ original: ValueQuery?,
        before: Int
    ) -> (fields: Set<ResultField>, texts: Set<ServerTool>) {
        let found = evidence(of: query, before: before)
        guard let original else { return found }
        let more = evidence(of: original, before: before)
        return (found.fields.union(more.fields), found.texts.union(more.texts))
    }

    /// The fields of earlier results that hold the value, and the tools whose text shows it.
    private func evidence(
        of query: ValueQuery,
        before: Int
    ) -> (fields: Set<ResultField>, texts: Set<ServerTool>) {
        var fields: Set<ResultField> = []
        var texts: Set<ServerTool> = []
        for at in index.results(withField: query.field) where results[at].ordinal < before {
            for field in results[at].text.fields(holding: query.field) {
                fields.insert(ResultField(tool: results[at].tool, field: field))
            }
        }
        for at in indexed(query) where results[at].ordinal < before && !texts.contains(results[at].tool) {
            if results[at].text.shows(query) { texts.insert(results[at].tool) }
        }
        for at in index.count..<results.count {
            if results[at].ordinal >= before { break }
            let asksText = texts.isEmpty || !texts.contains(results[at].tool)
            let found = results[at].text.evidence(of: query, asksText: asksText)
            for field in found.fields { fields.insert(ResultField(tool: results[at].tool, field: field)) }
            if found.isShown { texts.insert(results[at].tool) }
        }
        return (fields, texts)
    }

    private func readings(showing query: ValueQuery, _ recorded: [String]?) -> [UInt64] {
        var found: Set<UInt64> = withholdsResults ? Set(Provenance.readings(recorded ?? [])) : []
        // The conditions are asked first, since they cost less than to look into a text.
        func note(_ at: Int) {
            guard results[at].ordinal < ordinal, results[at].tier <= .openRead, !found.contains(results[at].reading)
            else { return }
            if results[at].text.shows(query) { found.insert(results[at].reading) }
        }
        for at in indexed(query) { note(at) }
        for at in index.count..<results.count { note(at) }
        return found.sorted()
    }

    /// The results in the index that can show the value.
    private func indexed(_ query: ValueQuery) -> [Int] {
        guard index.count > 0 else { return [] }
        if let identity = query.identity { return index.results(naming: identity.value) }
        return query.isPhrase ? index.results(holding: query.phrase) : []
    }
}

extension SessionObserver {
    /// Notes which values the agent has sent, and when it first did.
    private mutating func remember(_ call: ObservedCall) {
        let leaves = call.leaves.span
        for at in leaves.indices {
            switch leaves[at].value.valueClass {
            case .empty, .boolean, .number: continue
            default: remember(leaves[at].value)
            }
            for entity in leaves[at].entities { remember(entity.value) }
        }
    }

    private mutating func remember(_ value: CanonicalValue) {
        guard firstUses[value.text] == nil else { return }
        guard firstUses.count < limits.maxValues else {
            becomePartial(at: ordinal)
            return
        }
        valueBytes += value.text.utf8.count
        firstUses[value.text] = FirstUse(ordinal: ordinal, value: value)
    }

    private mutating func absorb(_ record: CallRecord, tool: ServerTool, tier: ToolTier, reading: UInt64) -> UInt64 {
        if let digest = record.result?.digest {
            withholdsResults = true
            return digest
        }
        guard let result = record.result, let text = Self.text(of: result) else { return 0 }
        let seen = cache.text(text, structured: result.structured, maxTextBytes: limits.maxTextBytes)
        guard results.count < limits.maxResults, heldBytes + text.utf8.count <= limits.maxSessionBytes else {
            becomePartial(at: ordinal - 1)
            return seen.digest
        }
        if seen.isCut { becomePartial(at: ordinal - 1) }
        heldBytes += seen.text.utf8.count
        results.append(SeenResult(tool: tool, tier: tier, text: seen, ordinal: ordinal - 1, reading: reading))
        return seen.digest
    }

    private mutating func becomePartial(at call: Int) { partialSince = partialSince ?? call }
}
