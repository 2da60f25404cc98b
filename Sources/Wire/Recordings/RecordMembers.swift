import Core

/// A text as it was written last, with its quotes and escapes, and what that stands for.
struct RepeatedText: Sendable {
    private var written: [UInt8] = []
    private(set) var text = ""

    /// A longer one is not kept, since every field would then keep one.
    private static let longest = 4096

    init() {}

    init(_ text: String, _ written: Span<UInt8>) {
        guard written.count <= Self.longest else { return }
        self.text = text
        self.written.reserveCapacity(written.count)
        for at in written.indices { self.written.append(written[at]) }
    }

    func isWritten(_ other: Span<UInt8>) -> Bool { ByteSearch.isSame(written.span, other) }
}

/// What the line before said where lines mostly say the same.
struct RepeatedTexts: Sendable {
    var session = RepeatedText()
    var principal = RepeatedText()
    var client = RepeatedText()
    var server = RepeatedText()
    var tool = RepeatedText()
    var definition = RepeatedText()
    var task = RepeatedText()
    var taskText = RepeatedText()
}

/// The members of one object of a record, read with the types that the format prescribes; null counts as absent.
struct RecordMembers {
    private let outline: JSON.Outline
    private let node: JSON.Outline.Node
    /// Most optional members are absent: those need not be looked for.
    private let nameBits: UInt64
    /// The name of the object; empty for the record.
    private let name: String

    /// Where the object stands, for messages: empty, or `task.`.
    private var place: String { name.isEmpty ? "" : name + "." }

    typealias Refusal = NativeReader.Refusal

    init(_ outline: JSON.Outline, _ node: JSON.Outline.Node, _ line: Span<UInt8>, name: String = "") {
        self.outline = outline
        nameBits = outline.nameBits(of: node, in: line)
        self.node = node
        self.name = name
    }

    private func present(_ name: String, _ line: Span<UInt8>) -> JSON.Outline.Node? {
        let bit = JSON.Outline.nameBit(name.utf8.first ?? UInt8(ascii: "\""), name.utf8.count)
        guard nameBits & bit != 0 else { return nil }
        guard let found = outline.member(name, of: node, in: line), outline.kind(of: found) != .null else { return nil }
        return found
    }

    func text(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> String {
        guard let text = try textIfPresent(name, line) else { throw Refusal(.missingMember, place + name) }
        return text
    }

    func textIfPresent(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> String? {
        guard let found = present(name, line) else { return nil }
        guard let text = outline.text(of: found, in: line) else { throw Refusal(.wrongType, place + name) }
        return text
    }

    /// A text that is most often the same as in the line before: then that one is taken, which costs no storage and is
    /// quickly seen to be the same by whoever compares it.
    func textIfPresent(
        _ name: String,
        _ line: Span<UInt8>,
        _ last: inout RepeatedText
    ) throws(Refusal) -> String? {
        guard let found = present(name, line) else { return nil }
        let written = line.extracting(outline.range(of: found))
        if last.isWritten(written) { return last.text }
        guard let text = outline.text(of: found, in: line) else { throw Refusal(.wrongType, place + name) }
        last = RepeatedText(text, written)
        return text
    }

    func text(_ name: String, _ line: Span<UInt8>, _ last: inout RepeatedText) throws(Refusal) -> String {
        guard let text = try textIfPresent(name, line, &last) else { throw Refusal(.missingMember, place + name) }
        return text
    }

    /// A text that names somebody or something: a rule can be written for no name that has nothing to see.
    func name(_ name: String, _ line: Span<UInt8>, _ last: inout RepeatedText) throws(Refusal) -> String {
        let text = try text(name, line, &last)
        guard text.hasVisibleScalar else { throw Refusal(.badValue, place + name) }
        return text
    }

    /// One of a closed set of words.
    func choice<Choice: RawRepresentable<String>>(
        _ name: String,
        _ line: Span<UInt8>
    ) throws(Refusal) -> Choice? {
        guard let text = try textIfPresent(name, line) else { return nil }
        guard let choice = Choice(rawValue: text) else { throw Refusal(.badValue, place + name) }
        return choice
    }

    func flag(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> Bool? {
        guard let found = present(name, line) else { return nil }
        switch outline.kind(of: found) {
        case .true: return true
        case .false: return false
        default: throw Refusal(.wrongType, place + name)
        }
    }

    func number(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> JSON.Value? {
        guard let found = present(name, line) else { return nil }
        switch outline.kind(of: found) {
        case .integer, .number: return outline.value(of: found, in: line)
        default: throw Refusal(.wrongType, place + name)
        }
    }

    func wholeIfPresent(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> Int64? {
        guard let number = try number(name, line) else { return nil }
        guard let whole = number.int else { throw Refusal(.badValue, place + name) }
        return whole
    }

    func count(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> Int? {
        guard let whole = try wholeIfPresent(name, line) else { return nil }
        guard whole >= 0 else { throw Refusal(.badValue, place + name) }
        return Int(whole)
    }

    func value(_ name: String, _ line: Span<UInt8>) -> JSON.Value? {
        guard let found = present(name, line) else { return nil }
        return outline.value(of: found, in: line)
    }

    func object(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> RecordMembers {
        guard let object = try objectIfPresent(name, line) else { throw Refusal(.missingMember, place + name) }
        return object
    }

    func objectIfPresent(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> RecordMembers? {
        guard let found = present(name, line) else { return nil }
        guard outline.kind(of: found) == .object else { throw Refusal(.wrongType, place + name) }
        return RecordMembers(outline, found, line, name: name)
    }

    func texts(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> [String] {
        guard let found = present(name, line) else { return [] }
        guard outline.kind(of: found) == .array else { throw Refusal(.wrongType, place + name) }
        return try texts(of: found, name, line)
    }

    private func texts(of list: JSON.Outline.Node, _ name: String, _ line: Span<UInt8>) throws(Refusal) -> [String] {
        var texts: [String] = []
        for element in outline.children(of: list) {
            guard let text = outline.text(of: element, in: line) else { throw Refusal(.wrongType, place + name) }
            texts.append(text)
        }
        return texts
    }

    /// Pointers and the sources of the value at each.
    func provenance(_ line: Span<UInt8>) throws(Refusal) -> [String: [String]] {
        guard let found = present("provenance", line) else { return [:] }
        guard outline.kind(of: found) == .object else { throw Refusal(.wrongType, "provenance") }
        var provenance: [String: [String]] = [:]
        for (key, value) in outline.members(of: found) {
            guard outline.kind(of: value) == .array else { throw Refusal(.wrongType, "provenance") }
            provenance[outline.text(of: key, in: line) ?? ""] = try texts(of: value, "provenance", line)
        }
        return provenance
    }

    func result(_ line: Span<UInt8>) throws(Refusal) -> CallRecord.Result {
        var result = CallRecord.Result(
            text: try textIfPresent("text", line),
            structured: value("structured", line),
            isError: try flag("isError", line) ?? false,
            bytes: try count("bytes", line),
            items: try count("items", line)
        )
        if let digest = try textIfPresent("digest", line) {
            guard digest.utf8.count == 16, let number = UInt64(digest, radix: 16) else {
                throw Refusal(.badValue, place + "digest")
            }
            result.digest = number
        }
        return result
    }

    func task(_ line: Span<UInt8>, _ last: inout RepeatedTexts) throws(Refusal) -> CallRecord.Task {
        CallRecord.Task(
            id: try textIfPresent("id", line, &last.task),
            text: try textIfPresent("text", line, &last.taskText),
            assurance: try choice("assurance", line) ?? .declared
        )
    }

    func source(_ line: Span<UInt8>) throws(Refusal) -> CallRecord.Source {
        CallRecord.Source(
            importer: try text("importer", line),
            file: try textIfPresent("file", line),
            line: try count("line", line)
        )
    }

    /// A span of time in milliseconds, perhaps with a fraction.
    func milliseconds(_ name: String, _ line: Span<UInt8>) throws(Refusal) -> Duration? {
        guard let number = try number(name, line)?.double else { return nil }
        guard number >= 0, number < 1e15 else { throw Refusal(.badValue, place + name) }
        return .microseconds(Int64((number * 1000).rounded()))
    }
}

extension String {
    /// Whether there is anything to see: a character that is no space, no control and no mark without a form.
    var hasVisibleScalar: Bool {
        if let first = utf8.first, first > 0x20, first < 0x7F { return true }
        return unicodeScalars.contains { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .unassigned, .surrogate: false
            default: true
            }
        }
    }
}
