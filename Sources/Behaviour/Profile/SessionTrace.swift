package import Core
package import Traffic

/// A name with its keyed hash, so that it is hashed once and compared as a number.
package struct Keyed<Value: Sendable>: Sendable {
    package var key: UInt64
    package var value: Value

    package init(key: UInt64, value: Value) {
        self.key = key
        self.value = value
    }
}

/// What one agent did in one session, as small as mining allows.
package struct SessionTrace: Sendable {
    /// Keyed hash of the session and the principal.
    package var key: UInt64
    package var session: String
    package var principal: Keyed<String>
    package var client: Keyed<String>?
    package var calls: [TracedCall]
    /// Whether calls are missing at the end.
    package var isCut: Bool

    package init(
        key: UInt64,
        session: String,
        principal: Keyed<String>,
        client: Keyed<String>? = nil,
        calls: [TracedCall] = [],
        isCut: Bool = false
    ) {
        self.key = key
        self.session = session
        self.principal = principal
        self.client = client
        self.calls = calls
        self.isCut = isCut
    }

    /// The size for the sample's budget: calls, values and entities.
    package var cost: Int { calls.reduce(1) { $0 + $1.cost } }
}

/// One call, kept once however many look at it: there are thousands, and each is made of many names.
package final class TracedCall: Sendable {
    package let tool: Keyed<ServerTool>
    package let tier: ToolTier
    package let task: Keyed<String>?
    package let definition: Keyed<String>?
    package let outcome: CallRecord.Outcome
    package let succeeded: Bool
    package let sequence: Int64
    /// Seconds since 1970.
    package let time: Int64
    package let pointer: EvidencePointer?
    /// As `Pointers.key` of the pointer; 0 where there is none.
    let pointerKey: UInt64
    package let arguments: [Keyed<String>]
    package let leaves: [TracedLeaf]
    /// By position in `arguments`.
    package let lists: [(argument: Int, count: Int)]
    package let reading: UInt64
    /// Digest of the result; 0 where it is not known.
    package let result: UInt64

    /// Calls, arguments, values and entities, as `SessionTrace.cost` counts them.
    package let cost: Int

    package init(
        tool: Keyed<ServerTool>,
        tier: ToolTier,
        task: Keyed<String>?,
        definition: Keyed<String>?,
        outcome: CallRecord.Outcome,
        succeeded: Bool,
        sequence: Int64,
        time: Int64,
        pointer: EvidencePointer?,
        arguments: [Keyed<String>],
        leaves: [TracedLeaf],
        lists: [(argument: Int, count: Int)],
        reading: UInt64,
        result: UInt64
    ) {
        self.tool = tool
        self.tier = tier
        self.task = task
        self.definition = definition
        self.outcome = outcome
        self.succeeded = succeeded
        self.sequence = sequence
        self.time = time
        self.pointer = pointer
        pointerKey = pointer.map { Pointers.key(of: $0) } ?? 0
        self.arguments = arguments
        self.leaves = leaves
        self.lists = lists
        self.reading = reading
        self.result = result
        cost = leaves.reduce(1 + arguments.count) { $0 + 1 + $1.entities.count }
    }

    package var day: Int64 { time / 86_400 - (time % 86_400 < 0 ? 1 : 0) }
}

/// One value of a call, kept once however many look at it.
package final class TracedLeaf: Sendable {
    package let argument: Keyed<String>
    package let path: Keyed<String>
    package let valueClass: ValueClass
    /// The key is that of the whole text, also where the text is abridged.
    package let value: Keyed<String>
    package let isAbridged: Bool
    package let number: Double?
    package let prompt: PromptSource
    package let fields: [Keyed<ResultField>]
    package let texts: [Keyed<ServerTool>]
    package let entities: [TracedEntity]
    package let length: Int
    /// Readings of this session whose text holds the value, where nothing else explains it.
    package let readings: [UInt64]

    package init(
        argument: Keyed<String>,
        path: Keyed<String>,
        valueClass: ValueClass,
        value: Keyed<String>,
        isAbridged: Bool,
        number: Double?,
        prompt: PromptSource,
        fields: [Keyed<ResultField>],
        texts: [Keyed<ServerTool>],
        entities: [TracedEntity],
        length: Int,
        readings: [UInt64]
    ) {
        self.argument = argument
        self.path = path
        self.valueClass = valueClass
        self.value = value
        self.isAbridged = isAbridged
        self.number = number
        self.prompt = prompt
        self.fields = fields
        self.texts = texts
        self.entities = entities
        self.length = length
        self.readings = readings
    }

    package var isTextOnly: Bool { prompt != .exact && fields.isEmpty && !texts.isEmpty }
    package var isEmpty: Bool { valueClass == .empty }
}

package struct TracedEntity: Sendable {
    package var valueClass: ValueClass
    package var value: Keyed<String>
    package var prompt: PromptSource
    package var fields: [Keyed<ResultField>]
    package var texts: [Keyed<ServerTool>]
    package var readings: [UInt64]

    package var isTextOnly: Bool { prompt != .exact && fields.isEmpty && !texts.isEmpty }
}

/// The recorded call in which something was seen, however the recording was cut into files.
package struct EvidencePointer: Sendable, Hashable, Comparable {
    package var session: String
    package var sequence: Int64

    package init(session: String, sequence: Int64) {
        self.session = session
        self.sequence = sequence
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.session == b.session ? a.sequence < b.sequence : precedes(a.session, b.session)
    }
}

/// What the observed call itself does not say.
package struct CallContext: Sendable {
    package var time: Timestamp
    /// Nil: as the observed call says, done or failed.
    package var outcome: CallRecord.Outcome?
    package var pointer: EvidencePointer?
    /// The text of the result, where it was recorded.
    ///
    /// Only keyed hashes of its words are kept, to tell a value that a source always shows from one that somebody
    /// slipped in.
    package var resultText: String?
    /// Whether a text that was not recorded read like instructions.
    package var isInstructing = false

    package init(
        time: Timestamp = Timestamp(seconds: 0),
        outcome: CallRecord.Outcome? = nil,
        pointer: EvidencePointer? = nil,
        resultText: String? = nil
    ) {
        self.time = time
        self.outcome = outcome
        self.pointer = pointer
        self.resultText = resultText
    }

    package init(_ record: borrowing CallRecord) {
        self.init(
            time: record.time,
            outcome: record.outcome,
            pointer: EvidencePointer(session: record.session, sequence: record.sequence),
            resultText: record.result?.text
        )
        isInstructing = record.marksInstructions
    }
}
