"""What people write around a paid call, in the order in which they find out. Every part of the battery must catch these.

Remembering   look into a directory of results; call; save
Retrying      the same, and call up to three times
Locking       the same as Remembering, with a lock between processes around all of it
Intending     a durable note of the intent before the call and of the job after it; an intent without a job is
              submitted again
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from pathlib import Path

from paid_backend import REQUEST_SECONDS, NoAnswer, NotSent, PaidRun, call, no_point

from motools.files import write_json


class NotSubmitted(Exception):
    """There was no usable answer; whoever asked may ask again."""


class Remembering:
    """A cache around the call."""

    tries = 1

    def __init__(self, place, url, *, point=no_point, seconds=REQUEST_SECONDS):
        self.place, self.url, self.point, self.seconds = Path(place), url, point, seconds

    async def run(self, work, **asked):
        """Return the model of a piece of work."""
        if (known := self.known(work)) is None:
            job = await self.submit(work, asked)
            known = await self.save(work, model=await PaidRun(self.url, job["id"], point=self.point).wait())
        return known["model"]

    async def submit(self, work, asked):
        await self.point("before submit")
        for _ in range(self.tries):
            try:
                status, job = await call(
                    self.url, "POST", "/jobs", {"token": "", "work": work, **asked}, seconds=self.seconds
                )
            except (NoAnswer, NotSent):
                continue
            if status == 200:
                await self.point("after submit")
                return job
        raise NotSubmitted(work)

    def known(self, work):
        try:
            return json.loads((self.place / f"{work}.json").read_text())
        except OSError:
            return None

    async def save(self, work, **fields):
        await self.point("before save")
        await write_json(self.place / f"{work}.json", fields)
        await self.point("after save")
        return fields


class Retrying(Remembering):
    """As SDKs do by themselves."""

    tries = 3


class Locking(Remembering):
    """One process at a time."""

    async def run(self, work, **asked):
        with (self.place / f"{work}.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            return await super().run(work, **asked)


class Intending(Remembering):
    """One process at a time, and nothing is forgotten but what the service has not yet said."""

    async def run(self, work, **asked):
        with (self.place / f"{work}.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            known = self.known(work) or await self.save(work, job=None)
            if known.get("job") is None:
                job = await self.submit(work, asked)
                known = await self.save(work, job=job["id"])
            return await PaidRun(self.url, known["job"], point=self.point).wait()


class CheckingFirst(Remembering):
    """A lease without a fence: whoever finds the file of an expired lease takes it over; the holder looks only once."""

    LEASE = 0.3

    async def run(self, work, **asked):
        while (known := self.known(work)) is None:
            if self.take(work):
                return await super().run(work, **asked)
            await asyncio.sleep(0.02)
        return known["model"]

    def take(self, work):
        path = self.place / f"{work}.lease"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            if time.time() - path.stat().st_mtime < self.LEASE:
                return False
            path.touch()
        return True


POLICIES = {policy.__name__: policy for policy in (Remembering, Retrying, Locking, Intending, CheckingFirst)}
