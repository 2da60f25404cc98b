import Core
import Wire

/// A server of the Lab as data: what it offers, how it is reached, and the truth about it.
struct Blueprint: Sendable {
    /// How answers to POST are framed, or which older transport is spoken instead.
    enum Front: Sendable {
        case streamableHTTP(answersAsEvents: Bool)
        /// The two addresses of 2024-11-05.
        case eventStream
    }

    /// The change that a drifting server makes to one of its tools.
    struct Drift: Sendable {
        var tool: String
        /// The whole definition that takes the place of the old one.
        var definition: JSON.Object
    }

    /// Something that answers as JSON-RPC should, until it is asked for its tools.
    typealias Sabotage = @Sendable (JSONRPC.Request) -> HTTPReply

    var name: String
    var title: String
    var version = "1.0.0"
    var instructions: String?
    var owner: String
    var revisions: Set<ProtocolRevision>
    var front: Front = .streamableHTTP(answersAsEvents: false)
    /// Whether legacy conversations get an `Mcp-Session-Id` and are refused without it.
    var hasSessions = true
    /// The bearer token without which every call is answered 401.
    var token: String?
    var isTLS = false
    var isPoisoned = false
    var drift: Drift?
    var pageSize = 100
    var tools: [LabTool]
    var prompts: [LabPrompt] = []
    var resources: [LabResource] = []
    var resourceTemplates: [JSON.Object] = []
    var sabotage: Sabotage?

    var legacyRevisions: [ProtocolRevision] {
        revisions.filter { $0.era == .legacy }.sorted(by: >)
    }

    var modernRevisions: [ProtocolRevision] {
        revisions.filter { $0.era == .modern }.sorted(by: >)
    }
}

/// A tool: its definition as text, so that it reads like what is on the wire, and what it does.
struct LabTool: Sendable {
    typealias Action = @Sendable (JSON.Object) throws(ToolFailure) -> JSON.Value

    var definition: JSON.Object
    var action: Action

    init(_ definition: String, action: @escaping Action) {
        self.definition = JSON.Object(labText: definition)
        self.action = action
    }

    var name: String { definition["name"]?.string ?? "" }
}

/// What a tool says when it cannot do what it was asked; the model gets to read it.
struct ToolFailure: Error {
    var message: String

    init(_ message: String) {
        self.message = message
    }
}

struct LabPrompt: Sendable {
    var definition: JSON.Object
    /// The text with `{argument}` for each argument.
    var text: String

    init(_ definition: String, text: String) {
        self.definition = JSON.Object(labText: definition)
        self.text = text
    }
}

struct LabResource: Sendable {
    var definition: JSON.Object
    var text: String

    init(_ definition: String, text: String) {
        self.definition = JSON.Object(labText: definition)
        self.text = text
    }
}

extension JSON.Object {
    /// An object written in the Lab's own source.
    init(labText text: String) {
        guard let object = try? JSON.parse(text).object else {
            preconditionFailure("a definition of the Lab is not a JSON object: \(text.prefix(60))")
        }
        self = object
    }

    func text(_ key: String) -> String { self[key]?.string ?? "" }
    func number(_ key: String, default fallback: Int64 = 0) -> Int64 { self[key]?.int ?? fallback }
}

/// Repeatable numbers: the same seed gives the same estate (SplitMix64, Steele, Lea and Flood 2014).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
