import Foundation

@testable import Expressions

/// One test of the conformance suite of cel-spec (`tests/simple/testdata`, Apache-2.0), converted to JSON.
struct ConformanceCase {
    let file: String
    let name: String
    let expression: String
    let kind: String
    let isChecked: Bool
    let isCheckOnly: Bool
    let container: String
    let needsMessages: Bool
    let document: [String: Any]

    init?(_ object: [String: Any]) {
        guard let file = object["file"] as? String, let section = object["section"] as? String,
            let name = object["name"] as? String, let expression = object["expr"] as? String,
            let kind = object["kind"] as? String, let document = object["d"] as? [String: Any]
        else { return nil }
        self.file = file
        self.name = "\(file)/\(section)/\(name)"
        self.expression = expression
        self.kind = kind
        self.document = document
        isChecked = object["disable_check"] as? Bool != true
        isCheckOnly = object["check_only"] as? Bool == true
        container = object["container"] as? String ?? ""
        needsMessages = object["needs_proto"] as? Bool == true
    }

    /// Expectations that the conversion to JSON got wrong.
    ///
    /// cel-spec writes `value: { bytes_value: " \? ..." }` in `parse.textproto`; in the text format of protocol buffers
    /// `\?` is an escaped question mark, and the conversion kept its backslash. The expression has none.
    static let repaired: [String: Value] = [
        "parse/bytes_literals/triple_single_quoted_unescaped_punctuation": .bytes(Array(" ? \" ' ` ".utf8)),
        "parse/bytes_literals/triple_double_quoted_unescaped_punctuation": .bytes(Array(" ? \" ' ` ".utf8)),
    ]

    static let folder: URL = {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"]
        return named.map { URL(filePath: $0) } ?? package.deletingLastPathComponent().appending(path: "shared")
    }()

    static let suite = folder.appending(path: "conformance/cel/cel_tests.json")
    static let isPresent = FileManager.default.fileExists(atPath: suite.path)

    static func load() throws -> [ConformanceCase] {
        let objects = try JSONSerialization.jsonObject(with: Data(contentsOf: suite)) as? [[String: Any]] ?? []
        return objects.compactMap(ConformanceCase.init)
    }

    /// What went wrong; `nil` when the case passes.
    func failure() -> String? {
        do {
            let parsed = try Expressions.Expression.parse(expression)
            if isChecked {
                let result = parsed.check(in: try declarations())
                if let issue = result.issues.first {
                    // A fault that cel-go reports while checking is an evaluation error in the suite.
                    if kind == "eval_error", expectedError.contains("no matching overload") { return nil }
                    return "check: \(issue.code.rawValue): \(issue.message)"
                }
                if let typed = document["typed_result"] as? [String: Any] {
                    let expected = try CELType(suite: typed["deduced_type"] as? [String: Any] ?? [:])
                    if result.type != expected { return "check: \(result.type) instead of \(expected)" }
                }
            }
            if isCheckOnly { return nil }
            return try evaluationFailure(parsed)
        } catch {
            return "\(error)"
        }
    }

    private func evaluationFailure(_ parsed: Expressions.Expression) throws -> String? {
        let value: Value
        do {
            value = try parsed.evaluate(
                try bindings(),
                options: EvaluationOptions(container: container, zoneOffset: zoneOffset)
            )
        } catch let error as EvaluationError {
            return kind == "eval_error" ? nil : "\(error.code.rawValue): \(error.message)"
        }
        let expected: Value
        switch kind {
        case "eval_error": return "value \(value) instead of an error"
        case "true": expected = .bool(true)
        case "value": expected = try Self.repaired[name] ?? Value(suite: document["value"])
        case "typed_result": expected = try Value(suite: (document["typed_result"] as? [String: Any])?["result"])
        default: return "unknown kind \(kind)"
        }
        return expected.isIdentical(to: value) ? nil : "\(value) instead of \(expected)"
    }

    private var expectedError: String {
        let errors = (document["eval_error"] as? [String: Any])?["errors"] as? [[String: Any]]
        return errors?.first?["message"] as? String ?? ""
    }

    private func bindings() throws -> Bindings {
        var variables: [String: Value] = [:]
        for (name, wrapper) in document["bindings"] as? [String: [String: Any]] ?? [:] {
            variables[name] = try Value(suite: wrapper["value"])
        }
        return Bindings(variables: variables)
    }

    private func declarations() throws -> Declarations {
        var declarations = Declarations(container: container)
        for entry in document["type_env"] as? [[String: Any]] ?? [] {
            guard let name = entry["name"] as? String else { continue }
            if let type = (entry["ident"] as? [String: Any])?["type"] as? [String: Any] {
                declarations.variables[name] = try CELType(suite: type)
            }
            let overloads = (entry["function"] as? [String: Any])?["overloads"] as? [[String: Any]]
            for overload in overloads ?? [] {
                let parameters = try (overload["params"] as? [[String: Any]] ?? []).map(CELType.init(suite:))
                let result = try CELType(suite: overload["result_type"] as? [String: Any] ?? [:])
                let isMethod = overload["is_instance_function"] as? Bool == true
                declarations.functions[name, default: []].append(
                    isMethod ? .method(parameters, result) : .function(parameters, result)
                )
            }
        }
        return declarations
    }
}

/// Zones by the system's tables, as the product gets them from its calendar.
let zoneOffset: ZoneOffset = { zone, seconds in
    TimeZone(identifier: zone)?.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds)))
}

struct SuiteError: Error, CustomStringConvertible {
    let description: String
}

extension Value {
    init(suite object: Any?) throws {
        guard let (key, content) = (object as? [String: Any])?.first else { throw SuiteError(description: "no value") }
        switch key {
        case "null_value": self = .null
        case "bool_value": self = .bool(content as? Bool == true)
        case "int64_value": self = .int(Int64(content as? String ?? "") ?? 0)
        case "uint64_value": self = .uint(UInt64(content as? String ?? "") ?? 0)
        case "double_value":
            let named = ["Infinity": Double.infinity, "-Infinity": -.infinity, "NaN": .nan]
            self = .double((content as? String).flatMap { named[$0] } ?? (content as? NSNumber)?.doubleValue ?? 0)
        case "string_value": self = .string(content as? String ?? "")
        case "bytes_value": self = .bytes(Array(Data(base64Encoded: content as? String ?? "") ?? Data()))
        case "type_value":
            guard let type = CELType.denotations[content as? String ?? ""] else {
                throw SuiteError(description: "unknown type \(content)")
            }
            self = .type(type)
        case "list_value":
            let values = (content as? [String: Any])?["values"] as? [Any] ?? []
            self = .list(try values.map { try Value(suite: $0) })
        case "map_value":
            var map = ValueMap()
            for entry in (content as? [String: Any])?["entries"] as? [[String: Any]] ?? [] {
                map.insert(try Value(suite: entry["key"]), try Value(suite: entry["value"]))
            }
            self = .map(map)
        default: throw SuiteError(description: "unknown value \(key)")
        }
    }

    /// Equality of kind and content, stricter than the language's `==`, in which `1 == 1u`.
    func isIdentical(to other: Value) -> Bool {
        switch (self, other) {
        case (.double(let left), .double(let right)): left == right || (left.isNaN && right.isNaN)
        case (.list(let left), .list(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.isIdentical(to: $1) }
        case (.map(let left), .map(let right)):
            left.count == right.count
                && left.allSatisfy { key, value in right[key].map { value.isIdentical(to: $0) } ?? false }
        default: type == other.type && self == other
        }
    }
}

extension CELType {
    init(suite object: [String: Any]) throws {
        guard let (key, content) = object.first else { throw SuiteError(description: "no type") }
        let inner = content as? [String: Any] ?? [:]
        func part(_ name: String) throws -> CELType { try CELType(suite: inner[name] as? [String: Any] ?? [:]) }
        switch key {
        case "dyn": self = .dyn
        case "null": self = .null
        case "primitive":
            let named: [String: CELType] = [
                "BOOL": .bool, "INT64": .int, "UINT64": .uint, "DOUBLE": .double, "STRING": .string, "BYTES": .bytes,
            ]
            guard let type = named[content as? String ?? ""] else { throw SuiteError(description: "\(content)") }
            self = type
        case "list_type": self = .list(try part("elem_type"))
        case "map_type": self = .map(key: try part("key_type"), value: try part("value_type"))
        case "type_param": self = .parameter(content as? String ?? "")
        case "abstract_type":
            let name = inner["name"] as? String ?? ""
            let parameters = try (inner["parameter_types"] as? [[String: Any]] ?? []).map(CELType.init(suite:))
            self = name == "optional_type" ? .optional(parameters.first ?? .dyn) : .opaque(name, parameters)
        default: throw SuiteError(description: "unknown type \(key)")
        }
    }
}
