"""`lockstep gateway run` between the official SDKs, current and older, in both eras, unmodified on both sides."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import CURRENT, PEERS, Programs, free_ports, running, wait_for_port
from gateway_frames import SCHEMAS, faults
from gateway_peers import Gateway, Raw, calls_of, policy, until


@dataclasses.dataclass
class Behind:
    """A server behind the gateway."""

    name: str
    url: str
    log: Path

    def calls(self) -> list[dict]:
        return calls_of(self.log)


#: SDK, and how it answers: as events, which is what both do unless told otherwise, or as JSON.
SERVERS = ["current-events", "current-json", "legacy-events", "legacy-json"]
#: SDK, and the era that its client is told to speak; `auto` finds it out.
CLIENTS = ["current-auto", "current-legacy", "legacy-auto"]
#: Decisions of one walk, each of which it takes twice: 7 calls one by one, 22 at once, a prompt, two resources.
DECIDED = 2 * (7 + 22 + 3)


@pytest.fixture(scope="module")
def behind(tmp_path_factory, legacy_python: Path):
    """The servers; they live as long as this module's tests."""
    folder = tmp_path_factory.mktemp("behind")
    names = [*SERVERS, "legacy-sse"]
    ports = dict(zip(names, free_ports(len(names))))
    with contextlib.ExitStack() as stack:
        children = {}
        for name, port in ports.items():
            sdk, form = name.split("-")
            python = CURRENT if sdk == "current" else legacy_python
            command = [python, PEERS / f"serve_gateway_{sdk}.py", str(port), folder / f"{name}.calls", form]
            children[name] = stack.enter_context(running(command, folder / f"{name}.log"))
        for name, child in children.items():
            wait_for_port(ports[name], child)
        yield {
            name: Behind(name, f"http://127.0.0.1:{port}/{'sse' if name.endswith('sse') else 'mcp'}", folder / f"{name}.calls")
            for name, port in ports.items()
        }


@pytest.fixture
def gateways(programs: Programs, tmp_path: Path):
    """Makes gateways that end with the test."""
    made: list[Gateway] = []

    def make(routes: dict[str, str], start: bool = True, **more) -> Gateway:
        gateway = Gateway(programs.lockstep, tmp_path / f"gateway-{len(made)}", routes, **more)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in made:
        gateway.close()


def walk(client: str, url: str, legacy_python: Path, sse: bool = False) -> list[dict]:
    """What a client of an SDK gets on its walk, in a process of its own."""
    sdk, era = client.split("-")
    python = CURRENT if sdk == "current" else legacy_python
    done = subprocess.run(
        [str(python), str(PEERS / f"walk_{sdk}.py"), url, json.dumps({"era": "sse" if sse else era})],
        capture_output=True, text=True, timeout=90,
    )
    assert done.returncode == 0, f"the {client} client failed at {url}\n{done.stderr[-1500:]}"
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def direct(behind, legacy_python: Path):
    """The same walk without a gateway, once for each pair."""
    known: dict = {}

    def of(client: str, server: str) -> list[dict]:
        if (client, server) not in known:
            known[client, server] = walk(client, behind[server].url, legacy_python, server.endswith("sse"))
        return known[client, server]

    return of


def same(through: list[dict], straight: list[dict]) -> None:
    """Both times the same, part by part, so that a failure names the part."""
    assert len(through) == len(straight)
    for turn, (one, other) in enumerate(zip(through, straight)):
        assert one.keys() == other.keys()
        for part in other:
            assert one[part] == other[part], f"{part} of session {turn + 1} is not what the server said"


class TestPairs:
    @pytest.mark.parametrize("mode", ["record", "enforce"])
    @pytest.mark.parametrize("server", SERVERS)
    @pytest.mark.parametrize("client", CLIENTS)
    def test_a_client_gets_what_it_gets_without_a_gateway(self, behind, gateways, direct, legacy_python, client, server, mode):
        gateway = gateways({server: behind[server].url}, mode=mode, tapped=True)
        same(walk(client, gateway.url(server), legacy_python), direct(client, server))
        assert gateway.stop() == 0
        decisions = [entry for entry in gateway.entries() if entry["kind"] == "gateway.decision"]
        assert len(decisions) == DECIDED
        assert {entry["effective"] for entry in decisions} == {"allow"}
        if SCHEMAS.is_dir():
            wrong, count = faults(gateway)
            assert wrong == [] and count >= 2 * DECIDED

    @pytest.mark.parametrize("mode", ["record", "enforce"])
    @pytest.mark.parametrize("client", ["current-legacy", "legacy-auto"])
    def test_the_transport_of_two_endpoints_works_too(self, behind, gateways, direct, legacy_python, client, mode):
        gateway = gateways({"legacy-sse": behind["legacy-sse"].url}, mode=mode, tapped=False)
        same(walk(client, gateway.url("legacy-sse"), legacy_python, sse=True), direct(client, "legacy-sse"))

    @pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"the published schemas are not at {SCHEMAS}: frames were not validated")
    def test_frames_of_all_pairs_were_validated(self):
        """Says plainly where the schemas are missing, which the pairs pass over."""


#: Calls, and what they bring: the raw bytes of the messages must be the server's.
RAW = [
    ("tools/list", {}),
    ("tools/call", {"name": "stock", "arguments": {"sku": "ABC-1"}}),
    ("tools/call", {"name": "text", "arguments": {"size": 300_000}}),
    ("tools/call", {"name": "fail", "arguments": {"why": "asked"}}),
    ("tools/call", {"name": "steps", "arguments": {"count": 3}, "_meta": {"progressToken": "näme"}}),
    ("prompts/get", {"name": "reorder", "arguments": {"sku": "ABC-1"}}),
    ("resources/read", {"uri": "stock://all"}),
]
ERAS = [(server, revision) for server in SERVERS for revision in ("2026-07-28", "2025-11-25", "2025-06-18")
        if not (server.startswith("legacy") and revision == "2026-07-28")]


@pytest.mark.parametrize("mode", ["record", "enforce"])
@pytest.mark.parametrize("server, revision", ERAS)
def test_messages_come_byte_for_byte(behind, gateways, server, revision, mode):
    gateway = gateways({server: behind[server].url}, mode=mode)
    straight, through = Raw(behind[server].url, revision).begin(), Raw(gateway.url(server), revision).begin()
    for method, params in RAW:
        expected, got = straight.ask(method, params), through.ask(method, params)
        assert got.status == expected.status, (method, got)
        assert got.texts == expected.texts, method
        assert got.fields["content-type"].split(";")[0] == expected.fields["content-type"].split(";")[0]


#: One server of each form for what is not about forms.
ONE = [("current-json", "2026-07-28"), ("current-events", "2026-07-28"), ("legacy-json", "2025-11-25"), ("legacy-events", "2025-11-25")]
one = pytest.mark.parametrize("server, revision", ONE)


class TestDecisions:
    @one
    def test_a_denied_call_is_an_error_and_never_reaches_the_server(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url}, rules=policy([server], without=("book",)))
        client, before = Raw(gateway.url(server), revision).begin(), len(behind[server].calls())
        for tool, arguments in [("book", {"sku": "ABC-1", "quantity": 3}), ("stock", {"sku": "XYZ-1"}), ("unheard", {})]:
            denied = client.call(tool, arguments)
            assert denied.status == 200
            assert denied.message["id"] == client.number
            assert denied.message["error"]["code"] == 40301
            assert denied.message["error"]["data"]["retryable"] is False
        assert client.call("stock", {"sku": "ABC-7"}).message["result"]["structuredContent"]["sku"] == "ABC-7"
        assert [call["tool"] for call in behind[server].calls()[before:]] == ["stock"]
        assert gateway.stop() == 0
        effects = [entry["effective"] for entry in gateway.entries() if entry["kind"] == "gateway.decision"]
        assert sorted(effects) == ["allow", "deny", "deny", "deny"]

    @pytest.mark.parametrize("server", SERVERS)
    @pytest.mark.parametrize("client", CLIENTS)
    def test_an_sdk_raises_what_was_denied_with_its_code(self, behind, gateways, direct, legacy_python, client, server):
        gateway = gateways({server: behind[server].url}, rules=policy([server], without=("book", "prompt")))
        before = len(behind[server].calls())
        for got, straight in zip(walk(client, gateway.url(server), legacy_python), direct(client, server)):
            for part in ("book", "wrong", "prompt"):
                assert got[part]["error"]["code"] == 40301, part
            listed = {tool["name"] for tool in straight["tools"]["tools"]}
            assert {tool["name"] for tool in got["tools"]["tools"]} == listed - {"book"}
            for part in ("stock", "scale", "text", "fail", "steps", "progress", "many", "resource"):
                assert got[part] == straight[part], part
        reached = [call["tool"] for call in behind[server].calls()[before:]]
        assert "book" not in reached and "stock" in reached

    @one
    def test_shadow_lets_through_what_it_would_deny_and_says_so(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url}, mode="shadow", rules=policy([server], without=("book",)))
        client = Raw(gateway.url(server), revision).begin()
        assert "result" in client.call("book", {"sku": "ABC-1", "quantity": 3}).message
        assert gateway.stop() == 0
        entry = gateway.entries()[-1]
        assert (entry["verdict"], entry["effective"], entry["mode"]) == ("deny", "allow", "shadow")


class TestSessions:
    @pytest.mark.parametrize("server", ["legacy-json", "legacy-events", "current-events"])
    def test_an_ended_session_is_gone_and_a_new_one_begins(self, behind, gateways, server):
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server)).begin()
        assert "result" in client.call("stock", {"sku": "ABC-1"}).message
        ended = client.end()
        assert ended.status in (200, 204)
        assert client.call("stock", {"sku": "ABC-1"}).status == 404
        assert client.end().status == 404
        client.session = None
        assert "result" in client.begin().call("stock", {"sku": "ABC-1"}).message

    @pytest.mark.parametrize("server", ["legacy-json", "legacy-events"])
    def test_a_session_of_another_is_no_session(self, behind, gateways, server):
        gateway = gateways({server: behind[server].url, "other": behind["current-json"].url})
        owner = Raw(gateway.url(server)).begin()
        thief = Raw(gateway.url("other"))
        thief.session = owner.session
        assert thief.call("stock", {"sku": "ABC-1"}).status == 404

    @one
    def test_a_server_s_progress_comes_before_the_answer_is_there(self, behind, gateways, server, revision):
        if server.endswith("json"):
            pytest.skip("an answer of JSON has no progress before it")
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server), revision).begin()
        message = client.message(
            "tools/call", {"name": "steps", "arguments": {"count": 3, "pause": 1}, "_meta": {"progressToken": 1}}
        )
        with client.open("POST", json.dumps(message).encode(), client.fields(message)) as answer:
            first = until(lambda: (line := answer.readline()).startswith(b"data: {") and line)
            assert json.loads(first[6:])["method"] == "notifications/progress"
            counted = gateway.counters
            assert counted["allowed"] >= 1
            rest = answer.read()
        assert b'"id":%d' % client.number in rest.replace(b'"id": ', b'"id":')


class TestKill:
    @one
    def test_who_is_killed_is_denied_at_once_and_after_a_restart_until_lifted(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server), revision).begin()
        assert "result" in client.call("stock", {"sku": "ABC-1"}).message
        before = len(behind[server].calls())
        assert gateway.ask("revocations", {"principal": "tester", "reason": "night"})[0] == 200
        denied = client.call("stock", {"sku": "ABC-1"})
        assert denied.status == 403 and denied.message["error"]["code"] == 40303
        anew = Raw(gateway.url(server), revision)
        assert anew.ask("tools/list" if anew.is_modern else "initialize", {"protocolVersion": revision}).status == 403
        assert gateway.stop() == 0
        gateway.start()
        again = Raw(gateway.url(server), revision)
        assert again.call("stock", {"sku": "ABC-1"}).status == 403
        assert len(behind[server].calls()) == before
        listed = gateway.ask("revocations")[1]
        assert [(entry["principal"], entry["reason"]) for entry in listed] == [("tester", "night")]
        assert gateway.ask("revocations/lift", {"principal": "tester", "reason": "day"})[0] == 200
        assert "result" in again.begin().call("stock", {"sku": "ABC-1"}).message
        assert gateway.stop() == 0
        kinds = [entry["kind"] for entry in gateway.entries()]
        assert kinds.count("gateway.revocation") == 1 and kinds.count("gateway.lift") == 1

    @one
    def test_a_kill_closes_the_stream_of_a_call(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server), revision).begin()
        message = client.message("tools/call", {"name": "steps", "arguments": {"count": 200, "pause": 0.1}, "_meta": {"progressToken": 1}})
        killed = threading.Timer(0.5, lambda: gateway.ask("revocations", {"principal": "tester", "reason": "night"}))
        killed.start()
        with client.open("POST", json.dumps(message).encode(), client.fields(message), 15) as answer:
            try:
                text = answer.read()
            except (http.client.HTTPException, ConnectionError) as broken:
                text = getattr(broken, "partial", b"")
        killed.join()
        assert b"200 steps" not in text

    @pytest.mark.parametrize("server", ["legacy-json", "legacy-events"])
    def test_a_kill_closes_the_listening_stream(self, behind, gateways, server):
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server)).begin()
        with client.stream() as stream:
            assert stream.status == 200
            assert gateway.ask("revocations", {"principal": "tester", "reason": "night"})[0] == 200
            # A stream that stays open would run into the time limit of the socket.
            with contextlib.suppress(http.client.HTTPException, ConnectionError):
                stream.read()
        assert client.call("stock", {"sku": "ABC-1"}).status == 403

    def test_the_admin_port_wants_its_token(self, behind, gateways):
        gateway = gateways({"current-json": behind["current-json"].url})
        port = Raw(f"http://{gateway.admin}/v1/revocations")
        body = b'{"principal":"tester","reason":"x"}'
        assert port.send("POST", body, {"Content-Type": "application/json"}).status == 401
        assert port.send("POST", body, {"Authorization": "Bearer " + "0" * 64}).status == 401
        assert "result" in Raw(gateway.url("current-json"), "2026-07-28").call("stock", {"sku": "ABC-1"}).message


class TestReloadAndEnd:
    @one
    def test_sighup_changes_the_policy_and_drops_no_stream(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url})
        client = Raw(gateway.url(server), revision).begin()
        with ThreadPoolExecutor(1) as pool:
            running_call = pool.submit(
                client.ask, "tools/call", {"name": "steps", "arguments": {"count": 20, "pause": 0.1}, "_meta": {"progressToken": 1}}
            )
            until(lambda: gateway.counters["allowed"] >= 1)
            gateway.write(policy([server], without=("stock",)))
            gateway.process.send_signal(signal.SIGHUP)
            other = Raw(gateway.url(server), revision).begin()
            until(lambda: "error" in other.call("stock", {"sku": "ABC-1"}).message)
            assert not running_call.done()
            done = running_call.result(20)
        assert done.message["result"]["content"][0]["text"] == "20 steps"
        assert client.call("stock", {"sku": "ABC-1"}).message["error"]["code"] == 40301

    def test_a_wrong_policy_changes_nothing_at_a_reload(self, behind, gateways):
        gateway = gateways({"current-json": behind["current-json"].url})
        client = Raw(gateway.url("current-json"), "2026-07-28")
        assert "result" in client.call("stock", {"sku": "ABC-1"}).message
        gateway.write("apiVersion: lockstep/v1\nkind: Policy\nname: [")
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: gateway.said)
        assert "result" in client.call("stock", {"sku": "ABC-1"}).message
        assert gateway.process.poll() is None

    @one
    def test_sigterm_loses_no_answer(self, behind, gateways, server, revision):
        gateway = gateways({server: behind[server].url})
        clients = [Raw(gateway.url(server), revision).begin() for _ in range(10)]
        with ThreadPoolExecutor(10) as pool:
            calls = [pool.submit(client.call, "wait", {"seconds": 2}) for client in clients]
            until(lambda: gateway.counters["allowed"] >= 10)
            assert gateway.stop() == 0
            answers = [call.result(20) for call in calls]
        assert {answer.message["result"]["content"][0]["text"] for answer in answers} <= {"waited 2", "waited 2.0"}
        assert len([entry for entry in gateway.entries() if entry["kind"] == "gateway.decision"]) == 10


class Misbehaving:
    """A server that takes one request after the other and does one wrong thing with each."""

    def __init__(self, how: str):
        self.how = how
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/mcp"
        self.stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            if self.how == "silent":
                self.stopped.wait(60)
            elif self.how == "half-json":
                client.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"jsonrpc":"2.0","id":1,')
            elif self.how == "half-events":
                client.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b'10\r\ndata: {"jsonrpc"\r\n'
                )
            elif self.how == "no-http":
                client.sendall(b"SSH-2.0-x\r\n\r\n")

    def close(self) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class TestFaults:
    @pytest.mark.parametrize(
        "how, status", [("dead", 502), ("silent", 504), ("half-json", 502), ("half-events", 200), ("no-http", 502)]
    )
    def test_a_server_that_fails_is_an_error_with_the_id_of_the_call(self, behind, gateways, how, status):
        server = Misbehaving(how)
        if how == "dead":
            server.close()
        gateway = gateways(
            {"bad": server.url, "good": behind["current-json"].url}, rules=policy(["bad", "good"]), limits={"answer-seconds": 2}
        )
        client = Raw(gateway.url("bad"), "2026-07-28")
        answer = client.call("stock", {"sku": "ABC-1"})
        server.close()
        assert answer.status == status
        assert answer.message["id"] == client.number
        assert answer.message["error"]["code"] == 50301
        # One client's trouble with one server is nobody else's.
        assert "result" in Raw(gateway.url("good"), "2026-07-28").call("stock", {"sku": "ABC-1"}).message

    def test_a_full_disk_for_recordings_stops_no_call_and_is_counted(self, behind, gateways, tmp_path):
        folder = tmp_path / "small"
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
        if mounted.returncode != 0:
            pytest.skip("a small file system cannot be mounted here: a full disk was not tried")
        try:
            server = "current-json"
            gateway = gateways({server: behind[server].url}, start=False, results={"stored": "full"})
            gateway.state.mkdir(mode=0o700)
            (gateway.state / "recordings").symlink_to(folder)
            gateway.start()
            client = Raw(gateway.url(server), "2026-07-28")
            for _ in range(30):
                assert "result" in client.call("text", {"size": 20_000}).message
            until(lambda: "result" in client.call("text", {"size": 20_000}).message and gateway.counters["shedRecords"] > 0)
            assert gateway.stop() == 0
            assert len(gateway.entries()) >= 31
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False)

    def test_without_an_audit_log_nothing_that_changes_something_goes_on(self, behind, gateways, tmp_path):
        folder = tmp_path / "small"
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
        if mounted.returncode != 0:
            pytest.skip("a small file system cannot be mounted here: an audit log without room was not tried")
        try:
            server = "current-json"
            gateway = gateways({server: behind[server].url}, start=False)
            gateway.state.mkdir(mode=0o700)
            (gateway.state / "audit").symlink_to(folder)
            gateway.start()
            client = Raw(gateway.url(server), "2026-07-28")
            booking = {"sku": "ABC-1", "quantity": 3}
            assert "result" in client.call("book", booking).message
            with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 1024)
            refused = until(lambda: (answer := client.call("book", booking)).message.get("error") and answer)
            before = len(behind[server].calls())
            for _ in range(5):
                again = client.call("book", booking)
                assert again.status == 503 and again.message["error"]["data"]["reason"] == "audit_unavailable"
            assert refused.status == 503
            assert len(behind[server].calls()) == before
            (folder / "filler").unlink()
            until(lambda: "result" in client.call("book", booking).message, 30)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False)
