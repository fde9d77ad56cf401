"""A layer is an evaluation backend that holds one."""

from __future__ import annotations

from motools.evals.base import EvalBackend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any, ClassVar

    from motools.evals.base import EvalJob
    from motools.events import RunEvent


class EvalMiddleware(EvalBackend):
    """Pass everything on to the backend inside; see `motools.training.middleware.TrainingMiddleware`."""

    Options: ClassVar[type | None] = None

    inside: ClassVar[Mapping[str, str]] = {}
    outside: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[Mapping[str, str]] = {}
    counterpart: ClassVar[type | None] = None
    told: Callable[[RunEvent], Awaitable[None]] | None = None
    unheard: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, backend: EvalBackend) -> None:
        self._backend = backend
        for declared in (
            "name",
            "job_type",
            "capabilities",
            "takes_ticket",
            "find_lag",
            "version",
            "key_variables",
            "Settings",
        ):
            setattr(self, declared, getattr(backend, declared))

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> EvalJob:
        return await self._backend.evaluate(model_id, eval_suite, **kwargs)

    async def identify(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Mapping[str, Any]:
        return await self._backend.identify(model_id, eval_suite, **kwargs)

    async def adopt(self, job_id: str) -> EvalJob:
        return await self._backend.adopt(job_id)

    async def find(self, token: str) -> Sequence[EvalJob]:
        return await self._backend.find(token)

    async def find_noted(self, token: str, notes: Mapping[str, Any]) -> Sequence[EvalJob]:
        return await self._backend.find_noted(token, notes)

    def account(self) -> Mapping[str, Any]:
        return self._backend.account()

    async def ping(self) -> None:
        await self._backend.ping()

    async def aclose(self) -> None:
        await self._backend.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._backend!r})"


__all__ = ["EvalMiddleware"]
