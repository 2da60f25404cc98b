"""Signed policy bundles and heartbeats: real gateways, with the `cryptography` package as a second signer and verifier."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import hashlib
import http.client
import http.server
import ipaddress
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from bypass_cases import POLICIES
from bypass_gateway import patience
from conftest import Shell
from gateway_peers import until
from test_kill_switch import READ, Edge, edges, servers  # noqa: F401
from test_release import released  # noqa: F401

TYPE = "application/vnd.lockstep.bundle+json"
BEAT = "application/vnd.lockstep.heartbeat+json"
WIDE = (POLICIES / "files.yaml").read_text("utf-8")
#: The same without the rule that the test's call needs.
NARROW = WIDE.replace("tool: read_file\n", "tool: read_nothing\n")


def pae(kind: str, payload: bytes) -> bytes:
    """What DSSE signs (secure-systems-lab/dsse, `protocol.md`)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def verified(envelope: dict, keys: list[dict], kind: str) -> dict:
    """The payload, if each key has signed it; by `cryptography` alone."""
    payload = base64.b64decode(envelope["payload"], validate=True)
    assert envelope["payloadType"] == kind
    made = {each["keyid"]: base64.b64decode(each["sig"], validate=True) for each in envelope["signatures"]}
    for key in keys:
        raw = base64.b64decode(key["key"], validate=True)
        public = {"ed25519": ed25519.Ed25519PublicKey.from_public_bytes, "ml-dsa-65": mldsa.MLDSA65PublicKey.from_public_bytes}
        assert key["id"] == f"{key['algorithm']}:{hashlib.sha256(raw).hexdigest()}"
        public[key["algorithm"]](raw).verify(made[key["id"]], pae(kind, payload))
    return json.loads(payload)


class Publisher:
    """Signs bundles without Lockstep, with ECDSA P-256 and ML-DSA-65."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.classical, self.lattice = ec.generate_private_key(ec.SECP256R1()), mldsa.MLDSA65PrivateKey.generate()
        self.before: str | None = None
        self.revision = 0

    @property
    def keys(self) -> str:
        point = serialization.PublicFormat.UncompressedPoint
        raw = self.classical.public_key().public_bytes(serialization.Encoding.X962, point)
        pair = [("ecdsa-p256", raw), ("ml-dsa-65", self.lattice.public_key().public_bytes_raw())]
        return json.dumps({"bundles": [[{"algorithm": name, "key": base64.b64encode(key).decode()} for name, key in pair]]})

    def bundle(self, policy: str = WIDE, seconds: float = 3600, **members) -> dict:
        now = datetime.datetime.now(datetime.UTC)
        made = {
            "schema": "lockstep.bundle/1", "revision": self.revision + 1, "predecessor": self.before,
            "issued": stamp(now), "expires": stamp(now + datetime.timedelta(seconds=seconds)),
            "selector": {"gateways": ["edge-*"], "labels": []}, "mode": "enforce", "policy": policy, **members,
        }
        return {name: value for name, value in made.items() if value is not ...}

    def sign(self, payload: bytes, kind: str = TYPE, signers: str = "cl") -> bytes:
        message, made = pae(kind, payload), []
        if "c" in signers:
            r, s = decode_dss_signature(self.classical.sign(message, ec.ECDSA(hashes.SHA256())))
            made.append(r.to_bytes(32) + s.to_bytes(32))
        if "l" in signers:
            made.append(self.lattice.sign(message))
        return json.dumps({
            "payloadType": kind, "payload": base64.b64encode(payload).decode(),
            "signatures": [{"sig": base64.b64encode(each).decode()} for each in made],
        }).encode()

    def publish(self, bundle: dict, *, name: int | None = None, payload: bytes | None = None, **how) -> int:
        payload = rfc8785.dumps(bundle) if payload is None else payload
        place = self.folder / f"bundle-{name or bundle['revision']}.json"
        whole = place.with_suffix(".new")
        whole.write_bytes(self.sign(payload, **how))
        whole.rename(place)
        (self.folder / "latest").write_text(f"{bundle['revision']}\n")
        return bundle["revision"]

    def next(self, policy: str = WIDE, seconds: float = 3600, **members) -> int:
        """Publishes the next one of the chain."""
        bundle = self.bundle(policy, seconds, **members)
        self.publish(bundle)
        self.revision, self.before = bundle["revision"], "sha256:" + hashlib.sha256(rfc8785.dumps(bundle)).hexdigest()
        return self.revision


def stamp(time: datetime.datetime) -> str:
    """As Lockstep writes a time."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0).isoformat() + ".000Z"


def delivered(edge: Edge, source: str, keys: str, **members) -> Edge:
    """The gateway with bundles in the place of its policy."""
    lines = edge.document.read_text("utf-8").splitlines()
    lines = [line for line in lines if not line.startswith(("policy:", "mode:", "bundles:"))]
    (edge.folder / "bundle-keys.json").write_text(keys)
    lines.append("bundles: " + json.dumps({"from": source, "keys": "bundle-keys.json", "every": "1s", **members}))
    edge.document.write_text("\n".join(lines) + "\n", "utf-8")
    return edge


def status(edge: Edge) -> dict:
    """What the admin port says."""
    address, token = ((edge.control / name).read_text().strip() for name in ("admin-address", "admin-token"))
    with contextlib.closing(http.client.HTTPConnection(address, timeout=10)) as line:
        line.request("GET", "/v1/status", None, {"Authorization": f"Bearer {token}"})
        answer = line.getresponse()
        assert answer.status == 200, edge.said()
        return json.loads(answer.read())


def shown(edge: Edge) -> dict:
    """What the command says, with what it proved."""
    done = edge.command("gateway", "status", "--format", "json")
    assert done.returncode == 0, (done, edge.said())
    return json.loads(done.stdout)[0]


def revision(edge: Edge) -> int | None:
    return status(edge)["bundle"].get("revision")


def refused(edge: Edge) -> tuple[str, str] | None:
    found = status(edge)["bundle"].get("refused")
    return found and (found["name"], found["code"])


def outcome(edge: Edge) -> str:
    """What becomes of one call."""
    token = edge.token()
    message = edge.send(READ, token, edge.session(token))[1]
    return "allowed" if "result" in message else f"{message['error']['code']} {message['error']['data']['reason']}"


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "bundles")


@pytest.fixture
def edge(edges, publisher: Publisher) -> Edge:  # noqa: F811
    return delivered(edges(), str(publisher.folder), publisher.keys)


# MARK: By command


def create(shell: Shell, *words: str):
    return shell("policy", "bundle", "create", "--out", "published", "--select", "edge-*", *words)


def test_what_the_command_signs_is_good_to_another_verifier(workspace: Shell, edges):  # noqa: F811
    (workspace.folder / "policy.yaml").write_text(WIDE)
    keys = workspace("key", "public", "bundle").expect(0)
    (workspace.folder / "keys.json").write_text(keys.out)
    first = create(workspace, "--policy", "policy.yaml", "--format", "json").expect(0)
    assert "nobody approved this policy" in first.err
    second = create(workspace, "--policy", "policy.yaml", "--mode", "shadow", "--format", "json").expect(0).json
    published = workspace.folder / "published"
    assert sorted(os.listdir(published)) == ["bundle-1.json", "bundle-2.json", "latest"]
    assert (published / "latest").read_text() == "2\n"
    trust = keys.json["bundles"][0]
    assert [key["algorithm"] for key in trust] == ["ed25519", "ml-dsa-65"]
    # Kills are signed by another key.
    assert keys.json["keys"][0]["key"] not in [key["key"] for key in trust]
    envelope = json.loads((published / "bundle-2.json").read_text())
    bundle = verified(envelope, trust, TYPE)
    assert bundle["revision"] == 2 and bundle["predecessor"] == first.json["digest"] and bundle["policy"] == WIDE
    payload = base64.b64decode(envelope["payload"])
    assert payload == rfc8785.dumps(bundle) and second["digest"] == "sha256:" + hashlib.sha256(payload).hexdigest()
    with pytest.raises(InvalidSignature):
        verified({**envelope, "payload": base64.b64encode(payload.replace(b"edge-", b"edgf-")).decode()}, trust, TYPE)
    file = "published/bundle-2.json"
    workspace("policy", "bundle", "verify", file, "--keys", "keys.json", "--gateway", "edge-7").expect(0)
    workspace("policy", "bundle", "verify", file).expect(0)
    assert "[bundle.not-selected]" in workspace("policy", "bundle", "verify", file, "--gateway", "core").expect(2).err
    assert "sha256:" in workspace("policy", "bundle", "show", file).expect(0).out
    # A signature that was taken away is missed.
    for kept in envelope["signatures"]:
        (workspace.folder / "one.json").write_text(json.dumps({**envelope, "signatures": [kept]}))
        assert "[bundle.unsigned]" in workspace("policy", "bundle", "verify", "one.json", "--keys", "keys.json").expect(2).err
    # A gateway takes it.
    edge = delivered(edges(), str(published), keys.out).begin()
    assert (status(edge)["mode"], revision(edge)) == ("shadow", 2)


def test_a_key_that_was_replaced_still_proves_what_it_signed(workspace: Shell):
    (workspace.folder / "policy.yaml").write_text(WIDE)
    create(workspace, "--policy", "policy.yaml").expect(0)
    (workspace.folder / "old.json").write_text(workspace("key", "public", "bundle").expect(0).out)
    workspace("key", "rotate", "bundle").expect(0)
    (workspace.folder / "new.json").write_text(workspace("key", "public", "bundle").expect(0).out)
    create(workspace, "--policy", "policy.yaml").expect(0)
    for number, keys, code in ((1, "old", 0), (1, "new", 0), (2, "new", 0), (2, "old", 2)):
        workspace("policy", "bundle", "verify", f"published/bundle-{number}.json", "--keys", f"{keys}.json").expect(code)


def test_who_publish_at_once_get_a_number_each(workspace: Shell):
    (workspace.folder / "policy.yaml").write_text(WIDE)
    workspace("key", "public", "bundle").expect(0)
    words = ("policy", "bundle", "create", "--policy", "policy.yaml", "--out", "published", "--select", "*")
    for child in [workspace.start(*words) for _ in range(6)]:
        assert child.wait(30) == 0, child.stderr.read()
    before = None
    for number in range(1, 7):
        shown = workspace("policy", "bundle", "show", f"published/bundle-{number}.json", "--format", "json").expect(0).json
        assert (shown["revision"], shown["predecessor"]) == (number, before)
        before = shown["digest"]


@pytest.mark.parametrize("words", [
    (), ("--policy", "policy.yaml", "--release", "policy.yaml"), ("--policy", "policy.yaml", "--mode", "open"),
    ("--policy", "policy.yaml", "--for", "0s"), ("--policy", "broken.yaml"), ("--policy", "policy.yaml", "--after", "7"),
])
def test_what_is_no_bundle_is_not_published(workspace: Shell, words):
    (workspace.folder / "policy.yaml").write_text(WIDE)
    (workspace.folder / "broken.yaml").write_text("kind: Policy\n")
    create(workspace, *words).expect(3)
    assert not [name for name in (workspace.folder / "published").glob("bundle-*")]


def test_nothing_follows_a_bundle_of_somebody_else_but_over_a_gap(workspace: Shell):
    (workspace.folder / "policy.yaml").write_text(WIDE)
    stranger = Publisher(workspace.folder / "published")
    stranger.next()
    assert "[bundle.unsigned]" in create(workspace, "--policy", "policy.yaml").expect(1).err
    over = create(workspace, "--policy", "policy.yaml", "--gap", "the key was changed", "--format", "json").expect(0).json
    assert (over["revision"], over["gap"]) == (2, "the key was changed")


def test_a_release_for_shadow_is_published_and_never_enforced(released: Shell, edges):  # noqa: F811
    done = create(released, "--release", "policies/release.json", "--for", "3000d", "--format", "json").expect(0).json
    assert (done["mode"], done["approved"]) == ("shadow", True)
    # It does not outlive what was approved.
    until = released("policy", "release", "--verify", "policies/release.json", "--format", "json").expect(0).json["expires"]
    assert done["expires"] == until
    wide = create(released, "--release", "policies/release.json", "--mode", "enforce").expect(3)
    assert "[bundle.not-approved]" in wide.err
    edge = delivered(edges(), str(released.folder / "published"), released("key", "public", "bundle").expect(0).out).begin()
    found = status(edge)
    assert (found["mode"], found["bundle"]["approved"], found["policy"]) == ("shadow", True, done["policy"])


# MARK: At a gateway


def test_the_next_bundle_is_put_in_force_without_a_restart(edge: Edge, publisher: Publisher):
    publisher.next()
    edge.begin()
    assert outcome(edge) == "allowed"
    publisher.next(NARROW)
    assert patience(10, lambda: revision(edge) == 2)
    assert outcome(edge).startswith("40301")
    publisher.next(NARROW, mode="shadow")
    assert patience(10, lambda: revision(edge) == 3)
    assert status(edge)["mode"] == "shadow" and outcome(edge) == "allowed"
    assert "its bundle is for" not in edge.command("gateway", "status").stderr
    ordered = edge.command("gateway", "mode", "edge-1", "enforce", "--reason", "an attack")
    assert ordered.returncode == 0 and outcome(edge).startswith("40301")
    assert "its bundle is for shadow, and somebody has put it in enforce" in edge.command("gateway", "status").stderr
    assert edge.command("gateway", "mode", "edge-1", "shadow", "--reason", "over").returncode == 0
    # What it signs about itself, to another verifier.
    keys = json.loads((edge.control / "heartbeat-keys.json").read_text())["keys"]
    said = until(lambda: beat(edge, keys, 3), 5)
    assert (said["gateway"], said["mode"], said["bundle"]) == ("edge-1", "shadow", publisher.before)
    assert said["counts"]["denied"] >= 1 and said["counts"]["allowed"] >= 1 and said["revocation"] == 0
    assert shown(edge)["heartbeat"]["verified"] is True
    table = edge.command("gateway", "status")
    assert table.returncode == 0 and table.stdout.split()[3] == "revision", table


def beat(edge: Edge, keys: list[dict], number: int | None) -> dict | None:
    said = verified(json.loads((edge.control / "heartbeat.json").read_text()), keys, BEAT)
    return said if said["revision"] == number else None


def test_no_bundle_is_no_policy(edges, publisher: Publisher):  # noqa: F811
    edge = delivered(edges(), str(publisher.folder), publisher.keys).begin()
    assert outcome(edge) == "40301 no-policy"
    table = edge.command("gateway", "status")
    assert "everything is denied" in table.stderr and "[bundle.unreadable]" in table.stderr, table
    recording = delivered(edges("edge-2"), str(publisher.folder), publisher.keys, **{"when-none": "record"}).begin()
    assert (status(recording)["mode"], outcome(recording)) == ("record", "allowed")
    publisher.next(NARROW)
    for each in (edge, recording):
        assert patience(10, lambda: revision(each) == 1)
        assert outcome(each).startswith("40301")


def test_an_older_bundle_is_refused_also_after_a_restart(edge: Edge, publisher: Publisher):
    publisher.next()
    older = (publisher.folder / "bundle-1.json").read_bytes()
    edge.begin()
    publisher.next(NARROW)
    assert patience(10, lambda: revision(edge) == 2)
    # The directory is put back.
    (publisher.folder / "bundle-2.json").unlink()
    assert patience(10, lambda: refused(edge) == ("bundle-1.json", "bundle.rollback"))
    # The old one comes under a new name.
    (publisher.folder / "bundle-3.json").write_bytes(older)
    assert patience(10, lambda: refused(edge) == ("bundle-3.json", "bundle.rollback"))
    counted = status(edge)["counters"]["refusedBundles"]
    edge.stop(signal.SIGKILL)
    edge.begin()
    assert patience(10, lambda: (refused(edge) or ("", ""))[1] == "bundle.rollback")
    assert revision(edge) == 2 and outcome(edge).startswith("40301") and counted == 2
    # With nothing to read it still knows what it enforced.
    edge.stop()
    shutil.rmtree(publisher.folder)
    edge.begin()
    assert revision(edge) == 2 and outcome(edge).startswith("40301")
    edge.stop()
    entries = [each["kind"] for each in log(edge) if each["kind"].startswith("gateway.bundle")]
    assert entries.count("gateway.bundle") == 2 and "gateway.bundle-refused" in entries


def log(edge: Edge) -> list[dict]:
    folder = edge.folder / "state" / "audit" / "gateway"
    done = subprocess.run(
        [str(edge.lockstep), "audit", "list", "--log", str(folder), "--key", str(folder / "vkeys"), "--limit", "100000", "--format", "json"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [found["entry"] for found in json.loads(done.stdout)]


def hostile(publisher: Publisher, stranger: Publisher) -> dict[str, tuple]:
    """What somebody may put into the directory, by what is wrong with it: its bytes for a revision, and the code."""
    now = datetime.datetime.now(datetime.UTC)
    later, latest = (stamp(now + datetime.timedelta(hours=hours)) for hours in (1, 2))

    def signed(how=lambda payload: payload, by: Publisher = publisher, kind: str = TYPE, signers: str = "cl", **members):
        return lambda number: by.sign(how(rfc8785.dumps(publisher.bundle(NARROW, revision=number) | members)), kind, signers)

    bare = {"payloadType": TYPE, "payload": base64.b64encode(b"{}").decode(), "signatures": []}
    return {
        "no json": (lambda _: b"{", "malformed"),
        "nothing": (lambda _: b"", "malformed"),
        "no signature": (lambda _: json.dumps(bare).encode(), "malformed"),
        "the classical one alone": (signed(signers="c"), "unsigned"),
        "the lattice one alone": (signed(signers="l"), "unsigned"),
        "somebody else": (signed(by=stranger), "unsigned"),
        "signed as a kill": (signed(kind="application/vnd.lockstep.revocation+json"), "unsigned"),
        "cut": (lambda number: signed()(number)[:-40], "malformed"),
        "a key twice": (signed(lambda payload: payload.replace(b"{", b'{"mode":"record",', 1)), "malformed"),
        "not canonical": (signed(lambda payload: payload.replace(b":", b": ", 1)), "malformed"),
        "another name": (signed(revision=99), "malformed"),
        "a member too many": (signed(extra=1), "malformed"),
        "a member of the wrong type": (signed(expires=5), "malformed"),
        "neither release nor policy": (signed(policy=["a"]), "malformed"),
        "no mode": (signed(mode="open"), "malformed"),
        "nobody": (signed(selector={"gateways": [], "labels": []}), "malformed"),
        "another chain": (signed(predecessor="sha256:" + "0" * 64), "predecessor"),
        "no chain": (signed(predecessor=None), "malformed"),
        "issued in an hour": (signed(issued=later, expires=latest), "not-yet"),
        "over before it begins": (signed(issued=later, expires=later), "malformed"),
        "huge": (lambda _: b" " * (49 << 20), "too-large"),
    }


def test_what_is_not_good_is_refused_and_the_last_good_one_stays(edge: Edge, publisher: Publisher, tmp_path: Path):
    publisher.next()
    edge.begin()
    wrong = hostile(publisher, Publisher(tmp_path / "stranger"))
    for number, (make, _) in enumerate(wrong.values(), 2):
        whole = publisher.folder / "new"
        whole.write_bytes(make(number))
        whole.rename(publisher.folder / f"bundle-{number}.json")
    assert patience(20, lambda: status(edge)["counters"]["refusedBundles"] >= len(wrong))
    assert revision(edge) == 1 and outcome(edge) == "allowed"
    # The same number again, with other words.
    first = publisher.folder / "bundle-1.json"
    kept = first.read_bytes()
    first.write_bytes(publisher.sign(rfc8785.dumps(publisher.bundle(NARROW, revision=1, predecessor=None))))
    assert patience(10, lambda: refused(edge) == ("bundle-1.json", "bundle.fork"))
    first.write_bytes(kept)
    for number in range(2, len(wrong) + 2):
        (publisher.folder / f"bundle-{number}.json").unlink()
    # Good ones that are for others, over, or of no sense to this version: the chain goes on behind them.
    publisher.next(NARROW, selector={"gateways": ["core-*"], "labels": []})
    assert patience(10, lambda: refused(edge) == ("bundle-2.json", "bundle.not-selected"))
    now = datetime.datetime.now(datetime.UTC)
    publisher.next(NARROW, issued=stamp(now - datetime.timedelta(hours=1)), expires=stamp(now))
    assert patience(10, lambda: refused(edge) == ("bundle-3.json", "bundle.expired"))
    publisher.next("kind: Policy\n")
    assert patience(10, lambda: refused(edge) == ("bundle-4.json", "bundle.policy"))
    assert revision(edge) == 1 and outcome(edge) == "allowed"
    publisher.next(NARROW, selector={"gateways": ["edge-1"], "labels": []})
    assert patience(10, lambda: revision(edge) == 5)
    assert refused(edge) is None and outcome(edge).startswith("40301")
    # A chain that was lost goes on where somebody says so.
    publisher.revision, publisher.before = 20, None
    publisher.next(WIDE, gap="the directory was lost")
    assert patience(10, lambda: revision(edge) == 21)
    edge.stop()
    told = [(each["name"], each["code"]) for each in log(edge) if each["kind"] == "gateway.bundle-refused"]
    expected = [(f"bundle-{number}.json", f"bundle.{code}") for number, (_, code) in enumerate(wrong.values(), 2)]
    assert told[: len(wrong)] == expected


def test_labels_select(edges, publisher: Publisher):  # noqa: F811
    publisher.next(selector={"gateways": ["*"], "labels": ["canary"]})
    one = delivered(edges("edge-1"), str(publisher.folder), publisher.keys, labels=["canary", "berlin"]).begin()
    two = delivered(edges("edge-2"), str(publisher.folder), publisher.keys, labels=["berlin"]).begin()
    assert revision(one) == 1 and revision(two) is None and refused(two) == ("bundle-1.json", "bundle.not-selected")


def test_without_its_source_a_gateway_goes_on_until_the_bundle_expires(edges, publisher: Publisher):  # noqa: F811
    publisher.next(seconds=6)
    denying, going = edges("edge-1"), edges("edge-2")
    delivered(denying, str(publisher.folder), publisher.keys).begin()
    delivered(going, str(publisher.folder), publisher.keys, **{"when-none": "last-good"}).begin()
    shutil.rmtree(publisher.folder)
    assert outcome(denying) == outcome(going) == "allowed"
    assert patience(12, lambda: status(denying)["bundle"]["state"] == "expired")
    assert outcome(denying) == "40301 no-policy"
    assert patience(3, lambda: status(going)["bundle"]["state"] == "expired")
    assert outcome(going) == "allowed"
    assert "it stays in force" in going.command("gateway", "status").stderr
    # Nor does a restart bring it to life.
    denying.stop(signal.SIGKILL)
    denying.begin()
    assert outcome(denying) == "40301 no-policy"
    keys = json.loads((denying.control / "heartbeat-keys.json").read_text())["keys"]
    assert beat(denying, keys, None)["policy"] is None


def test_what_a_gateway_wrote_down_cannot_be_changed(edge: Edge, publisher: Publisher):
    publisher.next()
    edge.begin()
    assert revision(edge) == 1
    edge.stop()
    kept = edge.control / "bundle"
    written = kept.read_bytes()
    kept.write_bytes(written.replace(b'"revision":1', b'"revision":0', 1))
    assert "[gateway.bundles]" in edge.refuses()
    kept.write_bytes(written[:-20])
    assert "[gateway.bundles]" in edge.refuses()
    kept.write_bytes(written)
    edge.begin()
    assert revision(edge) == 1


def test_keys_that_are_taken_away_end_what_they_signed(edge: Edge, publisher: Publisher, tmp_path: Path):
    publisher.next()
    edge.begin()
    assert outcome(edge) == "allowed"
    (edge.folder / "bundle-keys.json").write_text(Publisher(tmp_path / "new").keys)
    edge.process.send_signal(signal.SIGHUP)
    assert patience(10, lambda: status(edge)["bundle"]["state"] == "none")
    assert outcome(edge) == "40301 no-policy"


@pytest.mark.parametrize("more", ["policy: policy.yaml", "mode: enforce"])
def test_a_document_has_one_source_of_policies(edge: Edge, more: str):
    with edge.document.open("a") as file:
        file.write(more + "\n")
    done = subprocess.run(
        [str(edge.lockstep), "gateway", "run", "--config", str(edge.document)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 3 and "[gateway.bundles]" in done.stderr, done


# MARK: Over https


@pytest.fixture
def site(publisher: Publisher, tmp_path: Path):
    """The directory behind TLS, with a certificate that an own authority vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "policies")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = tmp_path / "site.pem", tmp_path / "site.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    hangs = threading.Event()
    handler = functools.partial(Site, hangs, directory=str(publisher.folder.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}/bundles", pem, hangs
    server.shutdown()
    server.server_close()


class Site(http.server.SimpleHTTPRequestHandler):
    """Files, unless it is told to leave who asks waiting."""

    def __init__(self, hangs: threading.Event, *words, **more):
        self.hangs = hangs
        super().__init__(*words, **more)

    def do_GET(self) -> None:
        if not self.hangs.is_set():
            super().do_GET()
            return
        self.close_connection = False
        self.connection.settimeout(30)
        self.connection.recv(1)
        self.close_connection = True

    def log_message(self, *words) -> None:
        pass


def test_bundles_come_over_https(edges, publisher: Publisher, site):  # noqa: F811
    url, authority, hangs = site
    publisher.next()
    publisher.next()
    edge = delivered(edges("edge-1"), url, publisher.keys, ca=str(authority)).begin()
    assert revision(edge) == 2 and outcome(edge) == "allowed"
    publisher.next(NARROW)
    assert patience(10, lambda: revision(edge) == 3)
    (publisher.folder / "latest").write_text("1\n")
    assert patience(10, lambda: refused(edge) == ("bundle-1.json", "bundle.rollback"))
    (publisher.folder / "latest").write_text("many\n")
    assert patience(10, lambda: (refused(edge) or ("", ""))[1] == "bundle.malformed")
    assert outcome(edge).startswith("40301")
    # A source that never answers keeps nothing in force that has expired.
    publisher.next(seconds=4)
    assert patience(5, lambda: revision(edge) == 4)
    hangs.set()
    assert patience(10, lambda: status(edge)["bundle"]["state"] == "expired")
    assert outcome(edge) == "40301 no-policy"
    hangs.clear()
    # Who is not vouched for is not asked.
    other = delivered(edges("edge-2"), url, publisher.keys).begin()
    assert refused(other) == (url, "bundle.unreadable") and outcome(other) == "40301 no-policy"
