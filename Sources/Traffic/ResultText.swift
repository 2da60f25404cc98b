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
        var spelling: (isLiteral: Bool, hasOddNumerals: Bool)?
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
    var words: TextIndex {
        answers.withLock { answers in
            if let words = answers.words { return words }
            let words = TextIndex(words: Words.hashes(of: text), identities: [])
            answers.words = words
            return words
        }
    }

    var identities: Set<CanonicalValue> {
        answers.withLock { answers in
            if let identities = answers.identities { return identities }
            let identities = Identities.find(in: text)
            answers.identities = identities
            return identities
        }
    }

    private var isASCII: Bool {
        answers.withLock { answers in
            let isASCII = answers.isASCII ?? TextFolding.isASCII(text)
            answers.isASCII = isASCII
            return isASCII
        }
    }

    /// Whether the text names the identity; its words tell of most texts that they do not.
    func names(_ identity: IdentityQuery) -> Bool {
        if let phrase = identity.phrase, isASCII, !words.holds(phrase) { return false }
        return identities.contains(identity.value)
    }

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
        let identities = identities
        return answers.withLock { answers in
            if let hosts = answers.hosts { return hosts }
            let hosts = Set(identities.compactMap(\.host))
            answers.hosts = hosts
            return hosts
        }
    }

    /// The hosts that the text names by themselves or as part of a page, not as where one person has an address.
    var sites: Set<String> {
        let identities = identities
        return answers.withLock { answers in
            if let sites = answers.sites { return sites }
            let sites = Set(identities.compactMap { $0.valueClass == .url ? $0.host : nil })
            answers.sites = sites
            return sites
        }
    }

    /// Whether the words of the value stand in the text in a row, compared by the letter.
    func holdsExactly(_ value: String) -> Bool {
        let phrase = Words.joined(value)
        return answers.withLock { answers in
            let joined = answers.joined ?? Words.joined(text)
            answers.joined = joined
            return Words.contains(joined, phrase)
        }
    }

    /// The fields that hold exactly a canonical text.
    func fields(holding value: FieldQuery) -> [String] {
        mayHaveField(value) ? fields.paths(holding: value.text) : []
    }

    /// Whether a field can have the value, told from the words of the text: most texts are never taken apart.
    func mayHaveField(_ value: FieldQuery) -> Bool {
        guard structured == nil else { return true }
        let (isLiteral, hasOddNumerals) = answers.withLock { answers in
            if let spelling = answers.spelling { return spelling }
            let spelling = (FieldQuery.isLiteral(text), FieldQuery.hasOddNumerals(text))
            answers.spelling = spelling
            return spelling
        }
        switch value.sign {
        case .none: return true
        case .words(let phrase): return !isLiteral || words.holds(phrase)
        case .whole(let phrase): return !isLiteral || hasOddNumerals || words.holds(phrase)
        }
    }

    /// Where a server says both, the text is there for people, and may be made of what others wrote.
    var fields: FieldTable {
        answers.withLock { answers in
            if let known = answers.fields { return known }
            let found =
                structured.map(StructuredResult.fields(of:)) ?? (isCut ? [] : StructuredResult.fields(of: text))
            let table = FieldTable(found)
            answers.fields = table
            return table
        }
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
    }

    private static let maxTools = 4096
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
