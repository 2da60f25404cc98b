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
        "order", "role-marker", "call-like", "hidden-markup", "encoded", "address-with-data", "too-large-to-screen",
    ]

    /// How much text of one message is looked through; beyond it there is a sign `too-large-to-screen`.
    static let mostBytes = 1_048_576
    /// Signs beyond these are not listed, for the first decide.
    static let mostSigns = 32

    /// The signs in a whole message: a response, an error, a notification, a request of a server, or a batch.
    package static func screen(_ message: JSON.Value) -> [Sign] {
        var screening = Screening()
        screening.read(message, depth: 0)
        return screening.signs
    }

    /// The first sign in a text that stands for itself, with an empty pointer.
    package static func screen(text: String) -> Sign? {
        var screening = Screening()
        screening.read(text: text)
        return screening.signs.first
    }

    struct Screening {
        private(set) var signs: [Sign] = []
        private(set) var work = ScreenWork()
        private var read = 0
        private var isOver = false
        /// The keys and indices down to the value that is read; a pointer is written only where there is a sign.
        private var path: [Step] = []

        enum Step {
            case key(String)
            case index(Int)
        }

        private var isDone: Bool { isOver || signs.count >= ResultScreen.mostSigns }

        mutating func read(_ value: JSON.Value, depth: Int) {
            guard depth < JSON.Limits.deepest, !isDone else { return }
            switch value {
            case .null, .bool, .integer, .number: break
            case .string(let text): read(text: text)
            case .array(let elements):
                let before = signs.count
                for (index, element) in elements.enumerated() where !isDone {
                    path.append(.index(index))
                    read(element, depth: depth + 1)
                    path.removeLast()
                }
                if signs.count == before, !isDone { readJoined(elements) }
            case .object(let object):
                let isMedia = object["mimeType"]?.string.map { !$0.hasPrefix("text/") } ?? false
                for (key, member) in object where !isDone {
                    path.append(.key(key))
                    if key.utf8.count > 7 { read(text: key) }
                    if key == "blob" || key == "data" && isMedia, let text = member.string {
                        readBlob(text)
                    } else {
                        read(member, depth: depth + 1)
                    }
                    path.removeLast()
                }
            }
        }

        /// Reads a text; the parts of a joined one were read before, and count once.
        mutating func read(text: String, isJoined: Bool = false) {
            guard text.utf8.count > 2, !isDone, ResultScreen.mayHold(text) else { return }
            if !isJoined { read += text.utf8.count }
            guard read <= ResultScreen.mostBytes else {
                append(ScreenWork.code, "more text than is looked through")
                isOver = true
                return
            }
            work.allow(text.utf8.count)
            let found = ResultScreen.sign(in: text, depth: 0, &work)
            if let (code, evidence) = found { append(code, evidence) }
            if work.isSpent {
                if found == nil { append(ScreenWork.code, "text that takes too long to look through") }
                isOver = true
            }
        }

        private mutating func append(_ code: String, _ evidence: String) {
            var pointer = ""
            for step in path {
                switch step {
                case .key(let key): pointer += "/\(Self.escaped(key))"
                case .index(let index): pointer += "/\(index)"
                }
            }
            signs.append(Sign(code: code, pointer: pointer, evidence: evidence))
        }

        /// A picture is no text, and a text in base64 is one.
        private mutating func readBlob(_ text: String) {
            // Binary forms begin with bytes that begin no text.
            guard !text.hasPrefix("iVBOR"), !text.hasPrefix("/9j/"),
                let bytes = Base64.decode(Array(text.utf8.prefix(ResultScreen.mostBytes * 2)), mayLackPadding: true),
                !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self)
            else { return }
            read(text: decoded)
        }

        /// Pieces of one text in several elements, each of which says nothing by itself.
        private mutating func readJoined(_ elements: [JSON.Value]) {
            let pieces = elements.compactMap { $0.string ?? $0["text"]?.string }
            guard pieces.count > 1 else { return }
            let isContent = elements.contains { $0["text"] != nil }
            for separator in isContent ? [" ", ""] : [" "] {
                let before = signs.count
                read(text: pieces.joined(separator: separator), isJoined: true)
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
    /// Whether there is anything that could speak: a letter, what is hidden, or what could be encoded.
    static func mayHold(_ text: String) -> Bool {
        text.utf8.contains { byte in
            (byte | 0x20) &- 0x61 < 26 || byte >= 0x80 || byte < 0x20 || byte == 0x5C || byte == 0x25 || byte == 0x26
                || byte &- 0x30 < 10
        }
    }

    /// The strongest sign in one text.
    static func sign(in text: String, depth: Int, _ work: inout ScreenWork) -> (code: String, evidence: String)? {
        work.steps += text.utf8.count
        let read = ScreenText(text)
        if let hidden = read.hidden { return (hidden.code, hidden.evidence) }
        let bytes = read.folded
        if let match = ScreenWords(bytes, &work).find(isHidden: false, &work) {
            return (match.code, Sign.shown(bytes[match.place]))
        }
        var markup = ScreenMarkup(bytes)
        if let found = markup.find(&work) { return found }
        return depth < 2 && !work.isSpent ? ScreenEncoded.find(in: bytes, depth: depth, &work) : nil
    }

    /// Whether a text that people do not see, or that claims authority, gives an order.
    static func isOrder(_ bytes: [UInt8], _ work: inout ScreenWork) -> Bool {
        ScreenWords(bytes, &work).find(isHidden: true, &work) != nil
    }

    /// How many steps it took to look through a message, for a test of how they grow.
    static func steps(toScreen message: JSON.Value) -> Int {
        var screening = Screening()
        screening.read(message, depth: 0)
        return screening.work.steps
    }
}
