"""Real `kill -9` and crashes at every point: nothing lost, nothing done twice, judged by SQLite and by the effects.

The effects are lines that a hook appends to a file: each is the idempotency key of a step. The hook itself does not
look for duplicates when it is applied, so that a second application would show.

`LOCKSTEP_LONG=1` runs at least 10,000 steps with effects over at least 200 kills and prints the figures.
`LOCKSTEP_SEED` repeats a sequence of moments.
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from conftest import Shell, write_workspace

SEED = int(os.environ.get("LOCKSTEP_SEED") or random.SystemRandom().randrange(1 << 32))

HOOK = """\
#!/bin/sh
# Appends the key of its effect, or says whether it is there: 0 yes, 3 no.
read -r input
case "$LOCKSTEP_MODE" in
observe) grep -qx "$LOCKSTEP_KEY" effects.txt 2>/dev/null && exit 0; exit 3 ;;
apply) printf '%s\\n' "$LOCKSTEP_KEY" >> effects.txt ;;
esac
"""


def prepare(shell: Shell, people, blocks: int, items: int, parallel: int) -> None:
    hook = shell.folder / "hook.sh"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    write_workspace(shell, people, hooks=f"hooks:\n  mark:\n    command: [{hook}]")
    lines = ["apiVersion: lockstep/v1", "kind: Playbook", "id: effects", "name: Effects", "version: 1.0.0", "steps:"]
    for block in range(blocks):
        width = parallel if block % 2 else 1
        lines += [
            f"  - id: block_{block}", "    uses: exec.run", "    with: {hook: mark, with: {item: \"${{ item }}\"}}",
            f"    for-each: {{items: [{', '.join(str(item) for item in range(items))}], as: item, max-parallel: {width}}}",
        ]
    (shell.folder / "effects.yaml").write_text("\n".join(lines) + "\n")


def effects(folder: Path) -> collections.Counter:
    file = folder / "effects.txt"
    return collections.Counter(file.read_text().splitlines() if file.exists() else [])


def runs(shell: Shell) -> list[tuple]:
    return shell.query("SELECT id, state FROM run ORDER BY id") if shell.database.exists() else []


def done_items(shell: Shell) -> int:
    return shell.query("SELECT count(*) FROM step WHERE item IS NOT NULL AND state = 'succeeded'")[0][0]


def check_whole(shell: Shell) -> None:
    connection = sqlite3.connect(f"file:{shell.database}?mode=ro", uri=True, timeout=10)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
    shell("doctor").expect(0)


def finish(shell: Shell, wanted: int, playbook: str = "effects.yaml") -> None:
    """Goes on until as many runs as wanted exist and have ended."""
    for _ in range(20):
        known = runs(shell)
        open_runs = [state for _, state in known if state not in ("succeeded", "failed", "cancelled", "rolled-back")]
        if not open_runs and len(known) >= wanted:
            return
        if open_runs:
            shell("tick", timeout=300).expect(0)
        else:
            shell("run", playbook, timeout=300).expect(0)
    pytest.fail(f"the runs do not end: {runs(shell)}\n{shell('status', 'latest').out[-3000:]}")


def kill_loop(shell: Shell, steps_per_run: int, steps: int, kills: int, longest: float, backups: Path | None) -> dict:
    """Kills whatever advances the run at random moments until enough steps and kills have come together."""
    dice = random.Random(SEED)
    print(f"\nLOCKSTEP_SEED={SEED}")
    killed = saved = wanted = 0
    started = time.monotonic()
    while True:
        known = runs(shell)
        is_open = any(state not in ("succeeded", "failed", "cancelled", "rolled-back") for _, state in known)
        if not is_open:
            if len(known) * steps_per_run >= steps and killed >= kills:
                break
            wanted = len(known) + 1
        child = shell.start("tick") if is_open else shell.start("run", "effects.yaml")
        if backups is not None and is_open and killed % 5 == 4:
            # A backup while another process writes.
            result = shell("backup", str(backups / f"{saved}.backup"))
            assert result.code == 0, result.err
            saved += 1
        try:
            child.wait(dice.uniform(0.01, longest))
            error = child.stderr.read().decode()
            assert child.returncode in (0, 4), f"{child.args} ended with {child.returncode}: {error}"
        except Exception as error:
            if child.poll() is None:
                child.kill()
                child.wait()
                killed += 1
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        finally:
            child.stderr.close()
        assert time.monotonic() - started < 3000, "the loop does not come to an end"
    finish(shell, wanted)
    return {"kills": killed, "backups": saved, "runs": len(runs(shell)), "seconds": time.monotonic() - started}


def check_effects(shell: Shell, steps_per_run: int) -> dict:
    known = runs(shell)
    assert {state for _, state in known} == {"succeeded"}, known
    seen = effects(shell.folder)
    total = len(known) * steps_per_run
    assert done_items(shell) == total
    lost = total - len(seen)
    duplicated = sum(count - 1 for count in seen.values())
    assert (lost, duplicated) == (0, 0), f"{lost} lost, {duplicated} duplicated of {total}"
    return {"effects": total, "lost": lost, "duplicated": duplicated}


def check_restored(shell: Shell, tmp_path: Path, file: Path, steps_per_run: int) -> None:
    """A restored workspace goes on from where the backup was taken, in a world of its own."""
    folder = tmp_path / f"restored-{file.stem}"
    folder.mkdir()
    restored = Shell(shell.programs, folder, shell.home)
    restored("restore", str(file), "--directory", str(folder)).expect(0)
    check_whole(restored)
    count = len(runs(restored))
    before = done_items(restored)
    finish(restored, count)
    check_whole(restored)
    seen = effects(folder)
    assert {state for _, state in runs(restored)} == {"succeeded"}
    assert done_items(restored) == count * steps_per_run
    assert set(seen.values()) <= {1}
    assert set(seen) <= set(effects(shell.folder)), "the restored run made other effects than the original"
    assert len(seen) == count * steps_per_run - before


def test_kills_lose_and_repeat_nothing(workspace: Shell, people, tmp_path):
    prepare(workspace, people, blocks=6, items=50, parallel=4)
    saved = tmp_path / "backups"
    saved.mkdir()
    figures = kill_loop(workspace, 300, steps=300, kills=20, longest=0.5, backups=saved)
    figures |= check_effects(workspace, 300)
    print(figures)
    check_whole(workspace)
    files = sorted(saved.iterdir(), key=lambda file: int(file.stem))
    assert files, "no backup was taken while a run went on"
    for file in {files[0], files[len(files) // 2]}:
        check_restored(workspace, tmp_path, file, 300)


@pytest.mark.skipif(os.environ.get("LOCKSTEP_LONG") != "1", reason="set LOCKSTEP_LONG=1 for 10,000 steps and 200 kills")
def test_ten_thousand_steps_over_two_hundred_kills(workspace: Shell, people, tmp_path):
    prepare(workspace, people, blocks=20, items=100, parallel=8)
    saved = tmp_path / "backups"
    saved.mkdir()
    figures = kill_loop(workspace, 2000, steps=10_000, kills=200, longest=1.5, backups=saved)
    figures |= check_effects(workspace, 2000)
    print(figures)
    check_whole(workspace)
    files = sorted(saved.iterdir(), key=lambda file: int(file.stem))
    check_restored(workspace, tmp_path, files[len(files) // 2], 2000)


SMALL = """\
apiVersion: lockstep/v1
kind: Playbook
id: small
name: Small
version: 1.0.0
steps:
  - id: first
    uses: exec.run
    with: {hook: mark}
  - id: many
    uses: exec.run
    for-each: {items: [a, b, c], as: item, max-parallel: 2}
    with: {hook: mark, with: {item: "${{ item }}"}}
  - id: gate
    gate:
      metrics: {servers: {source: inventory.servers}}
      pass: metrics.servers.last >= 0
  - id: last
    uses: exec.run
    with: {hook: mark}
finally:
  - id: report
    uses: report.progress
"""


def end_state(shell: Shell) -> list[tuple]:
    """What must not depend on crashes; attempts and times may."""
    return shell.query("SELECT instance, state, result FROM step ORDER BY position, instance") + shell.query(
        "SELECT playbook, state FROM run"
    )


def test_a_crash_at_every_point_leads_to_the_same_end(workspace: Shell, people, tmp_path):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    (workspace.folder / "small.yaml").write_text(SMALL)
    template = workspace.folder
    workspace("lint", "small.yaml").expect(0)

    def copy(name: str) -> Shell:
        folder = tmp_path / name
        shutil.copytree(template, folder, symlinks=True)
        return Shell(workspace.programs, folder, workspace.home)

    calm = copy("calm")
    calm("run", "small.yaml").expect(0)
    expected, keys = end_state(calm), sum(effects(calm.folder).values())
    assert keys == 5
    dice = random.Random(SEED)
    print(f"\nLOCKSTEP_SEED={SEED}")
    point = 0
    while True:
        point += 1
        assert point < 1000, "the crash points do not end"
        shell = copy(f"crash-{point}")
        result = shell("run", "small.yaml", LOCKSTEP_CRASH_AT=str(point))
        if result.code == 0:
            break
        result.expect(137)
        # Half of the time the recovery crashes as well.
        if dice.random() < 0.5 and any(state == "running" for _, state in runs(shell)):
            again = shell("tick", LOCKSTEP_CRASH_AT=str(dice.randint(1, 10)))
            assert again.code in (0, 137), again.err
        finish(shell, 1, "small.yaml")
        seen = effects(shell.folder)
        assert set(seen.values()) == {1} and len(seen) == keys, f"point {point}: {sorted(seen.values())}"
        assert end_state(shell) == expected, f"point {point}"
        check_whole(shell)
        shutil.rmtree(shell.folder)
    print(f"{point - 1} crash points")
    assert point > 20


def test_two_processes_do_not_advance_one_run(workspace: Shell, people):
    prepare(workspace, people, blocks=2, items=40, parallel=4)
    first = workspace.start("run", "effects.yaml")
    try:
        end = time.monotonic() + 20
        while not runs(workspace) and time.monotonic() < end:
            time.sleep(0.01)
        others = [workspace.start("tick") for _ in range(3)]
        for other in others:
            other.communicate(timeout=120)
            assert other.returncode in (0, 1)
    finally:
        first.communicate(timeout=120)
    finish(workspace, 1)
    check_effects(workspace, 80)


@pytest.mark.parametrize("script", ["exit 0", "exec <&-; sleep 0.1; exit 0"])
def test_a_hook_may_leave_its_input_unread(workspace: Shell, people, script: str):
    prepare(workspace, people, blocks=1, items=3, parallel=1)
    (workspace.folder / "hook.sh").write_text(f"#!/bin/sh\n{script}\n")
    large = "x" * 200_000
    playbook = workspace.folder / "effects.yaml"
    playbook.write_text(playbook.read_text().replace('"${{ item }}"', f'"{large}${{{{ string(item) }}}}"'))
    workspace("run", "effects.yaml").expect(0)


def test_a_slow_hook_whose_parent_was_killed_is_not_applied_twice(workspace: Shell, people):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    hook = workspace.folder / "hook.sh"
    hook.write_text(HOOK.replace("apply) printf", "apply) : > begun; sleep 1.5; printf"))
    child = workspace.start("run", "effects.yaml")
    end = time.monotonic() + 20
    while not (workspace.folder / "begun").exists() and time.monotonic() < end:
        time.sleep(0.01)
    child.kill()
    child.communicate()
    finish(workspace, 1)
    # Long enough for the first hook to come to its end, if it lives.
    time.sleep(2)
    check_effects(workspace, 1)


def test_a_hook_that_takes_too_long_is_ended_with_its_children(workspace: Shell, people):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    (workspace.folder / "hook.sh").write_text("#!/bin/sh\nread -r input\nsleep 41.5 &\necho $! > child.txt\nwait\n")
    configuration = workspace.folder / "lockstep.yaml"
    configuration.write_text(configuration.read_text() + "    timeout: 1s\n")
    workspace("run", "effects.yaml").expect(2)
    pid = int((workspace.folder / "child.txt").read_text())
    status = Path(f"/proc/{pid}/stat")
    is_alive = status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    if is_alive:
        os.kill(pid, 9)
    assert not is_alive


@pytest.mark.parametrize("script,code", [("exit 1", 2), ("kill -9 $$", 2), ("echo not json", 2), ("sleep 30", 2),
                                         ("head -c 3000000 /dev/zero | tr '\\0' ' '", 2)])
def test_a_hook_that_fails_fails_its_step_and_nothing_else(workspace: Shell, people, script: str, code: int):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    (workspace.folder / "hook.sh").write_text(f"#!/bin/sh\nread -r input\n{script}\n")
    configuration = workspace.folder / "lockstep.yaml"
    configuration.write_text(configuration.read_text() + "    timeout: 1s\n")
    started = time.monotonic()
    workspace("run", "effects.yaml").expect(code)
    assert time.monotonic() - started < 15
    workspace("doctor").expect(0)


UNDO = """\
apiVersion: lockstep/v1
kind: Playbook
id: undo
name: Undo
version: 1.0.0
steps:
  - id: first
    uses: exec.run
    with: {hook: mark}
    rollback: {uses: exec.run, with: {hook: mark}}
  - id: many
    uses: exec.run
    for-each: {items: [a, b], as: item}
    with: {hook: mark, with: {item: "${{ item }}"}}
    rollback: {uses: exec.run, with: {hook: mark, with: {item: "${{ item }}"}}}
  - id: hold
    wait: {for: 100d}
"""


def test_a_crash_at_every_point_of_a_rollback_leads_to_the_same_end(workspace: Shell, people, tmp_path):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    (workspace.folder / "undo.yaml").write_text(UNDO)
    workspace("run", "undo.yaml").expect(4)
    assert sum(effects(workspace.folder).values()) == 3
    template = workspace.folder
    expected = None
    for point in range(0, 1000):
        folder = tmp_path / f"undo-{point}"
        shutil.copytree(template, folder, symlinks=True)
        shell = Shell(workspace.programs, folder, workspace.home)
        given = {"LOCKSTEP_CRASH_AT": str(point)} if point else {}
        codes = []
        for command in (["rollback", "latest", "--reason", "test"], ["tick"]):
            codes.append(shell(*command, **given).code)
        assert set(codes) <= ({0, 137} if point else {0}), codes
        for _ in range(20):
            if runs(shell)[0][1] == "rolled-back":
                break
            if runs(shell)[0][1] == "waiting":
                # The crash came before the command was recorded.
                shell("rollback", "latest", "--reason", "test").expect(0)
            shell("tick").expect(0)
        state = end_state(shell)
        expected = expected or state
        assert state == expected, f"point {point}"
        seen = effects(folder)
        assert set(seen.values()) == {1} and len(seen) == 6, f"point {point}: {sorted(seen.values())}"
        check_whole(shell)
        shutil.rmtree(folder)
        if point and 137 not in codes:
            break
    print(f"{point - 1} crash points")
    assert point > 5


def test_serve_wakes_what_is_due_and_ends_when_told(workspace: Shell, people):
    prepare(workspace, people, blocks=1, items=1, parallel=1)
    playbook = workspace.folder / "effects.yaml"
    playbook.write_text(playbook.read_text() + "  - {id: rest, wait: {for: 2s}}\n  - {id: last, uses: report.progress}\n")
    workspace("run", "effects.yaml").expect(4)
    served = workspace.start("serve")
    try:
        end = time.monotonic() + 20
        while runs(workspace)[0][1] != "succeeded" and time.monotonic() < end:
            time.sleep(0.05)
        assert runs(workspace)[0][1] == "succeeded"
        assert served.poll() is None, "serve ended by itself"
        served.terminate()
        assert served.wait(10) == 0
    finally:
        served.kill()
        served.communicate()
    workspace("serve", "--until-idle", timeout=20).expect(0)
