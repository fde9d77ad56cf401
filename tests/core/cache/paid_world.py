"""A service that costs money, as a directory: every accepted job is a file, so any process can read the bill.

`main` is what a process does that trains there through the cache.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from uuid import uuid4

from motools.cache.sqlite import SqliteLedger
from motools.errors import RunCancelled, RunFailed
from motools.evals.base import EvalBackend, EvalJob, EvalResults
from motools.handles import read_handle, write_handle
from motools.status import Capability, Progress, RunStatus
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.base import TrainingBackend, TrainingRun

LINE = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}\n'


class Service:
    """Jobs are `ID.json`; a job has ended when `ID.end` says how."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def accept(self, token):
        job_id = f"job-{uuid4().hex[:8]}"
        (self.path / f"{job_id}.json").write_text(json.dumps({"id": job_id, "token": token}))
        return job_id

    def jobs(self):
        files = sorted(self.path.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        return [json.loads(file.read_text()) for file in files]

    def end(self, job_id, how="succeeded"):
        (self.path / f"{job_id}.end").write_text(how)

    def status(self, job_id):
        end = self.path / f"{job_id}.end"
        return end.read_text() if end.exists() else "running"


class PaidRun(TrainingRun):
    def __init__(self, service, job_id):
        self.service, self.job_id = service, job_id
        self.metadata = {"service": str(service.path)}
        self.waits = 0

    async def wait(self):
        self.waits += 1
        while not await self.is_complete():  # noqa: ASYNC110 (another process ends the job)
            await asyncio.sleep(0.01)
        if self.status == "failed":
            raise RunFailed(f"job {self.job_id} ran out of memory")
        if self.status == "cancelled":
            raise RunCancelled(f"job {self.job_id} was cancelled")
        self.model_id = f"model-of-{self.job_id}"
        return self.model_id

    async def is_complete(self):
        await self.refresh()
        return RunStatus(self.status).is_terminal

    async def refresh(self):
        self.status = self.service.status(self.job_id)
        self.progress = Progress(step=1, total=2)

    async def cancel(self):
        self.service.end(self.job_id, "cancelled")

    async def save(self, path):
        await write_handle(path, self, backend="paid", service=str(self.service.path))

    @classmethod
    async def load(cls, path):
        fields = await read_handle(path, kind="training")
        return cls(Service(fields["service"]), fields["job_id"])


class PaidBackend(TrainingBackend):
    """Pays in the window of its ticket; `die` names the step at which `how` happens."""

    name = "paid"
    run_type = PaidRun
    capabilities = frozenset({Capability.FIND})
    find_lag = 0.0

    def __init__(self, service, *, die=None, how=None, ended=True):
        self.service, self.die, self.how, self.ended = service, die, how, ended
        self.calls = []
        self.called = asyncio.Event()

    def step(self, name):
        if name == self.die:
            self.how()

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket, **kwargs):
        self.calls.append({"hyperparameters": hyperparameters, "suffix": suffix, **kwargs})
        self.called.set()
        self.step("before")
        await asyncio.sleep(0.01)
        async with ticket.paying() as payment:
            self.step("window")
            job_id = self.service.accept(ticket.token)
            self.step("accepted")
            payment.job_id = job_id
        self.step("after")
        if self.ended:
            self.service.end(job_id)
        return self.run_type(self.service, job_id)

    async def find(self, token):
        return [self.run_type(self.service, job["id"]) for job in self.service.jobs() if job["token"] == token]


class BlindBackend(PaidBackend):
    """Cannot look for anything, and knows nothing of tickets."""

    name = "blind"
    capabilities = frozenset()
    find_lag = None

    async def train(self, dataset, model, hyperparameters=None, suffix=None):
        self.step("before")
        job_id = self.service.accept("")
        self.step("accepted")
        if self.ended:
            self.service.end(job_id)
        return self.run_type(self.service, job_id)


class MinimalRun(TrainingRun):
    """The abstract methods and nothing else: no status, no id, JSON of its own."""

    def __init__(self, service, number):
        self.service, self.number = service, number

    async def wait(self):
        while not await self.is_complete():  # noqa: ASYNC110 (another process ends the job)
            await asyncio.sleep(0.01)
        return f"model-of-{self.number}"

    async def is_complete(self):
        return self.service.status(self.number) != "running"

    async def refresh(self):
        pass

    async def cancel(self):
        self.service.end(self.number, "cancelled")

    async def save(self, path):
        fields = {"mine": self.number, "where": str(self.service.path)}
        await asyncio.to_thread(Path(path).write_text, json.dumps(fields))

    @classmethod
    async def load(cls, path):
        fields = json.loads(await asyncio.to_thread(Path(path).read_text))
        return cls(Service(fields["where"]), fields["mine"])


class MinimalBackend(TrainingBackend):
    def __init__(self, service, returned=MinimalRun):
        self.service, self.returned = service, returned

    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        return self.returned(self.service, self.service.accept(""))


class PaidResults(EvalResults):
    """A class of results of the plugin's own."""


class PaidJob(EvalJob):
    def __init__(self, model_id, job_id, returned=None):
        self.model_id, self.job_id, self.returned = model_id, job_id, returned

    async def wait(self):
        self.status = "succeeded"
        return await self.get_results() if self.returned is None else self.returned

    async def is_complete(self):
        return True

    async def refresh(self):
        self.status = "succeeded"

    async def cancel(self):
        pass

    async def get_results(self):
        metrics = {"task": {"match": {"accuracy": 0.5}}}
        return PaidResults(model_id=self.model_id, metrics=metrics, samples=[{"id": 1}])

    async def save(self, path):
        await write_handle(path, self, backend="paid-eval")

    @classmethod
    async def load(cls, path):
        fields = await read_handle(path, kind="eval")
        return cls(fields["model_id"], fields["job_id"])

    def get_log_paths(self):
        return ["/logs/1.eval"]


class PaidEvalBackend(EvalBackend):
    name = "paid-eval"

    def __init__(self, service, returned=None):
        self.service, self.returned = service, returned

    async def evaluate(self, model_id, eval_suite, **kwargs):
        return PaidJob(model_id, self.service.accept(""), self.returned)


def main(database, service, data, what):
    """Train once through the cache and print the model; `what` may be `BACKEND:STEP`, to die there as kill -9 would."""
    kind, _, step = what.partition(":")
    made = {"paid": PaidBackend, "blind": BlindBackend}[kind]
    backend = made(Service(service), die=step or None, how=lambda: os._exit(9), ended=step != "leave")

    async def train():
        run = await CachedTrainingBackend(backend, SqliteLedger(database)).train(data, "base")
        if step == "leave":
            return run.job_id
        return await run.wait()

    print(asyncio.run(train()))  # noqa: T201 (the answer of this process)
