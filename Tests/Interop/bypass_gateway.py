"""The gateway under test: its document, its process, and the people who kill, lift and allow.

Everything that knows a command of Lockstep stands here, so that the runner knows none.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from bypass_cases import POLICIES
from bypass_readings import DEFINITIONS
from bypass_servers import NAMES
from bypass_tokens import ISSUER, Keys
from conftest import environment

#: What the README asks for: below the sizes of the cases.
LIMITS = {"body": 16 << 20, "depth": 512, "head": 1 << 20}


class Unplayable(Exception):
    """A case needs what the harness could not do: not one that held."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a gateway is asked to be; cases that want the same may share one."""

    policy: str
    setting: str = "{}"
    pinned: bool = False
    transport: str = "http"
    mode: str = "enforce"

    @staticmethod
    def of(case: dict, mode: str = "enforce") -> Wanted:
        kind = "http" if case["transport"].startswith("http-2") else case["transport"].split("-2")[0]
        pinned = bool(case.get("pinned") or case.get("definitions"))
        return Wanted(case["policy"], json.dumps(case.get("setting", {}), sort_keys=True), pinned, kind, mode)


def write_document(folder: Path, wanted: Wanted, ports: dict[str, int], keys: Keys) -> Path:
    """The document `gateway.yaml` with everything that it names."""
    folder.mkdir(parents=True)
    shutil.copy(POLICIES / f"{wanted.policy}.yaml", folder / "policy.yaml")
    keys.write_sets(folder)
    document: dict = {
        "gateway": "edge-1", "state": "state", "mode": wanted.mode, "policy": "policy.yaml",
        **json.loads(wanted.setting), "limits": LIMITS,
    }
    if wanted.transport == "stdio":
        document["routes"] = [{"server": "files"}]
        document["identity"] = {"declared": "alice"}
    else:
        routes = [{"path": f"/{name}", "server": name, "upstream": f"http://127.0.0.1:{ports[name]}/mcp"} for name in NAMES]
        if wanted.transport == "http-sse":
            routes = [{"path": "/files/sse", "server": "files", "upstream": f"http://127.0.0.1:{ports['files']}/sse", "transport": "sse"}]
        document |= {
            "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "routes": routes,
            "identity": {
                "tokens": [{"issuer": ISSUER, "keys": "jwks.json"}], "tasks": {"keys": "orchestrator.jwks.json"}, "declared": "none",
            },
        }
    if wanted.pinned:
        pinned = [{"server": name, "tools": tools} for name, tools in DEFINITIONS.items()]
        (folder / "pinned.json").write_text(json.dumps(pinned, ensure_ascii=False), "utf-8")
        document["definitions"] = "pinned.json"
    path = folder / "gateway.yaml"
    path.write_text("".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in document.items()), "utf-8")
    return path


class Gateway:
    """One running `lockstep gateway run`."""

    def __init__(self, lockstep: Path, folder: Path, wanted: Wanted, ports: dict[str, int], keys: Keys):
        self.lockstep, self.folder = lockstep, folder
        self.document = write_document(folder, wanted, ports, keys)
        (folder / "home").mkdir()
        self.log = (folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            [str(lockstep), "gateway", "run", "--config", str(self.document)], cwd=folder, env=environment(folder / "home"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
        )
        said: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()
        try:
            listening = json.loads(said.get(timeout=20))
        except (queue.Empty, ValueError) as error:
            self.stop()
            raise Unplayable(f"the gateway does not listen: {self.said()[-800:]}") from error
        self.host, self.admin = listening["listen"], listening["admin"]
        self.address = (self.host.rpartition(":")[0], int(self.host.rpartition(":")[2]))
        self.url = f"http://{self.host}"

    def _listen(self, said: queue.Queue[bytes]) -> None:
        for line in self.process.stdout:
            said.put(line)
        said.put(b"")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def stop(self) -> None:
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.log.close()

    def _command(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.lockstep), *words, "--config", str(self.document)], cwd=self.folder, env=environment(self.folder / "home"),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=15,
        )

    def _ask_admin(self, path: str, body: dict, done: subprocess.CompletedProcess) -> None:
        """The same over the admin port, with the token that the gateway made in its own folder; for when no command does it."""
        try:
            token = (self.folder / "state" / "control" / "admin-token").read_text().strip()
            request = urllib.request.Request(
                f"http://{self.admin}/v1/{path}", json.dumps(body).encode(),
                {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}, method="POST",
            )
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()
        except OSError as error:
            raise Unplayable(f"{done.args[1:4]} ended with {done.returncode} ({done.stderr.strip()[-200:]}), and {path} of the admin port: {error}") from error

    def kill(self, principal: str) -> None:
        """Denies everything to a principal from now on."""
        done = self._command("monitor", "kill", principal, "--reason", "corpus")
        if done.returncode != 0:
            self._ask_admin("revocations", {"principal": principal, "reason": "corpus"}, done)

    def allow(self, ask: str) -> None:
        """A person allows what was asked about."""
        done = self._command("ask", "allow", ask)
        if done.returncode != 0:
            self._ask_admin(f"asks/{ask}/allow", {"by": "ana"}, done)


class Gateways:
    """Starts gateways and keeps each for the cases that want the same."""

    def __init__(self, lockstep: Path, folder: Path, ports: dict[str, int], keys: Keys):
        self.lockstep, self.folder, self.ports, self.keys = lockstep, folder, ports, keys
        self.kept: dict[Wanted, Gateway] = {}
        self.count = 0

    def get(self, wanted: Wanted, new: bool = False):
        kept = self.kept.get(wanted)
        if kept and (new or not kept.running):
            self.drop(wanted)
            kept = None
        if not kept:
            self.count += 1
            kept = self.kept[wanted] = Gateway(self.lockstep, self.folder / f"gateway-{self.count}", wanted, self.ports, self.keys)
        return kept

    def drop(self, wanted: Wanted) -> None:
        """Ends a gateway whose state is no longer that of a new one."""
        if kept := self.kept.pop(wanted, None):
            kept.stop()
            shutil.rmtree(kept.folder / "state", ignore_errors=True)

    def wrapped(self, case: dict, server: list[str]) -> subprocess.Popen:
        """A server on standard input and output, behind `lockstep gateway wrap`."""
        self.count += 1
        folder = self.folder / f"wrapped-{self.count}"
        document = write_document(folder, Wanted.of(case), self.ports, self.keys)
        (folder / "home").mkdir()
        with (folder / "stderr").open("wb") as log:
            return subprocess.Popen(
                [str(self.lockstep), "gateway", "wrap", "--config", str(document), "--", *server], cwd=folder,
                env=environment(folder / "home", PYTHONPATH=os.environ.get("PYTHONPATH", "")),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )

    def close(self) -> None:
        for wanted in list(self.kept):
            self.drop(wanted)


def patience(seconds: float, met) -> bool:
    end = time.monotonic() + seconds
    while not (done := met()) and time.monotonic() < end:
        time.sleep(0.01)
    return bool(done)
