/// What a text may be before it is refused.
package struct ParseOptions: Sendable {
    /// The greatest length of the source in UTF-8 bytes.
    package var maximumLength: Int
    /// The greatest height of the tree and of any value that the expression builds, whichever is reached first.
    ///
    /// Parser, checker and evaluator recurse over the tree; this bound is what keeps them inside a thread's stack.
    package var maximumDepth: Int

    package init(maximumLength: Int = 65_536, maximumDepth: Int = 250) {
        self.maximumLength = maximumLength
        self.maximumDepth = maximumDepth
    }
}

/// Builds the tree: precedence climbing over the tokens, macros expanded to nodes of their own.
struct Parser {
    let options: ParseOptions
    let tokens: [Token]
    private var position = 0
    private var depth = 0
    private(set) var nodes: [Node] = []
    private var heights: [Int] = []

    init(_ source: String, options: ParseOptions) throws(ExpressionError) {
        let bytes = Array(source.utf8)
        guard bytes.count <= options.maximumLength else {
            throw ExpressionError(
                .tooLong,
                "an expression may have \(options.maximumLength) bytes, this one has \(bytes.count)",
                at: 0..<bytes.count
            )
        }
        self.options = options
        tokens = try Lexer.tokens(of: bytes)
    }

    mutating func parse() throws(ExpressionError) -> NodeID {
        let root = try expression()
        guard current.kind == .end else { throw unexpected() }
        return root
    }

    // MARK: Tokens

    var current: Token { tokens[position] }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    func isAt(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

    mutating func accept(_ symbol: Token.Symbol) -> Bool {
        guard isAt(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: Token.Symbol) throws(ExpressionError) {
        guard accept(symbol) else { throw unexpected(wanted: "`\(symbol.rawValue)`") }
    }

    func unexpected(wanted: String? = nil) -> ExpressionError {
        let found: String =
            switch current.kind {
            case .end: "the end of the expression"
            case .identifier(let name): "`\(name)`"
            case .quotedIdentifier(let name): "`\(name)` in backticks"
            case .int, .uint, .double: "a number"
            case .string: "a string"
            case .bytes: "bytes"
            case .symbol(let symbol): "`\(symbol.rawValue)`"
            }
        return ExpressionError(
            .syntax,
            "unexpected \(found)\(wanted.map { ", expected \($0)" } ?? "")",
            at: current.range
        )
    }

    /// The end of what was read last, for the range of a node.
    var previousEnd: Int { position > 0 ? tokens[position - 1].range.upperBound : 0 }

    var previousStart: Int { position > 0 ? tokens[position - 1].range.lowerBound : 0 }

    // MARK: Nodes

    mutating func add(_ kind: Node.Kind, _ range: Range<Int>) throws(ExpressionError) -> NodeID {
        let height = 1 + (kind.children.map { heights[$0] }.max() ?? 0)
        guard height <= options.maximumDepth else { throw tooDeep(range) }
        nodes.append(Node(kind: kind, range: range))
        heights.append(height)
        return nodes.count - 1
    }

    func tooDeep(_ range: Range<Int>) -> ExpressionError {
        ExpressionError(.tooDeep, "the expression is nested deeper than \(options.maximumDepth) levels", at: range)
    }

    // MARK: Expressions

    mutating func expression() throws(ExpressionError) -> NodeID {
        depth += 1
        defer { depth -= 1 }
        guard depth <= options.maximumDepth else { throw tooDeep(current.range) }
        let start = current.range.lowerBound
        let condition = try binary(minimum: 1)
        guard accept(.question) else { return condition }
        let first = try binary(minimum: 1)
        try expect(.colon)
        let second = try expression()
        return try add(.conditional(condition, first, second), start..<previousEnd)
    }

    private enum Operator {
        case logical(isOr: Bool)
        case binary(BinaryOperator)
    }

    private var currentOperator: (operator: Operator, precedence: Int)? {
        switch current.kind {
        case .identifier("in"): (.binary(.contained), 3)
        case .symbol(let symbol):
            switch symbol {
            case .or: (.logical(isOr: true), 1)
            case .and: (.logical(isOr: false), 2)
            case .less: (.binary(.less), 3)
            case .lessOrEqual: (.binary(.lessOrEqual), 3)
            case .greater: (.binary(.greater), 3)
            case .greaterOrEqual: (.binary(.greaterOrEqual), 3)
            case .equal: (.binary(.equal), 3)
            case .notEqual: (.binary(.notEqual), 3)
            case .plus: (.binary(.add), 4)
            case .minus: (.binary(.subtract), 4)
            case .star: (.binary(.multiply), 5)
            case .slash: (.binary(.divide), 5)
            case .percent: (.binary(.remainder), 5)
            default: nil
            }
        default: nil
        }
    }

    private mutating func binary(minimum: Int) throws(ExpressionError) -> NodeID {
        let start = current.range.lowerBound
        var left = try unary()
        while let (found, precedence) = currentOperator, precedence >= minimum {
            switch found {
            case .binary(let binaryOperator):
                advance()
                let right = try binary(minimum: precedence + 1)
                left = try add(.binary(binaryOperator, left, right), start..<previousEnd)
            case .logical(let isOr):
                var operands = [left]
                while accept(isOr ? .or : .and) { operands.append(try binary(minimum: precedence + 1)) }
                left = try add(.logical(isOr: isOr, operands), start..<previousEnd)
            }
        }
        return left
    }

    private mutating func unary() throws(ExpressionError) -> NodeID {
        let start = current.range.lowerBound
        var count = 0
        if isAt(.not) {
            while accept(.not) { count += 1 }
            var operand = try postfix(negative: false)
            // Two are enough to keep the demand for a `bool`; a thousand would be a thousand levels.
            for _ in 0..<(count % 2 == 0 ? 2 : 1) { operand = try add(.not(operand), start..<previousEnd) }
            return operand
        }
        while accept(.minus) { count += 1 }
        var isNegative = false
        if count > 0 {
            switch current.kind {
            case .int, .double:
                isNegative = true
                count -= 1
            default: break
            }
        }
        var operand = try postfix(negative: isNegative)
        if count > 0 {
            for _ in 0..<(count % 2 == 0 ? 2 : 1) { operand = try add(.negate(operand), start..<previousEnd) }
        }
        return operand
    }

    private mutating func postfix(negative: Bool) throws(ExpressionError) -> NodeID {
        let start = negative ? previousStart : current.range.lowerBound
        var operand = try primary(negative: negative)
        while true {
            if accept(.dot) {
                let isOptional = accept(.question)
                operand = try member(of: operand, from: start, isOptional: isOptional)
            } else if accept(.leftBracket) {
                let isOptional = accept(.question)
                let key = try expression()
                try expect(.rightBracket)
                operand = try add(.index(operand, key, isOptional: isOptional), start..<previousEnd)
            } else if isAt(.leftBrace), let name = qualifiedName(of: operand) {
                advance()
                let values = try messageFields()
                operand = try add(.message(name, values), start..<previousEnd)
            } else {
                return operand
            }
        }
    }

    private mutating func member(
        of operand: NodeID,
        from start: Int,
        isOptional: Bool
    ) throws(ExpressionError) -> NodeID {
        let token = current
        switch token.kind {
        case .identifier(let name) where !["in", "true", "false", "null"].contains(name):
            advance()
            if !isOptional, accept(.leftParenthesis) {
                let arguments = try self.arguments(until: .rightParenthesis)
                let call = Node.Call(name: name, nameRange: token.range, target: operand, arguments: arguments)
                return try expand(call, start..<previousEnd)
            }
            return try add(
                .select(operand, field: name, fieldRange: token.range, access: isOptional ? .optional : .plain),
                start..<previousEnd
            )
        case .quotedIdentifier(let name):
            advance()
            return try add(
                .select(operand, field: name, fieldRange: token.range, access: isOptional ? .optional : .plain),
                start..<previousEnd
            )
        default:
            throw unexpected(wanted: "a field name")
        }
    }
}
