import Core
import Synchronization

/// One text that a session saw, with what was asked about it so far.
///
/// Nothing is computed before it is asked for, and everything once: the same result is often read again and again, by
/// one session and by many.
final class ResultText: Sendable {
    let text: String
    let structured: JSON.Value?
    /// Stable across processes.
    let digest: UInt64
    /// The result was longer than what is looked at.
    let isCut: Bool

    private struct Answers {
        var words: TextIndex?
        var identities: Set<CanonicalValue>?
        var isASCII: Bool?
        var joined: [UInt8]?
        var hosts: Set<String>?
        var sites: Set<String>?
        var fields: FieldTable?
        var isLiteral: Bool?
        var hasOddNumerals: Bool?
        var days: CalendarDays?
    }

    private let answers = Mutex(Answers())

    init(text: String, structured: JSON.Value?, digest: UInt64, isCut: Bool) {
        self.text = text
        self.structured = structured == .null ? nil : structured
        self.digest = digest
        self.isCut = isCut
    }

    /// The words alone; finding the identities of a text takes longer.
    var words: TextIndex { answers.withLock { words(&$0) } }

    var identities: Set<CanonicalValue> { answers.withLock { identities(&$0) } }

    var days: CalendarDays {
        answers.withLock { answers in
            if let days = answers.days { return days }
            let days = CalendarDays(in: text)
            answers.days = days
            return days
        }
    }

    /// The hosts and mail domains that the text names.
    var hosts: Set<String> {
        answers.withLock { answers in
            if let hosts = answers.hosts { return hosts }
            let hosts = Set(identities(&answers).compactMap(\.host))
            answers.hosts = hosts
            return hosts
        }
    }

    /// The hosts that the text names by themselves or as part of a page, not as where one person has an address.
    var sites: Set<String> {
        answers.withLock { answers in
            if let sites = answers.sites { return sites }
            let sites = Set(identities(&answers).compactMap { $0.valueClass == .url ? $0.host : nil })
            answers.sites = sites
            return sites
        }
    }

    /// Whether the words of the value stand in the text in a row, compared by the letter.
    func holdsExactly(_ query: ValueQuery) -> Bool {
        answers.withLock { answers in
            // Most texts lack the words; a hash can be forged, so it does not decide alone.
            guard holds(query.phrase, &answers) else { return false }
            let joined = answers.joined ?? Words.joined(text)
            answers.joined = joined
            return Words.contains(joined, Words.joined(query.text))
        }
    }

    /// Whether the text shows the value: an identity as such, anything else as whole words in a row.
    func shows(_ query: ValueQuery) -> Bool { answers.withLock { shows(query, &$0) } }

    /// The fields that hold exactly a canonical text.
    func fields(holding value: FieldQuery) -> [String] { answers.withLock { fields(holding: value, &$0) } }

    func mayHaveField(_ value: FieldQuery) -> Bool { answers.withLock { mayHaveField(value, &$0) } }

    /// Both at once, since most texts are asked both; `isShown` is false where nobody wants to know.
    func evidence(of query: ValueQuery, asksText: Bool) -> (fields: [String], isShown: Bool) {
        answers.withLock { answers in
            let isShown = asksText && shows(query, &answers)
            return (fields(holding: query.field, &answers), isShown)
        }
    }

    /// Where a server says both, the text is there for people, and may be made of what others wrote.
    var fields: FieldTable { answers.withLock { fields(&$0) } }
}

// One lock a question: what follows works on answers that are locked.
extension ResultText {
    private func words(_ answers: inout Answers) -> TextIndex {
        if let words = answers.words { return words }
        let words = TextIndex(words: Words.hashes(of: text), identities: [])
        answers.words = words
        return words
    }

    private func holds(_ phrase: [UInt32], _ answers: inout Answers) -> Bool {
        if answers.words == nil { _ = words(&answers) }
        return answers.words?.holds(phrase) ?? false
    }

    private func identities(_ answers: inout Answers) -> Set<CanonicalValue> {
        if let identities = answers.identities { return identities }
        let identities = Identities.find(in: text)
        answers.identities = identities
        return identities
    }

    private func isASCII(_ answers: inout Answers) -> Bool {
        let isASCII = answers.isASCII ?? TextFolding.isASCII(text)
        answers.isASCII = isASCII
        return isASCII
    }

    private func shows(_ query: ValueQuery, _ answers: inout Answers) -> Bool {
        guard let identity = query.identity else { return query.isPhrase && holds(query.phrase, &answers) }
        // The words of most texts tell that they do not name the identity.
        if let phrase = identity.phrase, isASCII(&answers), !holds(phrase, &answers) { return false }
        return identities(&answers).contains(identity.value)
    }

    private func fields(holding value: FieldQuery, _ answers: inout Answers) -> [String] {
        guard mayHaveField(value, &answers) else { return [] }
        if answers.fields == nil { _ = fields(&answers) }
        return answers.fields?.paths(holding: value.hash) ?? []
    }

    /// Whether a field can have the value, told from the words of the text: most texts are never taken apart.
    private func mayHaveField(_ value: FieldQuery, _ answers: inout Answers) -> Bool {
        guard structured == nil, answers.fields == nil else { return true }
        // The words are known to most texts by now, so that the spelling is looked at where it decides.
        switch value.sign {
        case .none: return true
        case .words(let phrase): return holds(phrase, &answers) || !isLiteral(&answers)
        case .whole(let phrase):
            return holds(phrase, &answers) || !isLiteral(&answers) || hasOddNumerals(&answers)
        }
    }

    private func isLiteral(_ answers: inout Answers) -> Bool {
        let isLiteral = answers.isLiteral ?? FieldQuery.isLiteral(text)
        answers.isLiteral = isLiteral
        return isLiteral
    }

    private func hasOddNumerals(_ answers: inout Answers) -> Bool {
        let hasOddNumerals = answers.hasOddNumerals ?? FieldQuery.hasOddNumerals(text)
        answers.hasOddNumerals = hasOddNumerals
        return hasOddNumerals
    }

    private func fields(_ answers: inout Answers) -> FieldTable {
        if let known = answers.fields { return known }
        let found = structured.map(StructuredResult.fields(of:)) ?? (isCut ? [] : StructuredResult.fields(of: text))
        let table = FieldTable(found)
        answers.fields = table
        return table
    }
}

/// Results that sessions of one process had in common, so that they are analysed once.
///
/// Bounded by the bytes of its texts. It has two halves: when the younger one is full, the older one is forgotten, so
/// that what is read again and again stays. Forgetting costs time and changes no answer.
package final class ResultCache: Sendable {
    private struct State {
        var texts: [UInt64: ResultText] = [:]
        var older: [UInt64: ResultText] = [:]
        /// Of the younger half.
        var bytes = 0
        var tiers: [ServerTool: ToolTier] = [:]
        var values: [UInt64: ValueText] = [:]
        var olderValues: [UInt64: ValueText] = [:]
        var valueBytes = 0
    }

    private static let maxTools = 4096
    /// Texts of arguments with more bytes than this are not kept.
    private static let longestValue = 4096
    /// Of one of the two halves.
    private static let maxValueBytes = 2 << 20
    private let state = Mutex(State())
    private let maxBytes: Int

    package init(maxBytes: Int = 32 << 20) {
        self.maxBytes = maxBytes
    }

    /// The tier of a tool by its name; taking a name apart costs more than explaining a call.
    func tier(of tool: ServerTool) -> ToolTier {
        state.withLock { state in
            if let tier = state.tiers[tool] { return tier }
            let tier = ToolTier.classify(tool: tool.tool, server: tool.server)
            if state.tiers.count < Self.maxTools { state.tiers[tool] = tier }
            return tier
        }
    }

    func text(_ text: String, structured: JSON.Value?, maxTextBytes: Int) -> ResultText {
        var print = Fingerprint()
        print.combine(text)
        if let structured { print.combine(structured) }
        let digest = print.value
        return state.withLock { state in
            if let known = state.texts[digest], Self.isSame(known, text, structured, maxTextBytes) { return known }
            var found = state.older[digest]
            if let known = found, !Self.isSame(known, text, structured, maxTextBytes) { found = nil }
            let fresh = found ?? Self.fresh(text, structured, digest, maxTextBytes)
            // Words and fields take about as much again as the text, twice.
            let bytes = fresh.text.utf8.count * 3 + 256
            if state.bytes + bytes > maxBytes / 2 {
                state.older = state.texts
                state.texts = [:]
                state.bytes = 0
            }
            state.texts[digest] = fresh
            state.bytes += bytes
            return fresh
        }
    }

    /// What is known of a text that is the value of an argument; agents send the same ones again and again.
    func value(_ text: String) -> ValueText {
        guard text.utf8.count <= Self.longestValue else { return ValueText(text) }
        let key = Fingerprint.of(text)
        return state.withLock { state in
            if let known = state.values[key], known.isSame(text) { return known }
            var found = state.olderValues[key]
            if let known = found, !known.isSame(text) { found = nil }
            let fresh = found ?? ValueText(text)
            let bytes = fresh.heldBytes
            if state.valueBytes + bytes > Self.maxValueBytes {
                state.olderValues = state.values
                state.values = [:]
                state.valueBytes = 0
            }
            state.values[key] = fresh
            state.valueBytes += bytes
            return fresh
        }
    }

    private static func fresh(
        _ text: String,
        _ structured: JSON.Value?,
        _ digest: UInt64,
        _ maxTextBytes: Int
    ) -> ResultText {
        let isCut = text.utf8.count > maxTextBytes
        let kept = isCut ? String(decoding: text.utf8.prefix(maxTextBytes), as: UTF8.self) : text
        return ResultText(text: kept, structured: structured, digest: digest, isCut: isCut)
    }

    /// The digest can be forged, so the texts are compared.
    private static func isSame(
        _ known: ResultText,
        _ text: String,
        _ structured: JSON.Value?,
        _ maxTextBytes: Int
    ) -> Bool {
        guard known.isCut == (text.utf8.count > maxTextBytes), known.structured == structured else { return false }
        return known.isCut ? text.utf8.starts(with: known.text.utf8) : isSame(known.text, text)
    }

    /// Two spellings of one letter are equal here, as they are to every question that is asked of the text.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left == right
    }
}
