"""What a gateway tells of its traffic: spans and figures for a collector, an access log, figures for Prometheus.

The collector is made of the official OTLP messages: what it cannot parse is not OTLP.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import resource
import signal
import ssl
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.parser import text_string_to_metric_families

from conftest import CURRENT, PEERS, Programs, free_ports, running, wait_for_port
from gateway_peers import Gateway, Raw, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
#: Of the convention for MCP.
BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]


class Collector:
    """Takes OTLP over HTTP, and answers as it is told."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None):
        self.status, self.asked = 200, 0
        self.spans: list[tuple[dict, Span]] = []
        self.metrics: dict[str, object] = {}
        self.fields: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                if outer.status == 200:
                    outer.take(self.path, body, dict(self.headers))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes, fields: dict[str, str]) -> None:
        assert fields["Content-Type"] == "application/x-protobuf"
        self.fields.append(fields)
        if path.endswith("/v1/traces"):
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert attributes(part.resource)["service.name"] == "lockstep-gateway"
                for scope in part.scope_spans:
                    assert scope.scope.name == "lockstep.gateway"
                    self.spans += [(attributes(span), span) for span in scope.spans]
        else:
            assert path.endswith("/v1/metrics"), path
            for part in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in part.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def of(self, **wanted: str) -> list[tuple[dict, Span]]:
        names = {"method": "mcp.method.name", "tool": "gen_ai.tool.name", "decision": "lockstep.decision", "id": "jsonrpc.request.id"}
        return [(found, span) for found, span in list(self.spans) if all(found.get(names[key]) == value for key, value in wanted.items())]


def attributes(holder) -> dict:
    assert len({pair.key for pair in holder.attributes}) == len(holder.attributes)
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("behind")
    (port,) = free_ports(1)
    command = [CURRENT, PEERS / "serve_gateway_current.py", str(port), folder / "calls", "json"]
    with running(command, folder / "log") as child:
        wait_for_port(port, child)
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture
def collectors():
    made: list[Collector] = []

    def make(**more) -> Collector:
        made.append(Collector(**more))
        return made[-1]

    yield make
    for collector in made:
        with contextlib.suppress(OSError):
            collector.close()


@pytest.fixture
def gateways(programs: Programs, tmp_path: Path, server: str):
    made: list[Gateway] = []

    def make(start: bool = True, **more) -> Gateway:
        gateway = Gateway(programs.lockstep, tmp_path / f"gateway-{len(made)}", {"stock": server}, **more)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in made:
        gateway.close()


def otlp(collector: Collector, **more) -> dict:
    return {"otlp": f"http://127.0.0.1:{collector.port}", "every": "100ms", **more}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def scrape(gateway: Gateway) -> dict[str, list]:
    text = urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=10).read().decode()
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert all(family.documentation and family.type != "unknown" for family in families), families
    return {sample.name: [other for other in family.samples if other.name == sample.name] for family in families for sample in family.samples}


def value(samples: list, **labels: str) -> float:
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_a_request_is_a_span_by_the_convention_and_its_trace_goes_on_unchanged(collectors, gateways, revision):
    collector = collectors()
    gateway = gateways(tapped=True, telemetry=otlp(collector, headers={"X-Key": "abc"}, attributes=["quantity", "password"]))
    client = Raw(gateway.url("stock"), revision).begin()
    body = client.message(
        "tools/call",
        {"name": "book", "arguments": {"sku": "abc-1", "quantity": "2", "unit": "kg"}, "_meta": {"traceparent": PARENT, "tracestate": "a=b"}},
    )
    sent = json.dumps(body, ensure_ascii=False, indent=1).encode()
    answer = client.send("POST", sent, client.fields(body))
    assert answer.status == 200, answer
    # Byte for byte what the client sent.
    assert any(sent == request.body for request, _ in gateway.taps["stock"].exchanges())
    found, span = until(lambda: collector.of(method="tools/call", tool="book"))[0]
    assert span.trace_id.hex() == TRACE and span.parent_span_id.hex() == "b7ad6b7169203331"
    assert len(span.span_id) == 8 and any(span.span_id)
    assert (span.name, span.kind) == ("tools/call book", Span.SPAN_KIND_SERVER)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 10e9
    assert abs(span.start_time_unix_nano / 1e9 - time.time()) < 60
    expected = {
        "mcp.method.name": "tools/call", "gen_ai.tool.name": "book", "gen_ai.operation.name": "execute_tool", "mcp.protocol.version": revision,
        "jsonrpc.request.id": str(body["id"]), "network.transport": "tcp", "network.protocol.name": "http", "client.address": "127.0.0.1",
        "http.route": "/stock", "http.response.status_code": 200, "lockstep.decision": "allow", "lockstep.rule": "stock.book",
        "lockstep.mode": "enforce", "lockstep.principal": "tester", "lockstep.server": "stock",
    }
    assert expected.items() <= found.items(), found
    assert found.get("mcp.session.id") == client.session
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"quantity": "2"}
    assert "error.type" not in found and span.status.code == Status.STATUS_CODE_UNSET
    assert collector.fields[0]["X-Key"] == "abc"
    assert "abc-1" not in str(collector.spans)


def test_what_failed_or_was_denied_says_how(collectors, gateways):
    collector = collectors()
    gateway = gateways(telemetry=otlp(collector))
    client = Raw(gateway.url("stock")).begin()
    client.call("fail", {"why": "x"})
    client.call("stock", {"sku": "secret-9", "deep": True})
    client.send("POST", b'{"jsonrpc":"2.0","id":1,"id":2}', client.fields(client.message("ping")))
    client.ask("tools/list")
    fail, span = until(lambda: collector.of(tool="fail"))[0]
    assert fail["error.type"] == "tool_error" and span.status.code == Status.STATUS_CODE_ERROR
    denied, span = until(lambda: collector.of(tool="stock", decision="deny"))[0]
    assert denied["error.type"] == denied["rpc.response.status_code"] == "40301"
    assert denied["lockstep.reason"] == "value" and span.status.code == Status.STATUS_CODE_ERROR
    refused, _ = until(lambda: collector.of(decision="refused"))[0]
    assert refused["lockstep.reason"] == "duplicate-key" and refused["error.type"] == "-32700"
    listed, _ = until(lambda: collector.of(method="tools/list"))[0]
    assert listed["lockstep.decision"] == "pass" and "lockstep.rule" not in listed
    assert "secret-9" not in str(collector.spans) and "gen_ai.tool.call.arguments" not in str(collector.spans)
    until(lambda: "mcp.server.operation.duration" in collector.metrics)

    def calls() -> dict:
        points = collector.metrics["mcp.server.operation.duration"].histogram.data_points
        return {(named.get("gen_ai.tool.name"), named.get("error.type")): point for point in points if (named := attributes(point))["mcp.method.name"] == "tools/call"}

    point = until(lambda: calls().get(("fail", "tool_error")))
    assert list(point.explicit_bounds) == BOUNDS and sum(point.bucket_counts) == point.count == 1
    assert collector.metrics["mcp.server.operation.duration"].unit == "s"
    assert collector.metrics["mcp.server.operation.duration"].histogram.aggregation_temporality == 2
    requests = collector.metrics["lockstep.gateway.route.requests"].sum
    assert requests.is_monotonic and any(attributes(point)["lockstep.decision"] == "deny" and point.as_int == 1 for point in requests.data_points)


def test_only_what_did_not_pass_is_a_span_where_that_is_asked_for(collectors, gateways):
    collector = collectors()
    gateway = gateways(telemetry=otlp(collector, spans="denied"))
    client = Raw(gateway.url("stock")).begin()
    client.call("text", {"size": 7331})
    client.call("stock", {"sku": "other", "deep": True})
    until(lambda: collector.spans)
    assert gateway.stop() == 0
    assert [found["lockstep.decision"] for found, _ in collector.spans] == ["deny"]


def test_a_collector_that_is_away_holds_nothing_up_and_gets_what_waited(collectors, gateways):
    (port,) = free_ports(1)
    gateway = gateways(telemetry={"otlp": f"http://127.0.0.1:{port}", "every": "100ms"})
    client = Raw(gateway.url("stock")).begin()
    times = []
    for _ in range(50):
        began = time.monotonic()
        assert client.call("text", {"size": 7331}).status == 200
        times.append(time.monotonic() - began)
    assert sorted(times)[25] < 0.5
    until(lambda: value(scrape(gateway)["lockstep_telemetry_exports_total"], result="failed") >= 1)
    assert value(scrape(gateway)["lockstep_telemetry_queue_depth"], kind="spans") >= 50
    collector = collectors(port=port)
    collector.status = 503
    until(lambda: collector.asked)
    collector.status = 200
    until(lambda: len(collector.of(tool="text")) >= 50)
    assert len({span.span_id for _, span in collector.spans}) == len(collector.spans)
    until(lambda: value(scrape(gateway)["lockstep_telemetry_queue_depth"], kind="spans") == 0)


def test_a_collector_behind_tls_is_believed_by_its_authority_alone(collectors, gateways, tmp_path):
    key, certificate = authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    collector = collectors(tls=tls)
    address = f"https://127.0.0.1:{collector.port}"
    stranger = gateways(telemetry={"otlp": address, "every": "100ms"})
    until(lambda: value(scrape(stranger)["lockstep_telemetry_exports_total"], result="failed") >= 1)
    assert not collector.fields
    gateway = gateways(telemetry={"otlp": address, "every": "100ms", "ca": str(certificate)})
    Raw(gateway.url("stock")).begin()
    until(lambda: collector.of(method="initialize"))


def authority(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate for the loopback address that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "collector")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "key.pem", folder / "certificate.pem"


def test_what_a_collector_refuses_is_dropped_and_counted(collectors, gateways):
    collector = collectors()
    collector.status = 400
    gateway = gateways(telemetry=otlp(collector))
    client = Raw(gateway.url("stock")).begin()
    client.call("text", {"size": 7331})
    until(lambda: value(scrape(gateway)["lockstep_telemetry_dropped_total"], kind="spans") >= 3)


def test_the_access_log_has_a_line_for_each_request(gateways):
    gateway = gateways(**{"access-log": "access.ndjson"})
    log = gateway.folder / "access.ndjson"
    client = Raw(gateway.url("stock")).begin()
    for number in range(3):
        client.call("text", {"size": 7331 + number})
    client.call("sto\u202eck\x1b[2J\n", {"sku": "abc-1"})
    client.send("POST", b"{}", {**client.fields(client.message("ping")), "traceparent": PARENT})
    found = until(lambda: len(all := lines(log)) >= 7 and all)
    assert log.stat().st_mode & 0o777 == 0o600
    calls = [line for line in found if line.get("tool") == "text"]
    assert len(calls) == 3
    first = calls[0]
    assert {
        "gateway": "edge-1", "peer": "127.0.0.1", "verb": "POST", "route": "/stock", "server": "stock", "principal": "tester",
        "identity": "declared", "method": "tools/call", "decision": "allow", "rule": "stock.text", "mode": "enforce", "status": 200,
    }.items() <= first.items(), first
    assert 0 < first["decide_us"] <= first["duration_us"] and 0 < first["upstream_us"] <= first["duration_us"]
    assert first["bytes_in"] > 200 and first["bytes_out"] > 7331
    raw = log.read_bytes()
    assert b"\x1b" not in raw and "\u202e".encode() not in raw and raw.count(b"\n") == len(raw.splitlines())
    hostile = [line for line in found if line.get("decision") == "deny"]
    assert hostile and hostile[0]["tool"] == "sto\u202eck\x1b[2J\n"
    # Those of one event loop stand in their order, and connections are spread over several.
    assert [line["trace"] for line in found if line["decision"] == "refused"] == [TRACE]
    assert not any("7331" in text for line in found for text in line.values() if isinstance(text, str))


def test_the_access_log_is_opened_anew_on_sighup(gateways):
    gateway = gateways(**{"access-log": "access.ndjson"})
    log, moved = gateway.folder / "access.ndjson", gateway.folder / "access.ndjson.old"
    client = Raw(gateway.url("stock")).begin()
    until(lambda: len(lines(log)) >= 2)
    log.rename(moved)
    gateway.process.send_signal(signal.SIGHUP)
    until(log.exists)
    client.call("text", {"size": 7331})
    until(lambda: [line for line in lines(log) if line.get("tool") == "text"])
    assert not [line for line in lines(moved) if line.get("tool") == "text"]


def test_lines_go_to_the_standard_output_and_a_reader_that_stops_holds_nothing_up(gateways):
    gateway = gateways(start=False, **{"access-log": "stdout"})
    heard: list[dict] = []
    goes_on = threading.Event()
    goes_on.set()
    gateway._hear = lambda stream, said: listen(stream, said, heard, goes_on)
    gateway.start()
    client = Raw(gateway.url("stock")).begin()
    client.call("text", {"size": 7331})
    until(lambda: [line for line in heard if line.get("tool") == "text"])
    goes_on.clear()

    def is_shed() -> bool:
        # More than a pipe and its reader hold.
        for _ in range(100):
            assert client.send("POST", b"{}", client.fields(client.message("ping"))).status == 400
        return value(scrape(gateway)["lockstep_telemetry_dropped_total"], kind="access-log") > 0

    until(is_shed, 30)
    assert gateway.stop() == 0
    goes_on.set()


def listen(stream, said, heard: list[dict], goes_on: threading.Event) -> None:
    said.put(stream.readline())
    for line in stream:
        # A reader that stopped for long may have half a line, and the next begins anew.
        with contextlib.suppress(ValueError):
            heard.append(json.loads(line))
        goes_on.wait(60)


def test_a_full_disk_loses_lines_and_counts_them(gateways):
    gateway = gateways(start=False, **{"access-log": "access.ndjson"})
    # A limit of the process stands for the disk: a write that goes over it fails as one to a full disk does.
    (gateway.folder / "access.ndjson").write_bytes(b" " * (1 << 20))
    gateway.start(preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))))
    client = Raw(gateway.url("stock")).begin()
    assert client.call("text", {"size": 7331}).status == 200
    until(lambda: value(scrape(gateway)["lockstep_telemetry_dropped_total"], kind="access-log") >= 3)
    assert (gateway.folder / "access.ndjson").stat().st_size == 1 << 20


def test_prometheus_reads_every_figure(gateways):
    gateway = gateways()
    client = Raw(gateway.url("stock")).begin()
    for _ in range(4):
        client.call("text", {"size": 7331})
    client.call("stock", {"sku": "other", "deep": True})
    client.call("no-such\n\"tool\\", {})

    def complete() -> dict | None:
        found = scrape(gateway)
        return found if value(found["lockstep_gateway_route_requests_total"], decision="deny") == 2 else None

    found = until(complete)
    requests = found["lockstep_gateway_route_requests_total"]
    assert value(requests, route="/stock", server="stock", decision="allow") == 4
    assert value(found["lockstep_gateway_requests_total"]) == sum(sample.value for sample in requests)
    for name in ("decide", "upstream"):
        buckets = found[f"lockstep_gateway_{name}_duration_seconds_bucket"]
        counts = [sample.value for sample in buckets if sample.labels["route"] == "/stock"]
        assert counts == sorted(counts)
        assert counts[-1] == value(found[f"lockstep_gateway_{name}_duration_seconds_count"], route="/stock")
    assert value(found["lockstep_gateway_upstream_duration_seconds_count"]) < value(found["lockstep_gateway_decide_duration_seconds_count"])
    durations = found["mcp_server_operation_duration_seconds_count"]
    assert value(durations, mcp_method_name="tools/call", gen_ai_tool_name="text") == 4
    assert value(durations, error_type="40301") == 2
    # What a stranger called a tool is no label.
    assert "no-such" not in str(found)
    policy = found["lockstep_gateway_policy_info"][0].labels
    assert policy["revision"].startswith("sha256:") and policy["mode"] == "enforce"
    assert value(found["lockstep_gateway_received_bytes_total"]) > 0 < value(found["lockstep_gateway_sent_bytes_total"])
    for name in ("connections", "revocations", "asks_open"):
        assert f"lockstep_gateway_{name}" in found
    assert value(found["lockstep_telemetry_dropped_total"]) == 0


def test_a_document_that_is_wrong_is_refused_with_its_place(gateways):
    for members, word in [
        ({"telemetry": {"otlp": "localhost:4318"}}, "not the address of a collector"),
        ({"telemetry": {"otlp": "http://127.0.0.1:4318", "every": "often"}}, "`every` must be a time"),
        ({"telemetry": {"otlp": "http://127.0.0.1:4318", "spans": "some"}}, "spans"),
        ({"telemetry": {"otlp": "http://127.0.0.1:4318", "headers": {"host": "x"}}}, "not a field that can be sent along"),
        ({"telemetry": {"otlp": "http://127.0.0.1:4318", "headers": {"x-key": "s3cret\nX: y"}}}, "not a field that can be sent along"),
        ({"access-log": "no/such/folder/log"}, "the access log"),
        ({"decisions": "0.0.0.0:8810"}, "on loopback"),
    ]:
        gateway = gateways(start=False, **members)
        done = gateway.command("gateway", "run", "--config", str(gateway.document))
        assert done.returncode in (1, 2, 3) and word in done.stderr, (members, done)
        assert "s3cret" not in done.stderr
