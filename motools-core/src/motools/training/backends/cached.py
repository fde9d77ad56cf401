"""Training that is paid for once: the layer that keeps the record, and the run that comes of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from motools.cache.arguments import check_arguments
from motools.cache.asking import Asked, Asker
from motools.cache.cached import CachedHandle
from motools.cache.digests import digest
from motools.cache.keys import settled, settled_arguments, training_spec
from motools.cache.kinds import TRAINING
from motools.cache.paid import ESTIMATE
from motools.errors import UsageError
from motools.training.base import TrainingRun
from motools.training.estimate import Estimate
from motools.training.estimated import EstimatedTrainingBackend
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from motools.cache.base import CacheBackend, Draft, Ledger
    from motools.cache.digests import Digested
    from motools.events import Notify
    from motools.status import Progress, RunStatus
    from motools.training.base import DatasetLike, TrainingBackend
    from motools.training.checkpoint import Checkpoint


class CachedTrainingRun(CachedHandle, TrainingRun):
    """A training run with its record. `is_hit` and `recorded_at` say whether and when its result was recorded."""

    @property
    def job_id(self) -> str:  # type: ignore[override]  # read-only: the record owns it
        return self._job_id()

    @property
    def model_id(self) -> str | None:  # type: ignore[override]
        return self.record.model_id or (None if self._inner is None else self._inner.model_id)

    @property
    def status(self) -> RunStatus:  # type: ignore[override]
        return self._status()

    @property
    def progress(self) -> Progress | None:  # type: ignore[override]
        return self._progress()

    @property
    def is_paused(self) -> bool:  # type: ignore[override]
        return not self.record.state.is_ended and bool(getattr(self._inner, "is_paused", False))

    @property
    def metadata(self) -> Mapping[str, Any]:  # type: ignore[override]
        return self._metadata()

    @property
    def estimate(self) -> Estimate | None:  # type: ignore[override]
        recorded = self.record.details.get(ESTIMATE)
        return Estimate.from_dict(recorded) if recorded else None

    async def wait(self) -> str:
        return str((await self._ended()).model_id)

    async def pause(self) -> None:
        await (await self._follow()).handle.pause()

    async def unpause(self) -> None:
        await (await self._follow()).handle.unpause()

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        rows: Sequence[Mapping[str, Any]] = await (await self._follow()).handle.metrics()
        return rows

    async def checkpoints(self) -> Sequence[Checkpoint]:
        found: Sequence[Checkpoint] = await (await self._follow()).handle.checkpoints()
        return found

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        await (await self._follow()).handle.delete_checkpoint(checkpoint_id)


class CachedTrainingBackend(TrainingMiddleware):
    """Have each training done once, whoever asks and whatever dies.

    A recorded result answers at once; a run that is under way is attached to; a failed one is shown, and repeated with
    `retry_failed=True`. `cache` is a `Ledger`, or a `CacheBackend` that only remembers results. `clock` gives the seconds
    since the epoch, as the ledger's does. `layers` are the names of the layers that a request passes, which are recorded.
    """

    def __init__(
        self,
        backend: TrainingBackend,
        cache: CacheBackend | Ledger,
        *,
        notify: Notify | None = None,
        clock: Callable[[], float] = time.time,
        layers: Sequence[str] = (),
    ) -> None:
        super().__init__(backend)
        self._asker = Asker(backend, cache, TRAINING, notify, clock, layers)

    async def train(  # noqa: PLR0913 (the keywords of the cache, beside those of the contract)
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        replicate: int = 0,
        refresh: bool = False,
        retry_failed: bool = False,
        label: str | None = None,
        tags: Collection[str] = (),
        estimate: bool = False,
        **kwargs: Any,
    ) -> CachedTrainingRun:
        """Return the run of this request, which is started only if nobody has asked for it before.

        `replicate` asks for another draw of the same request, `refresh` for a new run in place of a recorded result,
        `retry_failed` for another attempt where one failed. `label` and `tags` are recorded with a new run, to find it
        by. With `estimate` so is what it is expected to cost, estimated before it is submitted; a `budget` layer does
        that anyway. None of these reaches the backend.
        """
        backend = _estimating(self._backend) if estimate else self._backend
        asked = Asked(replicate=replicate, refresh=refresh, retry_failed=retry_failed, label=label, tags=tags)
        draft, digested, further = await self._drafted(asked, dataset, model, hyperparameters, suffix, kwargs)
        sources = {name: each.source for name, each in further.items()}

        def start(more: Mapping[str, Any]) -> Awaitable[Any]:
            keywords = {**kwargs, **sources, **more}
            check_arguments(backend, "train", keywords)
            return backend.train(digested.source, model, hyperparameters, suffix, **keywords)

        return await self._asker.ask(draft, asked, start, CachedTrainingRun, (digested, *further.values()))

    async def draft(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        replicate: int = 0,
        label: str | None = None,
        tags: Collection[str] = (),
        **kwargs: Any,
    ) -> Draft:
        """Return what `train` would ask for, with its key. Nothing is submitted."""
        asked = Asked(replicate=replicate, label=label, tags=tags)
        return (await self._drafted(asked, dataset, model, hyperparameters, suffix, kwargs))[0]

    async def estimate(  # noqa: PLR0913 (the same)
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        replicate: int = 0,
        refresh: bool = False,
        retry_failed: bool = False,
        label: str | None = None,
        tags: Collection[str] = (),
        estimate: bool = False,
        **kwargs: Any,
    ) -> Estimate:
        """Say what a new run would cost; where `train` with the same arguments is a hit, nothing would be paid."""
        del replicate, refresh, retry_failed, label, tags, estimate
        return await super().estimate(dataset, model, hyperparameters, suffix, **kwargs)

    async def adopt(
        self,
        job_id: str,
        dataset: DatasetLike | None = None,
        model: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        replicate: int = 0,
        label: str | None = None,
        tags: Collection[str] = (),
        **kwargs: Any,
    ) -> CachedTrainingRun:
        """Record a run that was paid for by other means, and return it.

        With the dataset, model and settings that it was trained with, the same request is a hit from then on. Raises
        `UsageError` where it is recorded already for something else, or where the service says otherwise.
        """
        asked, draft = Asked(replicate=replicate, label=label, tags=tags), None
        if dataset is not None and model is not None:
            draft, *_ = await self._drafted(asked, dataset, model, hyperparameters, suffix, kwargs)
        elif dataset is not None or model is not None or hyperparameters or suffix or kwargs or replicate:
            raise UsageError("A run is adopted with what it was trained on, dataset and model, or with neither.")
        return await self._asker.adopt(job_id, draft, asked, CachedTrainingRun)

    async def _drafted(
        self,
        asked: Asked,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None,
        suffix: str | None,
        given: Mapping[str, Any],
    ) -> tuple[Draft, Digested, dict[str, Digested]]:
        """Return what is asked for, the dataset, and those of the keywords that are datasets too."""
        backend, asker = self._backend, self._asker
        declared = getattr(backend.Settings, "Hyperparameters", None)
        settings = settled(declared, hyperparameters, who=f"The {asker.name} backend")
        arguments = settled_arguments(backend.Settings, given, who=f"The {asker.name} backend")
        digested = await digest(dataset, asker.memo, asker.flights)
        further = {}
        if named := [name for name in backend.dataset_keywords if name in arguments]:
            for name in named:
                if (source := arguments.pop(name)) is not None:
                    further[name] = await digest(source, asker.memo, asker.flights)
                    arguments[name] = {"dataset": further[name].sha256}
        spec = training_spec(
            backend=asker.name,
            version=backend.version,
            account=backend.account(),
            model=await backend.identify(model),
            dataset=digested.sha256,
            hyperparameters=settings,
            suffix=suffix,
            arguments=arguments,
            replicate=asked.replicate,
            package=asker.package,
        )
        return asker.draft(asked, model, spec), digested, further


def _estimating(backend: TrainingBackend) -> TrainingBackend:
    """Return a backend with a layer that estimates around it, unless it has one. Raises `SettingError` where it cannot."""
    layer = backend
    while isinstance(layer, TrainingMiddleware):
        if isinstance(layer, EstimatedTrainingBackend):
            return backend
        layer = layer._backend
    return EstimatedTrainingBackend(backend)


__all__ = ["CachedTrainingBackend", "CachedTrainingRun"]
