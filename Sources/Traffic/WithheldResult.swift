package import Core

/// How much of a result a recording keeps; the raw value is what people write.
package enum ResultStorage: String, Sendable, CaseIterable {
    /// No text of a result: the provenance of each argument is computed while recording.
    case provenance
    /// As `provenance`, and a keyed digest of each scalar of a structured result, so that a value can be looked for.
    case digests
    case full
}

extension CallRecord {
    /// Beside the pointers of arguments, which all begin with `/`.
    private static let resultKey = "result"

    /// Whether the text of the result, which was not kept, reads like instructions to whoever reads it.
    ///
    /// Kept with the provenance of the arguments, and believed as far as that is.
    package var marksInstructions: Bool {
        get { provenance.isEmpty ? false : provenance[Self.resultKey]?.contains("instructing") ?? false }
        set { provenance[Self.resultKey] = newValue ? ["instructing"] : nil }
    }

    /// Puts what an observer found about the arguments in the place of the result.
    ///
    /// Mining and deciding see the same as with the result, as long as the whole session was recorded so.
    ///
    /// - Parameters:
    ///   - storage: What is kept.
    ///   - observed: The call as an observer of its session explains it.
    ///   - digest: The keyed digest of a scalar, for `digests`.
    package mutating func withholdResult(
        _ storage: ResultStorage,
        observed: ObservedCall,
        digest: (String) -> String
    ) {
        guard storage != .full else { return }
        noteOrigins(observed) { _ in true }
        provenanceIsPartial = observed.isEvidencePartial
        guard var kept = result, kept.digest == nil, kept.text != nil || kept.structured != nil else { return }
        kept.digest = observed.resultDigest
        let whole = kept.structured ?? kept.text.map { (try? JSON.parse($0)) ?? .string($0) }
        kept.structured = storage == .digests ? whole.map { Self.digested($0, digest) } : nil
        kept.text = nil
        result = kept
    }

    /// Notes where those arguments came from that are tokens now, and were found in what shows them as they were.
    ///
    /// Whoever reads the record, even with its results, cannot see it any more.
    package mutating func noteOriginsOfSecrets(_ observed: ObservedCall) {
        if !originals.isEmpty { noteOrigins(observed) { $0.value.valueClass == .secret } }
    }

    private mutating func noteOrigins(_ observed: ObservedCall, where isNoted: (ObservedLeaf) -> Bool) {
        let leaves = ArgumentLeaves(arguments).leaves
        var uses: [String: Int] = [:]
        for leaf in leaves { uses[leaf.pointer, default: 0] += 1 }
        for (leaf, seen) in zip(leaves, observed.leaves) where isNoted(seen) {
            let isShared = (uses[leaf.pointer] ?? 0) > 1
            let key = isShared ? Provenance.key(of: seen.value, at: leaf.pointer) : leaf.pointer
            note(seen.provenance, seen.readings, at: key)
            for entity in seen.entities {
                note(entity.provenance, entity.readings, at: Provenance.key(of: entity.value, at: leaf.pointer))
            }
        }
    }

    private mutating func note(_ known: Provenance, _ readings: [UInt64], at key: String) {
        let sources = known.sources + readings.map { "reading:\(String($0, radix: 16))" }
        if !sources.isEmpty { provenance[key] = sources }
    }

    private static func digested(_ value: JSON.Value, _ digest: (String) -> String) -> JSON.Value {
        switch value {
        case .string(let text): .string(digest(text))
        case .integer, .number: .string(digest(value.description))
        case .array(let elements): .array(elements.map { digested($0, digest) })
        case .object(let object):
            // A key may be data as well.
            .object(JSON.Object(object.map { (key: $0.key, value: digested($0.value, digest)) }))
        case .null, .bool: value
        }
    }
}

extension SessionObserver {
    /// Several values share a pointer where they stand in one text that was opened; then the key names the value.
    static func recorded(_ value: CanonicalValue, _ pointer: String, _ record: CallRecord) -> [String]? {
        guard !record.provenance.isEmpty else { return nil }
        return record.provenance[Provenance.key(of: value, at: pointer)] ?? record.provenance[pointer]
    }

    /// Whether it matters which results show the value: it is known from their text alone.
    static func asksReadings(_ provenance: Provenance, _ value: CanonicalValue) -> Bool {
        guard provenance.isTextOnly else { return false }
        switch value.valueClass {
        case .email, .url, .account, .phone: return true
        case .token, .path, .short, .free: return provenance.prompt == .none && value.text.utf8.count < 300
        default: return false
        }
    }

    static func text(of result: CallRecord.Result) -> String? {
        if let text = result.text { return text }
        return result.structured.map { String(decoding: JSON.canonical($0), as: UTF8.self) }
    }
}
