import Core
import Traffic

// Traces are written by the thousand, so members have places instead of names, and bytes are written without a value in
// between. A new member goes to the end.

extension Form {
    static func name(_ value: JSON.Value?) -> Keyed<String>? {
        guard let key = hash(value?[0]), let text = value?[1]?.string else { return nil }
        return Keyed(key: key, value: text)
    }

    /// Tells "absent" from "unreadable".
    static func optional(_ value: JSON.Value?) -> Keyed<String>?? {
        guard let value else { return nil }
        if value.isNull { return .some(nil) }
        return name(value).map { .some($0) }
    }

    static func append(fields: [Keyed<ResultField>], to bytes: inout [UInt8]) {
        append(list: fields, to: &bytes) { append(key: $0.key, $0.value.tool, field: $0.value.field, to: &$1) }
    }

    private static func append(key: UInt64, _ tool: ServerTool, field: String? = nil, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) { writer, bytes in
            writer.add(hash: key, to: &bytes)
            writer.next(&bytes)
            ArrayWriter.write(to: &bytes) {
                $0.add(text: tool.server, to: &$1)
                $0.add(text: tool.tool, to: &$1)
                if let field { $0.add(text: field, to: &$1) }
            }
        }
    }

    static func fields(_ value: JSON.Value?) -> [Keyed<ResultField>]? {
        list(value) { element in
            guard let key = hash(element[0]), let field = field(element[1]) else { return nil }
            return Keyed(key: key, value: field)
        }
    }

    static func append(tools: [Keyed<ServerTool>], to bytes: inout [UInt8]) {
        append(list: tools, to: &bytes) { append(key: $0.key, $0.value, to: &$1) }
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
        ArrayWriter.write(to: &bytes) {
            $0.add(hash: key, to: &$1)
            $0.add(text: session, to: &$1)
            $0.add(name: principal, to: &$1)
            $0.add(optional: client, to: &$1)
            $0.add(.bool(isCut), to: &$1)
            $0.add(list: calls, to: &$1) { $0.write(to: &$1) }
        }
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
        ArrayWriter.write(to: &bytes) {
            $0.next(&$1)
            Form.append(tools: [tool], to: &$1)
            $0.add(text: tier.rawValue, to: &$1)
            $0.add(optional: task, to: &$1)
            $0.add(optional: definition, to: &$1)
            $0.add(text: outcome.rawValue, to: &$1)
            $0.add(.bool(succeeded), to: &$1)
            $0.add(text: String(sequence), to: &$1)
            $0.add(text: String(time), to: &$1)
            $0.next(&$1)
            if let pointer { pointer.write(to: &$1) } else { JSON.append(.null, to: &$1) }
            $0.add(list: arguments, to: &$1) { Form.append(name: $0, to: &$1) }
            $0.add(list: leaves, to: &$1) { $0.write(to: &$1) }
            $0.add(list: lists, to: &$1) { list, bytes in
                Form.append(list: [list.argument, list.count], to: &bytes) { Form.append(count: $0, to: &$1) }
            }
            $0.add(hash: reading, to: &$1)
            $0.add(hash: result, to: &$1)
        }
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
        ArrayWriter.write(to: &bytes) {
            $0.add(name: argument, to: &$1)
            $0.add(name: path, to: &$1)
            $0.add(text: valueClass.rawValue, to: &$1)
            $0.add(name: value, to: &$1)
            $0.add(.bool(isAbridged), to: &$1)
            $0.add(number.map { .number($0) } ?? .null, to: &$1)
            $0.add(text: prompt.rawValue, to: &$1)
            $0.next(&$1)
            Form.append(fields: fields, to: &$1)
            $0.next(&$1)
            Form.append(tools: texts, to: &$1)
            $0.add(list: entities, to: &$1) { $0.write(to: &$1) }
            $0.add(count: length, to: &$1)
            $0.add(list: readings, to: &$1) { Form.append(hash: $0, to: &$1) }
        }
    }

    convenience init?(json: JSON.Value) {
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
        ArrayWriter.write(to: &bytes) {
            $0.add(text: valueClass.rawValue, to: &$1)
            $0.add(name: value, to: &$1)
            $0.add(text: prompt.rawValue, to: &$1)
            $0.next(&$1)
            Form.append(fields: fields, to: &$1)
            $0.next(&$1)
            Form.append(tools: texts, to: &$1)
            $0.add(list: readings, to: &$1) { Form.append(hash: $0, to: &$1) }
        }
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
