"""Asks a server with the current official SDK: `ask_current.py URL {"token","calls","era"}`; prints JSON.

With the era `stdio` the URL is a command as a JSON array.

`exclude_unset` keeps what was on the wire: members that the server did not send stay absent.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client


def wire(model) -> dict:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def main(url: str, wanted: dict) -> dict:
    headers = {"Authorization": f"Bearer {wanted['token']}"} if wanted["token"] else {}
    # The Lab's certificates are self-signed; what is checked here is the protocol.
    http = httpx2.AsyncClient(headers=headers, verify=False, timeout=20, follow_redirects=False)
    if wanted["era"] == "stdio":
        command = json.loads(url)
        transport = StdioServerParameters(command=command[0], args=command[1:])
    elif wanted["era"] == "sse":
        transport = sse_client(url, headers=headers)
    else:
        transport = streamable_http_client(url, http_client=http)
    mode = {"sse": "legacy", "stdio": "auto"}.get(wanted["era"], wanted["era"])
    async with http, Client(transport, mode=mode, read_timeout_seconds=20) as client:
        tools, cursor = [], None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += [wire(tool) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        results = {}
        for name, arguments in wanted["calls"].items():
            results[name] = wire(await client.call_tool(name, arguments))
        return {
            "revision": client.protocol_version, "server": wire(client.server_info) if client.server_info else None,
            "instructions": client.instructions, "tools": tools, "calls": results,
        }


print(json.dumps(asyncio.run(asyncio.wait_for(main(sys.argv[1], json.loads(sys.argv[2])), 50))))
