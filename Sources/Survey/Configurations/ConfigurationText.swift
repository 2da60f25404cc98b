import Core
import Documents

/// Reads a configuration file of any format into one kind of value.
enum ConfigurationText {
    /// Why a text could not be read; it never quotes the text, which may hold secrets.
    struct Refusal: Error, Hashable {
        var reason: String
    }

    static func read(
        _ bytes: [UInt8],
        format: ConfigurationSource.Format,
        limit: Int
    ) throws(Refusal) -> JSON.Value {
        var bytes = bytes
        // Editors of Windows put a byte order mark before UTF-8, and most clients skip it.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard bytes.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return .null }
        let limits = JSON.Limits(maxBytes: limit)
        switch format {
        case .json:
            do throws(JSON.ScanError) {
                return try JSON.parse(bytes, limits: limits)
            } catch {
                throw Refusal(reason: "not valid json at byte \(error.offset) (\(error.code.rawValue))")
            }
        case .jsonc:
            let (value, diagnostics) = JSONCReader.read(bytes, file: "", limits: limits)
            guard let value else { throw refusal(diagnostics.first, "json with comments") }
            return value
        case .toml:
            let (value, diagnostics) = TOMLReader.read(bytes, file: "")
            guard let value else { throw refusal(diagnostics.first, "toml") }
            return value
        case .yaml: return try yaml(bytes)
        case .unread(let name): throw Refusal(reason: "the format is not read: \(name)")
        }
    }

    /// A word that YAML 1.1 and 1.2 understand differently says nothing about a server, so it costs nobody the file.
    private static func yaml(_ bytes: [UInt8]) throws(Refusal) -> JSON.Value {
        let (node, diagnostics) = YAMLReader.read(bytes, file: "")
        let errors = diagnostics.filter { $0.severity == .error && $0.code != "yaml.ambiguous-scalar" }
        guard let node, errors.isEmpty else { throw refusal(errors.first ?? diagnostics.first, "yaml") }
        return node.json
    }

    /// The code and the place only: the message may quote the text.
    private static func refusal(_ diagnostic: Diagnostic?, _ format: String) -> Refusal {
        guard let diagnostic else { return Refusal(reason: "not valid \(format)") }
        let place = diagnostic.place.map { " at line \($0.line), column \($0.column)" } ?? ""
        return Refusal(reason: "not valid \(format)\(place) (\(diagnostic.code))")
    }
}
