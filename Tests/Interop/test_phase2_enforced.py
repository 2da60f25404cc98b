"""Phase 2 from the first recorded call to enforcement: the Lab's servers, a real gateway, the official SDK as the agent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import CURRENT, PEERS, Person, Shell, free_ports, write_workspace
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


class Pilot:
    """A workspace in which one gateway is to stand in front of one server, and the agent that works through it."""

    def __init__(self, workspace: Shell, people: list[Person], url: str):
        self.shell, self.people = workspace, people
        (self.port,) = free_ports(1)
        write_workspace(
            workspace, people,
            hooks=f"servers:\n  {SERVER}: {{url: \"{url}\"}}\ngateways:\n  - {{id: edge-1, config: gateways/edge-1/gateway.yaml}}",
        )

    def begin(self, **more) -> None:
        given = {
            "gateways": json.dumps(["edge-1"]), "servers": json.dumps([SERVER]), "listen": f"127.0.0.1:{self.port}",
            "declared": AGENT, "start_gateways": "true", "attacks": json.dumps(ATTACKS), "benign": json.dumps(BENIGN),
            "canary_agent": AGENT, "min_shadow_calls": 30, "shadow_time": "1s", "max_would_deny": 0.5, **more,
        }
        self.shell("run", PLAYBOOK, *(w for name, value in given.items() for w in ("--input", f"{name}={value}"))).expect(4)

    def work(self, sessions: int, **more) -> list:
        done = subprocess.run(
            [str(CURRENT), str(PEERS / "restock_current.py"), f"http://127.0.0.1:{self.port}/{SERVER}",
             json.dumps({"sessions": sessions, **more})],
            capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def tick(self) -> str:
        done = self.shell("tick", "latest", "--now")
        return done.out + done.err

    def approve(self, step: str) -> None:
        approve(self.shell, self.people[1], step).expect(0)

    def to_shadow(self) -> None:
        """Records, mines, and has the policy approved."""
        self.begin()
        assert all(told == ["ok"] * 3 for told in self.work(36))
        told = self.tick()
        assert "policy_review waits for approval" in told, told
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
def pilot(workspace: Shell, people: list[Person], url: str):
    pilot = Pilot(workspace, people, url)
    yield pilot
    pilot.close()


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
    assert all(told == ["ok"] * 3 for told in pilot.work(15, **{"from": 100}))
    told = pilot.tick()
    assert "enforcement waits for approval" in told, told
    pilot.approve("enforcement")
    told = pilot.tick()
    assert pilot.state == "succeeded", told + pilot.shell("status", "latest").out
    assert pilot.status["mode"] == "enforce"
    assert json.loads((pilot.shell.folder / "policies/enforced.json").read_text())["terms"]["mode"] == "enforce"
    # The agent works on; what it never did is denied, whoever tells it to.
    assert all(told == ["ok"] * 3 for told in pilot.work(3, **{"from": 200}))
    assert [told[2] for told in pilot.work(2, **{"from": 300}, supplier="SUP-666")] == [40301, 40301]
    # Canaries are marked, were denied in both modes, and are in no recording.
    made = decisions(pilot)
    canaries = [each for each in made if each.get("canary")]
    assert [(each["mode"], each["effective"]) for each in canaries] == [
        (mode, effective) for mode in ("shadow", "enforce") for effective in ("deny", "deny", "deny", "allow")
    ], canaries
    recorded = [each for each in made if not each.get("canary")]
    assert len(recorded) == 3 * (36 + 15 + 3 + 2)
    taken = pilot.shell.query("SELECT outputs FROM step WHERE instance = 'taken'")
    assert json.loads(taken[0][0])["calls"] == 36 * 3, taken
    # Everything is taken back by one command: the process that was started is gone, and so is what was written.
    assert len(pilot.processes()) == 1
    pilot.shell("rollback", "latest", "--reason", "the pilot is over")
    pilot.tick()
    assert pilot.state == "rolled-back", pilot.shell("status", "latest").out
    assert pilot.processes() == [] and not (pilot.shell.folder / "gateways/edge-1/gateway.yaml").exists()


def test_enforcement_that_does_not_hold_goes_back_to_shadow(pilot: Pilot):
    pilot.to_shadow()
    pilot.work(15, **{"from": 100})
    pilot.tick()
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
    assert all(told == ["ok"] * 3 for told in pilot.work(15, **{"from": 100}, supplier="SUP-999"))
    told = pilot.tick()
    assert "A share of 0.333 of 45 calls would have been denied" in told + pilot.shell("status", "latest").out, told
    assert pilot.state == "paused" and pilot.status["mode"] == "shadow"
