"""Three workers, one ledger, a faulty paid service, and somebody who kills the workers again and again.

`python killing.py '{"policy": …, "kills": …, …}'` prints what became of it as one JSON object. The workers are forks of
this process; each goes on where the killed one was. New pieces of work are added as long as there are kills to come, so
that none of them hits idle workers, and a part of the blows is SIGSTOP for longer than the lease, then SIGCONT.
"""

from __future__ import annotations

import asyncio
import json
import logging
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from naive import POLICIES, NotSubmitted
from paid_backend import PaidBackend, ask
from paid_service import PaidService, serve
from short_lease import LEASE_SECONDS, ShortLease

from motools.cache.sqlite import SqliteLedger
from motools.errors import MotoolsError
from motools.middleware.limit import LimitedTrainingBackend, LimitOptions
from motools.training.backends.cached import CachedTrainingBackend

WORKERS = 3
AHEAD = 4
"""Pieces of work that are open at a time, at least, while there is somebody to be killed."""
MOST = 2000
PATIENCE = 150.0
"""Seconds after which what is not done counts as lost."""


@dataclass
class Board:
    """What the workers and the killer share: how much work there is, and which of it is done."""

    memory: mmap.mmap

    @property
    def asked(self):
        return int.from_bytes(self.memory[:4], "little")

    @asked.setter
    def asked(self, count):
        self.memory[:4] = count.to_bytes(4, "little")

    @property
    def is_final(self):
        return self.memory[4] == 1

    def finish(self):
        self.memory[4] = 1

    def done(self, number):
        self.memory[5 + number] = 1

    def open(self):
        return [number for number in range(self.asked) if not self.memory[5 + number]]


def motools(place, url, slots=None):
    """Return the way to have a piece of work done that is under test; with `slots` only so many may be live at a time."""
    ledger = ShortLease(SqliteLedger(place / "motools.db"))
    backend = CachedTrainingBackend(LimitedTrainingBackend(PaidBackend(url), LimitOptions(max_live_runs=slots)), ledger)

    async def run(work):
        return await (await backend.train(place / "train.jsonl", "base", suffix=work)).wait()

    return run


async def work_until_done(run, board, seed):
    """Have everything done, in an order of one's own; two pieces at a time."""
    chance = random.Random(seed)  # noqa: S311 (any order will do)

    async def one(number):
        try:
            model = await run(f"w{number}")
        except (MotoolsError, NotSubmitted):
            await asyncio.sleep(0.05)
            return
        if not model.startswith(f"model:w{number}:"):
            os._exit(3)
        board.done(number)

    while (left := board.open()) or not board.is_final:
        await asyncio.gather(*(one(number) for number in chance.sample(left, min(2, len(left)))), asyncio.sleep(0.01))


def forked(life):
    """Run `life` in a fork, which ends with it."""
    child = os.fork()
    if child:
        return child
    try:
        life()
        os._exit(0)
    finally:
        os._exit(2)


class Workers:
    """Forks that do the same work, and what is done to them."""

    def __init__(self, life, seed):
        self.life = life
        self.chance = random.Random(seed)  # noqa: S311 (a repeatable choice of victims)
        self.count = Counter()
        self.stopped = {}
        self.alive = [self.start() for _ in range(WORKERS)]

    def start(self):
        seed = self.chance.random()
        return forked(lambda: self.life(seed))

    def reap(self):
        """Take note of those that have ended by themselves, and let those go on whose time has come."""
        for child in [child for child, until in self.stopped.items() if until < time.monotonic()]:
            os.kill(child, signal.SIGCONT)
            del self.stopped[child]
        for child in self.alive[:]:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                assert status == 0, os.waitstatus_to_exitcode(status)
                self.alive.remove(child)

    def strike(self, kills, stops):
        """Stop or kill one of them."""
        victim = self.chance.choice(self.alive)
        if victim in self.stopped:
            return
        if self.count["stopped"] < stops and self.chance.random() < 0.15:
            os.kill(victim, signal.SIGSTOP)
            self.stopped[victim] = time.monotonic() + 1.5 * LEASE_SECONDS
            self.count["stopped"] += 1
        elif self.count["killed"] < kills:
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            self.alive[self.alive.index(victim)] = self.start()
            self.count["killed"] += 1

    def end(self):
        for child in self.alive:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def killed(make, kills, stops, seed):
    """Let the workers work and die; return how often they were killed and stopped, and what is left undone."""
    board = Board(mmap.mmap(-1, 5 + MOST))
    board.asked = AHEAD
    workers = Workers(lambda own_seed: asyncio.run(work_until_done(make(), board, own_seed)), seed)
    deadline = time.monotonic() + PATIENCE
    while workers.alive and time.monotonic() < deadline:
        time.sleep(workers.chance.random() * 0.1)
        workers.reap()
        if workers.count["killed"] >= kills and workers.count["stopped"] >= stops:
            board.finish()
        elif workers.alive:
            board.asked += max(0, AHEAD - len(board.open()))
            workers.strike(kills, stops)
    workers.end()
    return {**workers.count, "works": board.asked, "undone": len(board.open())}


def most_at_once(jobs):
    """Return how many jobs were live at a time, at most."""
    spans = [(job["accepted"], job["accepted"] + job["seconds"]) for job in jobs]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def main(told):
    logging.disable(logging.CRITICAL)
    policy, seed = told["policy"], told["seed"]
    reading, writing = os.pipe()
    service = PaidService(seed=seed, faulty=0.3, lag=0.15, training=told.get("training", 0.1))
    server = forked(lambda: asyncio.run(serve(service, lambda url: os.write(writing, url.encode() + b"\n"))))
    with os.fdopen(reading) as file:
        url = file.readline().strip()
    try:
        with tempfile.TemporaryDirectory(dir=told["directory"]) as name:
            place = Path(name)
            line = {"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}
            (place / "train.jsonl").write_text(json.dumps(line) + "\n")
            make = (
                partial(motools, place, url, told.get("slots"))
                if policy == "motools"
                else lambda: POLICIES[policy](place, url).run
            )
            left = killed(make, told["kills"], told.get("stops", 0), seed)
        jobs = asyncio.run(ask(url, "GET", "/bill"))
        bill = Counter(job["work"] for job in jobs)
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    paid = {"paid": sum(bill.values()), "twice": sum(bill.values()) - len(bill), "most": most_at_once(jobs)}
    print(json.dumps({**left, **paid}))  # noqa: T201 (for the parent)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
