"""A world in memory: processes that train through the cache, a paid service, and everything that can befall them.

The ledger and the cached backend are the product's own; time, the network, death and the service are made up. A virtual
process is a ledger object and a backend of its own. Each of its calls to the ledger or the service passes a gate, before
and after: there it may be killed (it stays there for ever, and nothing of it runs again), stopped for a while (as by
SIGSTOP or a closed lid: none of it runs, and its timers are late), or merely take its time.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path

from virtual_time import VirtualLoop

from motools.cache.memory import MemoryLedger
from motools.cache.sqlite import SqliteLedger
from motools.errors import MotoolsError, NoSlot, RunFailed, SubmitRejected, SubmitUnavailable, SubmitUncertain
from motools.status import Capability, RunStatus
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.base import TrainingBackend, TrainingRun

REQUEST_SECONDS = 20.0
LATE_SECONDS = 8.0
"""How long after it was sent a request may still be accepted, whatever has become of the sender: beyond its timeout."""
LAG_SECONDS = 5.0
TRAINING_SECONDS = 100.0
POLL_SECONDS = 30.0
DOOMSDAY = 1e6
"""Seconds by which every world must have come to rest."""
HISTORY = 60
"""How many of the last events are told when something goes wrong."""
FAULTS = ("busy", "vanish", "drop", "error", "stall", "late")
DATA = [{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}]


this_process = ContextVar("this_process")


class Wrong(AssertionError):
    """The world is in a state that must never be."""


@dataclass
class Service:
    """What was accepted; the requests that are on their way are timers of the loop, which outlive their senders."""

    world: World
    jobs: list = field(default_factory=list)
    next_faults: list = field(default_factory=list)
    most: int = 0
    """How many were live at a time."""

    def send(self, asked):
        """Take a request; return the future of its answer."""
        answer, chance = self.world.loop.create_future(), self.world.chance
        fault = self.next_faults.pop(0) if self.next_faults else None
        if fault is None and chance.random() < self.world.faulty:
            fault = chance.choice(FAULTS)
        delay = REQUEST_SECONDS + chance.random() * LATE_SECONDS if fault == "late" else chance.random()
        self.world.loop.call_later(delay, self.take, asked, fault, answer)
        return answer

    def take(self, asked, fault, answer):
        job = {"status": 429}
        if self.world.slots is not None and len(self.live()) >= self.world.slots:
            job = {"status": "full"}
        elif fault not in {"busy", "vanish"}:
            fails = self.world.chance.random() < self.world.failing
            job = {**asked, "status": 200, "id": f"job-{len(self.jobs) + 1}", "at": self.world.loop.now, "fails": fails}
            self.jobs.append(job)
            self.most = max(self.most, len(self.live()))
            self.world.check(job)
        if fault == "error":
            job = {"status": 500}
        if answer.done():
            return
        if fault in {None, "busy", "error"}:
            answer.set_result(job)
        elif fault in {"vanish", "drop"}:
            answer.set_exception(ConnectionResetError())

    def live(self):
        return [job for job in self.jobs if self.status(job) is RunStatus.RUNNING]

    def find(self, token):
        return [job for job in self.jobs if job["token"] == token and job["at"] + LAG_SECONDS <= self.world.loop.now]

    def job(self, job_id):
        return self.jobs[int(job_id.removeprefix("job-")) - 1]

    def status(self, job):
        if self.world.loop.now < job["at"] + TRAINING_SECONDS:
            return RunStatus.RUNNING
        return RunStatus.FAILED if job["fails"] else RunStatus.SUCCEEDED


class Process:
    """A virtual process: what it runs, and whether it may."""

    def __init__(self, world):
        self.world = world
        self.gates_to_live = None
        self.claims = {}
        self.stopped_until = 0.0
        self.is_dead = False
        self.backend = world.policy(world.backend(self), GatedLedger(world.ledger(), self))

    def die(self):
        """End as by kill -9. Half of the time it is seen at once that the holder of its leases is gone."""
        self.is_dead = True
        self.world.note(self, "killed")
        if self.world.chance.random() < 0.5:
            self.world.forget_leases(self.claims)

    async def gate(self, name):
        """Let the process be killed or stopped here, or go on after a moment; cancellation arrives when it runs again."""
        world, cancelled = self.world, None
        world.at_gate(self)
        world.note(self, name)
        if self.gates_to_live is not None:
            self.gates_to_live -= 1
            if self.gates_to_live < 0 and not self.is_dead:
                self.die()
        until = max(self.stopped_until, world.loop.now + world.chance.choice((0.0, 0.0, 0.0, 0.3)))
        while (self.is_dead or world.loop.now < max(until, self.stopped_until)) and not world.is_over:
            try:
                await (
                    asyncio.sleep(max(until, self.stopped_until) - world.loop.now)
                    if not self.is_dead
                    else world.end.wait()
                )
            except asyncio.CancelledError as error:
                cancelled = error
        if world.is_over:
            raise asyncio.CancelledError
        if cancelled:
            raise cancelled

    async def ask(self, work):
        """Have one piece of work done, as a user does who starts the script again when it fails."""
        this_process.set(self)
        retry_failed = False
        while True:
            try:
                async with asyncio.timeout(self.world.patience()):
                    run = await self.backend.train(DATA, "base", suffix=work, retry_failed=retry_failed)
                    model = await run.wait()
            except TimeoutError:
                continue
            except RunFailed:
                retry_failed = True
            except MotoolsError as error:
                self.world.errors.append(error)
                await asyncio.sleep(1.0)
            else:
                self.world.answered(work, model)
                return


class World:
    """Processes, a service, a clock that may jump, and what must hold at every moment."""

    def __init__(
        self,
        seed=0,
        *,
        faulty=0.0,
        failing=0.0,
        store=None,
        policy=CachedTrainingBackend,
        backend=None,
        memory=MemoryLedger,
        slots=None,
    ):
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda loop, context: None)
        self.chance = random.Random(seed)  # noqa: S311 (every world can be made again)
        self.faulty, self.failing, self.slots = faulty, failing, slots
        self.service = Service(self)
        self.began, self.jumped = time.time(), 0.0
        self._store = store
        self.policy, self.backend = policy, backend or SimulatedBackend
        self._memory = memory(clock=self.clock)
        self._opened = []
        self.is_over, self.end = False, asyncio.Event()
        self.processes, self.asked, self.answers, self.errors = [], [], [], []
        self.history, self.tokens, self.works = [], set(), set()

    def clock(self):
        """Return the time of day, which is not to be relied on."""
        return self.began + self.loop.now + self.jumped

    def ledger(self):
        """Return what a new process uses as its ledger."""
        if self._store is None:
            return self._memory
        self._opened.append(SqliteLedger(self._store, clock=self.clock))
        return self._opened[-1]

    def forget_leases(self, claims):
        """Let the leases lapse that a dead process held."""
        for key, epoch in claims.items():
            record = self._memory._records.get(key)
            if record is not None and record.epoch == epoch:
                self._memory._records[key] = replace(record, leased_until=0.0)

    def at_gate(self, process):
        """Hear that a process is at a gate."""

    def note(self, process, what):
        """Keep what happened, to be read when something goes wrong."""
        self.history.append((self.loop.now, process, what))

    def patience(self):
        """Return how long a user waits before asking again; None for ever."""

    def start(self, works):
        """Start a process with one user for each piece of work."""
        process = Process(self)
        self.processes.append(process)
        for work in works:
            self.asked.append((process, work, self.loop.create_task(process.ask(work))))
        return process

    def check(self, job):
        """Raise `Wrong` if a job that was accepted just now had been paid for before."""
        if job["token"] in self.tokens:
            raise self.wrong("one attempt was paid for twice")
        if job["work"] in self.works:
            raise self.wrong("one piece of work was paid for twice")
        self.tokens.add(job["token"])
        if not job["fails"]:
            self.works.add(job["work"])

    def wrong(self, what):
        """Return the error for a broken promise, and keep it: whoever is running may swallow it."""
        told = [
            f"{at:10.3f}  {self.processes.index(process)}  {passed}" for at, process, passed in self.history[-HISTORY:]
        ]
        self.broken = Wrong("\n".join([what, *told]))
        return self.broken

    broken = None

    def answered(self, work, model):
        """Take an answer that a user got."""
        self.answers.append(work)
        if model not in {f"model:{work}:{job['id']}" for job in self.service.jobs if not job["fails"]}:
            raise self.wrong(f"{work} was answered with {model}")

    def run(self, until):
        """Let time pass until a condition holds; raise `Wrong` when it cannot."""

        async def wait():
            while not until():
                await asyncio.sleep(1.0)
                if self.broken:
                    raise self.broken
                if self.loop.now > DOOMSDAY:
                    raise self.wrong(f"somebody waits for ever; the last errors: {self.errors[-3:]!r}")

        self.loop.run_until_complete(wait())
        if self.broken:
            raise self.broken

    def unanswered(self):
        """Return what living processes still wait for."""
        return [work for process, work, task in self.asked if not process.is_dead and not task.done()]

    def close(self):
        """End everything that is left."""
        self.is_over = True
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()
        for ledger in self._opened:
            ledger.close()


class GatedLedger:
    """A ledger as one process sees it."""

    def __init__(self, ledger, process):
        self._ledger, self._process = ledger, process

    async def _through(self, name, call):
        try:
            await self._process.gate(name)
        except BaseException:
            call.close()
            raise
        try:
            return await call
        finally:
            await self._process.gate(f"{name} done")

    async def read(self, key):
        return await self._through("read", self._ledger.read(key))

    async def claim(self, draft, *, seconds, after=None):
        return await self._through("claim", self._claim(draft, seconds, after))

    async def _claim(self, draft, seconds, after):
        record = await self._ledger.claim(draft, seconds=seconds, after=after)
        if record is not None:
            self._process.claims[record.key] = record.epoch
        return record

    async def renew(self, record, *, seconds):
        return await self._through("renew", self._ledger.renew(record, seconds=seconds))

    async def move(self, record, target, *, seconds=None, **changes):
        return await self._through(f"move to {target}", self._ledger.move(record, target, seconds=seconds, **changes))

    async def release(self, record):
        return await self._through("release", self._ledger.release(record))

    async def records(self, **conditions):
        return await self._through("records", self._ledger.records(**conditions))

    async def find(self, name):
        return await self._ledger.find(name)


class SimulatedRun(TrainingRun):
    def __init__(self, process, job_id):
        self.process, self.job_id = process, job_id

    async def wait(self):
        while not await self.is_complete():  # noqa: ASYNC110 (the service ends the job)
            await asyncio.sleep(POLL_SECONDS)
        if self.status is RunStatus.FAILED:
            raise RunFailed(self.job_id)
        return self.model_id

    async def is_complete(self):
        await self.refresh()
        return self.status.is_terminal

    async def refresh(self):
        await self.process.gate("poll")
        service = self.process.world.service
        job = service.job(self.job_id)
        self.status = service.status(job)
        self.model_id = f"model:{job['work']}:{job['id']}" if self.status is RunStatus.SUCCEEDED else None

    async def cancel(self):
        raise NotImplementedError

    async def save(self, path):
        with Path(path).open("w") as file:  # noqa: ASYNC230 (in memory)
            json.dump({"job_id": self.job_id}, file)

    @classmethod
    async def load(cls, path):
        with Path(path).open() as file:  # noqa: ASYNC230 (in memory)
            return cls(this_process.get(), json.load(file)["job_id"])


class SimulatedBackend(TrainingBackend):
    """A careful plugin: its request has a timeout, and its errors say what the wire said."""

    run_type = SimulatedRun
    capabilities = frozenset({Capability.FIND})
    find_lag = REQUEST_SECONDS + LATE_SECONDS + LAG_SECONDS

    def __init__(self, process, *, find_lag=None, without_answer=SubmitUncertain):
        self.process, self.without_answer = process, without_answer
        self.find_lag = self.find_lag if find_lag is None else find_lag

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket):
        await self.process.gate("upload")
        async with ticket.paying() as payment:
            job = await self.submit({"token": ticket.token, "work": suffix})
            if self.process.world.chance.random() < 0.5:
                payment.job_id = job["id"]
        await self.process.gate("paid")
        return SimulatedRun(self.process, job["id"])

    async def submit(self, asked):
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self.process.gate("connect")
                answer = await self.process.world.service.send(asked)
                await self.process.gate("answered")
        except (OSError, TimeoutError) as error:
            raise self.without_answer("no answer") from error
        if answer["status"] == "full":
            raise NoSlot("full")
        if answer["status"] == 429:
            raise SubmitUnavailable("busy")
        if answer["status"] == 400:
            raise SubmitRejected("invalid")
        if answer["status"] != 200:
            raise self.without_answer(str(answer["status"]))
        return answer

    async def find(self, token):
        await self.process.gate("find")
        found = self.process.world.service.find(token)
        await self.process.gate("found")
        return [SimulatedRun(self.process, job["id"]) for job in found]
