"""What others learn of a kill: subscribers by a signed event, and servers of the older era by the end of their sessions."""

from __future__ import annotations

import http.server
import json
import queue
import threading
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from conftest import PEERS, Programs, free_ports, running, wait_for_port
from gateway_peers import PRINCIPAL, Gateway, Raw, until

REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"


class Receiver:
    """Takes security event tokens (RFC 8935), and answers with the statuses that it is told, then with 202."""

    def __init__(self, *statuses: int):
        self.taken: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        left = list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler) -> None:
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.taken.put(({name.lower(): value for name, value in handler.headers.items()}, body))
                handler.send_response(left.pop(0) if left else 202)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *_) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway(programs: Programs, tmp_path: Path):
    made: list[Gateway] = []

    def make(routes: dict[str, str], **more) -> Gateway:
        made.append(Gateway(programs.lockstep, tmp_path / f"gateway-{len(made)}", routes, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def receivers():
    made: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for each in made:
        each.close()


def kill(gateway: Gateway) -> None:
    done = gateway.command("monitor", "kill", PRINCIPAL, "--reason", "leaked token", "--config", str(gateway.document))
    assert done.returncode == 0, done.stderr


def test_a_kill_is_told_to_subscribers_in_a_signed_event(gateway, receivers):
    first, second, never = receivers(), receivers(503), receivers(400)
    edge = gateway({"files": "http://127.0.0.1:9/mcp"}, subscribers=[
        {"url": first.url, "audience": "https://soc.example", "credential-file": "credential"}, {"url": second.url}, {"url": never.url},
    ])
    (edge.folder / "credential").write_text("Bearer of-the-soc\n")
    edge.start()
    before = time.time()
    kill(edge)
    keys = KeySet.import_key_set(json.loads((edge.state / "control" / "events.jwks.json").read_text()))
    told = {}
    for receiver, audience in ((first, "https://soc.example"), (second, second.url)):
        fields, body = receiver.taken.get(timeout=15)
        assert fields["content-type"] == "application/secevent+jwt" and fields["accept"] == "application/json"
        assert fields.get("authorization") == ("Bearer of-the-soc" if receiver is first else None)
        token = jwt.decode(body.decode(), keys, algorithms=["ES256"])
        assert token.header["typ"] == "secevent+jwt"
        claims = told[audience] = token.claims
        assert claims["aud"] == audience and claims["iss"] == f"http://127.0.0.1:{edge.port}"
        assert claims["sub_id"] == {"format": "opaque", "id": PRINCIPAL}
        assert before - 2 <= claims["iat"] <= time.time() + 2
        # No `sub` and no `exp` (RFC 8417 §4.5, §4.6): nobody can take it for a token that gives access.
        assert "exp" not in claims and "sub" not in claims
        event = claims["events"][REVOKED]
        assert event["initiating_entity"] == "admin" and event["reason_admin"] == {"en": "leaked token"}
        assert abs(event["event_timestamp"] - claims["iat"]) <= 1
    assert len({claims["jti"] for claims in told.values()}) == 2
    # It was not taken the first time, and comes again as it was.
    assert second.taken.get(timeout=15)[1] and never.taken.get(timeout=15)
    until(lambda: edge.ask("status")[1]["events"] == {"sent": 2, "dropped": 1})
    assert never.taken.empty() and first.taken.empty()


def test_an_event_goes_over_cleartext_on_this_machine_alone(gateway):
    edge = gateway({"files": "http://127.0.0.1:9/mcp"}, subscribers=[{"url": "http://soc.example/events"}])
    done = edge.command("gateway", "run", "--config", str(edge.document))
    assert done.returncode == 3 and "is no place to send events to" in done.stderr


def test_a_kill_ends_the_sessions_at_a_server_of_the_older_era(gateway, legacy_python: Path, tmp_path: Path):
    (port,) = free_ports(1)
    command = [legacy_python, PEERS / "serve_gateway_legacy.py", str(port), tmp_path / "calls", "json"]
    with running(command, tmp_path / "server.log") as child:
        wait_for_port(port, child)
        edge = gateway({"legacy": f"http://127.0.0.1:{port}/mcp"}, tapped=True).start()
        clients = [Raw(edge.url("legacy"), "2025-06-18").begin() for _ in range(3)]
        for client in clients:
            assert "result" in client.ask("tools/list").message
        kill(edge)

        def ended() -> set[str]:
            """Sessions whose end the server has confirmed."""
            return {
                asked.fields["mcp-session-id"] for asked, answered in edge.taps["legacy"].exchanges()
                if asked.first.startswith("DELETE /mcp ") and answered and answered.first.split()[1] == "200"
            }

        until(lambda: ended() == {client.session for client in clients})
        # The server has forgotten them: asked directly it knows none of the ids.
        for client in clients:
            straight = Raw(f"http://127.0.0.1:{port}/mcp", "2025-06-18")
            straight.session = client.session
            assert straight.ask("tools/list").status == 404
            assert client.ask("tools/list").status == 403
