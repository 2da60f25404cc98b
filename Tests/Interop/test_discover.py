"""What `lockstep discover` refuses, and what bounds it: folders, ports and times that somebody wrote down."""

from __future__ import annotations

import json
import re
import time

import pytest

from conftest import Shell, environment, running


def declare(shell: Shell, **servers: dict) -> None:
    file = shell.home / ".cursor" / "mcp.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": servers}))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config-home", "/nope"], ["/nope", "does not exist", "discover.config-home"]),
        (["--project", "/nope"], ["/nope", "does not exist", "discover.project"]),
        (["--ports", "80"], ["--hosts 127.0.0.1 --ports 80", "discover.ports"]),
        (["--hosts", "nonsense"], ["nonsense", "discover.hosts"]),
        (["--hosts", "127.0.0.1", "--ports", "0"], ["discover.ports"]),
        (["--timeout", "soon"], ["soon", "discover.timeout"]),
        (["--timeout", "soon", "--launch"], ["soon", "discover.timeout"]),
    ],
)
def test_what_cannot_be_meant_is_invalid_input(shell: Shell, arguments: list[str], words: list[str]):
    result = shell("discover", *arguments).expect(3)
    for word in words:
        assert word in result.err
    assert result.out == ""


def test_the_time_given_bounds_a_started_server(shell: Shell):
    declare(shell, hang={"command": str(shell.programs.lab), "args": ["stdio", "hang"]})
    result = shell(
        "discover", "--config-home", str(shell.home), "--launch", "--timeout", "2s", "--format", "json", timeout=60
    ).expect(0)
    assert result.seconds < 15, "the 30 seconds that a server has unless a time is given"
    assert result.json["not_covered"]


def test_no_secret_of_a_command_line_is_printed_stored_or_exported(shell: Shell):
    secrets = ["hunter2swordfish", "Tr0ub4dor", "a1b2c3d4e5f6a7b8", "pw9secretpw9"]
    declare(
        shell,
        one={"command": "npx", "args": ["-y", "tool@1.0.0", "-u", f"ana:{secrets[0]}"]},
        two={"command": "npx", "args": ["-y", "mysql-mcp-server", "-u", "root", f"-p{secrets[1]}"]},
        three={"url": f"https://h.example/mcp/{secrets[2]}/sse"},
        four={"command": "npx", "args": ["-y", "db", f"root:{secrets[3]}@tcp(127.0.0.1:3306)/db"]},
    )
    shell("init").expect(0)
    said = [shell("discover", "--config-home", str(shell.home), "--format", form).expect(0) for form in ("json", "table")]
    said += [shell("inventory", "export", "--as", form).expect(0) for form in ("json", "csv", "cyclonedx")]
    stored = b"".join(path.read_bytes() for path in (shell.folder / ".lockstep").rglob("*") if path.is_file())
    for secret in secrets:
        assert all(secret not in each.out + each.err for each in said)
        assert secret.encode() not in stored


def test_an_exported_inventory_is_imported_elsewhere(shell: Shell, tmp_path):
    declare(
        shell,
        hr={"url": "https://hr.example/mcp"},
        git={"command": "uvx", "args": ["mcp-server-git==1.0"]},
    )
    shell("init").expect(0)
    shell("discover", "--config-home", str(shell.home)).expect(0)
    for form in ("json", "cyclonedx"):
        shell("inventory", "export", "--as", form, "--out", str(tmp_path / form)).expect(0)
        elsewhere = tmp_path / f"elsewhere-{form}"
        elsewhere.mkdir()
        other = Shell(shell.programs, elsewhere, shell.home)
        other("init").expect(0)
        result = other("inventory", "import", str(tmp_path / form), "--format", "json").expect(0).json
        assert result[0]["added"] and not result[0]["unmapped"]
        before = {s["canonical_key"] for s in shell("inventory", "list", "--format", "json").expect(0).json}
        after = {s["canonical_key"] for s in other("inventory", "list", "--format", "json").expect(0).json}
        assert before == after
    unknown = tmp_path / "unknown.json"
    unknown.write_text(json.dumps({"bomFormat": "CycloneDX", "services": [{"name": "hr"}, {"name": "who"}]}))
    result = shell("inventory", "import", str(unknown), "--format", "json").expect(0)
    assert result.json[0]["servers"] == ["hr", "unmapped-who"] and result.json[0]["unmapped"] == ["who"]
    assert "unmapped:who" in result.err


def test_a_bundle_from_a_machine_without_a_workspace_is_imported(shell: Shell, tmp_path):
    declare(shell, hr={"url": "https://hr.example/mcp"}, git={"command": "uvx", "args": ["mcp-server-git==1.0"]})
    (shell.home / ".gemini").mkdir()
    (shell.home / ".gemini" / "settings.json").write_text("{broken")
    file = tmp_path / "bundle.json"
    seen = shell("discover", "--config-home", str(shell.home), "--bundle", str(file), "--format", "json").expect(0).json
    assert seen["not_covered"] and len(seen["servers"]) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Shell(shell.programs, elsewhere, shell.home)
    other("init").expect(0)
    taken = other("inventory", "import", str(file), "--format", "json").expect(0).json[0]
    assert sorted(taken["added"]) == sorted(server["id"] for server in seen["servers"])
    assert len(taken["not_covered"]) == len(seen["not_covered"])
    listed = other("inventory", "list", "--format", "json").expect(0).json
    assert {s["canonical_key"] for s in listed} == {s["canonical_key"] for s in seen["servers"]}
    shell("discover", "--config-home", str(shell.home), "--bundle", str(tmp_path / "no" / "b.json")).expect(1)


@pytest.mark.parametrize("text", [None, "", "{}", '{"bomFormat": "CycloneDX", "services": 7}'])
def test_what_is_no_inventory_is_invalid_input(shell: Shell, tmp_path, text: str | None):
    file = tmp_path / "file.json"
    if text is not None:
        file.write_text(text)
    shell("init").expect(0)
    shell("inventory", "import", str(file)).expect(3)


def test_logs_name_servers_that_nothing_else_shows(shell: Shell, tmp_path):
    log = tmp_path / "mcp.log"
    log.write_text("2026-07-20T14:09:08.507Z [info] [weather] Initializing server...\n"
                   "http.host=mcp.example http.path=/mcp mcp-method=tools/list\n")
    shell("init").expect(0)
    found = shell("discover", "--config-home", str(shell.home), "--logs", str(log), "--format", "json").expect(0).json
    assert {each["canonical_key"] for each in found["servers"]} == {"unmapped:weather", "http://mcp.example/mcp"}
    assert found["examined"]["log lines"] == 2
    shell("discover", "--logs", "/nope/mcp.log").expect(3)


def test_a_look_elsewhere_ends_no_finding(shell: Shell, tmp_path):
    """Findings of another home stay until a look at that very file does not see them any more."""
    other = tmp_path / "other" / ".cursor" / "mcp.json"
    other.parent.mkdir(parents=True)
    secret = {"mcpServers": {"hr": {"url": "https://hr.example/mcp", "headers": {"Authorization": "Bearer hunter2x"}}}}
    other.write_text(json.dumps(secret))
    shell("init").expect(0)

    def codes() -> set[str]:
        return {each["code"] for each in shell("inventory", "findings", "--format", "json").expect(0).json}

    look = ("discover", "--config-home", str(tmp_path / "other"))
    shell(*look).expect(0)
    assert "configuration.inline-secret" in codes()
    shell("discover").expect(0)
    shell("discover", "--config-home", str(shell.home)).expect(0)
    other.write_text("{ broken")
    shell(*look).expect(0)
    assert "configuration.inline-secret" in codes()
    other.unlink()
    shell(*look).expect(0)
    assert "configuration.inline-secret" not in codes()


def test_a_server_that_is_gone_is_told_and_keeps_no_gate_happy(shell: Shell, tmp_path):
    shell("init").expect(0)
    manifest = tmp_path / "lab.json"
    with running([shell.programs.lab, "--manifest", str(manifest), "--for", "60"], tmp_path / "lab.log",
                 environment(shell.home)):
        end = time.monotonic() + 30
        while not (manifest.is_file() and manifest.stat().st_size) and time.monotonic() < end:
            time.sleep(0.05)
        ports = ",".join(sorted(set(re.findall(r'"http://127\.0\.0\.1:(\d+)', manifest.read_text()))))
        sweep = ("discover", "--config-home", str(shell.home), "--hosts", "127.0.0.1", "--ports", ports)
        shell(*sweep).expect(0)
        shell("inventory", "list").expect(0)
    shell(*sweep).expect(0)
    servers = shell("inventory", "list", "--format", "json").expect(0).json
    mcp = [each for each in servers if each["kind"] == "mcp"]
    assert mcp and all(each["not_reached"] for each in mcp)
    shown = shell("inventory", "show", mcp[0]["id"]).expect(0).out
    assert "last look on" in shown and "could not reach it" in shown
    assert "could not reach it" in shell("report", "progress", "--as", "md").expect(0).out
