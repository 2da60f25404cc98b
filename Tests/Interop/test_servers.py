"""`lockstep discover` against servers of the official SDK, current and older, and of FastMCP, over HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path

import pytest
import rfc8785

from conftest import CURRENT, PEERS, ask, free_ports, running, wait_for_port

DIGESTED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


def definition_digest(tool: dict) -> str:
    """The digest of a tool definition as design §4 fixes it, by another implementation of RFC 8785."""
    kept = {member: tool[member] for member in DIGESTED if member in tool}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(kept)).hexdigest()


@dataclasses.dataclass
class Peer:
    name: str
    port: int
    url: str
    transport: str
    revisions: set[str]
    sdk: str
    era: str


@pytest.fixture(scope="module")
def estate(tmp_path_factory, legacy_python: Path):
    logs = tmp_path_factory.mktemp("peers")
    ports = free_ports(4)
    modern, legacy = {"2026-07-28"}, {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}
    peers = [
        Peer("sdk-current", ports[0], f"http://127.0.0.1:{ports[0]}/mcp", "streamable-http", modern, "current", "auto"),
        Peer("sdk-legacy-streamable-http", ports[1], f"http://127.0.0.1:{ports[1]}/mcp", "streamable-http", legacy,
             "legacy", "auto"),
        Peer("sdk-legacy-sse", ports[2], f"http://127.0.0.1:{ports[2]}/sse", "http+sse", legacy, "legacy", "sse"),
        Peer("fastmcp-peer", ports[3], f"http://127.0.0.1:{ports[3]}/mcp", "streamable-http", modern, "current", "auto"),
    ]
    commands = [
        [CURRENT, PEERS / "serve_current.py", str(ports[0])],
        [legacy_python, PEERS / "serve_legacy.py", str(ports[1]), "streamable-http"],
        [legacy_python, PEERS / "serve_legacy.py", str(ports[2]), "sse"],
        [CURRENT, PEERS / "serve_fastmcp.py", str(ports[3])],
    ]
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(running(command, logs / f"{peer.name}.log")) for peer, command in zip(peers, commands)
        ]
        for peer, child in zip(peers, children):
            wait_for_port(peer.port, child)
        yield {peer.name: peer for peer in peers}


@pytest.fixture(scope="module")
def found(estate, programs, tmp_path_factory):
    """One discovery of all peers; each test looks at one side of it."""
    from conftest import Shell

    folder, home = tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("home")
    shell = Shell(programs, folder, home)
    ports = ",".join(str(peer.port) for peer in estate.values())
    result = shell(
        "discover", "--hosts", "127.0.0.1", "--ports", ports, "--config-home", str(home), "--format", "json"
    ).expect(0)
    return result.json


def server_of(found: dict, peer: Peer) -> dict:
    matching = [server for server in found["servers"] if server["url"] == peer.url]
    assert len(matching) == 1, f"{peer.url} is listed {len(matching)} times among {[s['url'] for s in found['servers']]}"
    return matching[0]


NAMES = ["sdk-current", "sdk-legacy-streamable-http", "sdk-legacy-sse", "fastmcp-peer"]


@pytest.mark.parametrize("name", NAMES)
def test_each_server_is_found_once_with_its_name_and_transport(estate, found, name):
    server = server_of(found, estate[name])
    assert server["kind"] == "mcp"
    assert server["description"]["name"] == name
    assert server["transport"] == estate[name].transport
    assert server["description"]["instructions"] == "Ask for stock."
    assert server["description"]["authentication"] == {"kind": "none"}
    assert server["description"]["security"]["version"] == "cleartext"


@pytest.mark.parametrize("name", NAMES)
def test_revisions_are_those_that_really_answer(estate, found, name):
    peer, revisions = estate[name], server_of(found, estate[name])["description"]["revisions"]
    if peer.sdk == "current":
        # Both eras answer; a dual-era server names only the modern one in `server/discover`.
        assert "2026-07-28" in revisions and "2025-11-25" in revisions
    else:
        assert "2026-07-28" not in revisions
        assert revisions and set(revisions) <= peer.revisions
    assert revisions == sorted(revisions, reverse=True)


@pytest.mark.parametrize("name", NAMES)
def test_tools_equal_what_the_sdk_s_own_client_lists(estate, found, legacy_python, name):
    peer = estate[name]
    python = CURRENT if peer.sdk == "current" else legacy_python
    official = ask(python, peer.url, peer.sdk, era=peer.era)
    definitions = [d for d in server_of(found, peer)["description"]["definitions"] if d["kind"] == "tool"]
    assert {d["name"]: d["body"] for d in definitions} == {tool["name"]: tool for tool in official["tools"]}


@pytest.mark.parametrize("name", NAMES)
def test_digests_equal_an_independent_computation(estate, found, name):
    definitions = [d for d in server_of(found, estate[name])["description"]["definitions"] if d["kind"] == "tool"]
    assert len(definitions) == 3
    for definition in definitions:
        assert definition["digest"] == definition_digest(definition["body"]), definition["name"]


def test_prompts_and_resources_are_listed(estate, found):
    definitions = server_of(found, estate["sdk-current"])["description"]["definitions"]
    assert {d["name"] for d in definitions if d["kind"] == "prompt"} == {"reorder"}
    assert {d["name"] for d in definitions if d["kind"] == "resource"} == {"stock://all"}


def test_findings_are_about_the_servers_that_were_found(estate, found):
    subjects = {finding["subject"] for finding in found["findings"]}
    ids = {server_of(found, peer)["id"] for peer in estate.values()}
    keys = {server_of(found, peer)["canonical_key"] for peer in estate.values()}
    assert subjects <= ids | keys | {peer.url for peer in estate.values()}


def test_nothing_is_left_uncovered_among_servers_that_behave(found):
    assert found["not_covered"] == []
