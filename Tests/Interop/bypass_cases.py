"""The cases of `Cases/bypass` as bytes, for whoever runs them; what a case is stands in the README beside them.

Nothing here knows a gateway. `assemble` makes the bytes of one step, `values` being what is known at run time only.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path

CASES = Path(__file__).resolve().parent / "Cases" / "bypass"
POLICIES = CASES / "policies"

#: The text behind a name that a case may use in its bytes: `host`, `session:alice`, `id`.
Values = Callable[[str], bytes]
#: A compact JWS of a recipe: header, claims and the name of the key.
Signer = Callable[[dict], bytes]

SESSIONLESS = {"http-2026", "stdio-2026"}


@functools.cache
def load() -> tuple[dict, ...]:
    """Every case, in the order of the files' names, with the file it comes from under `file`."""
    return tuple(
        {**json.loads(line), "file": path.name, "line": number}
        for path in sorted(CASES.glob("*.ndjson"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    )


def revision(case: dict) -> str:
    """The protocol revision that the case's session has, or that its requests state."""
    if "revision" in case:
        return case["revision"]
    return {"http-2026": "2026-07-28", "stdio-2026": "2026-07-28", "http-sse": "2024-11-05"}.get(case["transport"], "2025-11-25")


def assemble(parts, values: Values, sign: Signer | None = None) -> bytes:
    """The bytes that a text, a part or a list of parts stands for."""
    if isinstance(parts, str):
        return parts.encode("utf-8")
    if isinstance(parts, list):
        return b"".join(assemble(part, values, sign) for part in parts)
    match parts:
        case {"base64": text, **rest} if not rest:
            return base64.b64decode(text, validate=True)
        case {"repeat": inner, "times": int(times), **rest} if not rest and 0 <= times <= 1 << 27:
            one = assemble(inner, values, sign)
            # Each copy says which one it is, where the text asks for it.
            return b"".join(one.replace(b"{n}", b"%d" % n) for n in range(times)) if b"{n}" in one else one * times
        case {"of": str(name), **rest} if not rest:
            return values(name)
        case {"sign": dict(recipe), **rest} if not rest:
            return sign(recipe) if sign else b"signed"
        case {"chunk": inner, **rest} if not rest:
            body = assemble(inner, values, sign)
            return b"%x\r\n%s\r\n" % (len(body), body)
        case {"length-of": inner, **rest} if not rest:
            return b"%d" % len(assemble(inner, values, sign))
        case {"gzip": inner, **rest} if not rest:
            return gzip.compress(assemble(inner, values, sign), mtime=0)
    raise ValueError(f"no part of a case: {str(parts)[:80]}")


def names(parts) -> set[str]:
    """The names that the parts use."""
    match parts:
        case {"of": name}: return {name}
        case dict(): return set().union(*(names(value) for value in parts.values()), set())
        case list(): return set().union(*(names(part) for part in parts), set())
    return set()


@dataclasses.dataclass
class Step:
    """One thing that the client does, with its bytes."""

    case: dict
    step: dict
    #: What is written to the connection or to the server's standard input; empty for a step of the harness (`do`).
    wire: bytes = b""
    #: The message alone, where the step has one.
    body: bytes | None = None

    @property
    def principal(self) -> str:
        return self.step.get("by", "alice")


def steps(case: dict, values: Values, sign: Signer | None = None) -> list[Step]:
    """The client's side of a case, in order."""
    return [_step(case, step, values, sign) for step in case["steps"]]


def _step(case: dict, step: dict, values: Values, sign: Signer | None) -> Step:
    if "do" in step:
        return Step(case, step)
    if "line" in step:
        body = assemble(step["line"], values, sign)
        return Step(case, step, body + b"\n", body)
    for exact in ("wire", "raw"):
        if exact in step:
            wire = assemble(step[exact], values, sign)
            return Step(case, step, wire, _body_of(wire) if exact == "wire" else wire)
    body = assemble(step["post"], values, sign) if "post" in step else None
    return Step(case, step, _head(case, step, body, values, sign) + _framed(step, body), body)


def _body_of(wire: bytes) -> bytes | None:
    """What stands between the head and whatever comes next, where the head is plain."""
    head, found, rest = wire.partition(b"\r\n\r\n")
    lengths = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:] if line.lower().startswith(b"content-length:")]
    return rest[: int(lengths[0])] if found and len(lengths) == 1 and lengths[0].isdigit() else None


def target(step: dict, values: Values) -> bytes:
    if "to-variable" in step:
        return values(step["to-variable"])
    return (step.get("to") or step.get("get") or step.get("delete")).encode() + step.get("query", "").encode()


def _head(case: dict, step: dict, body: bytes | None, values: Values, sign: Signer | None) -> bytes:
    method = b"POST" if "post" in step else b"GET" if "get" in step else b"DELETE"
    given = [(name, assemble(value, values, sign)) for name, value in step.get("headers", [])]
    principal, absent = step.get("by", "alice"), {name.lower() for name in step.get("without", [])}
    absent |= {name.lower() for name, _ in given}
    standard: list[tuple[str, bytes]] = [("Host", values("host"))]
    if "token" in step:
        standard.append(("Authorization", step.get("scheme", "Bearer").encode() + b" " + (sign(step["token"]) if sign else b"token")))
    else:
        standard.append(("Authorization", values(f"authorization:{principal}")))
    if "dpop" in step:
        standard += [("DPoP", sign(step["dpop"]) if sign else b"proof")] * step.get("proofs", 1)
    standard.append(("Accept", b"text/event-stream" if method == b"GET" else b"application/json, text/event-stream"))
    if case["transport"] != "http-sse" and not (revision(case) == "2025-03-26"):
        standard.append(("MCP-Protocol-Version", revision(case).encode()))
    if case["transport"] == "http-2025" and step.get("session", True):
        standard.append(("Mcp-Session-Id", values(f"session:{step.get('session-of', principal)}")))
    if body is not None:
        standard.append(("Content-Type", b"application/json"))
        standard.append(("Transfer-Encoding", b"chunked") if "chunked" in step else ("Content-Length", b"%d" % len(body)))
    lines = [(name, value) for name, value in standard if name.lower() not in absent] + given
    head = b"%s %s HTTP/1.1\r\n" % (method, target(step, values))
    # A name or value of a case may hold bytes that are no text: nothing is cleaned here.
    return head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines) + b"\r\n"


def _framed(step: dict, body: bytes | None) -> bytes:
    if body is None:
        return b""
    size = step.get("chunked")
    if not size:
        return body
    pieces = (body[at:at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def writes(step: dict, wire: bytes) -> list[bytes]:
    """The pieces in which the bytes are written: all at once, or as many at a time as `writes-of` says."""
    size = step.get("writes-of")
    return [wire[at:at + size] for at in range(0, len(wire), size)] if size else [wire]


def upstream_bytes(answer: dict, values: Values) -> bytes:
    """What the server behind the gateway writes for one answer of a case; nothing for `hold`."""
    for exact in ("http", "raw"):
        if exact in answer:
            return assemble(answer[exact], values)
    if answer.get("hold"):
        return b""
    status = answer.get("status", 200)
    head = b"HTTP/1.1 %d Answer\r\n" % status
    headers = [(name, assemble(value, values)) for name, value in answer.get("headers", [])]
    if "sse" in answer:
        body = assemble(answer["sse"], values)
        return head + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    body = assemble(answer["json"] if "json" in answer else answer["body"], values)
    if "json" in answer:
        headers.append(("Content-Type", b"application/json"))
    headers.append(("Content-Length", b"%d" % len(body)))
    return head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body
