extension StandardFunction {
    /// Making optional values and taking them apart.
    func applyToOptionals(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        switch (self, arguments.count) {
        case (.optionalNone, 0): return .optional(nil)
        case (.optionalOf, 1): return .optional(arguments[0])
        case (.optionalOfNonZeroValue, 1): return .optional(arguments[0].isZero ? nil : arguments[0])
        default: break
        }
        guard case .optional(let wrapped)? = arguments.first else { throw meter.noOverload(rawValue, arguments) }
        switch (self, arguments.count) {
        case (.hasValue, 1): return .bool(wrapped != nil)
        case (.value, 1):
            guard let wrapped else { throw meter.error(.emptyOptional, "the optional value is empty") }
            return wrapped
        case (.orValue, 2): return wrapped ?? arguments[1]
        case (.or, 2):
            guard case .optional = arguments[1] else { throw meter.noOverload(rawValue, arguments) }
            return wrapped == nil ? arguments[1] : arguments[0]
        default: throw meter.noOverload(rawValue, arguments)
        }
    }
}
