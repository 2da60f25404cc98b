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

@pytest.fixture(scope="module")
def runner(programs: Programs, tmp_path_factory):
    servers, keys = Servers(), Keys()
    gateways = Gateways(programs.lockstep, tmp_path_factory.mktemp("gateways"), servers.ports, keys)
    yield Runner(gateways, servers, keys)
    gateways.close()
    servers.close()


@pytest.mark.parametrize("case", bypass_cases.load(), ids=lambda case: case["id"])
def test_the_gateway_holds(case: dict, runner: Runner):
    if any(step.get("do") == "advance-clock" for step in case["steps"]):
        pytest.skip("not played: the clock of a running gateway cannot be moved")
    played, problem = None, ""
    try:
        played = runner.play(case)
    except Unplayable as error:
        problem = str(error)
    if not played:
        pytest.fail(f"{case['id']} could not be played: {problem}", pytrace=False)
    if found := faults(played):
        pytest.fail(report(played, found), pytrace=False)
