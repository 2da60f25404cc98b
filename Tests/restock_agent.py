"""An agent that restocks shops: real calls to a server of the demonstration estate, recorded as `lockstep.call/1` lines.

    restock_agent.py MANIFEST OUT [SESSIONS]

Each session asks what runs low, looks at one product and orders more of it. What is written down is what was sent and
what the server answered. Standard library only.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
import urllib.request
from pathlib import Path

REVISION = "2025-06-18"


class Client:
    """One MCP session over Streamable HTTP."""

    def __init__(self, url: str):
        self.url, self.number, self.session = url, 0, None
        self.ask("initialize", {
            "protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "restock-agent", "version": "1.0.0"},
        })
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def post(self, message: dict) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": REVISION}
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        request = urllib.request.Request(self.url, json.dumps(message).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.session = answer.headers.get("Mcp-Session-Id") or self.session
            body = answer.read()
            if "event-stream" in (answer.headers.get("Content-Type") or ""):
                body = b"".join(line[5:].strip() for line in body.splitlines() if line.startswith(b"data:"))
            return body

    def ask(self, method: str, parameters: dict) -> dict:
        self.number += 1
        answer = json.loads(self.post({"jsonrpc": "2.0", "id": self.number, "method": method, "params": parameters}))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class Recorder:
    def __init__(self, client: Client, server: str, session: str, request: str):
        self.client, self.server, self.session, self.request, self.lines = client, server, session, request, []

    def call(self, tool: str, arguments: dict) -> dict:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        started = time.monotonic()
        result = self.client.ask("tools/call", {"name": tool, "arguments": arguments})
        text = "".join(part.get("text", "") for part in result.get("content", []))
        failed = bool(result.get("isError"))
        self.lines.append({
            "schema": "lockstep.call/1", "time": now, "session": self.session, "sequence": len(self.lines),
            "principal": {"id": "restock-agent", "kind": "declared"}, "client": {"name": "restock-agent", "version": "1.0.0"},
            "mcp_session": self.client.session, "server": self.server, "tool": tool, "arguments": arguments,
            "task": {"id": "restock", "text": self.request, "assurance": "declared"},
            "result": {"text": text, "structured": result.get("structuredContent"), "isError": failed},
            "outcome": "tool_error" if failed else "ok", "duration_ms": round((time.monotonic() - started) * 1000),
        })
        return result.get("structuredContent") or json.loads(text)


def restock(url: str, server: str, number: int) -> list[dict]:
    warehouse = ("AMS", "BER", "LIS")[number % 3]
    recorder = Recorder(Client(url), server, f"restock-{number:03}", f"Order what runs low in {warehouse}")
    low = recorder.call("list_low_stock", {"threshold": 120})["items"]
    mine = [row for row in low if row["warehouse"] == warehouse] or low
    item = mine[number % len(mine)]
    recorder.call("check_stock", {"sku": item["sku"], "warehouse": item["warehouse"]})
    recorder.call("create_purchase_order", {
        "supplierId": "SUP-014", "lines": [{"sku": item["sku"], "quantity": 20 + number % 5 * 10, "unitPriceCents": 1500}],
    })
    return recorder.lines


def main() -> None:
    manifest, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    (entry,) = [server for server in manifest["servers"] if server["name"] == "retail-inventory"]
    records = [record for number in range(count) for record in restock(entry["url"], entry["name"], number)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(record) + "\n" for record in records))
    print(f"{len(records)} calls of {count} sessions recorded in {out}")


if __name__ == "__main__":
    main()
