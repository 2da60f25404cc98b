"""What the client runs as: statements that every request has to come with, and digests that people deny."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from conftest import Programs
from gateway_peers import Gateway
from tls_peers import Authority, Credential, Upstream, classical, listing

BOT = "spiffe://acme.example/agent/bot"


class Place:
    """A gateway that wants statements, an agent with a certificate, and what the agent runs as."""

    def __init__(self, programs: Programs, folder: Path, identities: Authority, statements: str):
        self.identities, self.folder, self.upstream = identities, folder, Upstream()
        server = identities.issue("gateway/edge")
        self.bot, self.other = identities.issue("agent/bot"), identities.issue("agent/other")
        self.keys = [ECKey.import_key(each.key.read_text()) for each in (self.bot, self.other)]
        (folder / "machines.json").write_text(json.dumps({"keys": [
            {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": "ES256", "use": "sig"} for key in self.keys]}))
        self.edge = Gateway(
            programs.lockstep, folder / "edge", {"files": self.upstream.url}, mode="record",
            tls={"certificate": str(server.certificate), "key": str(server.key),
                 "clients": [{"trust-domain": "acme.example", "bundle": str(identities.bundle)}]},
            identity={"posture": {"statements": statements, "keys": str(folder / "machines.json")}},
        )
        self.edge.write(url=f"https://127.0.0.1:{self.edge.port}")
        self.edge.start()

    def statement(self, binary: bytes = b"client 1", *more: str, of: str = BOT, key: Credential | None = None) -> str:
        (self.folder / "client").write_bytes(binary)
        (self.folder / "client.json").write_text("{}")
        return self.identities.shell(
            "identity", "posture", of, "--binary", str(self.folder / "client"), "--configuration", str(self.folder / "client.json"),
            "--client-version", "1", "--key", str((key or self.bot).key), *more,
        ).expect(0).out.strip()

    def forged(self, **changed) -> str:
        """A statement of joserfc's making, right but for what is changed."""
        now = int(time.time())
        digest = "sha256:" + "0" * 64
        claims = {"eat_profile": "tag:lockstep.dev,2026:posture/1", "sub": BOT, "swversion": "1", "binary_digest": digest,
                  "configuration_digest": digest, "cnf": {"jkt": self.keys[0].thumbprint()}, "iat": now, "exp": now + 300, **changed}
        header = {"alg": "ES256", "kid": self.keys[0].thumbprint(), "typ": "posture+jwt"}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, self.keys[0])

    def send(self, statement: str | None, own: Credential | None = None) -> tuple[int, str]:
        """The status, and why it is refused."""
        more = {} if statement is None else {"Lockstep-Posture": statement}
        status, message, *_ = listing(self.edge.port, classical(self.identities.root, own or self.bot), **more)
        return status, message.get("error", {}).get("data", {}).get("reason", "")

    def close(self) -> None:
        self.edge.close()
        self.upstream.close()


@pytest.fixture
def places(programs: Programs, tmp_path: Path):
    made: list[Place] = []
    (tmp_path / "identities").mkdir()
    identities = Authority.begin(programs, tmp_path / "identities")

    def make(statements: str = "required") -> Place:
        folder = tmp_path / statements
        folder.mkdir()
        made.append(Place(programs, folder, identities, statements))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_request_comes_with_a_statement_or_is_refused(places):
    place = places()
    assert place.send(None) == (403, "posture-missing")
    good = place.statement()
    assert [place.send(good) for _ in range(2)] == [(200, "")] * 2
    assert place.send(place.statement(b"client 1", "--audience", "edge-1")) == (200, "")
    assert place.send(place.forged()) == (200, "")
    now = int(time.time())
    for name, wrong in {
        "somebody else's": place.forged(sub="spiffe://acme.example/agent/other"),
        "of another key": place.forged(cnf={"jkt": place.keys[1].thumbprint()}),
        "for another gateway": place.forged(aud="edge-2"),
        "for two": place.forged(aud=["edge-1", "edge-2"]),
        "too long": place.forged(exp=now + 3600),
        "from the future": place.forged(iat=now + 200, exp=now + 400),
        "without a digest": place.forged(binary_digest=None),
        "of another profile": place.forged(eat_profile="x"),
        "changed": good[:-4] + ("aaaa" if good[-4:] != "aaaa" else "bbbb"),
        "no statement": "none",
    }.items():
        assert place.send(wrong) == (403, "posture-invalid"), name
    assert place.send(place.forged(iat=now - 200, exp=now - 100)) == (403, "posture-expired")
    # A statement that was good is none for another workload, remembered or not.
    assert place.send(good, place.other) == (403, "posture-invalid")
    place.edge.stop()
    refused = [each for each in place.edge.entries() if each["kind"] == "gateway.posture"]
    assert {each["reason"] for each in refused} == {"posture-missing", "posture-invalid", "posture-expired"}
    assert all(each["server"] == "files" for each in refused)


def test_a_statement_that_was_remembered_ends(places):
    place = places()
    ends = place.forged(exp=int(time.time()) + 2)
    assert place.send(ends) == (200, "")
    end = time.monotonic() + 10
    while (found := place.send(ends)) == (200, ""):
        assert time.monotonic() < end
    assert found == (403, "posture-expired")


def test_a_binary_or_a_configuration_is_denied_for_everybody_who_runs_it(places):
    place = places()
    old, new = place.statement(b"client 1"), place.statement(b"client 2")
    assert place.send(old) == place.send(new) == (200, "")
    binary = "posture:sha256:" + hashlib.sha256(b"client 1").hexdigest()
    kill = lambda what: place.edge.command("monitor", "kill", what, "--reason", "a stolen release", "--config", str(place.edge.document))
    done = kill(binary)
    assert done.returncode == 0 and "denied" in done.stdout, done
    assert place.send(old) == (403, "posture-revoked") and place.send(new) == (200, "")
    assert kill("posture:sha256:" + hashlib.sha256(b"{}").hexdigest()).returncode == 0
    assert place.send(new) == (403, "posture-revoked")


def test_where_statements_are_optional_a_wrong_one_is_still_refused(places):
    place = places("optional")
    assert place.send(None) == (200, "") and place.send(place.statement()) == (200, "")
    assert place.send("none") == (403, "posture-invalid")
