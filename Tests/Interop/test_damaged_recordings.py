"""Damaged recordings of every format through the real command: no crash, and a reason for whatever was set aside."""

from __future__ import annotations

import json
import os
import random
import re

import pytest

from conftest import Shell
from test_policy_commands import sessions

# More files for a longer look: `DAMAGED=150` makes about 2,000.
FILES = int(os.environ.get("DAMAGED", "12"))

CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "pay", "arguments": {"a": 1, "d": "2026-01-01"}}}
ANSWER = {"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": "ok"}], "isError": False}}
ATTRIBUTES = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": '{"a":1}'}
SPAN = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "execute_tool pay",
        "startTimeUnixNano": "1767000000000000000", "endTimeUnixNano": "1767000001000000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in ATTRIBUTES.items()]}
ENTRY = {"startedDateTime": "2026-01-01T00:00:00.000Z", "time": 12.5,
         "request": {"method": "POST", "url": "https://x.example/mcp", "headers": [{"name": "Mcp-Session-Id", "value": "s"}],
                     "postData": {"mimeType": "application/json", "text": json.dumps(CALL)}},
         "response": {"status": 200, "headers": [], "content": {"mimeType": "application/json", "text": json.dumps(ANSWER)}}}

SAMPLES = {
    "native": "".join(json.dumps(record) + "\n" for record in sessions(3)),
    "otlp": json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [SPAN]}]}]}),
    "jsonrpc": "\n".join(json.dumps(message) for message in (CALL, ANSWER, {**CALL, "id": 3}, {**ANSWER, "id": 3})),
    "har": json.dumps({"log": {"version": "1.2", "entries": [ENTRY]}}),
    "inspector": json.dumps([{"timestamp": "2026-03-01T10:00:00Z", "direction": "request", "message": CALL, "response": ANSWER}]),
    "desktop-log": "2026-01-01T00:00:00.000Z [books] [info] Message from client: " + json.dumps(CALL) + "\n"
                   "2026-01-01T00:00:01.000Z [books] [info] Message from server: " + json.dumps(ANSWER) + "\n",
    "toolhive": json.dumps({"type": "mcp_tool_call", "logged_at": "2026-01-01T00:00:00Z", "outcome": "success",
                            "subjects": {"user": "ana"}, "target": {"name": "pay"}, "data": {"request": CALL, "response": ANSWER}}),
    "agentgateway": "2026-01-01T00:00:00.000000Z\tinfo\trequest gateway=g src.addr=10.0.0.1:5 http.status=200 "
                    "mcp.method=tools/call mcp.target=books mcp.tool.name=pay duration=12ms\n",
    "access-log": json.dumps({"ts": 1785578400, "status": 200, "headers": {
        "Mcp-Method": ["tools/call"], "Mcp-Name": ["pay"], "MCP-Protocol-Version": ["2026-07-28"]}}),
    "fields": json.dumps({"tool": "pay", "time": "2026-01-01T00:00:00Z", "principal": "x", "arguments": {"a": 1}, "result": "{}"}),
    "csv": 'tool,time,principal,arg_a\npay,2026-01-01T00:00:00Z,x,"1, 2"\n',
    "langfuse": json.dumps({"id": "1", "type": "TOOL", "name": "pay", "input": {"a": 1}, "startTime": "2026-01-01T00:00:00Z",
                            "output": "ok", "traceId": "t", "level": "DEFAULT"}),
    "langsmith": json.dumps({"id": "1", "run_type": "tool", "name": "pay", "start_time": "2026-01-01T00:00:00Z",
                             "inputs": {"a": 1}, "outputs": {"o": 1}, "trace_id": "t"}),
    "teleport": json.dumps({"event": "mcp.session.request", "time": "2026-01-01T00:00:00Z", "sid": "s", "user": "ana",
                            "app_name": "books", "message": CALL}),
    "cloudflare-portal": json.dumps({"Datetime": "2026-01-01T00:00:00Z", "Method": "tools/call", "ServerID": "b", "ToolCallName": "pay",
                                     "UserEmail": "a@b.example", "Success": True}),
}

PIECES = [
    "\0", "\ufeff", "\u202e", '"', "\\", "\\u0000", "\\ud800", "\\udc00\\ud800", "{", "}", "[", "]" * 3, "[" * 3000, '{"a":' * 2000,
    "NaN", "-Infinity", "1e999", "-0", "9223372036854775808", "18446744073709551616", "0000-01-01", "9999-12-31T23:59:60Z", "null", "true",
    "\n", "\r", "\t", "\u2028", "=?base64?!?=", "%00", "=", ",", '""', '"\\u0000"', '"id":2,"id":2,', '{1:2}', "'a'", "//", "x" * 70_000,
]


def damaged(text: str, dice: random.Random) -> bytes:
    for _ in range(dice.choice([1, 1, 2, 3, 6])):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.choice([0, 1, 5, 20, 100]))
        way = dice.randrange(7)
        if way == 0:
            text = text[:start] + dice.choice(PIECES) + text[end:]
        elif way == 1:
            text = text[:start] + text[end:]
        elif way == 2:
            text = text[:start]
        elif way == 3:
            # Lines out of order and twice: responses before requests, ids that repeat.
            lines = text.splitlines(keepends=True) * dice.choice([1, 2])
            dice.shuffle(lines)
            text = "".join(lines)
        elif way == 4:
            values = list(re.finditer(r'"[^"\n]*"|-?\d+(?:\.\d+)?', text))
            if values:
                found = dice.choice(values)
                text = text[:found.start()] + dice.choice(PIECES) + text[found.end():]
        elif way == 5:
            text += text[start:end] * dice.choice([1, 50])
        else:
            text = text[:end] + text[start:end] + text[end:]
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if data and dice.random() < 0.2:
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("format", SAMPLES)
def test_no_damage_ends_the_command_and_what_is_set_aside_has_a_reason(shell: Shell, format: str):
    dice = random.Random(f"{format} 1")
    (shell.folder / "whole").write_text(SAMPLES[format])
    whole = shell("traffic", "import", "whole", "--from", format, "--out", "o.ndjson", "--format", "json").expect(0).json
    assert whole[0]["calls"] > 0, "the undamaged file has calls"
    for number in range(FILES):
        data = damaged(SAMPLES[format], dice)
        (shell.folder / "damaged").write_bytes(data)
        told = shell("traffic", "import", "damaged", "--from", dice.choice([format, format, "auto"]), "--out", "o.ndjson",
                     "--format", "json", timeout=120)
        assert told.code in (0, 1, 2, 3) and "Fatal error" not in told.err, f"{format} {number}: {told.code} {told.err[:300]} {data[:2000]!r}"
        if told.code in (2, 3):
            assert "[" in told.err or '"code"' in told.out, told.err
            continue
        for summary in told.json:
            assert all(reason and count > 0 for reason, count in summary["quarantined"].items())
            assert bool(summary["quarantined"]) == bool(summary["examples"])
            assert all(example["reason"] in summary["quarantined"] for example in summary["examples"])
            lines = (shell.folder / "o.ndjson").read_text("utf-8").splitlines() if (shell.folder / "o.ndjson").exists() else []
            assert len(lines) == summary["calls"], "what is written is what is counted"
            assert all(json.loads(line)["schema"] == "lockstep.call/1" for line in lines)


def test_a_line_of_a_hundred_megabytes_and_one_without_end_are_set_aside_with_a_reason(shell: Shell):
    good = json.dumps(sessions(1)[0])
    with open(shell.folder / "long", "w") as file:
        file.write(good + "\n" + good[:-1] + ',"x":"')
        for _ in range(100):
            file.write("y" * (1 << 20))
        file.write('"}\n' + good.replace('"sequence": 0', '"sequence": 7') + "\n")
    told = shell("traffic", "import", "long", "--out", "o.ndjson", "--format", "json", timeout=300).expect(0).json[0]
    assert told["calls"] == 2 and sum(told["quarantined"].values()) == 1 and told["examples"][0]["line"] == 2
