package import Core

/// Reads TOML 1.0 into a JSON value: tables become objects in the order of their first mention, dates and times become
/// text as RFC 3339 writes it.
///
/// The reader is our own because settings of other programs are hostile input: the C++ library at hand aborts the
/// process on some malformed keys and has no limit on the depth of dotted ones. Codes: `toml.syntax`,
/// `toml.duplicate-key`, `toml.bad-value`, `toml.too-large`, `toml.too-deep`, `toml.encoding`; the first error ends the
/// reading.
package enum TOMLReader {
    package static let maxBytes = 4 << 20
    package static let maxDepth = 64

    package static func read(_ bytes: [UInt8], file: String) -> (value: JSON.Value?, diagnostics: [Diagnostic]) {
        guard bytes.count <= maxBytes else {
            let place = Place(file: file, line: 1, column: 1)
            let message = "the file is larger than \(maxBytes >> 20) MiB"
            return (nil, [Diagnostic(code: "toml.too-large", message: message, at: place)])
        }
        let text = DocumentText(bytes, file: file, codePrefix: "toml")
        guard text.diagnostics.isEmpty else { return (nil, text.diagnostics) }
        do throws(TOMLProblem) {
            var document = TOMLDocument(text.bytes)
            return (try document.read(), [])
        } catch {
            let place = text.place(ofByte: error.offset)
            let diagnostic = Diagnostic(
                code: "toml." + error.code.rawValue,
                message: error.message,
                at: place,
                help: error.help
            )
            return (nil, [diagnostic])
        }
    }
}

/// What is wrong with a TOML text, and at which byte.
struct TOMLProblem: Error {
    enum Code: String {
        case syntax
        case duplicateKey = "duplicate-key"
        case badValue = "bad-value"
        case tooDeep = "too-deep"
    }

    var code: Code
    var message: String
    var offset: Int
    var help: String?

    init(_ code: Code, _ message: String, at offset: Int, help: String? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
        self.help = help
    }
}

/// A table while the document is read; later headers still find and extend it.
private final class TOMLTable {
    enum Origin: Equatable {
        /// Named on the way to a deeper header; its own header may follow.
        case implied
        case header
        /// Made by a dotted key, open only to other dotted keys under the same header.
        case dotted(scope: Int)
        /// Closed with its brace.
        case inline
    }

    indirect enum Item {
        case value(JSON.Value)
        case list([Item])
        case table(TOMLTable)
        case tables(TOMLTables)
    }

    var origin: Origin
    let depth: Int
    private(set) var keys: [String] = []
    private var items: [String: Item] = [:]

    init(_ origin: Origin, depth: Int) {
        self.origin = origin
        self.depth = depth
    }

    subscript(key: String) -> Item? {
        get { items[key] }
        set {
            if items[key] == nil { keys.append(key) }
            items[key] = newValue
        }
    }

    var json: JSON.Value {
        var object = JSON.Object()
        object.reserveCapacity(keys.count)
        for key in keys {
            if let item = items[key] { object[key] = Self.json(item) }
        }
        return .object(object)
    }

    private static func json(_ item: Item) -> JSON.Value {
        switch item {
        case .value(let value): value
        case .list(let items): .array(items.map(json))
        case .table(let table): table.json
        case .tables(let tables): .array(tables.elements.map(\.json))
        }
    }
}

/// An array of tables; a class so that adding one is cheap.
private final class TOMLTables {
    var elements: [TOMLTable]

    init(_ first: TOMLTable) { elements = [first] }
}

/// Statements, tables and nested values.
private struct TOMLDocument {
    private var cursor: TOMLCursor
    private let root = TOMLTable(.header, depth: 0)
    private var scope = 0

    init(_ bytes: [UInt8]) { cursor = TOMLCursor(bytes) }

    mutating func read() throws(TOMLProblem) -> JSON.Value {
        var current = root
        while true {
            cursor.skipBlank(lines: true)
            guard let byte = cursor.peek else { return root.json }
            if byte == UInt8(ascii: "[") {
                current = try header()
            } else {
                try member(of: current)
            }
            try cursor.endLine()
        }
    }

    private mutating func header() throws(TOMLProblem) -> TOMLTable {
        scope += 1
        let isList = cursor.takes("[[")
        if !isList { cursor.at += 1 }
        let path = try cursor.path()
        try cursor.expect(isList ? "]]" : "]")
        var table = root
        for part in path.dropLast() {
            table = try descend(table, part)
        }
        guard let last = path.last else { return table }
        let made = try child(of: table, .header, last)
        switch (table[last.key], isList) {
        case (nil, true): table[last.key] = .tables(TOMLTables(made))
        case (nil, false): table[last.key] = .table(made)
        case (.tables(let tables)?, true): tables.elements.append(made)
        case (.table(let inner)?, false) where inner.origin == .implied:
            inner.origin = .header
            return inner
        default: throw duplicate(last)
        }
        return made
    }

    /// The table under a part of a header's path.
    private func descend(_ table: TOMLTable, _ part: TOMLCursor.Part) throws(TOMLProblem) -> TOMLTable {
        switch table[part.key] {
        case nil:
            let made = try child(of: table, .implied, part)
            table[part.key] = .table(made)
            return made
        case .table(let inner)? where inner.origin != .inline: return inner
        case .tables(let tables)?:
            guard let last = tables.elements.last else { throw duplicate(part) }
            return last
        default: throw duplicate(part)
        }
    }

    private mutating func member(of table: TOMLTable) throws(TOMLProblem) {
        let path = try cursor.path()
        try cursor.expect("=")
        var table = table
        for part in path.dropLast() {
            switch table[part.key] {
            case nil:
                let made = try child(of: table, .dotted(scope: scope), part)
                table[part.key] = .table(made)
                table = made
            case .table(let inner)? where inner.origin == .dotted(scope: scope): table = inner
            default: throw duplicate(part)
            }
        }
        guard let last = path.last else { return }
        guard table[last.key] == nil else { throw duplicate(last) }
        cursor.skipBlank(lines: false)
        table[last.key] = try value(depth: table.depth + 1)
    }

    private mutating func value(depth: Int) throws(TOMLProblem) -> TOMLTable.Item {
        guard depth <= TOMLReader.maxDepth else { throw tooDeep(cursor.at) }
        switch cursor.peek {
        case UInt8(ascii: "["):
            cursor.at += 1
            var items: [TOMLTable.Item] = []
            while true {
                cursor.skipBlank(lines: true)
                if cursor.takes("]") { return .list(items) }
                items.append(try value(depth: depth + 1))
                cursor.skipBlank(lines: true)
                if cursor.takes("]") { return .list(items) }
                try cursor.expect(",")
            }
        case UInt8(ascii: "{"): return .table(try inlineTable(depth: depth))
        default: return .value(try cursor.scalar())
        }
    }

    private mutating func inlineTable(depth: Int) throws(TOMLProblem) -> TOMLTable {
        cursor.at += 1
        let outer = scope
        defer { scope = outer }
        // Dotted keys inside belong to this table only.
        cursor.scopes += 1
        scope = -cursor.scopes
        let table = TOMLTable(.inline, depth: depth)
        cursor.skipBlank(lines: false)
        if cursor.takes("}") { return table }
        while true {
            cursor.skipBlank(lines: false)
            try member(of: table)
            cursor.skipBlank(lines: false)
            if cursor.takes("}") { return table }
            try cursor.expect(",")
        }
    }

    private func child(
        of table: TOMLTable,
        _ origin: TOMLTable.Origin,
        _ part: TOMLCursor.Part
    ) throws(TOMLProblem) -> TOMLTable {
        guard table.depth < TOMLReader.maxDepth else { throw tooDeep(part.offset) }
        return TOMLTable(origin, depth: table.depth + 1)
    }

    private func duplicate(_ part: TOMLCursor.Part) -> TOMLProblem {
        TOMLProblem(.duplicateKey, "the key \(part.key.inMessage) is there already", at: part.offset)
    }

    private func tooDeep(_ offset: Int) -> TOMLProblem {
        TOMLProblem(.tooDeep, "more than \(TOMLReader.maxDepth) levels", at: offset)
    }
}
