/// Marks that begin with `<` or `[`, and words before a colon.
extension FastPass {
    static let claims: [StaticString] = [
        "important", "system", "instruction", "information", "hidden", "secret", "override", "admin", "assistant",
        "critical", "mandatory", "priority", "developer", "internal", "confidential", "urgent", "agent", "ai>", "tool",
        "function", "invoke", "use_mcp", "start_of_turn", "end_of_turn", "!--", "|", "<s", "</s", "img",
    ]

    /// What begins with `<`: a marker, a tag that claims authority, or one with a style.
    mutating func readAngle(_ bytes: Span<UInt8>, _ start: Int, _ joint: Int?) {
        guard start < bytes.count else { return }
        let byte = bytes[start]
        if byte == 0x2F || byte == 0x20 { return }
        guard isPart(byte) || byte == 0x2D || byte == 0x21 || byte == 0x7C || byte == 0x3C || byte == 0x5C else {
            return
        }
        for word in Self.claims where has(word, bytes, start) {
            isFound = true
            return
        }
        if byte == 0x5C { return }
        var end = start
        while end < bytes.count, isPart(bytes[end]) || bytes[end] == 0x2D { end += 1 }
        guard end < bytes.count else {
            if joint != nil { isFound = true }
            return
        }
        // A text that is put together of several has a space here.
        if bytes[end] == 0x22 { isOpen = true }
        guard bytes[end] == 0x20 || bytes[end] == 0x5C, end >= tagsReadTo else { return }
        let limit = min(bytes.count, end + 1_600)
        while end < limit {
            switch bytes[end] {
            case 0x3E:
                tagsReadTo = end
                return
            case 0x3A where end + 1 < bytes.count && bytes[end + 1] != 0x2F: isFound = true
            case 0x48, 0x68: if has("hidden", bytes, end) { isFound = true }
            // What follows an escape is no end of the text.
            case 0x5C: end += 1
            // The end of the text, where what follows in the next one may belong to it.
            case 0x22:
                isOpen = true
                tagsReadTo = end
                return
            default: break
            }
            if isFound { return }
            end += 1
        }
        if joint != nil || limit < bytes.count { isFound = true }
    }

    static let brackets: [StaticString] = [
        "inst]", "/inst]", "tool_", "available_tools", "system]", "hidden]", "assistant]", "developer]", "system ",
        "admin]",
    ]

    mutating func readBracket(_ bytes: Span<UInt8>, _ at: Int) {
        guard at < bytes.count, bytes[at] != 0x22 else { return }
        for word in Self.brackets where has(word, bytes, at) { isFound = true }
        // A text that is put together of several has a space here.
        if has("system\"", bytes, at) { isOpen = true }
    }

    static let roles: [StaticString] = [
        "system", "assistant", "developer", "message", "prompt", "note", "override", "instruction", "instructions",
        "notice",
        "ai", "llm", "admin", "administrator",
    ]

    mutating func readColon(_ bytes: Span<UInt8>, _ at: Int) {
        var end = at
        if end > 1, bytes[end - 1] == 0x22, bytes[end - 2] == 0x5C { return }
        while end > 0, isAfterRole(bytes[end - 1]) || isBlank(bytes[end - 1]) { end -= 1 }
        guard end > 0 else { return }
        if bytes[end - 1] == 0x22 {
            guard end < 2 || bytes[end - 2] != 0x5C else { return }
            readKey(bytes, end, at + 1)
            // A text that begins with a colon follows what stands in the element before.
            var before = end - 1
            while before > 0, bytes[before - 1] <= 0x20 { before -= 1 }
            if before > 0, [0x2C, 0x5B, 0x3A].contains(bytes[before - 1]) { isFound = true }
            return
        }
        var start = end
        while start > 0, end - start < 16, (bytes[start - 1] | 0x20) &- 0x61 < 26 { start -= 1 }
        guard end > start, isLastOfRole(bytes[end - 1] | 0x20) else { return }
        // Beyond this, a word that is cut over two texts would not be seen together with its colon.
        if at - end > 40 { isFound = true }
        for shift in 0..<2 where start + shift < end {
            if shift == 1, start == 0 || bytes[start - 1] != 0x5C { break }
            for role in Self.roles
            where role.utf8CodeUnitCount == end - start - shift && has(role, bytes, start + shift) {
                let isPart = Self.partsOfRoles.contains { has($0, bytes, start + shift) }
                if shift == 1 ? !isPart : mayBeRole(bytes, start..<end, isPart: isPart) { isFound = true }
            }
        }
    }

    /// Words that are a role only right after another one, such as `system`.
    static let partsOfRoles: [StaticString] = ["message", "prompt", "not", "override", "instruction"]
    /// Ends of the words before the last one of a role.
    static let beginsOfRoles: [StaticString] = ["system", "assistant", "agent", "ai", "for"]

    /// Whether a word before a colon can be a role where it stands; most that stand within a sentence cannot.
    ///
    /// In doubt it can: at the beginning of its text, where another may end right before it, and beside what is no plain
    /// sign, for that may be read as a space or a letter.
    func mayBeRole(_ bytes: Span<UInt8>, _ word: Range<Int>, isPart: Bool) -> Bool {
        var before = word.lowerBound
        while before > 0, bytes[before - 1] == 0x20 { before -= 1 }
        guard before > 1 else { return true }
        let last = bytes[before - 1]
        guard last < 0x80, last != 0x22, last != 0x5C else { return true }
        for name in Self.beginsOfRoles where has(name, bytes, before - name.utf8CodeUnitCount) { return true }
        if isPart { return false }
        // In small letters a role begins a line or a sentence.
        var isCapital = true
        for at in word where bytes[at] &- 0x61 < 26 { isCapital = false }
        guard !isCapital, before < word.lowerBound, (last | 0x20) &- 0x61 < 26 else { return true }
        // The letter may be that of an escape, such as a line's end.
        return bytes[before - 2] == 0x5C || bytes[before - 2] >= 0x80
    }

    func isLastOfRole(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x6D, 0x74, 0x72, 0x65, 0x6E, 0x73, 0x69: true
        default: false
        }
    }

    func isAfterRole(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x2A || byte == 0x5D || byte == 0x29 || byte == 0x5F
    }

    /// Between the tokens of a message.
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    mutating func readKey(_ bytes: Span<UInt8>, _ end: Int, _ after: Int) {
        guard end > 5 else { return }
        if has("\"text\"", bytes, end - 6) { texts += 1 }
        if has("\"mimetype\"", bytes, end - 10) { hasMediaType = true }
        let isBlob = has("\"blob\"", bytes, end - 6)
        guard isBlob || has("\"data\"", bytes, end - 6) else { return }
        var at = after
        while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
        guard at < bytes.count, bytes[at] == 0x22, !isPicture(bytes, at + 1) else { return }
        if isBlob { isFound = true } else { hasData = true }
    }

    func isPicture(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
        guard at + 5 <= bytes.count else { return false }
        func starts(_ text: StaticString) -> Bool {
            for offset in 0..<text.utf8CodeUnitCount {
                let known = unsafe text.utf8Start[offset]
                if bytes[at + offset] != known { return false }
            }
            return true
        }
        return starts("iVBOR") || starts("/9j/")
    }
}
