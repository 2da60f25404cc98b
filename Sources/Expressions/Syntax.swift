/// An index into the nodes of one expression.
///
/// Nodes live in one array: a deep tree is freed without recursion, and side tables need no identity.
typealias NodeID = Int

struct Node: Sendable {
    var kind: Kind
    /// UTF-8 bytes of the source.
    var range: Range<Int>

    enum Kind: Sendable {
        case literal(Value)
        /// `isAbsolute`: written with a leading dot, so that neither container nor loop variables apply.
        case identifier(String, isAbsolute: Bool)
        case select(NodeID, field: String, fieldRange: Range<Int>, access: Access)
        case index(NodeID, NodeID, isOptional: Bool)
        case call(Call)
        case not(NodeID)
        case negate(NodeID)
        case binary(BinaryOperator, NodeID, NodeID)
        /// A whole chain of one operator, so that a long chain is no deep tree.
        case logical(isOr: Bool, [NodeID])
        case conditional(NodeID, NodeID, NodeID)
        case list([Element])
        case map([Entry])
        case message(String, [NodeID])
        case comprehension(Comprehension)
        case bind(name: String, value: NodeID, body: NodeID)
        case block([NodeID], body: NodeID)
        case optionalMap(NodeID, name: String, body: NodeID, isFlat: Bool)
    }

    enum Access: Sendable {
        case plain
        case optional
        /// Inside `has()`.
        case test
    }

    struct Element: Sendable {
        var value: NodeID
        var isOptional: Bool
    }

    struct Entry: Sendable {
        var key: NodeID
        var value: NodeID
        var isOptional: Bool
    }

    struct Call: Sendable {
        var name: String
        var nameRange: Range<Int>
        var target: NodeID?
        var arguments: [NodeID]
        var isAbsolute = false
        /// The standard function of this name; the target is its first argument.
        var function: StandardFunction?
        /// Where the target is a chain of names: the function that the whole chain may denote, such as `math.greatest`.
        var qualifiedName: String?
        var qualifiedFunction: StandardFunction?
    }

    struct Comprehension: Sendable {
        enum Kind: Sendable {
            case all
            case exists
            case existsOne
            case filter
            case map
            case transformMap
            case transformMapEntry
        }

        var kind: Kind
        var range: NodeID
        var names: [String]
        /// The condition of `all`, `exists`, `filter`, and the optional one of the transformations.
        var predicate: NodeID?
        var transform: NodeID?
    }
}

enum BinaryOperator: String, Sendable {
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
    case add = "+"
    case subtract = "-"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "=="
    case notEqual = "!="
    case contained = "in"
}

extension Node.Kind {
    /// The nodes directly below, in the order of the source.
    var children: [NodeID] {
        switch self {
        case .literal, .identifier: []
        case .select(let operand, _, _, _), .not(let operand), .negate(let operand): [operand]
        case .index(let left, let right, _), .binary(_, let left, let right): [left, right]
        case .call(let call): (call.target.map { [$0] } ?? []) + call.arguments
        case .logical(_, let operands): operands
        case .conditional(let condition, let first, let second): [condition, first, second]
        case .list(let elements): elements.map(\.value)
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .message(_, let values): values
        case .comprehension(let loop):
            [loop.range] + (loop.predicate.map { [$0] } ?? []) + (loop.transform.map { [$0] } ?? [])
        case .bind(_, let value, let body): [value, body]
        case .block(let values, let body): values + [body]
        case .optionalMap(let target, _, let body, _): [target, body]
        }
    }
}
