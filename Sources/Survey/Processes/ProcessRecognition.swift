/// What a running program is to us.
enum ProcessRole: Hashable {
    case server
    case modelServer(String)
    /// A program that uses servers: an agent, an editor, a desktop application.
    case client(String)
}

/// Tells servers, model servers and clients by what is started, not by what is mentioned.
///
/// An editor with a file called `mcp.md` is no server: only the name of a package, of an interpreter's script or of the
/// program itself counts.
enum ProcessRecognition {
    /// Executables and Python modules that serve models, with the name that reports use.
    private static let modelServers: [String: String] = [
        "ollama": "ollama", "lms": "lm-studio", "lm-studio": "lm-studio", "llama-server": "llama.cpp",
        "llama-cpp-server": "llama.cpp", "llama-cpp": "llama.cpp", "llamafile": "llamafile", "local-ai": "localai",
        "localai": "localai", "vllm": "vllm", "sglang": "sglang", "text-generation-launcher": "tgi",
        "text-generation-server": "tgi", "koboldcpp": "koboldcpp", "mlx-lm": "mlx", "xinference": "xinference",
        "tabby": "tabby", "tritonserver": "triton", "lmdeploy": "lmdeploy", "litellm": "litellm", "gpt4all": "gpt4all",
    ]
    /// Sub-commands of these that only ask and serve nothing.
    private static let asking: Set<String> = [
        "run", "pull", "list", "ps", "show", "chat", "ls", "rm", "create", "cp", "help",
    ]

    private static let clients: [String: String] = [
        "claude": "claude-code", "claude-desktop": "claude-desktop", "cursor": "cursor", "code": "vscode",
        "code-insiders": "vscode", "codium": "vscode", "windsurf": "windsurf", "zed": "zed", "zed-editor": "zed",
        "gemini": "gemini-cli", "codex": "codex", "goose": "goose", "goosed": "goose", "opencode": "opencode",
        "amp": "amp", "q": "amazon-q", "qchat": "amazon-q", "kiro": "kiro", "trae": "trae", "aider": "aider",
        "crush": "crush", "droid": "factory-droid", "copilot": "copilot-cli", "openclaw": "openclaw",
    ]
    private static let clientPackages: [String: String] = [
        "@anthropic-ai/claude-code": "claude-code", "@google/gemini-cli": "gemini-cli", "@openai/codex": "codex",
        "opencode-ai": "opencode", "@sourcegraph/amp": "amp", "@github/copilot": "copilot-cli", "aider-chat": "aider",
        "@qwen-code/qwen-code": "qwen-code", "openclaw": "openclaw",
    ]

    static func role(_ words: [String], _ identity: CommandIdentity) -> ProcessRole? {
        guard let first = words.first else { return nil }
        let executable = baseName(first)
        let names = [executable] + (identity.kind == .pypi ? [identity.name] : []) + scriptName(words)
        for name in names {
            guard let known = modelServers[name] else { continue }
            let argument = words.dropFirst().first { !$0.hasPrefix("-") && !$0.hasSuffix("/" + name) && $0 != first }
            if name == "ollama" || name == "lms", asking.contains(argument ?? "") { return nil }
            return .modelServer(known)
        }
        if let client = clientPackages[identity.name] { return .client(client) }
        if let client = clients[executable] { return .client(client) }
        switch identity.kind {
        case .npm, .pypi, .oci, .jsr, .go, .nuget, .git:
            if saysMCP(identity.name) { return .server }
        case .remote: return .server
        case .script:
            // The last three parts of the path: a home called `mcp-team` says nothing about its scripts.
            let parts = identity.name.split(separator: "/").suffix(3)
            if parts.contains(where: { saysMCP(String($0)) }) || ["mcp", "fastmcp"].contains(executable) {
                return .server
            }
        case .command:
            if saysMCP(executable) || identity.name == "docker-mcp-gateway" { return .server }
        }
        let runs = words.prefix(6).map { baseName($0) }
        for (index, word) in runs.enumerated() where word == "fastmcp" || word == "mcp" {
            if index + 1 < runs.count, ["run", "dev"].contains(runs[index + 1]) { return .server }
        }
        return nil
    }

    /// Whether `mcp` is a word of a name: in `mcp-server-git` and `@example/mcp_tools`, not in `tcmcpu`.
    static func saysMCP(_ name: String) -> Bool {
        name.lowercased().split { !$0.isLetter }.contains {
            ["mcp", "fastmcp", "modelcontextprotocol", "mcpserver"].contains($0)
        }
    }

    /// The script that an interpreter runs, as a name: `python /usr/bin/vllm serve`.
    private static func scriptName(_ words: [String]) -> [String] {
        guard let first = words.first, baseName(first).hasPrefix("python"),
            let script = words.dropFirst().first(where: { !$0.hasPrefix("-") })
        else { return [] }
        return [baseName(script)]
    }

    static func baseName(_ path: String) -> String {
        path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map { $0.lowercased() } ?? ""
    }
}
