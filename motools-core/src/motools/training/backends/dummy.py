"""A training backend that trains nothing: instant, free, and as slow or faulty as it is told to be.

backend = DummyTrainingBackend(duration=5, fail="out of memory")
backend.service.jobs()         # what was submitted, by any process
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from motools.datasets import Dataset
from motools.dummy import DummyHandle, DummyJob, DummyOptions, DummyService
from motools.handles import read_handle, write_handle
from motools.settings import Range, Settings, check
from motools.status import Capability
from motools.training.base import TrainingBackend, TrainingRun
from motools.training.estimate import Estimate
from motools.training.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from typing import Self

    from motools.cache.base import Ticket
    from motools.training.base import DatasetLike
    from motools.training.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class DummyTrainingOptions(DummyOptions):
    """How the service behaves, what it keeps and what it charges."""

    save_every: Annotated[int, Range(ge=1), "steps between two checkpoints"] = 5
    price: Annotated[float | None, Range(ge=0), "what 1,000 tokens cost; by default nobody knows"] = None


@dataclass(frozen=True, kw_only=True)
class DummyHyperparameters:
    """What can be set; none of it has an effect."""

    n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 1
    learning_rate: Annotated[float, Range(gt=0), "the peak of the schedule"] = 1e-4
    batch_size: Annotated[int, Range(ge=1), "examples in a step"] = 8


@dataclass(frozen=True, kw_only=True)
class DummyKeywords:
    """Further keywords of `train`."""

    seed: Annotated[int | None, "a number that makes it another run"] = None
    validation: Annotated[Any, "a second dataset, which is read"] = None


class DummyTrainingSettings(Settings):
    """Everything that a dummy training can be told."""

    Options = DummyTrainingOptions
    Hyperparameters = DummyHyperparameters
    Keywords = DummyKeywords


class DummyTrainingRun(DummyHandle, TrainingRun):
    """A training at the dummy service."""

    async def wait(self) -> str:
        await self._succeeded()
        if self.model_id is None:
            await self.refresh()
        return str(self.model_id)

    async def save(self, path: str | PathLike[str]) -> None:
        await write_handle(path, self, backend="dummy", service=str(self.service.directory))

    @classmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        fields = await read_handle(path, kind="training")
        run = cls._restored(fields, path)
        run.model_id = fields["model_id"]
        return run

    async def pause(self) -> None:
        self.take(await self.service.pause(self.job_id))

    async def unpause(self) -> None:
        self.take(await self.service.unpause(self.job_id))

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        return self.service.read(self.job_id).metrics(time.time())

    async def checkpoints(self) -> Sequence[Checkpoint]:
        return self.service.read(self.job_id).checkpoints(time.time())

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        await self.service.delete_checkpoint(self.job_id, checkpoint_id)

    def take(self, job: DummyJob) -> None:
        super().take(job)
        self.model_id = job.model_id if self.status == "succeeded" else None
        self.is_paused = job.is_paused


class DummyTrainingBackend(TrainingBackend):
    """Trains nothing; `DummyTrainingOptions` are its keywords, and `service` is what it submits to. It has every power."""

    name = "dummy"
    run_type = DummyTrainingRun
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    find_lag = 0.0
    dataset_keywords = ("validation",)
    Settings = DummyTrainingSettings

    def __init__(self, **options: Any) -> None:
        self._options = check(DummyTrainingOptions, options, who="The dummy backend", what="option")

    @property
    def service(self) -> DummyService:
        """The service that runs are submitted to."""
        return DummyService.of(self._options)

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        seed: int | None = None,
        validation: DatasetLike | None = None,
        ticket: Ticket | None = None,
        **kwargs: Any,
    ) -> DummyTrainingRun:
        """Start a run. The datasets are read, as an upload would; their digests and `seed` are in the run's metadata."""
        settings = _checked(hyperparameters, kwargs)
        digest = await asyncio.to_thread(Dataset.of(dataset).sha256)
        request: dict[str, Any] = {
            "model": model,
            "dataset": digest,
            "hyperparameters": asdict(settings),
            "suffix": suffix,
            "seed": seed,
        }
        if validation is not None:
            request["validation"] = await asyncio.to_thread(Dataset.of(validation).sha256)
        job = await self.service.submit(
            self._options,
            ticket,
            kind="training",
            model_id=":".join(["dummy", model, suffix or "", "{job_id}"]),
            request=request,
            save_every=self._options.save_every,
        )
        return self._run(self.service, job)

    async def find(self, token: str) -> Sequence[DummyTrainingRun]:
        service = self.service
        jobs = await asyncio.to_thread(service.jobs, "training")
        return [self._run(service, job) for job in jobs if token and job.token == token]

    async def adopt(self, job_id: str) -> DummyTrainingRun:
        service = self.service
        return self._run(service, await asyncio.to_thread(service.read, job_id, "training"))

    async def has_model(self, model_id: str) -> bool:
        jobs, now = await asyncio.to_thread(self.service.jobs, "training"), time.time()
        return any(model_id in job.models(now) for job in jobs)

    async def estimate(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        seed: int | None = None,
        validation: DatasetLike | None = None,
        **kwargs: Any,
    ) -> Estimate:
        del model, suffix, seed, validation
        epochs = _checked(hyperparameters, kwargs).n_epochs
        examples, words = await asyncio.to_thread(_counted, Dataset.of(dataset))
        tokens, price = epochs * words, self._options.price
        said = (
            "The dummy service has no price."
            if price is None
            else f"1,000 tokens cost {price:g}, as option 'price' says."
        )
        return Estimate(
            tokens=tokens,
            cost=None if price is None else tokens * price / 1000,
            examples=examples,
            epochs=epochs,
            is_exact=True,
            assumptions=("A token of the dummy service is a word of the dataset's file.", said),
        )

    async def limits(self, model: str) -> Limits:
        del model  # the service limits its jobs whatever they train
        live = await asyncio.to_thread(self.service.live, "training")
        ends = [end for job in live if (end := job.expected_end()) is not None]
        return Limits(concurrent=self._options.limit, live=len(live), free_at=min(ends, default=None))

    async def ping(self) -> None:
        await self.service.ping(self._options)

    def account(self) -> Mapping[str, Any]:
        return {} if self._options.service is None else {"service": str(self.service.directory)}

    def _run(self, service: DummyService, job: DummyJob) -> DummyTrainingRun:
        run = DummyTrainingRun(service, job.job_id)
        run.take(job)
        return run


def _checked(hyperparameters: Mapping[str, Any] | None, more: Mapping[str, Any]) -> DummyHyperparameters:
    """Return what a request asks for; `more` are keywords that there are not."""
    check(DummyKeywords, more, who="The dummy backend", what="keyword")
    return check(DummyHyperparameters, hyperparameters or {}, who="The dummy backend")


def _counted(dataset: Dataset) -> tuple[int, int]:
    """Return how many records a dataset has, and how many words."""
    examples = words = 0
    with dataset.open() as file:
        for line in file:
            found = len(line.split())
            examples, words = examples + bool(found), words + found
    return examples, words


__all__ = [
    "DummyHyperparameters",
    "DummyKeywords",
    "DummyTrainingBackend",
    "DummyTrainingOptions",
    "DummyTrainingRun",
    "DummyTrainingSettings",
]
