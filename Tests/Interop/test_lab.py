"""The Lab with the official SDK's clients, and `lockstep discover` over the Lab held against its manifest."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from conftest import CURRENT, Shell, ask, running
from test_servers import definition_digest

SERVERS = ["retail-inventory", "hr", "finance", "research", "notes", "tickets", "calendar", "facilities"]

# One harmless call for each server that must work; the arguments are what the tools' own schemas ask for.
CALLS = {
    "retail-inventory": ("search_products", {"query": "a"}),
    "hr": ("find_employee", {"query": "Ana"}),
    "finance": ("exchange_rate", {"from": "EUR", "to": "USD"}),
    "research": ("search_papers", {"query": "agents"}),
    "notes": ("add_note", {"text": "milk"}),
    "tickets": ("list_tickets", {}),
    "calendar": ("list_events", {"date": "2026-12-01"}),
    "facilities": ("room_temperature", {"room": "101"}),
}


@contextlib.contextmanager
def laboratory(programs, folder: Path, *options: str):
    """Runs the Lab and yields its manifest, which is there in whole or not at all."""
    file = folder / "manifest.json"
    with running([programs.lab, "--manifest", file, "--for", "600", *options], folder / "lab.log") as child:
        end = time.monotonic() + 20
        while not file.exists():
            assert child.poll() is None and time.monotonic() < end, (folder / "lab.log").read_text()
            time.sleep(0.02)
        yield json.loads(file.read_text())


@pytest.fixture(scope="module")
def manifest(programs, tmp_path_factory):
    with laboratory(programs, tmp_path_factory.mktemp("lab")) as truth:
        yield truth


def entry(manifest: dict, name: str) -> dict:
    return next(server for server in manifest["servers"] if server["name"] == name)


def port(url: str) -> str:
    return url.split("/")[2].rsplit(":", 1)[1]


def test_the_manifest_names_the_servers_that_are_checked_here(manifest):
    assert {server["name"] for server in manifest["servers"] if server["kind"] == "mcp"} == set(SERVERS)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("sdk", ["current", "legacy"])
def test_the_official_client_lists_and_calls(manifest, legacy_python, name: str, sdk: str):
    truth = entry(manifest, name)
    revisions = truth["revisions"]
    if sdk == "legacy" and revisions == ["2026-07-28"]:
        pytest.skip("the older SDK does not know the only revision of this server")
    era = "sse" if truth["transport"] == "http+sse" else "auto"
    tool, arguments = CALLS[name]
    python = CURRENT if sdk == "current" else legacy_python
    answer = ask(python, truth["url"], sdk, token=truth.get("token") or "", calls={tool: arguments}, era=era)
    assert answer["revision"] in revisions
    if sdk == "current":
        assert answer["revision"] == revisions[0]
    assert {tool["name"]: definition_digest(tool) for tool in answer["tools"]} == {
        tool["name"]: tool["digest"] for tool in truth["tools"]
    }
    result = answer["calls"][tool]
    assert result["content"] and not result.get("isError", False), result


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("sdk", ["current", "legacy"])
def test_the_official_client_lists_and_calls_over_stdio(programs, manifest, legacy_python, name: str, sdk: str):
    truth = entry(manifest, name)
    if sdk == "legacy" and truth["revisions"] == ["2026-07-28"]:
        pytest.skip("the older SDK does not know the only revision of this server")
    tool, arguments = CALLS[name]
    command = json.dumps([str(programs.lab), "stdio", name])
    python = CURRENT if sdk == "current" else legacy_python
    answer = ask(python, command, sdk, calls={tool: arguments}, era="stdio")
    assert answer["revision"] in truth["revisions"]
    assert {tool["name"]: definition_digest(tool) for tool in answer["tools"]} == {
        tool["name"]: tool["digest"] for tool in truth["tools"]
    }
    assert not answer["calls"][tool].get("isError", False)


@pytest.fixture(scope="module")
def survey(programs, manifest, tmp_path_factory):
    """A workspace with one discovery of the whole Lab, with the token of the server that wants one."""
    shell = Shell(programs, tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("home"))
    shell("init").expect(0)
    ports = ",".join(port(server["url"]) for server in manifest["servers"])
    token = next(server["token"] for server in manifest["servers"] if server.get("token"))
    result = shell.measured(
        "discover", "--config-home", str(shell.home), "--hosts", "127.0.0.1", "--ports", ports, "--format", "json",
        "--token-env", "LAB_TOKEN", LAB_TOKEN=token,
    ).expect(0)
    return shell, result, token


def found_server(survey, truth: dict) -> dict:
    servers = [server for server in survey[1].json["servers"] if server["url"] == truth["url"]]
    assert len(servers) == 1, [server["url"] for server in survey[1].json["servers"]]
    return servers[0]




@pytest.mark.parametrize("name", [name for name in SERVERS])
def test_discovery_matches_the_manifest(survey, manifest, name: str):
    truth = entry(manifest, name)
    server = found_server(survey, truth)
    description = server["description"]
    assert server["kind"] == "mcp"
    assert server["transport"] == truth["transport"]
    assert (description["name"], description["version"]) == (truth["name"], truth["version"])
    assert description["revisions"] == truth["revisions"]
    tools = {d["name"]: d["digest"] for d in description["definitions"] if d["kind"] == "tool"}
    assert tools == {tool["name"]: tool["digest"] for tool in truth["tools"]}
    for kind, member in [("prompt", "prompts"), ("resource", "resources"), ("resource-template", "resourceTemplates")]:
        assert {d["name"] for d in description["definitions"] if d["kind"] == kind} == set(truth[member])
    if truth["auth"] == "none":
        assert description["authentication"] == {"kind": "none"}
    else:
        assert description["authentication"]["kind"] in ("bearer", "oauth")
    if truth["tls"]:
        assert description["security"]["version"].startswith("TLS")
        assert description["security"]["certificate"] == truth["tls"]["certificate"]
        assert description["security"]["trusted"] is False
    else:
        assert description["security"]["version"] == "cleartext"


def test_the_agent_is_listed_as_an_agent(survey, manifest):
    agents = [server for server in manifest["servers"] if server["kind"] == "a2a-agent"]
    kinds = {server["url"]: server["kind"] for server in survey[1].json["servers"]}
    for agent in agents:
        listed = [kind for url, kind in kinds.items() if url and port(url) == port(agent["url"])]
        assert listed == ["a2a-agent"], kinds


def test_nothing_else_is_listed(survey, manifest):
    assert len(survey[1].json["servers"]) == len(manifest["servers"])


def test_the_token_reaches_neither_answer_nor_ledger(survey):
    shell, result, token = survey
    assert token not in result.out + result.err
    for file in (shell.folder / ".lockstep").rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file.name


def test_without_the_token_the_metadata_is_reported_and_the_tools_are_a_gap(survey, manifest, tmp_path):
    truth = entry(manifest, "hr")
    shell = Shell(survey[0].programs, tmp_path, tmp_path)
    result = shell(
        "discover", "--config-home", str(tmp_path), "--hosts", "127.0.0.1", "--ports", port(truth["url"]),
        "--format", "json",
    ).expect(0)
    (server,) = result.json["servers"]
    description = server["description"]
    assert description["authentication"]["kind"] == "oauth"
    assert description["authentication"]["issuers"] == ["https://login.lab.example"]
    assert [d for d in description["definitions"] if d["kind"] == "tool"] == []
    assert description["gaps"] or result.json["not_covered"]


def test_the_inventory_exports_as_valid_cyclonedx(survey, manifest):
    text = survey[0]("inventory", "export", "--as", "cyclonedx").expect(0).out
    bom = json.loads(text)
    version = SchemaVersion.from_version(bom["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    assert error is None, str(error)
    assert len(bom["services"]) == len(manifest["servers"])


def test_a_second_look_changes_nothing_and_a_changed_definition_is_a_finding(survey, manifest):
    shell, first, token = survey
    ports = ",".join(port(server["url"]) for server in manifest["servers"])
    again = ["discover", "--config-home", str(shell.home), "--hosts", "127.0.0.1", "--ports", ports,
             "--format", "json", "--token-env", "LAB_TOKEN"]
    second = shell(*again, LAB_TOKEN=token).expect(0).json

    def definitions(result: dict) -> dict:
        return {
            (server["id"], d["kind"], d["name"]): d["digest"]
            for server in result["servers"] for d in (server["description"] or {}).get("definitions", [])
        }

    assert definitions(second) == definitions(first.json)
    truth = entry(manifest, "tickets")
    base = truth["url"].rsplit("/", 1)[0]
    urllib.request.urlopen(urllib.request.Request(base + "/_lab/drift", method="POST"), timeout=10).close()
    third = shell(*again, LAB_TOKEN=token).expect(0).json
    changed = {key for key, digest in definitions(third).items() if definitions(second)[key] != digest}
    assert [(kind, name) for _, kind, name in changed] == [("tool", "close_ticket")]
    findings = shell("inventory", "findings", "--format", "json").expect(0).json
    assert any(finding["code"] == "definition.changed" and "close_ticket" in json.dumps(finding) for finding in findings)
    (after,) = truth["changedTools"]
    assert after["digest"] in definitions(third).values()


@pytest.fixture(scope="module")
def hostile(programs, tmp_path_factory):
    """A discovery of the Lab with every fault; the bystander is not among the targets, so any visit is a redirect."""
    folder = tmp_path_factory.mktemp("hostile")
    with laboratory(programs, folder, "--faults") as truth:
        shell = Shell(programs, folder, tmp_path_factory.mktemp("home"))
        bystander = next(fault for fault in truth["faults"] if fault["name"] == "bystander")
        faults = [fault for fault in truth["faults"] if fault is not bystander]
        targets = [port(each["url"]) for each in truth["servers"] + faults]
        result = shell.measured(
            "discover", "--config-home", str(shell.home), "--hosts", "127.0.0.1", "--ports", ",".join(targets),
            "--timeout", "4s", "--format", "json", timeout=120,
        ).expect(0)
        base = bystander["url"].rsplit("/", 1)[0]
        with urllib.request.urlopen(base + "/_lab/hits", timeout=10) as response:
            hits = json.load(response)["hits"]
        yield truth, faults, result, hits


def test_every_hostile_server_is_accounted_for(hostile):
    truth, faults, result, _ = hostile
    listed = {port(server["url"]): server for server in result.json["servers"] if server["url"]}
    gaps = json.dumps(result.json["not_covered"])
    for fault in faults:
        server = listed.get(port(fault["url"]))
        in_gaps = f":{port(fault['url'])}" in gaps
        assert server or in_gaps, f"{fault['name']} appears nowhere"
        if not fault["speaksMCP"] and server:
            assert server["kind"] == "other", fault["name"]
        if fault["speaksMCP"] and server and server["description"]:
            told = bool(server["description"]["gaps"]) or in_gaps
            assert told, f"the list of {fault['name']} could not be read, and nothing says so"


def test_honest_servers_are_described_beside_hostile_ones(hostile):
    truth, _, result, _ = hostile
    described = {server["url"]: server for server in result.json["servers"] if server["description"]}
    for server in truth["servers"]:
        if server["kind"] != "mcp":
            continue
        assert server["url"] in described, server["name"]
        if server["auth"] == "none":
            tools = [d for d in described[server["url"]]["description"]["definitions"] if d["kind"] == "tool"]
            assert len(tools) == len(server["tools"]), server["name"]


def test_redirects_are_not_followed(hostile):
    assert hostile[3] == 0


def test_time_and_memory_stay_within_limits(hostile):
    result = hostile[2]
    print(f"\nhostile estate: {result.seconds:.1f} s, {result.peak_kib / 1024:.0f} MiB at the peak")
    assert result.peak_kib <= 150 * 1024
    assert result.seconds <= 60
