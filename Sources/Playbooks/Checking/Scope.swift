import Core
import Documents
import Expressions

/// What the linter knows of a step that expressions refer to.
struct KnownStep {
    var id: String
    var position: Int
    var isFinal: Bool
    /// Nothing where the step calls something unknown: then every output may exist.
    var outputs: [(name: String, type: CELType)]?
    var isLoop: Bool

    static let fields: [(name: String, type: CELType)] = [
        ("status", .string), ("result", .string), ("actor", .string),
    ]

    var type: CELType {
        var fields = Dictionary(uniqueKeysWithValues: Self.fields.map { ($0.name, $0.type) })
        if let outputs {
            fields["outputs"] = .record(
                "outputs of \(id)",
                fields: Dictionary(
                    outputs.map { ($0.name, isLoop ? .map(key: .string, value: $0.type) : $0.type) },
                    uniquingKeysWith: { first, _ in first }
                )
            )
        } else {
            fields["outputs"] = .map(key: .string, value: .dyn)
        }
        return .record("step \(id)", fields: fields)
    }
}

/// The names of one document.
struct DocumentNames {
    var inputs: [String: CELType] = [:]
    /// The defaults of inputs as they are written.
    var defaults: [String: Node] = [:]
    var variables: [String: CELType] = [:]
    var secrets: Set<String> = []
    var steps: [String: KnownStep] = [:]
    /// Steps as they are written, valid or not, so that one mistake gives one diagnostic.
    var stepWords: [String] = []

    static let run: [(name: String, type: CELType)] = [
        ("id", .string), ("started_by", .string), ("started_at", .timestamp), ("playbook", .string),
        ("version", .string),
    ]
    static let exception: CELType = .record(
        "exception",
        fields: [
            "id": .string, "kind": .string, "scope": .string, "owner": .string, "reason": .string,
            "created": .string, "expires": .string,
        ]
    )
    static let phase: CELType = .record(
        "phase",
        fields: [
            "id": .string, "number": .int, "name": .string, "status": .string, "result": .string,
            "outputs": .map(key: .string, value: .dyn),
        ]
    )
    static let measurement: [(name: String, type: CELType)] = [
        ("last", .double), ("min", .double), ("max", .double), ("avg", .double), ("sum", .double), ("count", .double),
    ]
    static let functions: [String: [Overload]] = [
        "phase": [.function([.int], phase)],
        "days": [.function([.int], .duration)],
        "weeks": [.function([.int], .duration)],
        "coverage": [.function([.string, .list(.dyn)], .double)],
    ]
}

/// What an expression at one place may name.
struct Scope {
    /// Where the expression stands among the steps; nothing for outputs, which see all steps.
    enum Steps {
        case none
        case all
        /// Steps that are done before this one; `mayReadItself` where the step has run already.
        case before(position: Int, isFinal: Bool, mayReadItself: Bool)
    }

    var steps: Steps
    var hasVariables = true
    var loop: (name: String, type: CELType)?
    var metrics: [String]?
    var maySeeSecrets = false
    /// The outputs of the phase, in the exit gate of a roadmap.
    var phase: CELType?

    var roots: [String] {
        var roots = ["now", "run"]
        if phase != nil { roots.append("phase") } else { roots += ["inputs", "exceptions"] }
        if case .none = steps {} else { roots.append("steps") }
        if hasVariables, phase == nil { roots.append("vars") }
        if metrics != nil { roots.append("metrics") }
        if maySeeSecrets { roots.append("secrets") }
        if let loop { roots.append(loop.name) }
        return roots
    }
}
