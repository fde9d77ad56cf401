"""Places at which a process can be made to end, and the ways of ending there.

A point stands before and after every call of the ledger, and inside the tests' own backend: before and after the
upload, the paid call, each poll and each look. Nothing in the product knows of them.
"""

from __future__ import annotations

import asyncio
import os
import signal

DIED = 9
WAYS = ("raise", "exit", "cancel the caller", "cancel the task")


class Interrupted(Exception):
    """What a point raises."""


class Points:
    """Keeps a list of the points that were passed; at the one that is named, the end comes as `way` says, once.

    "stop" is no end: the process sends itself SIGSTOP, and goes on when somebody lets it.
    `reached` is called right before that.
    """

    def __init__(self, at=None, way="exit", *, reached=lambda: None):
        self.at, self.way, self.reached = at, way, reached
        self.passed = []
        self.caller = None

    async def __call__(self, name):
        self.passed.append(name)
        if name != self.at:
            return
        self.at = None
        self.reached()
        if self.way == "exit":
            os._exit(DIED)
        if self.way == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        if self.way == "raise":
            raise Interrupted(name)
        (self.caller if self.way == "cancel the caller" else asyncio.current_task()).cancel()
        await asyncio.sleep(0)


class PointedLedger:
    """A ledger with a point before and after each call that writes."""

    def __init__(self, ledger, point):
        self.ledger, self.point = ledger, point

    async def read(self, key):
        return await self.ledger.read(key)

    async def claim(self, draft, *, seconds, after=None):
        return await self._around("claim", self.ledger.claim(draft, seconds=seconds, after=after))

    async def renew(self, record, *, seconds):
        return await self._around("renew", self.ledger.renew(record, seconds=seconds))

    async def move(self, record, target, *, seconds=None, **changes):
        name = "note the handle" if target is record.state else str(target)
        return await self._around(name, self.ledger.move(record, target, seconds=seconds, **changes))

    async def release(self, record):
        return await self._around("release", self.ledger.release(record))

    async def records(self, **conditions):
        return await self.ledger.records(**conditions)

    async def find(self, name):
        return await self.ledger.find(name)

    async def _around(self, name, call):
        try:
            await self.point(f"before {name}")
        except BaseException:
            call.close()
            raise
        value = await call
        await self.point(f"after {name}")
        return value
