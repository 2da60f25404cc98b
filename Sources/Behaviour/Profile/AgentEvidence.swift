package import Core
package import Traffic

/// What is known of one top-level argument: how often it is there at all.
package struct ArgumentEvidence: Sampled {
    package static let limit = 512
    package var name: String
    package var sessions = Tally()
    package var tasks = FewMembers()
    /// Numbers of elements, where the argument was a list.
    package var lists = Extremes()

    init(_ name: String) { self.name = name }

    package mutating func merge(_ other: ArgumentEvidence) {
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
        lists.merge(other.lists)
    }

    package var json: JSON.Value { .array([.string(name), Form.count(sessions.count), tasks.json, lists.json]) }

    package init?(json: JSON.Value) {
        guard let name = json[0]?.string, let sessions = Form.tally(json[1]),
            let tasks = json[2].flatMap(FewMembers.init(json:)), let lists = json[3].flatMap(Extremes.init(json:))
        else { return nil }
        self.name = name
        self.sessions = sessions
        self.tasks = tasks
        self.lists = lists
    }
}

/// The calls of one day, or those with one definition, or of one kind of end.
package struct CallCount: Sampled {
    package static let limit = 400
    package var name: String
    package var calls = 0
    /// Seconds since 1970.
    package var last = Int64.min

    init(_ name: String) { self.name = name }

    package mutating func merge(_ other: CallCount) {
        calls += other.calls
        last = max(last, other.last)
    }

    package var json: JSON.Value { .array([.string(name), Form.count(calls), .integer(last)]) }

    package init?(json: JSON.Value) {
        guard let name = json[0]?.string, let calls = Form.count(json[1]), let last = json[2]?.int else { return nil }
        self.name = name
        self.calls = calls
        self.last = last
    }
}

/// What one agent did with one tool; everything but `calls` and `outcomes` counts successful calls only.
package struct ToolEvidence: Sampled {
    package static let limit = 4_096

    package var tool: ServerTool
    package var tier: ToolTier
    package var calls = 0
    package var learned = 0
    package var outcomes: [CallRecord.Outcome: Int] = [:]
    package var sessions = Tally()
    package var tasks = DistinctCount()
    package var days = BottomK<CallCount>()
    package var definitions = BottomK<CallCount>()
    package var arguments = BottomK<ArgumentEvidence>()
    package var paths = BottomK<PathEvidence>()
    package var callsPerSession = Extremes()
    package var pointers = Pointers()

    init(_ tool: ServerTool, tier: ToolTier) {
        self.tool = tool
        self.tier = tier
    }

    mutating func note(_ call: TracedCall, session: UInt64, client: UInt64?) {
        calls += 1
        outcomes[call.outcome, default: 0] += 1
        tier = max(tier, call.tier)
        guard call.succeeded else { return }
        learned += 1
        sessions.note(session)
        if let task = call.task { tasks.insert(task.key) }
        days.update(CallCount.key(day: call.day), make: { CallCount(String(call.day)) }) {
            $0.calls += 1
            $0.last = max($0.last, call.time)
        }
        if let definition = call.definition {
            definitions.update(definition.key, make: { CallCount(definition.value) }) {
                $0.calls += 1
                $0.last = max($0.last, call.time)
            }
        }
        pointers.note(call)
        for argument in call.arguments {
            arguments.update(argument.key, make: { ArgumentEvidence(argument.value) }) {
                $0.sessions.note(session)
                if let task = call.task { $0.tasks.insert(task.key) }
            }
        }
        for list in call.lists {
            let argument = call.arguments[list.argument]
            arguments.update(argument.key, make: { ArgumentEvidence(argument.value) }) {
                $0.lists.note(Double(list.count), session: session)
            }
        }
        for leaf in call.leaves {
            let make = { PathEvidence(path: leaf.path.value, argument: leaf.argument.value) }
            paths.update(leaf.path.key, make: make) { $0.note(leaf, call, session: session, client: client) }
        }
    }

    package mutating func merge(_ other: ToolEvidence) {
        tier = max(tier, other.tier)
        calls += other.calls
        learned += other.learned
        outcomes.merge(other.outcomes, uniquingKeysWith: +)
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
        days.merge(other.days)
        definitions.merge(other.definitions)
        arguments.merge(other.arguments)
        paths.merge(other.paths)
        callsPerSession.merge(other.callsPerSession)
        pointers.merge(other.pointers)
    }

    package var json: JSON.Value {
        var object = rest.object ?? [:]
        object["days"] = days.json
        object["definitions"] = definitions.json
        object["arguments"] = arguments.json
        object["paths"] = paths.json
        return .object(object)
    }

    package func write(to bytes: inout [UInt8]) {
        let parts: [String: (inout [UInt8]) -> Void] = [
            "days": { days.write(to: &$0) }, "definitions": { definitions.write(to: &$0) },
            "arguments": { arguments.write(to: &$0) }, "paths": { paths.write(to: &$0) },
        ]
        MemberWriter.write(rest, parts, to: &bytes)
    }

    /// What is small of it.
    private var rest: JSON.Value {
        [
            "tool": Form.tool(tool), "tier": .string(tier.rawValue), "calls": Form.count(calls),
            "learned": Form.count(learned),
            "outcomes": .object(JSON.Object(outcomes.map { ($0.key.rawValue, Form.count($0.value)) })),
            "sessions": Form.count(sessions.count), "tasks": tasks.json,
            "callsPerSession": callsPerSession.json, "pointers": pointers.json,
        ]
    }

    package init?(json: JSON.Value) {
        guard let tool = Form.tool(json["tool"]), let tier = json["tier"]?.string.flatMap(ToolTier.init(rawValue:)),
            let calls = Form.count(json["calls"]), let learned = Form.count(json["learned"]),
            let ends = json["outcomes"]?.object, let sessions = Form.tally(json["sessions"]),
            let tasks = json["tasks"].flatMap(DistinctCount.init(json:)),
            let days = json["days"].flatMap(BottomK<CallCount>.init(json:)),
            let definitions = json["definitions"].flatMap(BottomK<CallCount>.init(json:)),
            let arguments = json["arguments"].flatMap(BottomK<ArgumentEvidence>.init(json:)),
            let paths = json["paths"].flatMap(BottomK<PathEvidence>.init(json:)),
            let callsPerSession = json["callsPerSession"].flatMap(Extremes.init(json:)),
            let pointers = json["pointers"].flatMap(Pointers.init(json:))
        else { return nil }
        for end in ends {
            guard let outcome = CallRecord.Outcome(rawValue: end.key), let count = Form.count(end.value) else {
                return nil
            }
            outcomes[outcome] = count
        }
        self.tool = tool
        self.tier = tier
        self.calls = calls
        self.learned = learned
        self.sessions = sessions
        self.tasks = tasks
        self.days = days
        self.definitions = definitions
        self.arguments = arguments
        self.paths = paths
        self.callsPerSession = callsPerSession
        self.pointers = pointers
    }
}

extension CallCount {
    /// Spreads days evenly; there is nothing in a day that anybody could choose.
    static func key(day: Int64) -> UInt64 {
        UInt64(bitPattern: day &+ 1) &* 0x9E37_79B9_7F4A_7C15
    }
}

/// An identity that the agent handed to tools other than reads, as an argument or inside a text.
package struct IdentityEvidence: Sampled {
    package static let limit = 16_384

    package var value: CanonicalValue
    /// Keyed hash of the text alone.
    package var text: UInt64
    package var explained = Tally()
    package var unexplained = Tally()
    package var textOnly = Tally()
    package var tasks = FewMembers()
    /// Whether it was a whole argument at least once, not only named inside a text.
    package var isParty = false

    init(_ value: CanonicalValue, text: UInt64) {
        self.value = value
        self.text = text
    }

    package mutating func merge(_ other: IdentityEvidence) {
        explained.merge(other.explained)
        unexplained.merge(other.unexplained)
        textOnly.merge(other.textOnly)
        tasks.merge(other.tasks)
        isParty = isParty || other.isParty
    }

    package var json: JSON.Value {
        .array([
            .string(value.valueClass.rawValue), .string(value.text), Form.count(explained.count),
            Form.count(unexplained.count), Form.count(textOnly.count), tasks.json, .bool(isParty),
            Form.hash(self.text),
        ])
    }

    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        JSON.append(text: value.valueClass.rawValue, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(text: value.text, to: &bytes)
        for tally in [explained, unexplained, textOnly] {
            bytes.append(UInt8(ascii: ","))
            Form.append(count: tally.count, to: &bytes)
        }
        bytes.append(UInt8(ascii: ","))
        tasks.write(to: &bytes)
        bytes.append(UInt8(ascii: ","))
        JSON.append(.bool(isParty), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Form.append(hash: text, to: &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    package init?(json: JSON.Value) {
        guard let valueClass = json[0]?.string.flatMap(ValueClass.init(rawValue:)), let spelling = json[1]?.string,
            let explained = Form.tally(json[2]), let unexplained = Form.tally(json[3]),
            let textOnly = Form.tally(json[4]), let tasks = json[5].flatMap(FewMembers.init(json:)),
            let isParty = json[6]?.bool, let text = Form.hash(json[7])
        else { return nil }
        value = CanonicalValue(valueClass, spelling)
        self.text = text
        self.explained = explained
        self.unexplained = unexplained
        self.textOnly = textOnly
        self.tasks = tasks
        self.isParty = isParty
    }
}

/// What one agent did.
package struct AgentEvidence: Sampled {
    package static let limit = 1_024

    package var principal: String
    package var sessions = Tally()
    package var tasks = DistinctCount()
    package var clients = DistinctCount()
    package var tools = BottomK<ToolEvidence>()
    package var identities = BottomK<IdentityEvidence>()

    init(_ principal: String) { self.principal = principal }

    /// Folds one session; `number` is new for each.
    mutating func note(_ trace: SessionTrace, number: UInt64, hash: KeyedHash) {
        sessions.note(number)
        let client = trace.client?.key
        if let client { clients.insert(client) }
        var calls: [UInt64: (tool: Keyed<ServerTool>, tier: ToolTier, count: Int)] = [:]
        for call in trace.calls {
            if let task = call.task { tasks.insert(task.key) }
            calls[call.tool.key, default: (call.tool, call.tier, 0)].count += 1
            tools.update(call.tool.key, make: { ToolEvidence(call.tool.value, tier: call.tier) }) {
                $0.note(call, session: number, client: client)
            }
            guard call.succeeded, call.tier != .read else { continue }
            for leaf in call.leaves {
                if leaf.valueClass.isIdentity, !leaf.isAbridged {
                    note(
                        leaf.valueClass,
                        leaf.value,
                        leaf.prompt,
                        isTextOnly: leaf.isTextOnly,
                        isParty: true,
                        call,
                        number,
                        hash
                    )
                }
                for entity in leaf.entities {
                    note(
                        entity.valueClass,
                        entity.value,
                        entity.prompt,
                        isTextOnly: entity.isTextOnly,
                        isParty: false,
                        call,
                        number,
                        hash
                    )
                }
            }
        }
        for (key, seen) in calls {
            tools.update(key, make: { ToolEvidence(seen.tool.value, tier: seen.tier) }) {
                $0.callsPerSession.note(Double(seen.count), session: number)
            }
        }
    }

    private mutating func note(
        _ valueClass: ValueClass,
        _ value: Keyed<String>,
        _ prompt: PromptSource,
        isTextOnly: Bool,
        isParty: Bool,
        _ call: TracedCall,
        _ session: UInt64,
        _ hash: KeyedHash
    ) {
        let key = hash.hash(value.key, UInt64(valueClass.bit))
        identities.update(key, make: { IdentityEvidence(CanonicalValue(valueClass, value.value), text: value.key) }) {
            if prompt == .exact {
                $0.explained.note(session)
            } else {
                $0.unexplained.note(session)
                if isTextOnly { $0.textOnly.note(session) }
            }
            if let task = call.task { $0.tasks.insert(task.key) }
            if isParty { $0.isParty = true }
        }
    }

    package mutating func merge(_ other: AgentEvidence) {
        sessions.merge(other.sessions)
        tasks.merge(other.tasks)
        clients.merge(other.clients)
        tools.merge(other.tools)
        identities.merge(other.identities)
    }

    package var json: JSON.Value {
        var object = rest.object ?? [:]
        object["tools"] = tools.json
        object["identities"] = identities.json
        return .object(object)
    }

    package func write(to bytes: inout [UInt8]) {
        MemberWriter.write(
            rest,
            ["tools": { tools.write(to: &$0) }, "identities": { identities.write(to: &$0) }],
            to: &bytes
        )
    }

    /// What is small of it.
    private var rest: JSON.Value {
        [
            "principal": .string(principal), "sessions": Form.count(sessions.count), "tasks": tasks.json,
            "clients": clients.json,
        ]
    }

    package init?(json: JSON.Value) {
        guard let principal = json["principal"]?.string, let sessions = Form.tally(json["sessions"]),
            let tasks = json["tasks"].flatMap(DistinctCount.init(json:)),
            let clients = json["clients"].flatMap(DistinctCount.init(json:)),
            let tools = json["tools"].flatMap(BottomK<ToolEvidence>.init(json:)),
            let identities = json["identities"].flatMap(BottomK<IdentityEvidence>.init(json:))
        else { return nil }
        self.principal = principal
        self.sessions = sessions
        self.tasks = tasks
        self.clients = clients
        self.tools = tools
        self.identities = identities
    }
}
