extension JSON.Outline {
    /// What the grammar allows next.
    private enum Expected {
        case value, firstElement, key, firstKey, separator, end
    }

    /// Checks one text completely and remembers where its values stand.
    ///
    /// After an error the outline is empty. Time is linear in the input, also for objects with very many keys: equal
    /// keys are found with a hash that is seeded anew in each process.
    package mutating func scan(_ bytes: Span<UInt8>, limits: JSON.Limits = .standard) throws(JSON.ScanError) {
        do {
            try walk(bytes, limits)
        } catch {
            entries.removeAll(keepingCapacity: true)
            throw error
        }
    }

    private mutating func walk(_ bytes: Span<UInt8>, _ limits: JSON.Limits) throws(JSON.ScanError) {
        entries.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        // Offsets are kept in 32 bits.
        let most = min(limits.maxBytes, Int(UInt32.max) - 1)
        guard bytes.count <= most else { throw JSON.ScanError(.tooLarge, at: max(0, most)) }
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
            throw JSON.ScanError(.byteOrderMark, at: 0)
        }
        var expected = Expected.value
        var at = 0
        while true {
            at = JSON.skipSpace(bytes, at)
            guard at < bytes.count else {
                if expected == .end { return }
                throw JSON.ScanError(.unterminated, at: at)
            }
            let byte = bytes[at]
            switch expected {
            case .firstKey where byte == UInt8(ascii: "}"), .firstElement where byte == UInt8(ascii: "]"):
                expected = try close(bytes, &at, limits)
            case .key, .firstKey:
                guard byte == UInt8(ascii: "\"") else { throw JSON.ScanError(.unexpected, at: at) }
                try string(bytes, &at, limits)
                at = JSON.skipSpace(bytes, at)
                guard at < bytes.count else { throw JSON.ScanError(.unterminated, at: at) }
                guard bytes[at] == UInt8(ascii: ":") else { throw JSON.ScanError(.unexpected, at: at) }
                at += 1
                expected = .value
            case .value, .firstElement:
                expected = try value(byte, bytes, &at, limits)
            case .separator:
                let isObject = open.last.map { entries[$0].kind == .object } ?? false
                switch byte {
                case UInt8(ascii: ","):
                    at += 1
                    expected = isObject ? .key : .value
                case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                    expected = try close(bytes, &at, limits)
                default: throw JSON.ScanError(.unexpected, at: at)
                }
            case .end: throw JSON.ScanError(.trailing, at: at)
            }
        }
    }

    private mutating func value(
        _ byte: UInt8,
        _ bytes: Span<UInt8>,
        _ at: inout Int,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) -> Expected {
        switch byte {
        case UInt8(ascii: "\""): try string(bytes, &at, limits)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < limits.maxDepth else { throw JSON.ScanError(.tooDeep, at: at) }
            open.append(entries.count)
            let kind: Kind = byte == UInt8(ascii: "{") ? .object : .array
            try add(kind, at..<at + 1, limits)
            at += 1
            return kind == .object ? .firstKey : .firstElement
        case UInt8(ascii: "t"): try word("true", .true, bytes, &at, limits)
        case UInt8(ascii: "f"): try word("false", .false, bytes, &at, limits)
        case UInt8(ascii: "n"): try word("null", .null, bytes, &at, limits)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let token = try JSON.scanNumber(bytes, at)
            try add(token.isWhole ? .integer : .number, at..<token.end, isMarked: token.isRounded, limits)
            at = token.end
        default: throw JSON.ScanError(.unexpected, at: at)
        }
        return open.isEmpty ? .end : .separator
    }

    private mutating func add(
        _ kind: Kind,
        _ range: Range<Int>,
        isMarked: Bool = false,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) {
        guard entries.count < limits.maxTokens else { throw JSON.ScanError(.tooLarge, at: range.lowerBound) }
        entries.append(
            Entry(
                start: UInt32(range.lowerBound),
                end: UInt32(range.upperBound),
                next: UInt32(entries.count + 1),
                kind: kind,
                isMarked: isMarked
            )
        )
    }

    private mutating func string(
        _ bytes: Span<UInt8>,
        _ at: inout Int,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) {
        let token = try JSON.scanString(bytes, at)
        guard token.end - at - 2 <= limits.maxStringBytes else { throw JSON.ScanError(.tooLarge, at: at) }
        try add(.string, at..<token.end, isMarked: token.hasEscapes, limits)
        at = token.end
    }

    private mutating func word(
        _ word: StaticString,
        _ kind: Kind,
        _ bytes: Span<UInt8>,
        _ at: inout Int,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) {
        let start = at
        for letter in word.description.utf8 {
            guard at < bytes.count else { throw JSON.ScanError(.unterminated, at: at) }
            guard bytes[at] == letter else { throw JSON.ScanError(.unexpected, at: at) }
            at += 1
        }
        try add(kind, start..<at, limits)
    }

    private mutating func close(
        _ bytes: Span<UInt8>,
        _ at: inout Int,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) -> Expected {
        let position = open.removeLast()
        at += 1
        entries[position].end = UInt32(at)
        entries[position].next = UInt32(entries.count)
        if entries[position].kind == .object {
            try refuseEqualKeys(of: position, bytes, limits)
        }
        return open.isEmpty ? .end : .separator
    }
}

extension JSON.Outline {
    /// Up to this many keys are compared with one another, by their marks; more are put into slots by hash.
    private static let fewKeys = 24

    private mutating func refuseEqualKeys(
        of object: Int,
        _ bytes: Span<UInt8>,
        _ limits: JSON.Limits
    ) throws(JSON.ScanError) {
        let end = entries.count
        // Equal keys have equal marks; whether keys of one mark are equal is seen by their bytes.
        var marks = InlineArray<24, UInt64>(repeating: 0)
        var mayBeEqual = false
        var count = 0
        var position = object + 1
        while position < end {
            let entry = entries[position]
            guard count < limits.maxMembers else { throw JSON.ScanError(.tooLarge, at: Int(entry.start)) }
            if count < Self.fewKeys {
                let mark = Self.mark(of: entry, bytes)
                for earlier in 0..<count where marks[earlier] == mark { mayBeEqual = true }
                mayBeEqual = mayBeEqual || entry.isMarked
                marks[count] = mark
            }
            count += 1
            position = Int(entries[position + 1].next)
        }
        if mayBeEqual || count > Self.fewKeys { try hashKeys(count, from: object + 1, to: end, bytes) }
    }

    /// A few bytes of a key and its length, which tell most keys apart.
    private static func mark(of key: Entry, _ bytes: Span<UInt8>) -> UInt64 {
        let start = Int(key.start) + 1
        let count = Int(key.end) - 1 - start
        guard count >= 8 else {
            // Only at the end of the text are there no eight bytes.
            var word: UInt64 = 0
            if start + 8 <= bytes.count {
                word = ByteSearch.word(bytes, start)
            } else {
                for offset in 0..<count { word |= UInt64(bytes[start + offset]) << UInt64(8 * offset) }
            }
            return word << UInt64(64 - 8 * count) | UInt64(count)
        }
        let middle = ByteSearch.word(bytes, start + count / 2 - 4)
        return ByteSearch.word(bytes, start) ^ middle &* 0x9E37_79B9_7F4A_7C15
            ^ ByteSearch.word(bytes, start + count - 8) &* 0xC2B2_AE3D_27D4_EB4F ^ UInt64(count)
    }

    private mutating func hashKeys(
        _ count: Int,
        from first: Int,
        to end: Int,
        _ bytes: Span<UInt8>
    ) throws(JSON.ScanError) {
        var capacity = 32
        while capacity < count * 2 { capacity *= 2 }
        slots.removeAll(keepingCapacity: true)
        slots.append(contentsOf: repeatElement(0, count: capacity))
        var position = first
        while position < end {
            let entry = entries[position]
            var slot = hash(of: entry, bytes) & (capacity - 1)
            while slots[slot] != 0 {
                if sameText(entries[Int(slots[slot])], entry, bytes) {
                    throw JSON.ScanError(.duplicateKey, at: Int(entry.start))
                }
                slot = (slot + 1) & (capacity - 1)
            }
            slots[slot] = UInt32(position)
            position = Int(entries[position + 1].next)
        }
    }

    private func hash(of entry: Entry, _ bytes: Span<UInt8>) -> Int {
        var hasher = Hasher()
        var feed = JSON.ByteFeed()
        if entry.isMarked {
            var cursor = JSON.Unescaped(entry)
            while let byte = cursor.next(in: bytes) { feed.add(byte, to: &hasher) }
        } else {
            for at in Int(entry.start) + 1..<Int(entry.end) - 1 { feed.add(bytes[at], to: &hasher) }
        }
        feed.finish(&hasher)
        return hasher.finalize()
    }

    private func sameText(_ left: Entry, _ right: Entry, _ bytes: Span<UInt8>) -> Bool {
        if left.isMarked || right.isMarked {
            var left = JSON.Unescaped(left)
            var right = JSON.Unescaped(right)
            while true {
                let byte = left.next(in: bytes)
                guard byte == right.next(in: bytes) else { return false }
                if byte == nil { return true }
            }
        }
        let length = left.end - left.start
        guard length == right.end - right.start else { return false }
        for offset in 0..<Int(length) where bytes[Int(left.start) + offset] != bytes[Int(right.start) + offset] {
            return false
        }
        return true
    }
}
