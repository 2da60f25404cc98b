"""A server of the SDK before the sessionless revision behind a gateway: `serve_gateway_legacy.py PORT LOG events|json|sse`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gateway_tools  # noqa: E402
from mcp.server.fastmcp import Context, FastMCP  # noqa: E402

server = FastMCP(
    "behind-legacy", instructions="Ask for stock.", host="127.0.0.1", port=int(sys.argv[1]), json_response=sys.argv[3] == "json"
)
gateway_tools.offer(server, Context, sys.argv[2])
server.run("sse" if sys.argv[3] == "sse" else "streamable-http")
