"""The command line as a security lead meets it: words, exit codes, and files that no command may replace."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Shell, make_key, write_workspace
from test_votes import openssh_sign, prepare, start, waiting  # noqa: F401

GATE = """\
apiVersion: lockstep/v1
kind: Playbook
id: gated
name: Gated
version: 1.0.0
steps:
  - id: look
    uses: discovery.configurations
    with: {{homes: ["{home}"]}}
  - id: accepted
    gate:
      every: 24h
      within: 7d
      metrics:
        open: {{source: inventory.findings}}
      pass: metrics.open.last == 0
      message: Nothing may be open
  - id: report
    uses: report.progress
"""


def gated(shell: Shell) -> Shell:
    """A run at a gate that one finding keeps shut."""
    folder = shell.home / ".cursor"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mcp.json").write_text('{"mcpServers": {"notes": {"url": "http://192.0.2.1:9/mcp"}}}')
    (shell.folder / "gated.yaml").write_text(GATE.format(home=shell.home))
    return shell


# MARK: Inputs and roadmap


def test_the_shipped_roadmap_takes_the_inputs_of_its_first_phase(workspace: Shell):
    plan = workspace(
        "plan", "builtin:roadmap.yaml", "--input", "networks=127.0.0.1", "--input", "ports=9", "--format", "json"
    ).expect(0).json
    assert plan["inputs"]["networks"] == ["127.0.0.1"] and plan["inputs"]["ports"] == ["9"]
    given = {key: value for key, value in plan["phases"][0]["plan"]["inputs"].items()}
    assert given["networks"] == ["127.0.0.1"] and given["ports"] == ["9"]
    bare = workspace("plan", "builtin:roadmap.yaml", "--format", "json").expect(0).json
    assert bare["inputs"]["networks"] == [], "without an input nothing is sent to the network"


def test_an_unknown_input_says_which_exist(workspace: Shell):
    near = workspace("run", "builtin:roadmap.yaml", "--input", "netwroks=10.0.0.0/8").expect(3)
    assert "did you mean `networks`?" in near.err and "`ports`" in near.err
    far = workspace("run", "builtin:roadmap.yaml", "--input", "zzz=1").expect(3)
    assert "`homes`, `networks`, `ports`" in far.err


# MARK: Gates measured now


def test_a_gate_is_measured_now_and_says_how(workspace: Shell, people):
    gated(workspace)
    run = workspace("run", "gated.yaml").expect(4)
    findings = workspace("inventory", "findings", "--format", "json").expect(0).json
    if not findings:
        pytest.skip("the look found nothing to accept")
    assert "lockstep exception add" in run.out and "--now" in run.out
    status = workspace("status", "latest").expect(0)
    assert "what unblocks it" in status.out and "lockstep tick" in status.out
    blockers = workspace("report", "progress", "--as", "json").expect(0).json["blockers"]
    assert "lockstep exception add" in blockers[0]["command"] and "--now" in blockers[0]["command"]
    assert "Nothing may be open" in blockers[0]["reason"] and "open is" in blockers[0]["reason"]
    for finding in findings:
        workspace("exception", "add", f"finding:{finding['code']} {finding['subject']}", "--owner", "user:ana",
                  "--reason", "test", "--for", "30d", "--key", str(people[0].key)).expect(0)
    assert "nothing is due" in workspace("tick").expect(0).out
    assert "succeeded" in workspace("tick", "latest", "--now").expect(0).out
    assert workspace.query("SELECT outcome FROM sample ORDER BY number") == [("fail",), ("pass",)]


def test_measuring_now_needs_a_run(workspace: Shell):
    assert "lockstep tick latest --now" in workspace("tick", "--now").expect(3).err


# MARK: Files that no command replaces


@pytest.mark.parametrize("target", [
    ".lockstep/lockstep.db", ".lockstep/keys/redact.json", ".lockstep/new", "lockstep.yaml", ".git/config", "link",
    "state/lockstep.db", "private", ".ssh/authorized_keys",
])
@pytest.mark.parametrize("command", [
    ["report", "progress", "--as", "html", "--out"], ["inventory", "export", "--out"], ["backup"],
    ["approve", "latest", "review", "--as", "ben", "--reason", "x", "--prepare"],
])
def test_nothing_that_matters_is_overwritten(waiting: Shell, people, target: str, command: list[str]):  # noqa: F811
    folder = waiting.folder
    for name in (".git", ".ssh"):
        (folder / name).mkdir(exist_ok=True)
    (folder / ".git/config").write_text("[core]\n")
    (folder / "link").symlink_to(".lockstep/lockstep.db")
    (folder / "state").symlink_to(".lockstep")
    shutil.copy(people[0].key, folder / "private")
    path = folder / target
    before = path.read_bytes() if path.exists() else None
    result = waiting(*command, target).expect(3)
    assert "workspace.reserved" in result.err
    # Opening the ledger may move its pages; its content is what counts.
    if not target.endswith(".db") and target != "link":
        assert (path.read_bytes() if path.exists() else None) == before
    waiting("doctor").expect(0)


# MARK: Votes


def test_what_is_approved_can_be_read(waiting: Shell, people):  # noqa: F811
    shown = waiting("approve", "latest", "review", "--show").expect(0).out
    assert "0 of 1 approvals" in shown and "voters    ben; not ana" in shown and "sha256:" in shown
    raw = waiting("approve", "latest", "review", "--show", "--format", "json").expect(0)
    assert raw.json["step"] == "review"


def test_votes_are_counted_in_people(workspace: Shell, people, tmp_path):
    cleo = make_key(tmp_path / "more", "cleo", "ed25519")
    write_workspace(workspace, [*people, cleo])
    start(workspace, quorum=2)
    ben = ["approve", "latest", "review", "--as", "ben", "--key", str(people[1].key), "--reason", "yes"]
    assert "1 of 2 approvals, review is open" in workspace(*ben).expect(0).out
    assert "1 of 2 approvals, review is open" in workspace(*ben).expect(0).out
    assert "1 of 2 people needed" in workspace("report", "progress", "--as", "md").expect(0).out


def test_refused_votes_are_an_answer_and_malformed_ones_bad_input(waiting: Shell, people, tmp_path):  # noqa: F811
    vote = ["approve", "latest", "review"]
    ana = waiting(*vote, "--as", "ana", "--key", str(people[0].key), "--reason", "x").expect(2)
    assert "four eyes" in ana.err
    stranger = make_key(tmp_path / "s", "ben", "ed25519")
    waiting(*vote, "--as", "ben", "--key", str(stranger.key), "--reason", "x").expect(2)
    waiting(*vote, "--as", "ben", "--key", str(people[1].key)).expect(3)
    (tmp_path / "bad.json").write_text("{}")
    waiting(*vote, "--vote", str(tmp_path / "bad.json")).expect(3)
    waiting(*vote, "--vote", str(tmp_path / "none.json")).expect(3)
    file = prepare(waiting, tmp_path)
    unsigned = waiting(*vote, "--vote", str(file)).expect(3)
    assert "vote.unsigned" in unsigned.err and "vote.json.sig" in unsigned.err and "ssh-keygen -Y sign" in unsigned.err
    file.with_name("vote.json.sig").write_text("nonsense")
    waiting(*vote, "--vote", str(file)).expect(3)
    openssh_sign(people[0].key, file)
    waiting(*vote, "--vote", str(file)).expect(2)


# MARK: Near words


@pytest.mark.parametrize("words, meant", [
    (["statsu"], "lockstep status"), (["inventory", "lst"], "lockstep inventory list"),
    (["report", "progres"], "lockstep report progress"), (["status", "ltest"], "latest"),
    (["approve", "latest", "reveiw"], "review"), (["lint", "tree.yaml"], "three.yaml"),
    (["run", "roadmp.yaml"], "builtin:roadmap.yaml"), (["plan", "builtin:roadmp.yaml"], "builtin:roadmap.yaml"),
    (["report", "progress", "--as", "htm"], "html"),
])
def test_a_slip_is_answered_with_what_was_meant(waiting: Shell, words, meant):  # noqa: F811
    result = waiting(*words).expect(3)
    assert f"did you mean `{meant}`" in result.err, result.err


def test_a_run_id_with_a_slip_is_recognised(waiting: Shell):  # noqa: F811
    run = waiting.query("SELECT id FROM run")[0][0]
    slip = run[:-1] + ("a" if run[-1] != "a" else "b")
    assert run in waiting("status", slip).expect(3).err


# MARK: Words for what goes wrong


def test_errors_are_sentences(workspace: Shell, tmp_path):
    assert "there is no backup" in workspace("restore", "none.bak").expect(1).err
    assert "not a backup" in workspace("restore", "lockstep.yaml").expect(1).err
    assert "a folder" in workspace("restore", str(tmp_path)).expect(1).err
    key = workspace("key", "rotate", "issuer").expect(3).err
    assert "no `issuer` key" in key and "`redact`" in key
    # What the old key sealed is still believed.
    workspace("key", "rotate", "audit").expect(0)
    workspace("doctor").expect(0)
    assert "oscal" in workspace("report", "progress", "--as", "oscal").expect(3).err
    for result in (workspace("restore", "none.bak"), workspace("key", "rotate", "nothing")):
        assert "Error [" not in result.err and "WorkspaceError" not in result.err


def test_the_progress_report_is_a_spreadsheet_too(waiting: Shell):  # noqa: F811
    text = waiting("report", "progress", "--as", "csv").expect(0).out
    assert "\ufffd" not in text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {"section", "row", "item", "field", "value"} == set(rows[0])
    assert {"Steps", "Approvals", "Burn-down", "Blockers"} <= {row["section"] for row in rows}


def test_serve_says_a_thing_once(shell: Shell, people):
    shell("init", "--rehearsal", "--factor", "86400").expect(0)
    write_workspace(shell, people)
    gated(shell)
    shell("run", "gated.yaml").expect(4)
    result = shell("serve", "--for", "3s").expect(0)
    # A day is a second here: the gate is measured at least twice, and keeps waiting.
    assert len(shell.query("SELECT 1 FROM sample")) >= 3
    assert result.out.count("waits for gate") <= 1, result.out


# MARK: Help and bad places


def test_help_has_one_line_a_command(shell: Shell):
    lines = shell("--help").expect(0).out.splitlines()
    commands = [line for line in lines if line.startswith("  ") and line[2:3].islower()]
    names = [line.split()[0] for line in commands]
    for name in ("init", "discover", "lint", "run", "status", "approve", "retry", "report", "exception"):
        assert names.count(name) == 1
    heads = [line for line in lines if line.endswith("SUBCOMMANDS:")]
    assert [head.split(" SUB")[0] for head in heads] == ["SET UP", "FIND OUT", "PLAN", "POLICIES", "ROLL OUT", "DECIDE", "STEER", "ENFORCE", "PROVE"]
    wrapped = [line for line in lines if line.startswith(" " * 20)]
    assert wrapped == [], wrapped


COMMANDS = [
    ["doctor"], ["backup", "x.bak"], ["key", "list"], ["key", "rotate", "redact"], ["status"], ["status", "latest"],
    ["approve", "latest", "a", "--reason", "x"], ["reject", "latest", "a", "--reason", "x"],
    ["withdraw", "latest", "a", "--reason", "x"], ["pause", "latest", "--reason", "x"], ["resume", "latest"],
    ["cancel", "latest", "--reason", "x"], ["skip", "latest", "a", "--reason", "x"], ["retry", "latest", "a"],
    ["rollback", "latest", "--reason", "x"], ["tick"], ["tick", "latest", "--now"], ["serve", "--for", "1s"],
    ["exception", "list"], ["inventory", "list"], ["inventory", "show", "x"], ["inventory", "diff"],
    ["inventory", "assign", "x", "--owner", "user:ana"], ["inventory", "export"], ["inventory", "findings"],
    ["report", "progress"], ["run", "builtin:roadmap.yaml"],
    ["audit", "verify"], ["audit", "prove", "0"], ["audit", "list"], ["audit", "drain"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_workspace_every_command_says_so(shell: Shell, command):
    result = shell(*command).expect(1)
    assert "there is no workspace" in result.err and "lockstep init" in result.err
    assert not (shell.folder / ".lockstep").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_runs_no_command_breaks(workspace: Shell, command):
    if command[0] in ("run", "serve"):
        pytest.skip("starts or waits for something")
    result = workspace(*command)
    assert result.code in (0, 1, 2, 3), result.err
    for word in ("Fatal", "fatal", "Error [", "Swift.", "unexpectedly"):
        assert word not in result.err + result.out
    if result.code in (1, 3):
        assert result.err.strip(), "a failure needs words"


@pytest.mark.parametrize("command", [["status"], ["inventory", "list"], ["report", "progress"], ["--help"], ["doctor"]],
                         ids=" ".join)
def test_a_closed_stdout_is_no_crash(workspace: Shell, command):
    line = " ".join([str(workspace.programs.lockstep), *command]) + " >&-; echo code $? >&2"
    from conftest import environment
    done = subprocess.run(["bash", "-c", line], cwd=workspace.folder, env=environment(workspace.home),
                          capture_output=True, text=True, timeout=60)
    assert "code 0" in done.stderr, done.stderr
    assert "Fatal" not in done.stderr


@pytest.mark.parametrize("command", [["status"], ["inventory", "export"], ["playbook", "schema"], ["--help"]], ids=" ".join)
def test_an_answer_that_is_lost_is_a_failure(workspace: Shell, command):
    from conftest import environment
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(workspace.programs.lockstep), *command], cwd=workspace.folder, stdout=full,
                              env=environment(workspace.home), stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1, done.stderr


def as_nobody() -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users: only root can become another")
def test_the_workspace_of_somebody_else_is_said_so(workspace: Shell):
    from conftest import environment
    for folder in [workspace.folder, *workspace.folder.parents]:
        if folder.stat().st_mode & 0o005 != 0o005:
            pytest.skip("another user cannot reach the folder of this test")
    done = subprocess.run([str(workspace.programs.lockstep), "status"], cwd=workspace.folder, preexec_fn=as_nobody,
                          env=environment(workspace.home), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "may not be read" in done.stderr, done.stderr
    assert "lockstep init" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user may write everywhere")
@pytest.mark.parametrize("command", [["init"], ["backup", "x.bak"], ["report", "progress", "--out", "x.md"]], ids=" ".join)
def test_a_read_only_folder_is_said_so(workspace: Shell, tmp_path: Path, command):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    shell = Shell(workspace.programs, folder, workspace.home)
    result = shell(*command, LOCKSTEP_WORKSPACE=str(workspace.folder) if command != ["init"] else "").expect(1)
    assert "permission denied" in result.err or "could not" in result.err


# MARK: What a first reader stumbled over


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("given", "words"),
    [("networks=8.8.8.0/24", ["8.8.8.0/24", "public address", "networks"]), ("ports=5-1", ["5-1", "ports"])],
)
def test_inputs_are_judged_by_the_actions_that_they_reach(workspace: Shell, command: str, given: str, words: list[str]):
    result = workspace(command, "builtin:roadmap.yaml", "--input", given).expect(3)
    for word in [*words, "input.refused"]:
        assert word in result.err


def test_ports_may_be_ranges(workspace: Shell):
    result = workspace(
        "plan", "builtin:roadmap.yaml", "--input", "networks=127.0.0.1", "--input", "ports=1-5,80", "--format", "json"
    ).expect(0)
    assert result.json["inputs"]["ports"] == ["1-5", "80"]


@pytest.mark.parametrize("arguments", [["exception", "close", "nope"], ["inventory", "diff", "nope"]])
def test_a_mistyped_id_is_not_taken_for_a_lost_ledger(workspace: Shell, arguments: list[str]):
    result = workspace(*arguments).expect(1)
    assert "nope" in result.err and "restore" not in result.err


def test_a_configuration_without_its_state_mentions_restore(shell: Shell):
    (shell.folder / "lockstep.yaml").write_text("apiVersion: lockstep/v1\nkind: Workspace\n")
    result = shell("status").expect(1)
    assert "no `.lockstep` beside it" in result.err and "lockstep restore FILE" in result.err


def test_a_version_of_two_numbers_is_told_what_would_do(shell: Shell):
    (shell.folder / "p.yaml").write_text(
        "apiVersion: lockstep/v1\nkind: Playbook\nid: p\nname: P\nversion: 1.0\n"
        "steps:\n  - id: a\n    uses: report.progress\n"
    )
    result = shell("lint", "p.yaml").expect(3)
    assert "three numbers, as in `1.0.0`" in result.err + result.out
    assert "1 error," in result.err + result.out


def test_the_error_of_the_readme_is_a_real_one(shell: Shell):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    line = next(each.strip() for each in readme.splitlines() if "phase.yaml:12:5: error:" in each)
    head = "apiVersion: lockstep/v1\nkind: Playbook\nid: p\nname: P\nversion: 1.0.0\n"
    body = "# a line\n" * 3 + "steps:\n  - id: a\n    uses: report.progress\n    timout: 5m\n"
    (shell.folder / "phase.yaml").write_text(head + body)
    told = shell("lint", "phase.yaml").expect(3)
    assert line in told.err + told.out
