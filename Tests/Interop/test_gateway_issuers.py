"""Several issuers: none of them names another one's agents."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from conftest import Programs
from gateway_peers import Gateway, until
from tls_peers import Upstream, call, post

STAFF, GUESTS = "https://staff.example", "https://guests.example"
RULES = """apiVersion: lockstep/v1
kind: Policy
name: issuers
scope: agent
agents:
  "staff:alice":
    servers:
      files:
        - {id: a, tool: text, tier: read}
"""


@pytest.fixture
def place(programs: Programs, tmp_path: Path):
    keys = {name: ECKey.generate_key("P-256", {"kid": name, "alg": "ES256", "use": "sig"}) for name in (STAFF, GUESTS)}
    for at, name in enumerate(keys):
        (tmp_path / f"{at}.json").write_text(json.dumps({"keys": [keys[name].as_dict(private=False)]}))
    upstream = Upstream()

    def make(prefixes: tuple[str, str], **identity) -> Gateway:
        tokens = [{"issuer": name, "keys": str(tmp_path / f"{at}.json"), **({"prefix": prefix} if prefix else {})}
                  for at, (name, prefix) in enumerate(zip(keys, prefixes))]
        return Gateway(programs.lockstep, tmp_path / "edge", {"files": upstream.url}, rules=RULES, identity={"tokens": tokens, **identity})

    make.keys = keys
    yield make
    upstream.close()


def ask(edge: Gateway, keys: dict, issuer: str, subject: str) -> tuple[int, dict]:
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "aud": edge.url("files"), "iat": now, "exp": now + 300}
    token = jwt.encode({"alg": "ES256", "kid": issuer, "typ": "at+jwt"}, claims, keys[issuer])
    status, text = post(edge.port, "/files", *call(token=token))
    return status, json.loads(text)


def test_subjects_of_two_issuers_are_two_principals(place):
    edge = place(("staff:", "guests:"))
    try:
        edge.start()
        assert "result" in ask(edge, place.keys, STAFF, "alice")[1]
        assert ask(edge, place.keys, GUESTS, "alice")[1]["error"]["code"] == 40301
        assert ask(edge, place.keys, GUESTS, "staff:alice")[1]["error"]["code"] == 40301
    finally:
        edge.close()


@pytest.mark.parametrize("prefixes, identity, code", [
    (("", ""), {}, "gateway.ambiguous-subject"), (("staff:", ""), {}, "gateway.ambiguous-subject"),
    (("s", "staff:"), {}, "gateway.ambiguous-subject"), (("spiffe://a/", "b:"), {}, "gateway.invalid-value"),
    (("staff:", "guests:"), {"declared": "staff:alice"}, "gateway.ambiguous-subject"),
    (("staff:", "guests:"), {"declared": "spiffe://acme.example/agent/a"}, "gateway.ambiguous-subject"),
])
def test_names_that_two_could_use_are_refused_at_the_start(place, prefixes, identity, code):
    edge = place(prefixes, **identity)
    done = edge.command("gateway", "run", "--config", str(edge.document))
    assert done.returncode == 3 and f"[{code}]" in done.stderr, done


def test_a_client_that_reads_slowly_gets_the_whole_answer(programs: Programs, tmp_path: Path):
    upstream = Upstream()
    edge = Gateway(programs.lockstep, tmp_path / "edge", {"files": upstream.url}, mode="record")
    try:
        edge.start()
        body, fields = call(arguments={"size": 1 << 20})
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(20)
            line.connect(("127.0.0.1", edge.port))
            line.sendall(f"POST /files HTTP/1.1\r\nHost: 127.0.0.1:{edge.port}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
            until(lambda: edge.counters["allowed"] == 1 and upstream.bytes_in)
            first = line.recv(1)
            read = bytearray(first)
            while data := line.recv(1 << 16):
                read += data
        head, text = bytes(read).split(b"\r\n\r\n", 1)
        assert len(json.loads(text)["result"]["content"][0]["text"]) == 1 << 20
    finally:
        edge.close()
        upstream.close()
