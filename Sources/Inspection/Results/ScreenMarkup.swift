import Core

/// What in a text looks like a part of the conversation, or is marked up so that readers do not see it.
struct ScreenMarkup {
    private let bytes: [UInt8]
    private let lower: [UInt8]
    /// Where the next of some words stands, so that none is looked for twice over the same text.
    private var ahead: [String: (from: Int, at: Int)] = [:]
    private var definitions: [String: Int]?
    /// Parts that people do not see, and parts that claim authority, with the place where each begins to be one.
    private var hidden: [(start: Int, range: Range<Int>)] = []
    private var orders: [(code: String, start: Int, range: Range<Int>)] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        lower = bytes.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
    }

    /// How much of a part that is marked is read.
    private static let longestPart = 4_096
    mutating func find(_ work: inout ScreenWork) -> (code: String, evidence: String)? {
        work.steps += lower.count * 2
        var at = 0
        while at < lower.count, !work.isSpent {
            let byte = lower[at]
            var found: (String, Range<Int>)?
            switch byte {
            case UInt8(ascii: "<"): found = angle(at, &work)
            case UInt8(ascii: "["): found = bracket(at, &work)
            case UInt8(ascii: "!"): found = image(at, &work)
            case UInt8(ascii: ":"): role(at, &work)
            case UInt8(ascii: "{"): found = call(at, &work)
            default: break
            }
            if let (code, place) = found { return (code, Sign.shown(bytes[place])) }
            at += 1
        }
        return readParts(&work)
    }

    /// Reads the parts that were marked; those that overlap are read as one, so that no byte is read twice.
    private func readParts(_ work: inout ScreenWork) -> (code: String, evidence: String)? {
        var next = 0
        while next < hidden.count, !work.isSpent {
            let start = hidden[next].start
            var range = hidden[next].range
            next += 1
            while next < hidden.count, hidden[next].range.lowerBound <= range.upperBound {
                range = range.lowerBound..<max(range.upperBound, hidden[next].range.upperBound)
                next += 1
            }
            let match = ScreenWords(Array(bytes[range]), &work).find(isHidden: true, &work)
            // One weak phrase or a role is enough where people do not see it, but not every imperative.
            if let match, match.strength != .slight {
                return ("hidden-markup", Sign.shown(bytes[start..<range.upperBound]))
            }
        }
        next = 0
        while next < orders.count, !work.isSpent {
            let (code, start, first) = orders[next]
            var range = first
            next += 1
            while next < orders.count, orders[next].range.lowerBound <= range.upperBound {
                range = range.lowerBound..<max(range.upperBound, orders[next].range.upperBound)
                next += 1
            }
            guard ResultScreen.isOrder(Array(bytes[range]), &work) else { continue }
            let isHidden = hidden.contains { $0.range.contains(start) }
            return (isHidden ? "hidden-markup" : code, Sign.shown(bytes[start..<range.upperBound]))
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

    private mutating func position(
        of word: String,
        from start: Int,
        within length: Int = Self.longestPart,
        _ work: inout ScreenWork
    ) -> Int? {
        let end = min(lower.count, start + length)
        if let (from, at) = ahead[word], from <= start, start <= at { return at < end ? at : nil }
        guard let first = word.utf8.first else { return nil }
        var at = start
        while at < lower.count, lower[at] != first || !has(word, at: at) { at += 1 }
        work.steps += at - start + 40
        ahead[word] = (start, at)
        return at < end ? at : nil
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

    private mutating func angle(_ at: Int, _ work: inout ScreenWork) -> (String, Range<Int>)? {
        guard at + 1 < lower.count else { return nil }
        switch lower[at + 1] {
        case UInt8(ascii: "!"):
            guard has("<!--", at: at) else { return nil }
            let start = at + 4
            let close = position(of: "-->", from: start, within: .max / 2, &work)
            let end = close ?? min(lower.count, start + Self.longestPart)
            if start < end { hidden.append((at, start..<end)) }
            return nil
        case UInt8(ascii: "|"), UInt8(ascii: "s"), UInt8(ascii: "e"), UInt8(ascii: "<"):
            work.steps += 20
            for marker in Self.roleMarkers where has(marker, at: at) {
                return ("role-marker", at..<(at + marker.utf8.count))
            }
        default: break
        }
        if [0x74, 0x66, 0x69, 0x75, 0x7C].contains(lower[at + 1]) {
            for marker in Self.callMarkers where has(marker, at: at) {
                return ("call-like", at..<min(lower.count, at + 80))
            }
        }
        var end = at + 1
        while end < lower.count, end - at < 32, isNamePart(lower[end]) { end += 1 }
        guard end > at + 1, end < lower.count else { return nil }
        work.steps += 40
        let byte = lower[end]
        guard byte == UInt8(ascii: ">") || byte == 0x20 || byte == 0x0A else { return nil }
        let name = String(decoding: lower[(at + 1)..<end], as: UTF8.self)
        if byte == UInt8(ascii: ">") {
            guard Self.claims.contains(name) else { return nil }
            let stop = position(of: "</\(name)>", from: end, &work) ?? min(lower.count, end + 400)
            if end + 1 < stop { orders.append(("hidden-markup", at, (end + 1)..<stop)) }
            return nil
        }
        guard let close = position(of: ">", from: end, within: 512, &work) else { return nil }
        work.steps += (close - end) * 4
        if name == "img", let place = attribute("src", end..<close), carriesData(place, &work) {
            return ("address-with-data", at..<close)
        }
        guard isInvisible(end..<close, &work) else { return nil }
        let stop = position(of: "</\(name)", from: close, &work) ?? min(lower.count, close + 400)
        if close + 1 < stop { hidden.append((at, (close + 1)..<stop)) }
        return nil
    }

    private func isNamePart(_ byte: UInt8) -> Bool {
        byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2D || byte == 0x5F
    }

    private static let styles = [
        "display:none", "visibility:hidden", "font-size:0", "font-size:1px", "opacity:0;", "opacity:0\"", "opacity:0'",
        "color:white", "color:#fff", "color:transparent", "left:-", "top:-", "text-indent:-", "clip:rect(0", "height:0",
        "width:0",
    ].map { Array($0.utf8) }

    /// Whether a reader of the page does not see the element with these attributes.
    private func isInvisible(_ range: Range<Int>, _ work: inout ScreenWork) -> Bool {
        var tight: [UInt8] = []
        var hasStyle = false
        var mayHide = false
        for at in range where lower[at] != 0x20 && lower[at] != 0x0A {
            tight.append(lower[at])
            if lower[at] == 0x3A, at + 1 < lower.count, lower[at + 1] != 0x2F { hasStyle = true }
            if lower[at] == 0x68, has("hidden", at: at) { mayHide = true }
        }
        if hasStyle {
            work.steps += range.count * 16
            for at in tight.indices {
                for style in Self.styles where style[0] == tight[at] && tight[at...].starts(with: style) { return true }
            }
        }
        guard mayHide else { return false }
        let attributes = String(decoding: lower[range], as: UTF8.self)
        return attributes.split(whereSeparator: { $0 == " " || $0 == "\n" }).contains {
            $0 == "hidden" || $0 == "hidden=\"\"" || $0 == "aria-hidden=\"true\""
        }
    }

    private func attribute(_ name: String, _ range: Range<Int>) -> Range<Int>? {
        guard let start = range.first(where: { lower[$0] == 0x73 && has("\(name)=", at: $0) }) else { return nil }
        var from = min(start + name.utf8.count + 1, range.upperBound)
        if from < lower.count, lower[from] == 0x22 || lower[from] == 0x27 { from += 1 }
        var to = from
        while to < range.upperBound, lower[to] != 0x22, lower[to] != 0x27, lower[to] != 0x20 { to += 1 }
        return from..<to
    }

    // MARK: Square brackets and roles

    private static let roleBrackets = ["[inst]", "[/inst]", "[tool_calls]", "[available_tools]", "[tool_results]"]
    private static let claimBrackets = [
        "[system]", "[hidden]", "[assistant]", "[developer]", "[system message]", "[system prompt]", "[admin]",
    ]

    private mutating func bracket(_ at: Int, _ work: inout ScreenWork) -> (String, Range<Int>)? {
        guard at + 1 < lower.count, "i/tashd".utf8.contains(lower[at + 1]) else { return nil }
        work.steps += 20
        for marker in Self.roleBrackets where has(marker, at: at) {
            return (marker.contains("tool_c") ? "call-like" : "role-marker", at..<(at + marker.utf8.count))
        }
        for marker in Self.claimBrackets where has(marker, at: at) {
            let start = at + marker.utf8.count
            let end = min(lower.count, start + 240)
            if start < end { orders.append(("role-marker", at, start..<end)) }
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
    private mutating func role(_ colon: Int, _ work: inout ScreenWork) {
        var end = colon
        while end > 0, [0x20, 0x2A, 0x5D, 0x29, 0x5F].contains(lower[end - 1]) { end -= 1 }
        var start = end
        while start > 0, end - start < 24, lower[start - 1] &- 0x61 < 26 || lower[start - 1] == 0x20 { start -= 1 }
        guard end > start, "mtrensi".utf8.contains(lower[end - 1]) else { return }
        work.steps += 100
        var words = String(decoding: lower[start..<end], as: UTF8.self).split(separator: " ").map(String.init)
        words = words.suffix(3)
        while !words.isEmpty {
            if Self.roles.contains(words.joined(separator: " ")) { break }
            words.removeFirst()
        }
        guard !words.isEmpty else { return }
        let length = words.joined(separator: " ").utf8.count
        let isCapital = bytes[(end - length)..<end].allSatisfy { !($0 &- 0x61 < 26) }
        // In small letters it has to begin a line or a sentence.
        if !isCapital, words.count == 1 {
            var before = end - length
            while before > 0, [0x20, 0x2A, 0x23, 0x5B, 0x28, 0x3E, 0x2D].contains(lower[before - 1]) { before -= 1 }
            let inner = hidden.last.map { before <= $0.range.lowerBound && colon <= $0.range.upperBound } ?? false
            guard before == 0 || inner || [0x0A, 0x2E, 0x21, 0x3F, 0x22].contains(lower[before - 1]) else { return }
        }
        var stop = min(lower.count, colon + 1)
        let limit = min(lower.count, colon + 200)
        while stop < limit, !(lower[stop] == 0x0A && stop + 1 < limit && lower[stop + 1] == 0x0A) { stop += 1 }
        if colon + 1 < stop { orders.append(("role-marker", end - length, (colon + 1)..<stop)) }
    }

    // MARK: Calls

    /// A text that is nothing but the call of a tool as models write it.
    private func call(_ at: Int, _ work: inout ScreenWork) -> (String, Range<Int>)? {
        guard at < 40, bytes[..<at].allSatisfy({ $0 <= 0x20 || $0 == 0x60 || ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5B })
        else { return nil }
        var text = bytes[at...]
        while let last = text.last, last <= 0x20 || last == 0x60 || last == 0x5D { text.removeLast() }
        work.steps += text.count * 4
        guard text.count < 65_536, text.last == 0x7D, let value = try? JSON.parse(Array(text)),
            let object = value.object
        else {
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

    private mutating func image(_ at: Int, _ work: inout ScreenWork) -> (String, Range<Int>)? {
        guard has("![", at: at), let close = position(of: "]", from: at + 2, within: 512, &work),
            close + 1 < lower.count
        else { return nil }
        if lower[close + 1] == UInt8(ascii: "(") {
            let start = close + 2
            let end = position(of: ")", from: start, within: 2_048, &work) ?? min(lower.count, start + 2_048)
            return start < end && carriesData(start..<end, &work) ? ("address-with-data", at..<end) : nil
        }
        // A picture whose address stands elsewhere: `![x][1]`, or `![1]`.
        var name = (at + 2)..<close
        if lower[close + 1] == UInt8(ascii: "["),
            let stop = position(of: "]", from: close + 2, within: 128, &work), stop > close + 2
        {
            name = (close + 2)..<stop
        }
        guard name.count < 128 else { return nil }
        work.steps += 100
        let known = definitions ?? readDefinitions(&work)
        definitions = known
        guard let start = known[String(decoding: lower[name], as: UTF8.self)] else { return nil }
        let end = position(of: "\n", from: start, within: 2_048, &work) ?? min(lower.count, start + 2_048)
        return start < end && carriesData(start..<end, &work) ? ("address-with-data", start..<end) : nil
    }

    /// Where the addresses stand that are given by name, as in `[1]: https://…`.
    private func readDefinitions(_ work: inout ScreenWork) -> [String: Int] {
        work.steps += lower.count * 2
        var known: [String: Int] = [:]
        var open: Int?
        for at in lower.indices.dropLast() {
            if lower[at] == UInt8(ascii: "[") { open = at + 1 }
            if lower[at] == 0x0A { open = nil }
            guard lower[at] == UInt8(ascii: "]"), let start = open, start < at, at - start < 128 else { continue }
            open = nil
            guard lower[at + 1] == UInt8(ascii: ":") else { continue }
            work.steps += 100
            let name = String(decoding: lower[start..<at], as: UTF8.self)
            if known[name] == nil { known[name] = at + 2 }
        }
        return known
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
    private func carriesData(_ range: Range<Int>, _ work: inout ScreenWork) -> Bool {
        work.steps += range.count * 4
        guard range.contains(where: { lower[$0] == 0x2F && $0 + 1 < range.upperBound && lower[$0 + 1] == 0x2F }) else {
            return false
        }
        let address = Array(lower[range])
        // A place to be filled in, in braces or brackets: `{conversation}`, `<data>`, `$SECRET`.
        var at = 0
        while at < address.count {
            if [0x7B, 0x3C, 0x5B, 0x24, 0x25].contains(address[at]) {
                work.steps += 200
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
            work.steps += original.count * 16
            if original.count >= 16, ScreenEncoded.readable(original) != nil { return true }
        }
        return false
    }

    private func has(_ word: String, in bytes: [UInt8], at position: Int) -> Bool {
        bytes.dropFirst(position).starts(with: word.utf8)
    }
}
