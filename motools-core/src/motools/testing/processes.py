"""A store that is open in another process: `python -m motools.testing.processes OPENER`.

The process reads one call a line from its input and answers each with one line, all JSON, until its input ends or it is
killed. OPENER says how the store is opened there: see `described`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from motools.cache.base import Draft, Record
from motools.cache.states import State
from motools.errors import TransitionRefused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    Opener: TypeAlias = str | Callable[[], Any]

LONGEST_LINE = 1 << 24
HEAD_START = 0.02
"""Seconds from telling all processes to call to the moment when they do."""


def opened(opener: Opener) -> Any:
    """Open a store in this process."""
    if isinstance(opener, str):
        from motools.plugins.registry import open_store

        return open_store(opener)
    return opener()


def described(opener: Opener) -> str:
    """Return in JSON what opens the store elsewhere: a URL, or an importable function and its arguments."""
    if isinstance(opener, str):
        return json.dumps({"url": opener})
    bound = opener if isinstance(opener, partial) else partial(opener)
    name = f"{bound.func.__module__}:{getattr(bound.func, '__qualname__', '<object>')}"
    if "<" in name or bound.keywords:
        raise TypeError(
            f"{opener!r} cannot be called in another process. Let the fixture `opener` return a URL or "
            "functools.partial(function, *arguments), with a function of an importable module, and paths or JSON."
        )
    return json.dumps({"function": name, "arguments": bound.args}, default=os.fspath)


class StoreElsewhere:
    """A store in another process, whose methods are called there."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, opener: Opener) -> StoreElsewhere:
        """Start a process and return once it has opened the store."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "motools.testing.processes", described(opener)),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        store = cls(process)
        try:
            await store._answer()
        except BaseException:
            await store.kill()
            raise
        return store

    async def call(self, method: str, *arguments: Any, at: float = 0.0, **keywords: Any) -> Any:
        """Call a method of the store, at a moment of the machine's clock, and return or raise what it does."""
        self._send(method=method, arguments=arguments, keywords=keywords, at=at)
        return await self._answer()

    async def writes(self, word: str) -> AsyncGenerator[tuple[int, State]]:
        """Let the process write records, `story` after `story`, until it is killed.

        Yields the number of each and the state that was stored.
        """
        self._send(word=word)
        while True:
            number, state = await self._answer()
            yield number, State(state)

    def send_signal(self, signal: int) -> None:
        """Stop the process (SIGSTOP), or let it go on."""
        self._process.send_signal(signal)

    async def kill(self) -> None:
        """Kill the process (SIGKILL on POSIX), wherever it is."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.communicate()

    def _send(self, **call: Any) -> None:
        if self._process.stdin is None:
            raise TypeError("the process has no input")
        self._process.stdin.write(json.dumps(call, default=_to_json).encode() + b"\n")

    async def _answer(self) -> Any:
        output, errors = self._process.stdout, self._process.stderr
        if output is None or errors is None:
            raise TypeError("the process has no output")
        line = await output.readline()
        if not line:
            raise AssertionError(f"The store's other process ended:\n{(await errors.read()).decode()}")
        answer = json.loads(line, object_hook=_from_json)
        if "refused" in answer:
            raise TransitionRefused(answer["refused"])
        if "error" in answer:
            raise AssertionError(f"In another process:\n{answer['error']}")
        return answer["value"]


async def at_once(
    stores: Sequence[StoreElsewhere], method: str, first: Any, *arguments: Any, each: bool = False, **keywords: Any
) -> list[Any]:
    """Make the same call in all processes at the same moment, and return what each returned or how it was refused.

    With `each` the first argument is a list, of which every process gets its own.
    """
    at, own = time.time() + HEAD_START, first if each else [first] * len(stores)
    calls = (store.call(method, one, *arguments, at=at, **keywords) for store, one in zip(stores, own, strict=True))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, TransitionRefused):
            raise outcome
    return outcomes


def story(number: int) -> list[tuple[State, dict[str, Any]]]:
    """Return the transitions of one record after its claim, and what each adds."""
    return [
        (State.SUBMITTING, {"details": {"number": number}}),
        (State.SUBMITTED, {"job_id": f"job-{number}", "handle": {"job": number}, "handle_class": "acme:Run"}),
        (State.SUCCEEDED, {"model_id": f"model-{number}", "results": {"rows": [number] * 500}}),
    ]


async def _tell_stories(store: Any, word: str, answer: Callable[[Any], None]) -> None:
    from motools.testing.store import LONG, request

    for number in range(1_000_000):
        record = await store.claim(request(f"{word} {number}", spec={"number": number}), seconds=LONG)
        answer((number, record.state))
        for state, changes in story(number):
            record = await store.move(record, state, **changes)
            answer((number, record.state))


def _to_json(value: Any) -> Any:
    if isinstance(value, Draft):
        return {"a": type(value).__name__, "fields": asdict(value)}
    raise TypeError(f"{value!r} cannot be sent to another process.")


def _from_json(fields: dict[str, Any]) -> Any:
    if fields.keys() != {"a", "fields"}:
        return fields
    values = fields["fields"]
    values["tags"] = tuple(values["tags"])
    return Record(**{**values, "state": State(values["state"])}) if fields["a"] == "Record" else Draft(**values)


def _main(description: str) -> None:
    def answer(value: Any) -> None:
        say({"value": value})

    def say(line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line, default=_to_json) + "\n")
        sys.stdout.flush()

    how = json.loads(description)
    with asyncio.Runner() as runner:
        store = _opened_here(how)
        answer(None)
        for line in sys.stdin:
            call = json.loads(line, object_hook=_from_json)
            if "word" in call:
                runner.run(_tell_stories(store, call["word"], answer))
            time.sleep(max(0.0, call["at"] - time.time()))
            try:
                answer(runner.run(getattr(store, call["method"])(*call["arguments"], **call["keywords"])))
            except TransitionRefused as error:
                say({"refused": str(error)})
            except Exception:  # noqa: BLE001 (told to the process that asked)
                say({"error": traceback.format_exc()})


def _opened_here(how: dict[str, Any]) -> Any:
    if "url" in how:
        return opened(how["url"])
    module, _, qualname = how["function"].partition(":")
    return attrgetter(qualname)(import_module(module))(*how["arguments"])


if __name__ == "__main__":
    _main(*sys.argv[1:])

__all__ = ["Opener", "StoreElsewhere", "at_once", "described", "opened", "story"]
