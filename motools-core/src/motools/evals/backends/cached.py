"""Evaluation that is paid for once: the layer that keeps the record, and the job that comes of it."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from motools.cache.arguments import check_arguments
from motools.cache.asking import Asked, Asker
from motools.cache.cached import CachedHandle, ended_badly
from motools.cache.keys import eval_spec, settled_arguments
from motools.cache.kinds import EVAL, class_path, unpack
from motools.cache.missing import missed
from motools.cache.states import State
from motools.errors import CacheCorrupt, ModelNotFound, UsageError
from motools.evals.base import EvalJob, EvalResults
from motools.evals.middleware import EvalMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from motools.cache.base import CacheBackend, Draft, Ledger, Record
    from motools.evals.base import EvalBackend
    from motools.events import Notify
    from motools.status import Progress, RunStatus


class CachedEvalJob(CachedHandle, EvalJob):
    """An evaluation job with its record. `is_hit` and `recorded_at` say whether and when its results were recorded."""

    _results: EvalResults | None = None

    @property
    def job_id(self) -> str:  # type: ignore[override]  # read-only: the record owns it
        return self._job_id()

    @property
    def model_id(self) -> str:  # type: ignore[override]
        return self.record.model

    @property
    def status(self) -> RunStatus:  # type: ignore[override]
        return self._status()

    @property
    def progress(self) -> Progress | None:  # type: ignore[override]
        return self._progress()

    @property
    def metadata(self) -> Mapping[str, Any]:  # type: ignore[override]
        return self._metadata()

    async def wait(self) -> EvalResults:
        return await self._recorded(await self._ended())

    async def get_results(self) -> EvalResults:
        record = await self._look()
        if record.state is State.SUCCEEDED:
            return await self._recorded(record)
        if record.state.is_ended:
            raise ended_badly(record)
        following = await self._follow()
        results: EvalResults = await following.handle.get_results()
        await following.is_complete()
        return results

    async def view_command(self) -> Sequence[str]:
        command: Sequence[str] = await (await self._follow()).handle.view_command()
        return command

    def get_log_paths(self) -> list[str]:
        if self._inner is not None:
            return list(self._inner.get_log_paths())
        return list(self.record.details.get("log_paths", ()))

    async def _recorded(self, record: Record) -> EvalResults:
        """Return the results: those that the job gave in this process, else what was recorded of them."""
        live = self._following.value if self._following else None
        if self._results is None and isinstance(live, EvalResults):
            self._results = live
        if self._results is None:
            if record.results is None:  # a list of records leaves them out
                record = await self._ledger.read(record.key) or record
            self._results = await _revived(record, self._backend_class)
        return self._results


class CachedEvalBackend(EvalMiddleware):
    """Have each evaluation done once; see `motools.training.backends.cached.CachedTrainingBackend`."""

    def __init__(
        self,
        backend: EvalBackend,
        cache: CacheBackend | Ledger,
        *,
        notify: Notify | None = None,
        clock: Callable[[], float] = time.time,
        layers: Sequence[str] = (),
    ) -> None:
        super().__init__(backend)
        self._asker = Asker(backend, cache, EVAL, notify, clock, layers)

    async def evaluate(
        self,
        model_id: str,
        eval_suite: Any,
        *,
        replicate: int = 0,
        refresh: bool = False,
        retry_failed: bool = False,
        label: str | None = None,
        tags: Collection[str] = (),
        **kwargs: Any,
    ) -> CachedEvalJob:
        """Return the job of this request, which is started only if nobody has asked for it before.

        The keywords of the cache are those of the cached `train`.
        """
        asked = Asked(replicate=replicate, refresh=refresh, retry_failed=retry_failed, label=label, tags=tags)

        def start(more: Mapping[str, Any]) -> Awaitable[Any]:
            check_arguments(self._backend, "evaluate", {**kwargs, **more})
            return self._backend.evaluate(model_id, eval_suite, **kwargs, **more)

        try:
            return await self._asker.ask(
                await self._drafted(asked, model_id, eval_suite, kwargs),
                asked,
                start,
                CachedEvalJob,
            )
        except ModelNotFound as error:
            if (explained := await missed(error, model_id, self._asker.ledger)) is None:
                raise
            raise explained from error

    async def draft(
        self,
        model_id: str,
        eval_suite: Any,
        *,
        replicate: int = 0,
        label: str | None = None,
        tags: Collection[str] = (),
        **kwargs: Any,
    ) -> Draft:
        """Return what `evaluate` would ask for, with its key. Nothing is submitted."""
        asked = Asked(replicate=replicate, label=label, tags=tags)
        return await self._drafted(asked, model_id, eval_suite, kwargs)

    async def adopt(
        self,
        job_id: str,
        model_id: str | None = None,
        eval_suite: Any = None,
        *,
        replicate: int = 0,
        label: str | None = None,
        tags: Collection[str] = (),
        **kwargs: Any,
    ) -> CachedEvalJob:
        """Record a job that was run by other means; see the cached training backend's `adopt`."""
        asked, draft = Asked(replicate=replicate, label=label, tags=tags), None
        if model_id is not None and eval_suite is not None:
            draft = await self._drafted(asked, model_id, eval_suite, kwargs)
        elif model_id is not None or eval_suite is not None or kwargs or replicate:
            raise UsageError("A job is adopted with what it measured, model and tasks, or with neither.")
        return await self._asker.adopt(job_id, draft, asked, CachedEvalJob)

    async def _drafted(self, asked: Asked, model_id: str, eval_suite: Any, arguments: Mapping[str, Any]) -> Draft:
        backend, asker = self._backend, self._asker
        who, parts = f"The {asker.name} backend", ("Hyperparameters", "Keywords")
        settled = settled_arguments(backend.Settings, arguments, who=who, parts=parts)
        spec = eval_spec(
            backend=asker.name,
            version=backend.version,
            account=backend.account(),
            model=model_id,
            measured=await backend.identify(model_id, eval_suite, **settled),
            replicate=asked.replicate,
            package=asker.package,
        )
        return asker.draft(asked, model_id, spec)


async def _revived(record: Record, backend_class: type | None) -> EvalResults:
    """Return recorded results in the class they had, where that is the backend's own; else in the plain one."""
    if record.results is None:
        raise CacheCorrupt(f"The {EVAL.describe(record)} is recorded as succeeded, but without results.")
    if record.results_class not in {None, class_path(EvalResults)}:
        found = _own_class(str(record.results_class), backend_class or _backend_class(record))
        if found is not None:
            return await _as_saved(found, record.results)
    return EvalResults.from_fields(record.results)


async def _as_saved(found: type[EvalResults], fields: Mapping[str, Any]) -> EvalResults:
    """Return results of a class of their own, by way of a file only where that class reads files in a way of its own."""
    if found.load.__func__ is EvalResults.load.__func__:  # type: ignore[attr-defined]  # of a class method
        return found.from_fields(fields)
    revived: EvalResults = await unpack(found, fields)
    return revived


def _own_class(path: str, backend_class: type | None) -> type[EvalResults] | None:
    """Return a recorded class of results, if it is of the backend's own package and still there."""
    module, _, name = path.partition(":")
    if backend_class is None or module.partition(".")[0] != backend_class.__module__.partition(".")[0]:
        return None
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, EvalResults) else None


def _backend_class(record: Record) -> type | None:
    from motools.errors import MotoolsError
    from motools.plugins.saved import backend_class_of

    try:
        return backend_class_of(record.backend, EVAL.name)
    except MotoolsError:
        return None


__all__ = ["CachedEvalBackend", "CachedEvalJob"]
