"""A server of the current official SDK on standard input and output."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tools  # noqa: E402
from mcp.server.mcpserver import MCPServer  # noqa: E402

server = MCPServer("sdk-stdio", version="7.1")
server.tool()(tools.stock)
server.tool()(tools.book)
server.run("stdio")
