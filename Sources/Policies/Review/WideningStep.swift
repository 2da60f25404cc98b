import Traffic

/// One change to a rule that would admit what it denied, with who could choose what it then admits.
package struct WideningStep: Sendable, Hashable {
    package var argument: String
    /// What the rule would say besides.
    package var words: String
    /// Where the value of the call came from; empty where the step is about no value, such as a length.
    package var origins: [Origin] = []
    package var risk = Risk.none

    /// A place where the value was seen before the call.
    package struct Origin: Sendable, Hashable {
        /// As a policy writes it, for example `text of web/fetch_page`.
        package var phrase: String
        /// Whether it is a text, and no field of a structured result.
        package var isText: Bool
        /// Whether it came from an open-world read, such as a web page: then anybody may have written it.
        package var isOpenWorld: Bool

        var words: String {
            if isOpenWorld { return "\(phrase) (open-world: anyone may have written it)" }
            return isText ? "\(phrase) (free text: others may have written it)" : phrase
        }
    }

    /// How much somebody outside can have chosen what the step admits.
    package enum Risk: String, Sendable, CaseIterable, Comparable {
        case none
        /// Only texts or open-world reads explain the value.
        case untrusted
        /// So does nothing else explain whom a write concerns: what injected instructions look like.
        case untrustedIdentity = "untrusted-identity"

        package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// Whether the step is about a value that nothing which was seen shows.
    package var isUnexplained = false

    /// The step with the source of the value, in a clause.
    package var line: String {
        if isUnexplained { return "\(words); nothing on record shows the value" }
        return origins.isEmpty ? words : "\(words); the value came from \(origins.map(\.words).joined(separator: ", "))"
    }

    /// What to think of before the step is taken, a sentence; nil where an outsider has no hand in it.
    package var warning: String? {
        switch risk {
        case .none: nil
        case .untrusted: "untrusted: nothing but what others may have written explains the value"
        case .untrustedIdentity:
            "UNTRUSTED IDENTITY: with this step a text that others may have written says whom a write concerns, as injected "
                + "instructions do; ask whom it names by another way first"
        }
    }
}

extension WideningStep {
    /// Judges a step by where the value of the call came from.
    ///
    /// - Parameters:
    ///   - argument: Which the step is about.
    ///   - words: What the rule would say besides.
    ///   - provenance: Of the value that the step admits; nil where it is about none.
    ///   - isIdentity: Whether the value says whom the call concerns.
    ///   - rule: Which the step widens.
    ///   - tier: Of the tool that a value came from.
    init(
        _ argument: String,
        _ words: String,
        from provenance: Provenance?,
        isIdentity: Bool,
        in rule: Rule,
        tier: (ServerTool) -> ToolTier?
    ) {
        self.init(argument: argument, words: words)
        guard let provenance else { return }
        if provenance.prompt == .exact {
            origins.append(Origin(phrase: Phrases.request, isText: false, isOpenWorld: false))
        }
        origins += provenance.fields.sorted().map {
            Origin(phrase: $0.phrase, isText: $0.field.isEmpty, isOpenWorld: tier($0.tool) == .openRead)
        }
        origins += provenance.texts.sorted().map {
            Origin(phrase: Phrases.text(of: $0), isText: true, isOpenWorld: tier($0) == .openRead)
        }
        // What only texts show comes last, and of that what anybody may have written.
        origins = origins.enumerated().sorted { a, b in (a.element.rank, a.offset) < (b.element.rank, b.offset) }
            .map(\.element)
        if origins.isEmpty, provenance.prompt == .host {
            origins = [Origin(phrase: "a host that \(Phrases.request) names", isText: false, isOpenWorld: false)]
        } else if origins.isEmpty {
            isUnexplained = true
        } else if origins.allSatisfy({ $0.rank > 0 }) {
            risk = isIdentity && rule.tier >= .write ? .untrustedIdentity : .untrusted
        }
    }
}

extension WideningStep.Origin {
    /// From what nobody outside writes to what anybody can.
    fileprivate var rank: Int { isOpenWorld ? 2 : isText ? 1 : 0 }
}
