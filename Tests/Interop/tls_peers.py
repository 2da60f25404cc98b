"""Identities, certificates that are none, and TLS peers of other makers, for the gateway and the tunnel.

The peers: Python's own `ssl` and the machine's `openssl`, which know classical groups only where OpenSSL is older than
3.5, and pyOpenSSL, whose OpenSSL offers X25519MLKEM768 first.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import http.client
import http.server
import ipaddress
import json
import socket
import ssl
import struct
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conftest import Programs, Shell

DOMAIN = "acme.example"
FORGE = "forge.example"


@dataclasses.dataclass
class Credential:
    """A certificate with its key, as files."""

    certificate: Path
    key: Path

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    @property
    def thumbprint(self) -> str:
        """`x5t#S256` (RFC 8705 §3.1)."""
        digest = hashlib.sha256(self.leaf.public_bytes(serialization.Encoding.DER)).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Authority:
    """The authority of a workspace, as `lockstep identity` makes it."""

    def __init__(self, shell: Shell, folder: Path):
        self.shell, self.folder = shell, folder
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def begin(cls, programs: Programs, folder: Path) -> Authority:
        """An authority in a new workspace."""
        (folder / "home").mkdir()
        shell = Shell(programs, folder, folder / "home")
        shell("init").expect(0)
        return cls(shell, folder / "issued")

    def issue(self, name: str, *more: str) -> Credential:
        out = self.folder / name.replace("/", "-")
        out.mkdir(exist_ok=True)
        self.shell("identity", "issue", f"spiffe://{DOMAIN}/{name}", "--out", str(out), *more).expect(0)
        return Credential(out / "svid.pem", out / "svid.key")

    @property
    def bundle(self) -> Path:
        path = self.folder / "bundle.json"
        path.write_text(self.shell("identity", "bundle").expect(0).out)
        return path

    @property
    def root(self) -> Path:
        path = self.folder / "root.pem"
        keys = json.loads(self.bundle.read_text())["keys"]
        found = [x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0])) for key in keys if key["use"] == "x509-svid"]
        path.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in found))
        return path


class Forge:
    """An authority that signs whatever it is asked for, right or wrong."""

    def __init__(self, folder: Path, name: str = FORGE):
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            x509.CertificateBuilder().subject_name(names).issuer_name(names).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=2))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(usage(key_cert_sign=True, crl_sign=True), True)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{name}")]), False)
            .sign(self.key, hashes.SHA256())
        )
        self.root = folder / "root.pem"
        self.root.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.bundle = folder / "bundle.json"
        self.bundle.write_text(json.dumps({"keys": [{
            "use": "x509-svid", "kty": "EC",
            "x5c": [base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()],
        }]}))

    def sign(
        self, file: str, names: list[x509.GeneralName] | None, *, hours: float = 1, common: str = "", is_authority: bool = False,
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder().issuer_name(self.certificate.subject).public_key(key.public_key())
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []))
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=hours))
            .add_extension(x509.BasicConstraints(is_authority, None), True).add_extension(usage(digital_signature=True), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        )
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), not common)
        made = Credential(self.folder / f"{file}.pem", self.folder / f"{file}.key")
        made.certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        made.key.touch(0o600)
        made.key.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))
        return made

    def workload(self, name: str, **more) -> Credential:
        return self.sign(name.replace("/", "-"), [uri(f"spiffe://{self.name}/{name}")], **more)

    def host(self) -> Credential:
        """For a server at the loopback address."""
        return self.sign("host", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], common="host")


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def usage(**named: bool) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: named.get(name, False) for name in every})


# MARK: Peers


def classical(root: Path, own: Credential | None = None) -> ssl.SSLContext:
    """Python's own TLS. An X509-SVID names no host, so that no name is checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(root)
    if own:
        context.load_cert_chain(own.certificate, own.key)
    return context


def listing(port: int, context: ssl.SSLContext, path: str = "/files", token: str = "", session=None, **more: str):
    """The status and the message of a call, and the TLS session, over Python's TLS."""
    body, fields = call(token=token)
    fields |= more
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        with context.wrap_socket(raw, server_hostname="gateway", session=session) as line:
            line.sendall(request(port, path, body, fields))
            status, message = answer(line)
            return status, message, line.session, line.session_reused


def call(tool: str = "text", arguments: dict | None = None, token: str = "") -> tuple[bytes, dict[str, str]]:
    """A call of the era without sessions."""
    revision = "2026-07-28"
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments or {}, "_meta": {
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientInfo": {"name": "peer", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }}}
    fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
              "MCP-Protocol-Version": revision, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    return json.dumps(message).encode(), fields


def request(port: int, path: str, body: bytes, fields: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(line) -> tuple[int, dict]:
    """Reads to the end of the connection; a cut is an error."""
    read = bytearray()
    while data := line.recv(1 << 16):
        read += data
    if not read:
        raise ConnectionError("no answer")
    head, body = bytes(read).split(b"\r\n\r\n", 1)
    return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else {}


def hybrid(port: int, root: Path, own: Credential | None = None, groups: str | None = None, path: str = "/files", data: bytes | None = None):
    """The status, the message and the group of a call over pyOpenSSL."""
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(str(root))
    context.set_verify(SSL.VERIFY_PEER, lambda _connection, _certificate, _error, _depth, ok: bool(ok))
    if own:
        context.use_certificate_chain_file(str(own.certificate))
        context.use_privatekey_file(str(own.key))
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as raw:
        raw.settimeout(None)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 20, 0))
        line = SSL.Connection(context, raw)
        line.set_connect_state()
        line.do_handshake()
        group = line.get_group_name()
        body, fields = call()
        line.sendall(request(port, path, body, fields) if data is None else data)
        read = bytearray()
        with contextlib.suppress(SSL.ZeroReturnError, SSL.SysCallError):
            while True:
                read += line.recv(1 << 16)
        if data is not None:
            return bytes(read), group
        head, body = bytes(read).split(b"\r\n\r\n", 1)
        return int(head.split()[1]), json.loads(body), group


class Upstream:
    """A server of the fixed era: `text` gives back as much as it is asked for, and says how much it got."""

    def __init__(self, own: Credential | None = None, oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, newest: ssl.TLSVersion | None = None):
        self.bytes_in: list[int] = []
        self.waits: threading.Event | None = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bytes_in.append(len(body))
                message = json.loads(body)
                if outer.waits:
                    outer.waits.wait(20)
                size = message["params"]["arguments"].get("size", 5)
                said = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                    "resultType": "complete", "content": [{"type": "text", "text": "a" * size}]}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if own:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = oldest
            if newest:
                context.maximum_version = newest
            context.load_cert_chain(own.certificate, own.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if own else 'http'}://127.0.0.1:{self.port}/mcp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def post(port: int, path: str, body: bytes, fields: dict[str, str], timeout: float = 30) -> tuple[int, bytes]:
    """A request in the clear."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as line:
        line.request("POST", path, body, fields)
        found = line.getresponse()
        return found.status, found.read()
