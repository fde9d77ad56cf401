"""A service that has no slot: who asks it again, and when. Days pass in milliseconds here."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from virtual_time import VirtualLoop

from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import NoSlot
from motools.middleware.limit import LimitedTrainingBackend, LimitOptions
from motools.status import Capability
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.base import TrainingBackend, TrainingRun
from motools.training.limits import Limits

DATA = [{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}]
HOUR = 3600.0
DAY = 2 * HOUR
"""A short one."""


class Run(TrainingRun):
    """A run that lasts an hour; `service` is the only one there is."""

    service = None

    def __init__(self, job_id):
        self.job_id = job_id

    async def wait(self):
        while not await self.is_complete():  # noqa: ASYNC110 (the service tells nobody)
            await asyncio.sleep(60)
        return f"model of {self.job_id}"

    async def is_complete(self):
        await self.refresh()
        return self.status == "succeeded"

    async def refresh(self):
        self.status = "running" if self.job_id in Run.service.live() else "succeeded"

    async def cancel(self):
        raise NotImplementedError

    async def save(self, path):
        path.write_text(f'{{"job_id": "{self.job_id}"}}')

    @classmethod
    async def load(cls, path):
        return cls(path.read_text().split('"')[3])


class Service:
    """Takes what `refuses` does not refuse; keeps when it was asked, and for which work."""

    def __init__(self, clock, refuses=lambda service: None):
        self.clock, self.refuses = clock, refuses
        self.asked, self.jobs, self.most = [], {}, 0
        Run.service = self

    def live(self):
        return [job for job, (_, at) in self.jobs.items() if self.clock() < at + HOUR]

    def take(self, work):
        self.asked.append((round(self.clock()), work))
        if error := self.refuses(self):
            raise error
        self.jobs[f"job-{len(self.jobs)}"] = (work, self.clock())
        self.most = max(self.most, len(self.live()))
        return Run(f"job-{len(self.jobs) - 1}")


class Backend(TrainingBackend):
    run_type = Run
    capabilities = frozenset({Capability.FIND, Capability.LIMITS})
    find_lag = 0.0
    said = Limits()

    def __init__(self, service):
        self.service = service

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket):
        async with ticket.paying() as payment:
            run = self.service.take(suffix)
            payment.job_id = run.job_id
        return run

    async def find(self, token):
        return []

    async def limits(self, model):
        return self.said


class World:
    """A loop whose time is a number, a record on disk, and processes that share it."""

    def __init__(self, place):
        self.loop, self.place = VirtualLoop(), place
        self.began, self.jumped = time.time() // HOUR * HOUR, 0.0
        self.ledgers = []

    def clock(self):
        return self.began + self.loop.now + self.jumped

    def at(self, seconds):
        return self.began + seconds

    def process(self, backend, **options):
        ledger = SqliteLedger(self.place / "motools.db", clock=self.clock)
        self.ledgers.append(ledger)
        return CachedTrainingBackend(LimitedTrainingBackend(backend, LimitOptions(**options)), ledger, clock=self.clock)

    def run(self, work):
        return self.loop.run_until_complete(work)

    def when(self, service):
        """Return after how many seconds the service was asked, and for which work."""
        return [(at - self.began, work) for at, work in service.asked]


@pytest.fixture
def world(place):
    world = World(place)
    yield world
    world.loop.close()
    for ledger in world.ledgers:
        ledger.close()


async def asked_in_order(backend, works):
    tasks = []
    for work in works:
        tasks.append(asyncio.create_task(backend.train(DATA, "base", suffix=work)))
        await asyncio.sleep(0.01)
    return tasks


def until_one(world):
    def refuses(service):
        return None if world.clock() >= world.at(HOUR) else NoSlot("No more today.", until=world.at(HOUR))

    return refuses


@pytest.mark.slow
def test_nobody_asks_before_the_time_that_the_service_said(world):
    service = Service(world.clock, until_one(world))
    one, other = (world.process(Backend(service)) for _ in range(2))

    async def work():
        first = await asked_in_order(one, ["a", "b"])
        second = await asked_in_order(other, ["c", "d"])
        await asyncio.gather(*first, *second)

    world.run(work())
    (first, *rest) = world.when(service)
    assert first == (0, "a")
    assert [work for _, work in rest] == ["a", "b", "c", "d"]
    assert all(HOUR <= at < HOUR + 60 for at, _ in rest), rest


def test_what_the_service_said_is_known_after_a_restart(world):
    service = Service(world.clock, until_one(world))

    async def interrupted():
        tasks = await asked_in_order(world.process(Backend(service)), ["a", "b"])
        await asyncio.sleep(5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def again():
        await asyncio.gather(*await asked_in_order(world.process(Backend(service)), ["c", "b", "a"]))

    world.run(interrupted())
    world.run(asyncio.sleep(HOUR / 2))
    world.run(again())
    assert world.when(service)[0] == (0, "a")
    assert [work for _, work in world.when(service)[1:]] == ["a", "b", "c"]
    assert all(at >= HOUR for at, _ in world.when(service)[1:])


def test_without_a_time_it_is_asked_more_and_more_seldom_and_by_the_first_in_line_alone(world):
    service = Service(world.clock, lambda service: NoSlot("All are taken.") if len(service.asked) < 9 else None)

    async def work():
        await asyncio.gather(*await asked_in_order(world.process(Backend(service)), ["a", "b", "c"]))

    world.run(work())
    times = [at for at, work in world.when(service) if work == "a"]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    for pause, expected in zip(pauses, [15, 30, 60, 120, 240, 300, 300, 300], strict=True):
        assert expected <= pause <= expected + 3, pauses
    assert [work for _, work in world.when(service)] == [*"aaaaaaaaa", "b", "c"]


@pytest.mark.slow
def test_how_many_may_be_live_is_learned_from_the_refusal(world):
    def refuses(service):
        return NoSlot("As many as may be.", limit=2) if len(service.live()) >= 2 else None

    service = Service(world.clock, refuses)

    async def work():
        backend = world.process(Backend(service))
        runs = await asyncio.gather(*await asked_in_order(backend, [str(number) for number in range(8)]))
        await asyncio.gather(*(run.wait() for run in runs))

    world.run(work())
    assert (service.most, len(service.jobs)) == (2, 8)
    works = [work for work, _ in service.jobs.values()]
    assert [sorted(works[number : number + 2]) for number in range(0, 8, 2)] == [
        ["0", "1"],
        ["2", "3"],
        ["4", "5"],
        ["6", "7"],
    ]
    assert world.clock() < world.at(5 * HOUR), "four hours of work took longer"


def test_a_time_that_has_passed_does_not_make_it_ask_at_once(world):
    def refuses(service):
        return NoSlot("Ask again.", until=world.clock() - 1) if len(service.asked) < 3 else None

    service = Service(world.clock, refuses)
    world.run(world.process(Backend(service)).train(DATA, "base", suffix="a"))
    assert [at for at, _ in world.when(service)][1] >= 15


def test_a_clock_that_is_set_back_holds_up_nobody(world):
    service = Service(world.clock, lambda service: NoSlot("All are taken.") if len(service.asked) < 2 else None)

    async def work():
        [task] = await asked_in_order(world.process(Backend(service)), ["a"])
        world.jumped -= 24 * HOUR
        await task

    world.run(work())
    assert world.loop.now < 60


def test_who_is_refused_keeps_its_place(world):
    refused = []

    def refuses(service):
        if service.asked[-1][1] == "a" and len(refused) < 3:
            refused.append("a")
            return NoSlot("Not you.")
        return None

    service = Service(world.clock, refuses)

    async def work():
        backend = world.process(Backend(service), max_live_runs=1)
        tasks = await asked_in_order(backend, ["a", "b"])
        first = await tasks[0]
        [record] = await world.ledgers[0].records(state=State.QUEUED)
        assert record.spec["suffix"] == "b"
        await first.wait()
        await tasks[1]

    world.run(work())
    assert [work for _, work in world.when(service)] == ["a", "a", "a", "a", "b"]


@pytest.mark.slow
def test_as_many_are_started_in_a_day_as_may_be(world):
    service, backend = Service(world.clock), None

    class Counted(Backend):
        async def limits(self, model):
            today = [at for _, at in service.jobs.values() if at // DAY == world.clock() // DAY]
            return Limits(per_day=2, started_today=len(today))

    world.began = world.began // DAY * DAY
    backend = world.process(Counted(service))

    async def work():
        await asyncio.gather(*await asked_in_order(backend, ["a", "b", "c", "d", "e"]))

    world.run(work())
    days = [int(at // DAY) for at, _ in world.when(service)]
    assert days == [0, 0, 1, 1, 2]
    assert [work for _, work in world.when(service)] == [*"abcde"]


@pytest.mark.slow
def test_a_long_wait_asks_the_service_for_its_limits_now_and_then(world):
    service, asked = Service(world.clock), []

    class Full(Backend):
        async def limits(self, model):
            asked.append(world.loop.now)
            return Limits(concurrent=1, live=0 if world.loop.now > HOUR else 1)

    async def work():
        tasks = await asked_in_order(world.process(Full(service)), [str(number) for number in range(20)])
        await tasks[0]
        for task in tasks:
            task.cancel()

    world.run(work())
    assert 100 < len(asked) < 120 + 50, len(asked)
