"""What a gateway says to people about a document or a policy that does not do what it seems to."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import Shell, environment
from test_gateway_programs import patience

POLICY = """\
apiVersion: lockstep/v1
kind: Policy
name: words
scope: agent
agents:
  desk:
    servers:
      file:
        - {id: all.read, tool: read_file, tier: read, arguments: {sku: {required: true, matches: ["ABC-*"]}}}
"""


class Edge:
    """A gateway that listens, and what it said."""

    def __init__(self, shell: Shell, **more):
        self.shell = shell
        (shell.folder / "policy.yaml").write_text(POLICY)
        self.write(**more)
        self.said = shell.folder / "said"
        self.process = subprocess.Popen(
            [str(shell.programs.lockstep), "gateway", "run", "--config", "gateway.yaml"], cwd=shell.folder,
            env=environment(shell.home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.said.open("wb"),
        )
        self.line = json.loads(self.process.stdout.readline())

    def write(self, **more) -> None:
        document = {
            "gateway": "edge-1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "state": "state", "policy": "policy.yaml",
            "routes": [{"path": "/x", "server": "files", "upstream": "http://127.0.0.1:9/mcp"}], "identity": {"declared": "desk"}, **more,
        }
        (self.shell.folder / "gateway.yaml").write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()))

    @property
    def err(self) -> str:
        return self.said.read_text()

    def status(self) -> dict:
        return self.shell("gateway", "status", "--config", "gateway.yaml", "--format", "json").expect(0).json[0]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)
        self.process.stdout.close()


@pytest.fixture
def edge(shell: Shell):
    found = Edge(shell)
    yield found
    found.end()


def test_what_matches_nothing_and_who_is_not_routed_is_said_at_start_and_at_a_reload(edge: Edge):
    assert patience(lambda: "gateway.no-route" in edge.err)
    assert "`ABC-*` matches no word" in edge.err and "[policy.never-matches]" in edge.err
    assert "the server `file`, and there is no route to it" in edge.err and "did you mean `files`?" in edge.err
    # By the time that it answers a command, it takes signals.
    edge.status()
    edge.process.send_signal(signal.SIGHUP)
    assert patience(lambda: edge.err.count("policy.never-matches") == 2 and edge.err.count("gateway.no-route") == 2)
    checked = edge.shell("policy", "diff", "policy.yaml", "policy.yaml")
    assert "`ABC-*` matches no word" in checked.err


def test_a_reload_that_failed_is_in_status_and_metrics_until_one_goes_well(edge: Edge):
    def metrics() -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(f"http://{edge.line['admin']}/metrics", timeout=5).read().decode()

    assert edge.status()["reloads"]["fault"] is None
    assert 'lockstep_gateway_reload_failed{gateway="edge-1"} 0' in metrics()
    edge.write(mode="strict")
    edge.process.send_signal(signal.SIGHUP)
    assert patience(lambda: 'lockstep_gateway_reload_failed{gateway="edge-1"} 1' in metrics())
    edge.write()
    assert "mode" in edge.status()["reloads"]["fault"]
    shown = edge.shell("gateway", "status", "--config", "gateway.yaml").expect(0)
    assert "what was read anew is not in force" in shown.err
    edge.process.send_signal(signal.SIGHUP)
    assert patience(lambda: edge.status()["reloads"]["fault"] is None)
    assert 'lockstep_gateway_reload_failed{gateway="edge-1"} 0' in metrics()
    assert 'lockstep_gateway_failed_reloads_total{gateway="edge-1"} 1' in metrics()


READ = {"jsonrpc": "2.0", "id": "a-1", "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/srv/a"}}}


def post(edge: Edge, message, **fields: str) -> tuple[int, dict]:
    request = urllib.request.Request(
        f"http://{edge.line['listen']}/x", json.dumps(message).encode(),
        {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **fields}, method="POST",
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_who_was_killed_gets_an_error_for_the_request(edge: Edge):
    edge.shell("monitor", "kill", "desk", "--reason", "test", "--config", "gateway.yaml").expect(0)
    status, answer = post(edge, READ)
    assert status == 403 and answer["error"]["data"]["reason"] == "revoked" and answer["id"] == "a-1"
    assert "id" not in post(edge, {"jsonrpc": "2.0", "method": "notifications/initialized"})[1]
    assert "id" not in post(edge, [READ, READ])[1] and "id" not in post(edge, "nothing")[1]


def test_why_nobody_was_proven_is_said_without_the_token(shell: Shell):
    (shell.folder / "keys.json").write_text(json.dumps({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "one", "alg": "EdDSA"}]}))
    edge = Edge(shell, identity={"tokens": [{"issuer": "https://idp.example", "keys": "keys.json"}], "declared": "none"},
                **{"access-log": "access.jsonl"})
    try:
        assert post(edge, READ)[0] == 401
        assert post(edge, READ, Authorization="Bearer not-a-token-XYZZY")[0] == 401
        assert patience(lambda: "token.missing" in edge.err and "token.malformed" in edge.err), edge.err
        causes = {cause["code"]: cause["count"] for cause in edge.status()["unproven"]}
        assert causes == {"token.missing": 1, "token.malformed": 1}
        log = shell.folder / "access.jsonl"
        assert patience(lambda: log.exists() and log.read_text().count("\n") == 2)
        assert {json.loads(line)["reason"] for line in log.read_text().splitlines()} == {"token.missing", "token.malformed"}
        assert "XYZZY" not in edge.err + log.read_text()
        shown = shell("gateway", "status", "--config", "gateway.yaml").expect(0)
        assert "proved nobody in 1 of its requests" in shown.err and "[token.malformed]" in shown.err
    finally:
        edge.end()


def test_a_second_gateway_on_a_folder_is_told_what_is_in_the_way(edge: Edge):
    refused = edge.shell("gateway", "run", "--config", "gateway.yaml").expect(1)
    assert "another gateway runs on the folder `state`" in refused.err and "drain" not in refused.err
    edge.write(gateway="edge-2")
    refused = edge.shell("gateway", "run", "--config", "gateway.yaml").expect(3)
    assert "is that of the gateway `edge-1`" in refused.err and "`state`" in refused.err


def test_a_lift_that_is_refused_says_how_it_is_signed(shell: Shell):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(shell.folder / "ana")], check=True, timeout=20)
    key = " ".join((shell.folder / "ana.pub").read_text().split()[:2])
    (shell.folder / "people.yaml").write_text(f'people:\n  ana:\n    keys: ["{key}"]\n')
    edge = Edge(shell, control={"people": "people.yaml"})
    try:
        shell("monitor", "kill", "desk", "--reason", "test", "--config", "gateway.yaml").expect(0)
        refused = shell("monitor", "lift", "desk", "--reason", "fixed", "--config", "gateway.yaml").expect(2)
        assert "`--as PERSON --key FILE`" in refused.err
    finally:
        edge.end()


def test_a_document_that_was_spoilt_while_the_gateway_runs_stands_in_no_kills_way(edge: Edge):
    edge.write(polcy="policy.yaml")
    killed = edge.shell("monitor", "kill", "desk", "--reason", "test", "--config", "gateway.yaml").expect(0)
    assert killed.out == "edge-1 denied\n" and "unknown key `polcy`" in killed.err and "it goes on with what it read before" in killed.err
    assert "desk" in edge.shell("monitor", "list", "--config", "gateway.yaml").expect(0).out


@pytest.mark.parametrize("name", ["", " ", " desk", "desk\n", "de\nsk", "de\u202esk"])
def test_what_can_be_nobodys_name_is_refused_before_anything_is_signed(name: str, edge: Edge):
    for command in ("kill", "lift"):
        refused = edge.shell("monitor", command, name, "--reason", "test", "--config", "gateway.yaml").expect(3)
        assert "[monitor.principal]" in refused.err and refused.out == ""
    assert edge.status()["revocations"] == 0
