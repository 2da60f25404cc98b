package import Core
package import Policies
package import Traffic
import Wire

/// What an export wants to know beside the policy: what tools take, and how values were spelled.
package enum ExportSources {
    package struct Failure: Error, Sendable, Hashable {
        package var message: String
        package var help: String?
    }

    /// Reads the tools of a `tools/list` result, of an array of tools, or of lines `{"server", "tools"}`.
    ///
    /// Without a server a tool is that of the one server for which the policy has rules about it.
    package static func shapes(_ bytes: [UInt8], of policy: Policy) throws(Failure) -> [ServerTool: ToolShape] {
        var shapes: [ServerTool: ToolShape] = [:]
        for value in try documents(bytes) {
            let server = value["server"]?.string
            let result = value["result"] ?? value
            guard let tools = result.array ?? result["tools"]?.array ?? result["tool"].map({ [$0] }) else {
                throw Failure(
                    message: "there is neither a list of tools nor a line with `tools` in it",
                    help: "give what a server answered to `tools/list`"
                )
            }
            for tool in tools {
                guard let name = tool["name"]?.string else { throw Failure(message: "a tool has no name") }
                let servers = Set(policy.rules.filter { $0.tool.tool == name && !$0.isAboutMany }.map(\.tool.server))
                if server == nil, servers.count > 1 {
                    throw Failure(
                        message: "`\(name)` is a tool of \(servers.count) servers, and the list does not say of which",
                        help: #"write a line {"server": "NAME", "tools": [...]} for each of them"#
                    )
                }
                for server in server.map({ [$0] }) ?? servers.sorted() {
                    shapes[ServerTool(server: server, tool: name)] = ToolShape(
                        inputSchema: tool["inputSchema"] ?? [:]
                    )
                }
            }
        }
        return shapes
    }

    private static func documents(_ bytes: [UInt8]) throws(Failure) -> [JSON.Value] {
        if let whole = try? JSON.parse(bytes) { return [whole] }
        var documents: [JSON.Value] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            guard let value = try? JSON.parse(Array(line)) else {
                throw Failure(message: "line \(number + 1) is no JSON")
            }
            documents.append(value)
        }
        return documents
    }

    /// What the inventory knows of the tools that a policy is about.
    package static func shapes(in servers: [InventoryServer], of policy: Policy) -> [ServerTool: ToolShape] {
        var shapes: [ServerTool: ToolShape] = [:]
        for tool in Set(policy.rules.map(\.tool)) {
            let known = servers.filter { $0.id.text == tool.server || $0.aliases.contains(tool.server) }
            // Of two servers of one name nobody knows which is meant.
            guard known.count == 1, let server = known.first else { continue }
            let definition = server.description?.definitions.first { $0.kind == .tool && $0.name == tool.tool }
            if let definition { shapes[tool] = ToolShape(inputSchema: definition.body["inputSchema"] ?? [:]) }
        }
        return shapes
    }

    /// Texts of recorded calls that are spellings of values which the policy lists.
    package static func spellings(
        in files: [String],
        of policy: Policy
    ) throws(RecordingFiles.Failure) -> [String] {
        let listed = Set(policy.rules.flatMap { $0.arguments.flatMap { $0.values.map(\.text) } })
        var found: Set<String> = []
        func take(_ value: JSON.Value) {
            switch value {
            case .string(let text):
                guard found.count < maxSpellings, text.utf8.count <= maxBytes, !found.contains(text) else { return }
                if listed.contains(CanonicalValue(text: text).text) { found.insert(text) }
            case .array(let values): values.forEach(take)
            case .object(let object): object.forEach { take($0.value) }
            default: break
            }
        }
        _ = try RecordingFiles.read(files) { record in record.arguments.forEach { take($0.value) } }
        return found.sorted()
    }

    private static let maxSpellings = 100_000
    private static let maxBytes = 4096
}

extension Rule {
    fileprivate var isAboutMany: Bool { tool.server == "*" || tool.tool.hasSuffix("*") }
}
