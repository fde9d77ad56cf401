"""The classes of an evaluation plugin: a backend that starts jobs, the job, and its results.

The same rules as in `motools.training.base`: abstract methods are all that an author must write, no constructor has to
be called, and importing this module costs next to nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from os import PathLike
    from typing import Any, ClassVar, Self, TypeAlias

    from motools.status import Capability, Progress, RunStatus

    Metrics: TypeAlias = "Mapping[str, Mapping[str, Mapping[str, float | None]]]"


class EvalResults:
    """What an evaluation measured.

    `metrics[task][scorer][metric]` is a number, or None where the framework gave none. A standard error is a metric of
    its own, named `stderr`. `samples` are mappings with `id`, `epoch`, `task`, `input`, `target`, `output` and
    `scores` (scorer -> value); a subclass may read them lazily. `metadata` is JSON-safe.
    """

    model_id: str
    metrics: Metrics
    samples: Sequence[Mapping[str, Any]]
    metadata: Mapping[str, Any]

    def __init__(
        self,
        *,
        model_id: str,
        metrics: Metrics,
        samples: Sequence[Mapping[str, Any]] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.model_id = model_id
        self.metrics = metrics
        self.samples = samples
        self.metadata = dict(metadata or {})

    def summary(self) -> str:
        """Return a plain-text table: a line for each task, scorer and metric."""
        from motools.evals.summary import table

        return table(self)

    async def save(self, path: str | PathLike[str]) -> None:
        """Write the results as one JSON object, atomically. NaN and infinities, which JSON has not, become null."""
        from motools.files import finite, write_json

        fields = {
            "schema": 1,
            "kind": "results",
            "model_id": self.model_id,
            "metrics": self.metrics,
            "samples": list(self.samples),
            "metadata": self.metadata,
        }
        await write_json(path, finite(fields))

    @classmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote. Raises `HandleError` where that is not possible."""
        from motools.files import read_json

        return cls.from_fields(await read_json(path, required=("model_id", "metrics")))

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return what the JSON object that `save` wrote amounts to; a subclass that saves more overrides this.

        Where samples are many, a subclass may save `samples_file`, of `motools.evals.samples`, in their place.
        """
        samples = fields.get("samples", ())
        if elsewhere := fields.get("samples_file"):
            from motools.evals.samples import Samples

            samples = Samples.from_fields(elsewhere)
        return cls(
            model_id=fields["model_id"],
            metrics=fields["metrics"],
            samples=samples,
            metadata=fields.get("metadata"),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.model_id}: {', '.join(self.metrics) or 'no tasks'}>"


class EvalJob(ABC):
    """One evaluation of one model: a handle, as `TrainingRun` is one."""

    job_id: str = ""
    """What the framework calls this job."""
    model_id: str = ""
    """The model under evaluation."""
    status: RunStatus = "queued"  # type: ignore[assignment]  # equal to RunStatus.QUEUED; enum costs more than a look-up
    """As of the last contact; a plain string such as "running" may be assigned."""
    progress: Progress | None = None
    """Samples done, as of the last contact, where the framework says."""
    metadata: Mapping[str, Any] = MappingProxyType({})
    """JSON-safe facts about the job that are worth keeping."""

    @abstractmethod
    async def wait(self) -> EvalResults:
        """Wait until the job has ended and return its results. Raises `RunFailed` or `RunCancelled`."""

    @abstractmethod
    async def is_complete(self) -> bool:
        """Ask whether the job has ended: succeeded, failed or cancelled."""

    @abstractmethod
    async def refresh(self) -> None:
        """Bring the attributes up to date."""

    @abstractmethod
    async def cancel(self) -> None:
        """Stop the job. A job that has ended stays as it is: that is not an error."""

    @abstractmethod
    async def get_results(self) -> EvalResults:
        """Return the results of a job that has ended, without waiting. Raises `RunFailed` where there are none."""

    @abstractmethod
    async def save(self, path: str | PathLike[str]) -> None:
        """Write a JSON object from which `load` can go on, atomically and without secrets."""

    @classmethod
    @abstractmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote, in this or another process."""

    def get_log_paths(self) -> list[str]:
        """Return where the framework's own logs are: paths or URLs."""
        return []

    async def resume(self) -> bool:
        """Take up work again that was interrupted, without waiting for it; say whether there was any.

        The default does nothing: a service goes on by itself.
        """
        return False

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield the job's log line by line; with `follow`, until the job has ended. Needs `Capability.LOGS`."""
        del follow
        lines: tuple[str, ...] = ()
        for line in lines:
            yield line

    async def view_command(self) -> Sequence[str]:
        """Return the program, and its arguments, that shows the job's logs as the framework does. Needs `Capability.VIEW`."""
        raise TypeError(f"{type(self).__name__} has no viewer.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id or '(not submitted)'} {self.status}>"


class EvalBackend(ABC):
    """Starts evaluations with one framework. Stateless, as `TrainingBackend` is."""

    name: str = ""
    """The entry point's name; see `TrainingBackend.name`."""
    job_type: ClassVar[type[EvalJob] | None] = None
    """The class of the jobs. Without it, the class that `evaluate` returned is recorded with each job."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """The optional powers that this backend has."""
    takes_ticket: bool | None = None
    """Whether `evaluate` takes the keyword `ticket`; None where that is so exactly if the backend declares `FIND`."""
    find_lag: ClassVar[float | None] = None
    """Seconds after a paid call was given up, timeouts included, by when `find` returns what it started: what is not
    found then was not submitted, and is submitted again. None where that is never certain: then a person is asked."""
    version: ClassVar[int] = 1
    """Raised by hand when the same request would give another result; part of the cache key."""
    key_variables: ClassVar[tuple[str, ...]] = ()
    """The environment variables that hold the service's keys: `motools doctor` says which are set, and never to what."""
    Settings: ClassVar[type | None] = None
    """Types, ranges and defaults of constructor options and keywords; see `motools.settings`."""

    @abstractmethod
    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> EvalJob:
        """Start an evaluation and return its handle without waiting for the result.

        `eval_suite` names one task or is a list of names, in the framework's own words.
        """

    async def identify(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Mapping[str, Any]:
        """Return what would be measured, by content: it becomes part of the cache key.

        The default is the request as it was made. A backend whose tasks are code or data on disk returns their
        digests, so that an edited task is another key.
        """
        del model_id  # it is in the key already
        return {"eval_suite": eval_suite, "kwargs": kwargs}

    async def find(self, token: str) -> Sequence[EvalJob]:
        """Return every job that was submitted with this token, oldest first. Needs `Capability.FIND`."""
        raise TypeError(
            f"{type(self).__name__} does not implement find() (Capability.FIND), so it cannot look for {token!r}."
        )

    async def find_noted(self, token: str, notes: Mapping[str, Any]) -> Sequence[EvalJob]:
        """As `find`, with what `ticket.paying` was given; see `TrainingBackend.find_noted`."""
        del notes
        return await self.find(token)

    async def adopt(self, job_id: str) -> EvalJob:
        """Return the job that the framework has under this id, up to date. Needs `Capability.ADOPT`."""
        raise TypeError(
            f"{type(self).__name__} does not implement adopt() (Capability.ADOPT), so it cannot take over {job_id!r}."
        )

    def account(self) -> Mapping[str, Any]:
        """Return what separates one account from another: base URL, organisation, project. Never from a key."""
        return {}

    async def ping(self) -> None:
        """Ask the service for something small and free, with the key. Needs `Capability.PING`.

        Raises a `MotoolsError` that says why there was no good answer: no key, one that is refused, nobody there.
        """
        raise TypeError(
            f"{type(self).__name__} does not implement ping() (Capability.PING): it cannot ask whether it is there."
        )

    async def aclose(self) -> None:
        """Release connections. Jobs stay as they are."""


__all__ = ["EvalBackend", "EvalJob", "EvalResults"]
