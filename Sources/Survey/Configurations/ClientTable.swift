/// One kind of file in which a client keeps its servers.
struct ConfigurationSource: Sendable {
    enum Scope: Sendable, Hashable {
        /// Relative to a home.
        case user
        /// Relative to a project folder.
        case project
        /// Relative to the root of the machine; administrators write it.
        case machine
    }

    enum Format: Sendable, Hashable {
        case json
        /// JSON with comments and trailing commas, where the client itself reads it so.
        case jsonc
        case toml
        case yaml
        /// A format that is not read; finding the file is a gap.
        case unread(String)
    }

    /// Where the servers are: member names from the root, `*` for every member or element.
    ///
    /// The empty path is the root itself, and is tried only where nothing else was found.
    typealias KeyPath = [String]

    var client: String
    var scope: Scope
    var format: Format
    var servers: [KeyPath]
    var paths: [String]

    init(_ client: String, _ scope: Scope, _ format: Format, _ servers: [KeyPath], _ paths: String...) {
        self.client = client
        self.scope = scope
        self.format = format
        self.servers = servers
        self.paths = paths
    }

    init(_ client: String, _ scope: Scope, _ servers: [KeyPath], _ paths: String...) {
        self.client = client
        self.scope = scope
        self.format = .json
        self.servers = servers
        self.paths = paths
    }
}

/// The clients whose configuration is known, with the places where their documentation or source puts it.
enum ClientTable {
    private static let usual: [ConfigurationSource.KeyPath] = [["mcpServers"]]
    private static let any: [ConfigurationSource.KeyPath] = [
        ["mcpServers"], ["servers"], ["mcp", "servers"], ["context_servers"], [],
    ]
    private static let settings: [ConfigurationSource.KeyPath] = [
        ["mcp", "servers"], ["mcp.servers"], ["mcpServers"], ["amp.mcpServers"], ["augment.advanced", "mcpServers"],
        ["augment.advanced.mcpServers"], ["cody.mcpServers"], ["roo-cline.mcpServers"],
    ]
    private static let opencode: [ConfigurationSource.KeyPath] = [["mcp"]]
    private static let gemini: [ConfigurationSource.KeyPath] = [["mcpServers"], ["mcp", "servers"]]

    /// Servers that a person set up for all projects.
    static let user: [ConfigurationSource] = [
        .init(
            "claude-desktop",
            .user,
            usual,
            "{config}/Claude/claude_desktop_config.json",
            "{config}/claude/claude_desktop_config.json"
        ),
        .init(
            "claude-code",
            .user,
            [["mcpServers"], ["projects", "*", "mcpServers"]],
            ".claude.json",
            ".claude/.claude.json",
            ".claude/settings.json",
            ".claude/settings.local.json"
        ),
        .init(
            "claude-code-plugin",
            .user,
            [["mcpServers"], []],
            ".claude/plugins/cache/**/.mcp.json",
            ".claude/plugins/marketplaces/**/.mcp.json"
        ),
        .init("claude-code-plugin", .user, usual, ".claude/plugins/cache/**/.claude-plugin/plugin.json"),
        .init(
            "cursor",
            .user,
            .jsonc,
            usual,
            ".cursor/mcp.json",
            "{config}/Cursor/User/globalStorage/cursor.mcp/mcp.json"
        ),
        .init(
            "vscode",
            .user,
            .jsonc,
            [["servers"], ["mcpServers"]],
            "{config}/{editor}/User/mcp.json",
            "{config}/{editor}/User/profiles/*/mcp.json",
            ".vscode/mcp.json",
            ".vscode-server/data/User/mcp.json",
            ".vscode-server/data/Machine/mcp.json"
        ),
        .init(
            "vscode",
            .user,
            .jsonc,
            settings,
            "{config}/{editor}/User/settings.json",
            "{config}/{editor}/User/profiles/*/settings.json",
            ".vscode-server/data/Machine/settings.json"
        ),
        .init(
            "windsurf",
            .user,
            usual,
            ".codeium/windsurf/mcp_config.json",
            ".codeium/windsurf-next/mcp_config.json",
            ".codeium/mcp_config.json",
            ".windsurf/mcp.json",
            ".windsurf/mcp_config.json"
        ),
        .init(
            "cline",
            .user,
            usual,
            "{config}/{editor}/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ".vscode-server/data/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ".cline/data/settings/cline_mcp_settings.json",
            ".cline/mcp_settings.json"
        ),
        .init(
            "roo",
            .user,
            usual,
            "{config}/{editor}/User/globalStorage/rooveterinaryinc.roo-cline/settings/*mcp_settings.json",
            ".vscode-server/data/User/globalStorage/rooveterinaryinc.roo-cline/settings/*mcp_settings.json"
        ),
        .init(
            "kilo",
            .user,
            usual,
            "{config}/{editor}/User/globalStorage/kilocode.kilo-code/settings/*mcp_settings.json",
            ".kilocode/mcp.json",
            ".kilocode/cli/global/settings/mcp_settings.json"
        ),
        .init("zed", .user, .jsonc, [["context_servers"]], "{config}/zed/settings.json", "{config}/Zed/settings.json"),
        .init(
            "gemini-cli",
            .user,
            .jsonc,
            gemini,
            ".gemini/settings.json",
            ".gemini/extensions/*/gemini-extension.json"
        ),
        .init("antigravity", .user, usual, ".gemini/antigravity/mcp_config.json"),
        .init("qwen-code", .user, .jsonc, gemini, ".qwen/settings.json"),
        .init("codex", .user, .toml, [["mcp_servers"]], ".codex/config.toml"),
        .init(
            "continue",
            .user,
            .jsonc,
            [["mcpServers"], ["experimental", "modelContextProtocolServers"], ["modelContextProtocolServers"]],
            ".continue/config.json"
        ),
        .init(
            "continue",
            .user,
            .yaml,
            usual,
            ".continue/config.yaml",
            ".continue/mcpServers/*.yaml",
            ".continue/mcpServers/*.yml"
        ),
        .init("continue", .user, .jsonc, any, ".continue/mcpServers/*.json"),
        .init("lm-studio", .user, usual, ".lmstudio/mcp.json", ".cache/lm-studio/mcp.json"),
        .init(
            "goose",
            .user,
            .yaml,
            [["extensions"]],
            "{config}/goose/config.yaml",
            "{config}/Block/goose/config/config.yaml"
        ),
        .init(
            "amazon-q",
            .user,
            usual,
            ".aws/amazonq/mcp.json",
            ".aws/amazonq/default.json",
            ".aws/amazonq/agents/*.json",
            ".aws/amazonq/cli-agents/*.json",
            "{config}/{editor}/User/globalStorage/amazonwebservices.amazon-q-vscode/mcp.json"
        ),
        .init("kiro", .user, .jsonc, usual, ".kiro/settings/mcp.json", ".kiro/agents/*.json"),
        .init(
            "opencode",
            .user,
            .jsonc,
            opencode,
            ".config/opencode/opencode.json",
            ".config/opencode/opencode.jsonc",
            ".config/opencode/config.json",
            ".opencode.json"
        ),
        .init(
            "amp",
            .user,
            .jsonc,
            [["amp.mcpServers"], ["mcpServers"]],
            "{config}/amp/settings.json",
            "{config}/amp/settings.jsonc"
        ),
        .init("copilot-cli", .user, usual, ".copilot/mcp-config.json", ".copilot/config.json"),
        .init(
            "copilot-jetbrains",
            .user,
            .jsonc,
            [["servers"], ["mcpServers"]],
            "{config}/github-copilot/intellij/mcp.json",
            "{config}/github-copilot/xcode/mcp.json",
            "AppData/Local/github-copilot/intellij/mcp.json"
        ),
        .init("jetbrains", .user, [["mcpServers"], ["servers"]], "{config}/JetBrains/*/mcp.json"),
        .init(
            "jetbrains",
            .user,
            .unread("XML of JetBrains AI Assistant"),
            [],
            "{config}/JetBrains/*/options/llm.mcpServers.xml",
            "{config}/JetBrains/*/options/mcpServers.xml"
        ),
        .init("junie", .user, usual, ".junie/mcp/mcp.json"),
        .init(
            "augment",
            .user,
            .jsonc,
            [["mcpServers"], ["augment.advanced", "mcpServers"]],
            ".augment/settings.json"
        ),
        .init("tabnine", .user, usual, ".tabnine/mcp_servers.json"),
        .init(
            "cody",
            .user,
            usual,
            ".cody/mcp.json",
            "{config}/{editor}/User/globalStorage/sourcegraph.cody-ai/mcp.json"
        ),
        .init("aider", .user, .yaml, [["mcpServers"], ["mcp-servers"]], ".aider.conf.yml"),
        .init("void", .user, usual, ".void/mcp.json", ".void-editor/mcp.json"),
        .init("aide", .user, usual, ".aide/mcp.json"),
        .init("trae", .user, usual, ".trae/mcp.json", "{config}/{editor}/User/globalStorage/trae.mcp/mcp.json"),
        .init("pieces", .user, any, ".pieces/mcp.json"),
        .init("openclaw", .user, .jsonc, [["mcp", "servers"], ["mcpServers"]], ".openclaw/openclaw.json"),
        .init("snowflake-cortex", .user, usual, ".snowflake/cortex/mcp.json"),
        .init("docker-mcp", .user, .yaml, [["registry"]], ".docker/mcp/registry.yaml"),
        .init("crush", .user, opencode, "{config}/crush/crush.json", ".local/share/crush/crush.json"),
        .init("factory-droid", .user, usual, ".factory/mcp.json"),
        .init("rovo-dev", .user, usual, ".rovodev/mcp.json"),
        .init("warp", .user, [["mcpServers"], []], ".warp/.mcp.json", ".warp/mcp.json"),
        .init("boltai", .user, usual, ".boltai/mcp.json"),
        .init("witsy", .user, [["mcpServers"], ["mcp", "servers"]], "{config}/Witsy/settings.json"),
        .init("anythingllm", .user, usual, "{config}/anythingllm-desktop/storage/plugins/anythingllm_mcp_servers.json"),
        .init("jan", .user, usual, "{config}/Jan/data/mcp_config.json", "jan/mcp_config.json"),
        .init("5ire", .user, [["mcpServers"], ["servers"]], "{config}/5ire/mcp.json"),
        .init("librechat", .user, .yaml, usual, "librechat.yaml"),
        .init(
            "claude-desktop",
            .user,
            .unread("extensions of Claude Desktop"),
            [],
            "{config}/Claude/Claude Extensions"
        ),
        .init("cherry-studio", .user, .unread("database of Cherry Studio"), [], "{config}/CherryStudio/Local Storage"),
        .init("generic", .user, .jsonc, any, ".mcp.json", "mcp.json", ".mcp/*.json", ".config/mcp/*.json"),
    ]

    /// Servers that a project brings along.
    static let project: [ConfigurationSource] = [
        .init("claude-code", .project, .jsonc, any, ".mcp.json"),
        .init("claude-code", .project, usual, ".claude/settings.json", ".claude/settings.local.json"),
        .init("cursor", .project, .jsonc, usual, ".cursor/mcp.json"),
        .init("vscode", .project, .jsonc, [["servers"], ["mcpServers"]], ".vscode/mcp.json"),
        .init("vscode", .project, .jsonc, settings, ".vscode/settings.json"),
        .init(
            "vscode-workspace",
            .project,
            .jsonc,
            [["settings", "mcp", "servers"], ["settings", "mcp.servers"], ["mcp", "servers"]],
            "*.code-workspace"
        ),
        .init(
            "devcontainer",
            .project,
            .jsonc,
            [
                ["customizations", "vscode", "mcp", "servers"],
                ["customizations", "vscode", "settings", "mcp", "servers"],
            ],
            ".devcontainer/devcontainer.json",
            ".devcontainer.json",
            ".devcontainer/*/devcontainer.json"
        ),
        .init("visual-studio", .project, .jsonc, [["servers"], ["mcpServers"]], ".vs/mcp.json"),
        .init("windsurf", .project, usual, ".windsurf/mcp.json", ".windsurf/mcp_config.json"),
        .init("roo", .project, .jsonc, usual, ".roo/mcp.json"),
        .init("kilo", .project, .jsonc, usual, ".kilocode/mcp.json"),
        .init("zed", .project, .jsonc, [["context_servers"]], ".zed/settings.json"),
        .init("gemini-cli", .project, .jsonc, gemini, ".gemini/settings.json"),
        .init("qwen-code", .project, .jsonc, gemini, ".qwen/settings.json"),
        .init("codex", .project, .toml, [["mcp_servers"]], ".codex/config.toml"),
        .init(
            "continue",
            .project,
            .yaml,
            usual,
            ".continue/config.yaml",
            ".continue/mcpServers/*.yaml",
            ".continue/mcpServers/*.yml"
        ),
        .init("continue", .project, .jsonc, any, ".continue/mcpServers/*.json"),
        .init(
            "amazon-q",
            .project,
            usual,
            ".amazonq/mcp.json",
            ".amazonq/default.json",
            ".amazonq/agents/*.json",
            ".amazonq/cli-agents/*.json"
        ),
        .init("kiro", .project, .jsonc, usual, ".kiro/settings/mcp.json", ".kiro/agents/*.json"),
        .init("opencode", .project, .jsonc, opencode, "opencode.json", "opencode.jsonc", ".opencode/opencode.json"),
        .init(
            "amp",
            .project,
            .jsonc,
            [["amp.mcpServers"], ["mcpServers"]],
            ".amp/settings.json",
            ".amp/settings.jsonc"
        ),
        .init("copilot-cli", .project, usual, ".copilot/mcp-config.json", ".github/copilot/mcp.json"),
        .init("junie", .project, usual, ".junie/mcp/mcp.json"),
        .init("trae", .project, usual, ".trae/mcp.json"),
        .init("crush", .project, opencode, "crush.json", ".crush.json"),
        .init("factory-droid", .project, usual, ".factory/mcp.json"),
        .init("librechat", .project, .yaml, usual, "librechat.yaml"),
        .init("generic", .project, .jsonc, any, "mcp.json", ".mcp/*.json"),
    ]

    /// Servers that an administrator gives to everybody on a machine.
    static let machine: [ConfigurationSource] = [
        .init(
            "claude-code-managed",
            .machine,
            usual,
            "etc/claude-code/managed-mcp.json",
            "etc/claude-code/managed-settings.json",
            "Library/Application Support/ClaudeCode/managed-mcp.json",
            "Library/Application Support/ClaudeCode/managed-settings.json"
        ),
        .init(
            "gemini-cli-managed",
            .machine,
            .jsonc,
            gemini,
            "etc/gemini-cli/settings.json",
            "etc/gemini-cli/system-defaults.json",
            "Library/Application Support/GeminiCli/settings.json"
        ),
        .init(
            "codex-managed",
            .machine,
            .toml,
            [["mcp_servers"]],
            "etc/codex/config.toml",
            "etc/codex/managed_config.toml"
        ),
        .init("opencode-managed", .machine, .jsonc, opencode, "etc/opencode/opencode.json"),
        .init("generic-managed", .machine, .jsonc, any, "etc/mcp/*.json"),
    ]

    /// A source with one of its places.
    typealias Place = (source: ConfigurationSource, pattern: PathPattern)

    static let userPlaces = places(of: user)
    static let projectPlaces = places(of: project)
    static let machinePlaces = places(of: machine)

    private static func places(of sources: [ConfigurationSource]) -> [Place] {
        sources.flatMap { source in
            source.paths.flatMap { PathPattern.expand($0) }.map { (source, $0) }
        }
    }

    /// Names of all clients, sorted.
    static var clients: [String] {
        Set((user + project + machine).map(\.client)).sorted()
    }
}
