"""The gateway as a decision service: for Envoy's `ext_authz` filter over HTTP, and for ToolHive's authorizer `httpv1`.

The requests are those that the two send: Envoy the client's own with a prefix before its path (method, path, host,
`Authorization`, the fields that its configuration lists, and the body), ToolHive principal, operation, resource and
context in JSON.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import time
from pathlib import Path

import pytest

from bypass_cases import POLICIES
from bypass_tokens import ISSUER, Keys, Signer
from conftest import Programs
from gateway_peers import Gateway

READ = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/srv/project/a"}}}
ELSEWHERE = {**READ, "params": {"name": "read_file", "arguments": {"path": "/etc/shadow"}}}
WRITE = {**READ, "params": {"name": "write_file", "arguments": {"path": "/srv/project/drafts/a", "content": "x"}}}


@dataclasses.dataclass
class Reply:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict:
        return json.loads(self.body)


class Asker:
    """A gateway of somebody else, which asks this one."""

    def __init__(self, gateway: Gateway, keys: Keys):
        self.gateway, self.keys = gateway, keys
        self.own = (gateway.state / "control" / "decisions-token").read_text().strip()

    def send(self, verb: str, path: str, body: bytes | None, fields: dict[str, str]) -> Reply:
        host, _, port = self.gateway.decisions.rpartition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
            line.request(verb, path, body, fields)
            answer = line.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def token(self, principal: str = "alice") -> str:
        return Signer(self.keys, f"http://127.0.0.1:{self.gateway.port}").good(principal, ["/files"]).decode()

    def envoy(self, message, *, verb: str = "POST", path: str = "/files", token: str | None = None, **more: str) -> Reply:
        """As the filter sends it: `Host` is the client's, and `Content-Length` is there also without a body."""
        body = b"" if message is None else message if isinstance(message, bytes) else json.dumps(message).encode()
        fields = {
            "Host": "mcp.example", "X-Lockstep-Token": self.own, "Authorization": f"Bearer {token or self.token()}",
            "X-Envoy-Internal": "true", "X-Forwarded-For": "10.0.0.7", "Content-Length": str(len(body)),
            **({"Content-Type": "application/json"} if body else {}), **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self.send(verb, "/v1/ext_authz" + path, body, {name: value for name, value in fields.items() if value})

    def toolhive(self, resource: str = "mrn:mcp:files:tool:read_file", *, args=None, operation="mcp:tool:call", sub="alice",
                 path="/decision", fields: dict | None = None, body: bytes | None = None) -> Reply:
        porc = {
            "principal": {"sub": sub, "mroles": ["developer"], "mannotations": {}}, "operation": operation, "resource": resource,
            "context": {"mcp": {"feature": "tool", "operation": "call", "resource_id": "read_file", **({"args": args} if args else {})}},
        }
        # Go's client sends the user and the password of an address as `Basic`.
        basic = base64.b64encode(f"toolhive:{self.own}".encode()).decode()
        fields = {"Authorization": f"Basic {basic}", "Content-Type": "application/json", "Accept": "application/json"} if fields is None else fields
        return self.send("POST", path, body if body is not None else json.dumps(porc).encode(), fields)


def test_toolhive_is_told_no_where_posture_is_needed_and_it_shows_none(asker):
    needed = {"tokens": [{"issuer": ISSUER, "keys": "jwks.json"}], "posture": {"keys": "jwks.json"}}
    ask = asker(identity=needed)
    args = {"path": "/srv/project/a"}
    for reply in (ask.toolhive(args=args), ask.toolhive(args=args, path="/decision?probe=true")):
        assert (reply.status, reply.message["allow"], reply.message["reason"]) == (200, False, "posture-missing")
    may = asker(identity={**needed, "posture": {"keys": "jwks.json", "statements": "optional"}})
    assert may.toolhive(args=args).message["allow"] is True


@pytest.fixture
def asker(programs: Programs, tmp_path: Path):
    made: list[Gateway] = []

    def make(**members) -> Asker:
        keys = Keys()
        # Nothing listens there: whoever asks forwards by itself.
        gateway = Gateway(
            programs.lockstep, tmp_path / f"gateway-{len(made)}", {"files": "http://127.0.0.1:1/mcp"},
            rules=(POLICIES / "files.yaml").read_text("utf-8"), decisions="127.0.0.1:0",
            **{"identity": {"tokens": [{"issuer": ISSUER, "keys": "jwks.json"}]}, **members},
        )
        keys.write_sets(gateway.folder)
        made.append(gateway)
        gateway.start()
        return Asker(gateway, keys)

    yield make
    for gateway in made:
        gateway.close()


def test_envoy_lets_pass_what_is_allowed_and_answers_the_rest(asker):
    ask = asker()
    allowed = ask.envoy(READ)
    assert (allowed.status, allowed.body) == (200, b""), allowed
    assert allowed.fields["x-lockstep-decision"] == "allow" and allowed.fields["x-lockstep-rule"] == "files.read"
    assert allowed.fields["x-lockstep-principal"] == "alice"
    denied = ask.envoy(ELSEWHERE)
    assert denied.status == 403 and denied.fields["x-lockstep-rule"] == "files.read"
    assert denied.message["error"]["code"] == 40301 and denied.message["id"] == 7
    assert denied.message["error"]["data"] == {"reason": "value", "argument": "path", "retryable": False}
    # Never what would be allowed.
    assert b"/srv/project" not in denied.body and "/srv/project" not in str(denied.fields)
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ):
        assert ask.envoy(message).status == 200
    # A session is kept by the server behind Envoy, and not known here.
    assert ask.envoy(READ, Mcp_Session_Id="abc", MCP_Protocol_Version="2025-11-25").status == 200
    assert ask.envoy(None, verb="GET", Mcp_Session_Id="abc", Accept="text/event-stream").status == 200
    assert ask.envoy(None, verb="DELETE", Mcp_Session_Id="abc").status == 200
    modern = {**READ, "params": {**READ["params"], "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}}}}
    heads = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call", "Mcp_Name": "read_file"}
    assert ask.envoy(modern, **heads).status == 200
    assert ask.envoy(modern, **{**heads, "Mcp_Name": "list_directory"}).status == 400


@pytest.mark.parametrize("case", [
    "no body", "half a body", "cut body", "duplicate key", "unknown method", "answer", "no token", "wrong token", "foreign route", "query",
    "query of a good call",
    "metadata", "encoded", "options", "no type",
])
def test_envoy_is_never_told_to_pass_what_was_not_understood(asker, case):
    ask = asker()
    answer = {
        "no body": lambda: ask.envoy(None),
        "half a body": lambda: ask.envoy(json.dumps(READ).encode()[:-5]),
        # `allow_partial_message` is on: what reaches the server is more than what came here.
        "cut body": lambda: ask.envoy(READ, x_envoy_auth_partial_body="true"),
        "duplicate key": lambda: ask.envoy(json.dumps(READ).replace('"id": 7', '"id": 7, "id": 8').encode()),
        "unknown method": lambda: ask.envoy({**READ, "method": "tools/steal"}),
        "answer": lambda: ask.envoy({"jsonrpc": "2.0", "id": 7, "result": {}}),
        "no token": lambda: ask.envoy(READ, Authorization=""),
        "wrong token": lambda: ask.envoy(READ, token="abc.def.ghi"),
        "foreign route": lambda: ask.envoy(READ, path="/other"),
        "query": lambda: ask.envoy(ELSEWHERE, path="/files?x=1"),
        "query of a good call": lambda: ask.envoy(READ, path="/files?x=1"),
        "metadata": lambda: ask.envoy(None, verb="GET", path="/.well-known/oauth-protected-resource/files"),
        "encoded": lambda: ask.envoy(READ, Content_Encoding="gzip"),
        "options": lambda: ask.envoy(None, verb="OPTIONS"),
        "no type": lambda: ask.envoy(READ, Content_Type=""),
    }[case]()
    # Not 2xx, and not 5xx, which `failure_mode_allow` passes over.
    assert 400 <= answer.status < 500, answer
    if "token" in case:
        assert answer.status == 401 and answer.fields["www-authenticate"].startswith("Bearer resource_metadata=")


def test_toolhive_is_told_whether_and_by_which_rule(asker):
    ask = asker()
    allowed = ask.toolhive(args={"path": "/srv/project/a"})
    assert (allowed.status, allowed.message) == (200, {"allow": True, "decision": "allow", "reason": "allowed", "rule": "files.read"})
    denied = ask.toolhive(args={"path": "/etc/shadow"})
    assert denied.status == 200 and denied.message == {"allow": False, "decision": "deny", "reason": "value", "rule": "files.read"}
    # An authorizer that tells no arguments asks about a call that nobody knows.
    assert ask.toolhive().message == {"allow": False, "decision": "deny", "reason": "question"}
    assert ask.toolhive("mrn:mcp:files:tool:format_disk", args={"x": 1}).message["reason"] == "unseen-tool"
    assert ask.toolhive("mrn:mcp:other:tool:read_file", args={"path": "/srv/project/a"}).message["allow"] is False
    assert ask.toolhive(args={"path": "/srv/project/a"}, sub="mallory").message["allow"] is False
    assert ask.toolhive("mrn:mcp:files:tool:", operation="mcp:tool:list").message["allow"] is True
    assert ask.toolhive("mrn:mcp:files:resource:file:///etc/shadow", operation="mcp:resource:read").message["allow"] is False
    assert ask.toolhive("mrn:mcp:files:prompt:greet", operation="mcp:prompt:get").message["allow"] is False
    # What could be allowed with some arguments, which is no decision.
    assert ask.toolhive(path="/decision?probe=true").message["allow"] is True
    assert ask.toolhive("mrn:mcp:files:tool:format_disk", path="/decision?probe=true").message["allow"] is False
    for path in ("/v1/authorize", "/v1/authorize/decision"):
        assert ask.toolhive(args={"path": "/srv/project/a"}, path=path).message["allow"] is True


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"{}", b'{"allow":true}', b'{"principal":{"sub":"alice"},"operation":"mcp:tool:call","resource":"mrn:mcp:files:tool:read_file"}',
    b'{"principal":{"sub":["alice"]},"operation":"mcp:tool:call","resource":"mrn:mcp:files:tool:read_file","context":{"mcp":{}}}',
    b'{"principal":{"sub":""},"operation":"mcp:tool:call","resource":"mrn:mcp:files:tool:read_file","context":{"mcp":{}}}',
    b'{"principal":{"sub":"alice"},"operation":"mcp:tool:call","resource":"mrn:mcp:files:tool:read_file:tool:x","context":{"mcp":{}}}',
    b'{"principal":{"sub":"alice"},"operation":"mcp:tool:destroy","resource":"mrn:mcp:files:tool:read_file","context":{"mcp":{}}}',
    b'{"principal":{"sub":"alice"},"principal":{"sub":"bob"},"operation":"mcp:tool:list","resource":"mrn:mcp:files:tool:","context":{"mcp":{}}}',
])
def test_a_question_that_is_not_understood_is_denied(asker, body):
    answer = asker().toolhive(body=body)
    assert answer.status == 400 and answer.message["allow"] is False, answer


def test_who_asks_needs_the_token_for_that_and_it_opens_nothing_else(asker):
    ask = asker()
    admin = (ask.gateway.state / "control" / "admin-token").read_text().strip()
    assert admin != ask.own and (ask.gateway.state / "control" / "decisions-token").stat().st_mode & 0o777 == 0o600
    for fields in ({}, {"Authorization": f"Bearer {admin}"}, {"Authorization": "Basic !!"}, {"Authorization": "Basic " + base64.b64encode(b"x:").decode()}):
        assert ask.toolhive(args={"path": "/srv/project/a"}, fields=fields).status == 401
    assert ask.toolhive(args={"path": "/srv/project/a"}, fields={"Authorization": f"Bearer {ask.own}"}).message["allow"] is True
    assert ask.envoy(READ, X_Lockstep_Token="").status == 401
    assert ask.envoy(READ, X_Lockstep_Token=admin).status == 401
    host, _, port = ask.gateway.admin.rpartition(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
        line.request("GET", "/v1/status", None, {"Authorization": f"Bearer {ask.own}"})
        assert line.getresponse().status == 401


def test_what_is_decided_for_others_is_in_the_audit_log(asker):
    ask = asker(**{"access-log": "access.ndjson"})
    assert ask.envoy(WRITE).status == 200
    assert ask.envoy(ELSEWHERE).status == 403
    assert ask.toolhive(args={"path": "/srv/project/a"}).message["allow"] is True
    assert ask.toolhive(args={"path": "/etc/shadow"}).message["allow"] is False
    assert ask.gateway.stop() == 0
    found = [entry for entry in ask.gateway.entries() if entry["kind"] == "gateway.decision"]
    assert [(entry["call"]["tool"], entry["effective"], entry["rule"]) for entry in found] == [
        ("write_file", "allow", "files.write"), ("read_file", "deny", "files.read"), ("read_file", "allow", "files.read"), ("read_file", "deny", "files.read")]
    lines = [json.loads(line) for line in (ask.gateway.folder / "access.ndjson").read_text().splitlines()]
    assert sorted((line["decision"], line["status"], line["identity"]) for line in lines) == [
        ("allow", 200, "gateway"), ("allow", 200, "jwt"), ("deny", 200, "gateway"), ("deny", 403, "jwt")]


def test_a_kill_is_heard_by_those_who_ask(asker):
    ask = asker()
    assert ask.envoy(READ).status == 200
    assert ask.gateway.ask("revocations", {"principal": "alice", "reason": "leak"})[0] == 200
    assert ask.envoy(READ).status == 403
    assert ask.toolhive(args={"path": "/srv/project/a"}).message == {"allow": False, "decision": "revoked", "reason": "revoked"}


def test_in_shadow_mode_everything_but_what_is_forbidden_passes_and_is_told(asker):
    ask = asker(mode="shadow")
    passed = ask.envoy(ELSEWHERE)
    assert passed.status == 200 and passed.fields["x-lockstep-decision"] == "shadow"
    assert ask.toolhive(args={"path": "/etc/shadow"}).message["allow"] is True
    assert ask.envoy(b"{}").status == 400


def test_one_connection_carries_many_questions_quickly(asker):
    ask = asker()
    token, body = ask.token(), json.dumps(READ).encode()
    fields = {"Host": "mcp.example", "X-Lockstep-Token": ask.own, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    host, _, port = ask.gateway.decisions.rpartition(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as line:
        began = time.monotonic()
        for _ in range(200):
            line.request("POST", "/v1/ext_authz/files", body, fields)
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200
    # The filter waits for 200 ms unless it is told to wait longer.
    assert (time.monotonic() - began) / 200 < 0.2
