"""Walks all over a server with the current official SDK: `walk_current.py URL {"era","token"}`; prints JSON.

`exclude_unset` keeps what was on the wire: members that the server did not send stay absent. The same walk through a
gateway and without one must print the same.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client


def wire(model) -> dict:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def attempt(waiting) -> dict:
    """A result as it came, or the error's code, words and data."""
    try:
        return wire(await waiting)
    except MCPError as error:
        return {"error": wire(error.error)}


async def walk(url: str, wanted: dict) -> dict:
    headers = {"Authorization": f"Bearer {wanted['token']}"} if wanted.get("token") else {}
    async with httpx2.AsyncClient(headers=headers, timeout=20, follow_redirects=False) as http:
        transport = sse_client(url, headers=headers) if wanted["era"] == "sse" else streamable_http_client(url, http_client=http)
        mode = "legacy" if wanted["era"] == "sse" else wanted["era"]
        async with Client(transport, mode=mode, read_timeout_seconds=20) as client:
            progress: list = []

            async def told(done, total, message):
                progress.append([done, total, message])

            walked = {
                "revision": client.protocol_version,
                "instructions": client.instructions,
                "server": wire(client.server_info) if client.server_info else None,
                "tools": await attempt(client.list_tools()),
                "prompts": await attempt(client.list_prompts()),
                "resources": await attempt(client.list_resources()),
                "templates": await attempt(client.list_resource_templates()),
                "prompt": await attempt(client.get_prompt("reorder", {"sku": "ABC-1"})),
                "resource": await attempt(client.read_resource("stock://all")),
                "one": await attempt(client.read_resource("stock://ABC-1")),
                "stock": await attempt(client.call_tool("stock", {"sku": "ABC-1"})),
                "book": await attempt(client.call_tool("book", {"sku": "ABC-1", "quantity": 3})),
                "scale": await attempt(client.call_tool("scale", {"factor": 0.5})),
                "text": await attempt(client.call_tool("text", {"size": 70_000})),
                "fail": await attempt(client.call_tool("fail", {"why": "asked"})),
                "wrong": await attempt(client.call_tool("book", {"sku": "ABC-1", "quantity": "many"})),
                "steps": await attempt(client.call_tool("steps", {"count": 5}, progress_callback=told)),
                "progress": progress,
            }
            many = [client.call_tool("stock", {"sku": f"ABC-{number}"}) for number in range(20)]
            slow = [client.call_tool("wait", {"seconds": pause}) for pause in (0.3, 0.1)]
            walked["many"] = await asyncio.gather(*(attempt(call) for call in many + slow))
            return walked


async def main(url: str, wanted: dict) -> list[dict]:
    # Twice: the second time is a new session of the same client.
    return [await walk(url, wanted), await walk(url, wanted)]


print(json.dumps(asyncio.run(asyncio.wait_for(main(sys.argv[1], json.loads(sys.argv[2])), 50))))
