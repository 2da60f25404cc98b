"""Kill, lift and ask by the commands that people have, against real gateways."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bypass_gateway import Wanted, patience, write_document
from bypass_servers import Servers
from bypass_tokens import Keys, Signer
from conftest import Person, Programs, environment, make_key

READ = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/srv/project/a"}}}
MOVE = {"jsonrpc": "2.0", "id": 8, "method": "tools/call",
        "params": {"name": "move_file", "arguments": {"source": "/srv/project/a", "destination": "/srv/project/b"}}}


class Edge:
    """A gateway that can be ended and begun again over the same folder."""

    def __init__(self, programs: Programs, folder: Path, servers: Servers, keys: Keys, name: str = "edge-1", control: dict | None = None):
        self.lockstep, self.folder, self.keys, self.name = programs.lockstep, folder / name, keys, name
        setting = json.dumps({"gateway": name, **({"control": control} if control else {})})
        self.document = write_document(self.folder, Wanted("files", setting), servers.ports, keys)
        (self.folder / "home").mkdir()
        self.process: subprocess.Popen | None = None

    @property
    def control(self) -> Path:
        return self.folder / "state" / "control"

    @property
    def list(self) -> Path:
        return self.control / "revocations"

    def begin(self) -> Edge:
        with (self.folder / "stderr").open("wb") as log:
            self.process = subprocess.Popen(
                [str(self.lockstep), "gateway", "run", "--config", str(self.document)], cwd=self.folder,
                env=environment(self.folder / "home"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        said: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=lambda: said.put(self.process.stdout.readline()), daemon=True).start()
        line = said.get(timeout=30)
        assert line, self.said()
        self.listen = json.loads(line)["listen"]
        return self

    def refuses(self) -> str:
        """Why it does not begin."""
        done = subprocess.run(
            [str(self.lockstep), "gateway", "run", "--config", str(self.document)], cwd=self.folder,
            env=environment(self.folder / "home"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )
        assert done.returncode == 1, done
        assert done.stdout == ""
        return done.stderr

    def said(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(15)

    def command(self, *words: str, workspace: Path | None = None) -> subprocess.CompletedProcess:
        more = {"LOCKSTEP_WORKSPACE": str(workspace)} if workspace else {}
        return run(self.lockstep, self.folder, [self], *words, **more)

    # What an agent does.

    def token(self, principal: str = "alice") -> str:
        return Signer(self.keys, f"http://{self.listen}").good(principal, ["/files"]).decode()

    def send(self, message: dict | None, token: str, session: str = "", verb: str = "POST") -> tuple[int, dict, str]:
        """Status, message and session id of the answer."""
        host, _, port = self.listen.rpartition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
            line.request(verb, "/files", json.dumps(message) if message else None, heads(token, session))
            answer = line.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body else {}, answer.getheader("mcp-session-id", "")

    def session(self, token: str) -> str:
        status, message, session = self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}}, token)
        assert status == 200 and session, message
        assert self.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, token, session)[0] < 300
        return session

    def stream(self, token: str, session: str) -> http.client.HTTPConnection:
        host, _, port = self.listen.rpartition(":")
        line = http.client.HTTPConnection(host, int(port), timeout=10)
        line.request("GET", "/files", None, heads(token, session))
        return line


def heads(token: str, session: str) -> dict[str, str]:
    made = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return {**made, **({"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"} if session else {})}


def run(lockstep: Path, folder: Path, edges: list[Edge], *words: str, **more: str) -> subprocess.CompletedProcess:
    named = [word for edge in edges for word in ("--config", str(edge.document))]
    return subprocess.run(
        [str(lockstep), *words, *named], cwd=folder, env=environment(folder / "home", **more),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


@pytest.fixture(scope="module")
def servers():
    made = Servers()
    yield made
    made.close()


@pytest.fixture
def edges(programs: Programs, tmp_path: Path, servers: Servers):
    """Makes gateways, and ends them with the test."""
    made: list[Edge] = []
    keys = Keys()

    def make(name: str = "edge-1", control: dict | None = None) -> Edge:
        made.append(Edge(programs, tmp_path, servers, keys, name, control))
        return made[-1]

    yield make
    for edge in made:
        edge.stop(signal.SIGKILL)


@pytest.fixture
def ana(tmp_path: Path) -> Person:
    return make_key(tmp_path / "keys", "ana", "ed25519")


def with_people(edge: Edge, *people: Person) -> Edge:
    lines = ["people:"] + [line for person in people for line in (f"  {person.name}:", f'    keys: ["{person.public}"]')]
    (edge.folder / "people.yaml").write_text("\n".join(lines) + "\n")
    return edge.begin()


def test_one_kill_reaches_three_gateways_and_closes_what_is_open(edges, programs: Programs):
    three = [edges(f"edge-{number}").begin() for number in (1, 2, 3)]
    tokens = [edge.token() for edge in three]
    sessions = [edge.session(token) for edge, token in zip(three, tokens)]
    for edge, token, session in zip(three, tokens, sessions):
        assert "result" in edge.send(READ, token, session)[1]
    streams = [edge.stream(token, session) for edge, token, session in zip(three, tokens, sessions)]
    answers = [stream.getresponse() for stream in streams]
    ended = [threading.Event() for _ in three]
    for answer, event in zip(answers, ended):
        assert answer.status == 200
        def drain(answer=answer, event=event):
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer.read()
            event.set()
        threading.Thread(target=drain, daemon=True).start()
    # A gateway that shows what it would do changes nothing.
    shown = run(programs.lockstep, three[0].folder, three, "monitor", "kill", "alice", "--dry-run", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    for each in json.loads(shown.stdout):
        assert (each["denied"], each["sessions"], each["tools"]) == (False, 1, ["files/read_file"])
    assert "result" in three[0].send(READ, tokens[0], sessions[0])[1]

    done = run(programs.lockstep, three[0].folder, three, "monitor", "kill", "alice", "--reason", "leaked token")
    assert (done.returncode, done.stdout) == (0, "edge-1 denied\nedge-2 denied\nedge-3 denied\n"), done.stderr
    for edge, token, session, event in zip(three, tokens, sessions, ended):
        assert event.wait(5), "the stream stays open"
        assert edge.send(READ, token, session)[0] == 403
        status, message, _ = edge.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}}, token)
        assert status == 403 and "error" in message
    for stream in streams:
        stream.close()
    status = run(programs.lockstep, three[0].folder, three, "gateway", "status", "--format", "json")
    assert [(each["gateway"], each["revocations"]) for each in json.loads(status.stdout)] == [(f"edge-{n}", 1) for n in (1, 2, 3)]


def test_a_gateway_that_cannot_be_reached_is_named(edges, programs: Programs):
    here, gone = edges("edge-1").begin(), edges("edge-2").begin()
    gone.stop(signal.SIGKILL)
    done = run(programs.lockstep, here.folder, [here, gone], "monitor", "kill", "alice", "--reason", "leak")
    assert (done.returncode, done.stdout) == (1, "edge-1 denied\nedge-2 unreachable\n")
    assert "edge-2: nothing answers at" in done.stderr
    assert run(programs.lockstep, here.folder, [here, gone], "gateway", "status").returncode == 1


def test_whoever_listens_where_a_dead_gateway_did_is_told_nothing_and_not_believed(edges):
    # Its folder lies deeper than the address of a socket may say.
    name = "edge-" + "-".join(str(number) for number in range(20))
    edge = edges(name).begin()
    assert len(str(edge.control / "admin-socket")) > 108
    host, _, port = (edge.control / "admin-address").read_text().strip().rpartition(":")
    assert edge.command("gateway", "status").returncode == 0
    edge.stop(signal.SIGKILL)
    heard: list[bytes] = []
    body = b'{"principal":"alice","state":"denied","number":1,"durable":true,"signer":null,"list":null}'

    def impostor(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                with line:
                    heard.append(line.recv(65536))
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with socket.create_server((host, int(port))) as listener:
        threading.Thread(target=impostor, args=(listener,), daemon=True).start()
        done = edge.command("monitor", "kill", "alice", "--reason", "leak")
        assert (done.returncode, done.stdout) == (1, f"{name} unreachable\n")
        assert f"{name}: nothing answers at" in done.stderr
        assert edge.command("gateway", "status").returncode == 1
        listener.shutdown(socket.SHUT_RDWR)
    assert heard == []


def test_a_socket_that_others_could_have_put_there_is_told_nothing(edges):
    edge = edges().begin()
    edge.control.chmod(0o777)
    done = edge.command("monitor", "kill", "alice", "--reason", "leak")
    assert (done.returncode, done.stdout) == (1, "edge-1 unreachable\n")
    assert "need not be the gateway and is told nothing" in done.stderr and len(done.stderr.splitlines()) == 1
    edge.control.chmod(0o700)
    assert edge.command("monitor", "kill", "alice", "--reason", "leak").returncode == 0
    edge.stop()
    assert not any(edge.control.glob("admin-socket")) and edge.command("gateway", "status").returncode == 1


def test_a_restart_does_not_forget(edges):
    edge = edges().begin()
    assert edge.command("monitor", "kill", "alice", "--reason", "leak").returncode == 0
    edge.stop(signal.SIGKILL)
    edge.begin()
    assert edge.send(READ, edge.token())[0] == 403
    assert edge.send(READ, edge.token("bob"))[0] != 403


def test_without_a_reason_nothing_is_killed(edges):
    edge = edges().begin()
    done = edge.command("monitor", "kill", "alice")
    assert done.returncode == 3 and "a kill needs a reason" in done.stderr
    assert edge.session(edge.token())


def test_access_comes_back_by_the_vote_of_a_person_alone(edges, ana: Person, tmp_path: Path):
    edge = with_people(edges(control={"people": "people.yaml"}), ana)
    eve = make_key(tmp_path / "keys", "eve", "ed25519")
    assert edge.command("monitor", "kill", "alice", "--reason", "leak").returncode == 0
    unsigned = edge.command("monitor", "lift", "alice", "--reason", "fixed")
    assert (unsigned.returncode, unsigned.stdout) == (2, "edge-1 refused\n")
    assert "a lift needs the signed vote of a person" in unsigned.stderr
    for key, name in ((eve.key, "ana"), (eve.key, "eve"), (ana.key, "ben")):
        wrong = edge.command("monitor", "lift", "alice", "--reason", "fixed", "--key", str(key), "--as", name)
        assert (wrong.returncode, wrong.stdout) == (2, "edge-1 refused\n"), wrong
    assert edge.send(READ, edge.token())[0] == 403
    lifted = edge.command("monitor", "lift", "alice", "--reason", "fixed", "--key", str(ana.key), "--as", "ana")
    assert (lifted.returncode, lifted.stdout) == (0, "edge-1 lifted\n"), lifted.stderr
    assert edge.session(edge.token())
    # What the vote said is kept, and believed again after a restart, also when ana has given up her key.
    edge.stop()
    (edge.folder / "people.yaml").write_text(f'people:\n  ana:\n    retired-keys: ["{ana.public}"]\n')
    edge.begin()
    assert edge.session(edge.token())
    # It is good for the kill that it names and for no later one.
    vote = json.loads(edge.list.read_text().splitlines()[0])["lifted"]["proof"]
    assert edge.command("monitor", "kill", "alice", "--reason", "again").returncode == 0
    address, token = ((edge.control / name).read_text().strip() for name in ("admin-address", "admin-token"))
    host, _, port = address.rpartition(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
        body = {"principal": "alice", "reason": "fixed", "proof": vote}
        line.request("POST", "/v1/revocations/lift", json.dumps(body), {"Authorization": f"Bearer {token}"})
        answer = line.getresponse()
        assert answer.status == 403 and b"another kill" in answer.read()
    assert edge.send(READ, edge.token())[0] == 403


def test_a_workspace_signs_its_kills_and_a_wrong_signature_denies_as_well(edges, workspace, programs: Programs):
    keys = workspace("key", "public", "bundle").expect(0).out
    edge = edges(control={"keys": "keys.json"})
    (edge.folder / "keys.json").write_text(keys)
    edge.begin()
    listed = workspace.folder / "lockstep.yaml"
    listed.write_text(listed.read_text() + f"gateways:\n  - {{id: edge-1, config: {edge.document}}}\n")
    done = workspace("monitor", "kill", "alice", "--reason", "leak", "--format", "json").expect(0).json
    assert done[0]["state"] == "denied" and done[0]["signer"].startswith("key:ed25519:")
    # By the token alone, and with a key that the gateway does not know: denied, and marked as unsigned.
    assert json.loads(edge.command("monitor", "kill", "bob", "--reason", "leak", "--format", "json").stdout)[0]["signer"] is None
    assert edge.send(READ, edge.token("bob"))[0] == 403
    kept = [json.loads(line) for line in edge.list.read_text().splitlines()]
    assert [entry.get("number") for entry in kept] == [1, 2, None]
    assert "payload" in kept[0]["proof"] and "proof" not in kept[1]
    # Keys of a workspace may deny; giving access back takes a person.
    assert edge.command("monitor", "lift", "bob", "--reason", "fixed").returncode == 2


def resealed_without(lines: list[str], number: int) -> list[str]:
    return [line for line in lines if json.loads(line).get("number") != number]


def lifted_by_hand(lines: list[str]) -> list[str]:
    entry = json.loads(lines[0])
    entry["lifted"] = {"by": "user:ana", "reason": "fine", "time": entry["time"]}
    return [json.dumps(entry, separators=(",", ":"), sort_keys=True), *lines[1:]]


TAMPERED = {
    "an entry removed": lambda lines: resealed_without(lines, 1),
    "the last entry removed": lambda lines: resealed_without(lines, 2),
    "lifted by hand": lifted_by_hand,
    "without its seal": lambda lines: lines[:-1],
    "truncated": lambda lines: [lines[0][:40]],
    "empty": lambda lines: [],
    "another reason": lambda lines: [line.replace("leak", "leek") for line in lines],
    "gone": None,
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_list_that_was_tampered_with_is_noticed_on_start(name: str, edges):
    edge = edges().begin()
    for principal in ("alice", "bob"):
        assert edge.command("monitor", "kill", principal, "--reason", "leak").returncode == 0
    edge.stop()
    good = edge.list.read_text()
    if TAMPERED[name] is None:
        edge.list.unlink()
    else:
        edge.list.write_text("".join(line + "\n" for line in TAMPERED[name](good.splitlines())))
    said = edge.refuses()
    assert "[gateway.revocations]" in said and "the list of who is denied" in said, said
    assert len(said.splitlines()) == 2, said
    edge.list.write_text(good)
    assert edge.begin().send(READ, edge.token())[0] == 403


def test_a_list_that_is_tampered_with_while_the_gateway_runs_lets_nobody_do_more_than_read(edges):
    edge = edges().begin()
    assert edge.command("monitor", "kill", "bob", "--reason", "leak").returncode == 0
    token = edge.token()
    session = edge.session(token)

    def reason() -> str:
        return edge.send(MOVE, token, session)[1].get("error", {}).get("data", {}).get("reason", "")

    assert reason() != "revocations-stale"
    good = edge.list.read_text()
    edge.list.write_text(good.replace("leak", "leek"))
    assert patience(10, lambda: reason() == "revocations-stale")
    assert "result" in edge.send(READ, token, session)[1]
    assert edge.send(READ, edge.token("bob"))[0] == 403
    listed = edge.command("monitor", "list")
    assert listed.returncode == 1 and "cannot be read" in listed.stderr, listed
    lifted = edge.command("monitor", "lift", "bob", "--reason", "test")
    assert lifted.returncode == 1 and "nothing changed" in lifted.stdout + lifted.stderr, lifted
    edge.list.write_text(good)
    assert patience(10, lambda: reason() != "revocations-stale")
    assert edge.command("monitor", "lift", "bob", "--reason", "test").stdout == "edge-1 lifted\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that even its owner cannot write to")
def test_a_kill_that_cannot_be_written_is_in_force_and_says_so(edges):
    edge = edges().begin()
    if subprocess.run(["chattr", "+i", str(edge.control)], capture_output=True).returncode != 0:
        # A folder where the file should be: nothing can be put in its place.
        kept = edge.list.read_bytes()
        edge.list.unlink()
        edge.list.mkdir()
        (edge.list / "in-the-way").write_text("")
    else:
        kept = None
    try:
        done = edge.command("monitor", "kill", "alice", "--reason", "leak")
        assert (done.returncode, done.stdout) == (1, "edge-1 denied, not durable\n"), done
        assert "a restart forgets it" in done.stderr
        assert edge.send(READ, edge.token())[0] == 403
        assert json.loads(edge.command("gateway", "status", "--format", "json").stdout)[0]["durable"] is False
    finally:
        if kept is None:
            subprocess.run(["chattr", "-i", str(edge.control)], check=True)
        else:
            (edge.list / "in-the-way").unlink()
            edge.list.rmdir()
            edge.list.write_bytes(kept)
    again = edge.command("monitor", "kill", "alice", "--reason", "leak")
    assert (again.returncode, again.stdout) == (0, "edge-1 denied\n")
    edge.stop(signal.SIGKILL)
    assert edge.begin().send(READ, edge.token())[0] == 403


def test_killed_while_it_writes_a_gateway_forgets_no_kill_that_it_confirmed(edges):
    edge = edges().begin()
    confirmed: list[str] = []
    address, token = ((edge.control / name).read_text().strip() for name in ("admin-address", "admin-token"))
    host, _, port = address.rpartition(":")

    def kill_many() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection(host, int(port), timeout=10)
            for number in range(100_000):
                body = json.dumps({"principal": f"agent-{number}", "reason": "leak"})
                line.request("POST", "/v1/revocations", body, {"Authorization": f"Bearer {token}"})
                answer = line.getresponse()
                if answer.status == 200 and json.loads(answer.read())["durable"]:
                    confirmed.append(f"agent-{number}")

    thread = threading.Thread(target=kill_many)
    thread.start()
    assert patience(20, lambda: len(confirmed) > 40)
    edge.stop(signal.SIGKILL)
    thread.join(20)
    edge.begin()
    kept = {json.loads(line).get("principal") for line in edge.list.read_text().splitlines()}
    assert set(confirmed) <= kept
    assert edge.send(READ, edge.token(confirmed[-1]))[0] == 403


def test_a_question_is_listed_and_answered_once(edges):
    edge = edges().begin()
    token = edge.token()
    session = edge.session(token)
    asked = edge.send(MOVE, token, session)[1]["error"]["data"]["ask"]
    listed = json.loads(edge.command("ask", "list", "--format", "json").stdout)
    assert [(each["id"], each["tool"], each["gateway"]) for each in listed] == [(asked, "move_file", "edge-1")]
    allowed = edge.command("ask", "allow", asked, "--reason", "release day")
    assert allowed.returncode == 0 and allowed.stdout.startswith("edge-1 allowed alice: files/move_file"), allowed
    again = edge.command("ask", "allow", asked)
    assert again.returncode == 1 and "[ask.unknown]" in again.stderr
    assert "result" in edge.send(MOVE, token, session)[1]
    next_one = edge.send(MOVE, token, session)[1]["error"]["data"]["ask"]
    assert next_one != asked
    assert edge.command("ask", "deny", next_one).returncode == 0
    assert edge.send(MOVE, token, session)[1]["error"]["code"] == 40301
    assert edge.command("ask", "allow", "../status").returncode == 3


def test_how_long_a_kill_takes(edges, programs: Programs, capsys):
    """From the moment at which the first gateway has written the kill to the first denial on the last of three."""
    three = [edges(f"edge-{number}").begin() for number in (1, 2, 3)]
    rounds = 20
    times: list[float] = []
    for number in range(rounds):
        name = f"agent-{number}"
        tokens = [edge.token(name) for edge in three]
        denied: dict[str, float] = {}

        def knock(edge: Edge, token: str) -> None:
            host, _, port = edge.listen.rpartition(":")
            with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
                while True:
                    line.request("POST", "/files", json.dumps(READ), heads(token, ""))
                    answer = line.getresponse()
                    answer.read()
                    if answer.status == 403:
                        denied[edge.name] = time.time()
                        return

        threads = [threading.Thread(target=knock, args=each, daemon=True) for each in zip(three, tokens)]
        for thread in threads:
            thread.start()
        done = run(programs.lockstep, three[0].folder, three, "monitor", "kill", name, "--reason", "measured")
        assert done.returncode == 0, done.stderr
        for thread in threads:
            thread.join(10)
        committed = min(edge.list.stat().st_mtime for edge in three)
        times.append(max(denied.values()) - committed)
    ordered = sorted(times)
    with capsys.disabled():
        print(f"\n  kill to first denial on the last of three gateways: median {ordered[len(ordered) // 2] * 1000:.1f} ms, "
              f"p99 {ordered[-1] * 1000:.1f} ms ({rounds} kills)")
