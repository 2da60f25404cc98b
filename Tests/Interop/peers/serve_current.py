"""A server of the current official SDK: `serve_current.py PORT`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tools  # noqa: E402
from mcp.server.mcpserver import MCPServer  # noqa: E402
from mcp.types import ToolAnnotations  # noqa: E402

server = MCPServer("sdk-current", title="Current SDK", instructions="Ask for stock.", version="7.1")
server.tool(title="Stock", annotations=ToolAnnotations(title="S", read_only_hint=True))(tools.stock)
server.tool(annotations=ToolAnnotations(destructive_hint=True))(tools.book)
server.tool()(tools.scale)


@server.prompt()
def reorder(sku: str) -> str:
    """Asks for a reorder."""
    return f"Reorder {sku}"


@server.resource("stock://all")
def everything() -> str:
    return "[]"


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
