import Core
import Synchronization

/// A value in the forms in which texts and fields are asked for it.
struct ValueQuery: Sendable {
    let value: CanonicalValue
    /// As the agent spelled it.
    let text: String
    let field: FieldQuery
    /// Nil for what names nobody and no place: that is looked for by its words.
    let identity: IdentityQuery?
    let phrase: [UInt32]
    /// Whether the words may have been taken from somewhere; a longer text was not.
    let isPhrase: Bool
    let host: String?

    init(_ value: CanonicalValue, as text: String) {
        self.value = value
        self.text = text
        field = FieldQuery(value)
        if value.valueClass.isIdentity {
            identity = IdentityQuery(value)
            phrase = []
            isPhrase = false
            host = value.host
        } else {
            identity = nil
            phrase = Words.hashes(of: text)
            isPhrase = !phrase.isEmpty && text.utf8.count < Words.longestPhrase
            host = nil
        }
    }
}

/// A text that is the value of an argument, with everything about it that no session changes.
final class ValueText: Sendable {
    let text: String
    let value: CanonicalValue
    /// Unicode scalars.
    let length: Int
    /// Pieces between white space, of the canonical text.
    let words: Int
    /// The identities that the text holds, in order.
    let entities: [ValueQuery]
    /// Most values of reads are never looked for.
    private let known = Mutex<ValueQuery?>(nil)

    init(_ text: String) {
        self.text = text
        value = CanonicalValue(argument: .string(text)) ?? CanonicalValue(.empty, "")
        length = TextFolding.scalarCount(text)
        words = Words.count(value.text)
        entities =
            value.valueClass.mayHoldIdentities
            ? Identities.find(in: text).sorted().map { ValueQuery($0, as: $0.text) } : []
    }

    var query: ValueQuery {
        known.withLock { known in
            if let known { return known }
            let query = ValueQuery(value, as: text)
            known = query
            return query
        }
    }

    /// About what it takes, most of which are the identities of a text that holds many.
    var heldBytes: Int { 512 + text.utf8.count * 4 + entities.count * 768 }

    /// By the byte: `String` also equates different spellings of one letter.
    func isSame(_ other: String) -> Bool { ByteSearch.isSame(text.utf8.span, other.utf8.span) }
}

extension ValueClass {
    fileprivate var mayHoldIdentities: Bool {
        switch self {
        case .free, .short, .token, .path: true
        default: false
        }
    }
}
