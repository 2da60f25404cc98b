import Core

/// The scalars of a call's arguments, with the way to each.
///
/// A list or an object that was written as a text is opened, since models write both forms of the same thing. List
/// positions leave no trace in a path: `["a"]` and `"a"` are the same.
struct ArgumentLeaves {
    struct Leaf {
        var argument: String
        var path: String
        /// RFC 6901; of the argument as a whole where it was a text that was opened.
        var pointer: String
        var value: JSON.Value
    }

    /// The path below which nothing was looked at, since there was too much.
    static let omitted = "…"
    static let maxDepth = 32
    static let maxLeaves = 4096
    /// A text longer than this is not opened.
    static let maxOpenedBytes = 1 << 20

    private(set) var leaves: [Leaf] = []
    private(set) var listLengths: [String: Int] = [:]
    private(set) var exceedsLimits = false

    init(_ arguments: JSON.Object) {
        for (key, value) in arguments {
            let opened = Self.opened(value)
            // A key with a slash must not pass for the way into an object.
            let name = Self.escaped(key)
            let pointer = "/" + name
            let value = opened ?? value
            if case .array(let elements) = value { listLengths[name] = elements.count }
            if CanonicalLeaf.isScalar(value) {
                append(Leaf(argument: name, path: name, pointer: pointer, value: value))
            } else {
                walk(value, argument: name, path: name, pointer: pointer, pointsInside: opened == nil, depth: 0)
            }
        }
    }

    private mutating func append(_ leaf: Leaf) {
        guard leaves.count < Self.maxLeaves else {
            exceedsLimits = true
            return
        }
        leaves.append(leaf)
    }

    private mutating func walk(
        _ value: JSON.Value,
        argument: String,
        path: String,
        pointer: String,
        pointsInside: Bool,
        depth: Int
    ) {
        guard !exceedsLimits else { return }
        guard depth < Self.maxDepth else {
            exceedsLimits = true
            return
        }
        switch value {
        case .array(let elements):
            for (position, element) in elements.enumerated() {
                let inner = pointsInside ? "\(pointer)/\(position)" : pointer
                walk(
                    element,
                    argument: argument,
                    path: path,
                    pointer: inner,
                    pointsInside: pointsInside,
                    depth: depth + 1
                )
            }
        case .object(let object):
            for (key, element) in object {
                let name = Self.escaped(key)
                walk(
                    element,
                    argument: argument,
                    path: "\(path)/\(name)",
                    pointer: pointsInside ? "\(pointer)/\(name)" : pointer,
                    pointsInside: pointsInside,
                    depth: depth + 1
                )
            }
        default: append(Leaf(argument: argument, path: path, pointer: pointer, value: value))
        }
    }

    private static func opened(_ value: JSON.Value) -> JSON.Value? {
        guard case .string(let text) = value, text.utf8.count <= maxOpenedBytes,
            let first = text.utf8.first(where: { !ASCII.isSpace($0) }),
            first == UInt8(ascii: "[") || first == UInt8(ascii: "{"),
            let inner = StructuredResult.parse(TextFolding.trimmed(text))
        else { return nil }
        return inner
    }

    /// The key as one step of a path (RFC 6901).
    static func escaped(_ key: String) -> String {
        guard key.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "~") }) else { return key }
        var result = ""
        for character in key.unicodeScalars {
            switch character {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

private enum CanonicalLeaf {
    /// An empty list or object counts as a value, at the top only.
    static func isScalar(_ value: JSON.Value) -> Bool {
        switch value {
        case .array(let elements): elements.isEmpty
        case .object(let object): object.isEmpty
        default: true
        }
    }
}
