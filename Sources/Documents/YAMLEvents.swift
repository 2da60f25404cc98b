import CYAML

/// One event of libyaml as a value.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(Scalar, anchor: String?, hasTag: Bool)
        case sequenceStart(anchor: String?, hasTag: Bool)
        case sequenceEnd
        case mappingStart(anchor: String?, hasTag: Bool)
        case mappingEnd
    }

    var kind: Kind
    var start: Node.Mark
    var end: Node.Mark
}

/// What libyaml found wrong with the text.
struct YAMLProblem: Error {
    var problem: String
    var context: String?
    var mark: Node.Mark
    var contextMark: Node.Mark?
}

/// Reads the events of one text with libyaml; all pointers of the target live in this file.
///
/// `@safe`: the parser and its input are allocated in `init`, used only by `next` on the one owner of this value, and
/// freed once in `deinit`; every C string is copied before the event that owns it is deleted.
@safe
struct YAMLEvents: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let isReady: Bool

    init(_ bytes: [UInt8]) {
        unsafe input = .allocate(capacity: bytes.count)
        _ = unsafe input.initialize(from: bytes)
        unsafe parser = .allocate(capacity: 1)
        isReady = unsafe yaml_parser_initialize(parser) == 1
        guard isReady else { return }
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        if isReady { unsafe yaml_parser_delete(parser) }
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// The next event; after the end of the stream or a problem there is none to ask for.
    mutating func next() throws(YAMLProblem) -> YAMLEvent {
        guard isReady else {
            throw YAMLProblem(problem: "out of memory", mark: Node.Mark(line: 1, column: 1, offset: 0))
        }
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw problem() }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe YAMLEvent(
            kind: Self.kind(event),
            start: Self.mark(event.start_mark),
            end: Self.mark(event.end_mark)
        )
    }

    private static func kind(_ event: yaml_event_t) -> YAMLEvent.Kind {
        let data = unsafe event.data
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT: return unsafe .alias(text(data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe data.scalar
            let content = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let style: Scalar.Style =
                switch unsafe scalar.style {
                case YAML_SINGLE_QUOTED_SCALAR_STYLE: .single
                case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .double
                case YAML_LITERAL_SCALAR_STYLE: .literal
                case YAML_FOLDED_SCALAR_STYLE: .folded
                default: .plain
                }
            return unsafe .scalar(
                Scalar(text: String(decoding: content, as: UTF8.self), style: style),
                anchor: text(scalar.anchor),
                hasTag: scalar.tag != nil
            )
        case YAML_SEQUENCE_START_EVENT:
            return unsafe .sequenceStart(
                anchor: text(data.sequence_start.anchor),
                hasTag: data.sequence_start.tag != nil
            )
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            return unsafe .mappingStart(anchor: text(data.mapping_start.anchor), hasTag: data.mapping_start.tag != nil)
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        default: return .streamEnd
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    /// libyaml counts everything from 0, in scalars.
    private static func mark(_ mark: yaml_mark_t) -> Node.Mark {
        Node.Mark(line: mark.line + 1, column: mark.column + 1, offset: mark.index)
    }

    private func problem() -> YAMLProblem {
        let state = unsafe parser.pointee
        var problem = unsafe YAMLProblem(
            problem: Self.text(state.problem) ?? "the text cannot be read",
            mark: Self.mark(state.problem_mark)
        )
        if let context = unsafe Self.text(state.context) {
            problem.context = context
            problem.contextMark = unsafe Self.mark(state.context_mark)
        }
        return problem
    }
}
