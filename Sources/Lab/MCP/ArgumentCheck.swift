import Core

/// Checks a tool's arguments against the part of JSON Schema that the Lab's definitions use.
enum ArgumentCheck {
    /// What is wrong with the value, in words for a model, or nothing.
    static func complaint(_ value: JSON.Value, schema: JSON.Object, at path: String = "arguments") -> String? {
        if let kind = schema["type"]?.string, !matches(value, kind) { return "\(path) must be of type \(kind)" }
        if let choices = schema["enum"]?.array, !choices.contains(value) {
            return "\(path) must be one of \(choices.map(\.description).joined(separator: ", "))"
        }
        if let least = schema["minimum"]?.double, let number = value.double, number < least {
            return "\(path) must be at least \(least)"
        }
        if let most = schema["maximum"]?.double, let number = value.double, number > most {
            return "\(path) must be at most \(most)"
        }
        if let items = schema["items"]?.object, let elements = value.array {
            for (index, element) in elements.enumerated() {
                if let complaint = complaint(element, schema: items, at: "\(path)[\(index)]") { return complaint }
            }
        }
        return value.object.flatMap { members($0, schema: schema, at: path) }
    }

    private static func members(_ object: JSON.Object, schema: JSON.Object, at path: String) -> String? {
        for required in schema["required"]?.array ?? [] {
            if let name = required.string, object[name] == nil { return "\(path).\(name) is required" }
        }
        let properties = schema["properties"]?.object ?? [:]
        for member in object {
            if let nested = properties[member.key]?.object {
                if let complaint = complaint(member.value, schema: nested, at: "\(path).\(member.key)") {
                    return complaint
                }
            } else if schema["additionalProperties"] == false {
                return "\(path).\(member.key) is not known"
            }
        }
        return nil
    }

    private static func matches(_ value: JSON.Value, _ kind: String) -> Bool {
        switch kind {
        case "integer": value.int != nil
        case "number": value.double != nil
        default: value.kindName == kind
        }
    }
}
