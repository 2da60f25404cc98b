extension Parser {
    /// Words that the language keeps for later; they may name a field or a method, never a variable.
    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]

    mutating func primary(negative: Bool) throws(ExpressionError) -> NodeID {
        let token = current
        switch token.kind {
        case .int(let magnitude):
            let range = (negative ? previousStart : token.range.lowerBound)..<token.range.upperBound
            advance()
            if negative { return try add(.literal(.int(Int64(truncatingIfNeeded: 0 &- magnitude))), range) }
            guard let value = Int64(exactly: magnitude) else {
                throw ExpressionError(.literal, "a number is outside the range of an int", at: token.range)
            }
            return try add(.literal(.int(value)), range)
        case .uint(let value): return try literal(.uint(value))
        case .double(let value): return try literal(.double(negative ? -value : value))
        case .string(let value): return try literal(.string(value))
        case .bytes(let value): return try literal(.bytes(value))
        case .identifier("true"): return try literal(.bool(true))
        case .identifier("false"): return try literal(.bool(false))
        case .identifier("null"): return try literal(.null)
        case .identifier: return try name(isAbsolute: false, from: token.range.lowerBound)
        case .symbol(.dot):
            advance()
            return try name(isAbsolute: true, from: token.range.lowerBound)
        case .symbol(.leftParenthesis):
            advance()
            let inner = try expression()
            try expect(.rightParenthesis)
            return inner
        case .symbol(.leftBracket):
            advance()
            return try list(from: token.range.lowerBound)
        case .symbol(.leftBrace):
            advance()
            return try map(from: token.range.lowerBound)
        default: throw unexpected(wanted: "a value")
        }
    }

    private mutating func literal(_ value: Value) throws(ExpressionError) -> NodeID {
        let range = current.range
        advance()
        return try add(.literal(value), range)
    }

    private mutating func name(isAbsolute: Bool, from start: Int) throws(ExpressionError) -> NodeID {
        let token = current
        guard case .identifier(let name) = token.kind, !["in", "true", "false", "null"].contains(name) else {
            throw unexpected(wanted: "a name")
        }
        guard !Self.reserved.contains(name) else {
            throw ExpressionError(.syntax, "`\(name)` is a reserved word", at: token.range)
        }
        advance()
        guard accept(.leftParenthesis) else {
            return try add(.identifier(name, isAbsolute: isAbsolute), start..<previousEnd)
        }
        let arguments = try self.arguments(until: .rightParenthesis)
        let call = Node.Call(
            name: name,
            nameRange: token.range,
            target: nil,
            arguments: arguments,
            isAbsolute: isAbsolute
        )
        return try expand(call, start..<previousEnd)
    }

    mutating func arguments(until end: Token.Symbol) throws(ExpressionError) -> [NodeID] {
        var arguments: [NodeID] = []
        if accept(end) { return arguments }
        repeat { arguments.append(try expression()) } while accept(.comma)
        try expect(end)
        return arguments
    }

    private mutating func list(from start: Int) throws(ExpressionError) -> NodeID {
        var elements: [Node.Element] = []
        while !isAt(.rightBracket) {
            let isOptional = accept(.question)
            elements.append(Node.Element(value: try expression(), isOptional: isOptional))
            if !accept(.comma) { break }
        }
        try expect(.rightBracket)
        return try add(.list(elements), start..<previousEnd)
    }

    private mutating func map(from start: Int) throws(ExpressionError) -> NodeID {
        var entries: [Node.Entry] = []
        while !isAt(.rightBrace) {
            let isOptional = accept(.question)
            let key = try expression()
            try expect(.colon)
            entries.append(Node.Entry(key: key, value: try expression(), isOptional: isOptional))
            if !accept(.comma) { break }
        }
        try expect(.rightBrace)
        return try add(.map(entries), start..<previousEnd)
    }

    /// Reads the fields of a message literal.
    ///
    /// We have no messages: the checker and the evaluator refuse it by its name.
    mutating func messageFields() throws(ExpressionError) -> [NodeID] {
        var values: [NodeID] = []
        while !isAt(.rightBrace) {
            _ = accept(.question)
            switch current.kind {
            case .identifier, .quotedIdentifier: advance()
            default: throw unexpected(wanted: "a field name")
            }
            try expect(.colon)
            values.append(try expression())
            if !accept(.comma) { break }
        }
        try expect(.rightBrace)
        return values
    }

    /// The dotted name that a chain of plain selections spells, such as `google.protobuf.Timestamp`.
    func qualifiedName(of id: NodeID) -> String? { nodes.qualifiedName(of: id)?.name }
}

extension [Node] {
    /// The dotted name that a chain of plain selections spells, with its root; `nil` for any other node.
    func qualifiedName(of id: NodeID) -> (name: String, root: String, isAbsolute: Bool)? {
        var fields: [String] = []
        var id = id
        while true {
            switch self[id].kind {
            case .identifier(let root, let isAbsolute):
                return (([root] + fields.reversed()).joined(separator: "."), root, isAbsolute)
            case .select(let operand, let field, _, .plain):
                fields.append(field)
                id = operand
            default: return nil
            }
        }
    }
}
