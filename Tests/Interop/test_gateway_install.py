"""`lockstep gateway install`: a client's own configuration, changed where it must be and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import CURRENT, PEERS, Shell, environment

POLICY = """\
apiVersion: lockstep/v1
kind: Policy
name: install
scope: agent
agents:
  desk:
    servers:
      stock:
        - {id: stock.read, tool: stock, tier: read, arguments: {sku: {required: true, values: {token: [abc-1]}}}}
"""

DOCUMENT = """\
gateway: edge-1
listen: 127.0.0.1:8800
state: state
mode: enforce
policy: policy.yaml
routes:
  - {server: stock}
  - {path: /web, server: web, upstream: "http://127.0.0.1:9001/mcp"}
identity: {declared: desk}
"""

#: As people write it: comments, a trailing comma, odd spaces, escapes, members that nobody knows.
CLIENT = """\
{
  // the desk's servers
  "theme":   "d\\u00e4rk",
  "mcpServers": {
    "stock": { "command": %(python)s,   "args": [ /* peers */ %(server)s ], "env": {"MODE": "x"}, },
    "web": {"type": "http", "url": "http://127.0.0.1:9001/mcp", "headers": {"X-A": "1"}},
  },
  "n": 1.0e2, "last": [1,2 ,3],
}
"""


@pytest.fixture
def desk(shell: Shell) -> Shell:
    (shell.folder / "policy.yaml").write_text(POLICY)
    (shell.folder / "gateway.yaml").write_text(DOCUMENT)
    client = shell.folder / "client.json"
    client.write_text(CLIENT % {"python": json.dumps(str(CURRENT)), "server": json.dumps(str(PEERS / "serve_stdio.py"))})
    client.chmod(0o640)
    return shell


def install(desk: Shell, *more: str, config: str = "gateway.yaml"):
    return desk("gateway", "install", "--client", "client.json", "--config", config, *more)


def undo(desk: Shell):
    return desk("gateway", "install", "--client", "client.json", "--undo")


def files(desk: Shell) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in desk.folder.iterdir() if path.is_file()}


def relaxed(text: str) -> dict:
    """The client's reading: without comments and trailing commas."""
    for noise in ("// the desk's servers", "/* peers */"):
        text = text.replace(noise, "")
    return json.loads(text.replace("}, }", "}}").replace("},\n  }", "}\n  }").replace(",3],", ",3]"))


def test_only_what_must_change_changes(desk: Shell):
    before = (desk.folder / "client.json").read_text()
    said = install(desk).expect(0)
    after = (desk.folder / "client.json").read_text()
    stock, web = relaxed(after)["mcpServers"]["stock"], relaxed(after)["mcpServers"]["web"]
    document = str(desk.folder / "gateway.yaml")
    assert stock["command"] == str(desk.programs.lockstep.resolve())
    assert stock["args"] == [
        "gateway", "wrap", "--config", document, "--server", "stock", "--", str(CURRENT), str(PEERS / "serve_stdio.py"),
    ]
    assert stock["env"] == {"MODE": "x"}
    assert web == {"type": "http", "url": "http://127.0.0.1:8800/web", "headers": {"X-A": "1"}}
    changed = [index for index, (one, other) in enumerate(zip(before.split("\n"), after.split("\n"))) if one != other]
    assert changed == [4, 5] and before.count("\n") == after.count("\n")
    assert "/* peers */" in after and "d\\u00e4rk" in after and "1.0e2" in after
    assert sum(line.startswith("+ ") for line in said.out.splitlines()) == 2
    assert (desk.folder / "client.json").stat().st_mode & 0o777 == 0o640


def test_the_real_sdk_uses_the_rewritten_configuration(desk: Shell):
    install(desk, "--server", "stock").expect(0)
    server = relaxed((desk.folder / "client.json").read_text())["mcpServers"]["stock"]
    wanted = {"token": "", "era": "stdio", "calls": {"stock": {"sku": "ABC-1"}}}
    done = ask(desk, server, wanted)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert [tool["name"] for tool in said["tools"]] == ["stock"]
    assert said["calls"]["stock"]["structuredContent"]["quantity"] == 3
    for calls in ({"stock": {"sku": "XYZ-1"}}, {"book": {"sku": "ABC-1", "quantity": 1}}):
        refused = ask(desk, server, wanted | {"calls": calls})
        assert refused.returncode != 0 and "denied by policy" in refused.stderr, refused.stdout + refused.stderr[-2000:]


def ask(desk: Shell, server: dict, wanted: dict) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PEERS / "ask_current.py"), json.dumps([server["command"], *server["args"]]), json.dumps(wanted)],
        capture_output=True, text=True, timeout=60, cwd=desk.folder, env=environment(desk.home),
    )


def test_twice_is_once_and_undo_is_byte_for_byte(desk: Shell):
    before = files(desk)
    install(desk).expect(0)
    once = files(desk)
    assert len(once) == len(before) + 1
    again = install(desk).expect(0)
    assert again.out == "" and files(desk) == once
    backup = next(name for name in once if name not in before)
    assert once[backup] == before["client.json"]
    assert (desk.folder / backup).stat().st_mode & 0o777 == 0o640
    undo(desk).expect(0)
    assert files(desk) == before
    assert (desk.folder / "client.json").stat().st_mode & 0o777 == 0o640
    twice = undo(desk)
    assert twice.code != 0 and "nothing to undo" in twice.err and "[gateway.not-installed]" in twice.err


def test_one_after_the_other_is_undone_together(desk: Shell):
    before = files(desk)
    install(desk, "--server", "web").expect(0)
    install(desk, "--server", "stock").expect(0)
    undo(desk).expect(0)
    assert files(desk) == before


def test_a_file_that_was_changed_since_is_left_alone(desk: Shell):
    install(desk).expect(0)
    client = desk.folder / "client.json"
    client.write_text(client.read_text().replace('"n": 1.0e2', '"n": 2'))
    changed = files(desk)
    refused = undo(desk)
    assert refused.code != 0 and "changed since" in refused.err
    assert files(desk) == changed


def test_a_dry_run_writes_nothing(desk: Shell):
    before = files(desk)
    assert "gateway" in install(desk, "--dry-run").expect(0).out
    assert files(desk) == before


def test_a_link_stays_a_link(desk: Shell):
    client = desk.folder / "client.json"
    target = desk.folder / "kept.json"
    client.rename(target)
    client.symlink_to(target)
    install(desk).expect(0)
    assert client.is_symlink() and b"wrap" in target.read_bytes()


@pytest.mark.parametrize("change, word", [
    (lambda text: text.replace('"stock": {', '"other": {'), "no route for the program"),
    (lambda text: text.replace('"web": {', '"else": {').replace("9001", "9002"), "no address"),
    (lambda text: text.replace('"args": [ /* peers */', '"args": [ /* peers *'), "[client."),
    (lambda text: text.replace('"theme"', '"mcpServers": {}, "theme"'), "[client."),
    (lambda text: text.replace('"args": [', '"args": "x", "b": ['), "cannot be read"),
    (lambda text: "{}", "names no servers"),
    (lambda text: "", "[client."),
])
def test_what_cannot_be_done_wholly_is_not_begun(desk: Shell, change, word: str):
    client = desk.folder / "client.json"
    client.write_text(change(client.read_text()))
    before = files(desk)
    refused = install(desk)
    assert refused.code != 0 and word in refused.err, refused.err
    assert files(desk) == before


def test_a_server_that_is_not_there_and_another_gateway_are_refused(desk: Shell):
    assert "no server" in install(desk, "--server", "nobody").err
    install(desk).expect(0)
    (desk.folder / "second.yaml").write_text(DOCUMENT)
    installed = files(desk)
    refused = install(desk, config="second.yaml")
    assert refused.code != 0 and "another gateway" in refused.err
    assert files(desk) == installed


def test_secrets_stay_out_of_the_difference(desk: Shell):
    client = desk.folder / "client.json"
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    client.write_text(client.read_text().replace('"MODE": "x"', f'"GIT_TOKEN": "{secret}"'))
    said = install(desk).expect(0)
    assert secret not in said.out + said.err and secret in client.read_text()


@pytest.mark.parametrize("text", [
    '{"servers":{"stock":{"type":"stdio","command":"node"}}}',
    '{"context_servers":{"stock":{"command":{"path":"node","args":["a"]},"settings":{}}}}',
    '{"mcpServers":{"stock":{"command":"node","args":[]}}}',
    '{"projects":{"/p":{"mcpServers":{"stock":{"args":["x y"],"command":"n\\u006fde"}}}}}',
])
def test_the_shapes_of_clients(desk: Shell, text: str):
    client = desk.folder / "client.json"
    client.write_text(text)
    install(desk).expect(0)
    made = client.read_text()
    json.loads(made)
    assert '"--server","stock","--","n' in made.replace(", ", ",")
    assert "\\u006f" in made or "\\u006f" not in text
    install(desk).expect(0)
    assert client.read_text() == made
    undo(desk).expect(0)
    assert client.read_text() == text
