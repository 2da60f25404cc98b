/// The right edge of a growing tree: the tile of each level that is not full yet, and nothing of what lies to its left.
///
/// From it follow the root, and with each entry the tiles that become full.
package struct TreeFrontier: Hashable, Sendable {
    package private(set) var size = 0
    /// The hashes of the tiles at the edge by level; no level is empty above the highest that is used.
    package private(set) var levels: [[TreeHash]] = []

    package init() {}

    /// The edge of a tree of this size from its tiles; nothing where their widths are not those of the size.
    package init?(size: Int, tiles: [TileName: [TreeHash]]) {
        self.size = size
        var rest = size
        while rest > 0 {
            let width = rest % TileName.fullWidth
            let name = TileName(.hashes(level: levels.count), index: rest / TileName.fullWidth, width: width)
            let hashes = width == 0 ? [] : tiles[name]
            guard let hashes, hashes.count == width else { return nil }
            levels.append(hashes)
            rest /= TileName.fullWidth
        }
    }

    /// The root of the tree as it is (RFC 6962 §2.1).
    package var root: TreeHash {
        var root: TreeHash?
        for hashes in levels { root = TreeHash.root(over: hashes[...], rest: root) }
        return root ?? .empty
    }

    /// Adds the hash of one entry, and hands on each tile that is full with it.
    package mutating func append(_ leaf: TreeHash, whenFull: (TileName, [TreeHash]) -> Void) {
        size += 1
        var hash = leaf
        var level = 0
        var index = (size - 1) / TileName.fullWidth
        while true {
            if level == levels.count { levels.append([]) }
            levels[level].append(hash)
            guard levels[level].count == TileName.fullWidth else { return }
            let hashes = levels[level]
            levels[level].removeAll(keepingCapacity: true)
            whenFull(TileName(.hashes(level: level), index: index), hashes)
            guard let above = TreeHash.root(over: hashes[...]) else { return }
            hash = above
            level += 1
            index /= TileName.fullWidth
        }
    }

    /// The tiles at the edge that have something in them.
    package var partialTiles: [(name: TileName, hashes: [TreeHash])] {
        var rest = size
        return levels.enumerated().compactMap { level, hashes in
            rest /= TileName.fullWidth
            guard !hashes.isEmpty else { return nil }
            return (TileName(.hashes(level: level), index: rest, width: hashes.count), hashes)
        }
    }
}
