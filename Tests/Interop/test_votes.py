"""Votes from the first to the last step, with OpenSSH as the other party: keys, signatures and verification."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import rfc8785

from conftest import Person, Shell, make_key, write_workspace

PLAYBOOK = """\
apiVersion: lockstep/v1
kind: Playbook
id: three-steps
name: Three steps
version: 1.0.0
steps:
  - id: look
    uses: discovery.configurations
    with: {{homes: ["{home}"]}}
  - id: review
    approval:
      approvers: [group:security-leads]
      min: {quorum}
      distinct-from: [run.started_by]
      show: ["${{{{ steps.look.outputs.servers }}}}"]
      require: [reason]
      expires: 10d
  - id: report
    uses: report.progress
"""


def openssh_sign(key: Path, file: Path, namespace: str = "lockstep-vote") -> None:
    file.with_name(file.name + ".sig").unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(file)],
        check=True, timeout=30, stdin=subprocess.DEVNULL,
    )


def openssh_verify(person: Person, signature: Path, message: bytes, namespace: str = "lockstep-vote") -> bool:
    allowed = signature.with_name("allowed_signers")
    allowed.write_text(f"{person.name} {person.public}\n")
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "verify", "-f", str(allowed), "-I", person.name, "-n", namespace,
         "-s", str(signature)], input=message, capture_output=True, timeout=30,
    )
    return done.returncode == 0


def start(workspace: Shell, quorum: int = 1) -> Shell:
    """A run that waits for the vote; it was started by ana, so ana may not vote."""
    (workspace.folder / "three.yaml").write_text(PLAYBOOK.format(home=workspace.home, quorum=quorum))
    result = workspace("run", "three.yaml").expect(4)
    assert "review waits for approval" in result.out
    return workspace


@pytest.fixture
def waiting(workspace: Shell) -> Shell:
    return start(workspace)


def votes(shell: Shell) -> list[tuple]:
    return shell.query("SELECT person, verdict, authenticated, proof FROM vote ORDER BY number")


def state(shell: Shell) -> str:
    return shell.query("SELECT state FROM run")[0][0]


def is_still_open(shell: Shell) -> bool:
    shell("tick").expect(0)
    return votes(shell) == [] and shell.query("SELECT state FROM approval") == [("open",)] and state(shell) == "waiting"


def test_status_and_tick_exit_0_while_a_run_waits(waiting: Shell):
    waiting("status").expect(0)
    waiting("tick").expect(0)
    waiting("status", "latest", "--format", "json").expect(0)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_vote_signed_with_a_key_file_ends_the_wait(workspace: Shell, people, tmp_path, kind: str):
    ben = make_key(tmp_path / "more", "ben", kind)
    write_workspace(workspace, [people[0], ben])
    start(workspace)
    workspace("approve", "latest", "review", "--as", "ben", "--key", str(ben.key), "--reason", "looks right").expect(0)
    workspace("tick").expect(0)
    assert state(workspace) == "succeeded"
    ((person, verdict, authenticated, proof),) = votes(workspace)
    assert (person, verdict, authenticated) == ("ben", "approve", 1)
    proof = json.loads(proof)
    signature = tmp_path / "stored.sig"
    signature.write_text(proof["signature"])
    message = rfc8785.dumps(proof["vote"])
    assert openssh_verify(ben, signature, message), "OpenSSH does not accept the stored proof"
    assert not openssh_verify(ben, signature, message, namespace="file")
    assert not openssh_verify(ben, signature, message.replace(b"looks right", b"looks wrong"))
    assert not openssh_verify(people[0], signature, message)


def prepare(shell: Shell, tmp_path: Path, name: str = "ben", verdict: str = "approve") -> Path:
    file = tmp_path / "vote.json"
    file.unlink(missing_ok=True)
    shell(verdict, "latest", "review", "--as", name, "--reason", "signed elsewhere", "--prepare", str(file)).expect(0)
    return file


def test_a_vote_made_elsewhere_with_openssh_counts(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    assert votes(waiting) == [], "preparing is not voting"
    assert file.read_bytes() == rfc8785.dumps(json.loads(file.read_text())), "what is signed is not canonical"
    openssh_sign(people[1].key, file)
    waiting("approve", "latest", "review", "--vote", str(file)).expect(0)
    waiting("tick").expect(0)
    assert state(waiting) == "succeeded"
    assert votes(waiting)[0][:3] == ("ben", "approve", 1)


def test_a_rejection_made_elsewhere_fails_the_run(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path, verdict="reject")
    openssh_sign(people[1].key, file)
    waiting("reject", "latest", "review", "--vote", str(file)).expect(0)
    waiting("tick").expect(0)
    assert state(waiting) in ("failed", "paused", "cancelled")
    assert waiting.query("SELECT state FROM approval") == [("rejected",)]


def refused(shell: Shell, code: str, *arguments: str) -> None:
    result = shell(*arguments)
    assert result.code in (1, 2, 3), f"exit {result.code}\n{result.out}\n{result.err}"
    assert code in result.err, result.err
    assert is_still_open(shell), "a refused vote left something behind"


def test_the_key_of_somebody_else_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    openssh_sign(people[0].key, file)
    refused(waiting, "vote.wrong-key", "approve", "latest", "review", "--vote", str(file))
    refused(
        waiting, "vote.wrong-key", "approve", "latest", "review", "--as", "ben", "--key", str(people[0].key),
        "--reason", "I am ben",
    )


def test_a_key_that_nobody_listed_is_refused(waiting: Shell, tmp_path):
    stranger = make_key(tmp_path / "stranger", "ben", "ed25519")
    refused(
        waiting, "vote.wrong-key", "approve", "latest", "review", "--as", "ben", "--key", str(stranger.key),
        "--reason", "I am ben",
    )


def test_a_signature_for_another_purpose_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    openssh_sign(people[1].key, file, namespace="git")
    refused(waiting, "vote.bad-signature", "approve", "latest", "review", "--vote", str(file))


def test_a_tampered_vote_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    openssh_sign(people[1].key, file)
    file.write_bytes(file.read_bytes().replace(b"signed elsewhere", b"changed on the way"))
    refused(waiting, "vote.bad-signature", "approve", "latest", "review", "--vote", str(file))


def test_a_turned_verdict_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path, verdict="reject")
    openssh_sign(people[1].key, file)
    refused(waiting, "vote.verdict", "approve", "latest", "review", "--vote", str(file))


def test_who_started_the_run_may_not_vote(waiting: Shell, people):
    refused(
        waiting, "approval.excluded", "approve", "latest", "review", "--as", "ana", "--key", str(people[0].key),
        "--reason", "my own work",
    )


def test_a_person_outside_the_group_may_not_vote(waiting: Shell, people, tmp_path):
    cleo = make_key(tmp_path / "more", "cleo", "ed25519")
    write_workspace(waiting, [*people, cleo], groups="  security-leads: [ana, ben]")
    refused(
        waiting, "approval.not-eligible", "approve", "latest", "review", "--as", "cleo", "--key", str(cleo.key),
        "--reason", "let me",
    )


def test_a_vote_from_before_a_change_of_the_workspace_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    openssh_sign(people[1].key, file)
    with (waiting.folder / "lockstep.yaml").open("a") as configuration:
        configuration.write("# changed\n")
    refused(waiting, "vote.configuration", "approve", "latest", "review", "--vote", str(file))


def test_a_vote_of_another_run_is_refused(waiting: Shell, people, tmp_path):
    file = prepare(waiting, tmp_path)
    openssh_sign(people[1].key, file)
    first = waiting.query("SELECT id FROM run")[0][0]
    waiting("cancel", first, "--reason", "again").expect(0)
    waiting("tick").expect(0)
    waiting("run", "three.yaml").expect(4)
    result = waiting("approve", "latest", "review", "--vote", str(file))
    assert result.code in (1, 2, 3) and "vote.step" in result.err
    assert votes(waiting) == []


def test_a_missing_reason_and_a_missing_signature_are_refused(waiting: Shell, people, tmp_path):
    refused(waiting, "vote.reason", "approve", "latest", "review", "--as", "ben", "--key", str(people[1].key))
    file = prepare(waiting, tmp_path)
    refused(waiting, "vote.", "approve", "latest", "review", "--vote", str(file))


def test_an_unsigned_vote_of_the_os_user_does_not_count(waiting: Shell):
    result = waiting("approve", "latest", "review", "--reason", "no key", user="ben", SSH_AUTH_SOCK="")
    assert result.code in (1, 2, 3)
    assert is_still_open(waiting)


def test_one_person_counts_once_towards_a_quorum(workspace: Shell, people, tmp_path):
    cleo = make_key(tmp_path / "more", "cleo", "ed25519")
    write_workspace(workspace, [*people, cleo])
    start(workspace, quorum=2)
    vote = ["--reason", "yes", "approve", "latest", "review"]
    for _ in range(2):
        workspace(*vote[2:], "--as", "ben", "--key", str(people[1].key), *vote[:2])
    workspace("tick").expect(0)
    assert state(workspace) == "waiting"
    workspace(*vote[2:], "--as", "cleo", "--key", str(cleo.key), *vote[:2]).expect(0)
    workspace("tick").expect(0)
    assert state(workspace) == "succeeded"


def test_a_withdrawn_vote_does_not_count(workspace: Shell, people, tmp_path):
    cleo = make_key(tmp_path / "more", "cleo", "ed25519")
    write_workspace(workspace, [*people, cleo])
    start(workspace, quorum=2)
    ben = ["latest", "review", "--as", "ben", "--key", str(people[1].key), "--reason"]
    workspace("approve", *ben, "yes").expect(0)
    workspace("withdraw", *ben, "on second thoughts").expect(0)
    workspace("approve", "latest", "review", "--as", "cleo", "--key", str(cleo.key), "--reason", "yes").expect(0)
    workspace("tick").expect(0)
    assert state(workspace) == "waiting"
    workspace("approve", *ben, "yes after all").expect(0)
    workspace("tick").expect(0)
    assert state(workspace) == "succeeded"
    assert [row[1] for row in votes(workspace)] == ["approve", "withdraw", "approve", "approve"]


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="ssh-agent is not installed")
def test_a_vote_signed_by_the_agent_counts(waiting: Shell, people, tmp_path):
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if socket.exists():
                break
            subprocess.run(["sleep", "0.05"], check=True)
        with_agent = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(people[1].key)], check=True, env=with_agent, timeout=30)
        waiting("approve", "latest", "review", "--as", "ben", "--reason", "agent", SSH_AUTH_SOCK=str(socket)).expect(0)
    finally:
        agent.terminate()
        agent.wait(10)
    waiting("tick").expect(0)
    assert state(waiting) == "succeeded"


def test_a_crash_while_voting_counts_the_vote_once_or_not_at_all(waiting: Shell, people, tmp_path):
    template = waiting.folder
    for point in range(1, 100):
        folder = tmp_path / f"crash-{point}"
        shutil.copytree(template, folder, symlinks=True)
        shell = Shell(waiting.programs, folder, waiting.home)
        approve = ["approve", "latest", "review", "--as", "ben", "--key", str(people[1].key), "--reason", "yes"]
        code = shell(*approve, LOCKSTEP_CRASH_AT=str(point)).code
        assert code in (0, 137)
        counted = len(votes(shell))
        assert counted <= 1
        if counted == 0:
            shell(*approve).expect(0)
        shell("tick").expect(0)
        assert state(shell) == "succeeded" and len(votes(shell)) == 1, f"point {point}"
        shell("doctor").expect(0)
        if code == 0:
            break
    else:
        pytest.fail("the crash points do not end")


def test_votes_at_the_same_moment_all_count(workspace: Shell, people, tmp_path):
    voters = [make_key(tmp_path / "more", f"voter{number}", "ed25519") for number in range(6)]
    write_workspace(workspace, [*people, *voters])
    start(workspace, quorum=6)
    children = [
        workspace.start("approve", "latest", "review", "--as", voter.name, "--key", str(voter.key), "--reason", "yes")
        for voter in voters
    ]
    for child in children:
        _, error = child.communicate(timeout=60)
        assert child.returncode == 0, error.decode()
    workspace("tick").expect(0)
    assert state(workspace) == "succeeded"
    assert sorted(row[0] for row in votes(workspace)) == [voter.name for voter in voters]
