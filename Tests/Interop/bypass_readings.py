"""What a case of `Cases/bypass` says of its own bytes, looked up in the bytes.

Each function under `SHOWS` answers for one word of `shows`. Where the trick is that two readers disagree, both are
played: the one that keeps the first of two equal keys, the one that keeps the last, the one that ignores case.
"""

from __future__ import annotations

import base64
import dataclasses
import decimal
import json
import posixpath
import re
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable

from bypass_cases import CASES, Step

UNSAFE = 2**53
DEFINITIONS = json.loads((CASES / "definitions.json").read_text("utf-8"))
#: Of the letters that look like a Latin one those that the corpus uses (Unicode TS 39, confusables).
LOOKALIKES = str.maketrans({"\u0435": "e", "\u043e": "o", "\u0430": "a", "\u2215": "/", "\u2044": "/"})
METHODS = {
    "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
    "resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
    "tasks/list", "tasks/get", "tasks/result", "tasks/cancel", "notifications/cancelled", "notifications/initialized",
    "notifications/progress", "notifications/roots/list_changed", "notifications/tasks/status",
}
SESSIONLESS_METHODS = {
    "server/discover", "subscriptions/listen", "tools/list", "tools/call", "resources/list", "resources/templates/list",
    "resources/read", "prompts/list", "prompts/get", "completion/complete",
}


class NotJSON(ValueError):
    pass


def _refuse(word: str):
    raise NotJSON(f"`{word}` is no number of JSON")


def read(body: bytes, pairs: Callable[[list], object] | None = None, finite: bool = True):
    """The one value that the bytes hold by RFC 8259, or `NotJSON`."""
    try:
        text = body.decode("utf-8")
        value, end = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=pairs).raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotJSON(str(error)) from error
    if text[end:].strip(" \t\r\n"):
        raise NotJSON("something follows the value")
    return value


def first(pairs: list) -> dict:
    return dict(reversed(pairs))


def last(pairs: list) -> dict:
    return dict(pairs)


def caseless(pairs: list) -> dict:
    return {key.casefold(): value for key, value in pairs}


def at(value, pointer: str):
    """The member at a pointer, or `KeyError`."""
    for key in pointer.split("/")[1:]:
        if not isinstance(value, dict) or key not in value:
            raise KeyError(pointer)
        value = value[key]
    return value


def has(value, pointer: str) -> bool:
    try:
        at(value, pointer)
    except KeyError:
        return False
    return True


@dataclasses.dataclass(frozen=True)
class Call:
    """A call as one reader understands it."""

    policy: str
    principal: str
    server: str
    tool: str
    #: As JSON text, so that a call can be a key.
    arguments: str
    task: str | None = None


def task_of(step: dict) -> str | None:
    """The task that a good token of the step claims."""
    claims = step.get("token", {}).get("claims", {}) if step.get("token", {}).get("key") == "issuer" else {}
    return claims.get("purpose") if isinstance(claims.get("purpose"), str) else None


def call_of(step: Step, message) -> Call | None:
    """The call that a message is, or nothing where it is none."""
    try:
        tool, method = at(message, "/params/name"), at(message, "/method")
    except KeyError:
        return None
    arguments = message["params"].get("arguments", {})
    if method != "tools/call" or not isinstance(tool, str) or not isinstance(arguments, dict):
        return None
    return Call(step.case["policy"], step.principal, server_of(step), tool, json.dumps(arguments), task_of(step.step))


def server_of(step: Step) -> str:
    if "to" in step.step:
        return step.step["to"].strip("/")
    if step.wire and "wire" in step.step:
        path = step.wire.split(b" ", 2)[1].decode("latin-1") if step.wire.count(b" ") > 1 else ""
        return path.strip("/") or step.case["policy"]
    return step.case["policy"]


def head_of(step: Step) -> list[tuple[str, bytes]]:
    """The header lines of the first request, as they stand."""
    lines = step.wire.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return [(name.decode("latin-1"), value.strip(b" \t")) for name, found, value in (line.partition(b":") for line in lines) if found]


def header(step: Step, name: str) -> bytes | None:
    found = [value for each, value in head_of(step) if each.lower() == name.lower()]
    return found[0] if found else None


def unwrapped(value: bytes) -> bytes | None:
    """What a mirrored header stands for; nothing where its base64 is not exactly right."""
    inside = re.fullmatch(rb"=\?base64\?(.*)\?=", value, re.S)
    if not inside:
        return value
    try:
        plain = base64.b64decode(inside[1], validate=True)
    except ValueError:
        return None
    return plain if base64.b64encode(plain) == inside[1] else None


def mirrored(step: Step, name: str) -> str:
    """The pointer to what a header repeats of the body."""
    lowered = name.lower()
    if lowered == "mcp-method":
        return "/method"
    if lowered == "mcp-name":
        return "/params/name"
    if lowered == "mcp-protocol-version":
        return "/params/_meta/io.modelcontextprotocol~1protocolVersion"
    wanted = lowered.removeprefix("mcp-param-")

    def search(schema: dict, path: str) -> str | None:
        for key, inner in schema.get("properties", {}).items():
            if inner.get("x-mcp-header", "").lower() == wanted:
                return f"{path}/{key}"
            if found := search(inner, f"{path}/{key}"):
                return found
        return None

    for tool in DEFINITIONS[server_of(step)]:
        if found := search(tool["inputSchema"], "/params/arguments"):
            return found
    return f"/params/arguments/{wanted}"


def repeated(step: Step, name: str):
    """The value in the body that a header repeats, or `KeyError`."""
    message = read(step.body, last)
    pointer = mirrored(step, name)
    if pointer.endswith("protocolVersion"):
        return at(message, "/params/_meta")["io.modelcontextprotocol/protocolVersion"]
    return at(message, pointer)


def same(value, text: bytes) -> bool:
    if isinstance(value, bool):
        return text == (b"true" if value else b"false")
    if isinstance(value, (int, float)):
        try:
            return decimal.Decimal(text.decode("ascii")) == decimal.Decimal(str(value))
        except (ValueError, decimal.InvalidOperation):
            return False
    return isinstance(value, str) and value.encode("utf-8", "surrogatepass") == text


def fold(text: str) -> str:
    """A name as the most obliging of servers would read it."""
    text = unicodedata.normalize("NFKC", urllib.parse.unquote(text).partition("\x00")[0])
    text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc") or letter in "\t\n")
    return text.translate(LOOKALIKES).strip().casefold()


def path_fold(text: str) -> str:
    folded = posixpath.normpath("/" + fold(text)).strip("/")
    return folded if "/" in folded else folded.replace(".", "/")


def depth(body: bytes) -> int:
    deepest = now = 0
    inside = escaped = False
    for byte in body:
        if inside:
            escaped, inside = (byte == 0x5C and not escaped), not (byte == 0x22 and not escaped)
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif byte in b"]}":
            now -= 1
    return deepest


def numbers(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def kind(value) -> set[str]:
    match value:
        case None: return {"null"}
        case bool(): return {"boolean"}
        case int(): return {"whole", "fraction-or-whole"}
        case float(): return {"fraction-or-whole"} | ({"fraction"} if value != int(value) else set())
        case str(): return {"string"}
        case list(): return {"array"}
        case _: return {"object"}


def keys_twice(body: bytes) -> set[str]:
    found: set[str] = set()

    def look(pairs: list) -> dict:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.add(key)
            seen.add(key)
        return dict(pairs)

    read(body, look)
    return found


def keys(value) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(inner) for inner in value.values()), set())
    return set().union(*(keys(inner) for inner in value), set()) if isinstance(value, list) else set()


def inflated(body: bytes, most: int = 64 << 20) -> bytes:
    """What a body is at the end of all its codings, gzip or bare deflate."""
    while True:
        for window in (31, -15):
            try:
                out, rest = b"", body
                while rest and len(out) < most:
                    reader = zlib.decompressobj(window)
                    out += reader.decompress(rest, most)
                    rest = reader.unused_data
                break
            except zlib.error:
                continue
        else:
            return body
        body = out
        if body[:2] != b"\x1f\x8b":
            return body


def is_json(body: bytes) -> bool:
    try:
        read(body)
    except NotJSON:
        return False
    return True


def leftover(body: bytes) -> bool:
    text = body.decode("utf-8")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    _, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, start)
    return bool(text[end:].strip(" \t\r\n"))


def is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def differs(step: Step, name: str) -> bool:
    value = header(step, name)
    plain = unwrapped(value) if name.lower() not in ("mcp-method", "mcp-protocol-version") else value
    return plain is None or not same(repeated(step, name), plain)


def absent(step: Step, name: str) -> bool:
    try:
        repeated(step, name)
    except KeyError:
        return header(step, name) is not None
    return False


def count(step: Step, name: str) -> int:
    return sum(each.lower() == name.lower() for each, _ in head_of(step))


def unknown(step: Step) -> bool:
    known = SESSIONLESS_METHODS if step.case["transport"].endswith("2026") else METHODS
    return read(step.body)["method"] not in known


#: Each answers for one word of `shows`: from the step and what the word is followed by.
SHOWS: dict[str, Callable[[Step, object], bool]] = {
    "duplicate-key": lambda step, name: name in keys_twice(step.body),
    "keys-equal-but-for-case": lambda step, name: any(key != name and key.casefold() == name for key in keys(read(step.body))),
    "folds-to": lambda step, name: any(key != name and key.casefold() == name for key in keys(read(step.body))),
    "missing-member": lambda step, pointer: not has(read(step.body), pointer),
    "has-member": lambda step, pointer: has(read(step.body), pointer),
    "member-is": lambda step, wanted: wanted[1] in kind(at(read(step.body), wanted[0])),
    "not-an-object": lambda step, _: not isinstance(read(step.body), dict),
    "batch": lambda step, _: isinstance(read(step.body), list),
    "names": lambda step, text: any(text in each for each in strings(read(step.body))),
    "not-utf8": lambda step, _: not is_utf8(step.body),
    "not-json": lambda step, _: not is_json(step.body),
    "trailing": lambda step, _: leftover(step.body),
    "byte-order-mark": lambda step, _: step.body.startswith(b"\xef\xbb\xbf"),
    "lone-surrogate": lambda step, _: any(0xD800 <= ord(letter) <= 0xDFFF for each in strings(read(step.body)) for letter in each),
    "not-finite": lambda step, _: any(value in (float("inf"), float("-inf")) for value in numbers(read(step.body))),
    "unsafe-integer": lambda step, _: any(isinstance(value, int) and abs(value) >= UNSAFE for value in numbers(read(step.body))),
    "rounds-to": lambda step, wanted: at(read(step.body), wanted[0]) == wanted[1] and str(wanted[1]).encode() + b"." in step.body,
    "deeper-than": lambda step, most: depth(step.body) > most,
    "longer-than": lambda step, most: len(step.body if step.body is not None else step.wire) > most or len(step.wire) > most,
    "header-differs": differs,
    "header-missing": lambda step, name: header(step, name) is None,
    "header-twice": lambda step, name: count(step, name) > 1,
    "header-is": lambda step, wanted: any(name == wanted[0] and value == wanted[1].encode() for name, value in head_of(step)),
    "header-without-member": absent,
    "both-lengths": lambda step, _: count(step, "Content-Length") > 0 and count(step, "Transfer-Encoding") > 0,
    "bare-lf": lambda step, _: re.search(rb"(?<!\r)\n", step.wire) is not None,
    "bare-cr": lambda step, _: re.search(rb"\r(?!\n)", step.wire) is not None,
    "raw": lambda step, text: text.encode() in step.wire,
    "requests": lambda step, number: len(re.findall(rb" HTTP/1\.1\r\n", step.wire)) >= number,
    "inflates-to": lambda step, text: text.encode() not in step.body and text.encode() in inflated(step.body),
    "inflates-beyond": lambda step, most: len(step.body) < most // 100 and len(inflated(step.body)) > most,
    "tool-folds-to": lambda step, name: (sent := read(step.body)["params"]["name"]) != name and fold(sent) == name,
    "looks-like": lambda step, name: (sent := read(step.body)["params"]["name"]) != name and sent.translate(LOOKALIKES) == name,
    "method-folds-to": lambda step, name: (sent := read(step.body)["method"]) != name and path_fold(sent) == name,
    "unknown-method": lambda step, _: unknown(step),
}
