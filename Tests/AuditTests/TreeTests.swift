import Audit
import Core
import Testing

@Suite struct TreeTests {
    /// Test values of the Certificate Transparency project for RFC 6962 (`merkletree/tree_hasher_test.cc`).
    @Test func knownHashesComeOut() {
        #expect(
            TreeHash.empty.description
                == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        #expect(
            TreeHash.leaf([]).description
                == "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        )
        let nodes = TreeHash.node(.leaf([0]), .leaf([1])).bytes
        #expect(nodes == Digest.sha256([1] + TreeHash.leaf([0]).bytes + TreeHash.leaf([1]).bytes).bytes)
        #expect(TreeHash.leaf([0]).bytes == Digest.sha256([0, 0]).bytes)
    }

    /// The tree of seven entries that RFC 6962 §2.1.3 draws, with its node names.
    @Test func theExampleOfTheRFCComesOut() throws {
        let d = leaves(7)
        let g = TreeHash.node(d[0], d[1])
        let h = TreeHash.node(d[2], d[3])
        let i = TreeHash.node(d[4], d[5])
        let j = d[6]
        let k = TreeHash.node(g, h)
        let l = TreeHash.node(i, j)
        var tree = TileTree(size: 7, source: MadeTiles(d))
        #expect(try tree.root() == .node(k, l))
        #expect(try tree.inclusion(of: 0) == [d[1], h, l])
        #expect(try tree.inclusion(of: 3) == [d[2], g, l])
        #expect(try tree.inclusion(of: 4) == [d[5], j, k])
        #expect(try tree.inclusion(of: 6) == [i, k])
        #expect(try tree.consistency(from: 3) == [d[2], d[3], g, l])
        #expect(try tree.consistency(from: 4) == [l])
        #expect(try tree.consistency(from: 6) == [i, j, k])
    }

    @Test(arguments: [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 200, 255, 256, 257, 300,
    ])
    func tilesGiveWhatTheDefinitionGives(size: Int) throws {
        let all = leaves(size)
        var tree = TileTree(size: size, source: MadeTiles(all))
        #expect(try tree.root() == NaiveTree.root(all[...]))
        for index in Set([0, size / 3, size / 2, size - 1]) {
            #expect(try tree.inclusion(of: index) == NaiveTree.path(index, all[...]))
            #expect(try tree.consistency(from: index + 1) == NaiveTree.consistency(index + 1, all[...]))
        }
    }

    @Test(arguments: 0..<6) func everyEntryOfEverySizeIsProved(part: Int) throws {
        let all = leaves(300)
        for size in 1...300 where size % 6 == part {
            let tiles = MadeTiles(Array(all[..<size]))
            var tree = TileTree(size: size, source: tiles)
            let root = try tree.root()
            #expect(root == tiles.frontier.root)
            var isProved = true
            for index in 0..<size {
                let path = try tree.inclusion(of: index)
                isProved =
                    isProved
                    && MerkleProof.includes(leaf: all[index], index: index, size: size, path: path, root: root)
                    && !MerkleProof.includes(leaf: all[index], index: index + 1, size: size, path: path, root: root)
            }
            #expect(isProved, "size \(size)")
        }
    }

    @Test(arguments: 0..<6) func everyPairOfSizesIsProved(part: Int) throws {
        let all = leaves(300)
        var roots = [TreeHash.empty]
        var frontier = TreeFrontier()
        for leaf in all {
            frontier.append(leaf) { _, _ in }
            roots.append(frontier.root)
        }
        for size in 1...300 where size % 6 == part {
            var tree = TileTree(size: size, source: MadeTiles(Array(all[..<size])))
            var isProved = true
            for old in 1...size {
                let path = try tree.consistency(from: old)
                let new = (size, roots[size])
                isProved =
                    isProved && MerkleProof.extends(old: (old, roots[old]), new: new, path: path)
                    && !MerkleProof.extends(old: (old, roots[old - 1]), new: new, path: path)
            }
            #expect(isProved, "size \(size)")
        }
    }

    @Test(arguments: [2, 3, 7, 64, 65, 257, 300]) func anyChangedBitOfAProofIsRefused(size: Int) throws {
        let all = leaves(size)
        var tree = TileTree(size: size, source: MadeTiles(all))
        let root = try tree.root()
        let old = size / 2
        let oldRoot = NaiveTree.root(all[..<old])
        let index = size - 1
        let inclusion = try tree.inclusion(of: index)
        let growth = try tree.consistency(from: old)
        for (place, hash) in inclusion.enumerated() {
            for bit in 0..<256 {
                var path = inclusion
                path[place] = try flipped(hash, bit)
                #expect(!MerkleProof.includes(leaf: all[index], index: index, size: size, path: path, root: root))
            }
        }
        for (place, hash) in growth.enumerated() {
            for bit in 0..<256 {
                var path = growth
                path[place] = try flipped(hash, bit)
                #expect(!MerkleProof.extends(old: (old, oldRoot), new: (size, root), path: path))
            }
        }
        for bit in 0..<256 {
            let other = try flipped(root, bit)
            #expect(!MerkleProof.includes(leaf: all[index], index: index, size: size, path: inclusion, root: other))
            #expect(!MerkleProof.extends(old: (old, oldRoot), new: (size, other), path: growth))
            #expect(!MerkleProof.extends(old: (old, try flipped(oldRoot, bit)), new: (size, root), path: growth))
        }
    }

    @Test func impossibleNumbersAreRefused() {
        let hash = TreeHash.leaf([])
        let many = [TreeHash](repeating: hash, count: 70)
        for (index, size) in [(0, 0), (-1, 1), (1, 1), (Int.max, Int.max), (Int.min, 3), (5, -1)] {
            #expect(MerkleProof.root(leaf: hash, index: index, size: size, path: []) == nil)
            #expect(MerkleProof.root(leaf: hash, index: index, size: size, path: many) == nil)
        }
        for (old, new) in [(0, 0), (0, 5), (-1, 4), (5, 4), (Int.min, Int.max), (Int.max, Int.min)] {
            #expect(!MerkleProof.extends(old: (old, hash), new: (new, hash), path: []))
            #expect(!MerkleProof.extends(old: (old, hash), new: (new, hash), path: many))
        }
        #expect(!MerkleProof.extends(old: (Int.max - 1, hash), new: (Int.max, hash), path: Array(many[..<63])))
        for range in [1..<3, 6..<9, Int.max - 1..<Int.max, 3..<Int.max] {
            #expect(!MerkleProof.contains(subtree: range, hash: hash, size: Int.max, root: hash, path: []))
        }
        var tree = TileTree(size: 3, source: MadeTiles(leaves(3)))
        #expect(throws: AuditError.self) { try tree.inclusion(of: 3) }
        #expect(throws: AuditError.self) { try tree.inclusion(of: -1) }
        #expect(throws: AuditError.self) { try tree.consistency(from: 0) }
        #expect(throws: AuditError.self) { try tree.consistency(from: 4) }
    }

    @Test(arguments: 0..<4) func anEdgeIsMadeAgainFromItsTiles(seed: UInt64) throws {
        var random = SplitMix(seed)
        for _ in 0..<8 {
            let size = Int.random(in: 0...1500, using: &random)
            let made = MadeTiles(leaves(size))
            var edge = try #require(TreeFrontier(size: size, tiles: made.tiles))
            #expect(edge == made.frontier)
            var other = made.frontier
            for leaf in leaves(600) {
                edge.append(leaf) { _, _ in }
                other.append(leaf) { _, _ in }
            }
            #expect(edge.root == other.root)
            #expect(edge.root == NaiveTree.root((leaves(size) + leaves(600))[...]))
        }
    }

    private func flipped(_ hash: TreeHash, _ bit: Int) throws -> TreeHash {
        var bytes = hash.bytes
        bytes[bit / 8] ^= 1 << (bit % 8)
        return try #require(TreeHash(bytes))
    }
}

@Suite struct TileTests {
    @Test(arguments: [
        ("tile/0/000", TileName(.hashes(level: 0), index: 0)),
        ("tile/0/x001/x234/067", TileName(.hashes(level: 0), index: 1_234_067)),
        ("tile/3/999.p/255", TileName(.hashes(level: 3), index: 999, width: 255)),
        ("tile/entries/x001/000.p/1", TileName(.entries, index: 1000, width: 1)),
    ])
    func namesAreThoseOfTheSpecification(path: String, name: TileName) {
        #expect(name.path == path)
        #expect(TileName(path: path) == name)
        #expect(path.hasPrefix(name.folder + "/"))
    }

    @Test(arguments: [
        "", "tile", "tile/0", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/8/000", "tile/-1/000",
        "tile/0/x000/001", "tile/0/001/001", "tile/0/x001", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
        "tile/0/000.p", "tile/0/000.p/1/2", "tile/data/000", "tile/0/+01", "tile/0/000 ", "tile/0//000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "other/0/000", "tile/0/00x", "tile/0/ x01/000",
    ])
    func otherPathsAreNoTiles(path: String) {
        #expect(TileName(path: path) == nil)
    }

    /// The example of C2SP tlog-tiles §Partial Tiles.
    @Test func aTreeHasThePartialTilesOfTheSpecification() {
        #expect(
            TileName.partial(ofSize: 70_000).map(\.path) == [
                "tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1",
            ]
        )
        #expect(TileName.partial(ofSize: 256).map(\.path) == ["tile/1/000.p/1"])
        #expect(TileName.partial(ofSize: 0).isEmpty)
    }

    @Test func bundlesAreReadAsTheyWereWritten() throws {
        let entries: [[UInt8]] = [[], [1], Array(repeating: 7, count: 65_535), [0, 0]]
        var bytes: [UInt8] = []
        for entry in entries { EntryBundle.append(entry, to: &bytes) }
        let name = TileName(.entries, index: 0, width: 4)
        #expect(try EntryBundle.entries(bytes, of: name).map(Array.init) == entries)
        for end in [0, 1, 2, 3, 4, bytes.count - 1] {
            #expect(throws: AuditError.self) { try EntryBundle.entries(Array(bytes[..<end]), of: name) }
        }
        #expect(throws: AuditError.self) { try EntryBundle.entries(bytes + [0], of: name) }
        #expect(throws: AuditError.self) { try EntryBundle.entries(bytes + [0, 0], of: name) }
        #expect(throws: AuditError.self) {
            try EntryBundle.entries(bytes, of: TileName(.entries, index: 0, width: 3))
        }
        #expect(throws: AuditError.self) { try TileName(.hashes(level: 0), index: 0, width: 2).hashes([1]) }
    }
}
