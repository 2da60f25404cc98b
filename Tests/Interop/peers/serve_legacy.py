"""A server of the SDK before the sessionless revision: `serve_legacy.py PORT streamable-http|sse`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tools  # noqa: E402
from mcp.server.fastmcp import FastMCP  # noqa: E402
from mcp.types import ToolAnnotations  # noqa: E402

port, transport = int(sys.argv[1]), sys.argv[2]
server = FastMCP("sdk-legacy-" + transport, instructions="Ask for stock.", host="127.0.0.1", port=port)
server.tool(title="Stock", annotations=ToolAnnotations(title="S", readOnlyHint=True))(tools.stock)
server.tool(annotations=ToolAnnotations(destructiveHint=True))(tools.book)
server.tool()(tools.scale)


@server.prompt()
def reorder(sku: str) -> str:
    """Asks for a reorder."""
    return f"Reorder {sku}"


server.run(transport)
