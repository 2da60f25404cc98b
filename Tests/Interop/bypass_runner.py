"""Plays the cases of `Cases/bypass` against something that says it is a gateway; `bypass_expectations` judges what came of it.

A `Runner` is given where gateways come from (`get`, `drop`, `wrapped`), so that its own checks can put a forwarder or a
wall in the gateway's place.
"""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import time
import urllib.parse

import bypass_cases
from bypass_cases import Step
from bypass_client import Answer, Line, event_data, event_id
from bypass_gateway import Unplayable, Wanted, patience
from bypass_servers import NAMES, Record, Servers
from bypass_tokens import Keys, Signer

#: A case ends within ten seconds, however it ends.
LONGEST = 10.0


@dataclasses.dataclass
class Seen:
    """What the client got for one step."""

    number: int
    step: Step
    answers: list[Answer]
    #: The gateway ended the connection.
    ended: bool


@dataclasses.dataclass
class Played:
    case: dict
    record: Record
    seen: list[Seen]
    #: Everything that the client received, also on streams and for sessions opened on the way.
    received: list[bytes]
    #: Texts that `absent-variable` names.
    absent: list[str]
    #: Answers to the last message, sent once more after the case; for `killed` alone.
    after: list[Answer] | None = None
    faults: list[str] = dataclasses.field(default_factory=list)


class NoSession(Exception):
    """The gateway did not let a principal begin; perhaps an earlier case ended with a kill."""


def needs_new_state(case: dict) -> bool:
    return (
        any(step.get("do") in ("kill", "allow-ask", "advance-clock") for step in case["steps"]) or case["class"] in ("sums", "grants")
        # The bank counts payments: what an earlier case used up would hide what this one is about.
        or case["policy"] == "bank" or "killed" in case["expect"] or any("same-as" in step.get("dpop", {}) for step in case["steps"])
        or "most-items-a-session" in json.dumps(case.get("setting", {})) or any(answer["method"] == "tools/list" for answer in case.get("upstream", []))
    )


class Runner:
    def __init__(self, gateways, servers: Servers, keys: Keys):
        self.gateways, self.servers, self.keys = gateways, servers, keys

    def play(self, case: dict) -> Played:
        if any(step.get("do") == "advance-clock" for step in case["steps"]):
            raise Unplayable("no clock of a running gateway can be moved")
        if case["transport"].startswith("stdio"):
            from bypass_stdio import play_lines
            return play_lines(case, self.gateways)
        wanted, new = Wanted.of(case), needs_new_state(case)
        try:
            for again in (False, True):
                gateway = self.gateways.get(wanted, new or again)
                play = Play(case, gateway, self.servers, self.keys)
                try:
                    play.prepare()
                    break
                except (NoSession, OSError) as error:
                    play.close()
                    if again or new:
                        raise Unplayable(f"no session could be opened: {error}") from error
            try:
                return play.run()
            finally:
                play.close()
                self.servers.begin(None)
        finally:
            if new:
                self.gateways.drop(wanted)


class Play:
    """One case over HTTP."""

    def __init__(self, case: dict, gateway, servers: Servers, keys: Keys):
        self.case, self.gateway, self.servers = case, gateway, servers
        self.signer = Signer(keys, gateway.url)
        self.route = case.get("session-route", "/" + case["policy"])
        self.old = case["transport"] == "http-sse"
        self.sessions: dict[str, bytes] = {}
        self.messages: dict[str, bytes] = {}
        self.events: dict[str, bytes] = {}
        self.good: dict[tuple[str, str], bytes] = {}
        self.lines: dict[str, Line] = {}
        #: Connections of the harness, with how much was read on each when the case began.
        self.others: list[tuple[Line, int]] = []
        self.past: list[Line] = []
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.hostile = case["hostile"]

    # What a case may name.

    def token(self, principal: str, route: str) -> bytes:
        if (principal, route) not in self.good:
            self.good[principal, route] = self.signer.good(principal, [route])
        return self.good[principal, route]

    def route_of(self, step: dict) -> str:
        if self.old:
            return "/files/sse"
        named = step.get("to") or step.get("get") or step.get("delete") or ""
        return named if named.strip("/") in NAMES else "/" + self.case["policy"]

    def values_of(self, step: dict) -> bypass_cases.Values:
        def value(name: str) -> bytes:
            word, _, rest = name.partition(":")
            match word:
                case "host": return self.gateway.host.encode()
                case "authorization": return b"Bearer " + self.token(rest, self.route_of(step))
                case "token": return self.token(rest, self.route_of(step))
                case "session": return self.sessions[rest]
                case "messages": return self.messages[rest]
                case "event": return self.events[rest]
            return self.signer.value(name)
        return value

    def made(self, number: int, step: dict) -> Step:
        return bypass_cases.steps({**self.case, "steps": [step]}, self.values_of(step), self.signer.of_step(number, step))[0]

    # Before the case.

    def prepare(self) -> None:
        case = self.case
        self.servers.begin(None)
        asked = {name.partition(":")[2] for name in bypass_cases.names(case["steps"]) if name.startswith("session:")}
        names = ["alice", *case.get("principals", [])] if case["transport"] != "http-2026" else sorted(asked)
        for principal in dict.fromkeys(names):
            if self.old:
                self.open_old(principal)
            else:
                self.open(principal)
        self.servers.begin(case)
        streams = {answer["principal"] for answer in case.get("upstream", []) if answer["method"] == "GET" and "principal" in answer}
        for principal in sorted(streams):
            line = self.ask({"get": self.route, "by": principal, "keep": True}, 1.0)
            line.settle(0.3, 1.0)
            self.events[principal] = event_id(b"".join(answer.body for answer in line.answers()).decode("utf-8", "replace")).encode()
            self.past.append(line)

    def ask(self, step: dict, seconds: float) -> Line:
        """Sends a request of the harness on a connection of its own."""
        case = {**self.case, "transport": "http-sse"} if self.old else {**self.case, "transport": "http-2025"}
        if self.case["transport"] == "http-2026":
            case["revision"] = "2025-11-25"
        made = bypass_cases.steps({**case, "steps": [step]}, self.values_of(step))[0]
        line = Line(self.gateway.address)
        line.send([made.wire])
        line.wait(1, seconds)
        return line

    def initialize(self) -> str:
        version = bypass_cases.revision(self.case) if self.case["transport"] != "http-2026" else "2025-11-25"
        return json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {"sampling": {}, "elicitation": {}, "roots": {}},
            "clientInfo": {"name": "corpus", "version": "1"}}})

    def open(self, principal: str, name: str | None = None, route: str | None = None, whole: bool = True) -> Line:
        """Opens a session and remembers it under a name."""
        route, self.servers.opening = route or self.route, principal
        line = self.ask({"post": self.initialize(), "to": route, "by": principal, "session": False, "without": ["MCP-Protocol-Version"]}, 8)
        self.opened, answer = line, next(iter(line.answers()), None)
        good = answer and answer.status == 200 and any("result" in message for message in answer.messages())
        if not good or not answer.header("mcp-session-id"):
            raise NoSession(f"`initialize` of {principal} got {bytes(line.received[:400])!r}")
        session = answer.header("mcp-session-id")
        self.sessions[name or principal] = session.encode("latin-1")
        if whole:
            done = self.ask({
                "post": '{"jsonrpc":"2.0","method":"notifications/initialized"}', "to": route, "by": principal, "session-of": name or principal,
            }, 8)
            if not done.answers() or done.answers()[0].status >= 300:
                raise NoSession(f"`notifications/initialized` of {principal} got {bytes(done.received[:400])!r}")
            done.close()
        line.close()
        return line

    def open_old(self, principal: str) -> None:
        """Opens a stream of the transport with two endpoints, and the session on it."""
        self.servers.opening = principal
        line = self.ask({"get": "/files/sse", "by": principal, "keep": True}, 0.1)
        self.past.append(line)

        def text() -> str:
            line.pump(0.02)
            return b"".join(answer.body for answer in line.answers()).decode("utf-8", "replace")

        found = re.compile(r"event: ?endpoint\r?\ndata: ?([^\r\n]+)\r?\n")
        if not patience(5, lambda: found.search(text())):
            raise NoSession(f"no endpoint for {principal}: {bytes(line.received[:400])!r}")
        parts = urllib.parse.urlsplit(found.search(text())[1])
        self.messages[principal] = (parts.path + ("?" + parts.query if parts.query else "")).encode()
        address = {"to-variable": f"messages:{principal}", "by": principal}
        self.ask({"post": self.initialize(), **address}, 5).close()
        if not patience(5, lambda: any('"result"' in data for data in event_data(text()))):
            raise NoSession(f"no answer on the stream of {principal}: {bytes(line.received[:600])!r}")
        self.ask({"post": '{"jsonrpc":"2.0","method":"notifications/initialized"}', **address}, 5).close()
        self.others.append((line, len(line.received)))

    # The case.

    def run(self) -> Played:
        steps, number = self.case["steps"], 0
        while number < len(steps):
            step = steps[number]
            if "do" in step:
                self.act(step)
                number += 1
            elif self.case.get("at-once") and "connection" in step:
                end = next((at for at in range(number, len(steps)) if "connection" not in steps[at]), len(steps))
                self.together(number, steps[number:end])
                number = end
            else:
                made = self.made(number, step)
                self.send(number, made, self.line(step, made), self.seen)
                number += 1
        return self.finished()

    def line(self, step: dict, made: Step) -> Line:
        name = step.get("connection", "")
        line = self.lines.get(name)
        if line and step.get("when") == "answered":
            return line
        if line:
            line.pump(0)
        if not line or line.ended or (line.answers() and not line.answers()[-1].complete):
            if line:
                self.past.append(line)
            line = self.lines[name] = Line(self.gateway.address, made.wire.startswith(b"HEAD "))
        return line

    def send(self, number: int, made: Step, line: Line, seen: list[Seen]) -> None:
        step, begin = made.step, time.monotonic()
        line.send(bypass_cases.writes(step, made.wire))
        if step.get("half-close"):
            line.half_close()
        held = any(answer.get("hold") and answer.get("principal", made.principal) == made.principal for answer in self.case.get("upstream", []))
        if "get" in step:
            self.await_stream(line)
        elif "post" in step or "delete" in step:
            self.await_answer(line, 0.4 if held else LONGEST)
        else:
            self.await_all(line, begin)
        seen.append(Seen(number, made, line.answers()[line.used:], line.ended))
        line.used = len(line.answers())

    def await_stream(self, line: Line) -> None:
        end = time.monotonic() + 5
        while not line.over and len(line.answers()) <= line.used and time.monotonic() < end:
            line.pump(0.1)
        last = line.answers()[-1] if line.answers() else None
        if last and not last.complete:
            line.settle(0.4, 2)

    def await_answer(self, line: Line, seconds: float) -> None:
        """Waits for one answer; a stream that goes on after the response has said what there is to say."""
        end, told = time.monotonic() + seconds, None
        while not line.over and time.monotonic() < end:
            new = line.answers()[line.used:]
            if any(answer.complete for answer in new):
                return
            if new and new[0].streamed and len(new[0].body) < 1 << 20 and any({"result", "error"} & set(message) for message in new[0].messages()):
                told = told or time.monotonic()
                if time.monotonic() - told > 0.7:
                    return
            line.pump(0.1)

    def await_all(self, line: Line, begin: float) -> None:
        """Waits for what bytes without a known number of requests bring about."""
        expect = self.case["expect"]
        number = 1 if self.hostile else max(1, len(expect.get("messages", [])))
        line.wait(line.used + number, 2.0 if self.hostile else 8.0)
        line.settle(2.0 if expect["client"] == "closed" and len(line.answers()) > line.used else 0.2, 4)
        if self.hostile and not line.ended and len(line.answers()) == line.used:
            # The client gives up: what is incomplete stays so, and must not be kept for ever.
            line.half_close()
            line.wait(line.used + 1, max(0.5, begin + 6 - time.monotonic()))
            line.settle(0.1, 1)

    def together(self, first: int, steps: list[dict]) -> None:
        made = [self.made(first + at, step) for at, step in enumerate(steps)]
        lines = [self.line(step, each) for step, each in zip(steps, made, strict=True)]
        gate = threading.Barrier(len(steps))

        def one(at: int) -> None:
            gate.wait(5)
            self.send(first + at, made[at], lines[at], self.seen)

        threads = [threading.Thread(target=one, args=(at,), daemon=True) for at in range(len(steps))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST + 5)

    def act(self, step: dict) -> None:
        principal = step.get("by") or step.get("principal") or "alice"
        match step["do"]:
            case "kill": self.gateway.kill(principal)
            case "open-session" | "initialize-only":
                try:
                    self.open(principal, step.get("as"), step.get("to"), step["do"] == "open-session")
                    if step.get("expect") == "refused":
                        self.faults.append(f"{principal} opened a session")
                except NoSession as error:
                    if step.get("expect") != "refused" and self.case["direction"] != "to-client":
                        raise Unplayable(str(error)) from error
                finally:
                    self.others.append((self.opened, 0))
            case "delete-session":
                line = self.ask({"delete": self.route, "by": principal}, 5)
                if not line.answers() or line.answers()[0].status >= 300:
                    raise Unplayable(f"DELETE got {bytes(line.received[:300])!r}")
                line.close()
            case "upstream-sends":
                self.servers.send(principal, bypass_cases.assemble(step["sse"], self.values_of(step)))
                for line in self.lines.values():
                    line.settle(0.5, 2)
            case "allow-ask":
                asked = next((each for each in self.seen if each.number == step["step"]), None)
                messages = [message for answer in (asked.answers if asked else []) for message in answer.messages()]
                data = next((message["error"].get("data") for message in messages if isinstance(message.get("error"), dict)), None)
                if not isinstance(data, dict) or not isinstance(data.get("ask"), str):
                    raise Unplayable(f"step {step['step']} was not asked about: {json.dumps(messages)[:300]}")
                self.gateway.allow(data["ask"])
            case other: raise Unplayable(f"nobody can do `{other}`")

    def finished(self) -> Played:
        expect = self.case["expect"]
        if expect["upstream"] == "once" and any(answer.status < 300 for each in self.seen for answer in each.answers):
            patience(0.5, lambda: len([1 for each in self.servers.taken().requests if each.body]) >= len(expect["messages"]))
        time.sleep(0.03)
        after = None
        if expect.get("killed"):
            last = next(step for step in reversed(self.case["steps"]) if "do" not in step)
            line = Line(self.gateway.address)
            line.send([self.made(len(self.case["steps"]), last).wire])
            line.wait(1, 3)
            after = line.answers()
            line.close()
        lines = [*self.lines.values(), *self.past]
        for line in lines:
            line.pump(0)
        for each in self.seen:
            line = self.lines.get(each.step.step.get("connection", ""))
            each.ended = each.ended or (line is not None and line.ended)
        own = [line for line in lines if line not in [other for other, _ in self.others]]
        setup = {id(line) for line in self.past if line not in self.lines.values() and line.used == 0}
        received = [bytes(line.received) for line in own if id(line) not in setup or line.used]
        received += [bytes(line.received[begin:]) for line, begin in self.others]
        absent = [self.sessions[name.partition(":")[2]].decode() for name in expect.get("absent-variable", []) if name.startswith("session:")]
        return Played(self.case, self.servers.taken(), sorted(self.seen, key=lambda each: each.number), received, absent, after, self.faults)

    def close(self) -> None:
        for line in [*self.lines.values(), *self.past, *(other for other, _ in self.others)]:
            line.close()
