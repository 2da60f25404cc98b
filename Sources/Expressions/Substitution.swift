/// What type parameters stand for in one run of the checker.
///
/// The rules are cel-go's (`checker/types.go`): a parameter takes the first type it meets and widens to `dyn` when a more
/// general one follows, independent of the order.
struct Substitution {
    private var bound: [String: CELType] = [:]
    private var count = 0
    /// Steps left.
    ///
    /// A type can name itself twice at each level of an expression, so that its full size is exponential.
    private var steps = 500_000

    /// Whether the answers have become guesses: everything fits, and everything is `dyn`.
    private(set) var isExhausted = false

    private mutating func spend() -> Bool {
        steps -= 1
        if steps < 0 { isExhausted = true }
        return !isExhausted
    }

    /// The overload with parameters that nothing else uses.
    mutating func instantiate(_ overload: Overload) -> Overload {
        count += 1
        let suffix = "#\(count)"
        return Overload(
            parameters: overload.parameters.map { Self.renamed($0, suffix) },
            result: Self.renamed(overload.result, suffix),
            isMethod: overload.isMethod
        )
    }

    mutating func fresh() -> CELType {
        count += 1
        return .parameter("#\(count)")
    }

    private static func renamed(_ type: CELType, _ suffix: String) -> CELType {
        if case .parameter(let name) = type { return .parameter(name + suffix) }
        return type.mapParameters { renamed($0, suffix) }
    }

    /// The type with everything known put in; parameters still free become `dyn` on request.
    mutating func apply(_ type: CELType, freeAsDyn: Bool = false) -> CELType {
        guard spend() else { return .dyn }
        if case .parameter(let name) = type {
            guard let found = bound[name] else { return freeAsDyn ? .dyn : type }
            return apply(found, freeAsDyn: freeAsDyn)
        }
        return type.mapParameters { apply($0, freeAsDyn: freeAsDyn) }
    }

    /// Whether values of the second type fit where the first is wanted, and the other way round; binds only on success.
    mutating func unify(_ pairs: [(CELType, CELType)]) -> Bool {
        let before = bound
        for (left, right) in pairs where !unify(left, right) {
            bound = before
            return false
        }
        return true
    }

    private mutating func unify(_ left: CELType, _ right: CELType) -> Bool {
        guard spend() else { return true }
        if case .parameter(let name) = right {
            let (fits, isBound) = bind(name, to: left)
            if fits { return true }
            if isBound { return false }
        }
        if case .parameter(let name) = left { return bind(name, to: right).fits }
        switch (left, right) {
        case (.dyn, _), (_, .dyn): return true
        case (.null, _): return right.isNullable
        case (_, .null): return left.isNullable
        case (.type, .type): return true
        case (.list(let left), .list(let right)), (.optional(let left), .optional(let right)):
            return unify(left, right)
        case (.map(let leftKey, let leftValue), .map(let rightKey, let rightValue)):
            return unify(leftKey, rightKey) && unify(leftValue, rightValue)
        case (.record, .record), (.record, .map), (.map, .record):
            return left == right || unify(left.asMap, right.asMap)
        case (.opaque(let leftName, let left), .opaque(let rightName, let right)):
            guard leftName == rightName, left.count == right.count else { return false }
            for (left, right) in zip(left, right) where !unify(left, right) { return false }
            return true
        default: return left == right
        }
    }

    private mutating func bind(_ name: String, to type: CELType) -> (fits: Bool, isBound: Bool) {
        if type == .parameter(name) { return (true, true) }
        guard let known = bound[name] else {
            guard !occurs(name, in: type) else { return (false, false) }
            bound[name] = type
            return (true, false)
        }
        if type == known { return (true, true) }
        guard unify(type, known) else { return (false, true) }
        let general = Self.moreGeneral(type, known)
        if !occurs(name, in: general) { bound[name] = general }
        return (true, true)
    }

    private mutating func occurs(_ name: String, in type: CELType) -> Bool {
        guard spend() else { return true }
        if case .parameter(let other) = type {
            if other == name { return true }
            guard let found = bound[other] else { return false }
            return occurs(name, in: found)
        }
        for parameter in type.parameters where occurs(name, in: parameter) { return true }
        return false
    }

    /// The type that two elements of one list share; `dyn` where they have nothing in common.
    mutating func join(_ left: CELType, _ right: CELType) -> CELType {
        unify([(left, right)]) ? Self.moreGeneral(left, right) : .dyn
    }

    private static func moreGeneral(_ left: CELType, _ right: CELType) -> CELType {
        isAtLeastAsGeneral(left, right) ? left : right
    }

    private static func isAtLeastAsGeneral(_ left: CELType, _ right: CELType) -> Bool {
        switch (left, right) {
        case (.dyn, _), (.parameter, _): return true
        case (_, .dyn), (_, .parameter): return false
        case (.type, .type): return true
        case (.list(let left), .list(let right)), (.optional(let left), .optional(let right)):
            return isAtLeastAsGeneral(left, right)
        case (.map(let leftKey, let leftValue), .map(let rightKey, let rightValue)):
            return isAtLeastAsGeneral(leftKey, rightKey) && isAtLeastAsGeneral(leftValue, rightValue)
        case (.map, .record): return true
        case (_, .null): return left.isNullable
        case (.opaque(let leftName, let left), .opaque(let rightName, let right)):
            return leftName == rightName && left.count == right.count
                && zip(left, right).allSatisfy { isAtLeastAsGeneral($0, $1) }
        default: return left == right
        }
    }
}

extension CELType {
    /// The types to which `null` may be compared or assigned, as in the checkers before optional values existed.
    var isNullable: Bool {
        switch self {
        case .null, .optional, .opaque, .timestamp, .duration, .address, .network, .record: true
        default: false
        }
    }

    /// A record as the map that it is at evaluation.
    var asMap: CELType {
        if case .record = self { return .map(key: .string, value: .dyn) }
        return self
    }

    func mapParameters(_ transform: (CELType) -> CELType) -> CELType {
        switch self {
        case .list(let element): .list(transform(element))
        case .map(let key, let value): .map(key: transform(key), value: transform(value))
        case .optional(let wrapped): .optional(transform(wrapped))
        case .type(let inner): .type(transform(inner))
        case .opaque(let name, let parameters): .opaque(name, parameters.map(transform))
        default: self
        }
    }
}
