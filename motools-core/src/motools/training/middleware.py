"""A layer is a training backend that holds one."""

from __future__ import annotations

from motools.training.base import TrainingBackend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any, ClassVar

    from motools.datasets import Format
    from motools.events import RunEvent
    from motools.training.base import DatasetLike, TrainingRun
    from motools.training.estimate import Estimate
    from motools.training.limits import Limits


class TrainingMiddleware(TrainingBackend):
    """Pass everything on to the backend inside: the base of every layer, and by itself a layer that does nothing.

    A layer overrides `train`, passes on every keyword that it does not know, and says what it adds. What a backend
    declares (name, capabilities, settings…) shows through.
    """

    Options: ClassVar[type | None] = None
    """What the layer itself can be told: a frozen dataclass whose fields all have defaults. The layer is made with an
    instance of it after the backend; its fields are given where the backend's own options are."""

    inside: ClassVar[Mapping[str, str]] = {}
    """Layers that must stand outside of this one where they are there, each with what would happen otherwise; see
    `motools.middleware.order`."""
    outside: ClassVar[Mapping[str, str]] = {}
    """Layers that must stand inside of it, likewise."""
    needs: ClassVar[Mapping[str, str]] = {}
    """Layers without which it is of no use, each with why."""
    counterpart: ClassVar[type | None] = None
    """The layer of the same name around evaluation backends, where there is one; an entry point names either of the two."""
    told: Callable[[RunEvent], Awaitable[None]] | None = None
    """An asynchronous method of layers that want to be told what happens to runs, as listeners are; see `motools.events`."""
    unheard: ClassVar[frozenset[str]] = frozenset()
    """Events that it is not told of, by the names of `motools.Happened`: where nobody else is, they are not even made."""

    def __init__(self, backend: TrainingBackend) -> None:
        self._backend = backend
        for declared in (
            "name",
            "run_type",
            "capabilities",
            "takes_ticket",
            "find_lag",
            "dataset_keywords",
            "version",
            "key_variables",
            "Settings",
        ):
            setattr(self, declared, getattr(backend, declared))

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        return await self._backend.train(dataset, model, hyperparameters, suffix, **kwargs)

    async def find(self, token: str) -> Sequence[TrainingRun]:
        return await self._backend.find(token)

    async def find_noted(self, token: str, notes: Mapping[str, Any]) -> Sequence[TrainingRun]:
        return await self._backend.find_noted(token, notes)

    async def adopt(self, job_id: str) -> TrainingRun:
        return await self._backend.adopt(job_id)

    async def has_model(self, model_id: str) -> bool:
        return await self._backend.has_model(model_id)

    async def identify(self, model: str) -> Any:
        return await self._backend.identify(model)

    def formats(self) -> Mapping[str, Format]:
        return self._backend.formats()

    def format_of(self, model: str, arguments: Mapping[str, Any]) -> str:
        return self._backend.format_of(model, arguments)

    async def estimate(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> Estimate:
        return await self._backend.estimate(dataset, model, hyperparameters, suffix, **kwargs)

    async def limits(self, model: str) -> Limits:
        return await self._backend.limits(model)

    def account(self) -> Mapping[str, Any]:
        return self._backend.account()

    async def ping(self) -> None:
        await self._backend.ping()

    async def aclose(self) -> None:
        await self._backend.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._backend!r})"


__all__ = ["TrainingMiddleware"]
