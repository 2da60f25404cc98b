"""A server of the current official SDK behind a gateway: `serve_gateway_current.py PORT LOG events|json`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gateway_tools  # noqa: E402
from mcp.server.mcpserver import Context, MCPServer  # noqa: E402

server = MCPServer("behind-current", instructions="Ask for stock.", version="7.1")
gateway_tools.offer(server, Context, sys.argv[2])
server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]), json_response=sys.argv[3] == "json")
