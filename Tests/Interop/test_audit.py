"""The audit log judged by what is not ours: `cryptography` for signatures, `pymerkle` for the tree, this file for the formats.

The readers below follow the texts of C2SP (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof) and share no line with
the program. A stranger needs no more than `read_note`, `leaf` and `root_of` to check a proof.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from conftest import Shell, write_workspace

GATE = """\
apiVersion: lockstep/v1
kind: Playbook
id: small
name: Small
version: 1.0.0
steps:
  - id: agree
    approval: {approvers: [group:security-leads], min: 1, expires: 3d}
"""


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def read_key(text: str):
    name, identity, material = text.strip().split("+", 2)
    raw = base64.b64decode(material, validate=True)
    assert raw[0] == 1 and len(raw) == 33
    assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == identity
    return name, bytes.fromhex(identity), Ed25519PublicKey.from_public_bytes(raw[1:])


def read_note(data: bytes, vkey: str):
    """Origin, size and root of a checkpoint whose signature holds."""
    name, identity, key = read_key(vkey)
    text, _, lines = data.decode().rpartition("\n\n")
    text += "\n"
    signatures = [line.removeprefix("\u2014 ").split(" ") for line in lines.splitlines()]
    blobs = [base64.b64decode(blob, validate=True) for signer, blob in signatures if signer == name]
    mine = [blob[4:] for blob in blobs if blob[:4] == identity]
    assert len(mine) == 1
    key.verify(mine[0], text.encode())
    origin, size, root = text.splitlines()
    assert origin == name and str(int(size)) == size
    return origin, int(size), base64.b64decode(root, validate=True)


def root_of(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    number, last, current = index, size - 1, leaf(entry)
    for other in path:
        assert last
        if number & 1 or number == last:
            current = node(other, current)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = node(current, other)
        number, last = number >> 1, last >> 1
    assert last == 0
    return current


def check_proof(data: bytes, vkey: str) -> tuple[int, bytes]:
    head, _, checkpoint = data.partition(b"\n\n")
    first, extra, place, *path = head.decode().splitlines()
    assert first == "c2sp.org/tlog-proof@v1"
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    index = int(place.removeprefix("index "))
    _, size, root = read_note(checkpoint, vkey)
    assert root_of(entry, index, size, [base64.b64decode(line, validate=True) for line in path]) == root
    return index, entry


def tile_path(index: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def read_entries(log: Path, size: int) -> list[bytes]:
    """All entries, each compared with its hash in the tiles."""
    entries = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        name = tile_path(index) + ("" if width == 256 else f".p/{width}")
        bundle, hashes = (log / "tile/entries" / name).read_bytes(), (log / "tile/0" / name).read_bytes()
        assert len(hashes) == 32 * width
        here = []
        while bundle:
            length = int.from_bytes(bundle[:2])
            here.append(bundle[2 : 2 + length])
            assert len(here[-1]) == length
            bundle = bundle[2 + length :]
        assert [leaf(entry) for entry in here] == [hashes[32 * i : 32 * i + 32] for i in range(width)]
        entries += here
    return entries


def log_of(shell: Shell) -> Path:
    return shell.folder / ".lockstep/audit/workspace"


def vkey_of(shell: Shell) -> str:
    return shell("audit", "verify", "--format", "json").expect(0).json["keys"][0]


def expected_events(shell: Shell) -> list[tuple]:
    return shell.query(
        "SELECT event.run, event.sequence, event.kind, lower(hex(event.hash)), outbox.delivered "
        "FROM outbox JOIN event USING (run, sequence) ORDER BY outbox.id"
    )


def check_exactly_once(shell: Shell) -> list[dict]:
    """Every event of the outbox is in the log once, in order, where the ledger says."""
    _, size, _ = read_note((log_of(shell) / "checkpoint").read_bytes(), vkey_of(shell))
    entries = [json.loads(entry) for entry in read_entries(log_of(shell), size)]
    wanted = expected_events(shell)
    assert [(e["run"], e["sequence"], e["event"], e["hash"].removeprefix("sha256:")) for e in entries] == [
        row[:4] for row in wanted
    ]
    assert [row[4] for row in wanted] == list(range(size))
    return entries


@pytest.fixture
def logged(workspace: Shell, people) -> Shell:
    (workspace.folder / "small.yaml").write_text(GATE)
    for _ in range(3):
        workspace("run", "small.yaml").expect(4)
    workspace("approve", "latest", "agree", "--reason", "the words of Ana", "--key", str(people[0].key)).expect(0)
    workspace("tick").expect(0)
    return workspace


WAIVED = """\
apiVersion: lockstep/v1
kind: Playbook
id: waived
name: Waived
version: 1.0.0
steps:
  - id: shut
    gate:
      every: 24h
      within: 7d
      metrics: {open: {source: inventory.findings}}
      pass: metrics.open.last == 99
  - id: agree
    approval: {approvers: [group:security-leads], min: 1, expires: 3d}
"""


def test_a_waived_gate_is_in_the_log_and_on_the_page_that_is_signed(workspace: Shell, people):
    (workspace.folder / "waived.yaml").write_text(WAIVED)
    workspace("run", "waived.yaml").expect(4)
    ((run,),) = workspace.query("SELECT id FROM run")
    workspace("exception", "add", f"gate:{run}/shut", "--owner", "user:ana", "--reason", "the words of Ana", "--for", "7d",
              "--key", str(people[0].key)).expect(0)
    workspace("tick").expect(0)
    shown = workspace("approve", "latest", "agree", "--show").expect(0).out
    ((exception, made),) = workspace.query("SELECT id, created_by FROM exception")
    (line,) = [line for line in shown.splitlines() if "WAIVED" in line]
    assert all(word in line for word in ("shut", "fail", exception, made, "the words of Ana"))
    workspace("exception", "close", exception).expect(0)
    _, size, _ = read_note((log_of(workspace) / "checkpoint").read_bytes(), vkey_of(workspace))
    entries = [json.loads(entry) for entry in read_entries(log_of(workspace), size)]
    (gate,) = [entry for entry in entries if entry["event"] == "gate.decided"]
    assert gate["waiver"] == exception and gate["result"] != "pass"
    changes = [entry for entry in entries if entry["kind"] == "ledger.exception"]
    assert [(entry["event"], entry["exception"], entry["step"]) for entry in changes] == [
        ("exception.added", exception, "shut"), ("exception.closed", exception, "shut")]
    assert (changes[0]["by"], changes[0]["authenticated"], changes[0]["run"]) == (made, True, run)
    assert "the words of Ana" not in json.dumps(entries)
    workspace("audit", "verify").expect(0)
    workspace("doctor").expect(0)


def test_checkpoint_tiles_and_proofs_hold_for_others(logged: Shell, tmp_path):
    pymerkle = pytest.importorskip("pymerkle", reason="not installed: run `make interop`")
    vkey = vkey_of(logged)
    origin, size, root = read_note((log_of(logged) / "checkpoint").read_bytes(), vkey)
    entries = read_entries(log_of(logged), size)
    assert origin.startswith("lockstep.workspace/") and size == len(entries) >= 6
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    assert tree.get_root() == root
    for index in range(size):
        proof = logged("audit", "prove", str(index)).expect(0).out.encode()
        assert check_proof(proof, vkey) == (index, entries[index])
        altered = bytearray(proof)
        altered[random.Random(index).randrange(len(altered) - 1)] ^= 1
        with pytest.raises((AssertionError, InvalidSignature, ValueError, IndexError)):
            check_proof(bytes(altered), vkey)
        file = tmp_path / "altered.tlog-proof"
        file.write_bytes(altered)
        assert logged("audit", "verify", "--proof", str(file), "--key", vkey).code in (2, 3)
    for entry in entries:
        value = json.loads(entry)
        assert rfc8785.dumps(value) == entry and value["schema"] == "lockstep.audit/1"
    assert b"the words of Ana" not in b"".join(entries)


def test_a_stranger_checks_a_proof_of_a_vote_without_the_workspace(logged: Shell, tmp_path, programs):
    run, sequence = logged.query("SELECT run, sequence FROM event WHERE kind = 'approval.voted'")[0]
    proof = tmp_path / "vote.tlog-proof"
    logged("audit", "prove", "--run", run, "--sequence", str(sequence), "--out", str(proof)).expect(0)
    vkey = vkey_of(logged)
    _, entry = check_proof(proof.read_bytes(), vkey)
    vote = json.loads(entry)
    assert (vote["event"], vote["by"], vote["verdict"], vote["authenticated"]) == ("approval.voted", "ana", "approve", True)
    elsewhere = Shell(programs, tmp_path, logged.home)
    assert elsewhere("audit", "verify", "--proof", str(proof), "--key", vkey, "--format", "json").expect(0).json["ok"]
    elsewhere("audit", "verify", str(log_of(logged))).expect(3)
    elsewhere("audit", "verify", str(log_of(logged)), "--key", str(log_of(logged) / "vkeys")).expect(0)
    nothing = elsewhere("audit", "verify", str(log_of(logged)), "--key", "nope").expect(3).err
    assert "input.unreadable" in nothing and "`nope`" in nothing
    rows = logged("audit", "list").expect(0).out.splitlines()
    assert "sequence" in rows[0].split() and any({run, str(sequence)} <= set(row.split()) for row in rows)
    assert "goes on" not in elsewhere("audit", "verify", str(log_of(logged)), "--key", vkey).expect(0).out
    # Events that decide nothing are not in the log.
    (quiet,) = logged.query("SELECT sequence FROM event WHERE run = ? AND kind = 'approval.opened'", run)
    logged("audit", "prove", "--run", run, "--sequence", str(quiet[0])).expect(1)
    logged("audit", "prove", "99999").expect(3)
    logged("audit", "prove").expect(3)


def test_growth_is_proved_and_a_rewritten_history_is_not(logged: Shell, tmp_path):
    pymerkle = pytest.importorskip("pymerkle", reason="not installed: run `make interop`")
    vkey = vkey_of(logged)
    old = tmp_path / "old.checkpoint"
    shutil.copy(log_of(logged) / "checkpoint", old)
    _, before, _ = read_note(old.read_bytes(), vkey)
    logged("run", "small.yaml").expect(4)
    proof = logged("audit", "prove", "--from", str(old)).expect(0).out.encode()
    head, _, checkpoint = proof.partition(b"\n\n")
    first, *path = head.decode().splitlines()
    _, size, _ = read_note(checkpoint, vkey)
    assert first == f"old {before}" and size > before
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in read_entries(log_of(logged), size):
        tree.append_entry(entry)
    assert tree.get_root() == read_note(checkpoint, vkey)[2]
    assert tree.get_root(before) == read_note(old.read_bytes(), vkey)[2]
    said = logged("audit", "verify", "--checkpoint", str(old)).expect(0).out
    assert "goes on from 1 older checkpoint" in said
    # The same workspace writes another history: signed by the right key, and still caught.
    shutil.rmtree(log_of(logged))
    with sqlite3.connect(logged.database) as connection:
        connection.execute("UPDATE outbox SET delivered = NULL WHERE id > 2")
    assert "audit" in logged("doctor").expect(2).out
    logged("audit", "drain").expect(1)


def test_a_log_that_is_put_back_or_gone_is_not_good_and_not_begun_anew(logged: Shell, tmp_path):
    early = tmp_path / "early"
    shutil.copytree(log_of(logged), early)
    logged("run", "small.yaml").expect(4)
    logged("audit", "verify").expect(0)
    shutil.rmtree(log_of(logged))
    shutil.copytree(early, log_of(logged))
    assert "was put back" in logged("audit", "verify").expect(2).err
    assert "lockstep restore" in logged("run", "small.yaml").err
    shutil.rmtree(log_of(logged))
    told = logged("run", "small.yaml")
    assert "the audit log is gone" in told.err and "lockstep restore" in told.err
    logged("audit", "drain").expect(1)
    assert not (log_of(logged) / "checkpoint").exists()


def test_every_flipped_byte_is_found_and_named(logged: Shell, tmp_path):
    vkey = vkey_of(logged)
    copy = tmp_path / "log"
    dice = random.Random(7)
    for file in sorted(path for path in log_of(logged).rglob("*") if path.is_file()):
        name = file.relative_to(log_of(logged))
        for _ in range(4):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(log_of(logged), copy)
            data = bytearray((copy / name).read_bytes())
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            (copy / name).write_bytes(data)
            found = logged("audit", "verify", str(copy), "--key", vkey, "--format", "json").expect(2).json
            assert str(name) in {finding["file"] for finding in found["findings"]}
    damaged = log_of(logged) / "tile/0"
    victim = next(path for path in damaged.rglob("*") if path.is_file())
    victim.write_bytes(bytes(len(victim.read_bytes())))
    assert "PROBLEM" in logged("doctor").expect(2).out
    assert victim.name in logged("audit", "verify").expect(2).out


def test_nothing_is_listed_that_was_not_signed(logged: Shell, tmp_path, programs):
    vkey = vkey_of(logged)
    copy = tmp_path / "log"
    shutil.copytree(log_of(logged), copy)
    stranger = Shell(programs, tmp_path, logged.home)
    stranger("audit", "list", "--log", str(copy)).expect(3)
    listed = stranger("audit", "list", "--log", str(copy), "--key", vkey, "--format", "json").expect(0).json
    bundle = copy / f"tile/entries/000.p/{len(listed)}"
    data = bundle.read_bytes()
    victim = data.index(b"ledger.event")
    bundle.write_bytes(data[:victim] + b"Ledger.event" + data[victim + 12 :])
    said = stranger("audit", "list", "--log", str(copy), "--key", vkey).expect(2)
    assert f"entry {listed[0]['index']} of the audit log: it is not the one that was signed" in said.err
    assert said.out == ""
    bundle.write_bytes(data)
    checkpoint = (copy / "checkpoint").read_text()
    origin, size, rest = checkpoint.split("\n", 2)
    (copy / "checkpoint").write_text(f"{origin}\n{int(size) - 1}\n{rest}")
    assert "audit.untrusted" in stranger("audit", "list", "--log", str(copy), "--key", vkey).expect(2).err


@pytest.mark.parametrize("what", ["folder", "tiles", "checkpoint", "journal", "link", "linked folder"])
def test_what_others_may_write_to_is_no_sound_log(logged: Shell, tmp_path, what: str):
    log = log_of(logged)
    match what:
        case "folder": log.chmod(0o770)
        case "tiles": (log / "tile/entries").chmod(0o722)
        case "checkpoint" | "journal": (log / what).chmod(0o620)
        case "link":
            shutil.move(log / "vkeys", tmp_path / "vkeys")
            (log / "vkeys").symlink_to(tmp_path / "vkeys")
        case _:
            shutil.move(log, tmp_path / "log")
            log.symlink_to(tmp_path / "log")
    found = logged("audit", "verify", "--format", "json").expect(2).json["findings"]
    name = {"folder": ".", "tiles": "tile/entries", "link": "vkeys", "linked folder": "."}.get(what, what)
    assert ("audit.exposed", name) in {(finding["code"], finding["file"]) for finding in found}
    assert "PROBLEM" in logged("doctor").expect(2).out


def test_a_command_does_not_wait_for_ever_for_another_that_writes(logged: Shell):
    wanted = len(expected_events(logged))
    descriptor = os.open(log_of(logged), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        said = logged("run", "small.yaml").expect(4)
        assert 5 <= said.seconds < 30
        assert "waiting for another process that writes to the audit log" in said.err
        assert "warning: the audit log could not take what was decided" in said.err and "audit drain" in said.err
        assert expected_events(logged)[-1][4] is None
        # For a while only, it says so and is not in vain.
        threading.Timer(2.5, fcntl.flock, (descriptor, fcntl.LOCK_UN)).start()
        said = logged("run", "small.yaml").expect(4)
        assert "waiting for another process" in said.err and "warning" not in said.err
    finally:
        os.close(descriptor)
    assert len(check_exactly_once(logged)) > wanted


def test_a_rotated_key_signs_beside_the_old_one(logged: Shell):
    old = vkey_of(logged)
    logged("key", "rotate", "audit").expect(0)
    logged("audit", "verify").expect(0)
    logged("run", "small.yaml").expect(4)
    checkpoint = (log_of(logged) / "checkpoint").read_bytes()
    new = vkey_of(logged)
    assert new != old and read_note(checkpoint, new) == read_note(checkpoint, old)
    logged("doctor").expect(0)


def test_a_log_that_cannot_be_written_warns_and_keeps_what_was_decided(logged: Shell):
    wanted = len(expected_events(logged))
    (log_of(logged)).chmod(0o777)
    said = logged("run", "small.yaml").expect(4).err
    assert "warning: the audit log could not take what was decided" in said
    assert "may be read or changed by others" in logged("doctor").expect(2).out
    logged("audit", "drain").expect(1)
    log_of(logged).chmod(0o700)
    assert "brought into the log" in logged("audit", "drain").expect(0).out
    assert len(check_exactly_once(logged)) > wanted
    assert "nothing waited" in logged("audit", "drain").expect(0).out


def test_a_backup_takes_the_log_along(logged: Shell, tmp_path, programs):
    logged("backup", str(tmp_path / "all.backup")).expect(0)
    folder = tmp_path / "restored"
    folder.mkdir()
    restored = Shell(programs, folder, logged.home)
    said = restored("restore", str(tmp_path / "all.backup"), "--directory", str(folder)).expect(0).err
    old = (log_of(logged) / "checkpoint").read_text()
    assert f"ends after {old.split()[1]} entries" in said
    restored("doctor").expect(0)
    restored("run", str(logged.folder / "small.yaml")).expect(4)
    # Nobody there knows how far the first workspace signs: its log ends, and is checked as before.
    restored("audit", "verify", "--origin", old.split()[0], "--checkpoint", str(log_of(logged) / "checkpoint")).expect(0)
    restored("audit", "verify").expect(0)
    listed = restored("audit", "list", "--format", "json").expect(0).json
    assert [entry["entry"]["kind"] for entry in listed] == ["log.continued", "ledger.event", "ledger.event"][: len(listed)]
    assert listed[0]["entry"]["checkpoint"] == old
    run, sequence = restored.query("SELECT run, sequence FROM outbox ORDER BY id LIMIT 1")[0]
    assert "audit.former-log" in restored("audit", "prove", "--run", run, "--sequence", str(sequence)).expect(1).err


def test_a_restore_goes_on_with_the_longer_log_and_refuses_a_fork(logged: Shell, tmp_path):
    early, late = tmp_path / "early.backup", tmp_path / "late.backup"
    logged("backup", str(early)).expect(0)
    logged("run", "small.yaml").expect(4)
    logged("backup", str(late)).expect(0)
    signed = tmp_path / "signed"
    shutil.copy(log_of(logged) / "checkpoint", signed)
    assert "more than that of the backup" in logged("restore", str(early)).expect(0).err
    logged("run", "small.yaml").expect(4)
    logged("audit", "verify", "--checkpoint", str(signed)).expect(0)
    logged("doctor").expect(0)
    shutil.rmtree(log_of(logged))
    assert "restore.reason" in logged("restore", str(early), "--accept-log-rollback", " ").expect(3).err
    assert "with your reason in it" in logged("restore", str(early), "--accept-log-rollback", "disk died").expect(0).err
    logged("run", "small.yaml").expect(4)
    logged("audit", "verify").expect(0)
    assert "workspace.log-forked" in logged("restore", str(late)).expect(1).err
    logged("audit", "verify").expect(0)


def test_kill_loses_and_repeats_no_entry(workspace: Shell, people):
    """`kill -9` at random moments of commands that decide; then every event is in the log once and in order."""
    (workspace.folder / "small.yaml").write_text(GATE)
    dice = random.Random(11)
    # Moments from the start of the program to its end, however busy the machine is.
    length = workspace("run", "small.yaml").expect(4).seconds
    killed = 0
    seen: list[bytes] = []
    vkey = None
    while killed < 25:
        child = workspace.start("run", "small.yaml")
        try:
            child.wait(dice.uniform(0.2, 1.3) * length)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            killed += 1
        child.stderr.close()
        checkpoint = log_of(workspace) / "checkpoint"
        if checkpoint.exists():
            keys = log_of(workspace) / "vkeys"
            vkey = vkey or (keys.read_text().splitlines()[0] if keys.exists() else None)
            if vkey:
                _, size, _ = read_note(checkpoint.read_bytes(), vkey)
                entries = read_entries(log_of(workspace), size)
                assert entries[: len(seen)] == seen, "the log forked"
                seen = entries
    workspace("audit", "drain").expect(0)
    entries = check_exactly_once(workspace)
    assert len(entries) >= len(seen) > 0
    workspace("audit", "verify").expect(0)
    print({"kills": killed, "entries": len(entries)})
