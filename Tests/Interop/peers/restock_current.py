"""Restocks shops with the current official SDK: reads lines `{"url","sessions","from","supplier"}`, answers each in JSON.

Every session has a trace of its own, as an agent's framework would give it, and asks what runs low, looks at one product
and orders more of it. What was denied is told by its code, in the order of the calls.
"""

import asyncio
import json
import sys

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


async def restock(client: Client, number: int, supplier: str) -> list:
    meta = {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
    told: list = []

    async def call(tool: str, arguments: dict) -> dict | None:
        try:
            result = await client.call_tool(tool, arguments, meta=meta)
        except MCPError as error:
            told.append(error.error.code)
            return None
        told.append("error" if result.is_error else "ok")
        return result.structured_content or json.loads(result.content[0].text)

    warehouse = ("AMS", "BER", "LIS")[number % 3]
    low = (await call("list_low_stock", {"threshold": 120}) or {"items": []})["items"]
    mine = [row for row in low if row["warehouse"] == warehouse] or low or [{"sku": "none", "warehouse": warehouse}]
    item = mine[number % len(mine)]
    await call("check_stock", {"sku": item["sku"], "warehouse": item["warehouse"]})
    lines = [{"sku": item["sku"], "quantity": 20 + number % 5 * 10, "unitPriceCents": 1500}]
    await call("create_purchase_order", {"supplierId": supplier, "lines": lines})
    return told


async def work(wanted: dict) -> list:
    async with Client(streamable_http_client(wanted["url"]), read_timeout_seconds=20) as client:
        # Listed once, as results are checked by what was listed.
        await client.list_tools()
        numbers = range(wanted.get("from", 0), wanted.get("from", 0) + wanted["sessions"])
        return [await restock(client, number, wanted.get("supplier", "SUP-014")) for number in numbers]


for line in sys.stdin:
    print(json.dumps(asyncio.run(asyncio.wait_for(work(json.loads(line)), 50))), flush=True)
