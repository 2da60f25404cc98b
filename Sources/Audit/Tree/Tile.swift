/// The name of a tile or an entry bundle, as C2SP tlog-tiles §APIs gives it a path.
package struct TileName: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Hashes of one level: level 0 has those of the entries, each level above those of the full tiles below.
        case hashes(level: Int)
        /// The entries themselves.
        case entries
    }

    package let kind: Kind
    package let index: Int
    /// How many it holds; a full one has 256.
    package let width: Int

    package static let fullWidth = 256
    /// Eight levels of 256 hold every tree whose size an `Int` can say.
    package static let levels = 8
    /// No tree has more tiles at a level; a path may say more, and what is computed from it must stay an `Int`.
    package static let maximumIndex = Checkpoint.maximumSize / fullWidth

    package init(_ kind: Kind, index: Int, width: Int = fullWidth) {
        self.kind = kind
        self.index = index
        self.width = width
    }

    package var isFull: Bool { width == Self.fullWidth }

    /// The full one that this one becomes a part of.
    package var whole: TileName { TileName(kind, index: index) }

    /// The path below the log's folder: `tile/0/x001/067` or, not yet full, `tile/0/x001/067.p/12`.
    package var path: String {
        folder + "/" + fileName
    }

    /// The path of the folder that holds the file.
    package var folder: String {
        let parts = indexParts
        let above = [level] + parts.dropLast()
        return isFull ? above.joined(separator: "/") : above.joined(separator: "/") + "/" + (parts.last ?? "") + ".p"
    }

    private var fileName: String { isFull ? indexParts.last ?? "" : String(width) }

    private var level: String {
        switch kind {
        case .hashes(let level): "tile/\(level)"
        case .entries: "tile/entries"
        }
    }

    /// Three digits a part, all but the last with an `x`, so that no folder is named like a file.
    private var indexParts: [String] {
        var parts: [String] = []
        var rest = index
        repeat {
            let digits = String(rest % 1000)
            let padded = String(repeating: "0", count: 3 - digits.count) + digits
            parts.append(parts.isEmpty ? padded : "x" + padded)
            rest /= 1000
        } while rest > 0
        return parts.reversed()
    }

    /// Reads what `path` prints; nothing else is accepted.
    package init?(path: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.removeFirst() == "tile" else { return nil }
        let level = parts.removeFirst()
        if level == "entries" {
            kind = .entries
        } else {
            guard let number = Self.number(level), number < Self.levels else { return nil }
            kind = .hashes(level: number)
        }
        var width = Self.fullWidth
        if parts.count >= 2, parts[parts.count - 2].hasSuffix(".p") {
            guard let number = Self.number(parts.removeLast()), (1..<Self.fullWidth).contains(number) else {
                return nil
            }
            width = number
            parts[parts.count - 1].removeLast(2)
        }
        guard parts.count <= 6 else { return nil }
        var index = 0
        for (place, part) in parts.enumerated() {
            let digits = place < parts.count - 1 ? part.dropFirst() : part
            guard place == parts.count - 1 || part.first == "x", digits.utf8.count == 3,
                digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Int(digits)
            else { return nil }
            index = index * 1000 + number
        }
        guard index <= Self.maximumIndex else { return nil }
        self.index = index
        self.width = width
        guard self.path == path else { return nil }
    }

    private static func number(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0, String(number) == text else { return nil }
        return number
    }

    /// The hashes of a tile, exactly as many as its name says.
    package func hashes(_ bytes: [UInt8]) throws(AuditError) -> [TreeHash] {
        guard bytes.count == width * TreeHash.byteCount else {
            throw AuditError(
                .malformed,
                "`\(path)` has \(bytes.count) bytes where \(width * TreeHash.byteCount) belong"
            )
        }
        return (0..<width).compactMap { index in
            TreeHash(bytes[(index * TreeHash.byteCount)..<((index + 1) * TreeHash.byteCount)])
        }
    }

    /// The tiles and bundles that a tree of this size has at its right edge, one that is not full a level.
    package static func partial(ofSize size: Int) -> [TileName] {
        var names: [TileName] = []
        if size % fullWidth > 0 { names.append(TileName(.entries, index: size / fullWidth, width: size % fullWidth)) }
        var rest = size
        for level in 0..<levels where rest > 0 {
            let width = rest % fullWidth
            if width > 0 { names.append(TileName(.hashes(level: level), index: rest / fullWidth, width: width)) }
            rest /= fullWidth
        }
        return names
    }
}

/// The bytes of several entries, each after its length in two bytes, as C2SP tlog-tiles §Log entries writes them.
package enum EntryBundle {
    package static let maximumEntry = 65_535
    /// What a full bundle can take at most.
    package static let maximumBytes = TileName.fullWidth * (maximumEntry + 2)

    package static func append(_ entry: some Collection<UInt8>, to bytes: inout [UInt8]) {
        precondition(entry.count <= maximumEntry, "the length of an entry is checked where it comes in")
        bytes.append(UInt8(truncatingIfNeeded: entry.count >> 8))
        bytes.append(UInt8(truncatingIfNeeded: entry.count))
        bytes.append(contentsOf: entry)
    }

    /// The entries of a bundle, exactly as many as its name says and nothing after them.
    package static func entries(_ bytes: [UInt8], of name: TileName) throws(AuditError) -> [ArraySlice<UInt8>] {
        var entries: [ArraySlice<UInt8>] = []
        entries.reserveCapacity(name.width)
        var start = 0
        while start < bytes.count {
            guard entries.count < name.width else {
                throw AuditError(.malformed, "`\(name.path)` goes on after its \(name.width) entries")
            }
            guard bytes.count - start >= 2 else { throw cut(name, entries.count) }
            let length = Int(bytes[start]) << 8 | Int(bytes[start + 1])
            guard bytes.count - start - 2 >= length else { throw cut(name, entries.count) }
            entries.append(bytes[(start + 2)..<(start + 2 + length)])
            start += 2 + length
        }
        guard entries.count == name.width else { throw cut(name, entries.count) }
        return entries
    }

    private static func cut(_ name: TileName, _ count: Int) -> AuditError {
        AuditError(
            .malformed,
            "`\(name.path)` is cut off in entry \(name.index * TileName.fullWidth + count) of the log"
        )
    }
}
