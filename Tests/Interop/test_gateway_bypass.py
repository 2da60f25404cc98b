"""Every case of `Cases/bypass` against the real gateway; one alone with `-k ID`."""

from __future__ import annotations

import pytest

import bypass_cases
from bypass_expectations import faults, report
from bypass_gateway import Gateways, Unplayable
from bypass_runner import Runner
from bypass_servers import Servers
from bypass_tokens import Keys
from conftest import Programs

# Cases that want the same gateway stand together, so that few are started.
CASES = bypass_cases.load()


@pytest.fixture(scope="module")
def runner(programs: Programs, tmp_path_factory):
    servers, keys = Servers(), Keys()
    gateways = Gateways(programs.lockstep, tmp_path_factory.mktemp("gateways"), servers.ports, keys)
    yield Runner(gateways, servers, keys)
    gateways.close()
    servers.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_gateway_holds(case: dict, runner: Runner):
    if any(step.get("do") == "advance-clock" for step in case["steps"]):
        pytest.skip("not played: the clock of a running gateway cannot be moved")
    try:
        played = runner.play(case)
    except Unplayable as error:
        pytest.fail(f"{case['id']} could not be played: {error}", pytrace=False)
    if found := faults(played):
        pytest.fail(report(played, found), pytrace=False)
