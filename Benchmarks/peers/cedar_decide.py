"""The rules and requests of `Benchmarks decide` put to Cedar; prints one JSON object.

The policies are handed over as text with every batch, since cedarpy keeps no parsed set; a batch of all requests shares
the cost of reading them, and what is left of it is the peer's own way of deciding.
"""

import json
import sys
import time

import cedarpy

content = json.load(open(sys.argv[1], encoding="utf-8"))


def policy(rule: dict) -> str:
    values = json.dumps(rule["to"])
    return (
        f'permit(principal == Agent::"bench", action == Action::"{rule["tool"]}", resource == Server::"bench") when {{ '
        f'context has "to" && context has "amount" && context has "note" && {values}.contains(context.to) && '
        f'context.amount >= 0 && context.amount <= {rule["most"]} }};'
    )


policies = "\n".join(policy(rule) for rule in content["rules"])
requests = [
    {
        "principal": 'Agent::"bench"',
        "action": f'Action::"{request["tool"]}"',
        "resource": 'Server::"bench"',
        "context": {"to": request["to"], "amount": request["amount"], "note": "as agreed"},
    }
    for request in content["requests"]
]


def ask(some: list[dict]) -> tuple[list[bool], float]:
    start = time.process_time()
    answers = cedarpy.is_authorized_batch(some, policies, [])
    return [answer.allowed for answer in answers], time.process_time() - start


ask(requests[:1])
alone = min(ask(requests[:1])[1] for _ in range(3))
verdicts, spent = ask(requests)
# What reading the policies costs is taken off: an engine that keeps them would not pay it again.
print(json.dumps({"ns": max(0.0, spent - alone) / (len(requests) - 1) * 1e9, "read_ns": alone * 1e9, "verdicts": verdicts}))
