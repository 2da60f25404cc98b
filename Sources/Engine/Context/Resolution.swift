import Core
import Expressions
import Playbooks

extension RunContext {
    /// The value of a template; whole-value expressions keep their type, text around expressions becomes text.
    func resolve(_ template: Template) throws(StepError) -> JSON.Value {
        switch template {
        case .literal(let value): return value
        case .expression(let expression):
            guard let value = JSON.Value(try evaluate(expression)) else {
                throw StepError(.permanent, "`\(expression.source)` gives a value that cannot be handed on")
            }
            return value
        case .text(let pieces):
            var text = ""
            for piece in pieces {
                switch piece {
                case .text(let plain): text += plain
                case .expression(let expression): text += try words(expression)
                }
            }
            return .string(text)
        case .list(let elements):
            var array: [JSON.Value] = []
            for element in elements { array.append(try resolve(element)) }
            return .array(array)
        case .map(let members):
            var object = JSON.Object()
            for member in members { object[member.key] = try resolve(member.value) }
            return .object(object)
        }
    }

    /// What CEL's `string()` makes of a value; lists and maps are written as JSON.
    private func words(_ expression: Expression) throws(StepError) -> String {
        guard let value = JSON.Value(try evaluate(expression)) else {
            throw StepError(.permanent, "`\(expression.source)` gives a value that is no text")
        }
        return value.string ?? value.description
    }

    func text(_ template: Template) throws(StepError) -> String {
        let value = try resolve(template)
        return value.string ?? value.description
    }

    func resolve(_ members: [(name: String, value: Template)]) throws(StepError) -> JSON.Object {
        var object = JSON.Object()
        for member in members { object[member.name] = try resolve(member.value) }
        return object
    }
}

extension Template {
    /// The names of secrets that it mentions.
    var secretNames: Set<String> {
        switch self {
        case .literal: []
        case .expression(let expression): expression.secretNames
        case .text(let pieces):
            pieces.reduce(into: []) { names, piece in
                if case .expression(let expression) = piece { names.formUnion(expression.secretNames) }
            }
        case .list(let elements): elements.reduce(into: []) { $0.formUnion($1.secretNames) }
        case .map(let members): members.reduce(into: []) { $0.formUnion($1.value.secretNames) }
        }
    }
}

extension Expression {
    fileprivate var secretNames: Set<String> {
        Set(references.filter { $0.root == "secrets" }.compactMap { $0.path.first?.name })
    }
}
