package import Core
package import Traffic

/// What is known of one value at one path.
package struct ValueEvidence: Sampled {
    package static let limit = 4_096

    package var text: String
    package var isAbridged: Bool
    /// One bit for each class under which the text was seen, in the order of `ValueClass.allCases`.
    package var classes: UInt16 = 0
    package var sessions = Tally()
    /// Sessions whose request holds the value.
    package var explained = Tally()
    package var unexplained = Tally()
    /// Unexplained sessions where nothing but free text of earlier results holds it.
    package var textOnly = Tally()
    package var tasks = FewMembers()
    package var clients = FewMembers()
    /// The tools whose text it stood in, where it stood nowhere else.
    package var texts: [ServerTool] = []
    package var pointers = Pointers()

    init(text: String, isAbridged: Bool) {
        self.text = text
        self.isAbridged = isAbridged
    }

    /// Whether it stands for a credential, or for a text that holds one.
    package var isSecret: Bool { isAbridged && text == SecretToken.placeholder }
    package var isIdentity: Bool { valueClasses.contains { $0.isIdentity } }
    package var valueClasses: [ValueClass] {
        ValueClass.allCases.enumerated().filter { classes & 1 << UInt16($0.offset) != 0 }.map(\.element)
    }

    mutating func note(_ leaf: TracedLeaf, _ call: TracedCall, session: UInt64, client: UInt64?) {
        classes |= 1 << leaf.valueClass.bit
        sessions.note(session)
        if leaf.prompt == .exact {
            explained.note(session)
        } else {
            unexplained.note(session)
            if leaf.isTextOnly {
                textOnly.note(session)
                for tool in leaf.texts { addSource(tool.value) }
            }
        }
        if let task = call.task { tasks.insert(task.key) }
        if let client { clients.insert(client) }
        if leaf.valueClass.isIdentity || leaf.isTextOnly || isSecret { pointers.note(call) }
    }

    /// Keeps the first four by name.
    private mutating func addSource(_ tool: ServerTool) {
        guard !texts.contains(tool) else { return }
        texts.append(tool)
        texts.sort()
        if texts.count > 4 { texts.removeLast() }
    }

    package mutating func merge(_ other: ValueEvidence) {
        if precedes(other.text, text) { text = other.text }
        isAbridged = isAbridged || other.isAbridged
        classes |= other.classes
        sessions.merge(other.sessions)
        explained.merge(other.explained)
        unexplained.merge(other.unexplained)
        textOnly.merge(other.textOnly)
        tasks.merge(other.tasks)
        clients.merge(other.clients)
        for tool in other.texts { addSource(tool) }
        pointers.merge(other.pointers)
    }

    package var json: JSON.Value {
        .array([
            .string(text), .bool(isAbridged), .integer(Int64(classes)), Form.count(sessions.count),
            Form.count(explained.count), Form.count(unexplained.count), Form.count(textOnly.count), tasks.json,
            clients.json, .array(texts.map(Form.tool)), pointers.json,
        ])
    }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(text: text, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isAbridged), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.integer(Int64(classes)), to: &bytes)
        for tally in [sessions, explained, unexplained, textOnly] {
            bytes.append(UInt8(ascii: ","))
            Form.append(count: tally.count, to: &bytes)
        }
        bytes.append(UInt8(ascii: ","))
        tasks.write(to: &bytes)
        bytes.append(UInt8(ascii: ","))
        clients.write(to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.array(texts.map(Form.tool)), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        pointers.write(to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let text = json[0]?.string, let isAbridged = json[1]?.bool,
            let classes = json[2]?.int.flatMap(UInt16.init(exactly:)), let sessions = Form.tally(json[3]),
            let explained = Form.tally(json[4]), let unexplained = Form.tally(json[5]),
            let textOnly = Form.tally(json[6]), let tasks = json[7].flatMap(FewMembers.init(json:)),
            let clients = json[8].flatMap(FewMembers.init(json:)),
            let texts = Form.list(json[9], { Form.tool($0) }), texts.count <= 4,
            let pointers = json[10].flatMap(Pointers.init(json:))
        else { return nil }
        self.text = text
        self.isAbridged = isAbridged
        self.classes = classes
        self.sessions = sessions
        self.explained = explained
        self.unexplained = unexplained
        self.textOnly = textOnly
        self.tasks = tasks
        self.clients = clients
        self.texts = texts.sorted()
        self.pointers = pointers
    }
}

extension ValueClass {
    /// The position in `allCases`, which only ever grows at its end.
    var bit: UInt16 {
        switch self {
        case .email: 0
        case .url: 1
        case .account: 2
        case .path: 3
        case .token: 4
        case .short: 5
        case .free: 6
        case .date: 7
        case .number: 8
        case .boolean: 9
        case .empty: 10
        case .secret: 11
        case .phone: 12
        }
    }
}

/// A source that values of one path were taken from.
package struct FieldEdge: Sampled {
    package static let limit = 512
    package var field: ResultField
    package var sessions = Tally()
    package var tasks = FewMembers()

    init(_ field: ResultField) { self.field = field }

    package mutating func merge(_ other: FieldEdge) {
        field = min(field, other.field)
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
    }

    package var json: JSON.Value { .array([Form.field(field), Form.count(sessions.count), tasks.json]) }

    package init?(json: JSON.Value) {
        guard let field = Form.field(json[0]), let sessions = Form.tally(json[1]),
            let tasks = json[2].flatMap(FewMembers.init(json:))
        else { return nil }
        self.field = field
        self.sessions = sessions
        self.tasks = tasks
    }
}

/// A tool whose free text held values of one path that neither the request nor a field explains.
package struct TextEdge: Sampled {
    package static let limit = 256
    package var tool: ServerTool
    package var sessions = Tally()
    package var tasks = FewMembers()

    init(_ tool: ServerTool) { self.tool = tool }

    package mutating func merge(_ other: TextEdge) {
        tool = min(tool, other.tool)
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
    }

    package var json: JSON.Value { .array([Form.tool(tool), Form.count(sessions.count), tasks.json]) }

    package init?(json: JSON.Value) {
        guard let tool = Form.tool(json[0]), let sessions = Form.tally(json[1]),
            let tasks = json[2].flatMap(FewMembers.init(json:))
        else { return nil }
        self.tool = tool
        self.sessions = sessions
        self.tasks = tasks
    }
}

/// What is known of one path of a tool's arguments.
package struct PathEvidence: Sampled {
    package static let limit = 512

    package var path: String
    package var argument: String
    /// Calls by class, in the order of `ValueClass.bit`.
    package var classes = [Int](repeating: 0, count: ValueClass.allCases.count)
    package var sessions = Tally()
    package var tasks = DistinctCount()
    package var clients = DistinctCount()
    package var values = BottomK<ValueEvidence>()
    package var fields = BottomK<FieldEdge>()
    package var texts = BottomK<TextEdge>()
    /// Sessions with a value that the agent made up itself, as far as anybody can see.
    package var composed = Tally()
    package var numbers = Extremes()
    package var histogram = LogHistogram()
    package var lengths = Extremes()
    package var pointers = Pointers()

    init(path: String, argument: String) {
        self.path = path
        self.argument = argument
    }

    package func calls(of valueClass: ValueClass) -> Int { classes[Int(valueClass.bit)] }

    mutating func note(_ leaf: TracedLeaf, _ call: TracedCall, session: UInt64, client: UInt64?) {
        classes[Int(leaf.valueClass.bit)] += 1
        sessions.note(session)
        if let task = call.task { tasks.insert(task.key) }
        if let client { clients.insert(client) }
        pointers.note(call)
        guard !leaf.isEmpty else { return }
        values.update(leaf.value.key, make: { ValueEvidence(text: leaf.value.value, isAbridged: leaf.isAbridged) }) {
            $0.note(leaf, call, session: session, client: client)
        }
        for field in leaf.fields {
            fields.update(field.key, make: { FieldEdge(field.value) }) {
                $0.sessions.note(session)
                if let task = call.task { $0.tasks.insert(task.key) }
            }
        }
        if leaf.prompt == .none, leaf.fields.isEmpty {
            if leaf.texts.isEmpty { composed.note(session) }
            for tool in leaf.texts {
                texts.update(tool.key, make: { TextEdge(tool.value) }) {
                    $0.sessions.note(session)
                    if let task = call.task { $0.tasks.insert(task.key) }
                }
            }
        }
        if let number = leaf.number {
            numbers.note(number, session: session)
            histogram.note(number)
        }
        if leaf.length > 0 { lengths.note(Double(leaf.length), session: session) }
    }

    package mutating func merge(_ other: PathEvidence) {
        for index in classes.indices { classes[index] += other.classes[index] }
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
        clients.merge(other.clients)
        values.merge(other.values)
        fields.merge(other.fields)
        texts.merge(other.texts)
        composed.merge(other.composed)
        numbers.merge(other.numbers)
        histogram.merge(other.histogram)
        lengths.merge(other.lengths)
        pointers.merge(other.pointers)
    }

    package var json: JSON.Value {
        var object = rest.object ?? [:]
        object["values"] = values.json
        object["fields"] = fields.json
        object["texts"] = texts.json
        return .object(object)
    }

    package func write(to bytes: inout [UInt8]) {
        let parts: [String: (inout [UInt8]) -> Void] = [
            "values": { values.write(to: &$0) }, "fields": { fields.write(to: &$0) },
            "texts": { texts.write(to: &$0) },
        ]
        MemberWriter.write(rest, parts, to: &bytes)
    }

    /// What is small of it.
    private var rest: JSON.Value {
        [
            "path": .string(path), "argument": .string(argument), "classes": .array(classes.map { Form.count($0) }),
            "sessions": Form.count(sessions.count), "tasks": tasks.json, "clients": clients.json,
            "composed": Form.count(composed.count), "numbers": numbers.json, "histogram": histogram.json,
            "lengths": lengths.json, "pointers": pointers.json,
        ]
    }

    package init?(json: JSON.Value) {
        guard let path = json["path"]?.string, let argument = json["argument"]?.string,
            let classes = Form.list(json["classes"], { Form.count($0) }), classes.count <= ValueClass.allCases.count,
            let sessions = Form.tally(json["sessions"]), let tasks = json["tasks"].flatMap(DistinctCount.init(json:)),
            let clients = json["clients"].flatMap(DistinctCount.init(json:)),
            let values = json["values"].flatMap(BottomK<ValueEvidence>.init(json:)),
            let fields = json["fields"].flatMap(BottomK<FieldEdge>.init(json:)),
            let texts = json["texts"].flatMap(BottomK<TextEdge>.init(json:)),
            let composed = Form.tally(json["composed"]), let numbers = json["numbers"].flatMap(Extremes.init(json:)),
            let histogram = json["histogram"].flatMap(LogHistogram.init(json:)),
            let lengths = json["lengths"].flatMap(Extremes.init(json:)),
            let pointers = json["pointers"].flatMap(Pointers.init(json:))
        else { return nil }
        self.path = path
        self.argument = argument
        // A profile of earlier has fewer.
        self.classes = classes + Array(repeating: 0, count: ValueClass.allCases.count - classes.count)
        self.sessions = sessions
        self.tasks = tasks
        self.clients = clients
        self.values = values
        self.fields = fields
        self.texts = texts
        self.composed = composed
        self.numbers = numbers
        self.histogram = histogram
        self.lengths = lengths
        self.pointers = pointers
    }
}
