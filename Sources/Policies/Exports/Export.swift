package import Core
package import Traffic

/// An engine, or a format that engines read, to which a policy can be exported.
package enum ExportTarget: String, Sendable, CaseIterable {
    /// The configuration of ToolHive's authorizer `cedarv1`, one file a server.
    case cedarToolHive = "cedar-toolhive"
    /// Policies for Amazon Bedrock AgentCore.
    case cedarAgentCore = "cedar-agentcore"
    /// Policies for the schemas that the generator of cedar-for-agents makes.
    case cedar
    /// A Rego module and its data.
    case rego
    /// A `securityPolicy` for an `MCPRoute` of Envoy AI Gateway.
    case celEnvoy = "cel-envoy"
    /// Rules about whole tools for agentgateway, which sees no arguments.
    case celAgentgateway = "cel-agentgateway"
    /// JSON Schema 2020-12, one file for each agent and tool.
    case jsonSchema = "json-schema"
    /// The policy format of Progent (arXiv 2504.11703), one file an agent.
    case progent
}

/// What a tool takes, as far as an engine with types must know it.
package struct ToolShape: Sendable, Hashable {
    package enum Kind: String, Sendable { case string, integer, number, boolean, strings, other }

    package var arguments: [String: Kind]
    package var required: Set<String>

    package init(arguments: [String: Kind], required: Set<String> = []) {
        self.arguments = arguments
        self.required = required
    }

    /// Reads a tool's `inputSchema`; whatever is not plainly typed there is `other`.
    package init(inputSchema: JSON.Value) {
        var arguments: [String: Kind] = [:]
        for (name, schema) in inputSchema["properties"]?.object ?? [:] {
            arguments[name] =
                switch schema["type"]?.string {
                case "string": .string
                case "integer": .integer
                case "number": .number
                case "boolean": .boolean
                case "array" where schema["items"]?["type"]?.string == "string": .strings
                default: .other
                }
        }
        self.arguments = arguments
        required = Set((inputSchema["required"]?.array ?? []).compactMap(\.string))
    }
}

/// What an export rests on besides the policy.
package struct ExportOptions: Sendable {
    /// The one task for which the export is made; nil exports what holds for a call of no known task.
    package var task: String?
    /// What the tools take, for engines with types and those that see no argument that nobody named.
    package var tools: [ServerTool: ToolShape]
    /// Texts as they were sent, for engines that compare them byte for byte.
    package var spellings: [String]
    /// Leaves out rules that were made for one definition of a tool, since no engine compares it.
    package var needsDefinition: Bool
    /// Lets agentgateway pass whole tools whose arguments another service decides about.
    package var delegatesArguments: Bool
    /// Keeps rules that limit the calls of a session, since another service counts them; no engine here does.
    package var delegatesCalls: Bool
    /// Stands between target and tool in an action of AgentCore; older versions had two underscores.
    package var separator: String
    /// The resource of AgentCore's policies.
    package var gateway: String
    /// The namespace, and the types in it, of policies for cedar-for-agents.
    package var namespace: String

    package init(
        task: String? = nil,
        tools: [ServerTool: ToolShape] = [:],
        spellings: [String] = [],
        needsDefinition: Bool = false,
        delegatesArguments: Bool = false,
        delegatesCalls: Bool = false,
        separator: String = "___",
        gateway: String = "arn:aws:bedrock-agentcore:REGION:ACCOUNT:gateway/NAME",
        namespace: String = "Lockstep"
    ) {
        self.task = task
        self.tools = tools
        self.spellings = spellings
        self.needsDefinition = needsDefinition
        self.delegatesArguments = delegatesArguments
        self.delegatesCalls = delegatesCalls
        self.separator = separator
        self.gateway = gateway
        self.namespace = namespace
    }
}

package struct ExportFile: Sendable, Hashable {
    /// Relative, with `/`; every part is made of letters, digits, `.`, `_`, `-` and `%`.
    package var path: String
    package var bytes: [UInt8]

    init(_ path: String, _ text: String) {
        self.path = path
        bytes = Array(text.utf8)
    }

    init(_ path: String, _ value: JSON.Value) {
        self.init(path, JSON.pretty(value) + "\n")
    }

    /// A name as one part of a path: no separator, no dots alone, nothing that a file system folds.
    static func part(_ name: String?) -> String {
        // An empty name encodes as something that no other name does.
        guard let name else { return "%others" }
        if name.isEmpty { return "%" }
        var result = ""
        for (position, byte) in name.utf8.enumerated() {
            let isPlain = byte < 0x80 && (Character(UnicodeScalar(byte)).isLetter || (48...57).contains(byte))
            let isInner = position > 0 && [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
            if (isPlain && !(65...90).contains(byte)) || isInner || byte == UInt8(ascii: "_") {
                result.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
        // The statement's own name.
        return result == "statement" ? "%73tatement" : result
    }
}

/// A policy in the form of another engine, and what got lost on the way.
package struct PolicyExport: Sendable {
    package var target: ExportTarget
    package var files: [ExportFile]
    package var statement: ExportStatement
}

extension Policy {
    /// Writes the policy for another engine.
    ///
    /// The engine never allows what `decide` denies for a call of no known task, definition or inventory agent, under
    /// what the statement names as assumed. What it cannot express is left out, and so denied.
    package func exported(to target: ExportTarget, options: ExportOptions = ExportOptions()) -> PolicyExport {
        var lowering = Lowering(self, options, target)
        let grants = lowering.grants()
        var statement = lowering.statement
        let files: [ExportFile] =
            switch target {
            case .cedarToolHive: CedarExport.files(grants, .toolHive, options, &statement)
            case .cedarAgentCore: CedarExport.files(grants, .agentCore, options, &statement)
            case .cedar: CedarExport.files(grants, .agents, options, &statement)
            case .rego: RegoExport.files(grants, &statement)
            case .celEnvoy: CELExport.envoy(grants, &statement)
            case .celAgentgateway: CELExport.agentgateway(grants, options, &statement)
            case .jsonSchema: SchemaExport.files(grants, &statement)
            case .progent: SchemaExport.progent(grants, options, knownTools(options), &statement)
            }
        return PolicyExport(
            target: target,
            files: files + [ExportFile(ExportStatement.file, statement.json(of: files))],
            statement: statement
        )
    }

    /// Every tool that is known by name, whether or not anybody may call it.
    private func knownTools(_ options: ExportOptions) -> Set<ServerTool> {
        Set(rules.map(\.tool)).union(options.tools.keys)
    }
}
