package import Core

/// The JSON Schema (2020-12) with which editors complete and check playbooks.
///
/// Written from the same tables that the linter reads, with the actions and metrics of a catalogue. It is wider than the
/// linter: what a schema cannot say, such as whether a name exists, it lets pass.
package struct EditorSchema {
    private let catalogue: Catalogue

    package init(_ catalogue: Catalogue) {
        self.catalogue = catalogue
    }

    package var json: JSON.Value {
        var definitions = JSON.Object()
        for record in Self.records(in: [PlaybookGrammar.document, RoadmapGrammar.document]) {
            definitions[record.name] = schema(of: record)
        }
        for action in catalogue.actions.values.map(\.schema).sorted(by: { $0.name < $1.name }) {
            definitions["with-" + action.name.text] = arguments(action.parameters)
        }
        for metric in catalogue.metrics.values.map(\.schema).sorted(by: { $0.name < $1.name }) {
            definitions["with-" + metric.name] = arguments(metric.parameters)
        }
        return [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://lockstep.dev/schema/playbook-v1.json",
            "title": "Lockstep playbook or roadmap",
            "type": "object",
            "required": ["kind"],
            "properties": ["kind": ["enum": ["Playbook", "Roadmap"]]],
            "if": ["properties": ["kind": ["const": "Roadmap"]], "required": ["kind"]],
            "then": ["$ref": "#/$defs/roadmap"],
            "else": ["$ref": "#/$defs/playbook"],
            "$defs": .object(definitions),
        ]
    }

    /// Every record below these, each once, in the order of first mention.
    private static func records(in roots: [Record]) -> [Record] {
        var found: [Record] = []
        var names: Set<String> = []
        func visit(_ shape: Shape) {
            switch shape {
            case .record(let record):
                guard names.insert(record.name).inserted else { return }
                found.append(record)
                for key in record.keys { visit(key.shape) }
                if let rest = record.rest { visit(rest.shape) }
            case .list(let element, _): visit(element)
            case .map(_, let value): visit(value)
            case .either(let first, let second):
                visit(first)
                visit(second)
            case .coded(_, let inner): visit(inner)
            default: break
            }
        }
        for root in roots { visit(.record(root)) }
        return found
    }

    private func schema(of record: Record) -> JSON.Value {
        var properties = JSON.Object()
        for key in record.keys {
            var value = schema(of: key.shape).object ?? [:]
            if record.name == "metric", key.name == "source" { value = choice(catalogue.metrics.keys.sorted()) }
            if key.name == "uses" { value = choice(catalogue.actions.keys.map(\.text).sorted()) }
            value["description"] = .string(key.summary)
            properties[key.name] = .object(value)
        }
        var result: JSON.Object = ["type": "object", "properties": .object(properties)]
        let required = record.keys.filter(\.isRequired).map(\.name)
        if !required.isEmpty { result["required"] = .array(required.map { .string($0) }) }
        if let rest = record.rest {
            result["additionalProperties"] = schema(of: rest.shape)
        } else {
            result["additionalProperties"] = false
        }
        if let choice = record.exactlyOne {
            result["oneOf"] = .array(choice.keys.map { ["required": [.string($0)]] })
        }
        if !record.companions.isEmpty {
            var dependent = JSON.Object()
            for (key, needed) in record.companions where key != "min-samples" { dependent[key] = [.string(needed)] }
            result["dependentRequired"] = .object(dependent)
        }
        if record.name == "step" {
            var dependent: JSON.Object = ["after-each-wave": ["for-each"]]
            for key in PlaybookGrammar.keysOfActions + ["timeout"] { dependent[key] = ["uses"] }
            result["dependentRequired"] = .object(dependent)
        }
        if record.name == "approval" {
            result["if"] = ["properties": ["on-expiry": ["const": "escalate"]], "required": ["on-expiry"]]
            result["then"] = ["required": ["escalate-to"]]
        }
        let callers: [(String, [String])] = [
            ("uses", catalogue.actions.keys.map(\.text).sorted()), ("source", catalogue.metrics.keys.sorted()),
        ]
        for (key, names) in callers where record[key] != nil && record["with"] != nil && !names.isEmpty {
            result["allOf"] = .array(names.map { calling($0, by: key) })
        }
        return .object(result)
    }

    /// What `with` must be where `uses` or `source` has this name.
    private func calling(_ name: String, by key: String) -> JSON.Value {
        let required =
            (catalogue.actions[ActionName(name)]?.schema.parameters ?? catalogue.metrics[name]?.schema.parameters ?? [])
            .contains(where: \.isRequired)
        var then: JSON.Object = ["properties": ["with": ["$ref": .string("#/$defs/with-" + name)]]]
        if required { then["required"] = ["with"] }
        return [
            "if": ["properties": .object([key: ["const": .string(name)]]), "required": [.string(key)]],
            "then": .object(then),
        ]
    }

    private func arguments(_ parameters: [ActionSchema.Parameter]) -> JSON.Value {
        var properties = JSON.Object()
        for parameter in parameters {
            var value = schema(of: parameter)
            value["description"] = .string(parameter.summary)
            properties[parameter.name] = .object(value)
        }
        let required = parameters.filter(\.isRequired).map { JSON.Value.string($0.name) }
        var result: JSON.Object = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        if !required.isEmpty { result["required"] = .array(required) }
        return .object(result)
    }

    private func schema(of parameter: ActionSchema.Parameter) -> JSON.Object {
        var plain = Self.schema(of: parameter.type)
        if !parameter.allowed.isEmpty {
            let allowed: JSON.Object = ["anyOf": [.object(choice(parameter.allowed)), Self.interpolated]]
            guard parameter.type == .list else { return allowed }
            plain["items"] = .object(allowed)
        } else if parameter.type == .list, parameter.items != nil || parameter.rule != nil {
            var element = parameter.items.map { Self.schema(of: $0) } ?? ["type": ["string", "integer"]]
            if let pattern = parameter.rule?.pattern { element["pattern"] = .string(pattern) }
            plain["items"] = ["anyOf": [.object(element), Self.interpolated]]
        } else if let pattern = parameter.isName ? TextRule.name.pattern : parameter.rule?.pattern {
            plain["pattern"] = .string(pattern)
            return ["anyOf": [.object(plain), Self.interpolated]]
        }
        if let range = parameter.range {
            plain["minimum"] = .integer(Int64(range.lowerBound))
            plain["maximum"] = .integer(Int64(range.upperBound))
        }
        if parameter.type == .string { return plain }
        return ["anyOf": [.object(plain), Self.interpolated]]
    }

    private static let interpolated: JSON.Value = ["type": "string", "pattern": "\\$\\{\\{"]

    private static func schema(of type: ValueType) -> JSON.Object {
        switch type {
        case .string, .timestamp, .artifact: ["type": "string"]
        case .integer: ["type": "integer"]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .list: ["type": "array"]
        case .map: ["type": "object"]
        case .duration: ["type": "string", "pattern": .string(durationPattern)]
        }
    }

    private static let durationPattern = "^0*[1-9][0-9]{0,8}(ms|s|m|h|d)$"

    private func choice(_ words: [String]) -> JSON.Object { ["enum": .array(words.map { .string($0) })] }

    private func schema(of shape: Shape) -> JSON.Value {
        switch shape {
        case .text(let rule):
            guard let pattern = rule.pattern else { return ["type": "string", "minLength": 1] }
            return ["type": "string", "pattern": .string(pattern)]
        case .template, .moment, .zone: return ["type": "string"]
        case .expression: return ["type": "string", "minLength": 1]
        case .value, .constant: return [:]
        case .integer(let range):
            return [
                "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
                "maximum": .integer(Int64(range.upperBound)),
            ]
        case .number(let range):
            return ["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
        case .boolean: return ["type": "boolean"]
        case .duration: return ["type": "string", "pattern": .string(Self.durationPattern)]
        case .offset: return ["type": "string", "pattern": "^P"]
        case .date: return ["type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"]
        case .choice(let words): return .object(choice(words))
        case .list(let element, let minimum):
            var result: JSON.Object = ["type": "array", "items": schema(of: element)]
            if minimum > 0 { result["minItems"] = .integer(Int64(minimum)) }
            return .object(result)
        case .record(let record): return ["$ref": .string("#/$defs/" + record.name)]
        case .map(let rule, let value):
            var result: JSON.Object = ["type": "object", "additionalProperties": schema(of: value)]
            if let pattern = rule.pattern, rule == .name { result["propertyNames"] = ["pattern": .string(pattern)] }
            return .object(result)
        case .either(let first, let second): return ["anyOf": [schema(of: first), schema(of: second)]]
        case .coded(_, let inner): return schema(of: inner)
        }
    }
}
