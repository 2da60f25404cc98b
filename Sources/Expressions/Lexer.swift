/// A token with its place in the source.
struct Token: Sendable {
    enum Kind: Sendable, Equatable {
        case end
        case identifier(String)
        case quotedIdentifier(String)
        /// The magnitude; the parser joins a minus that stands directly before, because -2^63 has no positive form.
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
    }

    enum Symbol: String, Sendable {
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBracket = "["
        case rightBracket = "]"
        case leftBrace = "{"
        case rightBrace = "}"
        case dot = "."
        case comma = ","
        case colon = ":"
        case question = "?"
        case not = "!"
        case minus = "-"
        case plus = "+"
        case star = "*"
        case slash = "/"
        case percent = "%"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case equal = "=="
        case notEqual = "!="
        case and = "&&"
        case or = "||"
    }

    var kind: Kind
    var range: Range<Int>
}

/// Cuts UTF-8 into tokens.
struct Lexer {
    let source: [UInt8]
    private var position = 0
    private var tokens: [Token] = []

    init(_ source: [UInt8]) {
        self.source = source
    }

    static func tokens(of source: [UInt8]) throws(ExpressionError) -> [Token] {
        var lexer = Lexer(source)
        try lexer.run()
        return lexer.tokens
    }

    private func byte(at offset: Int) -> UInt8? { offset < source.count ? source[offset] : nil }

    private mutating func run() throws(ExpressionError) {
        while true {
            skipSpace()
            let start = position
            guard let first = byte(at: position) else { break }
            let kind = try next(first)
            tokens.append(Token(kind: kind, range: start..<position))
        }
        tokens.append(Token(kind: .end, range: source.count..<source.count))
    }

    private mutating func skipSpace() {
        while let byte = byte(at: position) {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0C: position += 1
            case UInt8(ascii: "/") where self.byte(at: position + 1) == UInt8(ascii: "/"):
                while let byte = self.byte(at: position), byte != UInt8(ascii: "\n") { position += 1 }
            default: return
            }
        }
    }

    private mutating func next(_ first: UInt8) throws(ExpressionError) -> Token.Kind {
        if let literal = try quoted(first) { return literal }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: ".") where followsOperator && (byte(at: position + 1).map(\.isDigit) ?? false):
            return try number()
        case UInt8(ascii: "`"): return try quotedIdentifier()
        case _ where first.isNameStart: return .identifier(name())
        default: return .symbol(try symbol(first))
        }
    }

    /// Whether a dot here can begin a number: `.5`, but not the field `5` of something.
    private var followsOperator: Bool {
        switch tokens.last?.kind {
        case nil: return true
        case .symbol(let symbol): return ![.rightParenthesis, .rightBracket, .rightBrace, .dot].contains(symbol)
        default: return false
        }
    }

    private mutating func name() -> String {
        let start = position
        while let byte = byte(at: position), byte.isNameStart || byte.isDigit { position += 1 }
        return String(decoding: source[start..<position], as: UTF8.self)
    }

    private mutating func quotedIdentifier() throws(ExpressionError) -> Token.Kind {
        let start = position
        position += 1
        while let byte = byte(at: position), byte != UInt8(ascii: "`") {
            guard byte.isNameStart || byte.isDigit || Array("./- ".utf8).contains(byte) else {
                throw ExpressionError(
                    .syntax,
                    "a field name in backticks takes letters, digits, `_`, `.`, `-`, `/` and spaces",
                    at: position..<position + 1
                )
            }
            position += 1
        }
        guard position < source.count, position > start + 1 else {
            throw ExpressionError(.syntax, "a field name in backticks is empty or not closed", at: start..<position)
        }
        position += 1
        return .quotedIdentifier(String(decoding: source[start + 1..<position - 1], as: UTF8.self))
    }

    private mutating func symbol(_ first: UInt8) throws(ExpressionError) -> Token.Symbol {
        if let second = byte(at: position + 1),
            let symbol = Token.Symbol(rawValue: String(decoding: [first, second], as: UTF8.self))
        {
            position += 2
            return symbol
        }
        if first < 0x80, let symbol = Token.Symbol(rawValue: String(UnicodeScalar(first))) {
            position += 1
            return symbol
        }
        var end = position + 1
        while let byte = byte(at: end), byte & 0xC0 == 0x80 { end += 1 }
        let text = String(decoding: source[position..<end], as: UTF8.self)
        let shown = first < 0x20 || first == 0x7F ? "a control character" : "`\(text)`"
        let help: String =
            switch text {
            case "=": "; equality is `==`"
            case "&", "|": "; the logical operator is `\(text)\(text)`"
            default: ""
            }
        throw ExpressionError(.syntax, "unexpected \(shown)\(help)", at: position..<end)
    }

    // MARK: Numbers

    private mutating func number() throws(ExpressionError) -> Token.Kind {
        let start = position
        if source[position] == UInt8(ascii: "0"), byte(at: position + 1).map({ $0 | 0x20 }) == UInt8(ascii: "x") {
            position += 2
            let digits = position
            while let byte = byte(at: position), byte.hexValue != nil { position += 1 }
            return try integer(source[digits..<position], radix: 16, from: start)
        }
        while let byte = byte(at: position), byte.isDigit { position += 1 }
        let whole = position
        if byte(at: position) == UInt8(ascii: "."), byte(at: position + 1).map(\.isDigit) ?? false {
            position += 1
            while let byte = byte(at: position), byte.isDigit { position += 1 }
        }
        if let byte = byte(at: position), byte | 0x20 == UInt8(ascii: "e") {
            var end = position + 1
            if let sign = self.byte(at: end), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { end += 1 }
            if self.byte(at: end).map(\.isDigit) ?? false {
                while let digit = self.byte(at: end), digit.isDigit { end += 1 }
                position = end
            }
        }
        if position == whole { return try integer(source[start..<position], radix: 10, from: start) }
        try endNumber(from: start)
        let text = String(decoding: source[start..<position], as: UTF8.self)
        guard let value = Double(decimal: text), value.isFinite else {
            throw ExpressionError(.literal, "`\(text)` is outside the range of a double", at: start..<position)
        }
        return .double(value)
    }

    private mutating func integer(
        _ digits: ArraySlice<UInt8>,
        radix: Int,
        from start: Int
    ) throws(ExpressionError) -> Token.Kind {
        var isUnsigned = false
        if let byte = byte(at: position), byte | 0x20 == UInt8(ascii: "u") {
            isUnsigned = true
            position += 1
        }
        try endNumber(from: start)
        let text = String(decoding: digits, as: UTF8.self)
        guard !digits.isEmpty else {
            throw ExpressionError(.literal, "a hexadecimal number has no digits", at: start..<position)
        }
        guard let value = UInt64(text, radix: radix), isUnsigned || value <= 1 << 63 else {
            throw ExpressionError(
                .literal,
                "a number is outside the range of \(isUnsigned ? "a uint" : "an int")",
                at: start..<position
            )
        }
        return isUnsigned ? .uint(value) : .int(value)
    }

    private func endNumber(from start: Int) throws(ExpressionError) {
        if let byte = byte(at: position), byte.isNameStart || byte.isDigit {
            throw ExpressionError(.literal, "a number runs into a name", at: start..<position + 1)
        }
    }

    // MARK: Strings

    /// A string or bytes literal with its prefixes (`b`, `r` or `br`, in any case), if one starts here.
    private mutating func quoted(_ first: UInt8) throws(ExpressionError) -> Token.Kind? {
        var end = position
        var isRaw = false
        var isBytes = false
        while let byte = byte(at: end), byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\"") {
            switch byte | 0x20 {
            case UInt8(ascii: "r") where !isRaw: isRaw = true
            case UInt8(ascii: "b") where !isBytes && !isRaw: isBytes = true
            default: return nil
            }
            end += 1
        }
        guard let quote = byte(at: end) else { return nil }
        let start = position
        let isTriple = byte(at: end + 1) == quote && byte(at: end + 2) == quote
        position = end + (isTriple ? 3 : 1)
        let body = position
        while true {
            guard let byte = byte(at: position), isTriple || (byte != 0x0A && byte != 0x0D) else {
                throw ExpressionError(
                    .literal,
                    "a \(isBytes ? "bytes" : "string") literal is not closed",
                    at: start..<position
                )
            }
            if byte == quote {
                if !isTriple || (self.byte(at: position + 1) == quote && self.byte(at: position + 2) == quote) { break }
            } else if byte == UInt8(ascii: "\\"), !isRaw {
                position += 1
                guard position < source.count else { continue }
            }
            position += 1
        }
        let content = body..<position
        position += isTriple ? 3 : 1
        return try unescaped(content, isRaw: isRaw, isBytes: isBytes)
    }

    private func unescaped(_ range: Range<Int>, isRaw: Bool, isBytes: Bool) throws(ExpressionError) -> Token.Kind {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        if isRaw {
            output.append(contentsOf: source[range])
        } else {
            var position = range.lowerBound
            while position < range.upperBound {
                if source[position] == UInt8(ascii: "\\") {
                    try Escape(source: source, end: range.upperBound, isBytes: isBytes).read(&position, into: &output)
                } else {
                    output.append(source[position])
                    position += 1
                }
            }
        }
        return isBytes ? .bytes(output) : .string(String(decoding: output, as: UTF8.self))
    }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    var isNameStart: Bool {
        let lower = self | 0x20
        return (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")) || self == UInt8(ascii: "_")
    }

    var hexValue: UInt32? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(self - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(self - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(self - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
