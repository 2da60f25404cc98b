import Core
import Traffic

/// The names that sampled sessions have in common, each written once; traces refer to them by number.
///
/// A number is the place at which a name first came up while the sessions were written in their order, so that equal
/// samples have equal tables.
struct TraceTables {
    private var texts = NameTable<String>()
    private var tools = NameTable<ServerTool>()
    private var fields = NameTable<ResultField>()

    mutating func number(of name: Keyed<String>) -> Int {
        texts.number(of: name) { ByteSearch.isSame($0.utf8.span, $1.utf8.span) }
    }

    mutating func number(of tool: Keyed<ServerTool>) -> Int { tools.number(of: tool, ==) }

    mutating func number(of field: Keyed<ResultField>) -> Int { fields.number(of: field, ==) }

    /// Adds the tables of sources, whose name stands before `texts` and `threshold`.
    func writeSources(to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(list: fields.names, to: &$1) { field, bytes in
                ArrayWriter.write(to: &bytes) {
                    $0.add(hash: field.key, to: &$1)
                    $0.add(text: field.value.tool.server, to: &$1)
                    $0.add(text: field.value.tool.tool, to: &$1)
                    $0.add(text: field.value.field, to: &$1)
                }
            }
            $0.add(list: tools.names, to: &$1) { tool, bytes in
                ArrayWriter.write(to: &bytes) {
                    $0.add(hash: tool.key, to: &$1)
                    $0.add(text: tool.value.server, to: &$1)
                    $0.add(text: tool.value.tool, to: &$1)
                }
            }
        }
    }

    func writeTexts(to bytes: inout [UInt8]) {
        Form.append(list: texts.names, to: &bytes) { Form.append(name: $0, to: &$1) }
    }
}

/// What `TraceTables` wrote.
struct TraceNames {
    private let texts: [Keyed<String>]
    private let tools: [Keyed<ServerTool>]
    private let fields: [Keyed<ResultField>]

    init?(sources: JSON.Value?, texts: JSON.Value?) {
        let readField = { (value: JSON.Value) -> Keyed<ResultField>? in
            guard let key = Form.hash(value[0]), let server = value[1]?.string, let tool = value[2]?.string,
                let field = value[3]?.string
            else { return nil }
            return Keyed(key: key, value: ResultField(tool: ServerTool(server: server, tool: tool), field: field))
        }
        let readTool = { (value: JSON.Value) -> Keyed<ServerTool>? in
            guard let key = Form.hash(value[0]), let server = value[1]?.string, let tool = value[2]?.string else {
                return nil
            }
            return Keyed(key: key, value: ServerTool(server: server, tool: tool))
        }
        guard let fields = Form.list(sources?[0], readField), let tools = Form.list(sources?[1], readTool),
            let texts = Form.list(texts, { Form.name($0) })
        else { return nil }
        (self.texts, self.tools, self.fields) = (texts, tools, fields)
    }

    func text(_ number: JSON.Value?) -> Keyed<String>? { Self.name(number, texts) }
    func tool(_ number: JSON.Value?) -> Keyed<ServerTool>? { Self.name(number, tools) }
    func field(_ number: JSON.Value?) -> Keyed<ResultField>? { Self.name(number, fields) }

    /// Tells "absent" from "unreadable".
    func optional(_ number: JSON.Value?) -> Keyed<String>?? {
        guard let number else { return nil }
        if number.isNull { return .some(nil) }
        return text(number).map { .some($0) }
    }

    private static func name<Value>(_ number: JSON.Value?, _ names: [Keyed<Value>]) -> Keyed<Value>? {
        guard let number = Form.count(number), names.indices.contains(number) else { return nil }
        return names[number]
    }
}

/// Names by number, found by the keyed hashes that they have already.
private struct NameTable<Value: Sendable> {
    private(set) var names: [Keyed<Value>] = []
    /// One more than a number, at the place that the hash says or behind it; 0 is free.
    private var slots = [UInt32](repeating: 0, count: 1 << 8)

    mutating func number(of name: Keyed<Value>, _ isSame: (Value, Value) -> Bool) -> Int {
        var slot = Int(truncatingIfNeeded: name.key) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            // Without a secret key a hash can be forged.
            if names[number].key == name.key, isSame(names[number].value, name.value) { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        names.append(name)
        slots[slot] = UInt32(names.count)
        if names.count * 2 > slots.count { grow() }
        return names.count - 1
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 4)
        for (number, name) in names.enumerated() {
            var slot = Int(truncatingIfNeeded: name.key) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }
}
