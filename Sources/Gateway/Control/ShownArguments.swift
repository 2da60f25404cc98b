import Core

/// The arguments of a call as a person is shown them who is to allow it.
///
/// Cut off at some byte, a long value would hide the names behind it: here every name is there, and what is long has its
/// beginning, its end and its size. A call that is too large to be looked at even so cannot be allowed.
enum ShownArguments {
    /// In characters; what is longer is shown by so many of its first and half as many of its last.
    private static let longestText = 400
    private static let longestPart = 200
    private static let mostElements = 20
    private static let mostBytes = 8_192

    /// Canonical JSON; nothing where there is too much to look at.
    static func text(_ arguments: JSON.Object) -> String? {
        let bytes = JSON.canonical(shortened(.object(arguments)))
        return bytes.count <= mostBytes ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Depth is bounded by the scan of the message.
    private static func shortened(_ value: JSON.Value) -> JSON.Value {
        switch value {
        case .string(let text): .string(shortened(text))
        case .array(let elements) where elements.count > mostElements:
            .array(
                elements.prefix(mostElements / 2).map(shortened)
                    + [.string("… \(elements.count - mostElements / 2) more elements")]
            )
        case .array(let elements): .array(elements.map(shortened))
        case .object(let members): .object(JSON.Object(members.map { (key: $0.key, value: shortened($0.value)) }))
        default: value
        }
    }

    private static func shortened(_ text: String) -> String {
        // Scalars: one character of a hostile text may be as long as the text.
        let scalars = text.unicodeScalars
        let count = scalars.count
        guard count > longestText else { return text }
        var shown = String.UnicodeScalarView(scalars.prefix(longestPart))
        shown += " … (\(count) characters, the middle is not shown) … ".unicodeScalars
        shown += scalars.suffix(longestPart / 2)
        return String(shown)
    }
}
