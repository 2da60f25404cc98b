package import Core

/// One mark of instructions that an answer aims at the model.
package struct Sign: Sendable, Hashable {
    /// A stable word, one of `ResultScreen.codes`.
    package var code: String
    /// Where it stands in the message (RFC 6901); a list where it is cut over several elements.
    package var pointer: String
    /// What was seen, short, with hidden characters as escapes.
    package var evidence: String

    package init(code: String, pointer: String, evidence: String) {
        self.code = code
        self.pointer = pointer
        self.evidence = evidence
    }

    /// The scalars for people, at most forty of them.
    static func shown(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var shown = ""
        for scalar in scalars.prefix(40) {
            switch scalar.value {
            case 0x20..<0x7F, 0xA1...0xAC, 0xAE...0x2FF, 0x370...0x58F, 0x3040...0xD7FF:
                shown.unicodeScalars.append(scalar)
            default: shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            }
        }
        return shown
    }

    static func shown(_ bytes: some Sequence<UInt8>) -> String {
        shown(String(decoding: Array(bytes.prefix(160)), as: UTF8.self).unicodeScalars.prefix(120), most: 120)
    }

    private static func shown(_ scalars: some Collection<Unicode.Scalar>, most: Int) -> String {
        var result = ""
        var rest = scalars[...]
        while !rest.isEmpty, result.unicodeScalars.count < most {
            result += shown(rest.prefix(40))
            rest = rest.dropFirst(40)
        }
        return result
    }
}

/// Looks through a server's answer for instructions to the model; what it misses is the larger part.
///
/// A text that says to a person what to do is none. A sign is what speaks to the model over the user's head, wants
/// something kept from the user, claims to be the system or the model, hides from readers, or would carry data away when
/// it is shown. Texts that merely ask for something, in the words in which a user would, are not told apart from data.
package enum ResultScreen {
    package static let codes = [
        "hidden-characters", "text-direction", "terminal-control", "override", "concealment", "instructions-to-model",
        "order", "role-marker", "call-like", "hidden-markup", "encoded", "address-with-data", "too-much",
    ]

    /// How much text of one message is looked through; beyond it a message with marks is refused.
    static let mostBytes = 8 * 1_048_576
    /// Signs beyond these are not listed, for the first decide.
    static let mostSigns = 32

    /// The signs in a whole message: a response, an error, a notification, a request of a server, or a batch.
    package static func screen(_ message: JSON.Value) -> [Sign] {
        var screening = Screening()
        screening.read(message, at: "", depth: 0)
        return screening.signs
    }

    /// The first sign in a text that stands for itself, with an empty pointer.
    package static func screen(text: String) -> Sign? {
        var screening = Screening()
        screening.read(text: text, at: "")
        return screening.signs.first
    }

    struct Screening {
        private(set) var signs: [Sign] = []
        private var read = 0

        mutating func read(_ value: JSON.Value, at pointer: String, depth: Int) {
            guard depth < JSON.Limits.deepest, signs.count < ResultScreen.mostSigns else { return }
            switch value {
            case .null, .bool, .integer, .number: break
            case .string(let text): read(text: text, at: pointer)
            case .array(let elements):
                let before = signs.count
                for (index, element) in elements.enumerated() {
                    read(element, at: "\(pointer)/\(index)", depth: depth + 1)
                }
                if signs.count == before { readJoined(elements, at: pointer) }
            case .object(let object):
                let isMedia = object["mimeType"]?.string.map { !$0.hasPrefix("text/") } ?? false
                for (key, member) in object {
                    let place = "\(pointer)/\(Self.escaped(key))"
                    if key.utf8.count > 7 { read(text: key, at: place) }
                    if key == "blob" || key == "data" && isMedia, let text = member.string {
                        readBlob(text, at: place)
                    } else {
                        read(member, at: place, depth: depth + 1)
                    }
                }
            }
        }

        mutating func read(text: String, at pointer: String) {
            guard text.utf8.count > 2, signs.count < ResultScreen.mostSigns else { return }
            guard ResultScreen.mayHold(text) else { return }
            read += text.utf8.count
            guard read <= ResultScreen.mostBytes else {
                if signs.last?.code != "too-much" {
                    signs.append(
                        Sign(
                            code: "too-much",
                            pointer: pointer,
                            evidence: "more text with marks than is looked through"
                        )
                    )
                }
                return
            }
            if let (code, evidence) = ResultScreen.sign(in: text, depth: 0) {
                signs.append(Sign(code: code, pointer: pointer, evidence: evidence))
            }
        }

        /// A picture is no text, and a text in base64 is one.
        private mutating func readBlob(_ text: String, at pointer: String) {
            guard text.utf8.count <= ResultScreen.mostBytes,
                let bytes = Base64.decode(Array(text.utf8), mayLackPadding: true), !bytes.contains(0),
                let decoded = String(validating: bytes, as: UTF8.self)
            else { return }
            read(text: decoded, at: pointer)
        }

        /// Pieces of one text in several elements, each of which says nothing by itself.
        private mutating func readJoined(_ elements: [JSON.Value], at pointer: String) {
            let pieces = elements.compactMap { $0.string ?? $0["text"]?.string }
            guard pieces.count > 1 else { return }
            let isContent = elements.contains { $0["text"] != nil }
            for separator in isContent ? [" ", ""] : [" "] {
                let before = signs.count
                read(text: pieces.joined(separator: separator), at: pointer)
                if signs.count > before { return }
            }
        }

        static func escaped(_ key: String) -> String {
            guard key.utf8.contains(where: { $0 == 0x7E || $0 == 0x2F }) else { return key }
            return key.replacing("~", with: "~0").replacing("/", with: "~1")
        }
    }
}

extension ResultScreen {
    /// Whether a text is worth to be looked through; the same question that is asked of the message's bytes.
    static func mayHold(_ text: String) -> Bool { mayHoldSigns(text.utf8.span) }

    /// The strongest sign in one text.
    static func sign(in text: String, depth: Int) -> (code: String, evidence: String)? {
        let read = ScreenText(text)
        if let hidden = read.hidden { return (hidden.code, hidden.evidence) }
        let bytes = read.folded
        if let match = ScreenWords(bytes).find(isHidden: false) { return (match.code, Sign.shown(bytes[match.place])) }
        if let found = ScreenMarkup(bytes).find() { return found }
        return depth < 2 ? ScreenEncoded.find(in: bytes, depth: depth) : nil
    }

    /// Whether a text that people do not see, or that claims authority, gives an order.
    static func isOrder(_ bytes: [UInt8]) -> Bool { ScreenWords(bytes).find(isHidden: true) != nil }
}
