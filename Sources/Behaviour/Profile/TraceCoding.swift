import Core
import Traffic

// Traces are written by the thousand, so members have places instead of names, names have numbers, and bytes are written
// without a value in between. A new member goes to the end.

extension Form {
    static func name(_ value: JSON.Value?) -> Keyed<String>? {
        guard let key = hash(value?[0]), let text = value?[1]?.string else { return nil }
        return Keyed(key: key, value: text)
    }
}

extension ArrayWriter {
    fileprivate mutating func add(_ name: Keyed<String>?, _ tables: inout TraceTables, to bytes: inout [UInt8]) {
        guard let name else { return add(.null, to: &bytes) }
        add(number: tables.number(of: name), to: &bytes)
    }

    fileprivate mutating func add(
        _ fields: [Keyed<ResultField>],
        _ texts: [Keyed<ServerTool>],
        _ tables: inout TraceTables,
        to bytes: inout [UInt8]
    ) {
        add(list: fields, to: &bytes) { Form.append(number: tables.number(of: $0), to: &$1) }
        add(list: texts, to: &bytes) { Form.append(number: tables.number(of: $0), to: &$1) }
    }
}

extension SessionTrace {
    func write(_ tables: inout TraceTables, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(hash: key, to: &$1)
            $0.add(text: session, to: &$1)
            $0.add(principal, &tables, to: &$1)
            $0.add(client, &tables, to: &$1)
            $0.add(.bool(isCut), to: &$1)
            $0.add(list: calls, to: &$1) { $0.write(in: session, &tables, to: &$1) }
        }
    }

    init?(json: JSON.Value, _ names: TraceNames) {
        guard let key = Form.hash(json[0]), let session = json[1]?.string, let principal = names.text(json[2]),
            let client = names.optional(json[3]), let isCut = json[4]?.bool,
            let calls = Form.list(json[5], { TracedCall(json: $0, in: session, names) })
        else { return nil }
        self.init(key: key, session: session, principal: principal, client: client, calls: calls, isCut: isCut)
    }
}

extension TracedCall {
    func write(in session: String, _ tables: inout TraceTables, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(number: tables.number(of: tool), to: &$1)
            $0.add(text: tier.rawValue, to: &$1)
            $0.add(task, &tables, to: &$1)
            $0.add(definition, &tables, to: &$1)
            $0.add(text: outcome.rawValue, to: &$1)
            $0.add(.bool(succeeded), to: &$1)
            $0.add(text: String(sequence), to: &$1)
            $0.add(text: String(time), to: &$1)
            $0.next(&$1)
            write(place: session, to: &$1)
            $0.add(list: arguments, to: &$1) { Form.append(number: tables.number(of: $0), to: &$1) }
            $0.add(list: leaves, to: &$1) { $0.write(&tables, to: &$1) }
            $0.add(list: lists, to: &$1) { list, bytes in
                Form.append(list: [list.argument, list.count], to: &bytes) { Form.append(count: $0, to: &$1) }
            }
            $0.add(hash: reading, to: &$1)
            $0.add(hash: result, to: &$1)
        }
    }

    /// The place of evidence is most often the session and the number that are written already.
    private func write(place session: String, to bytes: inout [UInt8]) {
        guard let pointer else { return JSON.append(.null, to: &bytes) }
        if pointer.sequence == sequence, ByteSearch.isSame(pointer.session.utf8.span, session.utf8.span) {
            JSON.append(.bool(true), to: &bytes)
        } else {
            pointer.write(to: &bytes)
        }
    }

    convenience init?(json: JSON.Value, in session: String, _ names: TraceNames) {
        guard let tool = names.tool(json[0]), let tier = json[1]?.string.flatMap(ToolTier.init(rawValue:)),
            let task = names.optional(json[2]), let definition = names.optional(json[3]),
            let outcome = json[4]?.string.flatMap(CallRecord.Outcome.init(rawValue:)), let succeeded = json[5]?.bool,
            let sequence = json[6]?.string.flatMap({ Int64($0) }), let time = json[7]?.string.flatMap({ Int64($0) }),
            let place = json[8], let arguments = Form.list(json[9], { names.text($0) }),
            let leaves = Form.list(json[10], { TracedLeaf(json: $0, names) }),
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
        if place.bool == true {
            pointer = EvidencePointer(session: session, sequence: sequence)
        } else if !place.isNull {
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
    func write(_ tables: inout TraceTables, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(argument, &tables, to: &$1)
            $0.add(path, &tables, to: &$1)
            $0.add(text: valueClass.rawValue, to: &$1)
            $0.add(value, &tables, to: &$1)
            $0.add(.bool(isAbridged), to: &$1)
            $0.add(number.map { .number($0) } ?? .null, to: &$1)
            $0.add(text: prompt.rawValue, to: &$1)
            $0.add(fields, texts, &tables, to: &$1)
            $0.add(list: entities, to: &$1) { $0.write(&tables, to: &$1) }
            $0.add(count: length, to: &$1)
            $0.add(list: readings, to: &$1) { Form.append(hash: $0, to: &$1) }
        }
    }

    convenience init?(json: JSON.Value, _ names: TraceNames) {
        guard let argument = names.text(json[0]), let path = names.text(json[1]),
            let valueClass = json[2]?.string.flatMap(ValueClass.init(rawValue:)), let value = names.text(json[3]),
            let isAbridged = json[4]?.bool, let number = json[5], number.isNull || number.double != nil,
            let prompt = json[6]?.string.flatMap(PromptSource.init(rawValue:)),
            let fields = Form.list(json[7], { names.field($0) }), let texts = Form.list(json[8], { names.tool($0) }),
            let entities = Form.list(json[9], { TracedEntity(json: $0, names) }), let length = Form.count(json[10]),
            let readings = Form.list(json[11], { Form.hash($0) })
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
    func write(_ tables: inout TraceTables, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(text: valueClass.rawValue, to: &$1)
            $0.add(value, &tables, to: &$1)
            $0.add(text: prompt.rawValue, to: &$1)
            $0.add(fields, texts, &tables, to: &$1)
            $0.add(list: readings, to: &$1) { Form.append(hash: $0, to: &$1) }
        }
    }

    init?(json: JSON.Value, _ names: TraceNames) {
        guard let valueClass = json[0]?.string.flatMap(ValueClass.init(rawValue:)), let value = names.text(json[1]),
            let prompt = json[2]?.string.flatMap(PromptSource.init(rawValue:)),
            let fields = Form.list(json[3], { names.field($0) }), let texts = Form.list(json[4], { names.tool($0) }),
            let readings = Form.list(json[5], { Form.hash($0) })
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
