"""The emitted JSON Schema, judged by `jsonschema`, and `lockstep lint`, judged by both."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from conftest import Shell, write_workspace


class CoreLoader(yaml.SafeLoader):
    """Reads YAML as the core schema of 1.2 does: no dates, no sexagesimals, no `on` and `yes`."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("tag:yaml.org,2002:null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
]:
    CoreLoader.add_implicit_resolver(tag, re.compile(pattern), first)


def load(text: str):
    return yaml.load(text, CoreLoader)


@pytest.fixture(scope="module")
def schema(programs, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("schema")
    return Shell(programs, folder, folder)("playbook", "schema").expect(0).json


@pytest.fixture(scope="module")
def validator(schema):
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_valid_json_schema_2020_12(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def shipped(shell: Shell) -> list[str]:
    return shell("playbook", "show").expect(0).out.split()


def test_shipped_playbooks_pass_schema_and_lint(shell: Shell, validator):
    names = shipped(shell)
    assert len(names) >= 2
    for name in names:
        text = shell("playbook", "show", name).expect(0).out
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(load(text))]
        assert errors == [], name
        (shell.folder / name).write_text(text)
        shell("lint", name).expect(0)
        shell("lint", f"builtin:{name}").expect(0)


GOOD = """\
apiVersion: lockstep/v1
kind: Playbook
id: small
name: Small
version: 1.0.0
steps:
  - id: look
    uses: discovery.configurations
  - id: report
    uses: report.progress
"""

BROKEN = {
    "unknown key": GOOD.replace("version: 1.0.0", "version: 1.0.0\nverison: 2.0.0"),
    "no steps": GOOD.split("steps:")[0],
    "two kinds of step": GOOD.replace("uses: report.progress", "uses: report.progress\n    wait: {for: 1h}"),
    "hyphen in an id": GOOD.replace("id: look", "id: look-here"),
    "wrong type": GOOD.replace("steps:\n", "steps: nothing\nrest:\n"),
    "unknown apiVersion": GOOD.replace("lockstep/v1", "lockstep/v9"),
}


def test_a_small_playbook_passes_both(shell: Shell, validator):
    assert list(validator.iter_errors(load(GOOD))) == []
    (shell.folder / "good.yaml").write_text(GOOD)
    shell("lint", "good.yaml").expect(0)


@pytest.mark.parametrize("what", BROKEN)
def test_broken_playbooks_are_rejected_by_schema_and_lint_alike(shell: Shell, validator, what: str):
    assert list(validator.iter_errors(load(BROKEN[what]))), "the schema accepts it"
    (shell.folder / "broken.yaml").write_text(BROKEN[what])
    result = shell("lint", "broken.yaml").expect(3)
    assert re.search(r"broken\.yaml:\d+:\d+: error", result.err), result.err


ONLY_LINT = {
    "cycle": GOOD.replace("uses: discovery.configurations", "uses: discovery.configurations\n    needs: [report]"),
    "undefined reference": GOOD.replace("uses: report.progress", "uses: report.progress\n    if: steps.lok.outputs.x"),
    "unknown action": GOOD.replace("report.progress", "report.progres"),
    "duplicate key": GOOD.replace("name: Small", "name: Small\nname: Large"),
}


@pytest.mark.parametrize("what", ONLY_LINT)
def test_lint_finds_what_a_schema_cannot(shell: Shell, what: str):
    (shell.folder / "broken.yaml").write_text(ONLY_LINT[what])
    shell("lint", "broken.yaml").expect(3)


def test_lint_says_the_same_as_json(shell: Shell):
    (shell.folder / "broken.yaml").write_text(ONLY_LINT["unknown action"])
    result = shell("lint", "broken.yaml", "--format", "json").expect(3)
    (diagnostic,) = [each for each in result.json if each["severity"] == "error"]
    assert diagnostic["line"] == 10 and diagnostic["code"] and "report.progress" in (diagnostic["help"] or "")


def test_lint_of_a_missing_file_is_invalid_input(shell: Shell):
    shell("lint", "nowhere.yaml").expect(3)


# What the schema alone says of the broken cases: a case whose fault is one of form must not pass an editor unseen.
CASES = Path(__file__).resolve().parent.parent / "PlaybooksTests" / "Cases"
SHIPPED_CASES = CASES.parent.parent / "ActionsTests" / "Cases"
# Codes that a schema can judge, where the value is written out; the others need names, graphs, types or the text itself.
STRUCTURAL = {
    "document.unknown-kind", "document.unknown-version", "playbook.unknown-key", "playbook.missing-key",
    "playbook.wrong-type", "playbook.step-kind", "playbook.approval-no-expiry", "playbook.unknown-action",
    "playbook.unknown-parameter", "playbook.missing-parameter", "playbook.unknown-metric-source",
    "playbook.unknown-secret-source", "playbook.gate-needs-every", "playbook.invalid-duration",
}


# What another file wants cannot be in a schema.
ANOTHER_FILE = {"roadmap-inputs", "subplaybook-inputs", "subplaybook-missing-input"}


def cases(folder: Path):
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.yaml"))]


def codes(path: Path) -> set[str]:
    found = re.findall(r"^# expect: (\S+) @", path.read_text("utf-8-sig", errors="replace"), re.M)
    return set(found)


@pytest.mark.parametrize("path", cases(SHIPPED_CASES / "good") + cases(CASES / "good"))
def test_the_schema_accepts_what_is_right(validator, path: Path):
    assert [error.message for error in validator.iter_errors(load(path.read_text("utf-8-sig")))] == []


def test_the_schema_catches_broken_form(validator):
    """Counts what the schema alone catches, by code (`pytest -s` prints it); what a schema can judge it must catch."""
    table: dict[str, list[int]] = {}
    missed: list[str] = []
    for path in sorted(CASES.glob("broken/*.yaml")) + sorted(SHIPPED_CASES.glob("broken/*.yaml")):
        wanted = codes(path)
        try:
            document = load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, ValueError):
            continue
        caught = any(True for _ in validator.iter_errors(document))
        for code in wanted:
            row = table.setdefault(code, [0, 0])
            row[0] += 1
            row[1] += caught
        if not caught and wanted & STRUCTURAL:
            missed.append(path.stem)
    for code, (count, caught) in sorted(table.items()):
        print(f"{code:36} {caught:3} of {count:3}")
    assert set(missed) <= ANOTHER_FILE, missed
    assert sum(caught for _, caught in table.values()) >= 100


# Lint that knows the workspace.
NAMES = """\
apiVersion: lockstep/v1
kind: Playbook
id: small
name: Small
version: 1.0.0
steps:
  - id: ask
    approval: {approvers: [group:security-lead], min: 1, expires: 5d}
  - id: revoke
    uses: exec.run
    with: {hook: revoke_tokn}
    rollback: {uses: exec.run, with: {hook: revoke_token}}
  - id: many
    approval: {approvers: [group:security-leads], min: 3, expires: 5d}
"""
HOOK = "hooks:\n  revoke_token:\n    command: [/bin/true]"


@pytest.mark.parametrize("command", ["lint", "plan", "run"])
def test_inside_a_workspace_names_are_checked(workspace: Shell, people, command: str):
    write_workspace(workspace, people, hooks=HOOK)
    (workspace.folder / "names.yaml").write_text(NAMES)
    result = workspace(command, "names.yaml").expect(3)
    for place, code, word in [
        ("8:28", "playbook.unknown-group", "group:security-leads"),
        ("11:18", "playbook.unknown-hook", "revoke_token"),
        ("14:56", "playbook.quorum-impossible", "2 people"),
    ]:
        assert re.search(rf"names\.yaml:{place}: error: .*\[{re.escape(code)}\]", result.err), result.err
        assert word in result.err
    assert workspace.query("SELECT COUNT(*) FROM run") == [(0,)]
    assert "no workspace here" not in result.err


def test_outside_of_a_workspace_lint_says_once_what_it_did_not_check(shell: Shell):
    for name in ("one.yaml", "two.yaml"):
        (shell.folder / name).write_text(NAMES)
    result = shell("lint", "one.yaml", "two.yaml").expect(0)
    assert result.err.count("people, groups, votes and hooks were not checked") == 1, result.err
    (shell.folder / "good.yaml").write_text(GOOD)
    assert shell("plan", "good.yaml").expect(0).err.count("were not checked") == 1


def test_lint_does_not_pass_over_a_broken_workspace(workspace: Shell):
    (workspace.folder / "good.yaml").write_text(GOOD)
    (workspace.folder / "lockstep.yaml").write_text("apiVersion: lockstep/v1\nkind: Workspace\npeopel: {}\n")
    assert "workspace.unknown-key" in workspace("lint", "good.yaml").expect(3).err


def test_whoever_is_alone_is_warned_before_the_run_waits(shell: Shell):
    shell("init").expect(0)
    result = shell("lint", "builtin:phase-1-discovery.yaml").expect(0)
    assert "[playbook.no-other-voter]" in result.err, result.err
