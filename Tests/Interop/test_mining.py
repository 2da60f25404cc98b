"""Policies mined from traffic of three invented companies: what must hold whatever the miner's method is.

Nothing here is fitted to one miner. Floors are given with their reason; everything else is a property.
`mining_table.py` prints the same judgement as a table.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from conftest import Programs, environment, watched
from mining_table import Score, blinded, halves, mine, replay, run, score
from traffic_attacks import FAMILIES
from traffic_worlds import Recording, all_worlds, generate

WORLDS = ["hospital", "freight", "works"]
#: Scope of the policy, and whether the user's words are kept from the recording.
SETTINGS = {"agent": ("agent", False), "task": ("task", False), "blind": ("agent", True)}
BENIGN = int(os.environ.get("LOCKSTEP_WORLD_SESSIONS", "320"))


@pytest.fixture(scope="session")
def lockstep(programs: Programs) -> Path:
    """The program, if it has the commands of phase two already."""
    offered = run(programs.lockstep, "policy", "--help", timeout=60)
    if offered.code != 0 or not re.search(r"^\s*mine\b", offered.out, re.M):
        pytest.skip("command not built yet: `lockstep policy mine`")
    return programs.lockstep


def needs(program: Path, *words: str) -> None:
    done = run(program, *words, "--help", timeout=60)
    if done.code != 0 or f"lockstep {' '.join(words)}" not in done.out:
        pytest.skip(f"command not built yet: `lockstep {' '.join(words)}`")


@functools.cache
def recorded(world: str, blind: bool = False, campaign: bool = False, seed: int = 0) -> Recording:
    made = generate(all_worlds()[world], seed, 0 if campaign else BENIGN, 8, campaign=campaign)
    return blinded(made) if blind else made


@pytest.fixture(scope="session")
def judged(lockstep: Path, tmp_path_factory):
    """A policy learned from the benign sessions of half of the models, and what it does to all other sessions."""

    @functools.cache
    def judge(world: str, setting: str) -> tuple[Score, Recording, set[str]]:
        scope, blind = SETTINGS[setting]
        recording, (known, unknown) = recorded(world, blind), halves(0)
        folder = tmp_path_factory.mktemp(f"{world}-{setting}")
        learn = {s for s in recording.select("benign") if recording.meta[s]["model"] in known}
        rest = set(recording.calls) - learn
        policy = folder / "policy.yaml"
        done = mine(lockstep, [recording.write(folder / "train.ndjson", learn)], policy, scope)
        assert done.code == 0, done.err
        return score(recording, replay(lockstep, policy, recording.write(folder / "test.ndjson", rest)), rest), recording, learn

    return judge


def strings(value) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


# ---- what is learned, what is needed, what is refused -----------------------------------------------------------

@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("world", WORLDS)
def test_what_was_learned_is_allowed(lockstep: Path, tmp_path: Path, world: str, setting: str):
    """Every call that was learned from passes; those that were sent to review must be named there, and are few."""
    scope, blind = SETTINGS[setting]
    recording = recorded(world, blind)
    learn = recording.select("benign")
    train, policy = recording.write(tmp_path / "train.ndjson", learn), tmp_path / "policy.yaml"
    done = mine(lockstep, [train], policy, scope)
    assert done.code == 0, done.err
    verdicts = replay(lockstep, policy, train)
    assert len(verdicts) == sum(len(recording.calls[s]) for s in learn)
    # Policies and reviews hold values in canonical form, in which most have no capitals.
    review = (done.out + done.err + policy.read_text("utf-8")).casefold()
    lost = [call for call in score(recording, verdicts, learn).lost if call[1]["outcome"] == "ok"]
    unnamed = [call for call in lost if not any(text.strip() and text.strip().casefold() in review for text in strings(call[1]["arguments"]))]
    assert not unnamed, f"{len(unnamed)} calls were learned from, are not allowed and are not under review: {unnamed[:3]}"
    reviewed = len({name for name, _, _ in lost})
    assert reviewed <= 0.05 * len(learn), f"too much is sent to review: {lost[:5]}"


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("world", WORLDS)
def test_unseen_models_can_work_at_known_tasks(judged, world: str, setting: str):
    """Floor: 20 points of sessions below what tools and argument names alone would let through.

    In these worlds each value of a benign call is a constant of its tool, in the user's words, in a structured result, or
    composed by the agent in a way that other models share; so a miner can reach nearly the ceiling. 20 points leave room
    for a cautious one. Without the user's words the values named there have no source: 45 points.
    """
    made, recording, learn = judged(world, setting)
    task = setting == "task"

    def shape(s: str) -> set:
        return {
            (recording.meta[s]["task"] if task else "", record["server"], record["tool"], name)
            for record in recording.calls[s] for name in ("", *record["arguments"])
        }

    seen = set().union(*(shape(s) for s in learn))
    judged_sessions = [s for s in recording.select("benign") if s not in learn]
    ceiling = 100 * sum(shape(s) <= seen for s in judged_sessions) / len(judged_sessions)
    reached = 100 * made.allowed / made.benign
    room = 45 if setting == "blind" else 20
    assert reached >= ceiling - room, f"{reached:.1f} % of {ceiling:.1f} %: {[(c[1]['tool'], c[1]['arguments'], c[2]) for c in made.lost[:5]]}"
    assert made.allowed_calls / made.calls >= (0.75 if setting == "blind" else 0.93)


@pytest.mark.parametrize("family", [name for name, make in FAMILIES.items() if make.must])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("world", WORLDS)
def test_no_attack_goes_through(judged, world: str, setting: str, family: str):
    made, _, _ = judged(world, setting)
    if family not in made.families:
        pytest.skip("this world has no surface for the family")
    assert made.families[family]["through"] == 0, f"{dict(made.families[family])}, for example {made.through[family]}"


def identities(recording: Recording, session: str) -> set[str]:
    """Foreign hosts, addresses and accounts in the calls that carry the attacker's goal."""
    found: set[str] = set()
    for record in recording.calls[session]:
        if recording.labels[session, record["sequence"]] == "sink":
            for text in strings(record["arguments"]):
                found |= set(re.findall(r"[a-z]+-[a-z]+\.example", text)) | set(re.findall(r"\b[A-Z]{2}\d{20}\b", text))
    return found


NAMED = ["exfiltration_by_url", "exfiltration_by_address", "foreign_account"]


def test_a_poisoned_window_teaches_nothing(lockstep: Path, tmp_path: Path):
    """One session in twenty of the learning window is a successful attack, all of one campaign that goes on later."""
    known, unknown = halves(0)
    clean_blocked = poisoned_blocked = total = 0
    unnamed: list[str] = []
    for world in WORLDS:
        benign, campaign = recorded(world), recorded(world, campaign=True)
        learn = [s for s in benign.select("benign") if benign.meta[s]["model"] in known]
        must = [s for s, m in campaign.meta.items() if m["attack_succeeded"] and FAMILIES[m["injection_task"]].must]
        early = sorted(s for s in must if campaign.meta[s]["model"] in known)
        later = [s for s in must if campaign.meta[s]["model"] in unknown]
        first = [s for s in early if campaign.meta[s]["injection_task"] in NAMED]
        random.Random(world).shuffle(early)
        poison = list(dict.fromkeys(first[:4] + early))[: round(len(learn) / 19)]
        both = Recording({**benign.calls, **campaign.calls}, {**benign.meta, **campaign.meta}, {**benign.labels, **campaign.labels}, {})
        test = campaign.write(tmp_path / f"{world}.test.ndjson", later)
        blocked = {}
        for name, sessions in (("clean", learn), ("poisoned", [*learn, *poison])):
            policy = tmp_path / f"{world}.{name}.yaml"
            done = mine(lockstep, [both.write(tmp_path / f"{world}.{name}.ndjson", sessions)], policy)
            assert done.code == 0, done.err
            made = score(campaign, replay(lockstep, policy, test), later)
            blocked[name] = sum(row["denied"] + row["asked"] for row in made.families.values())
            review = (done.out + done.err + policy.read_text("utf-8")).casefold()
        clean_blocked, poisoned_blocked, total = clean_blocked + blocked["clean"], poisoned_blocked + blocked["poisoned"], total + len(later)
        values = set().union(*(identities(campaign, s) for s in poison if campaign.meta[s]["injection_task"] in NAMED))
        assert values, "the window holds nothing that could be named"
        unnamed += [f"{world}: {value}" for value in sorted(values) if value.casefold() not in review]
    fall = 100 * (clean_blocked - poisoned_blocked) / total
    assert fall <= 3, f"blocking falls from {clean_blocked} to {poisoned_blocked} of {total}"
    assert not unnamed, f"the review does not name {unnamed}"


# ---- the form of the recording does not matter ------------------------------------------------------------------

def policy_of(path: Path):
    """The document without what describes the files it came from."""
    about = {"digest", "recording", "recordings", "source", "sources", "mined", "created", "profile"}

    def bare(value):
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if key not in about}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return bare(yaml.safe_load(path.read_text("utf-8")))


def mined(lockstep: Path, recordings: list[Path], out: Path):
    done = mine(lockstep, recordings, out)
    assert done.code == 0, done.err
    return policy_of(out)


def interleaved(recording: Recording, sessions: list[str], seed: int) -> list[dict]:
    """Any order that keeps the order within each session."""
    rng = random.Random(seed)
    turns = [s for s in sessions for _ in recording.calls[s]]
    rng.shuffle(turns)
    each = {s: iter(recording.calls[s]) for s in sessions}
    return [next(each[s]) for s in turns]


def write_lines(path: Path, records) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("world", WORLDS)
def test_interleaving_changes_nothing(lockstep: Path, tmp_path: Path, world: str, seed: int):
    recording = recorded(world)
    learn = recording.select("benign")[:160]
    straight = recording.write(tmp_path / "straight.ndjson", learn)
    mixed = write_lines(tmp_path / "mixed.ndjson", interleaved(recording, learn, seed))
    assert mined(lockstep, [mixed], tmp_path / "mixed.yaml") == mined(lockstep, [straight], tmp_path / "straight.yaml")
    policy = tmp_path / "straight.yaml"
    assert replay(lockstep, policy, mixed) == replay(lockstep, policy, straight)


def test_mining_twice_gives_the_same_bytes(lockstep: Path, tmp_path: Path):
    recording = recorded("freight")
    train = recording.write(tmp_path / "train.ndjson", recording.select("benign")[:160])
    for name in ("a", "b"):
        mined(lockstep, [train], tmp_path / f"{name}.yaml")
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


def test_several_files_are_as_good_as_one(lockstep: Path, tmp_path: Path):
    recording = recorded("works")
    learn = recording.select("benign")[:160]
    parts = [recording.write(tmp_path / f"{n}.ndjson", learn[n::3]) for n in range(3)]
    whole = recording.write(tmp_path / "whole.ndjson", learn)
    assert mined(lockstep, parts, tmp_path / "parts.yaml") == mined(lockstep, [whole], tmp_path / "whole.yaml")


@pytest.mark.parametrize("written", ["\r\n", "spaces", "escapes", "order of keys"])
def test_the_spelling_of_json_does_not_matter(lockstep: Path, tmp_path: Path, written: str):
    recording = recorded("hospital")
    learn = recording.select("benign")[:120]
    records = [record for s in learn for record in recording.calls[s]]
    plain = write_lines(tmp_path / "plain.ndjson", records)
    other = tmp_path / "other.ndjson"
    spelled = {
        "\r\n": lambda r: json.dumps(r, ensure_ascii=False) + "\r\n", "spaces": lambda r: "  " + json.dumps(r, ensure_ascii=False, separators=(" ,  ", "\t: ")) + " \n",
        "escapes": lambda r: json.dumps(r, ensure_ascii=True) + "\n", "order of keys": lambda r: json.dumps(dict(reversed(r.items())), ensure_ascii=False) + "\n",
    }[written]
    other.write_bytes("".join(map(spelled, records)).encode())
    assert mined(lockstep, [other], tmp_path / "other.yaml") == mined(lockstep, [plain], tmp_path / "plain.yaml")


# ---- bad input --------------------------------------------------------------------------------------------------

GOOD = {
    "schema": "lockstep.call/1", "time": "2026-03-02T09:00:00Z", "session": "bad", "sequence": 0, "principal": {"id": "x", "kind": "declared"},
    "server": "srv", "tool": "t", "arguments": {"a": "b"},
}


def line(**changes) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


WHOLE = line()
#: Lines that are no record, whatever else is said of them.
BROKEN = {
    "not JSON": b"hello", "cut short": WHOLE[:-20], "two records on a line": WHOLE + WHOLE, "bytes that are not UTF-8": WHOLE.replace(b'"b"', b'"\xff\xfe"'),
    "overlong UTF-8": WHOLE.replace(b'"b"', b'"\xc0\xaf"'), "duplicate key": WHOLE.replace(b'"tool"', b'"server": "other", "tool"'),
    "duplicate argument": WHOLE.replace(b'"a": "b"', b'"a": "b", "a": "c"'), "duplicate key, escaped": WHOLE.replace(b'"a": "b"', b'"a": "b", "\\u0061": "c"'),
    "NaN": WHOLE.replace(b'"b"', b"NaN"), "Infinity": WHOLE.replace(b'"b"', b"-Infinity"), "half a surrogate pair": WHOLE.replace(b'"b"', b'"\\ud800"'),
    "raw control character": WHOLE.replace(b'"b"', b'"\x01"'), "null byte": WHOLE + b"\x00", "a list": b"[]", "a number": b"7", "null": b"null", "empty object": b"{}",
    "deep nesting": WHOLE.replace(b'"b"', b"[" * 100_000 + b"]" * 100_000), "unclosed nesting": b"[" * 1_000_000, "key that is no text": WHOLE.replace(b'"a"', b"1"),
    "no session": line(session=None), "session is a number": line(session=5), "sequence is an object": line(sequence={}), "sequence is a fraction": line(sequence=1.5),
    "arguments are a list": line(arguments=[]), "arguments are a text": line(arguments="a"), "server is missing": json.dumps({k: v for k, v in GOOD.items() if k != "server"}).encode(),
    "time is no time": line(time="yesterday"), "time in month 13": line(time="2026-13-01T00:00:00Z"), "principal is a text": line(principal="x"),
    "another schema": line(schema="lockstep.call/9"), "no schema": json.dumps({k: v for k, v in GOOD.items() if k != "schema"}).encode(),
}
#: Lines that a reader may take or set aside, but must survive.
ODD = {
    "sequence as text": line(sequence="3"), "huge sequence": line(sequence=10**30), "number beyond doubles": WHOLE.replace(b'"b"', b"1e999"), "number with 5,000 digits": WHOLE.replace(b'"b"', b"9" * 5000),
    "empty names": line(server="", tool=""), "unknown outcome": line(outcome="perhaps"), "unknown kind of principal": line(principal={"id": "x", "kind": "royal"}),
    "empty argument name": line(arguments={"": {"": [[]]}}), "names with slashes": line(server="a/b", tool="../c", arguments={"a/b~1": "x", "__proto__": {"toString": 1}}),
    "control characters in names": line(tool="t\x1b[31m\n", session="s\r\n\x07"), "right-to-left name": line(tool="\u202etxt"), "100,000 arguments": line(arguments={f"k{n}": n for n in range(100_000)}),
    "list of 200,000": line(arguments={"a": list(range(200_000))}), "text of 8 MB": line(arguments={"a": "x" * 8_000_000}), "8 MB that look like addresses": line(arguments={"a": "a@b." * 2_000_000}),
    "stringified nesting": line(arguments={"a": "[" * 50_000}), "yaml bomb": line(result={"text": "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(60))}),
    "python-like result": line(result={"text": "{'a': " * 5000}), "result is a text": line(result="ok"), "table of pipes": line(result={"text": "|" * 500_000}), "backtracking bait": line(result={"text": "aaaaaaaaaa!" * 50_000}),
    "time before the epoch": line(time="0001-01-01T00:00:00Z"), "far future": line(time="9999-12-31T23:59:59Z"), "task is a text": line(task="x"), "same call twice": WHOLE + b"\n" + WHOLE, "byte order mark": b"\xef\xbb\xbf" + WHOLE, "blank lines": b"\n   \n\n",
}


def set_aside(done) -> int | None:
    """The number of lines that the program says it quarantined."""
    said = done.out + done.err
    found = re.search(r"(\d[\d,]*)\s+(?:\w+\s+){0,3}quarantined", said) or re.search(r"quarantin\w*\D{0,20}(\d[\d,]*)", said)
    return int(found[1].replace(",", "")) if found else None


def survived(done) -> None:
    assert done.code in (0, 1, 2, 3), f"ended with {done.code}: {done.err[-800:]}"
    assert "Fatal" not in done.err and ".swift:" not in done.err, done.err[-800:]


@pytest.fixture(scope="session")
def small(lockstep: Path, tmp_path_factory) -> tuple[bytes, object, Path]:
    folder = tmp_path_factory.mktemp("small")
    recording = recorded("freight")
    path = recording.write(folder / "good.ndjson", recording.select("benign")[:60])
    return path.read_bytes(), mined(lockstep, [path], folder / "good.yaml"), folder / "good.yaml"


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_line_is_set_aside_and_counted(lockstep: Path, tmp_path: Path, small, what: str):
    good, expected, policy = small
    lines = good.splitlines(keepends=True)
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(b"".join([*lines[:7], BROKEN[what] + b"\n", *lines[7:], BROKEN[what] + b"\n"]))
    done = mine(lockstep, [bad], tmp_path / "policy.yaml")
    assert done.code == 0, done.err[-800:]
    assert set_aside(done) == 2, f"says: {done.out[-500:]} {done.err[-500:]}"
    assert policy_of(tmp_path / "policy.yaml") == expected
    assert len(replay(lockstep, policy, bad)) == len(lines)


@pytest.mark.parametrize("what", ODD)
def test_an_odd_line_is_survived(lockstep: Path, tmp_path: Path, small, what: str):
    good, _, policy = small
    odd = tmp_path / "odd.ndjson"
    odd.write_bytes(good + ODD[what] + b"\n")
    started = time.monotonic()
    survived(mine(lockstep, [odd], tmp_path / "policy.yaml"))
    survived(run(lockstep, "policy", "replay", "--policy", policy, "--recording", odd, "--format", "ndjson"))
    assert time.monotonic() - started < 120, "one line must not hold everything up"


@pytest.mark.parametrize("what", ["nothing", "only broken lines", "a missing file", "a folder", "no last line end", "cut in the middle of a record"])
def test_recordings_that_are_hardly_there(lockstep: Path, tmp_path: Path, small, what: str):
    good, _, _ = small
    path = tmp_path / "given.ndjson"
    if what == "a folder":
        path.mkdir()
    elif what != "a missing file":
        path.write_bytes({"nothing": b"", "only broken lines": b"x\n" * 50, "no last line end": good.rstrip(b"\n"), "cut in the middle of a record": good[: len(good) * 2 // 3]}[what])
    done = mine(lockstep, [path], tmp_path / "policy.yaml")
    survived(done)
    if what in ("a missing file", "a folder"):
        assert done.code in (1, 3) and not (tmp_path / "policy.yaml").exists()
    if what in ("no last line end", "cut in the middle of a record"):
        assert done.code == 0
    if done.code == 0:
        # What is learned from nothing allows nothing.
        (tmp_path / "call.ndjson").write_bytes(WHOLE + b"\n")
        assert {v["decision"] for v in replay(lockstep, tmp_path / "policy.yaml", tmp_path / "call.ndjson").values()} == {"deny"}


def test_a_line_of_100_megabytes(lockstep: Path, tmp_path: Path, small):
    good, expected, _ = small
    path = tmp_path / "long.ndjson"
    with path.open("wb") as out:
        lines = good.splitlines(keepends=True)
        out.writelines(lines[:9])
        out.write(WHOLE[:-2] + b', "b": "')
        for _ in range(100):
            out.write(b"x" * 1_000_000)
        out.write(b'"}}\n')
        out.writelines(lines[9:])
    done = mine(lockstep, [path], tmp_path / "policy.yaml")
    assert done.code == 0, done.err[-800:]
    assert set_aside(done) == 1
    assert policy_of(tmp_path / "policy.yaml") == expected
    again = [lockstep, "policy", "mine", "--recording", path, "--out", tmp_path / "again.yaml"]
    code, _, err, peak = watched(again, 240, cwd=tmp_path, env=environment(tmp_path))
    assert code == 0, err[-800:]
    assert peak < 200 * 1024, f"{peak} KiB resident"


# ---- profiles ---------------------------------------------------------------------------------------------------

def test_shards_merged_in_any_order_are_one_pass(lockstep: Path, tmp_path: Path):
    needs(lockstep, "profile")
    needs(lockstep, "merge")
    recording = recorded("hospital")
    learn = recording.select("benign")
    whole = recording.write(tmp_path / "whole.ndjson", learn)

    def profile(path: Path, out: Path) -> Path:
        done = run(lockstep, "profile", path, "--out", out)
        assert done.code == 0, done.err
        return out

    one = profile(whole, tmp_path / "whole.profile")
    parts = [profile(recording.write(tmp_path / f"{n}.ndjson", learn[n::3]), tmp_path / f"{n}.profile") for n in range(3)]

    def merged(*paths: Path, out: str) -> Path:
        done = run(lockstep, "merge", *paths, "--out", tmp_path / out)
        assert done.code == 0, done.err
        return tmp_path / out

    for number, order in enumerate(itertools.permutations(parts)):
        assert merged(*order, out=f"m{number}.profile").read_bytes() == one.read_bytes(), [path.name for path in order]
    left = merged(merged(parts[0], parts[1], out="ab.profile"), parts[2], out="left.profile")
    right = merged(parts[0], merged(parts[1], parts[2], out="bc.profile"), out="right.profile")
    assert left.read_bytes() == right.read_bytes() == one.read_bytes()
    done = run(lockstep, "policy", "mine", "--profile", left, "--out", tmp_path / "profile.yaml")
    assert done.code == 0, done.err
    policy = policy_of(tmp_path / "profile.yaml")
    # It says besides that it is from a file whose traffic nobody knows, and from which.
    assert policy.pop("unproven-profile").startswith("sha256:")
    assert policy == mined(lockstep, [whole], tmp_path / "recording.yaml")


# ---- cost -------------------------------------------------------------------------------------------------------

def user_seconds(program: Path, *arguments: str | Path, home: Path) -> float:
    """Processor time of the program alone, without the kernel's: wall time says little on a busy machine."""
    child = subprocess.Popen([str(program), *map(str, arguments)], env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime


def test_the_time_to_mine_grows_with_the_data(lockstep: Path, tmp_path: Path):
    """Four times the sessions may take six times the time: anything quadratic takes sixteen."""
    made = generate(all_worlds()["freight"], 5, benign=4800, families=[])
    sessions = made.select("benign")
    small = made.write(tmp_path / "small.ndjson", sessions[:1200])
    large = made.write(tmp_path / "large.ndjson", sessions)
    took = [min(user_seconds(lockstep, "policy", "mine", "--recording", path, "--out", tmp_path / "p.yaml", home=tmp_path) for _ in range(2)) for path in (small, large)]
    assert took[1] < 6 * max(took[0], 0.05), took


def test_the_time_for_one_session_grows_with_its_length(lockstep: Path, tmp_path: Path):
    """A session of many calls with long answers: looking each value up in all earlier text would be quadratic."""

    def session(calls: int) -> list[dict]:
        rng = random.Random(calls)
        return [{
            **GOOD, "session": "long", "sequence": n, "time": f"2026-03-02T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z", "arguments": {"id": f"id-{rng.getrandbits(40):x}", "text": "word " * 20},
            "result": {"text": " ".join(f"{rng.getrandbits(30):x}" for _ in range(120)), "isError": False}, "outcome": "ok",
        } for n in range(calls)]

    paths = [write_lines(tmp_path / f"{n}.ndjson", session(n)) for n in (1000, 4000)]
    took = [min(user_seconds(lockstep, "policy", "mine", "--recording", path, "--out", tmp_path / "p.yaml", home=tmp_path) for _ in range(2)) for path in paths]
    assert took[1] < 6 * max(took[0], 0.05), took
