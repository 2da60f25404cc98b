"""What the servers behind a gateway do in its tests: the shared tools, and some that take their time or fail.

Each call that arrives becomes a line of a file: what a gateway denied must not be in it.
"""

import asyncio
import functools
import inspect
import json
import os
from collections.abc import Callable

import tools


def counted(function: Callable, log: str) -> Callable:
    """The function itself, with each call of it on file before it begins."""

    def note(given: dict) -> None:
        shown = {name: value for name, value in given.items() if isinstance(value, str | int | float | bool)}
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps({"tool": function.__name__, "arguments": shown}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(**given):
            note(given)
            return await function(**given)

        return later

    @functools.wraps(function)
    def now(**given):
        note(given)
        return function(**given)

    return now


def fail(why: str) -> str:
    """Always fails."""
    raise ValueError(f"failed: {why}")


async def wait(seconds: float) -> str:
    """Answers late."""
    await asyncio.sleep(seconds)
    return f"waited {seconds}"


def text(size: int) -> str:
    """A text of some length, with characters of more than one byte."""
    return ("naïve 部品 \U0001f4e6 \u2028 " * (size // 16 + 1))[:size]


def offer(server, context: type, log: str) -> None:
    """Puts everything onto a server of either SDK."""

    async def steps(count: int, ctx: context, pause: float = 0.02) -> str:  # type: ignore[valid-type]
        """Says how far it is after each step."""
        for step in range(count):
            await ctx.report_progress(step + 1, count, f"step {step + 1}")
            await asyncio.sleep(pause)
        return f"{count} steps"

    for function in (tools.stock, tools.book, tools.scale, fail, wait, text, steps):
        server.tool()(counted(function, log))

    @server.prompt()
    def reorder(sku: str) -> str:
        """Asks for a reorder."""
        return f"Reorder {sku}"

    @server.resource("stock://all")
    def everything() -> str:
        return '["部品"]'

    @server.resource("stock://{sku}")
    def one(sku: str) -> str:
        return json.dumps({"sku": sku})
