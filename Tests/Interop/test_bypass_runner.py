"""That the runner of `Cases/bypass` can fail: played against what lets everything through, and against what lets nothing through."""

from __future__ import annotations

import pytest

import bypass_cases
from bypass_expectations import faults
from bypass_gateway import Unplayable
from bypass_runner import Runner
from bypass_servers import Servers
from bypass_stand_ins import Forwarder, Wall
from bypass_tokens import Keys

KNOWN = bypass_cases.load()
#: These say that something good still arrives, or that something bad in what arrives is refused by either side.
NEVER_ASKED = {case["id"] for case in KNOWN if any(step.get("do") in ("allow-ask", "advance-clock") for step in case["steps"])}
#: A forwarder does right where an allowed call may go on as it is, or where the odd thing is not in what is asked of a gateway.
HARMLESS = {
    "param-unknown", "smuggle-te-underscore", "http-connection-names-headers", "http-endless-line", "coding-type-missing", "answer-1xx-flood",
    "session-initialize-twice", "session-resume-foreign", "session-resume-guess", "stdio-cancel-foreign", "stdio-out-stderr-message",
}
#: An ending of one's own session may be refused with 405, and the wall's first status is in the 200s.
EITHER_WAY = {"ok-delete-own"}


@pytest.fixture(scope="module")
def servers():
    made = Servers()
    yield made
    made.close()


def outcomes(runner: Runner, stand_in, cases: list[dict]) -> dict[str, list[str] | None]:
    """The faults of each case; nothing for one that could not be played."""
    found: dict[str, list[str] | None] = {}
    for case in cases:
        stand_in.case = case
        try:
            found[case["id"]] = faults(runner.play(case))
        except Unplayable:
            found[case["id"]] = None
    return found


def test_what_lets_everything_through_fails_the_attacks_and_passes_the_neighbours(servers: Servers):
    through = Forwarder(servers.ports)
    hostile = [case for case in KNOWN if case["hostile"] and case["id"] not in NEVER_ASKED]
    benign = [case for case in KNOWN if not case["hostile"] and case["id"] not in NEVER_ASKED]
    found = outcomes(Runner(through, servers, Keys()), through, [*hostile[::6], *benign])
    through.close()
    assert {name for name, faults in found.items() if faults is None} == set()
    held = {case["id"] for case in hostile if found.get(case["id"]) == []}
    assert held <= HARMLESS, held - HARMLESS
    assert {case["id"]: found[case["id"]] for case in benign if found[case["id"]]} == {}


def test_what_lets_nothing_through_passes_the_refused_attacks_and_fails_the_neighbours(servers: Servers):
    wall = Wall()
    hostile = [
        case for case in KNOWN if case["hostile"] and case["expect"]["client"] in ("refused", "closed", "mixed")
        and case["transport"] != "http-sse" and case["id"] not in NEVER_ASKED and not any("open-session" == step.get("do") for step in case["steps"])
    ]
    benign = [case for case in KNOWN if not case["hostile"] and case["id"] not in NEVER_ASKED | EITHER_WAY]
    found = outcomes(Runner(wall, servers, Keys()), wall, [*hostile[::2], *benign])
    wall.close()
    assert {name for name, faults in found.items() if faults is None} == set()
    assert {case["id"]: found[case["id"]] for case in hostile if found.get(case["id"])} == {}
    assert [case["id"] for case in benign if found[case["id"]] == []] == []
