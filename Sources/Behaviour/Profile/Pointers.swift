package import Core

/// Five places in the recordings, drawn fairly.
package struct Pointers: Sendable {
    private static let limit = 5
    /// By hash, then by place.
    private var entries: [(key: UInt64, pointer: EvidencePointer)] = []

    package init() {}

    package var places: [EvidencePointer] { entries.map(\.pointer) }

    mutating func note(_ pointer: EvidencePointer?) {
        guard let pointer else { return }
        // A fixed key will do: nothing hangs on which places are shown.
        let line = UInt64(bitPattern: Int64(pointer.line)) &* 0x9E37_79B9_7F4A_7C15
        if let last = entries.last, entries.count == Self.limit, line ^ line >> 29 > last.key { return }
        add(line ^ line >> 29, pointer)
    }

    private mutating func add(_ key: UInt64, _ pointer: EvidencePointer) {
        guard !entries.contains(where: { $0.key == key && $0.pointer == pointer }) else { return }
        let place = entries.firstIndex { entry in
            entry.key == key
                ? entry.pointer.line == pointer.line
                    ? precedes(pointer.file, entry.pointer.file) : pointer.line < entry.pointer.line
                : key < entry.key
        }
        entries.insert((key, pointer), at: place ?? entries.endIndex)
        if entries.count > Self.limit { entries.removeLast() }
    }
}

extension Pointers: Mergeable {
    package mutating func merge(_ other: Pointers) {
        for entry in other.entries { add(entry.key, entry.pointer) }
    }

    package var json: JSON.Value {
        .array(entries.map { .array([.string($0.pointer.file), .integer(Int64($0.pointer.line))]) })
    }

    package init?(json: JSON.Value) {
        let read = { (value: JSON.Value) -> EvidencePointer? in
            guard let file = value[0]?.string, let line = Form.count(value[1]) else { return nil }
            return EvidencePointer(file: file, line: line)
        }
        guard let places = Form.list(json, read) else { return nil }
        for place in places { note(place) }
    }
}
