"""Programs beside a gateway that gets its policies as bundles: they go by the one that it took last."""

from __future__ import annotations

import json
import subprocess

from bypass_gateway import patience
from conftest import Shell, environment
from test_bundles import Publisher
from test_gateway_programs import FINE, POLICY
from test_gateway_wrap import Wrapped, write

NARROW = POLICY.replace("/srv/*", "/other/*")


def outcome(wrapped: Wrapped, numbers) -> str:
    wrapped.call(next(numbers))
    answer = wrapped.hear()
    return "allowed" if "result" in answer else answer["error"]["data"]["reason"]


def test_a_program_goes_by_the_bundle_that_the_gateway_took_last(shell: Shell):
    publisher = Publisher(shell.folder / "bundles")
    (shell.folder / "bundle-keys.json").write_text(publisher.keys)
    routes = [{"path": "/x", "server": "x", "upstream": "http://127.0.0.1:9/mcp"}, {"server": "files"}]
    bundles = {"from": "bundles", "keys": "bundle-keys.json", "every": "1s"}
    write(shell, listen="127.0.0.1:0", admin="127.0.0.1:0", routes=routes, bundles=bundles)
    document = shell.folder / "gateway.yaml"
    document.write_text("".join(
        line for line in document.read_text().splitlines(True) if not line.startswith(("policy:", "mode:"))))
    # Before the first one everything is denied, as the document says.
    with Wrapped(shell, FINE) as wrapped:
        assert outcome(wrapped, iter([1])) == "no-policy"
    publisher.next(POLICY)
    gateway = subprocess.Popen(
        [str(shell.programs.lockstep), "gateway", "run", "--config", "gateway.yaml"], cwd=shell.folder,
        env=environment(shell.home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    try:
        assert json.loads(gateway.stdout.readline())["gateway"] == "edge-1"
        numbers = iter(range(1, 100_000))
        with Wrapped(shell, FINE) as wrapped:
            assert outcome(wrapped, numbers) == "allowed"
            publisher.next(NARROW)
            assert patience(20, lambda: outcome(wrapped, numbers) == "value")
            publisher.next(NARROW, mode="shadow")
            assert patience(20, lambda: outcome(wrapped, numbers) == "allowed")
            publisher.next(NARROW, seconds=6)
            assert patience(20, lambda: outcome(wrapped, numbers) == "value")
            # It ends also where nobody fetches any more.
            gateway.kill()
            gateway.wait(10)
            assert patience(20, lambda: outcome(wrapped, numbers) == "no-policy")
        with Wrapped(shell, FINE) as again:
            assert outcome(again, iter([1])) == "no-policy"
    finally:
        if gateway.poll() is None:
            gateway.kill()
            gateway.wait(10)
        gateway.stdout.close()


def test_programs_alone_have_nobody_who_fetches(shell: Shell):
    write(shell, bundles={"from": "bundles", "keys": "bundle-keys.json"})
    document = shell.folder / "gateway.yaml"
    document.write_text("".join(
        line for line in document.read_text().splitlines(True) if not line.startswith(("policy:", "mode:"))))
    refused = shell("gateway", "wrap", "--config", "gateway.yaml", "--", "true").expect(3)
    assert "for programs alone" in refused.err and "[gateway.bundles]" in refused.err
