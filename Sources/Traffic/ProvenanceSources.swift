/// Provenance as recordings keep it: one word a source.
///
/// `prompt`, `prompt-host`, `field:SERVER/TOOL#PATH`, `text:SERVER/TOOL`, and `reading:` with the 16 hexadecimal digits of
/// a reading whose text shows the value; in the names `%`, `/` and `#` are
/// percent-encoded. A record has them by the pointer of the argument (RFC 6901), and for an identity inside a text
/// by the pointer followed by `#CLASS:VALUE`.
extension Provenance {
    package init(sources: [String]) {
        self.init()
        for source in sources {
            switch source {
            case "prompt": prompt = .exact
            case "prompt-host": prompt = max(prompt, .host)
            default: read(source)
            }
        }
    }

    private mutating func read(_ source: String) {
        if source.hasPrefix("text:") {
            if let tool = ServerTool(source: source.dropFirst(5)) { texts.insert(tool) }
        } else if source.hasPrefix("field:"), let hash = source.firstIndex(of: "#") {
            guard let tool = ServerTool(source: source[..<hash].dropFirst(6)) else { return }
            fields.insert(ResultField(tool: tool, field: String(source[source.index(after: hash)...])))
        }
    }

    /// Where a record has the provenance of an identity inside the text at a pointer.
    package static func key(of entity: CanonicalValue, at pointer: String) -> String {
        "\(pointer)#\(entity.valueClass.rawValue):\(entity.text)"
    }

    /// The readings among the sources of a value.
    static func readings(_ sources: [String]) -> [UInt64] {
        sources.compactMap { $0.hasPrefix("reading:") ? UInt64($0.dropFirst(8), radix: 16) : nil }
    }

    /// In one order, so that equal provenance is written alike.
    package var sources: [String] {
        var sources: [String] = []
        switch prompt {
        case .exact: sources.append("prompt")
        case .host: sources.append("prompt-host")
        case .none: break
        }
        sources += fields.sorted().map { "field:\($0.tool.source)#\($0.field)" }
        sources += texts.sorted().map { "text:\($0.source)" }
        return sources
    }
}

extension ServerTool {
    fileprivate init?(source: Substring) {
        let parts = source.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].contains("/") else { return nil }
        self.init(server: Self.decoded(parts[0]), tool: Self.decoded(parts[1]))
    }

    fileprivate var source: String { Self.encoded(server) + "/" + Self.encoded(tool) }

    private static func encoded(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "%": result += "%25"
            case "/": result += "%2F"
            case "#": result += "%23"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func decoded(_ name: Substring) -> String {
        let extra: Set<UInt8> = [UInt8(ascii: "%"), UInt8(ascii: "/"), UInt8(ascii: "#")]
        return String(decoding: Percent.normalized(Array(name.utf8)[...], alsoDecoding: extra), as: UTF8.self)
    }
}
