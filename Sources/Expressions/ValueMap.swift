/// A map of the language: insertion order kept, keys `bool`, `int`, `uint` or `string`, and `1 == 1u == 1.0` as keys.
package struct ValueMap: Sendable {
    private var index: [Key: Int] = [:]
    private var entries: [(key: Value, value: Value)] = []

    package init() {}

    /// Makes a map with string keys, the usual shape of what a host binds; of two equal keys the last one counts.
    package init(_ pairs: some Sequence<(String, Value)>) {
        for (key, value) in pairs { set(.string(key), to: value) }
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    package var keys: [Value] { entries.map(\.key) }

    /// The value under a key of any kind; a `double` finds an integer key of the same magnitude.
    package subscript(key: Value) -> Value? {
        guard let position = Key(key).flatMap({ index[$0] }) else { return nil }
        return entries[position].value
    }

    package subscript(key: String) -> Value? { self[.string(key)] }

    /// Adds an entry and says whether the key was new; a key of a type that cannot be one is not added.
    @discardableResult
    package mutating func insert(_ key: Value, _ value: Value) -> Insertion {
        guard Self.isKey(key), let hashed = Key(key) else { return .unsupportedKey }
        guard index[hashed] == nil else { return .duplicateKey }
        index[hashed] = entries.count
        entries.append((key, value))
        return .inserted
    }

    private mutating func set(_ key: Value, to value: Value) {
        if let position = Key(key).flatMap({ index[$0] }) {
            entries[position].value = value
        } else {
            insert(key, value)
        }
    }

    private static func isKey(_ value: Value) -> Bool {
        switch value {
        case .bool, .int, .uint, .string: true
        default: false
        }
    }

    package enum Insertion: Sendable {
        case inserted
        case duplicateKey
        case unsupportedKey
    }

    /// A key with one form for equal numbers.
    private enum Key: Hashable {
        case bool(Bool)
        case signed(Int64)
        case unsigned(UInt64)
        case string(String)

        init?(_ value: Value) {
            switch value {
            case .bool(let value): self = .bool(value)
            case .int(let value): self = .signed(value)
            case .uint(let value): self = Int64(exactly: value).map(Key.signed) ?? .unsigned(value)
            case .string(let value): self = .string(value)
            case .double(let value):
                if let signed = Int64(exactly: value) {
                    self = .signed(signed)
                } else if let unsigned = UInt64(exactly: value) {
                    self = .unsigned(unsigned)
                } else {
                    return nil
                }
            default: return nil
            }
        }

        static func == (left: Key, right: Key) -> Bool {
            switch (left, right) {
            case (.bool(let left), .bool(let right)): left == right
            case (.signed(let left), .signed(let right)): left == right
            case (.unsigned(let left), .unsigned(let right)): left == right
            case (.string(let left), .string(let right)): left.hasSameCodePoints(as: right)
            default: false
            }
        }

        // Equal code points have equal canonical forms, so that Swift's hash of a string agrees with the finer `==`.
        func hash(into hasher: inout Hasher) {
            switch self {
            case .bool(let value): hasher.combine(value)
            case .signed(let value): hasher.combine(value)
            case .unsigned(let value): hasher.combine(value)
            case .string(let value): hasher.combine(value)
            }
        }
    }
}

extension ValueMap: Sequence {
    package func makeIterator() -> IndexingIterator<[(key: Value, value: Value)]> { entries.makeIterator() }
}
