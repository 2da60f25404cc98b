/// What kind of value an argument holds; decides how far it may ever be generalised.
///
/// The first three and `phone` are identities: they name a party outside, and are never widened to a bare format.
package enum ValueClass: String, Sendable, CaseIterable, Hashable, Comparable {
    case email, url, account
    case path
    /// At most 64 characters without white space: an id, a code, a name.
    case token
    /// At most 60 characters on one line.
    case short
    /// Any longer text.
    case free
    case date, number, boolean
    /// JSON null, an empty text, an empty list or an empty object: as good as absent.
    case empty
    /// The token that stands for a credential, see `SecretToken`.
    case secret
    /// A telephone number, see `PhoneNumber`.
    case phone

    package var isIdentity: Bool { self == .email || self == .url || self == .account || self == .phone }

    package static func < (a: ValueClass, b: ValueClass) -> Bool { a.rawValue < b.rawValue }
}

/// A value in the one form in which mining and deciding compare values.
package struct CanonicalValue: Sendable, Hashable, Comparable {
    package var valueClass: ValueClass
    package var text: String

    package init(_ valueClass: ValueClass, _ text: String) {
        self.valueClass = valueClass
        self.text = text
    }

    /// By the text alone: few texts have two classes, and a class is a name that would be hashed as well.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    package static func < (a: CanonicalValue, b: CanonicalValue) -> Bool {
        (a.valueClass, a.text) < (b.valueClass, b.text)
    }
}

/// A tool of a server.
package struct ServerTool: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var server: String
    package var tool: String

    package init(server: String, tool: String) {
        self.server = server
        self.tool = tool
    }

    package var description: String { "\(server)/\(tool)" }

    package static func < (a: ServerTool, b: ServerTool) -> Bool { (a.server, a.tool) < (b.server, b.tool) }
}

/// A structured field of a tool's results, for example `/items/*/email`; positions are `*`, keys that are data are `#key`.
package struct ResultField: Sendable, Hashable, Comparable {
    package var tool: ServerTool
    package var field: String

    package init(tool: ServerTool, field: String) {
        self.tool = tool
        self.field = field
    }

    package static func < (a: ResultField, b: ResultField) -> Bool { (a.tool, a.field) < (b.tool, b.field) }
}

/// How the user's own words explain a value.
package enum PromptSource: String, Sendable, Comparable {
    case none
    /// The request names the host, not the whole value; of an address of mail, another one at its domain does not count.
    case host
    /// The request holds the whole value, as whole words; of a date, it names the day in whatever notation.
    case exact

    package static func < (a: PromptSource, b: PromptSource) -> Bool { a.rank < b.rank }
    private var rank: Int { self == .exact ? 2 : self == .host ? 1 : 0 }
}

/// Where a value can have come from, by what the session had seen before the call.
package struct Provenance: Sendable, Hashable {
    package var prompt: PromptSource
    /// Structured fields of earlier results that equal the whole value.
    package var fields: Set<ResultField>
    /// Tools whose earlier results hold the value as whole words of their text.
    package var texts: Set<ServerTool>

    package init(prompt: PromptSource = .none, fields: Set<ResultField> = [], texts: Set<ServerTool> = []) {
        self.prompt = prompt
        self.fields = fields
        self.texts = texts
    }

    /// Known from nothing but the free text of earlier results: what injected instructions look like.
    package var isTextOnly: Bool { prompt != .exact && fields.isEmpty && !texts.isEmpty }
    /// The agent composed the value itself, as far as anybody can see.
    package var isComposed: Bool { prompt == .none && fields.isEmpty && texts.isEmpty }
}

/// An identity inside a longer text.
package struct ObservedEntity: Sendable, Hashable {
    package var value: CanonicalValue
    package var provenance: Provenance
    /// As in `ObservedLeaf.readings`.
    package var readings: [UInt64]

    package init(value: CanonicalValue, provenance: Provenance, readings: [UInt64] = []) {
        self.value = value
        self.provenance = provenance
        self.readings = readings
    }
}

/// One scalar of a call's arguments.
package struct ObservedLeaf: Sendable, Hashable {
    /// Top-level name of the argument, with `~` and `/` written as in RFC 6901.
    package var argument: String
    /// The argument's name and the way down: `recipients`, `attachments/type`.
    ///
    /// List positions leave no trace, so that a single
    /// value and a list of one are the same path.
    package var path: String
    package var value: CanonicalValue
    /// The number, for class `number`.
    package var number: Double?
    package var provenance: Provenance
    package var entities: [ObservedEntity]
    /// Of the text as it was sent, in Unicode scalars; 0 for what is no text.
    package var length: Int
    /// Number of words; a copied phrase of several words is a trace, a copied single word is not.
    package var words: Int
    /// For a value known from text only: the readings of this session whose text holds it, as `ObservedCall.reading`.
    ///
    /// Together with `ObservedCall.resultDigest` this tells what only a minority of the readings of one source shows.
    package var readings: [UInt64]

    package init(
        argument: String,
        path: String,
        value: CanonicalValue,
        number: Double? = nil,
        provenance: Provenance = Provenance(),
        entities: [ObservedEntity] = [],
        length: Int = 0,
        words: Int = 0,
        readings: [UInt64] = []
    ) {
        self.argument = argument
        self.path = path
        self.value = value
        self.number = number
        self.provenance = provenance
        self.entities = entities
        self.length = length
        self.words = words
        self.readings = readings
    }
}

/// What a tool can do, and so how far a rule about it may reach.
package enum ToolTier: String, Sendable, CaseIterable, Comparable {
    /// Reads what the server itself holds.
    case read
    /// Reads what anybody may have written, and tells the outside what was asked: an egress path.
    case openRead = "open-read"
    case write
    /// Cannot be undone: deletes, pays, revokes.
    case destructive

    package static func < (a: ToolTier, b: ToolTier) -> Bool { a.rank < b.rank }
    private var rank: Int {
        switch self {
        case .read: 0
        case .openRead: 1
        case .write: 2
        case .destructive: 3
        }
    }
}

/// A call as mining and deciding see it: the same code computes it from a recording and on the wire.
package struct ObservedCall: Sendable {
    package var session: String
    package var sequence: Int64
    package var principal: String
    package var client: String?
    package var task: String?
    package var tool: ServerTool
    package var definition: String?
    package var tier: ToolTier
    package var succeeded: Bool
    /// Top-level arguments that were sent, with a value or empty; named as in `ObservedLeaf.argument`.
    package var arguments: [String]
    package var leaves: [ObservedLeaf]
    /// Number of elements of each list argument.
    package var listLengths: [String: Int]
    /// How often the session called this tool before, whatever became of it.
    package var earlierCalls: Int
    /// Digest of the tool and its canonical arguments: calls with the same one read the same source.
    package var reading: UInt64
    /// Digest of what the call returned, stable across processes; 0 where nothing is known of it.
    package var resultDigest: UInt64
    /// The arguments were deeper or more than is looked at: a decision denies, whatever the leaves say.
    package var exceedsLimits: Bool
    /// The recording does not hold the arguments, which does not mean that none were sent: nothing is learned from such a
    /// call, and it is not allowed.
    package var lacksArguments: Bool
    /// Earlier results were too many or too long to be kept: what seems composed may come from one of them.
    package var isEvidencePartial: Bool

    package init(
        session: String,
        sequence: Int64,
        principal: String,
        client: String? = nil,
        task: String? = nil,
        tool: ServerTool,
        definition: String? = nil,
        tier: ToolTier,
        succeeded: Bool,
        arguments: [String],
        leaves: [ObservedLeaf],
        listLengths: [String: Int] = [:],
        earlierCalls: Int = 0,
        reading: UInt64 = 0,
        resultDigest: UInt64 = 0,
        exceedsLimits: Bool = false,
        lacksArguments: Bool = false,
        isEvidencePartial: Bool = false
    ) {
        self.session = session
        self.sequence = sequence
        self.principal = principal
        self.client = client
        self.task = task
        self.tool = tool
        self.definition = definition
        self.tier = tier
        self.succeeded = succeeded
        self.arguments = arguments
        self.leaves = leaves
        self.listLengths = listLengths
        self.earlierCalls = earlierCalls
        self.reading = reading
        self.resultDigest = resultDigest
        self.exceedsLimits = exceedsLimits
        self.lacksArguments = lacksArguments
        self.isEvidencePartial = isEvidencePartial
    }
}
