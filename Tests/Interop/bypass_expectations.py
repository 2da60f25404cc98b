"""What must hold of a case of `Cases/bypass` that was played: the section of that name in the README, exactly.

`faults` gives a sentence for everything that did not hold.
"""

from __future__ import annotations

import decimal
import json
import re
import sys
from collections.abc import Iterator

import bypass_cases
from bypass_client import Answer, answers_in
from bypass_readings import inflated, strings, unwrapped
from bypass_runner import Played, Seen
from bypass_servers import Request

# As deep as the limit of the cases, with several frames a level.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 8000))

#: What opens, keeps or ends a session, or lists definitions, may always arrive.
ALWAYS = {"initialize", "notifications/initialized", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
#: What a message may have; anything else is for the reader that looks for it.
MEMBERS = {"jsonrpc", "id", "method", "params", "result", "error"}


class Twice(ValueError):
    """A key stands twice in an object."""


def _once(pairs: list) -> dict:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Twice(str(sorted(key for key, _ in pairs))[:200])
    return dict(pairs)


#: Numbers as their exact decimal value, and never equal to a truth value.
_EXACT = {"parse_int": decimal.Decimal, "parse_float": decimal.Decimal}
STRICT = json.JSONDecoder(object_pairs_hook=_once, **_EXACT)
LAST = json.JSONDecoder(strict=False, **_EXACT)


def same(one, other) -> bool:
    """Equality of JSON values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def exact(value):
    """A value of a case's own JSON with numbers as those that arrive have them."""
    return LAST.decode(json.dumps(value))


class Message:
    """A message that arrived at a server, or what stands for one there."""

    def __init__(self, server: str, value, oddity: str | None = None):
        self.server, self.value, self.oddity = server, value, oddity
        self.method = value.get("method") if isinstance(value, dict) else None
        params = value.get("params") if isinstance(value, dict) else None
        self.params = params if isinstance(params, dict) else {}
        beside = set(value) - MEMBERS if isinstance(value, dict) else set()
        if beside and not oddity:
            self.oddity = f"member {sorted(beside)} that a lax server may read"

    @property
    def always(self) -> bool:
        return self.oddity is None and isinstance(self.method, str) and self.method in ALWAYS

    def equals(self, wanted: dict, sent: list) -> bool:
        if self.oddity or wanted["server"] != self.server:
            return False
        if wanted.get("as-sent"):
            return any(self.method == each.get("method") and same(self.params, each.get("params", {})) for each in sent)
        if wanted["method"] != self.method:
            return False
        if "name" in wanted and self.params.get("name") != wanted["name"]:
            return False
        if "arguments" in wanted and not same(self.params.get("arguments", {}), exact(wanted["arguments"])):
            return False
        if "params" in wanted:
            # What the gateway adds under `_meta` is its own.
            return same({k: v for k, v in self.params.items() if k != "_meta"}, {k: v for k, v in exact(wanted["params"]).items() if k != "_meta"})
        return True

    def __str__(self) -> str:
        return f"{self.server}: {self.oddity or ''} {json.dumps(self.value, ensure_ascii=False, default=str)[:300]}"


def scanned(raw: bytes) -> Iterator[dict]:
    """Every message of JSON-RPC that begins anywhere in the bytes, by the most lenient of readings."""
    text, at = raw.decode("utf-8", "replace"), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = LAST.raw_decode(text, at)
        except RecursionError:
            yield {"method": "nested too deeply to be read"}
            return
        except (ValueError, ArithmeticError):
            at += 1
            continue
        if isinstance(value, dict) and "method" in value:
            yield value


def of_request(request: Request) -> Iterator[Message]:
    """The messages of one request, and what about it is no message."""
    server = request.server
    if request.verb in ("GET", "DELETE") and not request.body:
        return
    if request.verb not in ("POST", "LINE"):
        yield Message(server, f"{request.verb} {request.path}", "a request that is no message")
        return
    try:
        value, oddity = STRICT.decode(request.body.decode("utf-8")), None
    except Twice as error:
        value, oddity = LAST.decode(request.body.decode("utf-8")), f"duplicate key in {error}"
    except (ValueError, RecursionError, ArithmeticError) as error:
        yield Message(server, request.body[:200].decode("utf-8", "replace"), f"no JSON ({str(error)[:80]})")
        return
    for each in value if isinstance(value, list) else [value]:
        yield Message(server, each, oddity)
        if isinstance(each, dict):
            yield from of_headers(request, each)


def of_headers(request: Request, message: dict) -> Iterator[Message]:
    """What a reader of headers alone would take the request for, where that is something else."""
    params = message.get("params") if isinstance(message.get("params"), dict) else {}
    told = {"mcp-method": message.get("method"), "mcp-name": params.get("name", params.get("uri"))}
    for name, value in request.headers:
        wanted = told.get(name.lower().replace("_", "-"), "")
        if name.lower().replace("_", "-") not in told:
            continue
        plain = unwrapped(value.encode("latin-1"))
        if plain is None or wanted is None or plain.decode("utf-8", "replace") != wanted:
            yield Message(request.server, f"{name}: {value}", "a header that says something else than the body")


def arrived(played: Played) -> list[Message]:
    """Everything that arrived and needs a permission."""
    found = [message for request in played.record.requests for message in of_request(request)]
    for (server, _), raw in played.record.raw.items():
        known = [message.value for message in found if message.server == server]
        if any("chunked" in request.header("transfer-encoding") for request in played.record.requests):
            # The sizes of chunks stand between the parts of a message.
            raw = re.sub(rb"\r\n[0-9a-fA-F]+\r\n", b"", bytes(raw))
        for value in scanned(bytes(raw)):
            # A message inside a body that was read already is that message.
            at = next((at for at, each in enumerate(known) if same(each, value)), None)
            if at is not None:
                known.pop(at)
            elif not any(_inside(value, each.value) for each in found if each.server == server):
                found.append(Message(server, value, None if str(value["method"]) in ALWAYS else "message between requests"))
    return found


def _inside(value, whole) -> bool:
    if isinstance(whole, (dict, list)):
        return any(same(value, each) or _inside(value, each) for each in (whole.values() if isinstance(whole, dict) else whole))
    return False


def sent_messages(played: Played) -> list[dict]:
    """The messages of the steps, as far as their bodies are JSON."""
    found = []
    for seen in played.seen:
        found += [each for each in scanned(seen.step.wire if seen.step.body is None else seen.step.body) if "method" in each]
    return found


def upstream_faults(played: Played) -> list[str]:
    expect, sent = played.case["expect"], sent_messages(played)
    wanted, found, faults = expect.get("messages", []), arrived(played), []
    faults += [f"arrived with a {message.oddity}: {message}" for message in found if (message.oddity or "").startswith("duplicate")]
    listed = any(want.get("method") in ALWAYS or want.get("as-sent") for want in wanted)
    counted = [message for message in found if not message.always or (listed and any(message.equals(want, sent) for want in wanted))]
    match expect["upstream"]:
        case "none":
            may = expect.get("may", [])
            allowed = [message for message in counted if any(message.equals(want, sent) for want in may)]
            faults += [f"arrived: {message}" for message in counted if message not in allowed]
            if len(allowed) > expect.get("count", len(allowed)):
                faults.append(f"{len(allowed)} calls arrived, at most {expect['count']} may")
        case "equal":
            if len(counted) > 1 or (counted and not counted[0].equals(wanted[0], sent)):
                faults.append("arrived, but not as one of `messages` alone: " + "; ".join(map(str, counted)))
        case "once":
            itself = expect.get("may-answer-itself") and not counted
            if not itself and (len(counted) != len(wanted) or not all(m.equals(want, sent) for m, want in zip(counted, wanted, strict=True))):
                faults.append("did not arrive once and in order; arrived: " + ("; ".join(map(str, counted)) or "nothing"))
    bodies = [request.body for request in played.record.requests]
    everything = b"\n".join([*(bytes(raw) for raw in played.record.raw.values()), *bodies])
    for text in [*expect.get("absent", []), *played.absent]:
        if text.encode() in everything:
            faults.append(f"`{text}` arrived")
    return faults


def error_of(message: dict) -> dict | None:
    return message["error"] if isinstance(message.get("error"), dict) else None


def refuses(answer: Answer) -> bool:
    """An answer is a refusal: an HTTP error, or errors of JSON-RPC and nothing else."""
    messages = [message for message in answer.messages() if {"result", "error"} & set(message)]
    return not has_result(answer) and (answer.status >= 400 or (bool(messages) and all(error_of(message) for message in messages)))


def has_result(answer: Answer) -> bool:
    return any("result" in message for message in answer.messages())


def in_range(status: int, wanted) -> bool:
    return any(status // 100 == int(each[0]) if isinstance(each, str) else status == each for each in wanted)


def client_faults(played: Played) -> list[str]:
    case, expect, faults = played.case, played.case["expect"], []
    answers = [answer for seen in played.seen for answer in seen.answers]
    results = sum("result" in message for answer in answers for message in answer.messages())
    match expect["client"]:
        case "refused":
            # Where earlier steps may be answered, the last one is what the case is about.
            about = played.seen[-1:] if expect.get("may") else played.seen
            results = sum(has_result(answer) for seen in about for answer in seen.answers)
            if results:
                faults.append(f"{results} answers with a result")
            faults += [f"step {seen.number} was neither refused nor ended" for seen in about if not refused(seen)]
        case "closed":
            faults += [f"the connection of step {seen.number} stayed open" for seen in played.seen if not seen.ended]
            most = len([1 for request in sent_messages(played) if any(
                Message(want["server"], request).equals(want, []) for want in expect.get("may", []))])
            if results > most:
                faults.append(f"{results} answers with a result, at most {most} may be")
            if sum(refuses(answer) for answer in answers) > 1:
                faults.append("more was read after the refusal: " + ", ".join(str(answer.status) for answer in answers))
        case "mixed":
            most = expect.get("answers", expect.get("count"))
            if most is not None and results > most:
                faults.append(f"{results} answers with a result, at most {most} may be")
            faults += [
                f"an answer of step {seen.number} is neither a result nor a refusal: {answer.status}"
                for seen in played.seen for answer in seen.answers if not has_result(answer) and not refuses(answer)
            ]
        case "answered": faults += answered_faults(played)
        case "accepted":
            faults += [f"step {seen.number} was not accepted" for seen in played.seen if [a.status for a in seen.answers] not in ([202], [])]
            faults += [f"step {seen.number} got no answer" for seen in played.seen if not seen.answers and case["transport"].startswith("http")]
    faults += refusal_faults(played, answers)
    if played.after is not None and (any(map(has_result, played.after)) or not played.after):
        faults.append(f"{expect['killed']} is not denied afterwards")
    return faults


def refused(seen: Seen) -> bool:
    if not seen.answers:
        return seen.ended
    return all(refuses(answer) or (not answer.complete and seen.ended) for answer in seen.answers)


def answered_faults(played: Played) -> list[str]:
    faults, allowed = [], {step["step"] for step in played.case["steps"] if step.get("do") == "allow-ask"}
    errors = any('"error"' in json.dumps(answer).replace("\\", "") for answer in played.case.get("upstream", []))
    for seen in played.seen:
        if seen.number in allowed:
            continue
        if not seen.answers:
            faults.append(f"step {seen.number} got no answer")
        own = {answer.get("status") for answer in played.case.get("upstream", [])}
        bad = [answer.status for answer in seen.answers if not 200 <= answer.status < 300 and not (errors and answer.status in own)]
        faults += [f"step {seen.number} got status {status}" for status in bad]
        body = seen.step.wire if seen.step.body is None or "raw" in seen.step.step else seen.step.body
        asked = sum("id" in message for message in scanned(body))
        messages = [message for answer in seen.answers for message in answer.messages()]
        got = sum("result" in message or (errors and "error" in message) for message in messages)
        if got < asked:
            faults.append(f"step {seen.number} got {got} results for {asked} requests: {json.dumps(messages, ensure_ascii=False)[:300]}")
    return faults


def refusal_faults(played: Played, answers: list[Answer]) -> list[str]:
    expect, faults = played.case["expect"], []
    http = played.case["transport"].startswith("http")
    for answer in answers:
        if answer.status in expect.get("never-status", []):
            faults.append(f"status {answer.status}")
        if not (refuses(answer) or (expect["client"] in ("any", "accepted") and "status" in expect and not has_result(answer))):
            continue
        if http and "status" in expect and not in_range(answer.status, expect["status"]):
            faults.append(f"refused with status {answer.status}, not one of {expect['status']}")
        for message in answer.messages():
            error = error_of(message)
            if error and "codes" in expect and error.get("code") not in expect["codes"]:
                faults.append(f"refused with code {error.get('code')}, not one of {expect['codes']}")
    if "echo" in expect:
        wanted = LAST.decode(expect["echo"])
        for answer in answers:
            for text in answer.texts():
                try:
                    message = LAST.decode(text.strip())
                except (ValueError, ArithmeticError):
                    continue
                if isinstance(message, dict) and message.get("id") is not None and not same(message["id"], wanted):
                    faults.append(f"the id came back as {message['id']}, not {expect['echo']}")
                if isinstance(wanted, decimal.Decimal) and isinstance(message, dict) and message.get("id") is not None \
                        and not re.search(r'"id"\s*:\s*' + re.escape(expect["echo"]) + r"\s*[,}]", text):
                    faults.append(f"the id did not come back digit by digit: {text[:200]}")
    return faults


def readable(played: Played) -> str:
    """Everything that the client received, with chunks, codings and escapes opened in every way."""
    texts = [data.decode("utf-8", "replace") for data in played.received]
    for answer in (answer for seen in played.seen for answer in seen.answers):
        texts.append(answer.body.decode("utf-8", "replace"))
        texts.append(inflated(answer.body).decode("utf-8", "replace"))
    for data in played.received:
        for answer in answers_in(data, True):
            texts.append(answer.body.decode("utf-8", "replace"))
            for message in answer.messages():
                texts += strings(message)
    for answer in (answer for seen in played.seen for answer in seen.answers):
        for message in answer.messages():
            texts += strings(message)
    return "\n".join(texts)


def text_faults(played: Played) -> list[str]:
    expect = played.case["expect"]
    if not {"withheld", "delivered"} & set(expect):
        return []
    text, faults = readable(played), []
    faults += [f"`{each[:80]}` was not withheld" for each in expect.get("withheld", []) if each in text]
    faults += [f"`{each[:80]}` was not delivered" for each in expect.get("delivered", []) if each not in text]
    if expect.get("exact"):
        for answer in played.case.get("upstream", []):
            wrote = bypass_cases.upstream_bytes(answer, lambda _: b"7").decode("utf-8", "replace")
            for found in re.finditer(r'"(?:result|error)"\s*:\s*', wrote):
                end = LAST.raw_decode(wrote, found.end())[1]
                if wrote[found.end():end] not in text:
                    faults.append(f"the result is not byte for byte what the server wrote: {wrote[found.end():end][:200]}")
                break
    return faults


def faults(played: Played) -> list[str]:
    return [*played.faults, *upstream_faults(played), *client_faults(played), *text_faults(played)]


def report(played: Played, found: list[str]) -> str:
    """What somebody needs to see who mends the cause."""
    case = played.case
    lines = [f"{case['id']} ({case['file']}:{case['line']}): {case['what']}", *(f"  fault: {fault[:600]}" for fault in found)]
    lines += [f"  arrived: {message}" for message in arrived(played)] or ["  arrived: nothing"]
    for seen in played.seen:
        for answer in seen.answers:
            lines.append(f"  step {seen.number} saw {answer.status} {answer.body[:300].decode('utf-8', 'replace')!r}")
        if not seen.answers:
            lines.append(f"  step {seen.number} saw nothing")
        lines.append(f"  step {seen.number}: the connection {'ended' if seen.ended else 'stayed open'}")
    return "\n".join([*lines, f"  expected: {json.dumps(case['expect'], ensure_ascii=False)[:500]}"])
