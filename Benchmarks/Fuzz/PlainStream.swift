/// Event streams by other readers: one that follows the standard letter by letter, and careless ones as they are in use.
enum PlainStream {
    struct Event: Equatable {
        var type: String
        var data: [UInt8]
        var id: [UInt8]
    }

    enum Lines {
        /// CR, LF, CRLF, as the standard has it.
        case standard
        /// LF alone, and a CR before it is dropped.
        case lineFeeds
        /// Everything that Unicode or Python takes for the end of a line.
        case unicode
    }

    /// "Interpreting an event stream" of the WHATWG HTML standard, over the whole stream at once.
    static func events(_ bytes: [UInt8], lines: Lines = .standard) -> [Event] {
        var all = bytes
        if all.starts(with: [0xEF, 0xBB, 0xBF]) { all.removeFirst(3) }
        var events: [Event] = []
        var (type, id): ([UInt8], [UInt8]) = ([], [])
        var data: [UInt8]?
        for line in Self.lines(all, lines) {
            if line.isEmpty {
                if let data {
                    let name = type.isEmpty ? "message" : String(decoding: type, as: UTF8.self)
                    events.append(Event(type: name, data: data, id: id))
                }
                data = nil
                type = []
                continue
            }
            let colon = line.firstIndex(of: 0x3A) ?? line.count
            var value = line.dropFirst(colon + 1)
            if value.first == 0x20 { value = value.dropFirst() }
            switch String(decoding: line[..<colon], as: UTF8.self) {
            case "data": data = data.map { $0 + [0x0A] + value } ?? Array(value)
            case "event": type = Array(value)
            case "id": if !value.contains(0) { id = Array(value) }
            default: break
            }
        }
        return events
    }

    /// What a reader finds that takes every `data` line for a message of its own.
    static func dataLines(_ bytes: [UInt8]) -> [[UInt8]] {
        lines(bytes, .unicode).compactMap { line in
            line.starts(with: "data:".utf8) ? Array(line.dropFirst(line.dropFirst(5).first == 0x20 ? 6 : 5)) : nil
        }
    }

    /// The lines that end.
    private static func lines(_ bytes: [UInt8], _ kind: Lines) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let rest = bytes[at...]
            var length = 0
            if rest.starts(with: [0x0D, 0x0A]) {
                length = 2
            } else if bytes[at] == 0x0A || bytes[at] == 0x0D && kind != .lineFeeds {
                length = 1
            } else if kind == .unicode {
                if [0x0B, 0x0C, 0x1C, 0x1D, 0x1E].contains(bytes[at]) { length = 1 }
                if rest.starts(with: [0xC2, 0x85]) { length = 2 }
                if rest.starts(with: [0xE2, 0x80, 0xA8]) || rest.starts(with: [0xE2, 0x80, 0xA9]) { length = 3 }
            }
            if length > 0 {
                lines.append(line)
                line = []
                at += length
            } else {
                line.append(bytes[at])
                at += 1
            }
        }
        return lines
    }
}
