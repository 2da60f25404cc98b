import Core
import Crypto

/// A node of the Merkle tree of RFC 6962 §2.1 (the same as RFC 9162 §2.1): SHA-256, leaves and nodes set apart by a prefix.
package struct TreeHash: Hashable, Sendable {
    // Four words and no array: a tree of a million entries has two million of these.
    private var words: SIMD4<UInt64>

    package static let byteCount = 32

    /// The root of the tree without entries: the digest of nothing.
    package static let empty = TreeHash(SHA256().finalize())

    /// The 32 bytes of a hash, or nothing where there are more or fewer.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        words = SIMD4()
        for (index, byte) in bytes.enumerated() {
            // Little-endian words on every machine: they are never seen outside of this type.
            words[index >> 3] |= UInt64(byte) << UInt64((index & 7) * 8)
        }
    }

    private init(_ digest: SHA256Digest) {
        words = SIMD4()
        unsafe digest.withUnsafeBytes { bytes in
            for index in 0..<4 {
                words[index] = UInt64(
                    littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                )
            }
        }
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        append(to: &bytes)
        return bytes
    }

    package func append(to bytes: inout [UInt8]) {
        for index in 0..<4 {
            var word = words[index]
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
    }

    package var base64: String { Base64.encode(bytes) }

    /// The hash of an entry: `SHA-256(0x00 || entry)`.
    package static func leaf(_ entry: some Collection<UInt8>) -> TreeHash {
        var hasher = SHA256()
        unsafe leafPrefix.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
        let wasWhole: Void? = entry.withContiguousStorageIfAvailable { bytes in
            unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer(bytes))
        }
        if wasWhole == nil { hasher.update(data: Array(entry)) }
        return TreeHash(hasher.finalize())
    }

    /// The hash over two subtrees: `SHA-256(0x01 || left || right)`.
    package static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
        unsafe withUnsafeTemporaryAllocation(byteCount: 65, alignment: 8) { buffer in
            unsafe buffer[0] = 1
            for index in 0..<4 {
                unsafe buffer.storeBytes(
                    of: left.words[index].littleEndian,
                    toByteOffset: 1 + index * 8,
                    as: UInt64.self
                )
                unsafe buffer.storeBytes(
                    of: right.words[index].littleEndian,
                    toByteOffset: 33 + index * 8,
                    as: UInt64.self
                )
            }
            var hasher = SHA256()
            unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer(buffer))
            return TreeHash(hasher.finalize())
        }
    }

    private static let leafPrefix: [UInt8] = [0]
}

extension TreeHash: CustomStringConvertible {
    package var description: String { "sha256:" + Hexadecimal.encode(bytes) }
}

extension TreeHash {
    /// The root over consecutive hashes of subtrees that are all of the same size and full, with what follows them.
    ///
    /// `rest` is the root of the shorter subtree to the right, if there is one. Nothing where there is nothing to hash.
    package static func root(over hashes: ArraySlice<TreeHash>, rest: TreeHash? = nil) -> TreeHash? {
        var rest = rest
        var end = hashes.endIndex
        // From the right: the smallest power of two first, so that each step joins a larger tree to its left.
        while end > hashes.startIndex {
            let count = end - hashes.startIndex
            let width = count & -count
            let full = perfect(hashes[(end - width)..<end])
            rest = rest.map { node(full, $0) } ?? full
            end -= width
        }
        return rest
    }

    /// The root over a number of hashes that is a power of two.
    private static func perfect(_ hashes: ArraySlice<TreeHash>) -> TreeHash {
        var level = Array(hashes)
        while level.count > 1 {
            var next = 0
            for index in stride(from: 0, to: level.count, by: 2) {
                level[next] = node(level[index], level[index + 1])
                next += 1
            }
            level.removeLast(level.count - next)
        }
        return level[0]
    }
}
