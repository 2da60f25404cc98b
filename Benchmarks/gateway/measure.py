"""Runs the gateway's measurements and prints one table: `measure.py BINARY FOLDER FORGE_PYTHON PART...`; called by run.sh.

All that is compared is measured in turn in this run. Processor time is what the kernel counted for the process itself
(/proc/PID/stat), so that client and upstream, which share the machine, are not in it.
"""

import base64
import hashlib
import hmac
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BINARY, FOLDER, FORGE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
PARTS = sys.argv[4:]
HERE = Path(__file__).resolve().parent
CALLS, ROUNDS, STREAMS = (int(os.environ.get(name, usual)) for name, usual in (("CALLS", 20_000), ("ROUNDS", 5), ("STREAMS", 10_000)))
CONNECTIONS = 32
TICK = os.sysconf("SC_CLK_TCK")
# What the issue asks for; the last two are aims.
FLOORS = {"cpu": 4, "forge": 20, "stream": 40, "median": 0.25, "p99": 1.5}
rows: list[tuple[str, str, str, str]] = []
children: list[subprocess.Popen] = []


def add(figure: str, measured: float | str, unit: str = "", floor: float | None = None, at_least: bool = False) -> None:
    text = measured if isinstance(measured, str) else f"{measured:.2f}".rstrip("0").rstrip(".")
    if floor is None:
        rows.append((figure, f"{text} {unit}".strip(), "", ""))
        return
    is_met = measured >= floor if at_least else measured <= floor
    rows.append((figure, f"{text} {unit}".strip(), f"{'≥' if at_least else '≤'} {floor} {unit}".strip(), "yes" if is_met else "NO"))


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def start(command: list, ports: list[int], seconds: float = 60, **more) -> subprocess.Popen:
    """A process that is there once something listens on its ports."""
    with (FOLDER / "log").open("ab") as log:
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
    children.append(child)
    end = time.monotonic() + seconds
    for port in ports:
        while True:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if child.poll() is not None or time.monotonic() > end:
                sys.exit(f"{command[0]} does not listen\n{(FOLDER / 'log').read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
    return child


def cpu(pid: int) -> float:
    """Seconds of processor time of a process, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> int:
    """Resident KiB of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


# A read of a file, as an agent of the sessionless revision sends it.
TOOL = "read_text_file"
MESSAGE = {
    "jsonrpc": "2.0", "id": 1, "method": "tools/call",
    "params": {
        "name": TOOL,
        "arguments": {"path": "/srv/project/docs/architecture/decisions/0042-one-scan-of-every-message.md", "head": 200},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0.0", "title": "A client that measures"},
            "io.modelcontextprotocol/clientCapabilities": {},
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    },
}
FIELDS = {
    "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call", "Mcp-Name": TOOL,
}
TEXT = "One scan of every message: what is decided on is what is forwarded. " * 6


def write_message(name: str, message: dict, fields: dict) -> tuple[Path, Path]:
    body, lines = FOLDER / f"{name}.json", FOLDER / f"{name}.fields"
    body.write_text(json.dumps(message, separators=(",", ":")))
    lines.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    return body, lines


def fixed() -> int:
    """A server that says the same to everybody without reading what was asked: HAProxy itself. The id of every call is 1."""
    port, file = free_port(), FOLDER / "fixed.answer"
    result = {"resultType": "complete", "content": [{"type": "text", "text": TEXT}], "isError": False}
    file.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}, separators=(",", ":")))
    configuration = FOLDER / "fixed.cfg"
    configuration.write_text(
        "global\n    nbthread 1\n    maxconn 4096\ndefaults\n    mode http\n    timeout client 60s\n"
        f"frontend fixed\n    bind 127.0.0.1:{port}\n"
        f"    http-request return status 200 content-type application/json file {file}\n"
    )
    start(["haproxy", "-db", "-q", "-f", configuration], [port])
    return port


def answering() -> int:
    """A server of fixed answers for a peer that opens a session first: each has the id of its request."""
    port = free_port()
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "fixed", "version": "1"},
        },
        "tools/list": {
            "tools": [
                {
                    "name": TOOL, "description": "Reads a file.",
                    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}, "head": {"type": "integer"}}},
                }
            ]
        },
        "tools/call": {"resultType": "complete", "content": [{"type": "text", "text": TEXT}], "isError": False},
    }
    rules = []
    for method, result in results.items():
        file = FOLDER / f"{method.replace('/', '-')}.answer"
        file.write_text('{"jsonrpc":"2.0","id":%[var(txn.id)],"result":' + json.dumps(result).replace("%", "%%") + "}")
        rules.append(f"    http-request return status 200 content-type application/json lf-file {file} if {{ var(txn.method) -m str {method} }}")
    configuration = FOLDER / "upstream.cfg"
    configuration.write_text(
        "global\n    nbthread 1\n    maxconn 4096\n    tune.bufsize 65536\ndefaults\n    mode http\n    timeout client 60s\n"
        "    timeout server 60s\n    timeout connect 5s\n    option http-buffer-request\n"
        f"frontend fixed\n    bind 127.0.0.1:{port}\n"
        "    http-request set-var(txn.method) req.body,json_query('$.method')\n"
        "    http-request set-var(txn.id) req.body,json_query('$.id')\n"
        + "\n".join(rules) + "\n    http-request return status 405 if METH_GET\n    http-request return status 202\n"
    )
    start(["haproxy", "-db", "-q", "-f", configuration], [port])
    return port


def proxy(to: int) -> tuple[subprocess.Popen, int]:
    """HAProxy as a plain reverse proxy that keeps its connections."""
    port = free_port()
    configuration = FOLDER / "proxy.cfg"
    configuration.write_text(
        "global\n    nbthread 2\n    maxconn 4096\ndefaults\n    mode http\n    timeout client 60s\n    timeout server 60s\n"
        f"    timeout connect 5s\n    http-reuse always\nfrontend in\n    bind 127.0.0.1:{port}\n    default_backend out\n"
        f"backend out\n    server one 127.0.0.1:{to} pool-max-conn 256\n"
    )
    return start(["haproxy", "-db", "-q", "-f", configuration], [port]), port


def rules(count: int) -> str:
    """A policy of so many rules, of which one allows the measured call."""
    lines = ["apiVersion: lockstep/v1", "kind: Policy", "name: bench", "scope: agent", "agents:"]
    number = 0
    for agent in ["bench", *(f"agent-{at}" for at in range(9))]:
        lines += [f"  {agent}:", "    servers:"]
        for server in ["files", *(f"server-{at}" for at in range(4))]:
            lines.append(f"      {server}:")
            for at in range(count // 50):
                tool = TOOL if (agent, server, at) == ("bench", "files", count // 100) else f"tool_{at}"
                number += 1
                lines.append(
                    f"        - {{id: rule-{number}, tool: {tool}, tier: read, arguments: {{path: {{required: true, "
                    f'matches: ["/srv/project/*"]}}, head: {{at-least: 0, at-most: 100000}}}}}}'
                )
    return "\n".join(lines) + "\n"


def gateway(to: str, name: str) -> tuple[subprocess.Popen, int]:
    folder = FOLDER / name
    folder.mkdir()
    (folder / "policy.yaml").write_text(rules(1_000))
    port = free_port()
    document = {
        "gateway": "bench", "listen": f"127.0.0.1:{port}", "mode": "enforce", "policy": "policy.yaml", "state": "state",
        "routes": [{"path": "/mcp", "server": "files", "upstream": to}], "identity": {"declared": "bench"},
        "limits": {"idle-seconds": 3600},
    }
    (folder / "gateway.yaml").write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()))

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    return start([BINARY, "gateway", "run", "--config", folder / "gateway.yaml"], [port], preexec_fn=limits), port


def load(url: str, files: tuple[Path, Path], seconds: float) -> tuple[int, float]:
    """Calls that were answered, and the seconds that they took, over connections that never wait."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(HERE / "call.lua"), url],
        capture_output=True, text=True, env={**os.environ, "BENCH_BODY": str(files[0]), "BENCH_FIELDS": str(files[1])},
    )
    if done.returncode != 0 or done.stderr or "Non-2xx" in done.stdout:
        sys.exit(f"wrk failed at {url}: {done.stdout[-800:]}{done.stderr[-800:]}")
    words = next(line for line in done.stdout.splitlines() if "requests in" in line).split()
    minutes = {"ms": 0.001, "s": 1, "m": 60}
    taken = words[3].rstrip(",")
    unit = next(unit for unit in ("ms", "s", "m") if taken.endswith(unit))
    return int(words[0]), float(taken.removesuffix(unit)) * minutes[unit]


def cpu_part() -> None:
    to = fixed()
    plain, plain_port = proxy(to)
    ours, port = gateway(f"http://127.0.0.1:{to}/mcp", "cpu")
    files = write_message("call", MESSAGE, FIELDS)
    peers = {"HAProxy": (plain.pid, plain_port), "the gateway": (ours.pid, port)}
    for _, peer_port in peers.values():
        load(f"http://127.0.0.1:{peer_port}/mcp", files, 1)
    spent: dict[str, list[float]] = {name: [] for name in peers}
    speed: dict[str, list[float]] = {name: [] for name in [*peers, "upstream"]}
    for _ in range(ROUNDS):
        for name, (pid, peer_port) in peers.items():
            before = cpu(pid)
            count, seconds = load(f"http://127.0.0.1:{peer_port}/mcp", files, max(2, CALLS / 5_000))
            spent[name].append((cpu(pid) - before) / count * 1e6)
            speed[name].append(count / seconds)
        count, seconds = load(f"http://127.0.0.1:{to}/mcp", files, 2)
        speed["upstream"].append(count / seconds)
    for name, all_spent in spent.items():
        add(f"processor time a call: {name}", statistics.median(all_spent), "µs")
    ratios = [ours / plain for ours, plain in zip(spent["the gateway"], spent["HAProxy"])]
    shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    add(f"processor time a call against HAProxy (rounds {shown})", statistics.median(ratios), "×", FLOORS["cpu"])
    for name, all_speed in speed.items():
        add(f"calls a second at {CONNECTIONS} connections: {name}", statistics.median(all_speed))
    add("headroom of the upstream over the gateway", statistics.median(speed["upstream"]) / statistics.median(speed["the gateway"]), "×", 3, True)


def latency_part() -> None:
    to = fixed()
    _, plain_port = proxy(to)
    _, port = gateway(f"http://127.0.0.1:{to}/mcp", "latency")
    body, fields = write_message("call", MESSAGE, FIELDS)
    taken: dict[str, list[list[float]]] = {"nothing": [], "HAProxy": [], "the gateway": []}
    for _ in range(max(2, ROUNDS - 2)):
        for name, peer_port in (("nothing", to), ("HAProxy", plain_port), ("the gateway", port)):
            done = subprocess.run(
                [sys.executable, HERE / "paced.py", str(peer_port), "/mcp", fields, body, "1000", "5"], capture_output=True, text=True
            )
            if done.returncode != 0:
                sys.exit(f"paced.py failed: {done.stderr[-800:]}")
            taken[name].append(json.loads(done.stdout))

    def at(name: str, share: float) -> float:
        return statistics.median(one[int(len(one) * share)] for one in taken[name]) / 1000

    for name in taken:
        add(f"1,000 calls a second through {name}: median / p99", f"{at(name, 0.5):.2f} / {at(name, 0.99):.2f} ms")
    add("added latency of the gateway, median", at("the gateway", 0.5) - at("nothing", 0.5), "ms", FLOORS["median"])
    add("added latency of the gateway, p99", at("the gateway", 0.99) - at("nothing", 0.99), "ms", FLOORS["p99"])


def token(secret: str) -> str:
    """A JWT of ContextForge's administrator (RFC 7515, HS256)."""
    def part(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    now = int(time.time())
    claims = {
        "sub": "admin@example.com", "iss": "mcpgateway", "aud": "mcpgateway-api", "iat": now, "exp": now + 3600, "jti": "bench",
        "token_use": "session", "is_admin": True, "teams": None,
        "user": {"email": "admin@example.com", "is_admin": True, "auth_provider": "local"},
    }
    signed = part({"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
    tag = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return signed + "." + base64.urlsafe_b64encode(tag).decode().rstrip("=")


def forge(to: int) -> tuple[int, tuple[Path, Path]]:
    """ContextForge in front of the same server, its rate limit and its interface off."""
    port, secret = free_port(), "bench-secret-of-more-than-32-bytes-for-hs256"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(FOLDER), "DATABASE_URL": f"sqlite:///{FOLDER}/forge.db", "JWT_SECRET_KEY": secret,
        "AUTH_ENCRYPTION_SECRET": secret, "PLATFORM_ADMIN_EMAIL": "admin@example.com", "PLATFORM_ADMIN_PASSWORD": "Bench-1234-pass!",
        "BASIC_AUTH_PASSWORD": "Bench-1234-pass!", "DEFAULT_USER_PASSWORD": "Bench-1234-pass!", "MCPGATEWAY_UI_ENABLED": "false",
        "MCPGATEWAY_ADMIN_API_ENABLED": "false", "TOOL_RATE_LIMIT": "1000000000", "RATELIMIT_ENABLED": "false", "LOG_LEVEL": "ERROR",
        "CACHE_TYPE": "memory", "PLUGINS_ENABLED": "false", "OTEL_ENABLE_OBSERVABILITY": "false", "SSRF_ALLOW_LOCALHOST": "true",
        "SSRF_ALLOW_PRIVATE_NETWORKS": "true", "SSRF_PROTECTION_ENABLED": "false", "ENVIRONMENT": "development", "REQUIRE_STRONG_SECRETS": "false",
        "MAX_TOOL_CALLS_PER_MINUTE": "1000000000", "DISABLE_ACCESS_LOG": "true", "STRUCTURED_LOGGING_DATABASE_ENABLED": "false",
    }
    start(
        [FORGE, "-m", "uvicorn", "mcpgateway.main:app", "--host", "127.0.0.1", "--port", str(port), "--workers", str(os.cpu_count()), "--no-access-log"], [port], 180,
        env=environment, cwd=FOLDER,
    )
    fields = {"Authorization": f"Bearer {token(secret)}", "Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/gateways", json.dumps({"name": "bench", "url": f"http://127.0.0.1:{to}/mcp", "transport": "STREAMABLEHTTP"}).encode(), fields,
    )
    urllib.request.urlopen(request, timeout=60).read()
    tools = json.loads(urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/tools", headers=fields), timeout=30).read())
    tools = tools if isinstance(tools, list) else tools.get("data", tools.get("tools"))
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tools[0]["name"], "arguments": MESSAGE["params"]["arguments"]}}
    return port, write_message("forge", message, fields)


def throughput_part() -> None:
    to = answering()
    _, port = gateway(f"http://127.0.0.1:{to}/mcp", "throughput")
    files = write_message("call", MESSAGE, FIELDS)
    if not FORGE or not Path(FORGE).exists():
        return add("calls a second against ContextForge", "left out: it is not installed")
    try:
        forge_port, forge_files = forge(to)
    except (OSError, KeyError, IndexError, ValueError, TypeError, SystemExit) as fault:
        detail = fault.read().decode(errors="replace")[:200] if hasattr(fault, "read") else ""
        return add("calls a second against ContextForge", f"left out: it could not be set up ({fault}) {detail}"[:300])
    load(f"http://127.0.0.1:{port}/mcp", files, 1)
    load(f"http://127.0.0.1:{forge_port}/rpc", forge_files, 2)
    speed: dict[str, list[float]] = {"the gateway": [], "ContextForge": []}
    for _ in range(max(2, ROUNDS - 2)):
        count, seconds = load(f"http://127.0.0.1:{port}/mcp", files, 4)
        speed["the gateway"].append(count / seconds)
        count, seconds = load(f"http://127.0.0.1:{forge_port}/rpc", forge_files, 8)
        speed["ContextForge"].append(count / seconds)
    for name, all_speed in speed.items():
        add(f"calls a second beside each other: {name}", statistics.median(all_speed))
    ratios = [ours / theirs for ours, theirs in zip(*speed.values())]
    add("calls a second against ContextForge", statistics.median(ratios), "×", FLOORS["forge"], True)


def streams_part() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = min(STREAMS, (most - 500) // 2)
    to = free_port()
    start([sys.executable, HERE / "holding_server.py", str(to)], [to])
    ours, port = gateway(f"http://127.0.0.1:{to}/mcp", "streams")
    address = f"http://127.0.0.1:{port}/mcp"

    def ask(message: dict, **fields: str):
        usual = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return urllib.request.urlopen(urllib.request.Request(address, json.dumps(message).encode(), usual | fields), timeout=10)

    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    session = {"Mcp-Session-Id": ask({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}).headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
    ask({"jsonrpc": "2.0", "method": "notifications/initialized"}, **session)
    lines = "".join(f"{key}: {value}\r\n" for key, value in session.items())
    request = f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n{lines}\r\n".encode()
    held: list[socket.socket] = []

    def hold(number: int) -> None:
        for _ in range(number):
            one = socket.create_connection(("127.0.0.1", port), 10)
            one.sendall(request)
            answer = one.recv(4096)
            if b" 200 " not in answer[:20]:
                sys.exit(f"stream {len(held) + 1} was refused: {answer[:300]!r}")
            held.append(one)

    hold(200)
    time.sleep(1)
    before, first = memory(ours.pid), len(held)
    hold(count - first)
    time.sleep(2)
    after = memory(ours.pid)
    spent = cpu(ours.pid)
    time.sleep(5)
    add(f"{len(held)} open streams: resident memory", after / 1024, "MiB")
    add("memory of an open stream", (after - before) / (len(held) - first), "KiB", FLOORS["stream"])
    add("processor time while nothing is said", (cpu(ours.pid) - spent) / 5 * 100, "%")
    for one in held:
        one.close()
    time.sleep(3)
    add("resident memory after they closed", memory(ours.pid) / 1024, "MiB")


try:
    for part in PARTS:
        {"cpu": cpu_part, "latency": latency_part, "throughput": throughput_part, "streams": streams_part}[part]()
        while children:
            child = children.pop()
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
finally:
    for child in children:
        child.kill()

width = max(len(row[0]) for row in rows)
print(f"{'figure':{width}}  {'measured':>24}  {'floor':>12}  met")
for figure, measured, floor, met in rows:
    print(f"{figure:{width}}  {measured:>24}  {floor:>12}  {met}")
