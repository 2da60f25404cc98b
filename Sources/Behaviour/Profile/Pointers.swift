package import Core

/// Five places in the recordings, drawn fairly.
package struct Pointers: Sendable {
    private static let limit = 5
    /// By hash, then by place.
    private var entries: [(key: UInt64, pointer: EvidencePointer)] = []

    package init() {}

    package var places: [EvidencePointer] { entries.map(\.pointer) }

    /// Where a call stands among others; the same place is noted again and again, so that the key is made once.
    static func key(of pointer: EvidencePointer) -> UInt64 {
        // A fixed key will do: nothing hangs on which places are shown. FNV-1a.
        var key: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in pointer.session.utf8 { key = (key ^ UInt64(byte)) &* 0x100_0000_01B3 }
        key = (key ^ UInt64(bitPattern: pointer.sequence)) &* 0x9E37_79B9_7F4A_7C15
        return key ^ key >> 29
    }

    mutating func note(_ call: TracedCall) {
        if let pointer = call.pointer { note(pointer, call.pointerKey) }
    }

    private mutating func note(_ pointer: EvidencePointer, _ key: UInt64) {
        if let last = entries.last, entries.count == Self.limit, key > last.key { return }
        add(key, pointer)
    }

    private mutating func add(_ key: UInt64, _ pointer: EvidencePointer) {
        guard !entries.contains(where: { $0.key == key && $0.pointer == pointer }) else { return }
        let place = entries.firstIndex { entry in
            entry.key == key
                ? entry.pointer.sequence == pointer.sequence
                    ? precedes(pointer.session, entry.pointer.session)
                    : pointer.sequence < entry.pointer.sequence
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
        .array(entries.map { .array([.string($0.pointer.session), .integer($0.pointer.sequence)]) })
    }

    package func write(to bytes: inout [UInt8]) {
        Form.append(list: entries, to: &bytes) { $0.pointer.write(to: &$1) }
    }

    package init?(json: JSON.Value) {
        let read = { (value: JSON.Value) -> EvidencePointer? in
            guard let session = value[0]?.string, let sequence = value[1]?.int else { return nil }
            return EvidencePointer(session: session, sequence: sequence)
        }
        guard let places = Form.list(json, read) else { return nil }
        for place in places { note(place, Self.key(of: place)) }
    }
}

extension EvidencePointer {
    func write(to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(text: session, to: &$1)
            $0.add(.integer(sequence), to: &$1)
        }
    }
}
