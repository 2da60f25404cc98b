import Core
import Traffic

// Traces are written by the thousand, so members have places instead of names, and bytes are written without a value in
// between. A new member goes to the end.

extension Form {
    static func name(_ value: JSON.Value?) -> Keyed<String>? {
        guard let key = hash(value?[0]), let text = value?[1]?.string else { return nil }
        return Keyed(key: key, value: text)
    }

    static func append(optional name: Keyed<String>?, to bytes: inout [UInt8]) {
        if let name { append(name: name, to: &bytes) } else { JSON.append(.null, to: &bytes) }
    }

    /// Tells "absent" from "unreadable".
    static func optional(_ value: JSON.Value?) -> Keyed<String>?? {
        guard let value else { return nil }
        if value.isNull { return .some(nil) }
        return name(value).map { .some($0) }
    }

    static func append(fields: [Keyed<ResultField>], to bytes: inout [UInt8]) {
        append(list: fields, to: &bytes) { element, bytes in
            bytes.append(UInt8(ascii: "["))
            append(hash: element.key, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            bytes.append(UInt8(ascii: "["))
            JSON.append(text: element.value.tool.server, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            JSON.append(text: element.value.tool.tool, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            JSON.append(text: element.value.field, to: &bytes)
            bytes.append(UInt8(ascii: "]"))
            bytes.append(UInt8(ascii: "]"))
        }
    }

    static func fields(_ value: JSON.Value?) -> [Keyed<ResultField>]? {
        list(value) { element in
            guard let key = hash(element[0]), let field = field(element[1]) else { return nil }
            return Keyed(key: key, value: field)
        }
    }

    static func append(tools: [Keyed<ServerTool>], to bytes: inout [UInt8]) {
        append(list: tools, to: &bytes) { element, bytes in
            bytes.append(UInt8(ascii: "["))
            append(hash: element.key, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            append(tool: element.value, to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        }
    }

    /// Adds what `tool` makes.
    private static func append(tool: ServerTool, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(text: tool.server, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: tool.tool, to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    static func tools(_ value: JSON.Value?) -> [Keyed<ServerTool>]? {
        list(value) { element in
            guard let key = hash(element[0]), let tool = tool(element[1]) else { return nil }
            return Keyed(key: key, value: tool)
        }
    }
}

extension SessionTrace {
    func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        Form.append(hash: key, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: session, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(name: principal, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(optional: client, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isCut), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(list: calls, to: &bytes) { $0.write(to: &$1) }
        bytes.append(UInt8(ascii: "]"))
    }

    init?(json: JSON.Value) {
        guard let key = Form.hash(json[0]), let session = json[1]?.string, let principal = Form.name(json[2]),
            let client = Form.optional(json[3]), let isCut = json[4]?.bool,
            let calls = Form.list(json[5], TracedCall.init(json:))
        else { return nil }
        self.init(key: key, session: session, principal: principal, client: client, calls: calls, isCut: isCut)
    }
}

extension TracedCall {
    func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        Form.append(tools: [tool], to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: tier.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(optional: task, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(optional: definition, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: outcome.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(succeeded), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: String(sequence), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: String(time), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        if let pointer {
            bytes.append(UInt8(ascii: "["))
            JSON.append(text: pointer.session, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            JSON.append(.integer(pointer.sequence), to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        } else {
            JSON.append(.null, to: &bytes)
        }
        bytes.append(UInt8(ascii: ","))
        Form.append(list: arguments, to: &bytes) { Form.append(name: $0, to: &$1) }
        bytes.append(UInt8(ascii: ","))
        Form.append(list: leaves, to: &bytes) { $0.write(to: &$1) }
        bytes.append(UInt8(ascii: ","))
        Form.append(list: lists, to: &bytes) { list, bytes in
            bytes.append(UInt8(ascii: "["))
            Form.append(count: list.argument, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            Form.append(count: list.count, to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        }
        bytes.append(UInt8(ascii: ","))
        Form.append(hash: reading, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(hash: result, to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    convenience init?(json: JSON.Value) {
        guard let tool = Form.tools(json[0])?.first, let tier = json[1]?.string.flatMap(ToolTier.init(rawValue:)),
            let task = Form.optional(json[2]), let definition = Form.optional(json[3]),
            let outcome = json[4]?.string.flatMap(CallRecord.Outcome.init(rawValue:)), let succeeded = json[5]?.bool,
            let sequence = json[6]?.string.flatMap({ Int64($0) }), let time = json[7]?.string.flatMap({ Int64($0) }),
            let place = json[8], let arguments = Form.list(json[9], { Form.name($0) }),
            let leaves = Form.list(json[10], TracedLeaf.init(json:)),
            let lists = Form.list(
                json[11],
                { value -> (argument: Int, count: Int)? in
                    guard let argument = Form.count(value[0]), arguments.indices.contains(argument),
                        let count = Form.count(value[1])
                    else { return nil }
                    return (argument, count)
                }
            ), let reading = Form.hash(json[12]), let result = Form.hash(json[13])
        else { return nil }
        var pointer: EvidencePointer?
        if !place.isNull {
            guard let session = place[0]?.string, let sequence = place[1]?.int else { return nil }
            pointer = EvidencePointer(session: session, sequence: sequence)
        }
        self.init(
            tool: tool,
            tier: tier,
            task: task,
            definition: definition,
            outcome: outcome,
            succeeded: succeeded,
            sequence: sequence,
            time: time,
            pointer: pointer,
            arguments: arguments,
            leaves: leaves,
            lists: lists,
            reading: reading,
            result: result
        )
    }
}

extension TracedLeaf {
    func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        Form.append(name: argument, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(name: path, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: valueClass.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(name: value, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isAbridged), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(number.map { .number($0) } ?? .null, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: prompt.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(fields: fields, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(tools: texts, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(list: entities, to: &bytes) { $0.write(to: &$1) }
        bytes.append(UInt8(ascii: ","))
        Form.append(count: length, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(list: readings, to: &bytes) { Form.append(hash: $0, to: &$1) }
        bytes.append(UInt8(ascii: "]"))
    }

    init?(json: JSON.Value) {
        guard let argument = Form.name(json[0]), let path = Form.name(json[1]),
            let valueClass = json[2]?.string.flatMap(ValueClass.init(rawValue:)), let value = Form.name(json[3]),
            let isAbridged = json[4]?.bool, let number = json[5], number.isNull || number.double != nil,
            let prompt = json[6]?.string.flatMap(PromptSource.init(rawValue:)), let fields = Form.fields(json[7]),
            let texts = Form.tools(json[8]), let entities = Form.list(json[9], TracedEntity.init(json:)),
            let length = Form.count(json[10]), let readings = Form.list(json[11], { Form.hash($0) })
        else { return nil }
        self.init(
            argument: argument,
            path: path,
            valueClass: valueClass,
            value: value,
            isAbridged: isAbridged,
            number: number.double,
            prompt: prompt,
            fields: fields,
            texts: texts,
            entities: entities,
            length: length,
            readings: readings
        )
    }
}

extension TracedEntity {
    func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(text: valueClass.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(name: value, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: prompt.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(fields: fields, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(tools: texts, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(list: readings, to: &bytes) { Form.append(hash: $0, to: &$1) }
        bytes.append(UInt8(ascii: "]"))
    }

    init?(json: JSON.Value) {
        guard let valueClass = json[0]?.string.flatMap(ValueClass.init(rawValue:)), let value = Form.name(json[1]),
            let prompt = json[2]?.string.flatMap(PromptSource.init(rawValue:)), let fields = Form.fields(json[3]),
            let texts = Form.tools(json[4]), let readings = Form.list(json[5], { Form.hash($0) })
        else { return nil }
        self.init(
            valueClass: valueClass,
            value: value,
            prompt: prompt,
            fields: fields,
            texts: texts,
            readings: readings
        )
    }
}
