/// A type of the expression language, as the checker deduces it and as `type(x)` shows it.
///
/// `record` is ours: a map whose keys are known before the evaluation, so that a misspelt step or output is found by the
/// checker. At evaluation such a value is an ordinary map.
package indirect enum CELType: Sendable, Hashable {
    case dyn
    case null
    case bool
    case int
    case uint
    case double
    case string
    case bytes
    case timestamp
    case duration
    case address
    case network
    case list(CELType)
    case map(key: CELType, value: CELType)
    case optional(CELType)
    case type(CELType)
    case record(String, fields: [String: CELType])
    case opaque(String, [CELType])
    case parameter(String)

    /// The name that `type(x)` denotes at run time, without parameters: `list`, `google.protobuf.Timestamp`.
    package var name: String {
        switch self {
        case .dyn: "dyn"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .address: "net.IP"
        case .network: "net.CIDR"
        case .list: "list"
        case .map, .record: "map"
        case .optional: "optional_type"
        case .type: "type"
        case .opaque(let name, _): name
        case .parameter(let name): name
        }
    }

    /// The types that an expression can name, such as `int` in `type(x) == int`.
    static let denotations: [String: CELType] = {
        let named: [CELType] = [
            .null, .bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration, .address, .network, .list(.dyn),
            .map(key: .dyn, value: .dyn), .optional(.dyn), .type(.dyn),
        ]
        return Dictionary(named.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }()

    /// Every type of which a value can be, directly inside this one.
    var parameters: [CELType] {
        switch self {
        case .list(let element): [element]
        case .map(let key, let value): [key, value]
        case .optional(let wrapped): [wrapped]
        case .type(let inner): [inner]
        case .opaque(_, let parameters): parameters
        default: []
        }
    }
}

extension CELType: CustomStringConvertible {
    /// The spelling that people read in a message: `list(int)`, `map(string, dyn)`.
    package var description: String {
        switch self {
        case .timestamp: return "timestamp"
        case .duration: return "duration"
        case .null: return "null"
        case .record(let name, _): return name
        default:
            let inner = parameters
            return inner.isEmpty ? name : "\(name)(\(inner.map(\.description).joined(separator: ", ")))"
        }
    }
}
