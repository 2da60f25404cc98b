"""Programs alone, without a gateway that listens: people reach them by the folder that they share."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import Shell, free_ports
from gateway_peers import Gateway, Raw
from test_gateway_wrap import Wrapped, write

POLICY = """\
apiVersion: lockstep/v1
kind: Policy
name: programs
scope: agent
agents:
  desk:
    servers:
      files:
        - {id: all.read, tool: read_file, tier: read, arguments: {path: {required: true, matches: ["/srv/*"]}}}
        - {id: all.move, tool: move_file, tier: write, effect: ask, arguments: {path: {required: true, matches: ["/srv/*"]}}}
"""
FINE = "text(message['id'])"


@pytest.fixture
def desk(shell: Shell) -> Shell:
    (shell.folder / "policy.yaml").write_text(POLICY)
    write(shell)
    return shell


def patience(found: Callable[[], object], seconds: float = 10):
    """What is found, as soon as it is."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def move(wrapped: Wrapped, id: int, path: str = "/srv/a") -> dict:
    wrapped.say({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "move_file", "arguments": {"path": path}}})
    return wrapped.hear()


def asked(answer: dict) -> str:
    assert answer["error"]["data"]["reason"] == "asked", answer
    return answer["error"]["data"]["ask"]


def asks(desk: Shell) -> list[dict]:
    return desk("ask", "list", "--config", "gateway.yaml", "--format", "json").expect(0).json


def granted(wrapped: Wrapped, path: str = "/srv/a") -> bool:
    numbers = iter(range(1_000, 100_000))
    return bool(patience(lambda: "result" in move(wrapped, next(numbers), path)))


def decisions(desk: Shell, kind: str = "gateway.decision") -> list[dict]:
    """What stands in all logs of the folder, whatever tiles they are in."""
    found = set()
    for path in sorted((desk.folder / "state" / "audit").rglob("tile/entries/**/*")):
        if path.is_file():
            for part in path.read_bytes().split(b'{"')[1:]:
                text = (b'{"' + part).decode("utf-8", "replace")
                if f'"kind":"{kind}"' in text:
                    found.add(text)
    return sorted(found)


def test_a_question_of_a_program_is_answered_once_for_that_very_call(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        id = asked(move(wrapped, 1))
        [question] = patience(lambda: asks(desk))
        assert (question["id"], question["principal"], question["tool"]) == (id, "desk", "move_file")
        assert json.loads(question["arguments"]) == {"path": "/srv/a"}
        status = desk("gateway", "status", "--config", "gateway.yaml", "--format", "json").expect(0).json
        assert status[0]["asks"] == 1
        done = desk("gateway", "ask", "allow", id, "--reason", "fine", "--config", "gateway.yaml").expect(0)
        assert "allowed desk" in done.out
        # Somebody else cannot answer it once more.
        assert "[ask.unknown]" in desk("ask", "deny", id, "--config", "gateway.yaml").expect(1).err
        assert granted(wrapped)
        # Neither for the same call again nor for another one.
        other = asked(move(wrapped, 3))
        assert other != id and asked(move(wrapped, 4, "/srv/b")) not in (id, other)
        assert wrapped.end() == 0
    [entry] = decisions(desk, "gateway.ask")
    assert '"answer":"allow"' in entry and '"by":"user:ana"' in entry and '"reason":"fine"' in entry


def test_an_answer_waits_for_the_next_program_where_the_one_that_asked_is_gone(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        id = asked(move(wrapped, 1))
        assert patience(lambda: asks(desk))
        wrapped.process.kill()
        wrapped.process.wait(10)
    desk("ask", "allow", id, "--config", "gateway.yaml").expect(0)
    with Wrapped(desk, FINE) as again, Wrapped(desk, FINE) as other:
        numbers = iter(range(2, 10_000))
        # One of the two has the answer, and it is good once.
        assert patience(lambda: any("result" in move(each, next(numbers)) for each in (again, other)))
        assert not any("result" in move(each, next(numbers)) for each in (again, other))


def test_a_file_that_says_something_else_than_what_was_asked_answers_nothing(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        id = asked(move(wrapped, 1, "/srv/all"))
        file = desk.folder / "state" / "control" / "asks" / id
        assert patience(file.exists)
        written = json.loads(file.read_text())
        written["question"]["arguments"] = '{"path":"/srv/a"}'
        file.write_text(json.dumps(written))
        desk("ask", "allow", id, "--config", "gateway.yaml").expect(0)
        numbers = iter(range(2, 10_000))
        # Neither the one nor the other passes: it is asked about anew.
        assert patience(lambda: asked(move(wrapped, next(numbers), "/srv/all")) != id)
        assert asked(move(wrapped, next(numbers))) != id


def test_a_denial_holds(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        id = asked(move(wrapped, 1))
        assert patience(lambda: asks(desk))
        desk("ask", "deny", id, "--config", "gateway.yaml").expect(0)
        numbers = iter(range(2, 10_000))
        assert patience(lambda: move(wrapped, next(numbers))["error"]["code"] == 40301)


def test_kill_list_and_lift_work_on_the_folder(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        wrapped.call(1)
        assert "result" in wrapped.hear()
        assert desk("monitor", "kill", "desk", "--dry-run", "--config", "gateway.yaml").expect(0).out.count("would be denied") == 1
        killed = desk("monitor", "kill", "desk", "--reason", "leak", "--config", "gateway.yaml").expect(0)
        assert killed.out == "edge-1 denied\n" and "hint" not in killed.err
        assert wrapped.process.wait(10) == 1
    with Wrapped(desk, FINE, open_session=False) as again:
        assert again.process.wait(10) == 1
    [denied] = desk("monitor", "list", "--config", "gateway.yaml", "--format", "json").expect(0).json
    assert (denied["principal"], denied["reason"], denied["by"]) == ("desk", "leak", "user:ana")
    status = desk("gateway", "status", "--config", "gateway.yaml").expect(0)
    assert "edge-1" in status.out and "enforce" in status.out and "heartbeat" not in status.err
    assert desk("monitor", "lift", "desk", "--reason", "fixed", "--config", "gateway.yaml").expect(0).out == "edge-1 lifted\n"
    with Wrapped(desk, FINE) as wrapped:
        wrapped.call(1)
        assert "result" in wrapped.hear()
        assert wrapped.end() == 0
    told = desk("incident", "desk", "--since", "1h", "--config", "gateway.yaml", "--format", "json").expect(0).json[0]
    assert [event["kind"] for event in told["events"]] == ["gateway.revocation", "gateway.lift"]
    assert [(each["tool"], each["decision"], each["count"]) for each in told["decisions"]] == [("read_file", "allow", 2)]


@pytest.fixture
def mixed(programs, tmp_path: Path):
    """A gateway that listens, and a wrapped program on its folder; nobody answers behind the one that listens."""
    (port,) = free_ports(1)
    gateway = Gateway(programs.lockstep, tmp_path / "mixed", {"s": f"http://127.0.0.1:{port}/mcp"}, rules=POLICY.replace("desk", "tester"),
                      results={"most-items": 5})
    routes = [{"path": "/s", "server": "s", "upstream": f"http://127.0.0.1:{port}/mcp"}, {"server": "files"}]
    gateway.write(routes=routes)
    yield gateway.start()
    gateway.close()


def reason(gateway: Gateway) -> str:
    return Raw(gateway.url("s")).ask("initialize", {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}).message["error"]["data"]["reason"]


def test_a_gateway_that_listens_and_a_program_deny_and_lift_with_one_list(mixed: Gateway):
    program = SimpleNamespace(programs=SimpleNamespace(lockstep=mixed.lockstep), folder=mixed.folder, home=mixed.home)

    def wrapped(**more) -> Wrapped:
        return Wrapped(program, "text(message['id'], json.dumps([{'id': n} for n in range(50)]))", options=("--server", "files"), **more)

    def listed() -> list[str]:
        done = mixed.command("monitor", "list", "--config", "gateway.yaml", "--format", "json")
        assert done.returncode == 0, done.stderr
        return sorted(each["principal"] for each in json.loads(done.stdout))

    def said(word: str, name: str) -> str:
        done = mixed.command("monitor", word, name, "--reason", "test", "--config", "gateway.yaml")
        return done.stdout.strip() or done.stderr

    assert reason(mixed) != "revoked"
    with wrapped() as denied:
        denied.call(1)
        assert denied.hear()["error"]["data"]["reason"] == "limit"
        # The kill of the program, and one at the gateway that may not know of it yet.
        assert mixed.ask("revocations", {"principal": "other", "reason": "test"})[0] == 200
        assert denied.process.wait(10) == 1
    assert patience(lambda: listed() == ["other", "tester"])
    assert reason(mixed) == "revoked"
    # Denied a second time it is denied once, and the list that is lifted is the one that is written.
    assert said("kill", "tester") == "edge-1 denied"
    assert said("lift", "other") == said("lift", "tester") == "edge-1 lifted"
    assert listed() == [] and reason(mixed) != "revoked"
    written = [json.loads(line) for line in (mixed.state / "control" / "revocations").read_text().splitlines()[:-1]]
    assert {each["principal"]: "lifted" in each for each in written} == {"other": True, "tester": True}
    assert [each["number"] for each in written] == [1, 2]
    mixed.stop()
    mixed.start()
    assert listed() == [] and reason(mixed) != "revoked"
    with wrapped() as again:
        # What is denied at the gateway ends the program.
        assert said("kill", "tester") == "edge-1 denied"
        assert again.process.wait(10) == 1
    assert said("lift", "other") == "edge-1 not denied"


def test_two_that_kill_at_once_lose_nobody(desk: Shell):
    names = [f"agent-{number}" for number in range(6)]
    kill = lambda name: desk("monitor", "kill", name, "--reason", "test", "--config", "gateway.yaml")  # noqa: E731
    with Wrapped(desk, FINE) as wrapped:
        wrapped.call(1)
        wrapped.hear()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert [done.code for done in pool.map(kill, names)] == [0] * 6
    listed = desk("monitor", "list", "--config", "gateway.yaml", "--format", "json").expect(0).json
    assert sorted(each["principal"] for each in listed) == names


def test_a_name_that_nobody_goes_by_is_denied_with_a_hint(desk: Shell):
    done = desk("monitor", "kill", "dest", "--reason", "slip", "--config", "gateway.yaml").expect(0)
    assert done.out == "edge-1 denied\n"
    assert "hint: " in done.err and "did you mean `desk`?" in done.err and "`lockstep monitor list`" in done.err


def test_a_list_that_was_taken_away_is_missed(desk: Shell):
    with Wrapped(desk, FINE) as wrapped:
        wrapped.call(1)
        wrapped.hear()
        assert wrapped.end() == 0
    (desk.folder / "state" / "control" / "revocations").unlink()
    refused = desk("monitor", "list", "--config", "gateway.yaml").expect(1)
    assert "gone" in refused.err


def test_the_mode_is_changed_and_an_incident_says_what_would_be_denied(desk: Shell):
    write(desk, mode="shadow")
    with Wrapped(desk, FINE) as wrapped:
        wrapped.call(1, "/etc/passwd")
        assert "result" in wrapped.hear()
        assert "result" in move(wrapped, 2)
        desk("gateway", "mode", "edge-1", "enforce", "--reason", "test", "--config", "gateway.yaml").expect(0)
        numbers = iter(range(3, 10_000))

        def denied() -> bool:
            wrapped.call(next(numbers), "/etc/passwd")
            return "error" in wrapped.hear()

        assert patience(denied)
        assert wrapped.end() == 0
    told = desk("incident", "desk", "--since", "1h", "--config", "gateway.yaml", "--format", "json").expect(0).json[0]
    words = {(each["tool"], each["decision"]) for each in told["decisions"]}
    assert {("read_file", "would deny: value"), ("move_file", "would ask: asked"), ("read_file", "deny: value")} == words
    assert told["gaps"] == []


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_the_client_runs_as_is_measured_written_down_and_may_be_denied(desk: Shell):
    (desk.folder / "keys.json").write_text(json.dumps({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "one", "alg": "EdDSA"}]}))
    write(desk, identity={"declared": "desk", "posture": {"statements": "required", "keys": "keys.json"}})
    (desk.folder / "client.json").write_text("{}")
    client = Path("/proc/self/exe").resolve()
    with Wrapped(desk, FINE, options=("--client", "client.json")) as wrapped:
        wrapped.call(1)
        assert "result" in wrapped.hear()
        [entry] = patience(lambda: decisions(desk, "gateway.posture"))
        said = json.loads(entry[: entry.index("}") + 1])
        assert (said["binary"], said["configuration"]) == (digest(client), digest(desk.folder / "client.json"))
        assert (said["principal"], said["server"], said["program"]) == ("desk", "files", str(client)) and "expires" in said
        # Whoever runs with this configuration is denied, at once and from then on.
        desk("monitor", "kill", "posture:" + said["configuration"], "--reason", "test", "--config", "gateway.yaml").expect(0)
        assert wrapped.process.wait(10) == 1
    with Wrapped(desk, FINE, open_session=False, options=("--client", "client.json")) as again:
        assert again.process.wait(10) == 1
        assert b"what the client runs as is denied" in again.process.stderr.read()
    with Wrapped(desk, FINE) as other:
        other.call(1)
        assert "result" in other.hear()
    with Wrapped(desk, FINE, open_session=False, options=("--client", "nowhere.json")) as unknown:
        assert unknown.process.wait(10) == 1
        assert b"is not known" in unknown.process.stderr.read()
