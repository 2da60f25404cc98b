"""What goes wrong around the ledger: one clear sentence with a stable code, exit code 1, and nothing lost afterwards."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from conftest import Result, Shell, environment
from test_kill import check_effects, check_whole, finish, prepare, runs


def one_sentence(result: Result, *codes: str) -> None:
    """Exit code 1 and one error line with a stable code, without a trace or a path to sources."""
    assert result.code == 1, f"exit {result.code}\n{result.out}\n{result.err}"
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.err
    found = re.fullmatch(r"error: ([a-z`].*[^.]) \[([a-z.-]+)\]", errors[0])
    assert found, errors[0]
    assert found[2] in codes, errors[0]
    assert "Fatal" not in result.err and ".swift" not in result.err and "0x" not in result.err, result.err


@pytest.fixture
def used(workspace: Shell, people) -> Shell:
    """A workspace with a finished run, so that there is something to lose."""
    prepare(workspace, people, blocks=1, items=3, parallel=1)
    workspace("run", "effects.yaml").expect(0)
    return workspace


def whole(shell: Shell, wanted: int = 1) -> None:
    """The workspace works again and still holds what it held."""
    check_whole(shell)
    finish(shell, wanted)
    check_effects(shell, 3)


def test_a_locked_ledger(used: Shell):
    holder = sqlite3.connect(used.database, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        result = used("run", "effects.yaml", timeout=60)
        assert time.monotonic() - started < 30
        one_sentence(result, "ledger.busy")
        # Reading goes on beside a writer.
        used("status").expect(0)
    finally:
        holder.close()
    assert len(runs(used)) == 1
    used("run", "effects.yaml").expect(0)
    whole(used, 2)


def as_nobody(shell: Shell, *arguments: str) -> Result:
    """Runs the program as a user whom permissions bind: root may write anywhere."""
    done = subprocess.run(
        [str(shell.programs.lockstep), *arguments], cwd=shell.folder, env=environment(shell.home), timeout=60,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        **({"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}),
    )
    return Result(arguments, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def unprivileged(used: Shell):
    """The workspace at a place that an unprivileged user can reach, and belonging to that user."""
    base = Path(tempfile.mkdtemp(prefix="lockstep-", dir="/tmp"))
    base.chmod(0o755)
    copy = Shell(used.programs, base / "folder", base / "home")
    shutil.copytree(used.folder, copy.folder, symlinks=True)
    copy.home.mkdir()
    configuration = copy.folder / "lockstep.yaml"
    configuration.write_text(configuration.read_text().replace(str(used.folder), str(copy.folder)))
    paths = [base, *base.rglob("*")]
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, 65534, 65534)
    if as_nobody(copy, "--version").code != 0:
        shutil.rmtree(base)
        pytest.skip("the program lies where an unprivileged user cannot reach it")
    yield copy
    for path in paths:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(base)


def test_a_read_only_workspace(unprivileged: Shell):
    shell = unprivileged
    state = shell.folder / ".lockstep"
    modes = {path: path.stat().st_mode for path in [state, *state.rglob("*"), shell.folder]}
    before = shell.database.read_bytes()
    for path in modes:
        path.chmod(0o500 if path.is_dir() else 0o400)
    one_sentence(as_nobody(shell, "run", "effects.yaml"), "ledger.read-only", "ledger.io", "workspace.unwritable")
    one_sentence(as_nobody(shell, "backup", "saved.backup"), "ledger.read-only", "ledger.io", "workspace.unwritable",
                 "workspace.archive")
    one_sentence(as_nobody(shell, "init", "--directory", "."), "workspace.exists")
    assert shell.database.read_bytes() == before
    for path, mode in modes.items():
        path.chmod(mode)
    as_nobody(shell, "run", "effects.yaml").expect(0)
    as_nobody(shell, "doctor").expect(0)
    assert len(runs(shell)) == 2


def test_init_in_a_read_only_folder(unprivileged: Shell):
    folder = unprivileged.folder / "empty"
    folder.mkdir()
    folder.chmod(0o555)
    one_sentence(as_nobody(unprivileged, "init", "--directory", str(folder)), "workspace.unwritable")
    assert list(folder.iterdir()) == []


def test_init_where_nothing_may_be_written(shell: Shell):
    target = shell.folder / "file"
    target.write_text("not a folder")
    one_sentence(shell("init", "--directory", str(target)), "workspace.unwritable", "workspace.unreadable")
    assert target.read_text() == "not a folder"


DAMAGE = {
    "not a database": lambda data: b"this is no database, but a letter to my aunt\n" * 200,
    "a torn header": lambda data: b"\0" * 100 + data[100:],
    "noise in the middle": lambda data: data[:4096] + bytes((i * 131 + 17) % 256 for i in range(len(data) - 4096)),
    "cut short": lambda data: data[: len(data) // 2],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_ledger(used: Shell, tmp_path, what: str):
    saved = tmp_path / "saved.backup"
    used("backup", str(saved)).expect(0)
    connection = sqlite3.connect(used.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for suffix in ("-wal", "-shm"):
        used.database.with_name(used.database.name + suffix).unlink(missing_ok=True)
    used.database.write_bytes(DAMAGE[what](used.database.read_bytes()))
    for command in (["status", "latest"], ["run", "effects.yaml"]):
        one_sentence(used(*command), "ledger.corrupt", "ledger.not-a-ledger", "ledger.missing", "ledger.io")
    doctor = used("doctor")
    assert doctor.code in (1, 2), "doctor finds nothing wrong with a damaged ledger"
    used("restore", str(saved)).expect(0)
    whole(used)


@pytest.mark.parametrize("what", ["empty", "missing"])
def test_an_empty_or_missing_ledger_is_not_quietly_made_anew(used: Shell, tmp_path, what: str):
    """The marker says that there was a ledger: going on without its votes would hide that they are gone."""
    saved = tmp_path / "saved.backup"
    used("backup", str(saved)).expect(0)
    for suffix in ("-wal", "-shm"):
        used.database.with_name(used.database.name + suffix).unlink(missing_ok=True)
    used.database.write_bytes(b"") if what == "empty" else used.database.unlink()
    for command in (["status"], ["run", "effects.yaml"]):
        one_sentence(used(*command), "ledger.corrupt", "ledger.lost", "ledger.missing", "ledger.not-a-ledger")
    used("restore", str(saved)).expect(0)
    whole(used)


def test_a_database_of_another_program(used: Shell, tmp_path):
    saved = used.database.read_bytes()
    for suffix in ("-wal", "-shm"):
        used.database.with_name(used.database.name + suffix).unlink(missing_ok=True)
    used.database.unlink()
    other = sqlite3.connect(used.database)
    other.execute("CREATE TABLE recipe (name TEXT)")
    other.commit()
    other.close()
    before = used.database.read_bytes()
    one_sentence(used("run", "effects.yaml"), "ledger.not-a-ledger")
    assert used.database.read_bytes() == before, "a foreign database was written to"
    assert saved


def test_a_ledger_of_a_newer_version(used: Shell):
    connection = sqlite3.connect(used.database)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()
    for command in (["status"], ["run", "effects.yaml"]):
        one_sentence(used(*command), "ledger.newer-schema")
    connection = sqlite3.connect(used.database)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    whole(used)


@pytest.mark.parametrize("room", [0, 4096, 32_768])
def test_a_full_disk_while_a_run_goes_on(used: Shell, room: int):
    """Files may not grow past a limit: the nearest thing to a full disk that needs no mount."""
    wal = used.database.with_name(used.database.name + "-wal")
    limit = max(used.database.stat().st_size, wal.stat().st_size if wal.exists() else 0) + room
    result = used("run", "effects.yaml", file_limit=limit)
    if result.code != 0:
        one_sentence(result, "ledger.full", "ledger.io", "workspace.unwritable")
    check_whole(used)
    started = len(runs(used))
    finish(used, started)
    check_effects(used, 3)
    used("run", "effects.yaml").expect(0)
    whole(used, started + 1)


def test_init_on_a_full_disk_leaves_no_half_workspace(shell: Shell):
    one_sentence(shell("init", file_limit=100), "workspace.unwritable", "ledger.full", "ledger.io")
    shell("init").expect(0)
    shell("doctor")


def test_a_backup_on_a_full_disk_leaves_no_file_that_looks_whole(used: Shell, tmp_path):
    file = tmp_path / "saved.backup"
    one_sentence(used("backup", str(file), file_limit=2048), "workspace.unwritable", "ledger.full", "ledger.io",
                 "workspace.archive")
    assert not file.exists()
    used("backup", str(file)).expect(0)
    whole(used)


@pytest.mark.parametrize("what", ["cut", "not a backup", "empty", "missing", "a folder", "one bit"])
def test_a_damaged_backup_is_refused_and_the_workspace_stays(used: Shell, tmp_path, what: str):
    file = tmp_path / "saved.backup"
    used("backup", str(file)).expect(0)
    good = file.read_bytes()
    # The bit is in a text, where SQLite's own check does not look.
    place = good.index(b"user:ana")
    if what in ("missing", "a folder"):
        file.unlink()
        if what == "a folder":
            file.mkdir()
    else:
        file.write_bytes({
            "cut": good[: len(good) // 2], "not a backup": b"nothing", "empty": b"",
            "one bit": good[:place] + b"user:anb" + good[place + 8:],
        }[what])
    one_sentence(used("restore", str(file)), "workspace.archive", "workspace.damaged", "workspace.unreadable",
                 "ledger.corrupt", "ledger.not-a-ledger", "ledger.io", "ledger.missing")
    whole(used)
    assert [path.name for path in used.folder.iterdir() if path.name.startswith(".lockstep")] == [".lockstep"]


WAITING = """\
apiVersion: lockstep/v1
kind: Playbook
id: waiting
name: Waiting
version: 1.0.0
steps:
  - {id: mark, uses: exec.run, with: {hook: mark}}
  - {id: rest, wait: {for: 1s}}
  - {id: again, uses: exec.run, with: {hook: mark}}
"""


def test_an_altered_event_is_seen_and_sets_only_its_own_run_aside(workspace: Shell, people):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    (workspace.folder / "waiting.yaml").write_text(WAITING)
    for _ in range(2):
        workspace("run", "waiting.yaml").expect(4)
    altered = runs(workspace)[0][0]
    connection = sqlite3.connect(workspace.database)
    connection.execute("DROP TRIGGER event_stays")
    changed = connection.execute(
        "UPDATE event SET payload = replace(payload, 'done', 'dune') WHERE run = ? AND kind = 'step.succeeded'",
        (altered,),
    )
    assert changed.rowcount == 1
    connection.commit()
    connection.close()
    time.sleep(1.1)
    workspace("tick").expect(0)
    assert dict(runs(workspace))[altered] == "needs-attention"
    assert sorted(state for _, state in runs(workspace)) == ["needs-attention", "succeeded"]
    workspace("status").expect(0)


def test_doctor_finds_an_altered_event(used: Shell):
    connection = sqlite3.connect(used.database)
    connection.execute("DROP TRIGGER event_stays")
    connection.execute("UPDATE event SET payload = replace(payload, 'done', 'dune')")
    connection.commit()
    connection.close()
    result = used("doctor", "--format", "json").expect(2)
    # The trigger that keeps events is gone, the chain breaks, and what does not hold together is not replayed.
    assert [check["check"] for check in result.json if not check["ok"]] == ["schema", "events", "replay"]


def test_a_missing_workspace(shell: Shell):
    one_sentence(shell("status"), "workspace.missing")


def test_a_killed_writer_leaves_no_lock(used: Shell):
    child = used.start("run", "effects.yaml")
    time.sleep(0.05)
    child.kill()
    child.communicate()
    finish(used, len(runs(used)))
    whole(used, len(runs(used)))
