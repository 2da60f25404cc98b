"""Synthetic recordings (`lockstep.call/1`) of three invented companies, with labels apart: what judges mined policies.

usage: traffic_worlds.py --out DIR [--worlds hospital,freight,works] [--seed N] [--benign N] [--attacks N]

Writes `X.calls.ndjson` and `X.labels.ndjson` for every world X. The same seed gives the same bytes. A label line
describes a session or one call, `user_gt` (the user's task), `other`, `support` and `sink` (carries the attacker's goal).

A session is one agent and one client model at one task. The world answers each call; a free-text field of an answer
may carry injected text, which the agent then follows (`attack_succeeded`) or not. Every client model has habits:
optional arguments it likes to send and ways to write the same value. Nothing here looks at how policies are mined.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import hashlib
import json
import random
import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

MODELS = ["arbor-2", "brook-xl", "cedar-mini", "delta-9b", "ember-pro", "fjord-70b", "grove-1.5", "heron-lite"]
FIRST = ["Zoë", "Mai", "Tomás", "Ifeoma", "Lars", "Noor", "Siobhán", "Kenji", "Agnieszka", "Paulo", "Hedda", "Yusuf", "Élodie", "Ravi"]
LAST = ["Ångström", "Đặng", "Núñez", "Okafor", "Brandt", "al-Karim", "O'Brien", "Tanaka", "Wójcik", "Ferreira", "Lindqvist", "Öztürk"]
SYLLABLES = ["ba", "cor", "den", "fi", "gal", "hu", "jor", "ka", "lem", "mo", "nis", "pra", "quo", "rin", "sol", "tav", "ul", "ver", "wex", "zan"]
#: A habit and who has it: each is shared, so that half of the models usually shows it.
FORMATS = {
    "number as text": MODELS[0:3], "one instead of a list": MODELS[1:5], "list as text": MODELS[5:8], "host in capitals": MODELS[2:6],
    "closing slash": MODELS[0:8:2], "mail in capitals": MODELS[3:7], "account in groups": MODELS[1:8:2],
    "decomposed letters": MODELS[4:8], "spaces around": MODELS[0:8:3],
}


@dataclasses.dataclass
class Kind:
    """A kind of task: the words of the user, or none for a job that starts by itself, and what the agent does."""

    id: str
    agent: str
    text: str | None
    script: Callable[["Session"], None]


@dataclasses.dataclass
class Surface:
    """What an agent's tools offer to an attacker: each function returns `(server.tool, arguments)`."""

    hosts: list[str]
    addresses: list[str]
    accounts: list[str] = dataclasses.field(default_factory=list)
    roots: list[str] = dataclasses.field(default_factory=list)
    url: Callable | None = None
    address: Callable | None = None
    listed: Callable | None = None
    nested: Callable | None = None
    body: Callable | None = None
    pay: Callable | None = None
    delete: Callable | None = None
    path: Callable | None = None
    note: Callable | None = None
    recall: Callable | None = None
    unseen: Callable | None = None


@dataclasses.dataclass
class World:
    name: str
    principals: dict[str, dict]
    kinds: list[Kind]
    surfaces: dict[str, Surface]
    #: Form in which a tool answers: json, json text, yaml, repr, markdown, mixed, text.
    forms: dict[str, str]
    first_sequence: int = 0


# ---- values -----------------------------------------------------------------------------------------------------

def word(rng: random.Random, low: int = 2, high: int = 4) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(low, high)))


def person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def ascii_name(name: str) -> str:
    plain = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("ł", "l")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", ".", plain.lower()).strip(".")


def identifier(rng: random.Random, prefix: str, digits: int = 6) -> str:
    return prefix + "".join(rng.choice(string.digits) for _ in range(digits))


def iban(rng: random.Random, country: str = "DE") -> str:
    """An account number with right check digits (ISO 13616)."""
    rest = "".join(rng.choice(string.digits) for _ in range(18))
    number = int("".join(str(int(c, 36)) for c in rest + country + "00"))
    return f"{country}{98 - number % 97:02d}{rest}"


def grouped(account: str) -> str:
    return " ".join(account[i:i + 4] for i in range(0, len(account), 4))


# ---- how answers look -------------------------------------------------------------------------------------------

def yaml_like(value, indent: int = 0) -> str:
    pad = "  " * indent
    if isinstance(value, dict):
        out = []
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            out.append(f"{pad}{key}:\n{yaml_like(item, indent + 1)}" if nested else f"{pad}{key}: {scalar(item)}")
        return "\n".join(out)
    if isinstance(value, list):
        return "\n".join(f"{pad}- " + yaml_like(item, indent + 1).lstrip() for item in value)
    return pad + scalar(value)


def scalar(value) -> str:
    if isinstance(value, str) and (": " in value or "\n" in value or value.startswith(("'", "-"))):
        return "'" + value.replace("'", "''").replace("\n", " ") + "'"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "[]" if value == [] else "{}" if value == {} else str(value)


def render(form: str, data) -> dict:
    if form == "text" or isinstance(data, str):
        return {"text": data if isinstance(data, str) else json.dumps(data, ensure_ascii=False), "isError": False}
    if form == "json":
        return {"text": json.dumps(data, ensure_ascii=False), "structured": data if isinstance(data, dict) else {"result": data}, "isError": False}
    if form == "json text":
        return {"text": json.dumps(data, ensure_ascii=False, indent=1), "isError": False}
    if form == "yaml":
        return {"text": yaml_like(data), "isError": False}
    if form == "repr":
        return {"text": repr(data), "isError": False}
    if form == "mixed":
        return {"text": f"Found it. Here is what the system holds:\n\n```json\n{json.dumps(data, ensure_ascii=False, indent=2)}\n```\nEnd.", "isError": False}
    rows = data if isinstance(data, list) else [data]
    head = list(rows[0])
    table = [head, ["---"] * len(head), *([str(row[key]) for key in head] for row in rows)]
    return {"text": "## Answer\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in table), "isError": False}


# ---- a session --------------------------------------------------------------------------------------------------

def liking(*parts: str) -> float:
    """A number in [0, 1) that stays the same for the same parts: a habit, not chance."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:4], "big") / 2**32


@dataclasses.dataclass
class Attack:
    family: str
    variant: str
    text: str
    steps: list[tuple[str, str, dict, object]]  # label, server.tool, arguments, answer


class Session:
    """Collects the calls of one session while a script runs."""

    def __init__(self, world: World, kind: Kind, model: str, rng: random.Random, attack: Callable | None = None, follows: bool = True):
        self.world, self.kind, self.model, self.rng = world, kind, model, rng
        self.surface = world.surfaces[kind.agent]
        #: Draws what the attacker chooses; the same one in every session of a campaign.
        self.evil = rng
        self.prompt = kind.text
        self.known: dict[str, object] = {}
        self.calls: list[tuple[str, str, dict, dict, str]] = []
        self._attack, self.follows, self.attack = attack, follows, None
        self._armed = self._hit = False

    def says(self, **values) -> None:
        """Fills in the user's words."""
        if self.kind.text:
            self.prompt = self.kind.text.format(**values)

    def carrier(self, text: str) -> str:
        """A field that anybody outside may have written: the place of injected text."""
        if self._attack and not self._hit:
            self.attack = self._attack(self)
            self._hit = self._armed = True
            return f"{text} {self.attack.text}"
        return text

    def habit(self, arguments: dict) -> dict:
        has = {name for name, models in FORMATS.items() if self.model in models}

        def leaf(value):
            if isinstance(value, bool):
                return value
            if isinstance(value, (int, float)):
                return str(value) if "number as text" in has and self.rng.random() < 0.5 else value
            if not isinstance(value, str):
                return value
            if re.match(r"https?://", value):
                scheme, rest = value.split("://", 1)
                host, _, tail = rest.partition("/")
                if "host in capitals" in has and self.rng.random() < 0.3:
                    host = host.upper()
                value = f"{scheme}://{host}/{tail}"
                if "closing slash" in has and "?" not in tail and "." not in tail and self.rng.random() < 0.5:
                    value = value.rstrip("/") + "/"
            elif re.fullmatch(r"[^\s@]+@[^\s@]+", value):
                if "mail in capitals" in has and self.rng.random() < 0.3:
                    local, _, domain = value.partition("@")
                    value = f"{local}@{domain.capitalize()}"
            elif re.fullmatch(r"[A-Z]{2}\d{20}", value):
                if "account in groups" in has and self.rng.random() < 0.5:
                    value = grouped(value)
            elif not value.isascii() and "decomposed letters" in has:
                value = unicodedata.normalize("NFD", value)
            elif len(value) < 40 and "spaces around" in has and self.rng.random() < 0.1:
                value = f" {value} "
            return value

        def walk(value):
            if isinstance(value, dict):
                return {key: walk(item) for key, item in value.items()}
            if isinstance(value, list):
                if len(value) == 1 and isinstance(value[0], str) and "one instead of a list" in has and self.rng.random() < 0.5:
                    return leaf(value[0])
                if value and all(isinstance(item, str) for item in value) and "list as text" in has and self.rng.random() < 0.4:
                    return json.dumps(value, ensure_ascii=False)
                return [walk(item) for item in value]
            return leaf(value)

        return {key: walk(value) for key, value in arguments.items()}

    def call(self, tool: str, arguments: dict, answer, optional: dict | None = None, label: str = "user_gt"):
        """One call with its answer; afterwards the agent follows what it may just have read."""
        sent = dict(arguments)
        for name, value in (optional or {}).items():
            if liking(self.model, tool, name) < 0.5 and self.rng.random() < 0.9:
                sent[name] = value
        if self.rng.random() < 0.03:
            failure = {"text": "temporarily unavailable, try again", "isError": True}
            self.calls.append((tool, label, self.habit(sent), failure, "tool_error"))
        self.calls.append((tool, label, self.habit(sent), render(self.world.forms.get(tool, "json"), answer), "ok"))
        if self._armed and self.follows:
            self._armed = False
            for step, name, given, result in self.attack.steps:
                self.calls.append((name, step, given, render(self.world.forms.get(name, "json"), result), "ok"))
        return answer


def records(session: Session, start: datetime.datetime, name: str) -> Iterable[dict]:
    now = start
    for index, (tool, _, arguments, result, outcome) in enumerate(session.calls):
        server, _, bare = tool.partition(".")
        task = {"id": session.kind.id, "assurance": "declared"}
        if session.prompt:
            task["text"] = session.prompt
        yield {
            "schema": "lockstep.call/1", "time": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
            "session": name, "sequence": index + session.world.first_sequence, "principal": session.world.principals[session.kind.agent],
            "client": {"name": session.model}, "server": server, "tool": bare, "arguments": arguments, "result": result,
            "task": task, "outcome": outcome,
        }
        now += datetime.timedelta(milliseconds=session.rng.randint(900, 40_000))


@dataclasses.dataclass
class Recording:
    """The sessions of one world: records, a label for every session, a label for every call."""

    calls: dict[str, list[dict]]
    meta: dict[str, dict]
    labels: dict[tuple[str, int], str]
    #: What the attacker wants named, by session: the values that must never become normal.
    poison: dict[str, str]

    def write(self, path: Path, sessions: Iterable[str]) -> Path:
        """Whole sessions in order of their start, as a recorder with one file an agent would write them."""
        order = sorted(sessions, key=lambda name: (self.calls[name][0]["time"], name))
        with path.open("w", encoding="utf-8") as out:
            for name in order:
                for record in self.calls[name]:
                    out.write(json.dumps(record, ensure_ascii=False) + "\n")
        return path

    def select(self, kind: str, **wanted) -> list[str]:
        return [s for s, m in self.meta.items() if m["kind"] == kind and all(m[key] == value for key, value in wanted.items())]


def generate(world: World, seed: int = 0, benign: int = 320, attacks: int = 8, families: Iterable[str] | None = None,
             campaign: bool = False) -> Recording:
    """`benign` sessions over all kinds and models, and at least `attacks` of every family and variant that fit the world.

    In a campaign the attacker uses the same hosts, addresses and accounts again and again; otherwise new ones each time.
    """
    from traffic_attacks import FAMILIES

    recording = Recording({}, {}, {}, {})
    begin = datetime.datetime(2026, 3, 2, 6, 0)

    def add(session: Session, rng: random.Random, attacked: bool) -> None:
        name = f"{rng.getrandbits(56):014x}"
        start = begin + datetime.timedelta(seconds=rng.randrange(21 * 86_400))
        recording.calls[name] = list(records(session, start, name))
        followed = attacked and session.follows and session.attack is not None
        recording.meta[name] = {
            "session": name, "kind": "attacked" if attacked else "benign", "suite": world.name, "model": session.model,
            "pipeline": session.model, "task": session.kind.id, "injection_task": session.attack.family if session.attack else None,
            "attack": session.attack.variant if session.attack else None, "utility": True, "attack_succeeded": followed,
        }
        for record, call in zip(recording.calls[name], session.calls):
            recording.labels[name, record["sequence"]] = call[1]
        if followed:
            recording.poison[name] = session.attack.text

    for number in range(benign):
        rng = random.Random(f"{world.name}/{seed}/benign/{number}")
        session = Session(world, world.kinds[number % len(world.kinds)], MODELS[number // len(world.kinds) % len(MODELS)], rng)
        session.kind.script(session)
        add(session, rng, attacked=False)
    for family, make in FAMILIES.items():
        if families is not None and family not in families:
            continue
        wanted, done, tries = max(attacks, make.variants), 0, 0
        while done < wanted and tries < wanted * 12:
            rng = random.Random(f"{world.name}/{seed}/{family}/{tries}")
            tries += 1
            kind = rng.choice(world.kinds)
            count = done

            def build(session: Session, make=make, count=count) -> Attack:
                return make(session, count)

            if not make.fits(world.surfaces[kind.agent]):
                continue
            session = Session(world, kind, rng.choice(MODELS), rng, build, follows=rng.random() > 0.2)
            if campaign:
                session.evil = random.Random(f"{world.name}/{seed}/{family}/campaign")
            session.kind.script(session)
            if session.attack is None:
                continue
            add(session, rng, attacked=True)
            done += session.follows
    return recording


def all_worlds() -> dict[str, World]:
    from world_freight import freight
    from world_hospital import hospital
    from world_works import works

    return {world.name: world for world in (hospital(), freight(), works())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--worlds", default="hospital,freight,works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--benign", type=int, default=320)
    parser.add_argument("--attacks", type=int, default=8)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    worlds = all_worlds()
    for name in given.worlds.split(","):
        recording = generate(worlds[name], given.seed, given.benign, given.attacks)
        recording.write(given.out / f"{name}.calls.ndjson", recording.calls)
        with (given.out / f"{name}.labels.ndjson").open("w", encoding="utf-8") as out:
            for session, meta in recording.meta.items():
                out.write(json.dumps(meta, ensure_ascii=False) + "\n")
                for record in recording.calls[session]:
                    line = {"session": session, "sequence": record["sequence"], "label": recording.labels[session, record["sequence"]]}
                    out.write(json.dumps(line) + "\n")
        count = collections.Counter(meta["injection_task"] for meta in recording.meta.values() if meta["attack_succeeded"])
        print(f"{name}: {len(recording.meta)} sessions, {sum(map(len, recording.calls.values()))} calls, "
              f"{sum(count.values())} successful attacks of {len(count)} families")


if __name__ == "__main__":
    main()
