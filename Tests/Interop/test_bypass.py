"""The cases of `Tests/PoliciesTests/Cases/bypass` through the built program: one recording, one replay."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conftest import ROOT, Programs
from mining_table import replay, run

CASES = ROOT / "Tests" / "PoliciesTests" / "Cases" / "bypass"
KNOWN = [json.loads(line) for line in (CASES / "bypass.ndjson").read_text("utf-8").splitlines()]


def recorded(case: dict) -> list[dict]:
    calls = [*case.get("history", []), case["call"]]
    task = {"task": {"id": "t", "text": case["request"]}} if "request" in case else {}
    return [
        {
            "schema": "lockstep.call/1", "time": call.get("time", "2026-03-02T10:00:00Z"), "session": case["id"], "sequence": index,
            "principal": {"id": call.get("principal", "registrar"), "kind": "declared"}, "outcome": "ok",
            **{key: call[key] for key in ("server", "tool", "arguments", "result", "definition") if key in call}, **task,
        }
        for index, call in enumerate(calls)
    ]


@pytest.fixture(scope="module")
def verdicts(programs: Programs, tmp_path_factory) -> dict:
    offered = run(programs.lockstep, "policy", "--help", timeout=60)
    if offered.code != 0 or not re.search(r"^\s*replay\b", offered.out, re.M):
        pytest.skip("command not built yet: `lockstep policy replay`")
    path = Path(tmp_path_factory.mktemp("bypass")) / "cases.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for case in KNOWN for record in recorded(case)), "utf-8")
    return replay(programs.lockstep, CASES / "policy.yaml", path)


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case["id"])
def test_the_verdict_is_what_the_rules_mean(verdicts: dict, case: dict):
    last = (case["id"], len(case.get("history", [])))
    # A record that is refused as a whole is not allowed either.
    found = verdicts.get(last, {"decision": "deny"})
    assert found["decision"] == case["expect"], f"{case['why']}: {found}"
