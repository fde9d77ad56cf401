"""The paid service with limits: how many are live is a matter of its directory, and it may say so, or refuse what is too many."""

from __future__ import annotations

import asyncio
import time

from paid_world import BlindBackend, PaidBackend, PaidRun

from motools.cache.states import REPEATABLE, UNSETTLED, State
from motools.errors import NoSlot
from motools.middleware.limit import LimitedTrainingBackend, LimitOptions
from motools.status import Capability
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.limits import Limits

PATIENCE = 20.0


def live(service):
    return [job["id"] for job in service.jobs() if service.status(job["id"]) == "running"]


class LimitedRun(PaidRun):
    """The same run, as of a backend of this module."""


class Honest(PaidBackend):
    """Says what its service allows; `strangers` are live runs of somebody else."""

    run_type = LimitedRun
    capabilities = PaidBackend.capabilities | {Capability.LIMITS}
    concurrent = per_day = started_today = free_at = None
    strangers = 0

    async def limits(self, model):
        return Limits(
            concurrent=self.concurrent,
            live=len(live(self.service)) + self.strangers,
            per_day=self.per_day,
            started_today=self.started_today,
            free_at=self.free_at,
        )


class Refusing(PaidBackend):
    """Finds no slot where as many are live as may be; `until` is what it says of the next one, `says` whether of how many."""

    run_type = LimitedRun

    def __init__(self, service, *, at_most=1, until=None, says=False, **more):
        super().__init__(service, **more)
        self.at_most, self.until, self.says = at_most, until, says
        self.asked_at = []

    def step(self, name):
        super().step(name)
        if name == "window":
            self.asked_at.append(time.time())
            if len(live(self.service)) >= self.at_most:
                raise NoSlot("All are taken.", until=self.until, limit=self.at_most if self.says else None)


class Blind(BlindBackend):
    """Takes no ticket; keeps in which state its record is when it is called."""

    run_type = LimitedRun

    def __init__(self, service, ledger):
        super().__init__(service, ended=False)
        self.ledger, self.states = ledger, []

    async def train(self, *args, **kwargs):
        self.states += [str(record.state) for record in await self.ledger.records(state=REPEATABLE | UNSETTLED)]
        return await super().train(*args, **kwargs)


def limited(backend, ledger, *, notify=None, **options):
    return CachedTrainingBackend(LimitedTrainingBackend(backend, LimitOptions(**options)), ledger, notify=notify)


async def until(condition):
    """Wait until a condition holds, which may be a coroutine function."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def are_queued(ledger, number):
    """Whether so many wait in line."""
    return len(await ledger.records(state=State.QUEUED)) == number


async def ended(service, run):
    """Let a run end, and record that."""
    service.end(run.job_id)
    await run.wait()


async def ask_in_order(backend, data, ledger, works, model="base"):
    """Ask for pieces of work one after the other, and return their tasks once each of them waits."""
    asked = []
    for work in works:
        before = len(await ledger.records(state=State.QUEUED))
        asked.append(asyncio.create_task(backend.train(data, model, suffix=work)))
        await until(lambda before=before: are_queued(ledger, before + 1))
    return asked
