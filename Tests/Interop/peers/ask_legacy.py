"""Asks a server with the SDK before the sessionless revision; same arguments and answer as `ask_current.py`."""

import asyncio
import json
import sys

import httpx
from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def wire(model) -> dict:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def talk(streams, wanted: dict) -> dict:
    async with ClientSession(streams[0], streams[1]) as session:
        opened = await session.initialize()
        tools, cursor = [], None
        while True:
            page = await session.list_tools(cursor=cursor)
            tools += [wire(tool) for tool in page.tools]
            cursor = page.nextCursor
            if cursor is None:
                break
        results = {}
        for name, arguments in wanted["calls"].items():
            results[name] = wire(await session.call_tool(name, arguments))
        return {
            "revision": opened.protocolVersion, "server": wire(opened.serverInfo),
            "instructions": opened.instructions, "tools": tools, "calls": results,
        }


async def main(url: str, wanted: dict) -> dict:
    headers = {"Authorization": f"Bearer {wanted['token']}"} if wanted["token"] else {}
    if wanted["era"] == "stdio":
        command = json.loads(url)
        async with stdio_client(StdioServerParameters(command=command[0], args=command[1:])) as streams:
            return await talk(streams, wanted)
    if wanted["era"] == "sse":
        async with sse_client(url, headers=headers) as streams:
            return await talk(streams, wanted)
    async with httpx.AsyncClient(headers=headers, verify=False, timeout=20) as http:
        async with streamable_http_client(url, http_client=http) as streams:
            return await talk(streams, wanted)


print(json.dumps(asyncio.run(asyncio.wait_for(main(sys.argv[1], json.loads(sys.argv[2])), 50))))
