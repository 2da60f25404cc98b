package import Core

/// One value of a document together with where it stands.
///
/// Later checks point at a value through its `place`, so a message about a wrong reference is as exact as one about
/// wrong syntax. What an alias stands for keeps the place where it was written first.
package struct Node: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case scalar(Scalar)
        case sequence([Node])
        /// Keys are strings and differ from one another once a document was read without errors.
        case mapping([Entry])
    }

    package struct Entry: Sendable, Hashable {
        package var key: Node
        package var value: Node
    }

    /// A point in a text: line and column count from 1, the offset from 0; columns and offset count Unicode scalars.
    package struct Mark: Sendable, Hashable {
        package var line: Int
        package var column: Int
        package var offset: Int
    }

    package var content: Content
    package var start: Mark
    package var end: Mark
    package var file: String

    package var place: Place { Place(file: file, from: start, to: end) }

    package var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    package var sequence: [Node]? {
        if case .sequence(let nodes) = content { nodes } else { nil }
    }

    package var mapping: [Entry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The value under this key, or nil where this is no mapping or has none.
    package subscript(key: String) -> Node? {
        mapping?.first { $0.key.scalar?.text == key }?.value
    }

    /// What kind of value this is, for a message.
    package var kindName: String {
        switch content {
        case .scalar(let scalar): scalar.value.kindName
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The value without its places.
    package var json: JSON.Value {
        switch content {
        case .scalar(let scalar): return scalar.value.json
        case .sequence(let nodes): return .array(nodes.map(\.json))
        case .mapping(let entries):
            var object = JSON.Object()
            object.reserveCapacity(entries.count)
            for entry in entries {
                object[entry.key.scalar?.text ?? ""] = entry.value.json
            }
            return .object(object)
        }
    }
}

/// Text as it stands in a document, and how it was quoted.
package struct Scalar: Sendable, Hashable {
    package enum Style: Sendable, Hashable {
        case plain, single, double, literal, folded
    }

    package var text: String
    package var style: Style

    package init(text: String, style: Style) {
        self.text = text
        self.style = style
    }

    /// What the text means under the YAML 1.2 core schema; only plain text can be anything but a string.
    package var value: ScalarValue {
        guard style == .plain else { return .string(text) }
        return switch PlainScalar(text).reading {
        case .value(let value): value
        case .ambiguous: .string(text)
        }
    }
}

/// What a scalar means.
package enum ScalarValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)

    package var json: JSON.Value {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let value): .string(value)
        }
    }

    package var kindName: String {
        switch self {
        case .null: "nothing"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "text"
        }
    }
}

/// A value that was read, and where it stands.
package struct Located<Value> {
    package var value: Value
    package var place: Place

    package init(_ value: Value, at place: Place) {
        self.value = value
        self.place = place
    }

    package func map<Other>(_ transform: (Value) -> Other) -> Located<Other> {
        Located<Other>(transform(value), at: place)
    }
}

extension Located: Sendable where Value: Sendable {}
extension Located: Equatable where Value: Equatable {}
extension Located: Hashable where Value: Hashable {}

extension Place {
    /// From one mark to another; what goes on beyond its first line is one wide.
    init(file: String, from start: Node.Mark, to end: Node.Mark) {
        let isOneLine = start.line == end.line && end.column > start.column
        self.init(
            file: file,
            line: start.line,
            column: start.column,
            length: isOneLine ? end.column - start.column : 1
        )
    }
}
