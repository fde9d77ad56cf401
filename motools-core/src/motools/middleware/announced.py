"""Where there is no record of paid work to do it: required plugins are told of each request before it is made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from motools.evals.middleware import EvalMiddleware
from motools.events import Happened, RunEvent
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.evals.base import EvalBackend, EvalJob
    from motools.events import Notify
    from motools.training.base import DatasetLike, TrainingBackend, TrainingRun


class AnnouncedTrainingBackend(TrainingMiddleware):
    """Ask the required plugins before each training."""

    def __init__(self, backend: TrainingBackend, allow: Notify) -> None:
        super().__init__(backend)
        self._allow = allow

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        await self._allow(_next("training", self.name, model))
        return await super().train(dataset, model, hyperparameters, suffix, **kwargs)


class AnnouncedEvalBackend(EvalMiddleware):
    """Ask them before each evaluation."""

    def __init__(self, backend: EvalBackend, allow: Notify) -> None:
        super().__init__(backend)
        self._allow = allow

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> EvalJob:
        await self._allow(_next("eval", self.name, model_id))
        return await super().evaluate(model_id, eval_suite, **kwargs)


def _next(kind: str, backend: str, model: str) -> RunEvent:
    return RunEvent(
        happened=Happened.SUBMITTING, kind=kind, backend=backend, key="", job_id="", at=time.time(), model=model
    )


__all__ = ["AnnouncedEvalBackend", "AnnouncedTrainingBackend"]
