/// Proofs of RFC 9162 §2.1.3 and §2.1.4 checked: pure, total, over numbers and hashes of strangers.
///
/// A proof says something only together with a root that is believed for another reason: the signature of a checkpoint.
package enum MerkleProof {
    /// No path is longer: a tree has at most 2^63 - 1 entries.
    package static let maximumLength = 63

    /// The root that follows from an entry's hash, its place and its audit path; nothing where they cannot belong together.
    package static func root(leaf: TreeHash, index: Int, size: Int, path: [TreeHash]) -> TreeHash? {
        guard index >= 0, index < size, path.count <= maximumLength else { return nil }
        // RFC 9162 §2.1.3.2, with its names.
        var fn = index
        var sn = size - 1
        var r = leaf
        for p in path {
            guard sn != 0 else { return nil }
            if fn & 1 == 1 || fn == sn {
                r = .node(p, r)
                while fn & 1 == 0, fn != 0 {
                    fn >>= 1
                    sn >>= 1
                }
            } else {
                r = .node(r, p)
            }
            fn >>= 1
            sn >>= 1
        }
        return sn == 0 ? r : nil
    }

    /// Whether an entry is in the tree of this size and root.
    package static func includes(leaf: TreeHash, index: Int, size: Int, path: [TreeHash], root: TreeHash) -> Bool {
        self.root(leaf: leaf, index: index, size: size, path: path) == root
    }

    /// Whether the tree of the new size and root begins with the one of the old size and root.
    ///
    /// A proof from the empty tree says nothing, and none counts.
    package static func extends(
        old: (size: Int, root: TreeHash),
        new: (size: Int, root: TreeHash),
        path: [TreeHash]
    ) -> Bool {
        guard old.size > 0 else { return false }
        return contains(subtree: 0..<old.size, hash: old.root, size: new.size, root: new.root, path: path)
    }

    /// Whether the tree of this size and root holds these entries under this hash.
    ///
    /// `draft-ietf-plants-merkle-tree-certs` §4.4 (subtree consistency), of which a consistency proof is the case that
    /// begins at 0. The range must be one that a tree can have as a subtree: see `isSubtree`.
    package static func contains(
        subtree range: Range<Int>,
        hash: TreeHash,
        size: Int,
        root: TreeHash,
        path: [TreeHash]
    ) -> Bool {
        // The subtree without entries is in every tree, and its root is known.
        if range.isEmpty { return range.lowerBound >= 0 && range.upperBound <= size && hash == .empty && path.isEmpty }
        guard isSubtree(range), range.upperBound <= size, path.count <= maximumLength + 1 else { return false }
        var fn = range.lowerBound
        var sn = range.upperBound - 1
        var tn = size - 1
        func shift() {
            fn >>= 1
            sn >>= 1
            tn >>= 1
        }
        if sn == tn {
            while fn != sn { shift() }
        } else {
            while fn != sn, sn & 1 == 1 { shift() }
        }
        var rest = path[...]
        var fr = hash
        if fn != sn {
            guard let first = rest.popFirst() else { return false }
            fr = first
        }
        var sr = fr
        for c in rest {
            guard tn != 0 else { return false }
            if sn & 1 == 1 || sn == tn {
                if fn < sn { fr = .node(c, fr) }
                sr = .node(c, sr)
                while sn & 1 == 0, sn != 0 { shift() }
            } else {
                sr = .node(sr, c)
            }
            shift()
        }
        return tn == 0 && fr == hash && sr == root
    }

    /// Whether the entry's hash lies at that place of a subtree with this hash.
    package static func includes(
        leaf: TreeHash,
        index: Int,
        subtree range: Range<Int>,
        path: [TreeHash],
        hash: TreeHash
    ) -> Bool {
        guard isSubtree(range), range.contains(index) else { return false }
        let first = range.lowerBound
        return includes(leaf: leaf, index: index - first, size: range.count, path: path, root: hash)
    }

    /// Whether a range of entries is a subtree: it begins at a multiple of the power of two that is not below its length.
    static func isSubtree(_ range: Range<Int>) -> Bool {
        guard range.lowerBound >= 0, !range.isEmpty else { return false }
        guard range.lowerBound > 0 else { return true }
        let bits = Int.bitWidth - (range.count - 1).leadingZeroBitCount
        return bits < Int.bitWidth - 1 && range.lowerBound & ((1 << bits) - 1) == 0
    }
}
