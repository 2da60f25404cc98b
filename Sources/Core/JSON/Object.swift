extension JSON {
    /// The members of a JSON object, in the order in which they were written.
    ///
    /// Equality and hash ignore the order. A key is found by comparing a few, and by hash in a large object.
    package struct Object: Sendable {
        fileprivate struct Member: Sendable {
            var key: String
            var value: Value
        }

        /// Up to this many members a comparison of all keys is quicker than a hash.
        private static let smallCount = 12

        fileprivate var members: [Member] = []
        /// Where each key stands; empty while the object is small.
        private var positions: [Name: Int] = [:]

        package init() {}

        /// An object of these members; of two equal keys the later one wins, at the place of the first.
        package init(_ members: some Sequence<(key: String, value: Value)>) {
            self.members.reserveCapacity(members.underestimatedCount)
            for member in members {
                self[member.key] = member.value
            }
        }

        package var count: Int { members.count }
        package var isEmpty: Bool { members.isEmpty }
        package var keys: [String] { members.map(\.key) }
        package var values: [Value] { members.map(\.value) }

        /// The member of this name; setting nil removes it, setting a new one appends it.
        package subscript(key: String) -> Value? {
            get { position(of: key).map { members[$0].value } }
            set {
                switch (position(of: key), newValue) {
                case (let position?, let value?): members[position].value = value
                case (nil, let value?): append(key, value)
                case (let position?, nil):
                    members.remove(at: position)
                    positions = [:]
                    if count > Self.smallCount { indexAll() }
                case (nil, nil): break
                }
            }
        }

        package mutating func reserveCapacity(_ count: Int) {
            members.reserveCapacity(count)
        }

        /// Adds a member whose key is known to be new.
        mutating func append(_ key: String, _ value: Value) {
            members.append(Member(key: key, value: value))
            if count == Self.smallCount + 1 {
                indexAll()
            } else if count > Self.smallCount {
                positions[Name(key)] = count - 1
            }
        }

        private mutating func indexAll() {
            positions.reserveCapacity(count)
            for (position, member) in members.enumerated() {
                positions[Name(member.key)] = position
            }
        }

        private func position(of key: String) -> Int? {
            if count > Self.smallCount { return positions[Name(key)] }
            let name = Name(key)
            return members.firstIndex { Name($0.key) == name }
        }
    }

    /// A string that is equal to another only if every byte is: `String` also equates different spellings of `é`.
    struct Name: Hashable, Sendable {
        let text: String

        init(_ text: String) { self.text = text }

        static func == (left: Name, right: Name) -> Bool {
            left.text.utf8.count == right.text.utf8.count && left.text.utf8.elementsEqual(right.text.utf8)
        }

        func hash(into hasher: inout Hasher) {
            var feed = ByteFeed()
            for byte in text.utf8 { feed.add(byte, to: &hasher) }
            feed.finish(&hasher)
        }
    }

    /// Hands single bytes to a hasher eight at a time.
    struct ByteFeed {
        private var word: UInt64 = 0
        private var filled: UInt64 = 0
        private var count = 0

        mutating func add(_ byte: UInt8, to hasher: inout Hasher) {
            word |= UInt64(byte) &<< filled
            filled &+= 8
            count &+= 1
            if filled == 64 {
                hasher.combine(word)
                (word, filled) = (0, 0)
            }
        }

        func finish(_ hasher: inout Hasher) {
            hasher.combine(word)
            hasher.combine(count)
        }
    }
}

extension JSON.Object: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        guard left.count == right.count else { return false }
        return left.members.allSatisfy { right[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        // A sum does not depend on the order.
        var sum = 0
        for member in members {
            var inner = Hasher()
            inner.combine(JSON.Name(member.key))
            inner.combine(member.value)
            sum &+= inner.finalize()
        }
        hasher.combine(count)
        hasher.combine(sum)
    }
}

extension JSON.Object: Sequence {
    package struct Iterator: IteratorProtocol {
        private var base: IndexingIterator<[Member]>

        fileprivate init(_ members: [Member]) { base = members.makeIterator() }

        package mutating func next() -> (key: String, value: JSON.Value)? {
            base.next().map { ($0.key, $0.value) }
        }
    }

    package func makeIterator() -> Iterator { Iterator(members) }
    package var underestimatedCount: Int { count }
}

extension JSON.Object: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON.Value)...) {
        self.init(elements.lazy.map { (key: $0.0, value: $0.1) })
    }
}
