/// Why a text is no expression: the first fault, with its place.
package struct ExpressionError: Error, Sendable, Hashable {
    /// Stable codes; the raw values are printed and never reworded.
    package enum Code: String, Sendable {
        case syntax = "expression.syntax"
        case literal = "expression.literal"
        case macro = "expression.macro"
        case tooDeep = "expression.too-deep"
        case tooLong = "expression.too-long"
    }

    package let code: Code
    package let message: String
    /// Where the fault begins, in UTF-8 bytes from the start of the source.
    package let offset: Int
    /// How many bytes of the source are at fault; 0 at the end of the source.
    package let length: Int

    init(_ code: Code, _ message: String, at range: Range<Int>) {
        self.code = code
        self.message = message
        offset = range.lowerBound
        length = range.count
    }
}

/// Why a valid expression has no value.
package struct EvaluationError: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        case undeclaredReference = "undeclared_reference"
        case undeclaredFunction = "undeclared_function"
        case noSuchField = "no_such_field"
        case noSuchKey = "no_such_key"
        case noSuchOverload = "no_such_overload"
        case divisionByZero = "division_by_zero"
        case overflow
        case indexOutOfRange = "index_out_of_range"
        case invalidArgument = "invalid_argument"
        case invalidConversion = "invalid_conversion"
        case invalidPattern = "invalid_pattern"
        case unknownZone = "unknown_zone"
        case duplicateKey = "duplicate_key"
        case unsupportedKeyType = "unsupported_key_type"
        case emptyOptional = "empty_optional"
        case hostFunction = "host_function"
        case costLimit = "cost_limit"
        case recursionLimit = "recursion_limit"
    }

    package let code: Code
    package let message: String
    /// The part of the source that failed, in UTF-8 bytes from its start.
    package let offset: Int

    package init(_ code: Code, _ message: String, offset: Int = 0) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    /// Whether `||`, `&&` and macros must pass the error on although another operand decides.
    ///
    /// A limit is about the evaluation, not about a value: if `x || true` could hide it, the limit would be no limit.
    var isLimit: Bool { code == .costLimit || code == .recursionLimit }
}

/// One fault that the checker found in a valid expression.
package struct ExpressionIssue: Sendable, Hashable {
    package enum Code: String, Sendable {
        case undeclared = "expression.undeclared"
        case undeclaredFunction = "expression.undeclared-function"
        case unknownField = "expression.unknown-field"
        case unknownType = "expression.unknown-type"
        case noMatchingOverload = "expression.no-matching-overload"
        case typeMismatch = "expression.type-mismatch"
        case notIterable = "expression.not-iterable"
        case pattern = "expression.pattern"
        case tooComplex = "expression.too-complex"
    }

    package let code: Code
    package let message: String
    /// UTF-8 bytes of the source.
    package let range: Range<Int>
    /// The names that could have stood at this place, sorted, for a suggestion.
    package let candidates: [String]
    /// A help line that only this place knows, such as the quoted form of a name with a hyphen.
    package let help: String?
}
