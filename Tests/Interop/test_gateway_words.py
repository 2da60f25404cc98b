"""What a gateway says to people about a document or a policy that does not do what it seems to."""

from __future__ import annotations

import json
import signal
import subprocess
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
