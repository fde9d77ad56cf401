"""A training backend that trains nothing: instant, free, and as slow or faulty as it is told to be.

backend = DummyTrainingBackend(duration=5, fail="out of memory")
backend.service.jobs()         # what was submitted, by any process
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from motools.datasets import Dataset
from motools.dummy import DummyHandle, DummyJob, DummyOptions, DummyService
from motools.errors import SettingError
from motools.handles import read_handle, write_handle
from motools.settings import Range, Settings, check
from motools.status import Capability
from motools.training.base import TrainingBackend, TrainingRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from typing import Self

    from motools.cache.base import Ticket
    from motools.training.base import DatasetLike


@dataclass(frozen=True, kw_only=True)
class DummyHyperparameters:
    """What can be set; none of it has an effect."""

    n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 1
    learning_rate: Annotated[float, Range(gt=0), "the peak of the schedule"] = 1e-4
    batch_size: Annotated[int, Range(ge=1), "examples in a step"] = 8


class DummyTrainingSettings(Settings):
    """Everything that a dummy training can be told."""

    Options = DummyOptions
    Hyperparameters = DummyHyperparameters


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

    def take(self, job: DummyJob) -> None:
        super().take(job)
        self.model_id = job.model_id if self.status == "succeeded" else None


class DummyTrainingBackend(TrainingBackend):
    """Trains nothing; `DummyOptions` are its keywords, and `service` is what it submits to."""

    name = "dummy"
    run_type = DummyTrainingRun
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FIND, Capability.LOGS, Capability.ADOPT, Capability.MODELS}
    )
    find_lag = 0.0
    dataset_keywords = ("validation",)
    Settings = DummyTrainingSettings

    def __init__(self, **options: Any) -> None:
        self._options = check(DummyOptions, options, who="The dummy backend", what="option")

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
        if kwargs:
            raise SettingError(f"The dummy backend's train() takes no {next(iter(kwargs))!r}. Known: seed, validation.")
        settings = check(DummyHyperparameters, hyperparameters or {}, who="The dummy backend")
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
        jobs = await asyncio.to_thread(self.service.jobs, "training")
        return any(job.model_id == model_id for job in jobs)

    def account(self) -> Mapping[str, Any]:
        return {} if self._options.service is None else {"service": str(self.service.directory)}

    def _run(self, service: DummyService, job: DummyJob) -> DummyTrainingRun:
        run = DummyTrainingRun(service, job.job_id)
        run.take(job)
        return run


__all__ = ["DummyHyperparameters", "DummyTrainingBackend", "DummyTrainingRun", "DummyTrainingSettings"]
