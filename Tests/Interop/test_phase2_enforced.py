"""Phase 2 from the first recorded call to enforcement: the Lab's servers, a real gateway, the official SDK as the agent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import CURRENT, PEERS, Person, Shell, free_ports, write_workspace
from gateway_peers import until
from test_lab import entry, laboratory
from test_release import approve

AGENT = "restock-agent"
SERVER = "retail-inventory"
PLAYBOOK = "builtin:phase-2-least-privilege.yaml"
ORDER = {"supplierId": "SUP-014", "lines": [{"sku": "SKU-1001", "quantity": 20, "unitPriceCents": 1500}]}
ATTACKS = [
    {"server": SERVER, "tool": "create_purchase_order", "arguments": {**ORDER, "supplierId": "SUP-666"}},
    {"server": SERVER, "tool": "create_purchase_order", "arguments": {**ORDER, "lines": [{**ORDER["lines"][0], "quantity": 9000}]}},
    {"server": SERVER, "tool": "search_products", "arguments": {"query": "a"}},
]
BENIGN = [{"server": SERVER, "tool": "list_low_stock", "arguments": {"threshold": 120}}]


@pytest.fixture(scope="module")
def url(programs, tmp_path_factory):
    with laboratory(programs, tmp_path_factory.mktemp("lab")) as manifest:
        yield entry(manifest, SERVER)["url"]


@pytest.fixture(scope="module")
def agent():
    """The official SDK, started once: that takes longer than what it is asked to do."""
    child = subprocess.Popen(
        [str(CURRENT), str(PEERS / "restock_current.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    yield child
    child.stdin.close()
    child.kill()
    child.wait(10)


class Pilot:
    """A workspace in which one gateway is to stand in front of one server, and the agent that works through it."""

    def __init__(self, workspace: Shell, people: list[Person], url: str, agent: subprocess.Popen):
        self.shell, self.people, self.agent = workspace, people, agent
        (self.port,) = free_ports(1)
        write_workspace(
            workspace, people,
            hooks=f"servers:\n  {SERVER}: {{url: \"{url}\"}}\ngateways:\n  - {{id: edge-1, config: gateways/edge-1/gateway.yaml}}",
        )

    def runs(self) -> list[str]:
        return [run["run"] for run in self.shell("status", "--format", "json").expect(0).json or []]

    def inputs(self, **more) -> list[str]:
        given = {
            "gateways": json.dumps(["edge-1"]), "servers": json.dumps([SERVER]), "listen": f"127.0.0.1:{self.port}",
            "declared": AGENT, "start_gateways": "true", "attacks": json.dumps(ATTACKS), "benign": json.dumps(BENIGN),
            "canary_agent": AGENT, "min_shadow_calls": 30, "min_sessions": 24, "shadow_time": "1s", "max_would_deny": 0.5, **more,
        }
        return [word for name, value in given.items() for word in ("--input", f"{name}={value}")]

    def begin(self) -> None:
        self.shell("run", PLAYBOOK, *self.inputs()).expect(4)

    def work(self, sessions: int, **more) -> list:
        self.agent.stdin.write(json.dumps({"url": f"http://127.0.0.1:{self.port}/{SERVER}", "sessions": sessions, **more}) + "\n")
        self.agent.stdin.flush()
        told = self.agent.stdout.readline()
        assert told, self.agent.stderr.read()[-3000:]
        return json.loads(told)

    def tick(self) -> str:
        done = self.shell("tick", "latest", "--now")
        return done.out + done.err

    def soak(self, words: str) -> None:
        """Measures until the decisions are in the log and the time in shadow is over."""
        assert until(lambda: words in self.tick() + self.shell("status", "latest").out)

    def approve(self, step: str) -> None:
        approve(self.shell, self.people[1], step).expect(0)

    def to_shadow(self) -> None:
        """Records, mines, and has the policy approved."""
        self.begin()
        assert all(told == ["ok"] * 3 for told in self.work(24))
        # The gateway writes its recordings down a few times a second.
        self.soak("policy_review waits for approval")
        self.approve("policy_review")
        self.tick()
        assert self.status["mode"] == "shadow", self.shell("status", "latest").out

    @property
    def status(self) -> dict:
        return self.shell("gateway", "status", "--format", "json").expect(0).json[0]

    @property
    def state(self) -> str:
        return self.shell("status", "--format", "json").expect(0).json[-1]["state"]

    def processes(self) -> list[int]:
        """Gateways that run from this workspace."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and f"{self.shell.folder}/gateways/".encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def close(self) -> None:
        for process in self.processes():
            with contextlib.suppress(OSError):
                os.kill(process, 9)


@pytest.fixture
def pilot(workspace: Shell, people: list[Person], url: str, agent: subprocess.Popen):
    pilot = Pilot(workspace, people, url, agent)
    yield pilot
    pilot.close()


def test_killed_while_it_starts_a_gateway_it_starts_one(pilot: Pilot):
    given = pilot.inputs()
    for delay in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6):
        child = pilot.shell.start("tick") if pilot.runs() else pilot.shell.start("run", PLAYBOOK, *given)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(delay)
        child.kill()
        child.wait(10)
        child.stderr.close()
    if not pilot.runs():
        pilot.shell("run", PLAYBOOK, *given).expect(4)
    # Runs that a killed command left name the same group: only the last one goes on.
    for run in pilot.runs()[:-1]:
        pilot.shell("cancel", run, "--reason", "only the last one is needed")
    assert until(lambda: "observed" in pilot.tick() + pilot.shell("status", "latest").out)
    assert pilot.status["mode"] == "record" and len(pilot.processes()) == 1
    pilot.shell("rollback", "latest", "--reason", "over")
    told = pilot.shell("tick").out
    assert pilot.state == "rolled-back", told + pilot.shell("status", "latest").out
    assert pilot.processes() == []


def decisions(pilot: Pilot) -> list[dict]:
    log = pilot.shell.folder / "gateways/edge-1/state/audit/gateway"
    listed = pilot.shell("audit", "list", "--log", str(log), "--key", str(log / "vkeys"), "--limit", "1000000", "--format", "json")
    return [each["entry"] for each in listed.expect(0).json if each["entry"]["kind"] == "gateway.decision"]


def test_from_the_first_call_to_enforcement(pilot: Pilot):
    pilot.to_shadow()
    release = json.loads((pilot.shell.folder / "policies/release.json").read_text())
    assert pilot.status["policy"] == release["terms"]["policy"] and release["terms"]["mode"] == "shadow"
    # In shadow everything passes and is decided on; nobody is asked before enough was.
    assert "soaked" in pilot.shell("status", "latest").out
    assert all(told == ["ok"] * 3 for told in pilot.work(10, **{"from": 100}))
    pilot.soak("enforcement waits for approval")
    pilot.approve("enforcement")
    told = pilot.tick()
    assert pilot.state == "succeeded", told + pilot.shell("status", "latest").out
    assert pilot.status["mode"] == "enforce"
    assert json.loads((pilot.shell.folder / "policies/enforced.json").read_text())["terms"]["mode"] == "enforce"
    # The agent works on; what it never did is denied, whoever tells it to.
    assert all(told == ["ok"] * 3 for told in pilot.work(3, **{"from": 200}))
    assert [told[2] for told in pilot.work(2, **{"from": 300}, supplier="SUP-666")] == [40301, 40301]
    # Canaries are marked, were denied in both modes, and are in no recording.
    made = until(lambda: [each for each in [decisions(pilot)] if len(each) == 3 * (24 + 10 + 3 + 2) + 8])[0]
    canaries = [each for each in made if each.get("canary")]
    assert [(each["mode"], each["effective"]) for each in canaries] == [
        (mode, effective) for mode in ("shadow", "enforce") for effective in ("deny", "deny", "deny", "allow")
    ], canaries
    taken = pilot.shell.query("SELECT outputs FROM step WHERE instance = 'taken'")
    # The last session counts from its first call on.
    assert 24 * 3 - 2 <= json.loads(taken[0][0])["calls"] <= 24 * 3, taken
    # Everything is taken back by one command: the process that was started is gone, and so is what was written.
    assert len(pilot.processes()) == 1
    pilot.shell("rollback", "latest", "--reason", "the pilot is over")
    pilot.shell("tick")
    assert pilot.state == "rolled-back", pilot.shell("status", "latest").out
    assert pilot.processes() == [] and not (pilot.shell.folder / "gateways/edge-1/gateway.yaml").exists()


def test_enforcement_that_does_not_hold_goes_back_to_shadow(pilot: Pilot):
    pilot.to_shadow()
    pilot.work(10, **{"from": 100})
    pilot.soak("enforcement waits for approval")
    # From here on the agent is denied everything, which the canaries find out.
    pilot.shell("monitor", "kill", AGENT, "--reason", "for the test").expect(0)
    pilot.approve("enforcement")
    told = pilot.tick()
    for _ in range(5):
        if pilot.state == "rolled-back":
            break
        told += pilot.tick()
    assert pilot.state == "rolled-back", told + pilot.shell("status", "latest").out
    assert pilot.status["mode"] == "shadow" and len(pilot.processes()) == 1
    # The policy of the shadow release is in its place again.
    placed = json.loads((pilot.shell.folder / "gateways/edge-1/policy.json").read_text())
    assert placed["terms"]["mode"] == "shadow"


def test_what_would_be_denied_in_shadow_keeps_it_from_being_enforced(pilot: Pilot):
    pilot.to_shadow()
    assert all(told == ["ok"] * 3 for told in pilot.work(10, **{"from": 100}, supplier="SUP-999"))
    pilot.soak("A share of 0.333 of 30 calls would have been denied")
    assert pilot.state == "paused" and pilot.status["mode"] == "shadow"
