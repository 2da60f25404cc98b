extension JSON {
    /// Where every value of one text stands, found in a single checking pass that builds no values.
    ///
    /// The outline holds offsets only; the bytes stay with the caller, who hands them in beside each question and must
    /// hand in the same ones. One outline can scan text after text and keeps its storage. A request costs no allocation
    /// once the storage is warm, and what is found can be sliced from the original bytes and passed on untouched.
    ///
    ///     var outline = JSON.Outline()
    ///     try outline.scan(bytes)
    ///     let name = outline.find(["params", "name"], in: bytes)
    ///     let arguments = outline.find(["params", "arguments"], in: bytes).map(outline.range)
    package struct Outline: Sendable {
        /// What a value is, as far as its first bytes tell.
        package enum Kind: UInt8, Sendable, Hashable {
            case null, `true`, `false`, integer, number, string, array, object
        }

        /// One value or key of the outline that made it.
        package struct Node: Sendable, Hashable {
            let position: Int
        }

        struct Entry: Sendable {
            var start: UInt32
            var end: UInt32
            /// The position after this value and all that is in it.
            var next: UInt32
            var kind: Kind
            /// A string with escapes, or a whole number that no double holds exactly.
            var isMarked: Bool
        }

        /// In the order of the text; a key stands before its value.
        var entries: [Entry] = []
        /// The positions of the arrays and objects that are open while scanning.
        var open: [Int] = []
        /// Slots for finding equal keys in a large object; 0 is free, as the root is no key.
        var slots: [UInt32] = []

        package init() {}

        /// The outermost value; ask only after a scan that succeeded.
        package var root: Node { Node(position: 0) }

        package func kind(of node: Node) -> Kind { entries[node.position].kind }

        /// Where the value stands in the text, with its quotes or brackets and without the space around it.
        package func range(of node: Node) -> Range<Int> {
            let entry = entries[node.position]
            return Int(entry.start)..<Int(entry.end)
        }

        /// The elements of an array, or keys and values in turn of an object.
        package func children(of node: Node) -> Children {
            let entry = entries[node.position]
            return Children(entries: entries, position: node.position + 1, end: Int(entry.next))
        }

        /// The members of an object in their order; none where the node is no object.
        package func members(of node: Node) -> Members {
            let isObject = kind(of: node) == .object
            let end = isObject ? Int(entries[node.position].next) : 0
            return Members(entries: entries, position: node.position + 1, end: end)
        }

        /// The first whole number that would be rounded when read as a double, as RFC 8785 and ECMAScript do.
        ///
        /// Two texts with different such numbers can have the same canonical form, so a digest must not vouch for them.
        package var firstRoundedInteger: Node? {
            entries.firstIndex { $0.kind != .string && $0.isMarked }.map(Node.init)
        }
    }
}

extension JSON.Outline {
    package struct Children: Sequence, IteratorProtocol {
        fileprivate let entries: [Entry]
        fileprivate var position: Int
        fileprivate let end: Int

        package mutating func next() -> Node? {
            guard position < end else { return nil }
            defer { position = Int(entries[position].next) }
            return Node(position: position)
        }
    }

    package struct Members: Sequence, IteratorProtocol {
        fileprivate let entries: [Entry]
        fileprivate var position: Int
        fileprivate let end: Int

        package mutating func next() -> (key: Node, value: Node)? {
            guard position < end else { return nil }
            defer { position = Int(entries[position + 1].next) }
            return (Node(position: position), Node(position: position + 1))
        }
    }

    /// The member of this name, or nil where the node is no object or has none.
    package func member(_ name: String, of node: Node, in bytes: Span<UInt8>) -> Node? {
        let entry = entries[node.position]
        guard entry.kind == .object else { return nil }
        let wanted = name.utf8.span
        let entries = entries.span
        var position = node.position + 1
        while position < Int(entry.next) {
            let key = entries[position]
            if key.isMarked {
                if isText(Node(position: position), name, in: bytes) { return Node(position: position + 1) }
            } else if Int(key.end &- key.start) &- 2 == wanted.count,
                // Most keys differ in their length already.
                ByteSearch.isSame(bytes.extracting(Int(key.start) + 1..<Int(key.end) - 1), wanted)
            {
                return Node(position: position + 1)
            }
            position = Int(entries[position + 1].next)
        }
        return nil
    }

    /// A bit for each name that the members of an object have, so that one that no member has is mostly known at once.
    package func nameBits(of node: Node, in bytes: Span<UInt8>) -> UInt64 {
        let object = entries[node.position]
        guard object.kind == .object else { return 0 }
        let entries = entries.span
        var bits: UInt64 = 0
        var position = node.position + 1
        while position < Int(object.next) {
            let key = entries[position]
            // An escape may stand for any name.
            if key.isMarked { return .max }
            bits |= Self.nameBit(bytes[Int(key.start) + 1], Int(key.end &- key.start) &- 2)
            position = Int(entries[position + 1].next)
        }
        return bits
    }

    /// The bit of a name by its first byte, which is the quote of a name that is empty, and its length.
    package static func nameBit(_ first: UInt8, _ count: Int) -> UInt64 {
        1 &<< (UInt64(first) &+ UInt64(truncatingIfNeeded: count) &* 7)
    }

    /// The value that is reached from the root by these names.
    package func find(_ path: [String], in bytes: Span<UInt8>) -> Node? {
        guard !entries.isEmpty else { return nil }
        var node = root
        for name in path {
            guard let inner = member(name, of: node, in: bytes) else { return nil }
            node = inner
        }
        return node
    }

    /// Whether the node is a string with exactly this content; escapes in the text do not matter.
    package func isText(_ node: Node, _ text: String, in bytes: Span<UInt8>) -> Bool {
        let entry = entries[node.position]
        guard entry.kind == .string else { return false }
        let utf8 = text.utf8
        if entry.isMarked {
            var left = JSON.Unescaped(entry)
            for byte in utf8 where left.next(in: bytes) != byte { return false }
            return left.next(in: bytes) == nil
        }
        return ByteSearch.isSame(bytes.extracting(Int(entry.start) + 1..<Int(entry.end) - 1), utf8.span)
    }

    /// The content of a string, or nil for anything else.
    package func text(of node: Node, in bytes: Span<UInt8>) -> String? {
        let entry = entries[node.position]
        guard entry.kind == .string else { return nil }
        if entry.isMarked {
            return Self.unescaped(entry, bytes)
        }
        return Self.string(bytes.extracting(Int(entry.start) + 1..<Int(entry.end) - 1))
    }

    /// The node and all that is in it as a value.
    package func value(of node: Node, in bytes: Span<UInt8>) -> JSON.Value {
        switch kind(of: node) {
        case .null: return .null
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .integer, .number: return JSON.number(bytes.extracting(range(of: node)))
        case .string: return .string(text(of: node, in: bytes) ?? "")
        case .array:
            return .array(children(of: node).map { value(of: $0, in: bytes) })
        case .object:
            var object = JSON.Object()
            for (key, inner) in members(of: node) {
                object.append(text(of: key, in: bytes) ?? "", value(of: inner, in: bytes))
            }
            return .object(object)
        }
    }

    /// What a checked string with escapes stands for, which is never longer than the string itself.
    private static func unescaped(_ entry: Entry, _ bytes: Span<UInt8>) -> String {
        let end = Int(entry.end) - 1
        return unsafe String(unsafeUninitializedCapacity: end - Int(entry.start)) { buffer in
            var cursor = JSON.Unescaped(entry)
            var count = 0
            while true {
                // Most of a long text is plain between one escape and the next, and is copied as it stands.
                let run = cursor.plainRun(in: bytes)
                // Only other bytes than the scanned ones could need more room than there is.
                guard count + run.count < buffer.count else { return count }
                if !run.isEmpty {
                    unsafe bytes.extracting(run).withUnsafeBufferPointer { piece in
                        _ = unsafe buffer[count..<count + piece.count].update(fromContentsOf: piece)
                    }
                    count += run.count
                }
                guard let byte = cursor.next(in: bytes) else { return count }
                unsafe buffer[count] = byte
                count += 1
            }
        }
    }

    static func string(_ bytes: Span<UInt8>) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes))
        } catch {
            // The scan has checked these bytes; only other bytes than the scanned ones lead here.
            var copy: [UInt8] = []
            for at in bytes.indices { copy.append(bytes[at]) }
            return String(decoding: copy, as: UTF8.self)
        }
    }
}
