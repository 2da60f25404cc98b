/// A tree of some size as its tiles give it: roots of ranges and proofs, each from the few tiles that it needs.
///
/// The tiles may be a stranger's; what is made of them is checked against a signed root by whoever uses it.
package struct TileTree<Source: TileSource> {
    package let size: Int
    private let source: Source
    private var tiles: [TileName: [TreeHash]] = [:]
    /// The roots that were needed once: many proofs of one tree share most of them.
    private var roots: [Range<Int>: TreeHash] = [:]

    package init(size: Int, source: Source) {
        self.size = size
        self.source = source
    }

    package mutating func root() throws(AuditError) -> TreeHash {
        size == 0 ? .empty : try hash(of: 0..<size)
    }

    /// The audit path of an entry (RFC 6962 §2.1.1), from its sibling up.
    package mutating func inclusion(of index: Int) throws(AuditError) -> [TreeHash] {
        guard (0..<size).contains(index) else { throw Self.outOfRange(index, size) }
        var path: [TreeHash] = []
        var range = 0..<size
        while range.count > 1 {
            let middle = range.lowerBound + Self.split(range.count)
            if index < middle {
                path.append(try hash(of: middle..<range.upperBound))
                range = range.lowerBound..<middle
            } else {
                path.append(try hash(of: range.lowerBound..<middle))
                range = middle..<range.upperBound
            }
        }
        return path.reversed()
    }

    /// The proof that this tree begins with the one of an earlier size (RFC 6962 §2.1.2); empty where the sizes are equal.
    package mutating func consistency(from old: Int) throws(AuditError) -> [TreeHash] {
        guard old > 0, old <= size else {
            throw AuditError(.outOfRange, "a tree of \(size) entries cannot be compared with one of \(old)")
        }
        var path: [TreeHash] = []
        var range = 0..<size
        var rest = old
        // Whether the old tree is what lies to the left, whose root the verifier has already.
        var isKnown = true
        while rest < range.count {
            let left = Self.split(range.count)
            let middle = range.lowerBound + left
            if rest <= left {
                path.append(try hash(of: middle..<range.upperBound))
                range = range.lowerBound..<middle
            } else {
                path.append(try hash(of: range.lowerBound..<middle))
                range = middle..<range.upperBound
                rest -= left
                isKnown = false
            }
        }
        if !isKnown { path.append(try hash(of: range)) }
        return path.reversed()
    }

    private mutating func hash(of range: Range<Int>) throws(AuditError) -> TreeHash {
        let count = range.count
        if count & (count - 1) == 0 { return try perfect(range) }
        let middle = range.lowerBound + Self.split(count)
        let left = try perfect(range.lowerBound..<middle)
        return .node(left, try hash(of: middle..<range.upperBound))
    }

    /// The root of a full subtree, out of the tile that holds it or the hashes that it is made of.
    private mutating func perfect(_ range: Range<Int>) throws(AuditError) -> TreeHash {
        if let known = roots[range] { return known }
        let height = range.count.trailingZeroBitCount
        let level = height / 8
        let first = range.lowerBound >> (8 * level)
        let index = first / TileName.fullWidth
        let all = size >> (8 * level)
        let width = min(TileName.fullWidth, all - index * TileName.fullWidth)
        let name = TileName(.hashes(level: level), index: index, width: width)
        let start = first % TileName.fullWidth
        let hashes = try tile(name)[start..<(start + 1 << (height - 8 * level))]
        guard let root = TreeHash.root(over: hashes) else { throw Self.outOfRange(range.lowerBound, size) }
        roots[range] = root
        return root
    }

    private mutating func tile(_ name: TileName) throws(AuditError) -> [TreeHash] {
        if let known = tiles[name] { return known }
        let hashes = try source.hashes(name)
        tiles[name] = hashes
        return hashes
    }

    /// The largest power of two below a number of entries.
    private static func split(_ count: Int) -> Int {
        1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }

    private static func outOfRange(_ index: Int, _ size: Int) -> AuditError {
        AuditError(.outOfRange, "there is no entry \(index) in a log of \(size)")
    }
}

/// Whatever hands out the tiles of a log: a folder, or the bytes that a test made.
package protocol TileSource {
    /// The hashes of a tile, as many as its name says; a wider tile of the same place serves too.
    func hashes(_ name: TileName) throws(AuditError) -> [TreeHash]
}
