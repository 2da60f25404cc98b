"""Identities of the workspace's authority, judged by `cryptography`, OpenSSL and `joserfc`."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, KeySet

from conftest import Shell

BOT = "spiffe://acme.example/agent/retail/bot"
ROUTE = "http://127.0.0.1:8800/files"


def bundle_of(workspace: Shell) -> dict:
    return workspace("identity", "bundle").expect(0).json


def authorities(bundle: dict) -> list[x509.Certificate]:
    return [
        x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
        for key in bundle["keys"] if key["use"] == "x509-svid"
    ]


def token_keys(bundle: dict) -> KeySet:
    keys = [{name: key[name] for name in ("kty", "crv", "x", "y", "kid", "alg")} for key in bundle["keys"] if key["use"] == "jwt-svid"]
    return KeySet.import_key_set({"keys": keys})


def issue(workspace: Shell, folder: Path, *more: str) -> tuple[x509.Certificate, dict]:
    told = workspace("identity", "issue", BOT, "--out", str(folder), "--format", "json", *more).expect(0).json
    return x509.load_pem_x509_certificate((folder / "svid.pem").read_bytes()), told


def verify(leaf: x509.Certificate, roots: list[x509.Certificate], at: datetime.datetime | None = None):
    builder = PolicyBuilder().store(Store(roots))
    if at:
        builder = builder.time(at)
    return builder.build_client_verifier().verify(leaf, [])


def test_a_certificate_names_the_workload_and_verifies_elsewhere(workspace: Shell, tmp_path: Path):
    leaf, told = issue(workspace, tmp_path / "bot")
    assert (tmp_path / "bot").stat().st_mode & 0o777 == 0o700
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [BOT] and len(list(names)) == 1
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert life <= datetime.timedelta(hours=1, seconds=31)
    roots = authorities(json.loads((tmp_path / "bot" / "bundle.json").read_text()))
    assert verify(leaf, roots).subjects is not None
    with pytest.raises(VerificationError):
        verify(leaf, roots, datetime.datetime.now() + datetime.timedelta(hours=2))
    key = serialization.load_pem_private_key((tmp_path / "bot" / "svid.key").read_bytes(), None)
    assert key.public_key() == leaf.public_key()
    assert (tmp_path / "bot" / "svid.key").stat().st_mode & 0o777 == 0o600
    assert int(told["serial"], 16) == leaf.serial_number and told["id"] == BOT
    root = tmp_path / "root.pem"
    root.write_bytes(roots[0].public_bytes(serialization.Encoding.PEM))
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", str(root), "-purpose", "sslclient", str(tmp_path / "bot" / "svid.pem")],
        check=True, timeout=30, stdout=subprocess.DEVNULL,
    )


def test_the_bundle_holds_the_public_keys_alone(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    bundle = bundle_of(workspace)
    assert {key["use"] for key in bundle["keys"]} == {"x509-svid", "jwt-svid"}
    assert bundle["spiffe_sequence"] == 1 and bundle["spiffe_refresh_hint"] == 300
    for key in bundle["keys"]:
        assert "d" not in key and ("kid" in key) == (key["use"] == "jwt-svid")
    (root,) = authorities(bundle)
    x, y = (base64.urlsafe_b64decode(bundle["keys"][0][name] + "=") for name in "xy")
    numbers = root.public_key().public_numbers()
    assert (numbers.x, numbers.y) == (int.from_bytes(x), int.from_bytes(y))


def test_the_same_command_renews_and_keeps_the_key(workspace: Shell, tmp_path: Path):
    first, _ = issue(workspace, tmp_path / "bot")
    key = (tmp_path / "bot" / "svid.key").read_bytes()
    second, _ = issue(workspace, tmp_path / "bot", "--lifetime", "10m")
    assert (tmp_path / "bot" / "svid.key").read_bytes() == key
    assert first.serial_number != second.serial_number and first.public_key() == second.public_key()
    assert second.not_valid_after_utc < first.not_valid_after_utc


def test_a_token_is_good_for_its_audience_and_time(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    arguments = ["--audience", ROUTE, "--purpose", "restock", "--bind", str(tmp_path / "bot" / "svid.key"), "--lifetime", "5m"]
    text = workspace("identity", "issue", BOT, *arguments).expect(0).out.strip()
    token = jwt.decode(text, token_keys(bundle_of(workspace)), algorithms=["ES256"])
    assert token.header["typ"] == "JWT" and set(token.header) == {"alg", "kid", "typ"}
    claims = token.claims
    assert claims["sub"] == BOT and claims["aud"] == [ROUTE] and claims["purpose"] == "restock"
    assert claims["iss"] == "spiffe://acme.example" and claims["exp"] - claims["iat"] == 300
    owner = ECKey.import_key((tmp_path / "bot" / "svid.key").read_text())
    assert claims["cnf"] == {"jkt": owner.thumbprint()}
    again = workspace("identity", "issue", BOT, "--audience", ROUTE).expect(0).out.strip()
    assert jwt.decode(again, token_keys(bundle_of(workspace)), algorithms=["ES256"]).claims["jti"] != claims["jti"]


def test_rotation_breaks_nobody(workspace: Shell, tmp_path: Path):
    before, _ = issue(workspace, tmp_path / "bot")
    old = bundle_of(workspace)
    rows = workspace("identity", "rotate", "--format", "json").expect(0).json
    assert [row["replaced"] == "no" for row in rows] == [True, False]
    new = bundle_of(workspace)
    assert len(authorities(new)) == 2 and new["spiffe_sequence"] > old["spiffe_sequence"]
    after, _ = issue(workspace, tmp_path / "bot")
    # The new key waits until who holds the old bundle had time to fetch the new one.
    for leaf in (before, after):
        for bundle in (old, new):
            verify(leaf, authorities(bundle))
    token = workspace("identity", "issue", BOT, "--audience", ROUTE).expect(0).out.strip()
    assert jwt.decode(token, token_keys(old), algorithms=["ES256"]).claims["sub"] == BOT


def test_another_authority_does_not_verify(workspace: Shell, tmp_path: Path):
    leaf, _ = issue(workspace, tmp_path / "bot")
    token = workspace("identity", "issue", BOT, "--audience", ROUTE).expect(0).out.strip()
    other = tmp_path / "other"
    other.mkdir()
    stranger = Shell(workspace.programs, other, workspace.home)
    stranger("init").expect(0)
    issue(stranger, other / "bot")
    with pytest.raises(VerificationError):
        verify(leaf, authorities(bundle_of(stranger)))
    with pytest.raises((JoseError, BadSignatureError, ValueError)):
        jwt.decode(token, token_keys(bundle_of(stranger)), algorithms=["ES256"])


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["issue", "spiffe://acme.example"], "identity.id"), (["issue", "spiffe://ACME/a"], "identity.id"),
        (["issue", "acme/a"], "identity.id"), (["issue", BOT, "--lifetime", "2d"], "identity.lifetime"),
        (["issue", BOT, "--lifetime", "5s"], "identity.lifetime"), (["issue", BOT, "--purpose", "a"], "identity.audience"),
        (["issue", BOT, "--audience", ROUTE, "--bind", "none.key"], "identity.key"),
        (["rotate"], "authority.missing"), (["bundle"], "authority.missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(workspace: Shell, arguments: list[str], code: str):
    assert f"[{code}]" in workspace("identity", *arguments).expect(3).err


def test_an_authority_is_that_of_one_trust_domain(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    refused = workspace("identity", "issue", "spiffe://other.example/a", "--out", str(tmp_path)).expect(3)
    assert "[authority.trust-domain]" in refused.err


def test_a_key_that_others_may_read_is_refused(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    (tmp_path / "bot" / "svid.key").chmod(0o644)
    assert workspace("identity", "issue", BOT, "--out", str(tmp_path / "bot")).code != 0


def test_a_posture_statement_says_what_runs(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    key = tmp_path / "bot" / "svid.key"
    binary, settings = tmp_path / "client", tmp_path / "client.json"
    binary.write_bytes(os.urandom(100_000))
    settings.write_text('{"mcpServers": {}}')
    text = workspace(
        "identity", "posture", BOT, "--binary", str(binary), "--configuration", str(settings),
        "--client-version", "1.2.3", "--key", str(key), "--nonce", "n-1", "--audience", "edge-1",
    ).expect(0).out.strip()
    owner = ECKey.import_key(key.read_text())
    token = jwt.decode(text, owner, algorithms=["ES256"])
    claims = token.claims
    assert token.header["typ"] == "posture+jwt"
    assert claims["binary_digest"] == "sha256:" + hashlib.sha256(binary.read_bytes()).hexdigest()
    assert claims["configuration_digest"] == "sha256:" + hashlib.sha256(settings.read_bytes()).hexdigest()
    assert claims["cnf"] == {"jkt": owner.thumbprint()} and claims["swversion"] == "1.2.3"
    assert claims["exp"] - claims["iat"] == 300 and claims["eat_nonce"] == "n-1" and claims["sub"] == BOT


def test_a_backup_holds_the_authority(workspace: Shell, tmp_path: Path):
    issue(workspace, tmp_path / "bot")
    bundle = bundle_of(workspace)
    workspace("backup", str(tmp_path / "all.bak")).expect(0)
    folder = tmp_path / "restored"
    folder.mkdir()
    restored = Shell(workspace.programs, folder, workspace.home)
    restored("restore", str(tmp_path / "all.bak"), "--directory", str(folder)).expect(0)
    assert bundle_of(restored) == bundle
