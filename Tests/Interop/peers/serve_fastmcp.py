"""A server of FastMCP, the other widespread framework: `serve_fastmcp.py PORT`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tools  # noqa: E402
from fastmcp import FastMCP  # noqa: E402

server = FastMCP("fastmcp-peer", instructions="Ask for stock.")
server.tool(tools.stock)
server.tool(tools.book)
server.tool(tools.scale)
server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
