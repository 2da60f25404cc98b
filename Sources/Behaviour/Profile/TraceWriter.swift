import Core
import Traffic

/// Turns observed calls into traced ones: hashes every name once and shares the storage of equal names.
struct TraceWriter {
    /// A canonical text longer than this, in bytes, is known by its hash alone: nobody reviews it as a constant.
    static let longestText = 1024
    /// Names that are kept at hand; more than any honest recording has, so that forgetting them all is rare.
    private static let cacheLimit = 1 << 15

    let hash: KeyedHash
    /// By their hashes, which are the keys.
    private var names: [UInt64: Keyed<String>] = [:]
    private var tools: [ServerTool: Keyed<ServerTool>] = [:]
    private var fields: [ResultField: Keyed<ResultField>] = [:]

    init(_ hash: KeyedHash) { self.hash = hash }

    mutating func name(_ text: String) -> Keyed<String> {
        let key = hash.hash(text)
        // Without a secret key a hash can be forged, so the names are compared, by the byte.
        if let name = names[key], ByteSearch.isSame(name.value.utf8.span, text.utf8.span) { return name }
        if names.count >= Self.cacheLimit { names.removeAll(keepingCapacity: true) }
        let name = Keyed(key: key, value: text)
        names[key] = name
        return name
    }

    mutating func tool(_ tool: ServerTool) -> Keyed<ServerTool> {
        if let known = tools[tool] { return known }
        if tools.count >= Self.cacheLimit { tools.removeAll(keepingCapacity: true) }
        let key = hash.hash(hash.hash(tool.server), hash.hash(tool.tool))
        let keyed = Keyed(key: key, value: tool)
        tools[tool] = keyed
        return keyed
    }

    mutating func field(_ field: ResultField) -> Keyed<ResultField> {
        if let known = fields[field] { return known }
        if fields.count >= Self.cacheLimit { fields.removeAll(keepingCapacity: true) }
        let keyed = Keyed(key: hash.hash(tool(field.tool).key, hash.hash(field.field)), value: field)
        fields[field] = keyed
        return keyed
    }

    private mutating func sources(_ provenance: Provenance) -> ([Keyed<ResultField>], [Keyed<ServerTool>]) {
        var fields: [Keyed<ResultField>] = []
        if !provenance.fields.isEmpty {
            for field in provenance.fields { fields.append(self.field(field)) }
            fields.sort { $0.key < $1.key }
        }
        var texts: [Keyed<ServerTool>] = []
        if !provenance.texts.isEmpty {
            for tool in provenance.texts { texts.append(self.tool(tool)) }
            texts.sort { $0.key < $1.key }
        }
        return (fields, texts)
    }

    private func abridged(_ text: String) -> (Keyed<String>, Bool) {
        let key = hash.hash(text)
        // Known by its hash alone, so that it never becomes a constant and is never shown.
        if SecretToken.isHeld(by: text) { return (Keyed(key: key, value: SecretToken.placeholder), true) }
        guard text.utf8.count > Self.longestText else { return (Keyed(key: key, value: text), false) }
        return (Keyed(key: key, value: String(text.unicodeScalars.prefix(80))), true)
    }

    /// More than these say nothing new: a value that so many sources show is no secret whisper.
    private static func few(_ readings: [UInt64]) -> [UInt64] {
        readings.count > 16 ? Array(readings.prefix(16)) : readings
    }

    private mutating func leaf(_ leaf: ObservedLeaf) -> TracedLeaf {
        let (fields, texts) = sources(leaf.provenance)
        let (value, isAbridged) = abridged(leaf.value.text)
        var entities: [TracedEntity] = []
        // A longer one can never become known, and what is not known is denied.
        for entity in leaf.entities
        where entity.value.text.utf8.count <= Self.longestText && !SecretToken.isHeld(by: entity.value.text) {
            let (fields, texts) = sources(entity.provenance)
            entities.append(
                TracedEntity(
                    valueClass: entity.value.valueClass,
                    value: abridged(entity.value.text).0,
                    prompt: entity.provenance.prompt,
                    fields: fields,
                    texts: texts,
                    readings: Self.few(entity.readings)
                )
            )
        }
        return TracedLeaf(
            argument: name(leaf.argument),
            path: name(leaf.path),
            valueClass: leaf.value.valueClass,
            value: value,
            isAbridged: isAbridged,
            number: leaf.number,
            prompt: leaf.provenance.prompt,
            fields: fields,
            texts: texts,
            entities: entities,
            length: leaf.length,
            readings: Self.few(leaf.readings)
        )
    }

    mutating func call(_ call: ObservedCall, _ context: CallContext) -> TracedCall {
        let arguments = call.arguments.map { name($0) }
        var leaves: [TracedLeaf] = []
        leaves.reserveCapacity(call.leaves.count)
        let observed = call.leaves.span
        for at in observed.indices { leaves.append(leaf(observed[at])) }
        var lists: [(argument: Int, count: Int)] = []
        if !call.listLengths.isEmpty {
            for (index, argument) in call.arguments.enumerated() {
                if let count = call.listLengths[argument] { lists.append((index, count)) }
            }
        }
        return TracedCall(
            tool: tool(call.tool),
            tier: call.tier,
            task: call.task.map { name($0) },
            definition: call.definition.map { name($0) },
            outcome: context.outcome ?? (call.succeeded ? .ok : .toolError),
            succeeded: call.succeeded,
            sequence: call.sequence,
            time: context.time.epochSeconds,
            pointer: context.pointer,
            arguments: arguments,
            leaves: leaves,
            lists: lists,
            reading: call.reading,
            result: call.resultDigest
        )
    }
}
