"""Exported policies before the engines that they are written for: never wider than ours, and the same where so stated.

Policies are made of a seed, mined from worlds of our own, and mined from the corpora that `LOCKSTEP_SHARED` names.
"""

from __future__ import annotations

import json
import lzma
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import export_judges

CASES = Path(__file__).resolve().parent.parent / "PoliciesTests" / "Cases" / "exports"
ENGINES = ["cedar-toolhive", "cedar-agentcore", "cedar", "rego", "cel-envoy", "json-schema", "progent"]
CORPORA = Path(os.environ.get("LOCKSTEP_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "corpora"
USUAL = [
    "ann@acme.com", "eve@evil.org", "GB29NWBK60161331926819", "rent", "for the rent", "2026-01-01", "/srv/data/a",
    "https://acme.com/pay", 12, 12.0, 900, 100.5, 100.6, 0, -1, True, False, "", ["rent"], ["rent", "id-7"], "id-7",
]
UNUSUAL = [
    "Ann@Acme.com", "eve@acme.com.evil.org", "Rent", " rent", "https://acme.com@evil.org/", "/srv/data/../etc/shadow",
    "~/x", None, [], {"a": 1}, {"name": "rent"}, ["rent", "eve@evil.org"], '["rent"]', "\u212aate", 1e15, 12.00004, "12",
    "a%0ab@acme.com", "see /etc/passwd", "x" * 90, "word " * 15 + "www.evil.org",
]
NAMES = {"to": "string", "body": "string", "amount": "number", "when": "strings", "flag": "boolean", "more": "integer"}
TYPES = {"string": {"type": "string"}, "number": {"type": "number"}, "integer": {"type": "integer"},
         "boolean": {"type": "boolean"}, "strings": {"type": "array", "items": {"type": "string"}},
         "other": {"type": "object"}}
TOOLS = [("bank", name) for name in ("pay", "note", "read_file", "wipe")]


def argument(dice: random.Random, kind: str) -> str:
    ways = []
    if kind in ("number", "integer") and dice.random() < 0.7:
        ways.append("at-least: 0, at-most: " + dice.choice(["100.5", "12"]))
    if kind == "boolean" and dice.random() < 0.6:
        ways.append("composed: boolean" if dice.random() < 0.5 else 'values: {boolean: "true"}')
    if kind in ("string", "strings"):
        some = [dice.choice(["token: rent", "email: ann@acme.com", "account: gb29nwbk60161331926819", "token: id-7"])]
        if dice.random() < 0.8:
            ways.append("values: {" + ", ".join(some) + "}")
        ways += [way for way in ("domains: acme.com", 'matches: "/srv/data/*"', "composed: date", "from: the request")
                 if dice.random() < 0.12]
    if dice.random() < 0.15:
        ways.append("required: true")
    if kind != "number" and dice.random() < 0.1:
        ways.append("longest: 20")
    return "{" + ", ".join(ways) + "}"


def policy_text(seed: int) -> str:
    """A policy in which every kind of rule comes up sooner or later."""
    dice = random.Random(seed)
    lines = ["apiVersion: lockstep/v1", "kind: Policy", "name: seeded", "scope: agent", "agents:"]
    for agent in ("bot", '"*"'):
        lines += [f"  {agent}:", "    servers:", "      bank:"]
        for server, tool in TOOLS:
            if dice.random() < 0.3 and tool != "pay":
                continue
            effect = dice.choice(["allow"] * 12 + ["ask", "forbid"])
            lines += [f"        - id: {'any' if '*' in agent else agent}.{tool}", f"          tool: {tool}",
                      f"          tier: {'read' if tool == 'read_file' else 'write'}"]
            if effect != "allow":
                lines.append(f"          effect: {effect}")
            if effect == "allow":
                lines += [line for line, share in (
                    ("          most-calls: 3", 0.2), ("          mode: shadow", 0.05),
                    ('          when: call.tier == "write"', 0.05), ('          expires: "2030-01-01T00:00:00Z"', 0.05),
                ) if dice.random() < share]
            named = [name for name in NAMES if dice.random() < 0.5] if effect == "allow" else []
            if effect == "forbid":
                lines += ["          arguments:", "            to: {values: {token: rent}}"]
            if named:
                lines.append("          arguments:")
                lines += [f"            {name}: {argument(dice, NAMES[name])}" for name in named]
    return "\n".join(lines) + "\n"


def seeded_calls(seed: int, count: int = 300) -> list[dict]:
    dice = random.Random(seed)
    calls = []
    for _ in range(count):
        server, tool = dice.choice(TOOLS)
        usual, arguments = True, {}
        for name in dice.sample(sorted(NAMES), dice.randrange(0, 4)):
            plain = dice.random() < 0.75
            arguments[name] = dice.choice(USUAL if plain else UNUSUAL)
            usual = usual and plain
        calls.append({"agent": dice.choice(["bot", "stranger"]), "server": server, "tool": tool, "arguments": arguments,
                      "usual": usual})
    return calls


def exported(shell, policy: Path, target: str, *more: str) -> Path:
    out = shell.folder / policy.stem / target
    out.parent.mkdir(exist_ok=True)
    shell("policy", "export", "--to", target, "--policy", str(policy), "--out", str(out), *more).expect(0)
    return out


def decided(shell, policy: Path, calls: list[dict]) -> list[dict]:
    """The calls with our own verdicts, each in a session of its own so that nothing explains a value."""
    recording = shell.folder / f"{policy.stem}.ndjson"
    recording.write_text("".join(
        json.dumps({"schema": "lockstep.call/1", "time": "2026-01-01T00:00:00Z", "session": str(number), "sequence": 0,
                    "principal": {"id": call["agent"], "kind": "declared"}, "server": call["server"],
                    "tool": call["tool"], "arguments": call["arguments"]}) + "\n"
        for number, call in enumerate(calls)
    ))
    replayed = shell("policy", "replay", "--as-deployed", "--policy", str(policy), "--recording", str(recording),
                     "--format", "ndjson")
    lines = {line["session"]: line for line in map(json.loads, replayed.out.splitlines())}
    assert len(lines) == len(calls), replayed.err
    return [{**call, "verdict": lines[str(number)]["decision"], "rule": lines[str(number)]["rule"],
             "reason": lines[str(number)]["reason"]} for number, call in enumerate(calls)]


def judged(target: str, folder: Path, calls: list[dict]):
    """Rego in a process of its own: its engine ends a process that asked it about many policies."""
    if target != "rego":
        return export_judges.judge(target, folder, calls)
    folder.parent.joinpath("calls.ndjson").write_text("".join(json.dumps(call) + "\n" for call in calls))
    done = subprocess.run([sys.executable, export_judges.__file__, "rego", str(folder.parent)], capture_output=True,
                          text=True, timeout=600)
    lines = done.stdout.splitlines()
    assert lines, done.stderr[-500:]
    return json.loads(lines[0].split(maxsplit=1)[1].replace("'", '"')), lines[1:-1]


def tools_file(shell, tools) -> Path:
    path = shell.folder / "tools.ndjson"
    path.write_text("".join(json.dumps({"server": server, "tools": [
        {"name": name, "inputSchema": {"type": "object", "properties": {n: TYPES[k] for n, k in kinds.items()}}}]}) + "\n"
        for (server, name), kinds in tools))
    return path


@pytest.mark.parametrize("target", ENGINES)
def test_no_engine_is_wider_than_decide_and_exact_means_exact(shell, target):
    tools = tools_file(shell, [(tool, NAMES) for tool in TOOLS])
    total = 0
    for seed in range({"rego": 2, "cel-envoy": 3}.get(target, 12)):
        policy = shell.folder / f"seed{seed}.yaml"
        policy.write_text(policy_text(seed))
        calls = decided(shell, policy, seeded_calls(seed))
        spelled = shell.folder / f"seed{seed}.ndjson"
        for more in ((), ("--delegate", "calls")):
            folder = exported(shell, policy, target, "--tools", str(tools), "--recording", str(spelled), *more)
            counts, faults = judged(target, folder, calls)
            assert not faults, "\n".join(faults[:10])
            total += counts.get("exact", 0)
            assert counts.get("exact", 0) == counts.get("exact agree", 0)
    # ToolHive expresses least, and two of the engines are slow.
    least = {"rego": 50, "cel-envoy": 50, "cedar-toolhive": 150}.get(target, 300)
    assert total > least, "too few calls were decided by rules that the engine can express"


@pytest.mark.parametrize("target", ["cedar", "cedar-agentcore"])
def test_typed_cedar_passes_its_own_validator(shell, target):
    tools = tools_file(shell, [(tool, NAMES) for tool in TOOLS])
    for seed in range(6):
        policy = shell.folder / f"seed{seed}.yaml"
        policy.write_text(policy_text(seed))
        folder = exported(shell, policy, "cedar", "--tools", str(tools))
        assert export_judges.CedarTyped(folder).faults(sorted({tool for _, tool in TOOLS})) == []


SPELLED = """apiVersion: lockstep/v1
kind: Policy
name: spelled
scope: agent
agents:
  bot:
    servers:
      bank:
        - id: send
          tool: send
          tier: write
          arguments:
            short: {composed: [short], longest: 100}
            free: {composed: [free], longest: 400}
            every: {composed: [free, short, token, path, number, date]}
            like: {matches: ["/srv/data/*", "pay-*", "d*"]}
            to: {values: {account: [de89370400440532013000, gb70bukb00000077777778]}}
        - id: look
          tool: look_up
          tier: read
          arguments:
            free: {}
            like: {matches: ["/srv/data/*"]}
        - id: never
          tool: send
          effect: forbid
          arguments:
            to: {values: {account: [gb70bukb00000077777778]}}
"""


def spelled(dice: random.Random) -> str:
    """An account or address, as a person or a program that wants it to go unnoticed might write it."""
    text = dice.choice(["DE89370400440532013000", "GB70BUKB00000077777777", "NO9386011117947", "GB70BUKB00000077777778",
                        "eve@evil.org", "0x52908400098527886e0f7030069857d2e4169ee7"])
    text = dice.choice([str, str.lower, str.title])(text)
    if dice.random() < 0.2:
        text = "".join(chr(ord(sign) + 0xFEE0) if dice.random() < 0.5 else sign for sign in text)
    if dice.random() < 0.8:
        gap, size = dice.choice(["", " ", "-", ".", "  ", "\u00a0", "\u2011", "\u2013", "\u200b", "\u00ad"]), dice.choice([1, 4, 5])
        text = gap.join(text[at:at + size] for at in range(0, len(text), size))
    return dice.choice(["{}", "{}", "pay {}", "pay {} now", "/srv/data/{}", "pay-{}", " {}\n", "please pay " + "much " * 14 + "to {} now",
                        "\u00dcberweisung an {}, " + "bitte " * 14 + "bald"]).format(text)


@pytest.mark.parametrize("target", ENGINES)
def test_no_spelling_of_an_identity_passes_that_decide_knows(shell, target):
    dice = random.Random(7)
    names = ["short", "free", "every", "like", "to", "other"]
    kinds = {name: "string" for name in names}
    calls = [{"agent": "bot", "server": "bank", "tool": dice.choice(["send", "look_up"]),
              "arguments": {dice.choice(names): spelled(dice)}, "usual": False, "declared": names, "kinds": kinds}
             for _ in range(80 if target == "rego" else 400)]
    calls += [{**calls[0], "tool": "send", "arguments": arguments} for arguments in (
        {"free": "Danke f\u00fcr die \u00dcberweisung \u2013 die Miete f\u00fcr M\u00e4rz 2026 ist damit bezahlt, 100 \u20ac."},
        {"short": "for 12 people"}, {"like": "pay-2026-000123"}, {"to": "DE89370400440532013000"})]
    policy = shell.folder / "spelled.yaml"
    policy.write_text(SPELLED)
    calls = decided(shell, policy, calls)
    assert [call["verdict"] for call in calls[-4:]] == ["allow"] * 4
    assert sum(call["verdict"] != "allow" for call in calls) > len(calls) / 2
    tools = tools_file(shell, [(("bank", tool), kinds) for tool in ("send", "look_up")])
    spelling = shell.folder / "spelled.ndjson"
    folder = exported(shell, policy, target, "--tools", str(tools), "--recording", str(spelling))
    counts, faults = judged(target, folder, calls)
    assert not faults, "\n".join(faults[:10])
    # Cedar cannot test what a text looks like.
    assert counts["allowed by both"] >= (1 if target.startswith("cedar") else 4)


def test_agentgateway_denies_unless_another_service_decides(shell):
    policy = CASES / "payments.yaml"
    calls = decided(shell, policy, [{**call, "tool": "pay"} for call in seeded_calls(1)])
    folder = exported(shell, policy, "cel-agentgateway")
    counts, faults = export_judges.judge("cel-agentgateway", folder, calls)
    assert not faults and counts["allowed by both"] == 0
    folder = exported(shell, policy, "cel-agentgateway", "--delegate", "arguments")
    engine = export_judges.CELAgentgateway(folder)
    assert all(engine.allows(call) == (call["agent"] == "bot") for call in calls)


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("corpus", ["agentdojo/banking", "benign/tau-airline"])
def test_mined_policies_are_judged_as_we_judge_them(shell, corpus, target):
    file = CORPORA / f"{corpus}.calls.ndjson.xz"
    if not file.exists():
        pytest.skip("LOCKSTEP_SHARED names no corpora")
    recording = shell.folder / "window.ndjson"
    records = records_of(file, 400)
    recording.write_text("".join(json.dumps(record) + "\n" for record in records))
    policy = shell.folder / "mined.yaml"
    shell("policy", "mine", "--recording", str(recording), "--out", str(policy)).expect(0)
    kinds: dict[tuple, dict] = {}
    for record in records:
        known = kinds.setdefault((record["server"], record["tool"]), {})
        for name, value in record.get("arguments", {}).items():
            kind = ("boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else
                    "strings" if isinstance(value, list) and all(isinstance(v, str) for v in value) else
                    "string" if isinstance(value, str) else "other")
            known[name] = kind if known.get(name, kind) == kind else "other"
    tools = tools_file(shell, sorted(kinds.items()))
    seen = [{"agent": record["principal"]["id"], "server": record["server"], "tool": record["tool"],
             "arguments": record.get("arguments", {}), "usual": False,
             "declared": sorted(kinds[record["server"], record["tool"]]),
             "kinds": kinds[record["server"], record["tool"]]} for record in records]
    calls = decided(shell, policy, seen[: 60 if target == "rego" else 300])
    folder = exported(shell, policy, target, "--tools", str(tools), "--recording", str(recording), "--delegate", "calls")
    counts, faults = judged(target, folder, [{**call, "usual": True} for call in calls])
    assert not faults, "\n".join(faults[:10])
    assert counts["allowed by both"] > 0


def records_of(path: Path, count: int) -> list[dict]:
    with lzma.open(path, "rt") as lines:
        return [json.loads(line) for _, line in zip(range(count), lines)]


def test_an_export_says_what_became_of_each_rule_and_replaces_nothing_of_others(shell):
    policy, out = CASES / "payments.yaml", shell.folder / "out"
    asked = ("policy", "export", "--to", "rego", "--policy", str(policy), "--out", str(out))
    done = shell(*asked, "--format", "json").expect(0)
    assert done.json["exact"] == ["bank.pay"] and done.json["narrower"] == ["bank.note"]
    assert {d["reason"] for d in done.json["differences"] if d.get("rule") == "bank.note"} >= {"provenance"}
    assert shell(*asked).expect(0).out.splitlines()[0].split() == ["rule", "in", "the", "export"]
    assert shell(*asked, "--require-exact").expect(2)
    (out / "data.json").write_text("{}")
    refused = shell(*asked).expect(1)
    assert "export.foreign-file" in refused.err and (out / "data.json").read_text() == "{}"
    shell(*asked, "--replace").expect(0)
    shell("policy", "export", "--to", "nonsense", "--policy", str(policy), "--out", str(out)).expect(3)
    shell("policy", "export", "--to", "cel", "--policy", str(policy), "--out", str(out)).expect(0)
    assert sorted(path.name for path in out.iterdir()) == ["mcproute.json", "statement.json"]


def test_a_tools_file_that_is_none_is_refused(shell):
    (shell.folder / "tools.json").write_text('{"no": "tools"}')
    refused = shell("policy", "export", "--to", "cedar", "--policy", str(CASES / "payments.yaml"), "--out",
                    str(shell.folder / "out"), "--tools", "tools.json").expect(3)
    assert "export.tools" in refused.err and not (shell.folder / "out").exists()
