import Audit
import Core
import Foundation

/// The tree of RFC 6962 §2.1 as its text defines it, recursion by recursion; slow, and read beside the RFC.
enum NaiveTree {
    static func root(_ leaves: ArraySlice<TreeHash>) -> TreeHash {
        if leaves.isEmpty { return .empty }
        if leaves.count == 1 { return leaves[leaves.startIndex] }
        let middle = leaves.startIndex + split(leaves.count)
        return .node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    /// PATH(m, D[n]) of §2.1.1.
    static func path(_ m: Int, _ leaves: ArraySlice<TreeHash>) -> [TreeHash] {
        if leaves.count == 1 { return [] }
        let k = split(leaves.count)
        let middle = leaves.startIndex + k
        return m < k
            ? path(m, leaves[..<middle]) + [root(leaves[middle...])]
            : path(m - k, leaves[middle...]) + [root(leaves[..<middle])]
    }

    /// SUBPROOF(m, D[n], b) of §2.1.2.
    static func consistency(_ m: Int, _ leaves: ArraySlice<TreeHash>, isKnown: Bool = true) -> [TreeHash] {
        if m == leaves.count { return isKnown ? [] : [root(leaves)] }
        let k = split(leaves.count)
        let middle = leaves.startIndex + k
        return m <= k
            ? consistency(m, leaves[..<middle], isKnown: isKnown) + [root(leaves[middle...])]
            : consistency(m - k, leaves[middle...], isKnown: false) + [root(leaves[..<middle])]
    }

    private static func split(_ count: Int) -> Int {
        var k = 1
        while k * 2 < count { k *= 2 }
        return k
    }
}

/// The tiles of a tree, made by appending as a log makes them.
struct MadeTiles: TileSource {
    var tiles: [TileName: [TreeHash]] = [:]
    var frontier = TreeFrontier()

    init(_ leaves: [TreeHash]) {
        for leaf in leaves {
            var full: [(TileName, [TreeHash])] = []
            frontier.append(leaf) { full.append(($0, $1)) }
            for (name, hashes) in full { tiles[name] = hashes }
        }
        for (name, hashes) in frontier.partialTiles { tiles[name] = hashes }
    }

    func hashes(_ name: TileName) throws(AuditError) -> [TreeHash] {
        guard let hashes = tiles[name] else { throw AuditError(.missing, "there is no `\(name.path)`") }
        return hashes
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func leaves(_ count: Int) -> [TreeHash] {
    (0..<count).map { TreeHash.leaf(Array("entry \($0)".utf8)) }
}

func signer(_ name: String, kind: VerifierKey.Kind = .ed25519, seed: UInt8 = 7) throws -> NoteSigner {
    try NoteSigner(name: name, kind: kind, seed: Redacted([UInt8](repeating: seed, count: 32)))
}
