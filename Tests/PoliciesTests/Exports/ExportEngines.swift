import Core
import Expressions
import Policies
import Traffic

/// What can be evaluated here of an export: JSON Schema as far as exports use it, and CEL by our own evaluator.
struct ExportEngines {
    private let target: ExportTarget
    private let files: [String: JSON.Value]
    private let conditions: [String: Expression]

    init(_ export: PolicyExport) throws {
        target = export.target
        var files: [String: JSON.Value] = [:]
        for file in export.files { files[file.path] = try JSON.parse(file.bytes) }
        self.files = files
        var conditions: [String: Expression] = [:]
        for rule in files["mcproute.json"]?["securityPolicy"]?["authorization"]?["rules"]?.array ?? [] {
            let text = rule["cel"]?.string ?? ""
            conditions[text] = try Expression.parse(text)
        }
        self.conditions = conditions
    }

    static let targets: [ExportTarget] = [.jsonSchema, .progent, .celEnvoy]

    func allows(_ call: ExportSamples.Call) throws -> Bool {
        switch target {
        case .jsonSchema:
            let isOwn = files.keys.contains { $0.hasPrefix(call.agent + "/") }
            let schema = files["\(isOwn ? call.agent : "%others")/\(call.tool.server)/\(call.tool.tool).json"]
            return try schema.map { try Schema.accepts(.object(call.arguments), $0) } ?? false
        case .progent:
            let policy = files["\(call.agent).json"] ?? files["%others.json"]
            guard let rule = policy?[call.tool.tool]?[0] else { return false }
            for (name, value) in call.arguments {
                if let schema = rule[2]?[name], try !Schema.accepts(value, schema) { return false }
            }
            return true
        case .celEnvoy:
            let request: JSON.Value = [
                "mcp": [
                    "method": "tools/call", "tool": .string(call.tool.tool), "backend": .string(call.tool.server),
                    "params": ["name": .string(call.tool.tool), "arguments": .object(call.arguments)],
                ],
                "auth": ["jwt": ["claims": ["sub": .string(call.agent)]]],
            ]
            let bindings = Bindings(variables: ["request": Self.value(request)])
            let authorization = files["mcproute.json"]?["securityPolicy"]?["authorization"]
            for rule in authorization?["rules"]?.array ?? [] {
                let tool: JSON.Value = ["backend": .string(call.tool.server), "tool": .string(call.tool.tool)]
                guard rule["target"]?["tools"]?.array?.contains(tool) == true,
                    let condition = conditions[rule["cel"]?.string ?? ""]
                else { continue }
                if case .bool(true)? = try? condition.evaluate(bindings) { return true }
            }
            return false
        default: return false
        }
    }

    private static func value(_ json: JSON.Value) -> Value {
        switch json {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .int(value)
        case .number(let value): .double(value)
        case .string(let value): .string(value)
        case .array(let values): .list(values.map { value($0) })
        case .object(let object): .map(ValueMap(object.map { ($0.key, value($0.value)) }))
        }
    }
}

/// The keywords of JSON Schema 2020-12 that exports use; any other is an error, so that none goes unheeded.
enum Schema {
    struct Unknown: Error { var keyword: String }

    static func accepts(_ value: JSON.Value, _ schema: JSON.Value) throws -> Bool {
        if let flag = schema.bool { return flag }
        return try (schema.object ?? [:]).allSatisfy { try holds($0.key, $0.value, value, schema) }
    }

    private static func holds(
        _ keyword: String,
        _ limit: JSON.Value,
        _ value: JSON.Value,
        _ schema: JSON.Value
    ) throws -> Bool {
        switch keyword {
        case "$schema", "title", "description": return true
        case "type": return value.kindName == limit.string || (limit.string == "number" && value.double != nil)
        case "enum": return limit.array?.contains(value) == true
        case "const": return limit == value
        case "anyOf": return try limit.array?.contains { try accepts(value, $0) } == true
        case "allOf": return try limit.array?.allSatisfy { try accepts(value, $0) } == true
        case "not": return try !accepts(value, limit)
        case "pattern": return try value.string.map { try matches($0, limit.string ?? "") } ?? true
        case "minLength": return value.string.map { $0.unicodeScalars.count >= limit.int ?? 0 } ?? true
        case "maxLength": return value.string.map { $0.unicodeScalars.count <= limit.int ?? 0 } ?? true
        case "minimum": return value.double.map { $0 >= limit.double ?? .infinity } ?? true
        case "maximum": return value.double.map { $0 <= limit.double ?? -.infinity } ?? true
        case "maxItems": return value.array.map { $0.count <= limit.int ?? 0 } ?? true
        case "items": return try value.array?.allSatisfy { try accepts($0, limit) } ?? true
        case "contains": return try value.array?.contains { try accepts($0, limit) } ?? true
        case "maxProperties": return value.object.map { $0.count <= limit.int ?? 0 } ?? true
        case "required":
            return value.object.map { object in
                limit.array?.allSatisfy { object[$0.string ?? ""] != nil } == true
            } ?? true
        case "properties":
            return try limit.object?.allSatisfy { name, schema in
                try value[name].map { try accepts($0, schema) } ?? true
            } ?? true
        case "additionalProperties":
            let named = schema["properties"]?.object ?? [:]
            return try value.object?.allSatisfy { name, inner in
                try named[name] != nil || accepts(inner, limit)
            } ?? true
        default: throw Unknown(keyword: keyword)
        }
    }

    private static let match = try? Expression.parse("text.matches(pattern)")

    private static func matches(_ text: String, _ pattern: String) throws -> Bool {
        let bindings = Bindings(variables: ["text": .string(text), "pattern": .string(pattern)])
        guard case .bool(let answer)? = try match?.evaluate(bindings) else { throw Unknown(keyword: pattern) }
        return answer
    }
}
