"""The keys of a run of `Cases/bypass`, and the tokens and proofs that its recipes ask for.

All keys are made anew for every run. The gateway is told of `issuer` and `orchestrator` alone.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import hmac
import json
import re
import secrets
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import bypass_cases

ISSUER = "https://issuer.example"
KID = "issuer-1"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


class Keys:
    """Every key that a recipe names, made when it is first named."""

    @functools.cache
    def private(self, name: str) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def public(self, name: str) -> dict:
        numbers = self.private(name).public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": encoded(numbers.x.to_bytes(32)), "y": encoded(numbers.y.to_bytes(32))}

    def with_private(self, name: str) -> dict:
        return {**self.public(name), "d": encoded(self.private(name).private_numbers().private_value.to_bytes(32))}

    def thumbprint(self, name: str) -> str:
        """RFC 7638: the digest of the required members in the order of their names."""
        return encoded(hashlib.sha256(json.dumps(self.public(name), separators=(",", ":"), sort_keys=True).encode()).digest())

    def pem(self, name: str) -> bytes:
        return self.private(name).public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @functools.cache
    def certificate(self, name: str) -> str:
        """A certificate that the key signed for itself, as `x5c` holds it: base64 of the DER."""
        subject, key = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), self.private(name)
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
        return base64.b64encode(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)).decode()

    def write_sets(self, folder: Path) -> None:
        """What the gateway is told: `jwks.json` and `orchestrator.jwks.json`."""
        for name, path, kid in (("issuer", "jwks.json", KID), ("orchestrator", "orchestrator.jwks.json", "orchestrator-1")):
            key = {**self.public(name), "kid": kid, "use": "sig", "alg": "ES256"}
            (folder / path).write_bytes(compact({"keys": [key]}))


class Signer:
    """Signs the recipes of one case against the gateway at `url`."""

    def __init__(self, keys: Keys, url: str):
        self.keys, self.url = keys, url
        self.tokens: dict[int, tuple[dict, bytes]] = {}
        self.proofs: dict[int, bytes] = {}

    def good(self, principal: str, resources: list[str]) -> bytes:
        """A token that the gateway must accept."""
        audience = [self.url + path for path in resources]
        return self.sign({
            "header": {"alg": "ES256", "kid": KID, "typ": "at+jwt"}, "key": "issuer",
            "claims": {"iss": ISSUER, "sub": principal, "aud": audience[0] if len(audience) == 1 else audience,
                       "exp": "$now+600", "iat": "$now", "jti": "$new"},
        })

    def of_step(self, number: int, step: dict) -> bypass_cases.Signer:
        """The signer of one step: a proof is bound to the step's token, and `same-as` repeats that of another step."""
        def sign(recipe: dict) -> bytes:
            if "same-as" in recipe:
                return self.proofs[recipe["same-as"]]
            if recipe is step.get("dpop"):
                self.proofs[number] = self.sign(recipe, self.tokens[number][1])
                return self.proofs[number]
            if recipe is not step.get("token"):
                return self.sign(recipe)
            # A proof that comes again comes with the token that it was made for: the token's digest is in it.
            earlier = self.tokens.get(step.get("dpop", {}).get("same-as", -1))
            token = earlier[1] if earlier and earlier[0] == recipe else self.sign(recipe)
            self.tokens[number] = (recipe, token)
            return token
        return sign

    def sign(self, recipe: dict, token: bytes = b"") -> bytes:
        header = recipe["header-text"].encode() if "header-text" in recipe else compact(self._filled(recipe["header"], token))
        if "text" in recipe:
            claims = bypass_cases.assemble(recipe["text"], self.value)
        else:
            claims = compact(self._filled(recipe["claims"], token))
        if recipe["key"] == "encrypted-to-gateway":
            return self._encrypted(recipe["header"], claims)
        signed = f"{encoded(header)}.{encoded(claims)}".encode()
        return self._finished(recipe, signed, header, claims)

    def value(self, name: str) -> bytes:
        """The names that stand in the exact text of a token's claims."""
        if name == "json:issuer":
            return compact(ISSUER)
        if name.startswith("json:resource:"):
            return compact(self.url + name.removeprefix("json:resource:"))
        if found := re.fullmatch(r"now([+-]\d+)", name):
            return b"%d" % (int(time.time()) + int(found[1]))
        raise KeyError(name)

    def _filled(self, value, token: bytes):
        match value:
            case {"repeat": _, "times": _}: return bypass_cases.assemble(value, self.value).decode()
            case dict(): return {key: self._filled(inner, token) for key, inner in value.items()}
            case list(): return [self._filled(inner, token) for inner in value]
            case str() if value.startswith("$"): return self._named(value[1:], token)
        return value

    def _named(self, name: str, token: bytes):
        if found := re.fullmatch(r"now(?:([+-][\d.]+))?", name):
            moved = found[1] or "0"
            return int(time.time()) + (float(moved) if "." in moved else int(moved))
        word, _, rest = name.partition(":")
        match word:
            case "new": return secrets.token_hex(12)
            case "kid": return KID
            case "ath": return encoded(hashlib.sha256(token).digest())
            case "resource" | "url": return self.url + rest
            case "public": return self.keys.public(rest)
            case "private": return self.keys.with_private(rest)
            case "thumbprint": return self.keys.thumbprint(rest)
            case "certificate": return self.keys.certificate(rest)
        if name.startswith("issuer"):
            return ISSUER + name.removeprefix("issuer")
        raise KeyError(name)

    def _finished(self, recipe: dict, signed: bytes, header: bytes, claims: bytes) -> bytes:
        key, odd = recipe["key"], recipe.get("signature")
        if key == "none":
            return signed + b"."
        if key == "issuer-public-as-secret" or key == "empty-secret" or key.startswith("secret:"):
            secret = self.keys.pem("issuer") if key.startswith("issuer") else key.partition(":")[2].encode()
            return signed + b"." + encoded(hmac.new(secret, signed, hashlib.sha256).digest()).encode()
        # The signature of a token that holds one claim more.
        other = claims.removesuffix(b"}") + b',"x":1}'
        about = f"{encoded(header)}.{encoded(other)}".encode() if odd == "of-another" else signed
        der = self.keys.private(key).sign(about, ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(der)
        plain = r.to_bytes(32) + s.to_bytes(32)
        match odd:
            case "empty": return signed + b"."
            case "zeros": return signed + b"." + encoded(bytes(64)).encode()
            case "der": return signed + b"." + encoded(der).encode()
            case "json-form":
                return compact({"payload": encoded(claims), "protected": encoded(header), "signature": encoded(plain)})
            case "four-parts": return signed + b"." + encoded(plain).encode() + b".e30"
            case "padded": return b".".join(base64.urlsafe_b64encode(part) for part in (header, claims, plain))
        return signed + b"." + encoded(plain).encode()

    def _encrypted(self, header: dict, claims: bytes) -> bytes:
        content, nonce = AESGCM.generate_key(128), secrets.token_bytes(12)
        first = encoded(compact({**header, "epk": self.keys.public("ephemeral")}))
        sealed = AESGCM(content).encrypt(nonce, claims, first.encode())
        return ".".join([first, "", encoded(nonce), encoded(sealed[:-16]), encoded(sealed[-16:])]).encode()
