import Core

extension StandardFunction {
    /// `base64.encode` and `base64.decode`.
    func code(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        guard arguments.count == 1 else { throw meter.noOverload(rawValue, arguments) }
        switch (self, arguments[0]) {
        case (.base64Encode, .bytes(let bytes)):
            try meter.charge(bytes: bytes.count * 2)
            return .string(Base64.encode(bytes))
        case (.base64Decode, .string(let text)):
            try meter.charge(bytes: text.utf8.count * 2)
            guard let bytes = Base64.decode(text.utf8, mayLackPadding: true) else {
                throw meter.error(.invalidArgument, "`\(text.shortened)` is not base64")
            }
            return .bytes(bytes)
        default: throw meter.noOverload(rawValue, arguments)
        }
    }
}
