"""What the interop checks share: the built programs, workspaces, people with keys, and processes that always end.

Everything stays on loopback, every wait has an end, and only processes started here are ended, by their id.

`LOCKSTEP_BIN` names the folder of the built programs; without it `swift build --show-bin-path` is asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = HERE / "peers"
CURRENT = Path(sys.executable)
LEGACY = Path(os.environ.get("LOCKSTEP_LEGACY_VENV", ROOT / ".venv-legacy")) / "bin"


@dataclasses.dataclass
class Result:
    """How a program ended and what it said."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str
    peak_kib: int = 0
    seconds: float = 0.0

    @property
    def json(self):
        return json.loads(self.out)

    def expect(self, code: int) -> Result:
        assert self.code == code, (
            f"`lockstep {' '.join(self.arguments)}` ended with {self.code}, not {code}\n"
            f"stdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}"
        )
        return self


@dataclasses.dataclass
class Programs:
    folder: Path

    @property
    def lockstep(self) -> Path:
        return self.folder / "lockstep"

    @property
    def lab(self) -> Path:
        return self.folder / "lockstep-lab"


@pytest.fixture(scope="session")
def programs() -> Programs:
    named = os.environ.get("LOCKSTEP_BIN")
    if not named:
        named = subprocess.run(
            ["swift", "build", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
        ).stdout.strip()
    found = Programs(Path(named))
    for program in (found.lockstep, found.lab):
        if not program.is_file():
            pytest.exit(f"{program.name} is not built: run `make interop`, or name its folder in LOCKSTEP_BIN", 1)
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """A person's environment without anything of the person who runs the tests."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home), "LOGNAME": "ana", "USER": "ana", "LOCKSTEP_USER": "ana",
        "LANG": "C.UTF-8", "NO_COLOR": "1", "TMPDIR": os.environ.get("TMPDIR", "/tmp"), **more,
    }


# A forked child starts with its parent's memory in its own peak, and this process may hold whole corpora: a small
# process in between starts the program, and says what the kernel counted.
WATCHING = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as counted:
    counted.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def watched(command: list[str | Path], timeout: float, **more) -> tuple[int, bytes, bytes, int]:
    """The exit code, what was printed on either stream, and the peak of resident memory in KiB."""
    with tempfile.TemporaryDirectory() as name:
        counted, out, err = Path(name) / "counted", Path(name) / "out", Path(name) / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            between = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", WATCHING, str(counted), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True, **more,
            )
            try:
                between.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(between.pid, signal.SIGKILL)
                between.wait()
                pytest.fail(f"`{' '.join(map(str, command))}` did not end in {timeout} s")
        code, peak = map(int, counted.read_text().split())
        return code, out.read_bytes(), err.read_bytes(), peak


@dataclasses.dataclass
class Shell:
    """Runs `lockstep` in one folder for one person."""

    programs: Programs
    folder: Path
    home: Path

    def __call__(
        self, *arguments: str, timeout: float = 60, file_limit: int | None = None, user: str | None = None, **more: str
    ) -> Result:
        def limits() -> None:
            if file_limit is not None:
                # Without this the process would be ended by a signal; with it a write fails as on a full disk.
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        command = [str(self.programs.lockstep), *map(str, arguments)]
        given = environment(self.home, **({"LOGNAME": user, "USER": user, "LOCKSTEP_USER": user} if user else {}), **more)
        started = time.monotonic()
        child = subprocess.Popen(
            command, cwd=self.folder, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=limits if file_limit is not None else None,
        )
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            pytest.fail(f"`lockstep {' '.join(arguments)}` did not end in {timeout} s\n{err.decode(errors='replace')}")
        return Result(
            arguments, child.returncode, out.decode("utf-8"), err.decode("utf-8"), 0, time.monotonic() - started
        )

    def start(self, *arguments: str, **more: str) -> subprocess.Popen:
        """Starts the program and leaves it running, for tests that kill it."""
        return subprocess.Popen(
            [str(self.programs.lockstep), *arguments], cwd=self.folder, env=environment(self.home, **more),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )

    def measured(self, *arguments: str, timeout: float = 120, **more: str) -> Result:
        """Runs the program and reports its own peak of resident memory."""
        started = time.monotonic()
        code, out, err, peak = watched(
            [self.programs.lockstep, *arguments], timeout, cwd=self.folder, env=environment(self.home, **more),
        )
        return Result(arguments, code, out.decode("utf-8"), err.decode("utf-8"), peak, time.monotonic() - started)

    @property
    def database(self) -> Path:
        return self.folder / ".lockstep" / "lockstep.db"

    def query(self, sql: str, *values) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql, values).fetchall()


@pytest.fixture
def shell(programs: Programs, tmp_path: Path) -> Shell:
    """A person in a folder that is no workspace."""
    folder, home = tmp_path / "folder", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    return Shell(programs, folder, home)


@dataclasses.dataclass
class Person:
    name: str
    key: Path

    @property
    def public(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()


def make_key(folder: Path, name: str, kind: str) -> Person:
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / f"{name}_{kind}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{name}@example", "-f", str(key)], check=True, timeout=60
    )
    return Person(name, key)


def write_workspace(shell: Shell, people: Sequence[Person], hooks: str = "hooks: {}", groups: str | None = None) -> None:
    """Replaces `lockstep.yaml`; the first person has the OS user of the environment."""
    lines = ["apiVersion: lockstep/v1", "kind: Workspace", "organisation: Example", "people:"]
    for person in people:
        lines += [f"  {person.name}:", f"    name: {person.name}", "    keys:", f'      - "{person.public}"',
                  f"    os-user: {person.name}"]
    lines += ["groups:", groups or f"  security-leads: [{', '.join(person.name for person in people)}]",
              "unauthenticated-votes: false", hooks, ""]
    (shell.folder / "lockstep.yaml").write_text("\n".join(lines))


@pytest.fixture
def people(tmp_path: Path) -> list[Person]:
    keys = tmp_path / "keys"
    return [make_key(keys, "ana", "ed25519"), make_key(keys, "ben", "ecdsa")]


@pytest.fixture
def workspace(shell: Shell, people: list[Person]) -> Shell:
    """A workspace with two people: ana, who runs the commands, and ben."""
    shell("init").expect(0)
    write_workspace(shell, people)
    return shell


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held at once so that no number comes twice."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


def wait_for_port(port: int, child: subprocess.Popen, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child.poll() is not None:
            raise AssertionError(f"the peer ended with {child.returncode} before it listened")
        with socket.socket() as attempt:
            attempt.settimeout(0.5)
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    """Runs a peer for the length of the block and ends it by its id."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(word) for word in command], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)


@pytest.fixture(scope="session")
def legacy_python() -> Path:
    python = LEGACY / "python"
    if not python.exists():
        pytest.skip("the environment with the older SDK is missing: run `make interop`")
    return python


def ask(python: Path, url: str, mode: str, *, token: str = "", calls: dict | None = None, era: str = "auto") -> dict:
    """What the official SDK's own client gets from a server: a process of its own, in that SDK's environment."""
    script = "ask_current.py" if mode == "current" else "ask_legacy.py"
    done = subprocess.run(
        [str(python), str(PEERS / script), url, json.dumps({"token": token, "calls": calls or {}, "era": era})],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, f"the {mode} SDK client failed at {url}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout)
