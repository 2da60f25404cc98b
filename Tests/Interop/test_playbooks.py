"""The emitted JSON Schema, judged by `jsonschema`, and `lockstep lint`, judged by both."""

from __future__ import annotations

import re

import jsonschema
import pytest
import yaml

from conftest import Shell


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
