"""Walks all over a server with the SDK before the sessionless revision; same arguments and answer as `walk_current.py`."""

import asyncio
import json
import sys

import httpx
from mcp import ClientSession, McpError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client


def wire(model) -> dict:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def attempt(waiting) -> dict:
    """A result as it came, or the error's code, words and data."""
    try:
        return wire(await waiting)
    except McpError as error:
        return {"error": wire(error.error)}


async def talk(streams) -> dict:
    async with ClientSession(streams[0], streams[1]) as client:
        opened = await client.initialize()
        progress: list = []

        async def told(done, total, message):
            progress.append([done, total, message])

        walked = {
            "revision": opened.protocolVersion,
            "instructions": opened.instructions,
            "server": wire(opened.serverInfo),
            "ping": await attempt(client.send_ping()),
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


async def walk(url: str, wanted: dict) -> dict:
    headers = {"Authorization": f"Bearer {wanted['token']}"} if wanted.get("token") else {}
    if wanted["era"] == "sse":
        async with sse_client(url, headers=headers) as streams:
            return await talk(streams)
    async with httpx.AsyncClient(headers=headers, timeout=20) as http:
        async with streamable_http_client(url, http_client=http) as streams:
            return await talk(streams)


async def main(url: str, wanted: dict) -> list[dict]:
    # Twice: the second time is a new session of the same client.
    return [await walk(url, wanted), await walk(url, wanted)]


print(json.dumps(asyncio.run(asyncio.wait_for(main(sys.argv[1], json.loads(sys.argv[2])), 50))))
