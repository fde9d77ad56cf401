"""The `limit` layer: only so many are live at once, and the others wait for their turn, first come, first served.

How many is the user's word (`max_live_runs`), the service's (`limits`, of a backend that declares it), or what the service
says when it refuses (`NoSlot`); the smallest holds, for each base model. The line is in the record of paid work, so that
it is one for all processes and outlives them: see `motools.cache.line`. The layer itself only asks for its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from motools.cache.arguments import takes_ticket
from motools.cache.ticket import in_one_window
from motools.errors import SettingError
from motools.evals.base import EvalJob
from motools.evals.middleware import EvalMiddleware
from motools.settings import Range
from motools.status import Capability
from motools.training.base import TrainingRun
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.cache.base import Ticket
    from motools.evals.base import EvalBackend
    from motools.training.base import DatasetLike, TrainingBackend
    from motools.training.limits import Limits


NEEDS = {"cache": "who waits is kept in the record of paid work"}
INSIDE = {
    "cache": "a recorded result would wait for a slot that it does not need",
    "validate": "bad data would wait for its turn before it is refused",
    "budget": "what is too dear would wait for its turn before it is refused",
}


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What the layer can be told."""

    max_live_runs: Annotated[int | None, Range(ge=1), "how many of one base model may be live at once"] = None
    reserve: Annotated[int, Range(ge=0), "how many of those stay free for others"] = 0

    def __post_init__(self) -> None:
        if self.max_live_runs is not None and self.reserve >= self.max_live_runs:
            raise SettingError(f"reserve = {self.reserve} leaves nothing of max_live_runs = {self.max_live_runs}.")

    def check_known(self, *, says_limits: bool) -> None:
        """Raise `SettingError` for a reserve of what nobody knows."""
        if self.reserve and self.max_live_runs is None and not says_limits:
            raise SettingError(
                f"reserve = {self.reserve} leaves slots free of how many there are, and that is not known: the backend does "
                "not say it. Set max_live_runs."
            )

    def check_counted(self, ticket: Ticket | None) -> None:
        """Raise `SettingError` where the user set a limit, and a request is in no record that could be counted in."""
        if ticket is None and self.max_live_runs is not None:
            raise SettingError(
                "max_live_runs counts what the record of paid work has live, and this request is not recorded. Use a cache "
                "(outside the layer 'limit'), or leave max_live_runs out."
            )


class LimitedTrainingBackend(TrainingMiddleware):
    """Wait in line before each training, where a limit is known; without a record, pass everything on."""

    Options = LimitOptions
    needs = NEEDS
    inside = INSIDE

    def __init__(self, backend: TrainingBackend, options: LimitOptions | None = None) -> None:
        super().__init__(backend)
        self._options = options or LimitOptions()
        self._has_limits = Capability.LIMITS in backend.capabilities
        self._options.check_known(says_limits=self._has_limits)
        self._opens_window = not takes_ticket(backend)
        self.takes_ticket = True

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        ticket: Ticket | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        self._options.check_counted(ticket)
        if ticket is None:
            return await super().train(dataset, model, hyperparameters, suffix, **kwargs)

        async def limits() -> Limits:
            return await self._backend.limits(model)

        await ticket.turn(
            at_most=self._options.max_live_runs,
            reserve=self._options.reserve,
            limits=limits if self._has_limits else None,
        )
        if not self._opens_window:
            return await super().train(dataset, model, hyperparameters, suffix, ticket=ticket, **kwargs)
        call = super().train(dataset, model, hyperparameters, suffix, **kwargs)
        run: TrainingRun = await in_one_window(ticket, call, TrainingRun)
        return run


class LimitedEvalBackend(EvalMiddleware):
    """Wait in line before each evaluation, where `max_live_runs` is set: it is for all evaluations of a backend together."""

    Options = LimitOptions
    needs = NEEDS
    inside = INSIDE

    def __init__(self, backend: EvalBackend, options: LimitOptions | None = None) -> None:
        super().__init__(backend)
        self._options = options or LimitOptions()
        self._options.check_known(says_limits=False)
        self._opens_window = not takes_ticket(backend)
        self.takes_ticket = True

    async def evaluate(self, model_id: str, eval_suite: Any, *, ticket: Ticket | None = None, **kwargs: Any) -> EvalJob:
        self._options.check_counted(ticket)
        if ticket is None:
            return await super().evaluate(model_id, eval_suite, **kwargs)
        await ticket.turn(at_most=self._options.max_live_runs, reserve=self._options.reserve)
        if not self._opens_window:
            return await super().evaluate(model_id, eval_suite, ticket=ticket, **kwargs)
        job: EvalJob = await in_one_window(ticket, super().evaluate(model_id, eval_suite, **kwargs), EvalJob)
        return job


__all__ = ["LimitOptions", "LimitedEvalBackend", "LimitedTrainingBackend"]
