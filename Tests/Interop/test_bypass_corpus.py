"""The corpus of `Cases/bypass` against itself, with no gateway: that a case is what it says it is."""

from __future__ import annotations

import collections
import json
import lzma
import os
import re
from pathlib import Path

import pytest

import bypass_cases
import bypass_readings as readings
from bypass_cases import POLICIES, SESSIONLESS, Step
from bypass_readings import Call
from conftest import Programs
from mining_table import replay, run

KNOWN = bypass_cases.load()
HOSTILE = [case for case in KNOWN if case["hostile"]]
BENIGN = [case for case in KNOWN if not case["hostile"]]
SHARED = Path(os.environ.get("LOCKSTEP_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SCHEMAS = SHARED / "conformance" / "mcp"

TRANSPORTS = {"http-2025", "http-2026", "http-sse", "stdio-2025", "stdio-2026"}
CASE = {
    "id", "class", "hostile", "what", "source", "transport", "direction", "policy", "steps", "expect", "shows", "file", "line",
    "revision", "principals", "upstream", "setting", "pinned", "definitions", "at-once", "session-route",
}
STEP = {
    "post", "get", "delete", "wire", "line", "raw", "do", "to", "to-variable", "query", "headers", "without", "by", "session-of",
    "connection", "token", "scheme", "dpop", "proofs", "chunked", "writes-of", "half-close", "keep", "when", "session",
    "principal", "as", "expect", "sse", "step", "seconds",
}
ACTIONS = {"open-session", "initialize-only", "delete-session", "kill", "upstream-sends", "allow-ask", "advance-clock"}
EXPECT = {
    "upstream", "client", "messages", "may", "absent", "absent-variable", "count", "status", "never-status", "codes", "withheld",
    "delivered", "exact", "killed", "answers", "echo", "note", "may-answer-itself",
}
UPSTREAM = {"none", "equal", "once", "any"}
CLIENT = {"refused", "closed", "answered", "accepted", "withheld", "mixed", "any"}
ANSWER = {"method", "nth", "principal", "json", "sse", "body", "http", "raw", "hold", "status", "headers", "writes-of", "stderr", "end"}
RECIPE = {"header", "header-text", "claims", "text", "key", "signature", "same-as"}
VARIABLE = re.compile(
    r"host|id(:\w+)?|(authorization|token|session|event|messages):[\w-]+|json:issuer|json:resource:/\w+|now[+-]\d+"
)
#: Words of `shows` about which the policy is asked.
ASKED = {"denied", "allowed", "readings-differ", "readings-differ-by-case"}


def value(name: str) -> bytes:
    assert VARIABLE.fullmatch(name), f"nobody knows `{name}`"
    known = {"host": b"127.0.0.1:8080", "id": b"7", "json:issuer": b'"https://issuer.example"'}
    if name.startswith("json:resource:"):
        return json.dumps("https://127.0.0.1:8080" + name.removeprefix("json:resource:")).encode()
    return known.get(name, b"1767225600" if name.startswith("now") else name.replace(":", "-").encode())


def steps(case: dict) -> list[Step]:
    return bypass_cases.steps(case, value)


def acted(case: dict) -> Step:
    """The step that the case is about: the last one with bytes."""
    return [step for step in steps(case) if step.wire][-1]


def named(show) -> tuple[str, object]:
    return (show, None) if isinstance(show, str) else next(iter(show.items()))


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["id"])


def test_there_are_enough_of_both_kinds_in_every_class():
    assert len(HOSTILE) >= 150 and len(BENIGN) >= 40
    hostile = collections.Counter(case["class"] for case in HOSTILE)
    assert all(number >= 2 for number in hostile.values()), hostile
    strangers = {case["class"] for case in BENIGN} - set(hostile)
    assert not strangers, f"neighbours of nothing: {strangers}"
    assert {case["transport"] for case in HOSTILE} == TRANSPORTS
    assert {case["direction"] for case in HOSTILE} == {"to-server", "to-client"}


def test_ids_are_unique_and_speak():
    ids = [case["id"] for case in KNOWN]
    assert [name for name, number in collections.Counter(ids).items() if number > 1] == []
    assert [name for name in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)] == []


def test_no_two_cases_send_the_same():
    seen = collections.defaultdict(list)
    for case in KNOWN:
        told = {key: case.get(key) for key in ("transport", "steps", "upstream", "setting", "revision", "policy", "session-route")}
        seen[json.dumps(told, sort_keys=True)].append(case["id"])
    assert [names for names in seen.values() if len(names) > 1] == []


@each(KNOWN)
def test_a_case_has_the_members_of_one(case: dict):
    assert set(case) <= CASE, set(case) - CASE
    assert re.fullmatch(r"[A-Z`\u2019].*[.]", case["what"], re.S) and len(case["what"]) <= 240
    assert case["transport"] in TRANSPORTS and case["direction"] in {"to-server", "to-client"}
    assert (POLICIES / f"{case['policy']}.yaml").is_file()
    assert all(isinstance(source, str) and source for source in case.get("source", []))
    for step in case["steps"]:
        assert set(step) <= STEP, set(step) - STEP
        assert len({"post", "get", "delete", "wire", "line", "raw", "do"} & set(step)) == 1
        assert step.get("do", "kill") in ACTIONS
        if {"line", "raw"} & set(step):
            assert case["transport"].startswith("stdio")
        for recipe in (step.get("token"), step.get("dpop")):
            assert recipe is None or set(recipe) <= RECIPE
    for answer in case.get("upstream", []):
        assert set(answer) <= ANSWER, set(answer) - ANSWER
        assert len({"json", "sse", "body", "http", "raw", "hold"} & set(answer)) == 1
    asked = {name.partition(":")[2] for name in bypass_cases.names([case["steps"], case.get("upstream", [])]) if name.startswith("session:")}
    assert asked <= {"alice", *case.get("principals", [])}


@each(KNOWN)
def test_what_must_hold_is_said(case: dict):
    expect = case["expect"]
    assert set(expect) <= EXPECT, set(expect) - EXPECT
    assert expect["upstream"] in UPSTREAM and expect["client"] in CLIENT
    assert ("messages" in expect) == (expect["upstream"] in ("equal", "once"))
    assert all(isinstance(code, int) for code in expect.get("codes", []))
    assert all(status in ("2xx", "4xx", "5xx") or 100 <= status <= 599 for status in expect.get("status", []))
    if case["hostile"]:
        assert expect["upstream"] != "once" and expect["client"] not in ("answered", "accepted")
        if case["direction"] == "to-server":
            assert expect["upstream"] != "any"
        else:
            assert {"withheld", "note"} & set(expect) or expect["client"] in ("refused", "closed")
    else:
        assert expect["upstream"] in ("once", "any") and expect["client"] in ("answered", "accepted", "any")
        assert {"messages", "delivered", "status"} & set(expect)


@each(KNOWN)
def test_the_bytes_can_be_made(case: dict):
    wires = [step for step in steps(case) if "do" not in step.step]
    assert all(step.wire for step in wires)
    assert wires or case["direction"] == "to-client"
    for answer in case.get("upstream", []):
        assert bypass_cases.upstream_bytes(answer, value) or "hold" in answer


@pytest.mark.parametrize("name", sorted(path.stem for path in POLICIES.glob("*.yaml") if not path.stem.endswith(".test")))
def test_the_policies_say_what_the_cases_take_them_to_say(programs: Programs, name: str):
    done = run(programs.lockstep, "policy", "test", "--policy", POLICIES / f"{name}.yaml", POLICIES / f"{name}.test.yaml")
    assert done.code == 0, done.out + done.err


def understood(case: dict) -> dict[str, Call | None]:
    """The calls that the readers of the case's message make of it."""
    step = acted(case)
    hooks = {"strict": readings.last, "first": readings.first, "last": readings.last, "caseless": readings.caseless}
    return {name: readings.call_of(step, readings.read(step.body, hook)) for name, hook in hooks.items()}


def permitted(case: dict) -> list[Call]:
    """The calls that a case says may or must reach the server."""
    expect = case["expect"]
    calls = [m for m in [*expect.get("may", []), *expect.get("messages", [])] if m.get("method") == "tools/call" and "name" in m]
    task = next((found for step in case["steps"] if (found := readings.task_of(step))), None)
    who = "bob" if calls and all("/srv/bob/" in json.dumps(call) for call in calls) else "alice"
    return [
        Call(case["policy"], "bob" if "/srv/bob/" in json.dumps(call) else who, call["server"], call["name"], json.dumps(call["arguments"]), task)
        for call in calls
    ]


@pytest.fixture(scope="module")
def verdicts(programs: Programs, tmp_path_factory) -> dict[Call, str]:
    """What the policies of the corpus decide about every call that any reader sees."""
    asked: set[Call] = set()
    for case in KNOWN:
        asked.update(permitted(case))
        if ASKED & {named(show)[0] for show in case.get("shows", [])}:
            asked.update(call for call in understood(case).values() if call)
    folder, found = tmp_path_factory.mktemp("corpus"), {}
    for policy in sorted({call.policy for call in asked}):
        calls = sorted((call for call in asked if call.policy == policy), key=repr)
        recording = folder / f"{policy}.ndjson"
        recording.write_text("".join(
            json.dumps({
                "schema": "lockstep.call/1", "time": "2026-03-02T10:00:00Z", "session": f"s{number}", "sequence": 0,
                "principal": {"id": call.principal, "kind": "jwt"}, "server": call.server, "tool": call.tool,
                "arguments": json.loads(call.arguments), "outcome": "ok", **({"task": {"id": call.task}} if call.task else {}),
            }) + "\n" for number, call in enumerate(calls)
        ), "utf-8")
        decided = replay(programs.lockstep, POLICIES / f"{policy}.yaml", recording)
        for number, call in enumerate(calls):
            # A record that is refused as a whole is not allowed either.
            found[call] = decided.get((f"s{number}", 0), {"decision": "deny"})["decision"]
    return found


@each([case for case in KNOWN if case.get("shows")])
def test_the_bytes_are_what_the_case_says_of_them(case: dict, verdicts: dict):
    for show in case["shows"]:
        word, more = named(show)
        if word not in ASKED:
            assert readings.SHOWS[word](acted(case), more), f"{case['file']}:{case['line']}: no {word} {more or ''}"
            continue
        calls = {name: verdicts[call] for name, call in understood(case).items() if call}
        match word:
            case "denied": assert calls["strict"] != "allow"
            case "allowed": assert calls["strict"] == "allow"
            case "readings-differ": assert {calls["first"] == "allow", calls["last"] == "allow"} == {True, False}, calls
            case "readings-differ-by-case": assert calls["strict"] == "allow" or calls["caseless"] != "allow", calls


@each([case for case in KNOWN if permitted(case)])
def test_what_may_reach_the_server_is_allowed(case: dict, verdicts: dict):
    answered = {"ask"} if any(step.get("do") == "allow-ask" for step in case["steps"]) else {"allow"}
    assert [call for call in permitted(case) if verdicts[call] not in answered] == []


@each([case for case in HOSTILE if case["direction"] == "to-server" and case["file"] in {"keys.ndjson", "text.ndjson", "arguments.ndjson", "tools.ndjson"}])
def test_a_trick_in_a_message_can_be_seen_in_it(case: dict):
    # Sums and grants are about several messages, none of which is odd.
    assert case.get("shows") or case["class"] in ("sums", "grants")


def written(answer: dict) -> str:
    """Everything that a server writes for one answer, with its escapes opened."""
    parts = [bypass_cases.upstream_bytes(answer, value), bypass_cases.assemble(answer.get("stderr", ""), value)]
    text = "\n".join(part.decode("utf-8", "replace") for part in parts)
    for part in parts:
        body = part.partition(b"\r\n\r\n")[2]
        if body[:2] == b"\x1f\x8b":
            text += readings.inflated(body).decode("utf-8", "replace")
    return text + re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text) + text.replace('\\"', '"')


@each([case for case in KNOWN if case.get("upstream") and {"withheld", "delivered"} & set(case["expect"])])
def test_what_is_withheld_or_delivered_was_written(case: dict):
    all_of_it = "".join(written(answer) for answer in case["upstream"]) + json.dumps(case["steps"], ensure_ascii=False)
    expect = case["expect"]
    for text in [*expect.get("withheld", []), *expect.get("delivered", [])]:
        assert text in all_of_it or json.dumps(text, ensure_ascii=False)[1:-1] in all_of_it, text


def sent_messages(case: dict) -> list:
    """The messages that the client of a benign case sends."""
    found = []
    for step in steps(case):
        if step.body is None and step.wire.startswith(b"POST"):
            found += [readings.read(body) for body in bodies_of(step.wire)]
        elif step.wire and "raw" in step.step:
            found += [readings.read(line) for line in step.wire.splitlines() if line.strip()] if b"\xe2\x80\xa8" not in step.wire else [readings.read(step.wire)]
        elif step.wire.count(b" HTTP/1.") > 1:
            found += [readings.read(body) for body in bodies_of(step.wire)]
        elif step.body is not None:
            found.append(readings.read(step.body))
    return [inner for message in found for inner in (message if isinstance(message, list) else [message])]


def bodies_of(wire: bytes) -> list[bytes]:
    """The bodies of pipelined requests, as h11 reads them: for a benign case another reader must not complain."""
    import h11

    server, bodies, now = h11.Connection(h11.SERVER), [], b""
    # A server ignores an empty line before the request line (RFC 9112 §2.2); h11 does not.
    server.receive_data(wire.removeprefix(b"\r\n"))
    while True:
        event = server.next_event()
        match event:
            case h11.Request(): now = b""
            case h11.Data(): now += bytes(event.data)
            case h11.EndOfMessage():
                bodies.append(now)
                if server.their_state is h11.MUST_CLOSE or not server.trailing_data[0]:
                    return bodies
                server.send(h11.Response(status_code=202, headers=[("content-length", "0")]))
                server.send(h11.EndOfMessage())
                server.start_next_cycle()
            case _: return bodies


@each([case for case in BENIGN if case["transport"].startswith("http") and any("wire" in step for step in case["steps"])])
def test_a_benign_request_is_one_to_another_reader(case: dict):
    pytest.importorskip("h11")
    for step in steps(case):
        assert len(bodies_of(step.wire)) == max(1, len(case["expect"].get("messages", [])))


@each([case for case in BENIGN if "messages" in case["expect"]])
def test_a_benign_case_says_what_it_sends(case: dict):
    pytest.importorskip("h11")
    wanted = case["expect"]["messages"]
    sent = sent_messages(case)
    if any(step.get("do") == "allow-ask" for step in case["steps"]):
        # What is asked about goes nowhere until it comes again.
        sent = sent[1:]
    assert len(sent) == len(wanted)
    for message, want in zip(sent, wanted, strict=True):
        if want.get("as-sent"):
            continue
        assert message["method"] == want["method"]
        if "name" in want:
            assert message["params"]["name"] == want["name"]
            assert message["params"].get("arguments", {}) == want["arguments"]
        if "params" in want:
            assert message["params"] == want["params"]


@pytest.fixture(scope="module")
def validators() -> dict:
    jsonschema = pytest.importorskip("jsonschema")
    if not (SCHEMAS / "schema-2026-07-28.json.xz").is_file():
        pytest.skip("no schemas of MCP beside the repository: set LOCKSTEP_SHARED")
    made = {}
    for revision in ("2025-11-25", "2026-07-28"):
        schema = json.loads(lzma.open(SCHEMAS / f"schema-{revision}.json.xz").read())
        for side, names in (("client", ("ClientRequest", "ClientNotification")), ("server", ("ServerRequest", "ServerNotification", "JSONRPCResponse"))):
            known = [name for name in names if name in schema["$defs"]]
            made[revision, side] = jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{name}"} for name in known]})
    return made


@each([case for case in BENIGN if "messages" in case["expect"]])
def test_benign_messages_are_valid_by_the_specification(case: dict, validators: dict):
    pytest.importorskip("h11")
    revision = "2026-07-28" if case["transport"] in SESSIONLESS else "2025-11-25"
    for message in sent_messages(case):
        problems = [problem.message[:300] for problem in validators[revision, "client"].iter_errors(message)]
        assert problems == [], problems


@each([case for case in BENIGN if case["direction"] == "to-client"])
def test_benign_answers_are_valid_by_the_specification(case: dict, validators: dict):
    revision = "2026-07-28" if case["transport"] in SESSIONLESS else "2025-11-25"
    for answer in case["upstream"]:
        for message in answered(answer):
            problems = [problem.message[:300] for problem in validators[revision, "server"].iter_errors(message)]
            assert problems == [], problems


def answered(answer: dict) -> list:
    """The messages in an answer of a benign case."""
    for plain in ("json", "raw"):
        if plain in answer:
            return [readings.read(bypass_cases.assemble(answer[plain], value))]
    text = bypass_cases.assemble(answer["sse"], value).decode("utf-8").replace("\r\n", "\n")
    events = (re.findall(r"(?m)^data: ?(.*)$", event) for event in text.split("\n\n"))
    return [json.loads("\n".join(lines)) for lines in events if any(lines)]
