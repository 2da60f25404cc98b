"""Exported policies before the engines that they are written for: never wider than ours, and the same where so stated."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import export_judges

POLICY = Path(__file__).resolve().parent.parent / "PoliciesTests" / "Cases" / "exports" / "payments.yaml"
VALUES = [
    "ann@acme.com", "Ann@Acme.com", "eve@evil.org", "eve@acme.com.evil.org", "GB29NWBK60161331926819", "rent", "Rent",
    "for the rent", "2026-01-01", "https://acme.com@evil.org/", "/srv/data/../etc/shadow", "/srv/data/a", 12, 12.0, 900,
    100.5, 100.6, True, None, "", [], ["rent"], ["rent", "eve@evil.org"], {"a": 1}, "[\"rent\"]", "\u212aate",
]


@pytest.fixture(scope="module")
def calls() -> list[dict]:
    """Calls of the tools of the policy, in one session each, so that nothing explains a value."""
    dice = random.Random(1)
    return [
        {"agent": dice.choice(["bot", "stranger"]), "server": "bank", "tool": dice.choice(["pay", "note", "read_file"]),
         "arguments": {name: dice.choice(VALUES) for name in ("to", "amount", "subject", "when") if dice.random() < 0.5}}
        for _ in range(1000)
    ]


@pytest.mark.parametrize("target", ["cedar-toolhive", "cedar-agentcore", "cedar", "rego", "cel-envoy", "json-schema", "progent"])
def test_no_engine_is_wider_than_decide(shell, calls, target):
    if shell("policy", "export", "--help").code != 0 or shell("policy", "replay", "--help").code != 0:
        pytest.skip("this build of lockstep has no `policy export` and `policy replay` yet")
    out, recording = shell.folder / "out", shell.folder / "calls.ndjson"
    shell("policy", "export", "--to", target, "--policy", str(POLICY), "--out", str(out)).expect(0)
    recording.write_text("".join(
        json.dumps({"format": "lockstep.call/1", "time": "2026-01-01T00:00:00Z", "session": str(number), "sequence": 0,
                    "principal": {"id": call["agent"], "kind": "declared"}, "server": call["server"],
                    "tool": call["tool"], "arguments": call["arguments"]}) + "\n"
        for number, call in enumerate(calls)
    ))
    replayed = shell("policy", "replay", "--policy", str(POLICY), "--recording", str(recording), "--format", "ndjson")
    verdicts = {line["session"]: line for line in map(json.loads, replayed.out.splitlines()) if "session" in line}
    judged = [
        {**call, "verdict": verdicts[str(number)]["decision"], "rule": verdicts[str(number)].get("rule"), "usual": False}
        for number, call in enumerate(calls)
    ]
    counts, faults = export_judges.judge(target, out, judged)
    assert counts["calls"] == len(calls)
    assert not faults, "\n".join(faults[:10])
