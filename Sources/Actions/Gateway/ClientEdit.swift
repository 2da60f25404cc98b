package import Core
import Documents
import Inspection

/// What has to change in a client's configuration so that its servers are reached through a gateway.
///
/// The text is never written anew: a few byte ranges of it are, and everything else stays as people wrote it, comments
/// included.
package struct ClientEdit: Sendable {
    /// The gateway as clients are told of it.
    package struct Target: Sendable {
        /// The program that is started in the place of a server.
        package var program: String
        /// The gateway's document; absolute, as clients start programs anywhere.
        package var document: String
        /// Servers that are programs.
        package var programs: Set<String>
        /// Addresses on the gateway, by server.
        package var addresses: [String: String]
        /// Addresses on the gateway, by the address of the server itself.
        package var upstreams: [String: String]

        package init(
            program: String,
            document: String,
            programs: Set<String>,
            addresses: [String: String],
            upstreams: [String: String]
        ) {
            self.program = program
            self.document = document
            self.programs = programs
            self.addresses = addresses
            self.upstreams = upstreams
        }

        /// What stands before the program and its arguments.
        func words(_ server: String) -> [String] {
            ["gateway", "wrap", "--config", document, "--server", server, "--"]
        }
    }

    package let before: [UInt8]
    package let after: [UInt8]
    /// Servers that are reached otherwise from now on, and those that were already.
    package let changed: [String]
    package let unchanged: [String]

    package var isEmpty: Bool { before == after }

    /// Where clients keep their servers; `*` is every member.
    private static let places = [
        ["mcpServers"], ["servers"], ["context_servers"], ["mcp", "servers"], ["projects", "*", "mcpServers"],
    ]
    private static let addressKeys = ["url", "serverUrl", "httpUrl"]

    private struct Change {
        var range: Range<Int>
        var text: [UInt8]
    }

    /// Plans the change of one file.
    ///
    /// `names` are the servers to change; all where none is named.
    ///
    /// - Throws: `InvalidInput` with everything that stands against it, and then nothing may be changed.
    package init(
        _ bytes: [UInt8],
        file: String,
        names: [String],
        target: Target
    ) throws(InvalidInput) {
        let (plain, outline) = try Self.read(bytes, file)
        var plan = Plan(plain: plain, outline: outline, file: file, target: target)
        let span = plain.span
        var found: Set<String> = []
        for place in Self.places {
            for container in plan.containers(place, outline.root) {
                for (key, entry) in outline.members(of: container) {
                    guard let name = outline.text(of: key, in: span), names.isEmpty || names.contains(name) else {
                        continue
                    }
                    found.insert(name)
                    plan.take(name, entry)
                }
            }
        }
        for name in names where !found.contains(name) {
            plan.problem("missing", "there is no server \(name.inMessage)", at: outline.root)
        }
        if found.isEmpty, names.isEmpty { plan.problem("empty", "the file names no servers", at: outline.root) }
        guard plan.problems.isEmpty else { throw InvalidInput(plan.problems) }
        before = bytes
        after = plan.applied(to: bytes)
        changed = plan.changed
        unchanged = plan.unchanged
        // What was written must read as what was meant.
        _ = try Self.read(after, file)
    }

    private static func read(
        _ bytes: [UInt8],
        _ file: String
    ) throws(InvalidInput) -> ([UInt8], JSON.Outline) {
        do throws(JSON.ScanError) {
            let plain = try JSONCReader.plain(bytes)
            var outline = JSON.Outline()
            try outline.scan(plain.span, limits: .standard)
            return (plain, outline)
        } catch {
            let place = JSONCReader.place(ofByte: error.offset, in: bytes, file: file)
            throw InvalidInput([
                Diagnostic(
                    code: "client." + error.code.rawValue,
                    message: error.code.phrase,
                    at: place,
                    help: "clients that keep their servers in json are known, with or without comments"
                )
            ])
        }
    }

    private struct Plan {
        let plain: [UInt8]
        let outline: JSON.Outline
        let file: String
        let target: Target
        var changes: [Change] = []
        var problems: [Diagnostic] = []
        var changed: [String] = []
        var unchanged: [String] = []

        func containers(_ path: [String], _ node: JSON.Outline.Node) -> [JSON.Outline.Node] {
            guard outline.kind(of: node) == .object else { return [] }
            guard let step = path.first else { return [node] }
            let rest = Array(path.dropFirst())
            if step == "*" { return outline.members(of: node).flatMap { containers(rest, $0.value) } }
            return outline.member(step, of: node, in: plain.span).map { containers(rest, $0) } ?? []
        }

        mutating func problem(_ code: String, _ message: String, at node: JSON.Outline.Node, help: String? = nil) {
            let place = JSONCReader.place(ofByte: outline.range(of: node).lowerBound, in: plain, file: file)
            problems.append(Diagnostic(code: "client." + code, message: message, at: place, help: help))
        }

        mutating func take(_ name: String, _ entry: JSON.Outline.Node) {
            guard outline.kind(of: entry) == .object else {
                return problem("entry", "the server \(name.inMessage) is no object", at: entry)
            }
            if let command = outline.member("command", of: entry, in: plain.span) {
                // Some clients keep the program and its arguments in an object of their own.
                if outline.kind(of: command) == .object, let path = outline.member("path", of: command, in: plain.span)
                {
                    return wrap(name, path, in: command)
                }
                return wrap(name, command, in: entry)
            }
            for key in ClientEdit.addressKeys {
                if let address = outline.member(key, of: entry, in: plain.span) { return route(name, address) }
            }
            problem("entry", "the server \(name.inMessage) has neither a command nor an address", at: entry)
        }

        private mutating func wrap(_ name: String, _ command: JSON.Outline.Node, in entry: JSON.Outline.Node) {
            let plain = plain
            let span = plain.span
            let arguments = outline.member("args", of: entry, in: span)
            let isList = arguments.map { outline.kind(of: $0) == .array } ?? true
            guard outline.text(of: command, in: span).map({ !$0.isEmpty }) ?? false, isList else {
                return problem("entry", "the command of \(name.inMessage) cannot be read", at: command)
            }
            let old = arguments.map { Array(outline.children(of: $0)) } ?? []
            let words = target.words(name)
            let given = old.prefix(words.count).map { outline.text(of: $0, in: span) ?? "" }
            if given == words {
                unchanged.append(name)
                return
            }
            guard Array(given.prefix(2)) != Array(words.prefix(2)) else {
                return problem(
                    "installed",
                    "the server \(name.inMessage) stands behind another gateway already",
                    at: command,
                    help: "put the file back first with `--undo`"
                )
            }
            guard target.programs.contains(name) else {
                return problem(
                    "route",
                    "the gateway has no route for the program \(name.inMessage)",
                    at: command,
                    help: "add `- {server: \(name)}` to its `routes`, or name the servers with `--server`"
                )
            }
            var text = Array(words.map(Self.quoted).joined(separator: Array(", ".utf8)))
            text += Array(", ".utf8) + plain[outline.range(of: command)]
            changes.append(Change(range: outline.range(of: command), text: Self.quoted(target.program)))
            if let arguments {
                let start = outline.range(of: arguments).lowerBound + 1
                if !old.isEmpty { text += Array(", ".utf8) }
                changes.append(Change(range: start..<start, text: text))
            } else {
                let end = outline.range(of: command).upperBound
                let member = Array(", \"args\": [".utf8) + text + Array("]".utf8)
                changes.append(Change(range: end..<end, text: member))
            }
            changed.append(name)
        }

        private mutating func route(_ name: String, _ address: JSON.Outline.Node) {
            let text = outline.text(of: address, in: plain.span)
            guard let text else {
                return problem("entry", "the address of \(name.inMessage) is no text", at: address)
            }
            if target.addresses.values.contains(text) {
                unchanged.append(name)
                return
            }
            guard let route = target.addresses[name] ?? target.upstreams[text] else {
                return problem(
                    "route",
                    "the gateway has no address for the server \(name.inMessage)",
                    at: address,
                    help: "add a route with its name, and `url` where `listen` has port 0"
                )
            }
            changes.append(Change(range: outline.range(of: address), text: Self.quoted(route)))
            changed.append(name)
        }

        private static func quoted(_ text: String) -> [UInt8] { JSON.canonical(.string(text)) }

        func applied(to bytes: [UInt8]) -> [UInt8] {
            var result: [UInt8] = []
            var at = 0
            let order = changes.enumerated().sorted { left, right in
                (left.element.range.lowerBound, left.offset) < (right.element.range.lowerBound, right.offset)
            }
            for (_, change) in order {
                result += bytes[at..<change.range.lowerBound]
                result += change.text
                at = change.range.upperBound
            }
            return result + bytes[at...]
        }
    }
}

extension ClientEdit {
    /// The lines that differ, as `diff -U0` shows them; what looks like a secret is left out of them.
    package var difference: String {
        let old = Self.lines(before)
        let new = Self.lines(after)
        let changes = new.difference(from: old)
        var lines: [(at: Int, order: Int, text: String)] = []
        for change in changes {
            switch change {
            case .remove(let at, let line, _): lines.append((at, 0, "-" + line))
            case .insert(let at, let line, _): lines.append((at, 1, "+" + line))
            }
        }
        lines.sort { ($0.at, $0.order) < ($1.at, $1.order) }
        return lines.map { "@@ line \($0.at + 1)\n\(Credentials.redact($0.text))" }.joined(separator: "\n")
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}
