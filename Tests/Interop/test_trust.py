"""What a security lead must be able to trust: nothing is passed by unsigned, what was changed by hand shows, and a restore
that is killed leaves the old workspace or the new one, whole."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time

import pytest

from conftest import Shell, write_workspace

HELD = """\
apiVersion: lockstep/v1
kind: Playbook
id: held
name: Held
version: 1.0.0
steps:
  - id: check
    gate: {pass: "false", on-fail: pause}
  - id: review
    approval: {approvers: ["group:security-leads"], min: 1, expires: 2d}
  - id: rest
    wait: {for: 1d}
"""


@pytest.fixture
def held(workspace: Shell, people) -> Shell:
    write_workspace(workspace, people)
    (workspace.folder / "held.yaml").write_text(HELD)
    workspace("run", "held.yaml").expect(4)
    return workspace


def change(shell: Shell, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(shell.database)) as connection:
        connection.executescript(sql)


def test_neither_gate_nor_approval_is_skipped(held: Shell):
    for step, code in (("check", "gate.not-skippable"), ("review", "approval.not-skippable")):
        refused = held("skip", "latest", step, "--reason", "in a hurry")
        assert refused.code != 0 and code in refused.err
    assert "lockstep exception add" in held("skip", "latest", "check", "--reason", "x").err


def test_a_gate_gives_way_to_a_signed_exception_only(held: Shell, people):
    ask = ["exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "known", "--for", "2d"]
    assert "exception.unsigned" in held(*ask).expect(3).err
    held(*ask, "--key", str(people[0].key)).expect(0)
    assert "unauthenticated" not in held("exception", "list").out
    held("resume", "latest").expect(0)
    held("tick").expect(0)
    states = {step["step"]: step for step in held("status", "latest", "--format", "json").json["steps"]}
    assert states["check"]["state"] == "succeeded" and "waived by exception x-" in states["check"]["summary"]
    assert states["review"]["state"] == "waiting"
    held("doctor").expect(0)
    change(held, "UPDATE exception SET reason = 'other'")
    assert "exception.unproven" in held("doctor", "--format", "json").expect(2).out


@pytest.mark.parametrize("scope", ["server:*", "finding:nots/add_note", "gate:latest/chek", "gate:latest/review", "note:x"])
def test_an_exception_for_what_does_not_exist_is_refused(held: Shell, people, scope: str):
    refused = held("exception", "add", scope, "--owner", f"user:{people[0].name}", "--reason", "x", "--for", "2d").expect(3)
    assert "exception.scope" in refused.err
    assert held("exception", "list", "--format", "json").json == []


def test_doctor_names_what_was_changed_by_hand(held: Shell, people):
    held("exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "known", "--for", "2d",
         "--key", str(people[0].key)).expect(0)
    held("resume", "latest").expect(0)
    held("tick").expect(0)
    held("approve", "latest", "review", "--as", people[1].name, "--key", str(people[1].key), "--reason", "read it").expect(0)
    held("tick").expect(0)
    held("doctor").expect(0)
    saved = held.folder.parent / "whole.db"
    with contextlib.closing(sqlite3.connect(held.database)) as connection:
        connection.execute(f"VACUUM INTO '{saved}'")
    for sql, code in [
        ("UPDATE step SET state = 'succeeded' WHERE instance = 'rest'", "replay.step"),
        ("UPDATE run SET state = 'succeeded'", "replay.run"),
        ("UPDATE approval SET quorum = 7", "replay.approval"),
        ("DROP TRIGGER vote_kept; DELETE FROM vote", "replay.vote"),
        ("DROP TRIGGER vote_kept", "ledger.foreign-schema"),
        ("DROP TRIGGER vote_stays; UPDATE vote SET proof = replace(proof, 'read it', 'not read')", "vote.bad-signature"),
        ("DROP TRIGGER vote_stays; UPDATE vote SET proof = NULL", "vote.unproven"),
        ("DROP TRIGGER vote_stays; UPDATE vote SET reason = 'not read'", "vote.differs"),
        ("UPDATE verdict SET result = 'pass'", "replay.verdict"),
        ("UPDATE artifact SET bytes = x'00'", "artifact.altered"),
        ("UPDATE run SET playbook = 'other'", "replay.run"),
        ("UPDATE run SET seal = x'00'", "seal.broken"),
        ("UPDATE run SET seal = NULL", "seal.missing"),
        ("DELETE FROM exception", "seal.broken"),
        ("UPDATE exception SET closed = 1", "seal.broken"),
        ("INSERT INTO scan (key, label, time, examined, gaps) VALUES ('k', 'l', 1, '{}', '[]')", "seal.broken"),
        ("DELETE FROM table_seal", "seal.missing"),
        ("DROP TABLE table_seal; PRAGMA user_version = 3", "seal.missing"),
    ]:
        for end in ("-wal", "-shm"):
            held.database.with_name(held.database.name + end).unlink(missing_ok=True)
        shutil.copy(saved, held.database)
        held("doctor").expect(0)
        change(held, sql)
        assert f"[{code}]" in held("doctor", "--format", "json").expect(2).out, sql


LATER = """\
apiVersion: lockstep/v1
kind: Playbook
id: later
name: Later
version: 1.0.0
steps:
  - id: owned
    gate: {every: 24h, within: 21d, metrics: {known: {source: inventory.servers}}, pass: "metrics.known.last > 99.0", on-fail: pause}
"""
ABOVE = """\
apiVersion: lockstep/v1
kind: Playbook
id: above
name: Above
version: 1.0.0
steps:
  - id: below
    playbook: later.yaml
"""


def test_a_waiver_takes_effect_on_a_gate_that_waits_and_the_advice_works(workspace: Shell, people):
    (workspace.folder / "later.yaml").write_text(LATER)
    (workspace.folder / "above.yaml").write_text(ABOVE)
    workspace("run", "above.yaml").expect(4)
    added = workspace("exception", "add", "gate:latest/below/owned", "--owner", f"user:{people[0].name}", "--reason", "known",
                      "--for", "2d", "--key", str(people[0].key)).expect(0)
    assert "waived by exception x-" in workspace("status", "latest").expect(0).out
    advice = added.err.split("go on with `lockstep ")[1].split("`")[0]
    assert advice in workspace("status", "latest").out
    assert "is succeeded" in workspace(*advice.split()).expect(0).out
    assert workspace.query("SELECT result FROM verdict") == [("fail",)]
    workspace("doctor").expect(0)


def test_no_exception_counts_unsigned_where_votes_must_be_signed(workspace: Shell, people):
    configure(workspace, "one")
    workspace("discover", "--config-home", str(workspace.home)).expect(0)
    ask = ["exception", "add", "server:one", "--owner", f"user:{people[0].name}", "--reason", "x", "--for", "2d"]
    assert "exception.unsigned" in workspace(*ask).expect(3).err
    assert workspace("exception", "list", "--format", "json").json == []
    change(workspace, """INSERT INTO exception (id, scope, owner, reason, created_by, created, expires, authenticated)
        VALUES ('x-0', 'server:one', 'user:ana', 'r', 'user:ana', 1, 9000000000000000, 1)""")
    assert "DOES NOT COUNT" in workspace("exception", "list").out
    assert "unauthenticated" in workspace("report", "progress", "--as", "md").out
    assert "unauthenticated" in workspace("report", "progress", "--as", "html").out
    (listed,) = workspace("report", "progress", "--as", "json").json["exceptions"]
    assert listed["authenticated"] is False
    assert "[seal.broken]" in workspace("doctor").expect(2).out


def configure(shell: Shell, *names: str) -> None:
    servers = {name: {"command": "/usr/bin/python3", "args": [f"/srv/{name}.py"]} for name in names}
    (shell.home / ".cursor").mkdir(exist_ok=True)
    (shell.home / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": servers}))


REVIEWED = """\
apiVersion: lockstep/v1
kind: Playbook
id: reviewed
name: Reviewed
version: 1.0.0
steps:
  - id: look
    uses: discovery.configurations
    with: {homes: ["HOME"]}
  - id: snapshot
    uses: inventory.snapshot
  - id: review
    approval:
      approvers: [group:security-leads]
      min: 1
      show: ["${{ steps.snapshot.outputs.inventory }}", "${{ steps.snapshot.outputs.findings }}"]
      expires: 10d
"""


def test_what_changed_since_it_was_shown_is_not_approved(workspace: Shell, people, tmp_path):
    configure(workspace, "one")
    (workspace.folder / "reviewed.yaml").write_text(REVIEWED.replace("HOME", str(workspace.home)))
    workspace("run", "reviewed.yaml").expect(4)
    sign = ["--as", people[1].name, "--key", str(people[1].key), "--reason", "read it"]
    shown = workspace("approve", "latest", "review", "--show").expect(0).out
    signed = workspace("approve", "latest", "review", "--show", "--format", "json").expect(0).out
    assert "/srv/one.py" in shown and "/srv/one.py" in signed and '"definitions"' in signed
    configure(workspace, "one", "two")
    workspace("discover", "--config-home", str(workspace.home)).expect(0)
    later = workspace("approve", "latest", "review", "--show").expect(0).out
    assert "changed since it was asked" in later and "two: new" in later
    assert later.startswith(shown.rstrip()), "what is signed prints as it was"
    assert workspace("approve", "latest", "review", "--show", "--format", "json").out == signed
    refused = workspace("approve", "latest", "review", *sign).expect(2)
    assert "vote.shown-changed" in refused.err and "lockstep retry latest snapshot" in refused.err
    assert workspace.query("SELECT count(*) FROM vote") == [(0,)]
    workspace("retry", "latest", "snapshot").expect(0)
    workspace("tick").expect(0)
    assert "/srv/two.py" in workspace("approve", "latest", "review", "--show").out
    workspace("approve", "latest", "review", *sign).expect(0)
    workspace("tick").expect(0)
    workspace("doctor").expect(0)


def test_who_has_left_is_no_tampering(held: Shell, people, tmp_path):
    held("exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "known", "--for", "2d",
         "--key", str(people[0].key)).expect(0)
    held("resume", "latest").expect(0)
    held("tick").expect(0)
    held("approve", "latest", "review", "--as", people[1].name, "--key", str(people[1].key), "--reason", "read it").expect(0)
    held("doctor").expect(0)
    write_workspace(held, people[:1])
    left = held("doctor").expect(2)
    assert "vote.key-unlisted" in left.out and "retired-keys" in left.err
    assert "restore" not in left.err and "vote.bad-signature" not in left.out
    file = held.folder / "lockstep.yaml"
    file.write_text(file.read_text().replace(
        "groups:", f"  {people[1].name}:\n    retired-keys:\n      - \"{people[1].public}\"\ngroups:"))
    held("doctor").expect(0)
    refused = held("exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "x", "--for", "2d",
                   "--as", people[1].name, "--key", str(people[1].key))
    assert refused.code != 0, "a retired key signs nothing"
    change(held, "DROP TRIGGER vote_stays; UPDATE vote SET proof = replace(proof, 'read it', 'not read')")
    assert "vote.bad-signature" in held("doctor").expect(2).out


def test_what_was_written_past_the_program_is_not_done(held: Shell, people):
    held("exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "known", "--for", "2d",
         "--key", str(people[0].key)).expect(0)
    held("resume", "latest").expect(0)
    held("tick").expect(0)
    with contextlib.closing(sqlite3.connect(held.database)) as connection:
        run, digest = connection.execute("SELECT run, digest FROM approval WHERE state = 'open'").fetchone()
        for person in people:
            ballot = {"person": person.name, "verdict": "approve", "reason": "ok", "ticket": None, "shown": digest,
                      "generation": 1, "authenticated": True, "proof": None}
            body = {"command": "vote", "step": "review", "ballot": ballot, "by": f"user:{person.name}"}
            connection.execute("INSERT INTO request (run, time, body) VALUES (?, 1, ?)", (run, json.dumps(body)))
        body = {"command": "cancel", "reason": "x", "by": f"user:{people[0].name}"}
        connection.execute("INSERT INTO request (run, time, body) VALUES (?, 1, ?)", (run, json.dumps(body)))
        connection.commit()
    held("tick")
    with contextlib.closing(sqlite3.connect(held.database)) as connection:
        assert connection.execute("SELECT count(*) FROM vote").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM request").fetchone() == (0,)
        assert connection.execute("SELECT state FROM run").fetchone() == ("waiting",)
    held("doctor").expect(0)
    # A key that is gone is not healed by a new one, and nothing goes on under it.
    (held.folder / ".lockstep" / "keys" / "audit.json").unlink()
    assert "seal.unknown-key" in held("tick").err
    assert "[seal.unknown-key]" in held("doctor", "--format", "json").expect(2).out
    vote = held("approve", "latest", "review", "--as", people[1].name, "--key", str(people[1].key), "--reason", "read it")
    assert vote.code == 1 and "seal.unknown-key" in vote.err
    assert "needs-attention" in held("status").out


def test_a_planted_configuration_is_not_put_in_place(held: Shell):
    file = held.folder / "lockstep.yaml"
    before = file.read_text()
    (held.folder / ".lockstep" / "restored-lockstep.yaml").write_text(before.replace("organisation: Example", "organisation: Evil"))
    assert "workspace.foreign-restore" in held("status").err
    assert file.read_text() == before


def state_of(shell: Shell) -> tuple[int, str]:
    """How many exceptions the ledger has, and whose `lockstep.yaml` lies beside it."""
    count = len(shell("exception", "list", "--format", "json").expect(0).json)
    text = (shell.folder / "lockstep.yaml").read_text()
    return count, "new" if "organisation: New" in text else "old"


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_state_whole(workspace: Shell, people, tmp_path):
    write_workspace(workspace, people)
    file = workspace.folder / "lockstep.yaml"
    old = file.read_text()
    file.write_text(old.replace("organisation: Example", "organisation: New"))
    archive = tmp_path / "new.backup"
    workspace("backup", str(archive)).expect(0)
    file.write_text(old)
    (workspace.folder / "held.yaml").write_text(HELD)
    workspace("run", "held.yaml").expect(4)
    workspace("exception", "add", "gate:latest/check", "--owner", f"user:{people[0].name}", "--reason", "known", "--for", "2d",
              "--key", str(people[0].key)).expect(0)
    started = time.monotonic()
    template = tmp_path / "template"
    shutil.copytree(workspace.folder, template, symlinks=True)
    workspace("restore", str(archive)).expect(0)
    whole = time.monotonic() - started
    seen = set()
    rounds = 40
    for number in range(rounds):
        folder = tmp_path / f"kill-{number}"
        shutil.copytree(template, folder, symlinks=True)
        shell = Shell(workspace.programs, folder, workspace.home)
        child = shell.start("restore", str(archive))
        # The last rounds come after its end: also that must be whole.
        time.sleep(whole * number / (rounds - 4))
        child.kill()
        child.communicate()
        state = state_of(shell)
        seen.add(state)
        assert state in {(1, "old"), (0, "new")}, f"killed after {whole * number / rounds:.3f} s"
        shell("doctor").expect(0)
        # Nothing is lost and the next one does not stumble over what the killed one left behind.
        shell("restore", str(archive)).expect(0)
        assert state_of(shell) == (0, "new")
        left = {path.name.rsplit("-", 1)[0] for path in folder.iterdir() if path.name.startswith(".lockstep.")}
        assert left <= {".lockstep.before-restore"}, left
        shutil.rmtree(folder)
    assert seen == {(1, "old"), (0, "new")}, f"the kills came at {seen} only"


def test_a_restore_goes_where_it_is_told_and_keeps_what_was_there(workspace: Shell, people, tmp_path):
    write_workspace(workspace, people)
    archive = tmp_path / "all.lockstep"
    workspace("backup", str(archive)).expect(0)
    file = workspace.folder / "lockstep.yaml"
    before = file.read_text()
    file.write_text(before + "# mine\n")
    beside = workspace.folder.parent / "beside"
    below = workspace.folder / "below"
    for place in (beside, below):
        place.mkdir()
        name = f"../{beside.name}" if place == beside else "./below"
        assert str(place.name) in workspace("restore", str(archive), "--directory", name).expect(0).out
        assert (place / ".lockstep" / "workspace.json").exists()
        assert file.read_text().endswith("# mine\n") and not list(workspace.folder.glob(".lockstep.before-*"))
    # Within a workspace and in none of one's own, nobody can say which is meant.
    (workspace.folder / "empty").mkdir()
    inside = Shell(workspace.programs, workspace.folder / "empty", workspace.home)
    assert "restore.below" in inside("restore", str(archive)).expect(3).err
    other = tmp_path / "other"
    other.mkdir()
    stranger = Shell(workspace.programs, other, workspace.home)
    stranger("init").expect(0)
    marker = (other / ".lockstep" / "workspace.json").read_bytes()
    assert "workspace.other" in stranger("restore", str(archive)).expect(1).err
    assert (other / ".lockstep" / "workspace.json").read_bytes() == marker
    stranger("restore", str(archive), "--replace").expect(0)
    for number in range(3):
        file.write_text(f"{before}# round {number}\n")
        workspace("restore", str(archive)).expect(0)
    kept = sorted(path.read_text()[-2] for path in workspace.folder.glob(".lockstep.before-restore-*/lockstep.yaml"))
    assert kept == ["0", "1", "2"]
    cut = tmp_path / "cut.lockstep"
    cut.write_bytes(archive.read_bytes()[:20_000])
    said = workspace("restore", str(cut)).expect(1).err
    assert "the backup" in said and "workspace.archive" in said and "the ledger" not in said


FIRST = """\
apiVersion: lockstep/v1
kind: Playbook
id: first
name: First
version: 1.0.0
phase: 1
steps:
  - id: check
    gate: {pass: "false", on-fail: pause}
"""
SECOND = """\
apiVersion: lockstep/v1
kind: Playbook
id: second
name: Second
version: 1.0.0
steps:
  - id: before
    gate: {pass: "phase(1).status == 'done'", on-fail: pause}
"""


def test_a_gate_does_not_believe_a_phase_whose_row_was_changed_by_hand(workspace: Shell, people):
    write_workspace(workspace, people)
    (workspace.folder / "first.yaml").write_text(FIRST)
    (workspace.folder / "second.yaml").write_text(SECOND)
    workspace("run", "first.yaml").expect(4)
    change(workspace, "UPDATE run SET state = 'succeeded' WHERE phase = 1")
    waits = workspace("run", "second.yaml")
    assert workspace.query("SELECT result FROM verdict") != [("pass",)], waits.out
    assert not workspace.query("SELECT 1 FROM run WHERE playbook = 'second' AND state = 'succeeded'")
    assert "not believed" in workspace("status", "latest").out + waits.out + waits.err
