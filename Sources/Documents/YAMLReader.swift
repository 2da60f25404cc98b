package import Core

/// Reads YAML into positioned nodes and says everything that is wrong at once.
///
/// The language is the part of YAML 1.2 on which all readers agree: one document, strings as keys, the core schema, no
/// tags, no merge keys, no words that mean different things in YAML 1.1 and 1.2 (see `PlainScalar`). Aliases are
/// expanded within a limit. Codes: `yaml.` and `syntax`, `duplicate-key`, `ambiguous-scalar`, `merge-key`, `tag`,
/// `tab`, `alias-limit`, `too-large`, `too-deep`, `encoding`, `multiple-documents`,
/// `non-string-key`, `empty`.
package enum YAMLReader {
    package static let maxBytes = 4 << 20
    package static let maxDepth = 64
    package static let maxNodes = 400_000
    package static let maxExpandedBytes = 10_000_000

    /// The document's root and what is wrong with it; without a root there is at least one error.
    ///
    /// With errors the root may still be there, so that later checks can report theirs in the same run; it must then
    /// be used for nothing else.
    package static func read(_ bytes: [UInt8], file: String) -> (node: Node?, diagnostics: [Diagnostic]) {
        let top = Place(file: file, line: 1, column: 1)
        guard bytes.count <= maxBytes else {
            return (
                nil,
                [
                    Diagnostic(
                        code: "yaml.too-large",
                        message: "the file is larger than \(maxBytes >> 20) MiB",
                        at: top,
                        help: "split it, or write long lists elsewhere"
                    )
                ]
            )
        }
        let text = DocumentText(bytes, file: file, codePrefix: "yaml")
        guard text.diagnostics.isEmpty else { return (nil, text.diagnostics) }
        // libyaml compares each directive with all before it.
        if let place = text.surplusDirective(after: 16) {
            return (nil, [Diagnostic(code: "yaml.syntax", message: "too many directives", at: place)])
        }
        var composer = YAMLComposer(text)
        let node = composer.document()
        return (node, composer.diagnostics.sorted)
    }
}

/// Builds nodes from events.
private struct YAMLComposer: ~Copyable {
    /// The error is in the diagnostics already; nothing can follow.
    private struct Stop: Error {}

    private struct Anchored {
        var node: Node
        var nodes: Int
        var bytes: Int
        var height: Int
    }

    private static let mostDiagnostics = 200

    private let text: DocumentText
    private var events: YAMLEvents
    private var anchors: [String: Anchored] = [:]
    /// Anchors of lists and mappings that have begun and not ended.
    private var open: Set<String> = []
    private var nodes = 0
    private var bytes = 0
    private(set) var diagnostics: [Diagnostic] = []

    init(_ text: DocumentText) {
        self.text = text
        events = YAMLEvents(text.bytes)
    }

    mutating func document() -> Node? {
        do {
            var root: Node?
            while true {
                let event = try next()
                switch event.kind {
                case .streamStart, .documentEnd: continue
                case .documentStart where root == nil:
                    root = try node(try next(), depth: 1).node
                case .documentStart:
                    report("multiple-documents", "a second document begins here", event, help: "keep one in each file")
                    return root
                default:
                    if root == nil {
                        let place = Place(file: text.file, line: 1, column: 1)
                        report("empty", "the file holds no document", place, help: nil)
                    }
                    return root
                }
            }
        } catch {
            return nil
        }
    }

    private mutating func next() throws(Stop) -> YAMLEvent {
        do throws(YAMLProblem) {
            return try events.next()
        } catch {
            report(error)
            throw Stop()
        }
    }

    /// The node that begins with this event, and how many levels it has.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(Stop) -> (node: Node, height: Int) {
        guard depth <= YAMLReader.maxDepth else { throw tooDeep(event) }
        switch event.kind {
        case .alias(let name): return try alias(name, event, depth: depth)
        case .scalar(let scalar, let anchor, let hasTag):
            if hasTag { refuseTag(event) }
            if !hasTag, scalar.style == .plain,
                case .ambiguous(let message, let help) = PlainScalar(scalar.text).reading
            {
                report("ambiguous-scalar", message, event, help: help)
            }
            return try scalarNode(scalar, event, anchor: anchor)
        case .sequenceStart(let anchor, let hasTag):
            if hasTag { refuseTag(event) }
            if let anchor { open.insert(anchor) }
            let before = (nodes, bytes)
            try count(event, nodes: 1, bytes: 0)
            var elements: [Node] = []
            var height = 0
            while true {
                let inner = try next()
                if case .sequenceEnd = inner.kind {
                    let node = make(.sequence(elements), event, end: inner.end)
                    return remember(node, anchor, before, height: height + 1)
                }
                let element = try self.node(inner, depth: depth + 1)
                elements.append(element.node)
                height = max(height, element.height)
            }
        case .mappingStart(let anchor, let hasTag):
            if hasTag { refuseTag(event) }
            if let anchor { open.insert(anchor) }
            return try mapping(event, anchor, depth: depth)
        default:
            report("syntax", "a value is missing", event, help: nil)
            throw Stop()
        }
    }

    private mutating func mapping(
        _ event: YAMLEvent,
        _ anchor: String?,
        depth: Int
    ) throws(Stop) -> (node: Node, height: Int) {
        let before = (nodes, bytes)
        try count(event, nodes: 1, bytes: 0)
        var entries: [Node.Entry] = []
        var lines: [String: Int] = [:]
        var height = 0
        while true {
            let first = try next()
            if case .mappingEnd = first.kind {
                let node = make(.mapping(entries), event, end: first.end)
                return remember(node, anchor, before, height: height + 1)
            }
            let key = try key(first, depth: depth + 1)
            let value = try node(try next(), depth: depth + 1)
            height = max(height, value.height)
            guard let key, let name = key.scalar?.text else { continue }
            if let line = lines[name] {
                report(
                    "duplicate-key",
                    "the key \(name.inMessage) is there already",
                    key.place,
                    help: "the first one is on line \(line)"
                )
            } else {
                lines[name] = key.start.line
                entries.append(Node.Entry(key: key, value: value.node))
            }
        }
    }

    /// The key that begins with this event, or nil if it is nothing that a name can be made of.
    private mutating func key(_ event: YAMLEvent, depth: Int) throws(Stop) -> Node? {
        guard case .scalar(let scalar, let anchor, let hasTag) = event.kind else {
            report(
                "non-string-key",
                "a key must be text, not an alias, a list or a mapping",
                event,
                help: "write the key out, or quote text that begins with a bracket"
            )
            _ = try node(event, depth: depth)
            return nil
        }
        if hasTag {
            refuseTag(event)
        } else if scalar.style == .plain {
            switch PlainScalar(scalar.text).reading {
            case _ where scalar.text == "<<":
                report(
                    "merge-key",
                    "merge keys are not supported",
                    event,
                    help: "write the members out, or use an alias"
                )
                _ = try scalarNode(scalar, event, anchor: anchor)
                return nil
            case .ambiguous(let message, let help): report("ambiguous-scalar", message, event, help: help)
            case .value(.string): break
            case .value(let value):
                report(
                    "non-string-key",
                    "a key must be text, not \(value.kindName)",
                    event,
                    help: "put it in quotes: `\"\(scalar.text.prefix(40))\"`"
                )
            }
        }
        return try scalarNode(scalar, event, anchor: anchor).node
    }

    private mutating func scalarNode(
        _ scalar: Scalar,
        _ event: YAMLEvent,
        anchor: String?
    ) throws(Stop) -> (node: Node, height: Int) {
        let before = (nodes, bytes)
        try count(event, nodes: 1, bytes: scalar.text.utf8.count)
        return remember(make(.scalar(scalar), event, end: event.end), anchor, before, height: 1)
    }

    private mutating func alias(_ name: String, _ event: YAMLEvent, depth: Int) throws(Stop) -> (
        node: Node, height: Int
    ) {
        if open.contains(name) {
            report(
                "alias-limit",
                "\(("*" + name).inMessage) lies inside the value that it repeats",
                event,
                help: "write the value out"
            )
            throw Stop()
        }
        guard let anchored = anchors[name] else {
            // Comparing with very many names takes time and helps nobody.
            let near = anchors.count > 200 ? nil : nearest(to: name, in: anchors.keys)
            report(
                "syntax",
                "nothing before this is called \(("&" + name).inMessage)",
                event,
                help: near.map { "did you mean \(("*" + $0).inMessage)?" }
            )
            return try scalarNode(Scalar(text: "", style: .plain), event, anchor: nil)
        }
        guard depth - 1 + anchored.height <= YAMLReader.maxDepth else { throw tooDeep(event) }
        try count(event, nodes: anchored.nodes, bytes: anchored.bytes)
        return (anchored.node, anchored.height)
    }

    private mutating func remember(
        _ node: Node,
        _ anchor: String?,
        _ before: (nodes: Int, bytes: Int),
        height: Int
    ) -> (node: Node, height: Int) {
        if let anchor {
            open.remove(anchor)
            anchors[anchor] = Anchored(
                node: node,
                nodes: nodes - before.nodes,
                bytes: bytes - before.bytes,
                height: height
            )
        }
        return (node, height)
    }

    private mutating func count(_ event: YAMLEvent, nodes: Int, bytes: Int) throws(Stop) {
        self.nodes += nodes
        self.bytes += bytes
        guard self.nodes > YAMLReader.maxNodes || self.bytes > YAMLReader.maxExpandedBytes else { return }
        report(
            "alias-limit",
            "the document has more than \(YAMLReader.maxNodes) values once its aliases are expanded",
            event,
            help: "split it, or use fewer aliases"
        )
        throw Stop()
    }

    private func make(_ content: Node.Content, _ event: YAMLEvent, end: Node.Mark) -> Node {
        Node(content: content, start: event.start, end: end, file: text.file)
    }
}

extension YAMLComposer {
    private mutating func refuseTag(_ event: YAMLEvent) {
        report("tag", "tags are not supported", event, help: "remove the word that begins with `!`, or quote the text")
    }

    private mutating func tooDeep(_ event: YAMLEvent) -> Stop {
        report("too-deep", "more than \(YAMLReader.maxDepth) levels", event, help: nil)
        return Stop()
    }

    private mutating func report(_ code: String, _ message: String, _ event: YAMLEvent, help: String?) {
        report(code, message, Place(file: text.file, from: event.start, to: event.end), help: help)
    }

    private mutating func report(_ code: String, _ message: String, _ place: Place, help: String?) {
        guard diagnostics.count < Self.mostDiagnostics else { return }
        diagnostics.append(Diagnostic(code: "yaml." + code, message: message, at: place, help: help))
    }

    private mutating func report(_ problem: YAMLProblem) {
        if let column = text.tabInIndentation(ofLine: problem.mark.line) {
            let place = Place(file: text.file, line: problem.mark.line, column: column)
            report("tab", "a tab indents this line", place, help: "indent with spaces")
            return
        }
        var mark = problem.mark
        // What was never closed is best shown where it was opened.
        if problem.problem == "found unexpected end of stream", let opened = problem.contextMark { mark = opened }
        let context = problem.context.map { ($0.hasPrefix("while") ? " " : " while ") + $0 } ?? ""
        let place = Place(file: text.file, line: mark.line, column: mark.column)
        report("syntax", problem.problem + context, place, help: Self.help(for: problem.problem))
    }

    private static func help(for problem: String) -> String? {
        switch problem {
        case "mapping values are not allowed in this context":
            "check the indentation, or quote the text if it contains `: `"
        case "found character that cannot start any token":
            "quote text that begins with `@`, `%` or a backtick"
        case "could not find expected ':'": "a key needs `:` and a space after it"
        case "found unexpected end of stream": "a quote is opened here and never closed"
        case "did not find expected key", "did not find expected '-' indicator",
            "did not find expected <document start>", "block sequence entries are not allowed in this context":
            "check the indentation of this line and the one before it"
        case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
            "a bracket is not closed, or a comma is missing"
        case "found unknown escape character": "use single quotes, or write `\\\\` for a backslash"
        default: nil
        }
    }
}
