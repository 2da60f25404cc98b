/// Finds the mail addresses, web addresses, accounts and telephone numbers in a text.
///
/// One pass over the bytes. A text is cut into chunks at what no address contains, and only a chunk with an `@`, a dot,
/// a scheme or capital letters followed by digits is looked at. Letters of other scripts than Latin are part of a
/// host's name, so that `bаnk.com` with a Cyrillic letter is found as itself and not as what follows that letter; East
/// Asian scripts write no spaces, so there they end it.
enum Identities {
    /// More are not looked for in one text.
    static let limit = 4096

    static func find(in text: String) -> Set<CanonicalValue> {
        var finder = Finder()
        finder.scan(text.utf8.span)
        if let plain = IdentitySpelling.plain(text) {
            var folded = Finder()
            folded.scan(plain.utf8.span)
            let hasHosts = IdentitySpelling.hasForeignStop(text)
            finder.found.formUnion(folded.found.lazy.filter { $0.valueClass != .url || hasHosts })
        }
        return finder.found
    }

    static func isWholeEmail(_ bytes: [UInt8]) -> Bool {
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else { return false }
        return Finder.email(bytes[...], at: at, from: 0) == 0..<bytes.count
    }

    /// Whether the text, which has no white space, is an address and nothing else.
    static func isWholeAddress(_ text: [UInt8]) -> Bool {
        var bytes = text[...]
        // A name that is written from the root of the domain name system.
        if bytes.last == UInt8(ascii: "."), !bytes.contains(UInt8(ascii: "/")) { bytes.removeLast() }
        if bytes.indices.contains(where: { Finder.isJoint(bytes.span, $0) }) { return false }
        if WebAddress.schemeEnd(bytes) != nil { return bytes.count > 8 || !bytes.ends(with: "://") }
        if bytes.starts(with: "www.".utf8) || bytes.starts(with: "WWW.".utf8) {
            return bytes.count > 4 && !bytes.contains(where: Finder.isDelimiter)
        }
        let start = bytes.starts(with: "//".utf8) ? 2 : 0
        guard let host = Finder.bareHost(bytes, from: start, whole: true) else { return false }
        return host.upperBound == bytes.count || bytes[host.upperBound] == UInt8(ascii: "/")
            || (bytes[host.upperBound] == UInt8(ascii: "?") && start == 0)
    }

    struct Finder {
        var found: Set<CanonicalValue> = []

        /// What ends a chunk: space, control characters and brackets of all kinds, as in RFC 3986 appendix C.
        static func isDelimiter(_ byte: UInt8) -> Bool {
            switch byte {
            case 0...0x20, 0x7F, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"),
                UInt8(ascii: "`"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "|"), UInt8(ascii: "\\"), UInt8(ascii: "^"):
                true
            default: false
            }
        }

        /// Whether a comma or semicolon ends one address and begins another.
        static func isJoint(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
            guard bytes[at] == UInt8(ascii: ",") || bytes[at] == UInt8(ascii: ";") else { return false }
            var next = at + 1
            while next < bytes.count, next - at <= 12, WebAddress.isSchemeByte(bytes[next]) { next += 1 }
            let length = next - at - 1
            if length >= 4, bytes[at + 1] | 0x20 == UInt8(ascii: "w"), bytes[at + 2] | 0x20 == UInt8(ascii: "w"),
                bytes[at + 3] | 0x20 == UInt8(ascii: "w"), bytes[at + 4] == UInt8(ascii: ".")
            {
                return true
            }
            return length > 1 && next + 2 < bytes.count && bytes[next] == UInt8(ascii: ":")
                && bytes[next + 1] == UInt8(ascii: "/") && bytes[next + 2] == UInt8(ascii: "/")
        }

        mutating func scan(_ bytes: Span<UInt8>) {
            groups(bytes)
            var at = 0
            while at < bytes.count {
                if Self.isDelimiter(bytes[at]) || Self.isJoint(bytes, at) {
                    // A line break that was escaped once too often.
                    let isEscape =
                        bytes[at] == UInt8(ascii: "\\") && at + 1 < bytes.count
                        && (bytes[at + 1] == UInt8(ascii: "n") || bytes[at + 1] == UInt8(ascii: "t"))
                    at += isEscape ? 2 : 1
                    continue
                }
                let start = at
                var isPromising = false
                var signs = Signs()
                var capitals = 0
                while at < bytes.count {
                    let byte = bytes[at]
                    // Most of a text.
                    if byte &- UInt8(ascii: "a") < 26 {
                        capitals = 0
                        at += 1
                        continue
                    }
                    if Self.isDelimiter(byte) || Self.isJoint(bytes, at) { break }
                    if byte == UInt8(ascii: "@") {
                        isPromising = true
                    } else if byte == UInt8(ascii: ".") {
                        // A dot at the end of a chunk ends a sentence.
                        if at + 1 < bytes.count, !Self.isDelimiter(bytes[at + 1]) {
                            isPromising = true
                            signs.hasDot = true
                        }
                    } else if byte == UInt8(ascii: ":") {
                        // After a scheme there are slashes; after a key there are none.
                        if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "/") {
                            isPromising = true
                            signs.hasColon = true
                        }
                    } else if ASCII.isDigit(byte) {
                        if capitals == 2 || (byte == 48 && at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "x")) {
                            isPromising = true
                            signs.mayBeAccount = true
                        }
                        capitals = 0
                    } else {
                        capitals = ASCII.isUpper(byte) ? capitals + 1 : 0
                    }
                    at += 1
                }
                // Anything shorter than `a@b.c` names nobody.
                if isPromising, at - start >= 4, found.count < Identities.limit {
                    var chunk: [UInt8] = []
                    chunk.reserveCapacity(at - start)
                    for position in start..<at { chunk.append(bytes[position]) }
                    look(at: chunk, signs)
                }
            }
        }

        /// What a chunk has, without which it is not searched for some kinds of identities.
        private struct Signs {
            var hasColon = false
            var hasDot = false
            /// Two capitals and a digit after them, or `0x`.
            var mayBeAccount = false
        }

        private mutating func look(at chunk: [UInt8], _ signs: Signs) {
            let end = addresses(in: chunk, signs)
            if signs.mayBeAccount { accounts(in: chunk) }
            if signs.hasDot { bareHosts(in: chunk, before: end) } else { mailRanges.removeAll(keepingCapacity: true) }
        }

        mutating func insert(_ valueClass: ValueClass, _ bytes: ArraySlice<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            switch valueClass {
            case .url:
                let canonical = WebAddress.canonical(text)
                if !canonical.isEmpty { found.insert(CanonicalValue(.url, canonical)) }
            default: found.insert(CanonicalValue(valueClass, TextFolding.fold(text)))
            }
        }

        /// Addresses with a scheme or `www.`, and all mail addresses; returns where the first web address begins.
        private mutating func addresses(in chunk: [UInt8], _ signs: Signs) -> Int {
            var start = chunk.count
            var authorityEnd = 0
            if signs.hasColon, let colon = firstScheme(in: chunk) {
                start = colon
                while start > 0, WebAddress.isSchemeByte(chunk[start - 1]) { start -= 1 }
                while start < colon, !ASCII.isLetter(chunk[start]) { start += 1 }
                authorityEnd =
                    chunk[(colon + 3)...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
                    ?? chunk.count
            } else if signs.hasDot, let www = firstWWW(in: chunk) {
                start = www
                authorityEnd =
                    chunk[www...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? chunk.count
            }
            if start < chunk.count { insert(.url, chunk[start...]) }
            var from = 0
            var hostsEnd = start
            for at in chunk.indices where chunk[at] == UInt8(ascii: "@") {
                // Between scheme and path it is a user's name, which the address shows.
                if at >= start, at < authorityEnd { continue }
                guard at >= from, let range = Self.email(chunk[...], at: at, from: from) else { continue }
                insert(.email, chunk[range])
                from = range.upperBound
                mailRanges.append(range)
            }
            if hostsEnd > chunk.count { hostsEnd = chunk.count }
            return hostsEnd
        }

        /// Of the chunk at hand: hosts in them are no addresses of their own.
        private var mailRanges: [Range<Int>] = []

        private func firstScheme(in chunk: [UInt8]) -> Int? {
            guard chunk.count > 4 else { return nil }
            for at in 1..<chunk.count - 3
            where chunk[at] == UInt8(ascii: ":") && chunk[at + 1] == UInt8(ascii: "/")
                && chunk[at + 2] == UInt8(ascii: "/") && ASCII.isAlphanumeric(chunk[at - 1])
            {
                return at
            }
            return nil
        }

        private func firstWWW(in chunk: [UInt8]) -> Int? {
            guard chunk.count > 5 else { return nil }
            for at in 0..<chunk.count - 4
            where chunk[at] | 0x20 == UInt8(ascii: "w") && chunk[at + 1] | 0x20 == UInt8(ascii: "w")
                && chunk[at + 2] | 0x20 == UInt8(ascii: "w") && chunk[at + 3] == UInt8(ascii: ".")
                && (at == 0 || !ASCII.isAlphanumeric(chunk[at - 1]))
            {
                return at
            }
            return nil
        }

        private mutating func accounts(in chunk: [UInt8]) {
            var at = 0
            while at < chunk.count {
                guard ASCII.isAlphanumeric(chunk[at]) else {
                    at += 1
                    continue
                }
                let start = at
                while at < chunk.count, ASCII.isAlphanumeric(chunk[at]) { at += 1 }
                let isBounded =
                    (start == 0 || !Self.isJoined(chunk[start - 1])) && (at == chunk.count || !Self.isJoined(chunk[at]))
                if isBounded, Accounts.isAccount(chunk[start..<at]) { insert(.account, chunk[start..<at]) }
            }
        }

        private static func isJoined(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || byte >= 0x80 }

        private mutating func bareHosts(in chunk: [UInt8], before end: Int) {
            defer { mailRanges.removeAll(keepingCapacity: true) }
            var at = 0
            // They are in order: one mark that moves on keeps a text full of addresses from being searched again and again.
            var mail = 0
            while at < end {
                while mail < mailRanges.count, mailRanges[mail].upperBound <= at { mail += 1 }
                if mail < mailRanges.count, mailRanges[mail].contains(at) {
                    at = mailRanges[mail].upperBound
                    continue
                }
                guard Self.isLabelByte(chunk[at]) else {
                    at += 1
                    continue
                }
                let start = at
                while at < end, Self.isLabelByte(chunk[at]) || chunk[at] == UInt8(ascii: ".") { at += 1 }
                let isLookedBehind =
                    start > 0
                    && [UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "."), UInt8(ascii: "/")].contains(
                        chunk[start - 1]
                    )
                if !isLookedBehind, mail == mailRanges.count || mailRanges[mail].lowerBound >= at,
                    let host = Self.bareHost(chunk[..<end], from: start, whole: false)
                {
                    let hasPath = host.upperBound < chunk.count && chunk[host.upperBound] == UInt8(ascii: "/")
                    insert(.url, chunk[host.lowerBound..<(hasPath ? end : host.upperBound)])
                    if hasPath { return }
                }
            }
        }

        /// A host without a scheme that begins here: labels and a known ending, and a port if there is one.
        static func bareHost(_ chunk: ArraySlice<UInt8>, from start: Int, whole: Bool) -> Range<Int>? {
            var labels: [Range<Int>] = []
            var begin = start
            var at = start
            var labelStart = start
            while at <= chunk.endIndex {
                let byte = at < chunk.endIndex ? chunk[at] : 0
                if at < chunk.endIndex, byte >= 0x80 {
                    guard let length = letterLength(chunk, at) else {
                        if whole { return nil }
                        // An East Asian letter: the name begins after it, or has ended before it.
                        if labels.isEmpty {
                            at += 1
                            while at < chunk.endIndex, chunk[at] & 0xC0 == 0x80 { at += 1 }
                            begin = at
                            labelStart = at
                            continue
                        }
                        if at > labelStart { labels.append(labelStart..<at) }
                        break
                    }
                    at += length
                    continue
                }
                if at < chunk.endIndex, ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") {
                    at += 1
                    continue
                }
                guard at > labelStart else { break }
                labels.append(labelStart..<at)
                guard at < chunk.endIndex, byte == UInt8(ascii: ".") else { break }
                at += 1
                labelStart = at
            }
            if isNumericHost(labels, chunk) {
                guard let last = labels.last?.upperBound, last < chunk.endIndex else { return nil }
                let end = port(chunk, last)
                let isTold = end > last || chunk[last] == UInt8(ascii: "/")
                return isTold ? begin..<end : nil
            }
            while labels.count > 1, let last = labels.popLast() {
                let name = String(decoding: chunk[last], as: UTF8.self).lowercased()
                let next = last.upperBound < chunk.endIndex ? chunk[last.upperBound] : 0
                if next == UInt8(ascii: "_") || next == UInt8(ascii: "@") { continue }
                let hasPath = next == UInt8(ascii: "/")
                if Domains.topLevel.contains(name) || (hasPath && Domains.ambiguousTopLevel.contains(name)) {
                    return begin..<port(chunk, last.upperBound)
                }
                if whole { return nil }
            }
            return nil
        }

        private static func isNumericHost(_ labels: [Range<Int>], _ chunk: ArraySlice<UInt8>) -> Bool {
            labels.count == 4
                && labels.allSatisfy { label in
                    label.count <= 3
                        && (Int(String(decoding: chunk[label], as: UTF8.self)).map { $0 >= 0 && $0 < 256 } ?? false)
                }
        }

        private static func port(_ chunk: ArraySlice<UInt8>, _ end: Int) -> Int {
            guard end < chunk.endIndex, chunk[end] == UInt8(ascii: ":") else { return end }
            var at = end + 1
            while at < chunk.endIndex, ASCII.isDigit(chunk[at]) { at += 1 }
            return at > end + 1 && at - end <= 6 ? at : end
        }

        private static func isLabelByte(_ byte: UInt8) -> Bool {
            ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte >= 0x80
        }

        /// The bytes of a letter that may be part of a host's label; nil for signs and for East Asian scripts.
        private static func letterLength(_ bytes: ArraySlice<UInt8>, _ at: Int) -> Int? {
            let length = bytes[at] >= 0xF0 ? 4 : bytes[at] >= 0xE0 ? 3 : 2
            guard at + length <= bytes.endIndex,
                let scalar = String(decoding: bytes[at..<at + length], as: UTF8.self).unicodeScalars.first,
                scalar.value < 0x2E80 || scalar.value >= 0xFF00,
                TextFolding.isWord(scalar) || scalar.properties.canonicalCombiningClass != .notReordered
            else { return nil }
            return length
        }

        /// The mail address around this `@` whose local part begins at `from` or later.
        static func email(_ chunk: ArraySlice<UInt8>, at: Int, from: Int) -> Range<Int>? {
            var start = at
            while start > from, isLocalByte(chunk[start - 1]) { start -= 1 }
            guard start < at else { return nil }
            var end = at
            var labels = 0
            var position = at + 1
            while position < chunk.endIndex {
                let label = position
                while position < chunk.endIndex {
                    if ASCII.isAlphanumeric(chunk[position]) || chunk[position] == UInt8(ascii: "-") {
                        position += 1
                    } else if chunk[position] >= 0x80, let length = letterLength(chunk, position) {
                        position += length
                    } else {
                        break
                    }
                }
                guard position > label else { break }
                labels += 1
                if labels > 1 { end = position }
                guard position < chunk.endIndex, chunk[position] == UInt8(ascii: ".") else { break }
                position += 1
            }
            return labels > 1 ? start..<end : nil
        }

        private static func isLocalByte(_ byte: UInt8) -> Bool {
            ASCII.isAlphanumeric(byte)
                || [
                    UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                ].contains(byte)
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
