"""Published servers over stdio, found in a client's configuration and described only when asked to launch them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conftest import CURRENT, Shell
from test_lab import laboratory
from test_servers import definition_digest


@pytest.fixture
def declared(shell: Shell, legacy_python: Path, tmp_path: Path) -> Shell:
    """A home whose Claude Desktop uses three published servers; one of them has a secret in its environment."""
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True, timeout=30)
    bin_current, bin_legacy = CURRENT.parent, legacy_python.parent
    servers = {
        "time": {"command": str(bin_current / "mcp-server-time"), "args": ["--local-timezone", "Europe/Berlin"]},
        "git": {"command": str(bin_current / "mcp-server-git"), "args": ["--repository", str(repository)],
                "env": {"GIT_TOKEN": "ghp_0123456789abcdefghijABCDEFGHIJ012345"}},
        "sqlite": {"command": str(bin_legacy / "mcp-server-sqlite"), "args": ["--db-path", str(tmp_path / "s.db")]},
    }
    file = shell.home / ".config" / "Claude" / "claude_desktop_config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"mcpServers": servers}))
    return shell


def by_alias(found: dict) -> dict[str, dict]:
    return {alias: server for server in found["servers"] for alias in server["aliases"]}


def test_declared_servers_are_listed_without_being_started(declared: Shell):
    result = declared("discover", "--config-home", str(declared.home), "--format", "json").expect(0)
    servers = result.json["servers"]
    assert len(servers) == 3
    assert all(server["transport"] == "stdio" and server["description"] is None for server in servers)
    assert "ghp_0123456789" not in result.out + result.err
    assert any(secret["name"] for server in servers for secret in server["secrets"])


def test_a_secret_of_a_client_never_reaches_the_ledger_or_an_export(declared: Shell):
    declared("init").expect(0)
    declared("discover", "--config-home", str(declared.home)).expect(0)
    for form in ("json", "csv", "cyclonedx"):
        exported = declared("inventory", "export", "--as", form).expect(0)
        assert "ghp_0123456789" not in exported.out + exported.err
    for file in (declared.folder / ".lockstep").rglob("*"):
        if file.is_file():
            assert b"ghp_0123456789" not in file.read_bytes(), file.name


def test_launched_servers_are_described(declared: Shell):
    result = declared(
        "discover", "--config-home", str(declared.home), "--launch", "--timeout", "30s", "--format", "json", timeout=120
    ).expect(0)
    described = {server["description"]["name"]: server for server in result.json["servers"] if server["description"]}
    assert len(described) == 3, result.json["not_covered"]
    tools = {
        name: {d["name"]: d for d in server["description"]["definitions"] if d["kind"] == "tool"}
        for name, server in described.items()
    }
    counts = sorted(len(each) for each in tools.values())
    assert counts == [2, 6, 12]
    time = next(each for each in tools.values() if "convert_time" in each)
    assert set(time) == {"get_current_time", "convert_time"}
    for each in tools.values():
        for definition in each.values():
            assert definition["digest"] == definition_digest(definition["body"])
    assert "ghp_0123456789" not in result.out + result.err


def test_launched_servers_of_the_lab_match_the_manifest(shell: Shell):
    names = ["retail", "hr", "finance", "research", "notes", "tickets", "calendar", "facilities"]
    file = shell.home / ".cursor" / "mcp.json"
    file.parent.mkdir(parents=True)
    servers = {name: {"command": str(shell.programs.lab), "args": ["stdio", name]} for name in names}
    file.write_text(json.dumps({"mcpServers": servers}))
    with laboratory(shell.programs, shell.folder) as manifest:
        truth = {server["name"]: server for server in manifest["servers"] if server["kind"] == "mcp"}
    result = shell("discover", "--config-home", str(shell.home), "--launch", "--format", "json", timeout=120).expect(0)
    described = {s["description"]["name"]: s["description"] for s in result.json["servers"] if s["description"]}
    assert set(described) == set(truth)
    for name, description in described.items():
        # Each era is opened once, so that a server is not started over and over; over HTTP every revision is asked for.
        revisions = truth[name]["revisions"]
        legacy = [revision for revision in revisions if revision != "2026-07-28"][:1]
        assert description["revisions"] == [each for each in revisions if each == "2026-07-28"] + legacy, name
        tools = {d["name"]: d["digest"] for d in description["definitions"] if d["kind"] == "tool"}
        assert tools == {tool["name"]: tool["digest"] for tool in truth[name]["tools"]}, name


@pytest.mark.parametrize("name", ["hang", "flood", "fork", "stubborn"])
def test_a_hostile_server_is_ended_with_its_children(shell: Shell, name: str):
    file = shell.home / ".cursor" / "mcp.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"mcpServers": {name: {"command": str(shell.programs.lab), "args": ["stdio", name]}}}))
    result = shell(
        "discover", "--config-home", str(shell.home), "--launch", "--timeout", "3s", "--format", "json", timeout=60
    ).expect(0)
    assert len(result.json["servers"]) == 1
    if name != "fork":
        assert result.json["not_covered"], "a server that did not answer is part of what is not covered"
    left = [
        process.name for process in Path("/proc").iterdir()
        if process.name.isdigit() and is_lab_stdio(process, str(shell.programs.lab))
    ]
    assert left == [], "processes were left behind"


def is_lab_stdio(process: Path, lab: str) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return b"stdio" in words and any(b"lockstep-lab" in word for word in words) and state != "Z"
