"""An evaluation backend that evaluates nothing: its scores are made of the names of model, task and sample.

backend = DummyEvalBackend(duration=5, metrics={"accuracy": 0.25})
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict, dataclass
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from motools.dummy import DummyHandle, DummyJob, DummyOptions, DummyService
from motools.errors import RunFailed, TaskNotFound
from motools.evals.base import EvalBackend, EvalJob, EvalResults
from motools.handles import read_handle, write_handle
from motools.settings import Range, Settings, check
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Self

    from motools.cache.base import Ticket

SCORER = "dummy"


@dataclass(frozen=True, kw_only=True)
class DummyEvalOptions(DummyOptions):
    """How the service behaves, and what it measures."""

    metrics: Annotated[dict[str, Any] | None, "metrics to report for each task, in place of made-up ones"] = None


@dataclass(frozen=True, kw_only=True)
class DummyEvalParameters:
    """The keywords of `evaluate`."""

    epochs: Annotated[int, Range(ge=1), "times that each sample is asked"] = 1
    limit: Annotated[int, Range(ge=1), "samples of each task"] = 5


class DummyEvalSettings(Settings):
    """Everything that a dummy evaluation can be told."""

    Options = DummyEvalOptions
    Hyperparameters = DummyEvalParameters


class DummyEvalJob(DummyHandle, EvalJob):
    """An evaluation at the dummy service."""

    async def wait(self) -> EvalResults:
        await self._succeeded()
        return self._results()

    async def get_results(self) -> EvalResults:
        if not await self.is_complete():
            raise RunFailed(
                f"The dummy job {self.job_id!r} is {self.status}: it has no results yet; wait() gives them."
            )
        return await self.wait()

    async def save(self, path: str | PathLike[str]) -> None:
        await write_handle(path, self, backend="dummy", service=str(self.service.directory))

    @classmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        fields = await read_handle(path, kind="eval")
        job = cls._restored(fields, path)
        job.model_id = fields["model_id"]
        return job

    def get_log_paths(self) -> list[str]:
        return [str(self.service.path(self.job_id))]

    def take(self, job: DummyJob) -> None:
        super().take(job)
        self.model_id = job.model_id

    def _results(self) -> EvalResults:
        job = self.service.read(self.job_id)
        request = job.request
        samples = [sample for task in request["tasks"] for sample in _samples(job.model_id, task, request)]
        metrics = {
            task: {SCORER: request["metrics"] or _metrics([s["scores"][SCORER] for s in samples if s["task"] == task])}
            for task in request["tasks"]
        }
        return EvalResults(model_id=job.model_id, metrics=metrics, samples=samples, metadata={"job_id": job.job_id})


class DummyEvalBackend(EvalBackend):
    """Evaluates nothing; `DummyEvalOptions` are its keywords, and `service` is what it submits to."""

    name = "dummy"
    job_type = DummyEvalJob
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FIND, Capability.LOGS, Capability.ADOPT, Capability.PING}
    )
    find_lag = 0.0
    Settings = DummyEvalSettings

    def __init__(self, **options: Any) -> None:
        self._options = check(DummyEvalOptions, options, who="The dummy backend", what="option")

    @property
    def service(self) -> DummyService:
        """The service that jobs are submitted to."""
        return DummyService.of(self._options)

    async def evaluate(
        self, model_id: str, eval_suite: Any, *, ticket: Ticket | None = None, **kwargs: Any
    ) -> DummyEvalJob:
        """Start a job. Every task name is known."""
        parameters = check(DummyEvalParameters, kwargs, who="The dummy backend", what="keyword")
        tasks = [eval_suite] if isinstance(eval_suite, str) else list(eval_suite)
        if not tasks or not all(isinstance(task, str) and task for task in tasks):
            raise TaskNotFound(f"{eval_suite!r} names no task: give one name, or a list of names.")
        request = {"tasks": tasks, "metrics": self._options.metrics, **asdict(parameters)}
        job = await self.service.submit(self._options, ticket, kind="eval", model_id=model_id, request=request)
        return self._job(self.service, job)

    async def identify(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Mapping[str, Any]:
        identity = await super().identify(model_id, eval_suite, **kwargs)
        return identity if self._options.metrics is None else {**identity, "metrics": self._options.metrics}

    async def find(self, token: str) -> Sequence[DummyEvalJob]:
        service = self.service
        jobs = await asyncio.to_thread(service.jobs, "eval")
        return [self._job(service, job) for job in jobs if token and job.token == token]

    async def adopt(self, job_id: str) -> DummyEvalJob:
        service = self.service
        return self._job(service, await asyncio.to_thread(service.read, job_id, "eval"))

    async def ping(self) -> None:
        await self.service.ping(self._options)

    def account(self) -> Mapping[str, Any]:
        return {} if self._options.service is None else {"service": str(self.service.directory)}

    def _job(self, service: DummyService, job: DummyJob) -> DummyEvalJob:
        handle = DummyEvalJob(service, job.job_id)
        handle.take(job)
        return handle


def _samples(model_id: str, task: str, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(1, request["limit"] + 1):
        for epoch in range(1, request["epochs"] + 1):
            name = "\0".join([model_id, task, str(number), str(epoch)])
            right = hashlib.sha256(name.encode()).digest()[0] % 2
            yield {
                "id": str(number),
                "epoch": epoch,
                "task": task,
                "input": f"question {number}",
                "target": "yes",
                "output": "yes" if right else "no",
                "scores": {SCORER: float(right)},
            }


def _metrics(scores: Sequence[float]) -> dict[str, float]:
    mean = sum(scores) / len(scores)
    return {"accuracy": mean, "stderr": sqrt(mean * (1 - mean) / max(1, len(scores) - 1))}


__all__ = ["DummyEvalBackend", "DummyEvalJob", "DummyEvalOptions", "DummyEvalParameters", "DummyEvalSettings"]
