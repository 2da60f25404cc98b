"""Whether what left a gateway is what the published schemas of the protocol say, in both directions."""

from __future__ import annotations

import functools
import json
import lzma
import os
from pathlib import Path

import jsonschema

from conftest import ROOT
from gateway_peers import Gateway, HTTPPart, Tap

SHARED = Path(os.environ.get("LOCKSTEP_SHARED", ROOT.parent / "shared"))
SCHEMAS = SHARED / "conformance" / "mcp"
#: Results that are called otherwise than their request.
RESULTS = {"PingRequest": "EmptyResult", "SetLevelRequest": "EmptyResult", "SubscribeRequest": "EmptyResult", "UnsubscribeRequest": "EmptyResult"}


@functools.cache
def definitions(revision: str) -> dict:
    return json.loads(lzma.decompress((SCHEMAS / f"schema-{revision}.json.xz").read_bytes()))["$defs"]


@functools.cache
def validator(revision: str, name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions(revision)})


@functools.cache
def named(revision: str) -> dict[str, str]:
    """The definition of each method's message."""
    found = {}
    for name, definition in definitions(revision).items():
        method = definition.get("properties", {}).get("method", {}).get("const")
        if method:
            found[method] = name
    return found


def check(message: dict, revision: str, asked: dict) -> list[str]:
    """What is wrong with one message; `asked` has the method of each request by its id."""
    if "method" in message:
        name = named(revision).get(message["method"], "JSONRPCRequest" if "id" in message else "JSONRPCNotification")
    elif "error" in message:
        name = "JSONRPCErrorResponse"
    else:
        request = named(revision).get(asked.get(json.dumps(message.get("id"))), "")
        result = RESULTS.get(request, request.removesuffix("Request") + "Result")
        if result + "Response" in definitions(revision):
            name, result = result + "Response", ""
        else:
            name = "JSONRPCResultResponse"
        if result in definitions(revision):
            wrong = [error.message[:200] for error in validator(revision, result).iter_errors(message["result"])]
            if wrong:
                return [f"{result} of {revision}: {wrong} in {json.dumps(message)[:600]}"]
    wrong = [error.message[:200] for error in validator(revision, name).iter_errors(message)]
    return [f"{name} of {revision}: {wrong} in {json.dumps(message)[:600]}"] if wrong else []


def revision_of(request: HTTPPart, session: dict[str, str]) -> str:
    stated = request.fields.get("mcp-protocol-version")
    if stated:
        return stated
    for message in request.messages:
        if message.get("method") == "initialize":
            return message["params"]["protocolVersion"]
    return "2025-11-25"


def faults(gateway: Gateway) -> tuple[list[str], int]:
    """Every fault of a frame that left a tapped gateway, towards servers and towards clients, and how many were looked at."""
    found: list[str] = []
    count = 0

    def look(tap: Tap, at: int) -> None:
        nonlocal count
        for exchange in tap.exchanges():
            part = exchange[at]
            if part is None:
                continue
            asked = {json.dumps(m["id"]): m["method"] for m in exchange[0].messages if "method" in m and "id" in m}
            for message in part.messages:
                count += 1
                found.extend(check(message, revision_of(exchange[0], {}), asked))

    look(gateway.front, 1)
    for tap in gateway.taps.values():
        look(tap, 0)
    return found, count
