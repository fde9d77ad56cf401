"""The two classes of a training plugin: a backend that starts runs, and the run that is waited on.

A plugin's author subclasses both and implements the abstract methods; everything else has a default that is safe, and
each optional power is declared in `capabilities`. Neither class has a constructor to call. This module is imported
whenever a backend is looked up, so it imports nothing that costs more than the look-up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from os import PathLike
    from typing import Any, ClassVar, Self, TypeAlias

    from motools.datasets import Dataset, Format
    from motools.status import Capability, Progress, RunStatus
    from motools.training.checkpoint import Checkpoint
    from motools.training.estimate import Estimate
    from motools.training.limits import Limits

    DatasetLike: TypeAlias = "str | PathLike[str] | Dataset | Iterable[Mapping[str, Any]]"


class TrainingRun(ABC):
    """One piece of training work, at a service or on this machine.

    A handle: it can be waited on, polled, cancelled, saved, and loaded in another process. Nothing secret is ever part
    of it. Reading an attribute never talks to the service; `refresh` does.
    """

    job_id: str = ""
    """What the service calls this run."""
    model_id: str | None = None
    """The trained model, once there is one."""
    status: RunStatus = "queued"  # type: ignore[assignment]  # equal to RunStatus.QUEUED; enum costs more than a look-up
    """As of the last contact with the service; a plain string such as "running" may be assigned."""
    progress: Progress | None = None
    """How far it is, as of the last contact, where the service says; `wait` keeps it up to date while it waits."""
    is_paused: bool = False
    """Whether it is held, as of the last contact, with `Capability.PAUSE`; its status is then what it was before."""
    estimate: Estimate | None = None
    """What it was expected to cost, where that was estimated before it was submitted."""
    metadata: Mapping[str, Any] = MappingProxyType({})
    """JSON-safe facts about the run that are worth keeping. `trained_tokens` and `cost` (in US dollars, None where it is
    not known) are what was billed, once the service says so."""

    @abstractmethod
    async def wait(self) -> str:
        """Wait until the run has ended and return the trained model's id.

        Raises `RunFailed` or `RunCancelled` when there is no model. Cancelling the wait does not cancel the run, and a
        run may be waited on any number of times.
        """

    @abstractmethod
    async def is_complete(self) -> bool:
        """Ask whether the run has ended: succeeded, failed or cancelled."""

    @abstractmethod
    async def refresh(self) -> None:
        """Bring the attributes up to date with the service."""

    @abstractmethod
    async def cancel(self) -> None:
        """Ask the service to stop the run. A run that has ended stays as it is: that is not an error."""

    @abstractmethod
    async def save(self, path: str | PathLike[str]) -> None:
        """Write a JSON object from which `load` can go on, atomically and without secrets."""

    @classmethod
    @abstractmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote, in this or another process."""

    async def resume(self) -> bool:
        """Take up work again that was interrupted, without waiting for it; say whether there was any.

        The default does nothing: a service goes on by itself.
        """
        return False

    async def pause(self) -> None:
        """Ask the service to hold the run until `unpause`. Needs `Capability.PAUSE`.

        A run that has ended, or is paused, stays as it is: that is not an error.
        """
        raise TypeError(f"{type(self).__name__} does not implement pausing (Capability.PAUSE).")

    async def unpause(self) -> None:
        """Let a run that was paused go on. Needs `Capability.PAUSE`. One that is not paused stays as it is."""
        raise TypeError(f"{type(self).__name__} does not implement pausing (Capability.PAUSE).")

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        """Return what was measured while training, a row for each step at which something was. Needs `Capability.METRICS`.

        Rows are in the order of their `step`, which counts from 1. The other fields have the service's names where
        they are not among `loss`, `learning_rate`, `validation_loss`, `accuracy` and `validation_accuracy`; what was
        not measured at a step is left out. Values are numbers, strings or None.
        """
        raise TypeError(f"{type(self).__name__} does not implement metrics() (Capability.METRICS).")

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Return the checkpoints that are there, in the order of their steps. Needs `Capability.CHECKPOINTS`."""
        raise TypeError(f"{type(self).__name__} does not implement checkpoints() (Capability.CHECKPOINTS).")

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        """Delete one of `checkpoints()` at the service, for good. Needs `Capability.CHECKPOINTS`.

        Raises `UsageError` where there is no such checkpoint, or the service lets nobody delete it.
        """
        raise TypeError(f"{type(self).__name__} has no checkpoints to delete {checkpoint_id!r} of.")

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield the run's log line by line; with `follow`, until the run has ended. Needs `Capability.LOGS`."""
        del follow
        lines: tuple[str, ...] = ()
        for line in lines:
            yield line

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id or '(not submitted)'} {self.status}>"


class TrainingBackend(ABC):
    """Starts training runs at one service.

    A stateless factory: whatever belongs to one piece of work is in the run. Constructing one imports no SDK and reads
    no key; the first call that needs them does.
    """

    name: str = ""
    """The entry point's name. The registry fills it in; a class that states it has one key however it is reached."""
    run_type: ClassVar[type[TrainingRun] | None] = None
    """The class of the runs. Without it, the class that `train` returned is recorded with each run."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """The optional powers that this backend has."""
    takes_ticket: bool | None = None
    """Whether `train` takes the keyword `ticket`; None where that is so exactly if the backend declares `FIND`."""
    find_lag: ClassVar[float | None] = None
    """Seconds after a paid call was given up, timeouts included, by when `find` returns what it started: what is not
    found then was not submitted, and is submitted again. None where that is never certain: then a person is asked."""
    dataset_keywords: ClassVar[tuple[str, ...]] = ()
    """Keywords of `train` that are datasets, as `validation`: like the dataset itself they are keyed by their bytes,
    validated, and must not change until they have been read."""
    version: ClassVar[int] = 1
    """Raised by hand when the same request would give another result; part of the cache key."""
    key_variables: ClassVar[tuple[str, ...]] = ()
    """The environment variables that hold the service's keys: `motools doctor` says which are set, and never to what."""
    Settings: ClassVar[type | None] = None
    """Types, ranges and defaults of constructor options and hyperparameters; see `motools.settings`."""

    @abstractmethod
    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        """Start a run and return its handle without waiting for the result.

        `dataset` is a path to chat JSONL (one `{"messages": [...]}` object a line), a `Dataset`, or records;
        `Dataset.of(dataset)` reads any of them. `suffix` is a word for the trained model's name. A backend with
        `Capability.FIND` also takes `ticket`, a `motools.Ticket`, and makes the one call that costs money inside
        `ticket.paying()`.

        Raises `SubmitRejected`, `SubmitUnavailable` or `SubmitUncertain` when no run was started, or may not have been.
        """

    async def find(self, token: str) -> Sequence[TrainingRun]:
        """Return every run that was submitted with this token, oldest first. Needs `Capability.FIND`."""
        raise TypeError(
            f"{type(self).__name__} does not implement find() (Capability.FIND), so it cannot look for {token!r}."
        )

    async def find_noted(self, token: str, notes: Mapping[str, Any]) -> Sequence[TrainingRun]:
        """As `find`, for a paid call that was noted: `notes` are what `ticket.paying` was given, empty for nothing.

        For services that may not carry the token. Whoever cannot be certain raises, as what is not found is submitted
        again. The default leaves the notes aside.
        """
        del notes
        return await self.find(token)

    async def identify(self, model: str) -> Any:
        """Return what a base model's name stands for: it takes the name's place in the cache key.

        The default is the name. A backend whose models are files returns a digest of the weights, so that other
        weights at the same place are another key, and the same weights at another place are not.
        """
        return model

    async def adopt(self, job_id: str) -> TrainingRun:
        """Return the run that the service has under this id, however it was submitted. Needs `Capability.ADOPT`.

        The run is up to date with the service. Its `metadata` says what the service knows of the request, under the
        names `model`, `dataset` (a digest), `hyperparameters` and `suffix`: whoever adopts it is held to that. Raises
        `RunLost` where the service knows no such run.
        """
        raise TypeError(
            f"{type(self).__name__} does not implement adopt() (Capability.ADOPT), so it cannot take over {job_id!r}."
        )

    async def has_model(self, model_id: str) -> bool:
        """Ask whether a trained model is still there. Needs `Capability.MODELS`."""
        raise TypeError(
            f"{type(self).__name__} does not implement has_model() (Capability.MODELS): it cannot look for {model_id!r}."
        )

    def formats(self) -> Mapping[str, Format]:
        """Return the formats of training data that this backend takes, by name; the first is that of a plain request.

        The default is chat conversations, by the rules that hold everywhere.
        """
        from motools.datasets.formats import CHAT_FORMAT

        return {CHAT_FORMAT.name: CHAT_FORMAT}

    def format_of(self, model: str, arguments: Mapping[str, Any]) -> str:
        """Return the name of the format that a request's data must have, by its model and its other keywords."""
        del model, arguments
        return next(iter(self.formats()))

    async def estimate(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> Estimate:
        """Say what `train` with these arguments would cost, submitting and uploading nothing. Needs `Capability.ESTIMATE`.

        `ticket` is not among them. What is not known is None and never 0: a `budget` layer goes by the cost alone.
        """
        del dataset, hyperparameters, suffix, kwargs
        raise TypeError(
            f"{type(self).__name__} does not implement estimate() (Capability.ESTIMATE): what {model!r} costs is unknown."
        )

    async def limits(self, model: str) -> Limits:
        """Say how many runs of a base model this account may have, and has. Needs `Capability.LIMITS`."""
        raise TypeError(
            f"{type(self).__name__} does not implement limits() (Capability.LIMITS): those of {model!r} are unknown."
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
        """Release connections. Runs stay as they are."""


__all__ = ["TrainingBackend", "TrainingRun"]
