"""Writes so many made-up calls as `lockstep.call/1` to standard output: `recording.py CALLS [SEED]`.

Sessions of twelve calls of seven agents at fifty tasks. Two answers of three are among those that were given before, as
with recordings of real agents, whose sessions read the same things; the others are seen once.
"""

import json
import random
import sys

WORDS = (
    "amber birch copper delta ember fjord grove heron iris juniper kelp larch maple nectar onyx pearl quartz raven sable "
    "tulip umber violet willow yarrow zinc"
).split()
TOOLS = ["search_notes", "read_note", "list_people", "send_mail", "update_note", "append_log"]

count = int(sys.argv[1])
choice = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 7)


def words(number: int) -> str:
    return " ".join(choice.choices(WORDS, k=number))


def person() -> str:
    return f"{choice.choice(WORDS)}.{choice.randrange(200)}@{choice.choice(WORDS)}.example.com"


def answer() -> str:
    return "\n".join(
        f"- id: {choice.randrange(100_000)}\n  owner: {person()}\n  title: {words(6)}\n  text: {words(choice.randrange(4, 40))}"
        for _ in range(choice.randrange(1, 16))
    )


answers = [(answer(), person()) for _ in range(2_000)]
lines: list[str] = []
for number in range(count):
    session, position = divmod(number, 12)
    if position == 0:
        task, known = session % 50, [person()]
    tool = TOOLS[position % len(TOOLS)]
    text, who = choice.choice(answers) if number % 3 else (answer(), person())
    if tool in ("search_notes", "read_note", "list_people"):
        arguments = {"query": words(3)} if number % 3 == 0 else {"query": WORDS[task % len(WORDS)], "page": session % 4}
    else:
        arguments = {"to": known[-1], "body": f"{words(20)} {choice.randrange(10**6)}", "amount": choice.randrange(1000)}
    known.append(who)
    lines.append(
        json.dumps(
            {
                "schema": "lockstep.call/1",
                "time": f"2026-01-{1 + session % 28:02d}T{session // 28 % 24:02d}:55:{position:02d}Z",
                "session": f"s-{session}",
                "sequence": position,
                "principal": {"id": f"agent:{session % 7}", "kind": "declared"},
                "client": {"name": f"model-{session % 5}"},
                "server": "notes",
                "tool": tool,
                "arguments": arguments,
                "result": {"text": text + f"\n- owner: {who}", "isError": False},
                "task": {"id": f"task-{task}", "text": f"please look after {WORDS[task % len(WORDS)]} and write to {known[0]}"},
                "outcome": "ok",
            }
        )
    )
    if len(lines) == 1_000:
        sys.stdout.write("\n".join(lines) + "\n")
        lines.clear()
sys.stdout.write("".join(line + "\n" for line in lines))
