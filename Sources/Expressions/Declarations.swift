/// One way to call a function.
package struct Overload: Sendable, Hashable {
    /// For a method, the type of the target comes first.
    package let parameters: [CELType]
    package let result: CELType
    package let isMethod: Bool

    package static func function(_ parameters: [CELType], _ result: CELType) -> Overload {
        Overload(parameters: parameters, result: result, isMethod: false)
    }

    package static func method(_ parameters: [CELType], _ result: CELType) -> Overload {
        Overload(parameters: parameters, result: result, isMethod: true)
    }
}

/// What an expression may use, for the checker.
package struct Declarations: Sendable {
    package var variables: [String: CELType]
    /// Functions of the host.
    ///
    /// `CELType.parameter` in a signature stands for any one type.
    package var functions: [String: [Overload]]
    /// The namespace in which names are looked up first.
    package var container: String

    package init(
        variables: [String: CELType] = [:],
        functions: [String: [Overload]] = [:],
        container: String = ""
    ) {
        self.variables = variables
        self.functions = functions
        self.container = container
    }
}

extension StandardFunction {
    private static let a = CELType.parameter("A")
    private static let b = CELType.parameter("B")

    static let overloads: [String: [Overload]] = {
        let tables = [conversions, texts, times, optionals, numbers, addresses]
        return tables.reduce(into: [:]) { result, table in
            for (function, overloads) in table { result[function.rawValue, default: []] += overloads }
        }
    }()

    private static let conversions: [StandardFunction: [Overload]] = [
        .dyn: [.function([a], .dyn)],
        .type: [.function([a], .type(a))],
        .bool: to(.bool, from: [.bool, .string]),
        .int: to(.int, from: [.int, .uint, .double, .string, .timestamp, .duration]),
        .uint: to(.uint, from: [.uint, .int, .double, .string]),
        .double: to(.double, from: [.double, .int, .uint, .string]),
        .string: to(
            .string,
            from: [.string, .bool, .int, .uint, .double, .bytes, .timestamp, .duration, .address, .network]
        ),
        .bytes: to(.bytes, from: [.bytes, .string]),
        .timestamp: to(.timestamp, from: [.timestamp, .int, .string]),
        .duration: to(.duration, from: [.duration, .int, .string]),
        .base64Encode: to(.string, from: [.bytes]),
        .base64Decode: to(.bytes, from: [.string]),
    ]

    private static func to(_ result: CELType, from parameters: [CELType]) -> [Overload] {
        parameters.map { .function([$0], result) }
    }

    private static let texts: [StandardFunction: [Overload]] = {
        let sizes: [CELType] = [.string, .bytes, .list(a), .map(key: a, value: b)]
        let search: [Overload] = [.method([.string, .string], .bool)]
        let index: [Overload] = [.method([.string, .string], .int), .method([.string, .string, .int], .int)]
        let change: [Overload] = [.method([.string], .string)]
        return [
            .size: sizes.flatMap { [.function([$0], .int), .method([$0], .int)] },
            .contains: search, .startsWith: search, .endsWith: search,
            .matches: search + [.function([.string, .string], .bool)],
            .charAt: [.method([.string, .int], .string)],
            .indexOf: index, .lastIndexOf: index,
            .lowerAscii: change, .upperAscii: change, .trim: change, .reverse: change,
            .replace: [
                .method([.string, .string, .string], .string), .method([.string, .string, .string, .int], .string),
            ],
            .split: [
                .method([.string, .string], .list(.string)), .method([.string, .string, .int], .list(.string)),
            ],
            .substring: [.method([.string, .int], .string), .method([.string, .int, .int], .string)],
            .join: [.method([.list(.string)], .string), .method([.list(.string), .string], .string)],
            .format: [.method([.string, .list(.dyn)], .string)],
            .quote: [.function([.string], .string)],
        ]
    }()

    private static let times: [StandardFunction: [Overload]] = {
        let dates: [StandardFunction] = [
            .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getMonth,
        ]
        var table: [StandardFunction: [Overload]] = [:]
        for function in dates + [.getHours, .getMinutes, .getSeconds, .getMilliseconds] {
            table[function] = [.method([.timestamp], .int), .method([.timestamp, .string], .int)]
            if !dates.contains(function) { table[function]?.append(.method([.duration], .int)) }
        }
        return table
    }()

    private static let optionals: [StandardFunction: [Overload]] = [
        .optionalOf: [.function([a], .optional(a))],
        .optionalOfNonZeroValue: [.function([a], .optional(a))],
        .optionalNone: [.function([], .optional(a))],
        .hasValue: [.method([.optional(a)], .bool)],
        .value: [.method([.optional(a)], a)],
        .or: [.method([.optional(a), .optional(a)], .optional(a))],
        .orValue: [.method([.optional(a), a], a)],
    ]

    private static let numbers: [StandardFunction: [Overload]] = {
        let real: [Overload] = [.function([.double], .double)]
        let test: [Overload] = [.function([.double], .bool)]
        let same: [Overload] = [
            .function([.int], .int), .function([.uint], .uint), .function([.double], .double),
        ]
        let bits: [Overload] = [.function([.int, .int], .int), .function([.uint, .uint], .uint)]
        let shift: [Overload] = [.function([.int, .int], .int), .function([.uint, .int], .uint)]
        return [
            .ceil: real, .floor: real, .round: real, .trunc: real,
            .abs: same, .sign: same,
            .sqrt: [.function([.int], .double), .function([.uint], .double), .function([.double], .double)],
            .isNaN: test, .isInf: test, .isFinite: test,
            .bitAnd: bits, .bitOr: bits, .bitXor: bits,
            .bitNot: [.function([.int], .int), .function([.uint], .uint)],
            .bitShiftLeft: shift, .bitShiftRight: shift,
        ]
    }()

    private static let addresses: [StandardFunction: [Overload]] = {
        let test: [Overload] = [.method([.address], .bool)]
        return [
            .ip: [.function([.string], .address), .function([.address], .address), .method([.network], .address)],
            .cidr: [.function([.string], .network)],
            .isIP: [.function([.string], .bool)],
            .isCIDR: [.function([.string], .bool)],
            .ipIsCanonical: [.function([.string], .bool)],
            .family: [.method([.address], .int)],
            .isUnspecified: test, .isLoopback: test, .isGlobalUnicast: test, .isLinkLocalMulticast: test,
            .isLinkLocalUnicast: test,
            .containsIP: [.method([.network, .address], .bool), .method([.network, .string], .bool)],
            .containsCIDR: [.method([.network, .network], .bool), .method([.network, .string], .bool)],
            .masked: [.method([.network], .network)],
            .prefixLength: [.method([.network], .int)],
        ]
    }()

    /// The operators, under the names by which messages call them.
    static let operators: [String: [Overload]] = {
        let numeric: [Overload] = [
            .function([.int, .int], .int), .function([.uint, .uint], .uint), .function([.double, .double], .double),
        ]
        let ordered: [CELType] = [.bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration]
        let numbers: [CELType] = [.int, .uint, .double]
        let order: [Overload] =
            ordered.map { .function([$0, $0], .bool) }
            + numbers.flatMap { left in numbers.filter { $0 != left }.map { .function([left, $0], .bool) } }
        // Stricter than the evaluator, which compares any two values; numbers of different types are worth comparing.
        let equality: [Overload] =
            [.function([a, a], .bool)]
            + numbers.flatMap { left in numbers.filter { $0 != left }.map { .function([left, $0], .bool) } }
        return [
            "+": numeric + [
                .function([.string, .string], .string), .function([.bytes, .bytes], .bytes),
                .function([.list(a), .list(a)], .list(a)), .function([.timestamp, .duration], .timestamp),
                .function([.duration, .timestamp], .timestamp), .function([.duration, .duration], .duration),
            ],
            "-": numeric + [
                .function([.timestamp, .duration], .timestamp), .function([.timestamp, .timestamp], .duration),
                .function([.duration, .duration], .duration), .function([.int], .int), .function([.double], .double),
            ],
            "*": numeric, "/": numeric,
            "%": [.function([.int, .int], .int), .function([.uint, .uint], .uint)],
            "==": equality, "!=": equality,
            "<": order, "<=": order, ">": order, ">=": order,
            "in": [.function([a, .list(a)], .bool), .function([a, .map(key: a, value: b)], .bool)],
            "[]": [
                .function([.list(a), .int], a), .function([.map(key: a, value: b), a], b),
                .function([.optional(.list(a)), .int], .optional(a)),
                .function([.optional(.map(key: a, value: b)), a], .optional(b)),
            ],
            "[?]": [
                .function([.list(a), .int], .optional(a)), .function([.map(key: a, value: b), a], .optional(b)),
                .function([.optional(.list(a)), .int], .optional(a)),
                .function([.optional(.map(key: a, value: b)), a], .optional(b)),
            ],
            "?:": [.function([.bool, a, a], a)],
        ]
    }()
}
