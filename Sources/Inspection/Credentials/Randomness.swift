/// What looks made by a random generator rather than by a person.
extension Credentials {
    /// Whether a whole text is so random that it is more likely a key than a name.
    ///
    /// The measure is Shannon's entropy of its characters, beside length and mixture: long words, paths, versions and
    /// dates stay below. Hexadecimal digests pass the test, for many keys are written that way.
    package static func looksRandom(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        return isRandom(bytes[...])
    }

    /// Whether a segment of a URL's path is more likely a key than a name: some hosted servers are guarded by nothing else.
    ///
    /// Stricter on the text than `looksRandom`, for people write few things into a path that only look like a key: from
    /// 12 characters on, by how often letters and digits change places inside one word, how often the case does, or how
    /// few vowels there are.
    package static func looksLikePathKey(_ segment: some StringProtocol) -> Bool {
        let bytes = Array(segment.utf8)
        if isRandom(bytes[...]) { return true }
        let runs = bytes.split { !CredentialKind.Alphabet.alphanumeric.contains($0) }
        for run in runs where run.count >= 12 && run.count <= 4096 {
            var (digits, between, cases, vowels, upper) = (0, 0, 0, 0, 0)
            var previous: UInt8?
            for byte in run {
                let isDigit = (0x30...0x39).contains(byte)
                let isUpper = (0x41...0x5A).contains(byte)
                if isDigit { digits += 1 }
                if isUpper { upper += 1 }
                if "aeiouyAEIOUY".utf8.contains(byte) { vowels += 1 }
                if let previous {
                    let wasDigit = (0x30...0x39).contains(previous)
                    if wasDigit != isDigit {
                        between += 1
                    } else if !isDigit, (0x41...0x5A).contains(previous) != isUpper {
                        cases += 1
                    }
                }
                previous = byte
            }
            if digits >= 3, digits < run.count, between >= 4 { return true }
            if run.count >= 16, upper > 3, (between + cases) * 5 >= 2 * run.count { return true }
            if run.count >= 20, digits == 0, vowels * 4 < run.count { return true }
        }
        return false
    }

    static func randomRuns(in bytes: [UInt8]) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var start = 0
        while start < bytes.count {
            guard CredentialKind.Alphabet.base64URL.contains(bytes[start]) || bytes[start] == UInt8(ascii: "+") else {
                start += 1
                continue
            }
            var end = start
            while end < bytes.count,
                CredentialKind.Alphabet.base64URL.contains(bytes[end]) || bytes[end] == UInt8(ascii: "+")
                    || bytes[end] == UInt8(ascii: "=")
            {
                end += 1
            }
            // `name=value`: the value is what counts.
            for piece in bytes[start..<end].split(separator: UInt8(ascii: "=")) where isRandom(piece) {
                matches.append(CredentialMatch(kind: .random, range: piece.startIndex..<piece.endIndex))
            }
            start = end
        }
        return matches
    }

    private static func isRandom(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= 20 else { return false }
        var counts = [Int](repeating: 0, count: 256)
        var digits = 0
        var upper = 0
        var lower = 0
        var hexadecimal = 0
        var changes = 0
        var previous = 0
        for byte in bytes {
            counts[Int(byte)] += 1
            let group: Int
            switch byte {
            case 0x30...0x39:
                digits += 1
                group = 1
            case 0x41...0x5A:
                upper += 1
                group = 2
            case 0x61...0x7A:
                lower += 1
                group = 3
            default: group = 4
            }
            if CredentialKind.Alphabet.hexadecimal.contains(byte) { hexadecimal += 1 }
            if previous != 0, group != previous { changes += 1 }
            previous = group
        }
        let entropy = entropy(of: counts, total: bytes.count)
        if hexadecimal + counts[0x2D] == bytes.count, bytes.count >= 32 {
            return entropy >= 2.8 && lower + upper > 0
        }
        // Names change their kind of character at word ends only; keys change it everywhere.
        let mixed = changes * 5 >= bytes.count
        if digits > 0, upper > 0, lower > 0 { return entropy >= 3.4 && mixed }
        if digits > 2, lower + upper > 0 { return entropy >= 3.4 && mixed && counts[0x2D] + counts[0x5F] <= 2 }
        // Letters alone: only a long run without any separator can be told from words.
        return upper > 3 && lower > 3 && bytes.count >= 24 && entropy >= 4 && changes * 3 >= bytes.count
    }

    private static func entropy(of counts: [Int], total: Int) -> Double {
        var sum = 0.0
        for count in counts where count > 0 {
            let share = Double(count) / Double(total)
            sum -= share * log2(share)
        }
        return sum
    }

    /// Base-2 logarithm by bisection, for this file needs no C library otherwise.
    private static func log2(_ value: Double) -> Double {
        var result = Double(value.exponent)
        var mantissa = value.significand
        var bit = 0.5
        while bit > 0.001 {
            mantissa *= mantissa
            if mantissa >= 2 {
                mantissa /= 2
                result += bit
            }
            bit /= 2
        }
        return result
    }
}
