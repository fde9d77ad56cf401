"""Runs a piece of work to a point, lets it die there, and starts it again: thousands of small lives from one process.

`python dying.py DIRECTORY URL POLICY` prints one JSON object a case, with what the restart returned. Everything is
imported once and each life is a fork, so that a case takes milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failpoints import DIED, WAYS, PointedLedger, Points
from naive import POLICIES, NotSubmitted
from paid_backend import QuickBackend

from motools.cache.sqlite import SqliteLedger
from motools.errors import MotoolsError
from motools.training.backends.cached import CachedTrainingBackend

AT_ONCE = 4
LIVES = 3
"""How often work is begun again before it counts as lost: whoever is told "try again" does."""

BEFORE = {"fresh": None, "paid, unanswered": "after submit", "unpaid": "before submit"}
"""What has happened to a piece of work before the case begins: the point at which a first process was killed."""


async def trained(place, url, policy, work, points):
    """Have the work done, once, by a policy or by the cache."""
    points.caller = asyncio.current_task()
    if policy != "motools":
        return await POLICIES[policy](place, url, point=points).run(work)
    ledger = PointedLedger(SqliteLedger(place / "motools.db"), points)
    backend = CachedTrainingBackend(QuickBackend(url, point=points), ledger)
    run = await backend.train(place / "train.jsonl", "base", suffix=work)
    return await run.wait()


def live(place, url, policy, work, at=None, way="exit"):
    """Live one life in a process of its own; return what is left of it: (reached?, points passed, model, error)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as file:
            told = [json.loads(line) for line in file]
        _, status = os.waitpid(child, 0)
        reached = {"reached": True} in told
        expected = DIED if reached and way == "exit" else 0
        assert os.waitstatus_to_exitcode(status) == expected, (work, at, way, status, told)
        return {"reached": reached, **({} if expected else told[-1])}
    try:
        points = Points(at, way, reached=lambda: os.write(writing, b'{"reached": true}\n'))
        left = {"model": None, "error": None}
        try:
            left["model"] = asyncio.run(trained(place, url, policy, work, points))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 (the parent judges)
            left["error"] = f"{type(error).__name__}: {error}"
            left["again"] = isinstance(error, (MotoolsError, NotSubmitted))
        os.write(writing, json.dumps({**left, "passed": points.passed}).encode() + b"\n")
        os._exit(0)
    finally:
        os._exit(1)


def case(place, url, policy, before, at, way):
    """Return what became of work that was interrupted at one point in one way, and then asked for again."""
    work = "/".join((policy, before, at or "nowhere", way)).replace(" ", "-").replace("/", "~")
    if BEFORE[before]:
        assert live(place, url, policy, work, BEFORE[before])["reached"]
    first = live(place, url, policy, work, at, way)
    last = first
    for _ in range(LIVES):
        if last.get("model") is not None:
            break
        last = live(place, url, policy, work)
    return {"work": work, "before": before, "at": at, "way": way, "first": first, "last": last}


def main(directory, url, policy):
    place = Path(directory)
    (place / "train.jsonl").write_text(
        '{"messages":[{"role":"user","content":"1"},{"role":"assistant","content":"2"}]}\n'
    )
    befores = BEFORE if policy == "motools" else ["fresh"]
    clean = [case(place, url, policy, before, None, "exit") for before in befores]
    cases = [
        (place, url, policy, run["before"], at, way)
        for run in clean
        for at in dict.fromkeys(run["first"]["passed"])
        for way in WAYS
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in (*clean, *pool.map(lambda each: case(*each), cases)):
            print(json.dumps(done), flush=True)  # noqa: T201 (for the parent)


if __name__ == "__main__":
    main(*sys.argv[1:])
