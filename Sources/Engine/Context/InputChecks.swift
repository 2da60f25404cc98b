package import Core
import Expressions
package import Playbooks

extension Plan {
    /// Checks inputs against their declarations and fills in defaults.
    ///
    /// - Throws: `InvalidInput` with every fault.
    package func checkedInputs(_ given: JSON.Object) throws(InvalidInput) -> JSON.Object {
        var faults: [Diagnostic] = []
        var inputs = JSON.Object()
        let known = self.inputs.map(\.name)
        for name in given.keys where !known.contains(name) {
            faults.append(
                Diagnostic(
                    code: "input.unknown",
                    message: "`\(id)` has no input `\(name)`",
                    help: nearest(to: name, in: known).map { "did you mean `\($0)`?" }
                )
            )
        }
        for declaration in self.inputs {
            guard let value = given[declaration.name] ?? declaration.defaultValue else {
                if declaration.isRequired {
                    faults.append(
                        Diagnostic(
                            code: "input.missing",
                            message: "input `\(declaration.name)` is required",
                            help: "add `--input \(declaration.name)=VALUE`"
                        )
                    )
                }
                continue
            }
            inputs[declaration.name] = value
            if let fault = declaration.fault(of: value) {
                faults.append(
                    Diagnostic(code: "input.\(fault.code)", message: "input `\(declaration.name)` \(fault.message)")
                )
            }
        }
        guard faults.isEmpty else { throw InvalidInput(faults) }
        return inputs
    }
}

extension InputDeclaration {
    fileprivate func fault(of value: JSON.Value) -> (code: String, message: String)? {
        guard type.admits(value) else { return ("type", "must be of type \(type.rawValue), not \(value.kindName)") }
        if let items, let elements = value.array, let wrong = elements.first(where: { !items.admits($0) }) {
            return ("type", "must hold values of type \(items.rawValue), not \(wrong.kindName)")
        }
        if !allowed.isEmpty, !allowed.contains(value) {
            return (
                "not-allowed",
                "must be one of \(allowed.map { "`\($0.string ?? $0.description)`" }.joined(separator: ", "))"
            )
        }
        let size =
            value.double ?? value.array.map { Double($0.count) } ?? value.string.map { Double($0.unicodeScalars.count) }
        if let min, let size, size < min { return ("range", "must be at least \(JSON.Value.number(min))") }
        if let max, let size, size > max { return ("range", "must be at most \(JSON.Value.number(max))") }
        if let pattern, let text = value.string, !matches(text, pattern) {
            return ("pattern", "must match `\(pattern)`")
        }
        return nil
    }

    private func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = try? Expression.parse("text.matches(pattern)"),
            case .bool(let answer)? = try? expression.evaluate(
                Bindings(variables: ["text": .string(text), "pattern": .string(pattern)])
            )
        else { return false }
        return answer
    }
}

extension ValueType {
    /// Whether a JSON value is one of this type.
    package func admits(_ value: JSON.Value) -> Bool {
        switch self {
        case .string: value.string != nil
        case .integer: value.int != nil
        case .number: value.double != nil
        case .boolean: value.bool != nil
        case .list: value.array != nil
        case .map: value.object != nil
        case .duration:
            value.string.map { Duration(playbook: $0) != nil || Duration(iso8601: $0) != nil || isSeconds($0) } ?? false
        case .timestamp: value.string.map { Timestamp(rfc3339: $0) != nil } ?? false
        case .artifact:
            value.string.map { Digest($0) != nil } ?? (value["digest"]?.string.map { Digest($0) != nil } ?? false)
        }
    }

    /// The form in which expressions hand durations on: `90s`, `0.5s`.
    private func isSeconds(_ text: String) -> Bool {
        text.hasSuffix("s") && Double(text.dropLast()) != nil
    }
}
