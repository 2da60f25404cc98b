/// Texts that are cut over several elements.
extension FastPass {
    /// Reads the ends of the texts of a message together with the beginnings of the next ones.
    mutating func readJoints(_ bytes: Span<UInt8>) {
        var held = InlineArray<192, UInt8>(repeating: 0)
        var count = 0
        var depth = 0
        var depthOfTexts: Int?
        var isText = false
        var depthsOfStrings: UInt64 = 0
        var number = 0
        var at = 0
        while at < bytes.count, !isFound {
            let byte = bytes[at]
            at += 1
            if byte == 0x7B || byte == 0x5B { depth += 1 }
            // What is no JSON may close more than it opens.
            if byte == 0x7D || byte == 0x5D { depth = max(0, depth - 1) }
            guard byte == 0x22 else { continue }
            let start = at
            while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
            let end = min(at, bytes.count)
            at += 1
            var after = at
            while after < bytes.count, bytes[after] <= 0x20 { after += 1 }
            if after < bytes.count, bytes[after] == 0x3A {
                isText = end - start == 4 && has("text", bytes, start)
                at = after + 1
                while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
                if at < bytes.count, bytes[at] != 0x22 { isText = false }
                continue
            }
            var before = start - 1
            while before > 0, bytes[before - 1] <= 0x20 { before -= 1 }
            if !isText, before > 0, bytes[before - 1] == 0x2C || bytes[before - 1] == 0x5B {
                depthsOfStrings |= 1 << UInt64(min(depth, 63))
            }
            guard isText else { continue }
            isText = false
            number += 1
            if let other = depthOfTexts, other != depth { isFound = true }
            depthOfTexts = depth
            let joint = count
            for place in start..<min(end, start + 96) {
                held[count] = bytes[place]
                count += 1
            }
            if number > 1 {
                isJoined = true
                if isOpen { isFound = true }
                read(held.span.extracting(0..<count), joint: joint)
            }
            // The last bytes are kept for the next one.
            if end - start > 96 {
                count = 0
                for place in (end - 96)..<end {
                    held[count] = bytes[place]
                    count += 1
                }
            } else if count > 96 {
                let surplus = count - 96
                for place in 0..<96 { held[place] = held[place + surplus] }
                count = 96
            }
        }
        // Strings and objects with texts in one array are one text as well.
        if let depth = depthOfTexts, depth > 0, depthsOfStrings >> UInt64(min(depth - 1, 63)) & 1 != 0 {
            isFound = true
        }
    }
}
