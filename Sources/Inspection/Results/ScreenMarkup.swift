import Core

/// What in a text looks like a part of the conversation, or is marked up so that readers do not see it.
struct ScreenMarkup {
    private let bytes: [UInt8]
    private let lower: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        lower = bytes.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
    }

    /// How much of a part that is marked is read.
    private static let longestPart = 4_096
    /// How many parts of one text are read as orders.
    private static let mostParts = 4_096

    func find() -> (code: String, evidence: String)? {
        var parts = 0
        var at = 0
        while at < lower.count {
            let byte = lower[at]
            var found: (String, Range<Int>)?
            switch byte {
            case UInt8(ascii: "<"): found = angle(at, &parts)
            case UInt8(ascii: "["): found = bracket(at, &parts)
            case UInt8(ascii: "!"): found = image(at, &parts)
            case UInt8(ascii: ":"): found = role(at, &parts)
            case UInt8(ascii: "{"): found = call(at)
            default: break
            }
            if let (code, place) = found { return (code, Sign.shown(bytes[place])) }
            at += 1
        }
        return nil
    }

    private func has(_ word: String, at position: Int) -> Bool {
        var at = position
        for byte in word.utf8 {
            guard at < lower.count, lower[at] == byte else { return false }
            at += 1
        }
        return true
    }

    private func position(of word: String, from start: Int, within length: Int = Self.longestPart) -> Int? {
        let end = min(lower.count, start + length)
        guard let first = word.utf8.first else { return nil }
        var at = start
        while at < end {
            if lower[at] == first, has(word, at: at) { return at }
            at += 1
        }
        return nil
    }

    private func isOrder(_ range: Range<Int>, _ parts: inout Int) -> Bool {
        parts += 1
        guard parts <= Self.mostParts else { return true }
        let end = min(range.upperBound, range.lowerBound + Self.longestPart)
        return end > range.lowerBound && ResultScreen.isOrder(Array(bytes[range.lowerBound..<end]))
    }

    // MARK: Angle brackets

    private static let roleMarkers = [
        "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>",
        "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>", "<|endofprompt|>", "<|channel|>",
        "<|start|>", "<start_of_turn>", "<end_of_turn>", "<<sys>>", "<</sys>>",
    ]
    private static let callMarkers = [
        "<tool_call>", "<tool_calls>", "<tool_use>", "<function_call>", "<function_calls>", "<invoke name=",
        "<function=",
        "<|python_tag|>", "<|tool_call", "<use_mcp_tool>", "<tool_response>",
    ]
    /// Elements that claim authority; their content has to give an order, for some are those of ordinary documents.
    private static let claims: Set<String> = [
        "important", "system", "system-prompt", "system_prompt", "system-reminder", "instruction", "instructions",
        "information",
        "hidden", "secret", "override", "admin", "assistant", "critical", "mandatory", "priority", "developer",
        "internal",
        "confidential", "urgent", "agent", "ai",
    ]

    private func angle(_ at: Int, _ parts: inout Int) -> (String, Range<Int>)? {
        if has("<!--", at: at) {
            let start = at + 4
            let end = position(of: "-->", from: start) ?? min(lower.count, start + Self.longestPart)
            return isHiddenOrder(start..<end, &parts) ? ("hidden-markup", at..<end) : nil
        }
        if has("<|", at: at) || has("<s", at: at) || has("<e", at: at) || has("<<", at: at) {
            for marker in Self.roleMarkers where has(marker, at: at) {
                return ("role-marker", at..<(at + marker.utf8.count))
            }
        }
        for marker in Self.callMarkers where has(marker, at: at) {
            return ("call-like", at..<min(lower.count, at + 80))
        }
        var end = at + 1
        while end < lower.count, end - at < 32, isNamePart(lower[end]) { end += 1 }
        guard end > at + 1, end < lower.count else { return nil }
        let name = String(decoding: lower[(at + 1)..<end], as: UTF8.self)
        if Self.claims.contains(name), lower[end] == UInt8(ascii: ">") {
            let stop = position(of: "</\(name)>", from: end) ?? min(lower.count, end + 400)
            if isOrder((end + 1)..<stop, &parts) { return ("hidden-markup", at..<stop) }
        }
        guard lower[end] == 0x20 || lower[end] == 0x0A, let close = position(of: ">", from: end, within: 512) else {
            return nil
        }
        if name == "img", let place = attribute("src", end..<close), carriesData(place) {
            return ("address-with-data", at..<close)
        }
        guard isInvisible(end..<close) else { return nil }
        let stop = position(of: "</\(name)", from: close) ?? min(lower.count, close + 400)
        return isHiddenOrder((close + 1)..<max(stop, close + 1), &parts) ? ("hidden-markup", at..<stop) : nil
    }

    /// People do not see the part, so that one weak phrase or a role is enough, but not every imperative.
    private func isHiddenOrder(_ range: Range<Int>, _ parts: inout Int) -> Bool {
        parts += 1
        guard parts <= Self.mostParts else { return true }
        let end = min(range.upperBound, range.lowerBound + Self.longestPart)
        guard range.lowerBound < end else { return false }
        let part = Array(bytes[range.lowerBound..<end])
        if let match = ScreenWords(part).find(isHidden: true), match.strength != .slight { return true }
        let inner = ScreenMarkup(part)
        return part.indices.contains { part[$0] == UInt8(ascii: ":") && inner.role($0, &parts) != nil }
    }

    private func isNamePart(_ byte: UInt8) -> Bool {
        byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2D || byte == 0x5F
    }

    /// Whether a reader of the page does not see the element with these attributes.
    private func isInvisible(_ range: Range<Int>) -> Bool {
        var tight: [UInt8] = []
        for byte in lower[range] where byte != 0x20 && byte != 0x0A { tight.append(byte) }
        let text = String(decoding: tight, as: UTF8.self)
        let styles = [
            "display:none", "visibility:hidden", "font-size:0", "font-size:1px", "opacity:0;", "opacity:0\"",
            "opacity:0'",
            "color:white", "color:#fff", "color:transparent", "left:-", "top:-", "text-indent:-", "clip:rect(0",
            "height:0", "width:0",
        ]
        if styles.contains(where: { text.contains($0) }) { return true }
        let attributes = String(decoding: lower[range], as: UTF8.self)
        return attributes.split(whereSeparator: { $0 == " " || $0 == "\n" }).contains {
            $0 == "hidden" || $0 == "hidden=\"\"" || $0 == "aria-hidden=\"true\""
        }
    }

    private func attribute(_ name: String, _ range: Range<Int>) -> Range<Int>? {
        guard let start = position(of: "\(name)=", from: range.lowerBound, within: range.count) else { return nil }
        var from = start + name.utf8.count + 1
        if from < lower.count, lower[from] == 0x22 || lower[from] == 0x27 { from += 1 }
        var to = from
        while to < range.upperBound, lower[to] != 0x22, lower[to] != 0x27, lower[to] != 0x20 { to += 1 }
        return from..<to
    }

    // MARK: Square brackets and roles

    private func bracket(_ at: Int, _ parts: inout Int) -> (String, Range<Int>)? {
        for marker in ["[inst]", "[/inst]", "[tool_calls]", "[available_tools]", "[tool_results]"]
        where has(marker, at: at) {
            return (marker.contains("tool_c") ? "call-like" : "role-marker", at..<(at + marker.utf8.count))
        }
        for marker in [
            "[system]", "[hidden]", "[assistant]", "[developer]", "[system message]", "[system prompt]", "[admin]",
        ]
        where has(marker, at: at) {
            let start = at + marker.utf8.count
            let end = min(lower.count, start + 240)
            if isOrder(start..<end, &parts) { return ("role-marker", at..<end) }
        }
        return nil
    }

    private static let roles: Set<String> = [
        "system", "assistant", "developer", "system message", "system prompt", "system note", "system override",
        "system instruction",
        "system instructions", "system notice", "ai", "llm", "admin", "administrator", "ai assistant",
        "assistant instructions",
        "instructions for ai", "agent instructions",
    ]

    /// `SYSTEM:` and the like, at the head of a sentence, with an order after it.
    private func role(_ colon: Int, _ parts: inout Int) -> (String, Range<Int>)? {
        var end = colon
        while end > 0, [0x20, 0x2A, 0x5D, 0x29, 0x5F].contains(lower[end - 1]) { end -= 1 }
        var start = end
        while start > 0, end - start < 24, lower[start - 1] &- 0x61 < 26 || lower[start - 1] == 0x20 { start -= 1 }
        guard end > start else { return nil }
        var words = String(decoding: lower[start..<end], as: UTF8.self).split(separator: " ").map(String.init)
        words = words.suffix(3)
        while !words.isEmpty {
            if Self.roles.contains(words.joined(separator: " ")) { break }
            words.removeFirst()
        }
        guard !words.isEmpty else { return nil }
        let length = words.joined(separator: " ").utf8.count
        let isCapital = bytes[(end - length)..<end].allSatisfy { !($0 &- 0x61 < 26) }
        // In small letters it has to begin a line or a sentence.
        if !isCapital, words.count == 1 {
            var before = end - length
            while before > 0, [0x20, 0x2A, 0x23, 0x5B, 0x28, 0x3E, 0x2D].contains(lower[before - 1]) { before -= 1 }
            guard before == 0 || [0x0A, 0x2E, 0x21, 0x3F, 0x22].contains(lower[before - 1]) else { return nil }
        }
        var stop = min(lower.count, colon + 1)
        let limit = min(lower.count, colon + 200)
        while stop < limit, !(lower[stop] == 0x0A && stop + 1 < limit && lower[stop + 1] == 0x0A) { stop += 1 }
        guard colon + 1 < stop, isOrder((colon + 1)..<stop, &parts) else { return nil }
        return ("role-marker", (end - length)..<stop)
    }

    // MARK: Calls

    /// A text that is nothing but the call of a tool as models write it.
    private func call(_ at: Int) -> (String, Range<Int>)? {
        guard at < 40, bytes[..<at].allSatisfy({ $0 <= 0x20 || $0 == 0x60 || ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5B })
        else { return nil }
        var text = bytes[at...]
        while let last = text.last, last <= 0x20 || last == 0x60 || last == 0x5D { text.removeLast() }
        guard text.count < 65_536, let value = try? JSON.parse(Array(text)), let object = value.object else {
            return nil
        }
        let keys = Set(object.keys)
        let place = at..<min(bytes.count, at + 80)
        if object["type"]?.string == "tool_use", object["input"]?.object != nil { return ("call-like", place) }
        if object["tool_calls"]?.array != nil || object["function_call"]?.object != nil { return ("call-like", place) }
        let known: Set<String> = [
            "name", "arguments", "parameters", "id", "type", "tool", "function", "thought", "action", "action_input",
        ]
        let named =
            object["name"]?.string ?? object["tool"]?.string ?? object["function"]?.string ?? object["action"]?.string
        let given = object["arguments"]?.object ?? object["parameters"]?.object ?? object["action_input"]?.object
        return named != nil && given != nil && keys.isSubset(of: known) ? ("call-like", place) : nil
    }

    // MARK: Addresses of pictures

    private func image(_ at: Int, _ parts: inout Int) -> (String, Range<Int>)? {
        guard has("![", at: at), let close = position(of: "]", from: at + 2, within: 512), close + 1 < lower.count
        else { return nil }
        if lower[close + 1] == UInt8(ascii: "(") {
            let start = close + 2
            let end = position(of: ")", from: start, within: 2_048) ?? min(lower.count, start + 2_048)
            return carriesData(start..<end) ? ("address-with-data", at..<end) : nil
        }
        // A picture whose address stands elsewhere: `![x][1]`, or `![1]`.
        var name = (at + 2)..<close
        if lower[close + 1] == UInt8(ascii: "["), let stop = position(of: "]", from: close + 2, within: 128),
            stop > close + 2
        {
            name = (close + 2)..<stop
        }
        parts += 64
        guard parts < Self.mostParts else { return nil }
        let label = "[\(String(decoding: lower[name], as: UTF8.self))]:"
        guard name.count < 128, let definition = position(of: label, from: 0, within: min(lower.count, 65_536)) else {
            return nil
        }
        let start = definition + label.utf8.count
        let end = position(of: "\n", from: start, within: 2_048) ?? min(lower.count, start + 2_048)
        return carriesData(start..<end) ? ("address-with-data", definition..<end) : nil
    }

    private static let dataWords: Set<String> = [
        "secret", "secrets", "data", "password", "passwords", "token", "apikey", "key", "conversation", "history",
        "context", "chat",
        "message", "messages", "summary", "email", "emails", "content", "contents", "env", "credentials", "credential",
        "prompt",
        "info", "result", "results", "answer", "output", "query", "user", "memory", "notes", "document", "text",
        "payload", "value",
    ]

    /// Whether the address has a place for the conversation's data, or a text of several words.
    private func carriesData(_ range: Range<Int>) -> Bool {
        let address = Array(lower[range])
        let text = String(decoding: address, as: UTF8.self)
        guard text.contains("//") else { return false }
        // A place to be filled in, in braces or brackets: `{conversation}`, `<data>`, `$SECRET`.
        var at = 0
        while at < address.count {
            if [0x7B, 0x3C, 0x5B, 0x24, 0x25].contains(address[at]) {
                let words = address[(at + 1)...].prefix(40).split { !($0 &- 0x61 < 26) }.prefix(4)
                let isPlace =
                    address[at] == 0x7B || address[at] == 0x3C || address[at] == 0x24
                    || address[at] == 0x25 && (has("7b", in: address, at: at + 1) || has("3c", in: address, at: at + 1))
                    || address[at] == 0x5B
                if isPlace, words.contains(where: { Self.dataWords.contains(String(decoding: $0, as: UTF8.self)) }) {
                    return true
                }
            }
            at += 1
        }
        guard let question = address.firstIndex(where: { $0 == 0x3F || $0 == 0x23 }) else { return false }
        for pair in address[(question + 1)...].split(separator: 0x26) {
            guard let equals = pair.firstIndex(of: 0x3D) else { continue }
            let value = pair[(equals + 1)...]
            let words = value.split { !($0 &- 0x61 < 26) }
            if words.count == 1, words[0].count == value.count,
                Self.dataWords.contains(String(decoding: value, as: UTF8.self))
            {
                return true
            }
            if words.count <= 4, words.count > 1,
                words.allSatisfy({
                    Self.dataWords.contains(String(decoding: $0, as: UTF8.self)) || $0 == Array("your".utf8)[...]
                        || $0 == Array("the".utf8)[...]
                })
            {
                return true
            }
            let original = bytes[(range.lowerBound + value.startIndex)..<(range.lowerBound + value.endIndex)]
            if original.count >= 16, ScreenEncoded.readable(original) != nil { return true }
        }
        return false
    }

    private func has(_ word: String, in bytes: [UInt8], at position: Int) -> Bool {
        bytes.dropFirst(position).starts(with: word.utf8)
    }
}
