"""What a gateway does with the definitions of tools: marked headers after a restart, and schemas that show an agent its limits."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import jsonschema
import pytest

from conftest import Programs
from gateway_peers import PRINCIPAL, Answer, Gateway, Raw

STOCK = {
    "name": "stock", "description": "Counts.", "inputSchema": {
        "type": "object",
        "properties": {
            "sku": {"type": "string", "description": "Which."}, "count": {"type": "integer"}, "unit": {"type": "string", "enum": ["kg", "piece", "t"]},
            "region": {"type": "string", "x-mcp-header": "Region"},
        },
    },
}
RULES = f"""apiVersion: lockstep/v1
kind: Policy
name: definitions
scope: agent
agents:
  {PRINCIPAL}:
    servers:
      shop:
        - id: shop.stock
          tool: stock
          tier: write
          arguments:
            sku: {{values: {{token: [abc-1, abc-2]}}}}
            count: {{at-least: 1, at-most: 20}}
            unit: {{values: {{token: [kg]}}}}
            region: {{composed: [token], longest: 10}}
"""


@pytest.fixture(scope="module")
def shop():
    """A server of the era without sessions that has one tool and answers every call."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = {"tools": [STOCK]} if message["method"] == "tools/list" else {"content": [{"type": "text", "text": "7"}]}
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", **result}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/mcp"
    server.shutdown()


@pytest.fixture
def gateway(programs: Programs, tmp_path: Path, shop: str):
    made: list[Gateway] = []

    def make(**more) -> Gateway:
        made.append(Gateway(programs.lockstep, tmp_path / f"gateway-{len(made)}", {"shop": shop}, rules=RULES, **more))
        return made[-1].start()

    yield make
    for each in made:
        each.close()


def call(client: Raw, arguments: dict, **headers: str) -> Answer:
    message = client.message("tools/call", {"name": "stock", "arguments": arguments})
    return client.send("POST", json.dumps(message).encode(), client.fields(message) | headers)


def test_what_a_header_must_say_is_known_after_a_restart(gateway):
    edge = gateway()
    client = Raw(edge.url("shop"), "2026-07-28")
    region = {"region": "eu"}
    # Nobody has listed the tools yet: a header that nobody can verify does not go on, and the body alone decides.
    assert call(client, region, **{"Mcp-Param-Region": "eu"}).message["error"]["code"] == -32020
    assert "result" in call(client, region).message
    assert "result" in client.ask("tools/list").message

    def held_to_it() -> None:
        assert "result" in call(client, region, **{"Mcp-Param-Region": "eu"}).message
        for wrong in ({"Mcp-Param-Region": "us"}, {}):
            assert call(client, region, **wrong).message["error"]["code"] == -32020

    held_to_it()
    edge.stop()
    edge.start()
    held_to_it()
    # What was changed by anything else than the gateway is not believed.
    edge.stop()
    path = edge.state / "control" / "marks"
    path.write_text(path.read_text().replace("Region", "Origin"))
    edge.start()
    assert "result" in call(client, region).message
    assert "result" in client.ask("tools/list").message
    held_to_it()


VALUES = {"sku": ["abc-1", "abc-2", "abc-3", 7], "count": [0, 1, 20, 21, "3"]}


def test_a_list_shows_an_agent_its_limits_where_that_is_wanted(gateway):
    plain, narrow = (gateway(lists={"narrow": wanted}) for wanted in (False, True))
    listed = lambda edge: Raw(edge.url("shop"), "2026-07-28").ask("tools/list")  # noqa: E731
    assert listed(plain).message["result"]["tools"] == [STOCK]
    client = Raw(narrow.url("shop"), "2026-07-28")
    # Twice: the definition that counts is the server's own, and it has not changed.
    for _ in range(2):
        (tool,) = listed(narrow).message["result"]["tools"]
    schema = tool["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert properties["sku"] == {"type": "string", "description": "Which.", "enum": ["abc-1", "abc-2"]}
    assert properties["count"] == {"type": "integer", "minimum": 1, "maximum": 20}
    # What the server limits itself, and what no schema can say, stays as it was.
    assert properties["unit"] == STOCK["inputSchema"]["properties"]["unit"]
    assert properties["region"] == STOCK["inputSchema"]["properties"]["region"]
    # Nothing that the schema admits is denied, and nothing else is allowed but numbers in other types.
    validator = jsonschema.Draft202012Validator(schema)
    for name, values in VALUES.items():
        for value in values:
            is_allowed = "result" in call(client, {name: value}).message
            if validator.is_valid({name: value}):
                assert is_allowed, (name, value)
            else:
                assert not is_allowed or isinstance(value, str), (name, value)
    assert narrow.ask("status")[1]["changed_definitions"] == []
