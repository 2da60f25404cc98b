"""A stdio server of `Cases/bypass`: keeps every byte of its input in `arrived`, and answers as the case beside it says."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bypass_cases  # noqa: E402
from bypass_servers import Answers, default_message, id_text, loaded  # noqa: E402


def answer(answers: Answers, message, line: bytes) -> bool:
    """Answers one message; false where the server ends with it."""
    if not isinstance(message, dict) or "method" not in message or "id" not in message:
        return True
    ident = id_text(line, message)
    chosen = answers.choose(str(message["method"]), "alice")
    values = answers.values(ident)
    if not chosen:
        os.write(1, default_message("files", message, ident) + b"\n")
        return True
    if "stderr" in chosen:
        os.write(2, bypass_cases.assemble(chosen["stderr"], values))
    left = memoryview(bypass_cases.upstream_bytes(chosen, values))
    while left:
        left = left[os.write(1, left):]
    return not chosen.get("end")


def main(folder: Path) -> None:
    answers = Answers(json.loads((folder / "case.json").read_text("utf-8")))
    kept, rest = (folder / "arrived").open("ab", buffering=0), b""
    while data := os.read(0, 1 << 16):
        kept.write(data)
        *lines, rest = (rest + data).split(b"\n") if len(rest) < 1 << 20 or b"\n" in data else [rest + data]
        for line in lines:
            message = loaded(line)
            for each in message if isinstance(message, list) else [message]:
                if not answer(answers, each, line):
                    return


main(Path(sys.argv[1]))
