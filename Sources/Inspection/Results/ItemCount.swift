package import Core

/// How many records one message of a server hands over, before anything of it is handed over.
///
/// A record is a row, an entry of a list, a member of a map of alike values, or a content block: what a person would call
/// one customer or one file. Prose and source files are none, however long they are. In doubt more is counted, since a
/// hard limit is no use where the rows may take another form.
///
/// What stands in `structuredContent` and in the texts is taken for the same data twice, as the specification wants it,
/// so the larger of the two counts. A server that splits its rows between both is counted at half.
package enum ItemCount {
    /// So few single values in a list within a row are a field of the row, such as its tags.
    static let mostFieldValues = 8
    /// An object with more members of one kind than a row has fields is a map.
    static let mostFields = 64
    /// An inner list longer than a row of a wide table is a list of its own.
    static let mostColumns = 32
    /// How often a text may stand within a text that is read as JSON.
    static let deepestText = 4
    /// How much of a blob is decoded.
    static let mostBlobBytes = 16 * 1_048_576

    /// The records of a whole JSON-RPC message: a response, an error, a notification, or a batch of them.
    ///
    /// - Parameters:
    ///   - message: The message as it was read.
    ///   - cap: Counting ends when so many were seen; the answer is never more than this.
    /// - Returns: How many there are, at most `cap`.
    package static func count(_ message: JSON.Value, upTo cap: Int = .max) -> Int {
        var counter = Counter(cap: max(0, cap))
        return min(counter.message(message), counter.cap)
    }

    /// The records of a text as a tool returns it.
    package static func count(text: String, upTo cap: Int = .max) -> Int {
        var counter = Counter(cap: max(0, cap))
        return min(counter.text(text, depth: 0), counter.cap)
    }

    struct Counter {
        let cap: Int

        private func sum(_ left: Int, _ right: Int) -> Int {
            let (sum, overflows) = left.addingReportingOverflow(right)
            return overflows ? .max : sum
        }

        mutating func message(_ message: JSON.Value) -> Int {
            if let batch = message.array {
                var total = 0
                for element in batch where total < cap { total = sum(total, self.message(element)) }
                return total
            }
            guard let object = message.object else { return nested(message, depth: 0) }
            var total = 0
            for (key, value) in object where total < cap {
                switch key {
                case "jsonrpc", "id", "method": continue
                case "result": total = sum(total, result(value))
                case "error": total = sum(total, error(value))
                case "params": total = sum(total, parameters(value, of: object["method"]?.string ?? ""))
                default: total = sum(total, nested(value, depth: 0))
                }
            }
            return total
        }

        private mutating func result(_ result: JSON.Value) -> Int {
            guard let object = result.object else { return top(result) }
            var texts = 0
            var structured = 0
            var rest = JSON.Object()
            for (key, value) in object {
                switch key {
                case "content", "contents", "messages": texts = sum(texts, blocks(value))
                case "structuredContent": structured = top(value)
                case "isError", "nextCursor", "resultType", "protocolVersion", "ttlMs", "cacheScope": continue
                default: rest[key] = value
                }
                if texts >= cap || structured >= cap { return cap }
            }
            // A result that is no tool's is an object with lists.
            return sum(max(texts, structured), rest.isEmpty ? 0 : nested(.object(rest), depth: 0))
        }

        private mutating func error(_ error: JSON.Value) -> Int {
            guard let object = error.object else { return nested(error, depth: 0) }
            var total = 0
            for (key, value) in object where total < cap {
                switch key {
                case "code": continue
                case "data": total = sum(total, value.object == nil ? nested(value, depth: 0) : top(value))
                default: total = sum(total, nested(value, depth: 0))
                }
            }
            return total
        }

        private mutating func parameters(_ parameters: JSON.Value, of method: String) -> Int {
            switch method {
            case "notifications/message":
                // Each log line may be a row.
                return max(1, nested(parameters, depth: 0))
            case "notifications/progress":
                let rows = nested(parameters, depth: 0)
                return rows > 0 || !tellsMore(parameters) ? rows : 1
            default:
                return nested(parameters, depth: 0)
            }
        }

        /// Whether a progress message has numbers that say nothing about the progress.
        private func tellsMore(_ parameters: JSON.Value) -> Bool {
            guard let message = parameters["message"]?.string else { return false }
            var known: Set<Int64> = [100]
            let progress = parameters["progress"]?.double ?? 0
            let total = parameters["total"]?.double
            for number in [progress, total ?? 0] {
                known.formUnion(Int64(exactly: number.rounded()).map { [$0] } ?? [])
            }
            if let total, total > 0, let share = Int64(exactly: (progress / total * 100).rounded(.down)) {
                known.formUnion([share, share + 1])
            }
            let numbers = message.utf8.split { !(0x30...0x39).contains($0) }
            return numbers.contains { digits in
                Int64(String(decoding: digits, as: UTF8.self)).map { !known.contains($0) } ?? true
            }
        }

        /// One content block a row, and what its text holds where that is more.
        private mutating func blocks(_ value: JSON.Value) -> Int {
            guard let blocks = value.array else { return top(value) }
            var total = 0
            for block in blocks where total < cap {
                total = sum(total, max(1, self.block(block)))
            }
            return total
        }

        private mutating func block(_ block: JSON.Value) -> Int {
            guard let object = block.object else { return nested(block, depth: 0) }
            var total = 0
            var rest = JSON.Object()
            for (key, value) in object where total < cap {
                switch (key, value) {
                case ("type", .string), ("mimeType", .string), ("uri", .string), ("annotations", _), ("role", .string):
                    continue
                case ("data", .string), ("blob", .string): total = sum(total, blob(value.string ?? ""))
                case ("resource", .object), ("content", .object): total = sum(total, self.block(value))
                case ("content", .array): total = sum(total, blocks(value))
                default: rest[key] = value
                }
            }
            return rest.isEmpty || total >= cap ? total : sum(total, nested(.object(rest), depth: 0))
        }

        /// The records of a text in base64; pictures and sounds have none.
        private mutating func blob(_ text: String) -> Int {
            let bytes = Array(text.utf8.prefix(ItemCount.mostBlobBytes / 4 * 4))
            guard let decoded = Base64.decode(bytes, mayLackPadding: true),
                let text = String(validating: decoded, as: UTF8.self),
                !decoded.contains(0)
            else { return 0 }
            return self.text(text, depth: 0)
        }

        /// A value that stands for itself: an object without lists is one record.
        private mutating func top(_ value: JSON.Value) -> Int {
            switch value {
            case .object(let object): object.isEmpty ? 0 : max(1, nested(value, depth: 0))
            default: nested(value, depth: 0)
            }
        }
    }
}

// Values that are not parts of the protocol.
extension ItemCount.Counter {
    private func plus(_ left: Int, _ right: Int) -> Int {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }

    /// The records in a value, which is itself not one of them.
    mutating func nested(_ value: JSON.Value, depth: Int, texts: Int = 0) -> Int {
        guard depth < JSON.Limits.deepest else { return 0 }
        switch value {
        case .null, .bool, .integer, .number: return 0
        case .string(let text): return self.text(text, depth: texts)
        case .array(let elements): return list(elements, depth: depth, texts: texts)
        case .object(let object):
            let (rows, fields) = members(object, depth: depth, texts: texts)
            return rows > 0 ? rows : fields
        }
    }

    /// One element of a list or a map: a record, or the records in it where they are more.
    private mutating func row(_ value: JSON.Value, depth: Int, texts: Int) -> Int {
        switch value {
        case .object(let object): max(1, members(object, depth: depth, texts: texts).rows)
        case .array(let cells):
            cells.count <= ItemCount.mostColumns && cells.allSatisfy(Self.isScalar)
                ? 1 : max(1, nested(value, depth: depth, texts: texts))
        default: max(1, nested(value, depth: depth, texts: texts))
        }
    }

    private mutating func list(_ elements: [JSON.Value], depth: Int, texts: Int) -> Int {
        // The numbers of an embedding or the corners of a shape are no records.
        if elements.count > ItemCount.mostFieldValues, elements.allSatisfy(Self.isMeasure) { return 1 }
        var total = 0
        for element in elements where total < cap {
            total = plus(total, row(element, depth: depth + 1, texts: texts))
        }
        return total
    }

    /// The records in the members, and beside them the single values of short lists, which may be mere fields.
    private mutating func members(_ object: JSON.Object, depth: Int, texts: Int) -> (rows: Int, fields: Int) {
        guard depth < JSON.Limits.deepest else { return (0, 0) }
        if isMap(object) {
            var total = 0
            for (_, value) in object where total < cap {
                total = plus(total, row(value, depth: depth + 1, texts: texts))
            }
            return (total, 0)
        }
        var rows = 0
        var fields = 0
        for (_, value) in object where rows < cap {
            if case .array(let elements) = value, elements.count <= ItemCount.mostFieldValues,
                elements.allSatisfy(Self.isScalar)
            {
                fields += elements.count
            } else {
                rows = plus(rows, nested(value, depth: depth + 1, texts: texts))
            }
        }
        if fields > ItemCount.mostFieldValues { rows = plus(rows, fields) }
        return (rows, fields)
    }

    /// Whether the keys of an object are data: many members, or several that are objects with the same keys.
    private func isMap(_ object: JSON.Object) -> Bool {
        guard object.count > 1 else { return false }
        let objects = object.values.compactMap(\.object)
        if objects.count > ItemCount.mostFieldValues, objects.count * 2 > object.count { return true }
        if objects.count == object.count, let first = objects.first, !first.isEmpty {
            let keys = Set(first.keys)
            if objects.allSatisfy({ $0.count == keys.count && Set($0.keys) == keys }) { return true }
        }
        return object.count > ItemCount.mostFields
    }

    private static func isScalar(_ value: JSON.Value) -> Bool {
        switch value {
        case .array, .object: false
        // A text of its own may hold records.
        case .string(let text): text.utf8.count <= 256
        default: true
        }
    }

    private static func isMeasure(_ value: JSON.Value) -> Bool {
        switch value {
        case .number(let number): number != number.rounded()
        case .integer(0): true
        case .array(let pair): (2...3).contains(pair.count) && pair.allSatisfy { $0.array == nil && isMeasure($0) }
        default: false
        }
    }
}
