"""TLS of the gateway's port and towards servers, judged by OpenSSL, Python and pyOpenSSL, and by two gateways in a row."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from cryptography import x509
from joserfc import jwt
from joserfc.jwk import ECKey

from conftest import ROOT, Programs
from gateway_peers import Gateway, until
from tls_peers import Authority, Credential, Forge, Upstream, answer, call, classical, hybrid, listing, post, request, uri

BOT = "spiffe://acme.example/agent/bot"
HYBRID = "X25519MLKEM768"
SHARED = Path(os.environ.get("LOCKSTEP_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="module")
def identities(programs: Programs, tmp_path_factory) -> Authority:
    return Authority.begin(programs, tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="module")
def server(identities: Authority) -> Credential:
    return identities.issue("gateway/edge")


@pytest.fixture(scope="module")
def bot(identities: Authority) -> Credential:
    return identities.issue("agent/bot")


@pytest.fixture(scope="module")
def forge(tmp_path_factory) -> Forge:
    return Forge(tmp_path_factory.mktemp("forge"))


@pytest.fixture
def upstream():
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def edges(programs: Programs, tmp_path: Path, upstream: Upstream, server: Credential, identities: Authority):
    made: list[Gateway] = []

    def make(name: str = "edge", groups: str = "hybrid-preferred", clients: list | None = None, **members) -> Gateway:
        tls = {"certificate": str(server.certificate), "key": str(server.key), "groups": groups}
        if clients is not None:
            tls["clients"] = clients
        edge = Gateway(programs.lockstep, tmp_path / name, {"files": upstream.url}, **{"mode": "record", "tls": tls, **members})
        edge.write(url=f"https://127.0.0.1:{edge.port}")
        made.append(edge)
        return edge.start()

    yield make
    for each in made:
        each.close()


def tls_of(edge: Gateway) -> dict:
    return edge.ask("status")[1]["tls"]


def domain(name: str, bundle: Path) -> dict:
    return {"trust-domain": name, "bundle": str(bundle)}


def s_client(port: int, root: Path, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(root), "-brief", *more],
        input="", capture_output=True, text=True, timeout=20,
    )


class TestGroups:
    def test_who_can_does_hybrid_and_who_cannot_is_served_where_that_is_allowed(self, edges, identities):
        pytest.importorskip("OpenSSL")
        edge = edges()
        assert hybrid(edge.port, identities.root)[::2] == (200, HYBRID)
        assert listing(edge.port, classical(identities.root))[0] == 200
        done = s_client(edge.port, identities.root, "-groups", "P-256")
        assert "CONNECTION ESTABLISHED" in done.stderr and "TLSv1.3" in done.stderr, done.stderr
        assert tls_of(edge)["groups"] == {HYBRID: 1, "x25519": 1, "secp256r1": 1}

    def test_nothing_classical_is_taken_where_hybrid_is_required(self, edges, identities):
        pytest.importorskip("OpenSSL")
        edge = edges(groups="hybrid-required")
        assert hybrid(edge.port, identities.root)[::2] == (200, HYBRID)
        with pytest.raises((ssl.SSLError, OSError)):
            listing(edge.port, classical(identities.root))
        done = s_client(edge.port, identities.root, "-groups", "X25519:P-256:P-384")
        assert done.returncode != 0 and "ESTABLISHED" not in done.stderr
        assert tls_of(edge)["groups"] == {HYBRID: 1}

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_1", "-tls1"])
    def test_older_versions_are_refused(self, edges, identities, version):
        edge = edges()
        done = s_client(edge.port, identities.root, version, "-cipher", "ALL:@SECLEVEL=0")
        assert done.returncode != 0 and "ESTABLISHED" not in done.stderr

    def test_what_is_not_tls_is_closed(self, edges):
        edge = edges()
        with pytest.raises(Exception):
            post(edge.port, "/files", *call(), timeout=10)

    def test_another_mode_is_not_in_the_clear(self, edges, identities):
        edge = edges()
        assert edge.command("gateway", "mode", "edge-1", "shadow", "--reason", "a new tool", "--config", str(edge.document)).returncode == 0
        until(lambda: edge.ask("status")[1]["mode"] == "shadow")
        assert listing(edge.port, classical(identities.root))[0] == 200
        with pytest.raises(Exception):
            post(edge.port, "/files", *call(), timeout=10)


class TestWorkloads:
    @pytest.fixture
    def edge(self, edges, identities, forge):
        rules = f"apiVersion: lockstep/v1\nkind: Policy\nname: mtls\nscope: agent\nagents:\n  \"{BOT}\":\n    servers:\n      files:\n        - {{id: a, tool: text, tier: read}}\n"
        clients = [domain("acme.example", identities.bundle), domain(forge.name, forge.bundle)]
        return edges(clients=clients, mode="enforce", rules=rules, identity={"declared": "none"})

    def test_a_workload_is_known_by_its_certificate(self, edge, identities, bot):
        assert "result" in listing(edge.port, classical(identities.root, bot))[1]
        other = identities.issue("agent/other")
        assert listing(edge.port, classical(identities.root, other))[1]["error"]["code"] == 40301
        assert listing(edge.port, classical(identities.root))[0] == 401

    def test_a_session_that_is_taken_up_again_is_the_same_workload(self, edge, identities, bot):
        context = classical(identities.root, bot)
        status, _, session, _ = listing(edge.port, context)
        assert status == 200
        status, message, _, was_reused = listing(edge.port, context, session=session)
        assert (status, "result" in message) == (200, True), (was_reused, message)

    def test_who_proves_no_workload_is_turned_away(self, edge, identities, forge, tmp_path):
        foreign = Forge(tmp_path / "foreign", "acme.example")
        one = "spiffe://forge.example/agent/a"
        wrong = {
            "foreign": foreign.workload("agent/bot"),
            "expired": forge.workload("agent/expired", hours=-0.5),
            "no uri": forge.sign("common", None, common=BOT),
            "dns": forge.sign("dns", [x509.DNSName("bot.forge.example")]),
            "two": forge.sign("two", [uri(one), uri("spiffe://forge.example/agent/b")]),
            "other scheme": forge.sign("scheme", [uri("https://forge.example/agent/a")]),
            "of another domain": forge.sign("domain", [uri(BOT)]),
            "the domain itself": forge.sign("trust", [uri("spiffe://forge.example")]),
            "an authority": forge.sign("authority", [uri(one)], is_authority=True),
        }
        for name, credential in wrong.items():
            with pytest.raises((ssl.SSLError, OSError)):
                pytest.fail(f"{name}: {listing(edge.port, classical(identities.root, credential))[:2]}")
        assert listing(edge.port, classical(identities.root, forge.workload("agent/fine")))[1]["error"]["code"] == 40301

    @pytest.mark.skipif(not (SHARED / "conformance/spiffe").exists(), reason="the published vectors are missing: name their folder in LOCKSTEP_SHARED")
    def test_published_certificates_of_others_are_turned_away(self, edge, identities, tmp_path):
        with tarfile.open(SHARED / "conformance/spiffe/testdata.tar.xz") as vectors:
            vectors.extractall(tmp_path, filter="data")
        folder = tmp_path / "svid/x509svid/testdata"
        tried = 0
        for path in sorted(folder.glob("*.pem")):
            with contextlib.suppress(ssl.SSLError, OSError):
                context = classical(identities.root)
                context.load_cert_chain(path, folder / "key-pkcs8-ecdsa.pem" if "leaf" in path.name else path)
                tried += 1
                pytest.fail(f"{path.name}: {listing(edge.port, context)[:2]}")
        assert tried >= 1

    def test_a_token_is_good_over_the_certificate_that_it_is_bound_to(self, edges, identities, bot, forge, tmp_path):
        issuer = ECKey.generate_key("P-256", {"kid": "k", "alg": "ES256", "use": "sig"})
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": [issuer.as_dict(private=False)]}))
        edge = edges(
            clients=[domain("acme.example", identities.bundle)],
            identity={"tokens": [{"issuer": "https://issuer.example", "keys": str(tmp_path / "jwks.json")}]},
        )
        now = int(time.time())
        claims = {"iss": "https://issuer.example", "sub": "alice", "aud": f"https://127.0.0.1:{edge.port}/files", "iat": now,
                  "exp": now + 300, "jti": "1", "cnf": {"x5t#S256": bot.thumbprint}}
        token = jwt.encode({"alg": "ES256", "kid": "k", "typ": "at+jwt"}, claims, issuer)
        other = identities.issue("agent/other")
        renewed = Credential(tmp_path / "renewed.pem", bot.key)
        assert listing(edge.port, classical(identities.root, bot), token=token)[0] == 200
        assert listing(edge.port, classical(identities.root, other), token=token)[0] == 401
        assert listing(edge.port, classical(identities.root), token=token)[0] == 401
        renewed.certificate.write_bytes(identities.issue("agent/bot").certificate.read_bytes())
        assert listing(edge.port, classical(identities.root, renewed), token=token)[0] == 401


class TestUpstream:
    def route(self, port: int, upstream: Upstream, **more) -> list:
        return [{"path": "/files", "server": "files", "upstream": upstream.url, **more}]

    def reach(self, programs, folder: Path, upstream: Upstream, **more) -> int:
        edge = Gateway(programs.lockstep, folder, {"files": upstream.url}, mode="record")
        try:
            edge.write(routes=self.route(edge.port, upstream, **more))
            edge.start()
            return post(edge.port, "/files", *call())[0]
        finally:
            edge.close()

    def test_a_server_is_believed_by_its_authority_alone(self, programs, forge, tmp_path):
        behind = Upstream(forge.host())
        try:
            assert self.reach(programs, tmp_path / "a", behind, ca=str(forge.root)) == 200
            assert self.reach(programs, tmp_path / "b", behind) == 502
            assert self.reach(programs, tmp_path / "c", behind, ca=str(Forge(tmp_path / "x").root)) == 502
            # A certificate for somebody else.
            other = Upstream(forge.sign("elsewhere", [x509.DNSName("elsewhere.example")], common="elsewhere"))
            assert self.reach(programs, tmp_path / "d", other, ca=str(forge.root)) == 502
            # This machine's Python may know no hybrid group.
            required = self.reach(programs, tmp_path / "e", behind, ca=str(forge.root), groups="hybrid-required")
            assert required == (200 if ssl.OPENSSL_VERSION_INFO >= (3, 5) else 502)
            other.close()
        finally:
            behind.close()

    def test_an_old_server_is_spoken_to_only_where_the_document_says_so(self, programs, forge, tmp_path):
        old = Upstream(forge.host(), newest=ssl.TLSVersion.TLSv1_2)
        try:
            assert self.reach(programs, tmp_path / "a", old, ca=str(forge.root)) == 502
            assert self.reach(programs, tmp_path / "b", old, ca=str(forge.root), **{"tls-minimum": "1.2"}) == 200
        finally:
            old.close()

    def test_two_gateways_in_a_row_do_hybrid(self, programs, edges, forge, tmp_path):
        host = forge.host()
        back = edges("back", tls={"certificate": str(host.certificate), "key": str(host.key), "groups": "hybrid-required"})
        route = {"path": "/files", "server": "files", "upstream": f"https://127.0.0.1:{back.port}/files", "ca": str(forge.root), "groups": "hybrid-required"}
        front = Gateway(programs.lockstep, tmp_path / "front", {"files": "http://127.0.0.1:1/"}, mode="record")
        try:
            front.write(routes=[route])
            front.start()
            status, text = post(front.port, "/files", *call(arguments={"size": 1_000_000}))
            assert status == 200 and len(json.loads(text)["result"]["content"][0]["text"]) == 1_000_000
            assert tls_of(back)["groups"] == {HYBRID: 1}
        finally:
            front.close()


class TestReload:
    def serial(self, port: int, root: Path) -> int:
        with socket.create_connection(("127.0.0.1", port), 10) as raw, classical(root).wrap_socket(raw) as line:
            return x509.load_der_x509_certificate(line.getpeercert(True)).serial_number

    @pytest.fixture
    def files(self, identities, tmp_path) -> Credential:
        """A certificate that a test may replace."""
        first = identities.issue("gateway/renewed")
        copy = Credential(tmp_path / "own.pem", tmp_path / "own.key")
        copy.certificate.write_bytes(first.certificate.read_bytes())
        copy.key.touch(0o600)
        copy.key.write_bytes(first.key.read_bytes())
        return copy

    def edge(self, edges, files: Credential) -> Gateway:
        return edges(tls={"certificate": str(files.certificate), "key": str(files.key)})

    def test_sighup_takes_a_new_chain_and_keeps_what_is_open(self, edges, identities, files):
        edge = self.edge(edges, files)
        root = identities.root
        before = self.serial(edge.port, root)
        body, fields = call()
        with socket.create_connection(("127.0.0.1", edge.port), 10) as raw, classical(root).wrap_socket(raw) as open_one:
            files.certificate.write_bytes(identities.issue("gateway/renewed").certificate.read_bytes())
            edge.process.send_signal(signal.SIGHUP)
            until(lambda: self.serial(edge.port, root) != before)
            open_one.sendall(request(edge.port, "/files", body, fields))
            assert answer(open_one)[0] == 200
        now = self.serial(edge.port, root)
        files.certificate.write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
        edge.process.send_signal(signal.SIGHUP)
        assert "belong together" in until(lambda: tls_of(edge)["fault"])
        assert self.serial(edge.port, root) == now
        shown = edge.command("gateway", "status", "--config", str(edge.document))
        assert "stays in use" in shown.stderr, shown

    def test_a_trust_domain_that_is_taken_out_holds_for_no_connection_that_is_open(self, edges, identities, bot, forge):
        clients = [domain("acme.example", identities.bundle), domain(forge.name, forge.bundle)]
        edge = edges(clients=clients, identity={})
        body, fields = call()
        sent = request(edge.port, "/files", body, fields).replace(b"Connection: close", b"Accept-Language: en")
        with contextlib.ExitStack() as held:
            lines = []
            for own in (bot, forge.workload("agent/bot")):
                raw = held.enter_context(socket.create_connection(("127.0.0.1", edge.port), 10))
                lines.append(held.enter_context(classical(identities.root, own).wrap_socket(raw)))

            def asked(line) -> int:
                line.sendall(sent)
                status, _, rest = line.recv(1 << 16).partition(b"\r\n")
                assert b"\r\n\r\n" in rest
                return int(status.split()[1])

            assert [asked(line) for line in lines] == [200, 200]
            edge.members["tls"] = {**edge.members["tls"], "clients": clients[1:]}
            edge.write(url=f"https://127.0.0.1:{edge.port}")
            edge.process.send_signal(signal.SIGHUP)
            assert until(lambda: "read anew" in edge.said)
            assert [asked(line) for line in lines] == [401, 200]

    def test_a_changed_file_is_noticed_and_a_broken_one_kept_out(self, edges, identities, files):
        edge = self.edge(edges, files)
        root = identities.root
        before = self.serial(edge.port, root)
        fresh = identities.issue("gateway/renewed").certificate.read_bytes()
        # The key of somebody else first: half of a renewal must not be taken for the whole.
        files.certificate.write_bytes(identities.issue("gateway/edge").certificate.read_bytes())
        edge.process.send_signal(signal.SIGHUP)
        assert until(lambda: tls_of(edge)["fault"])
        assert self.serial(edge.port, root) == before
        files.certificate.write_bytes(fresh)
        until(lambda: self.serial(edge.port, root) != before, 25)
        assert tls_of(edge)["fault"] is None
        assert "stays in force" in edge.said and "read anew" in edge.said
