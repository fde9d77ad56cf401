"""`motools train --dry-run`: what a request would lead to, and what it would cost. Nothing is uploaded or submitted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from motools.cli.costs import estimated
from motools.cli.output import fields, of_when, put, put_json, when
from motools.cli.records import as_dict, short
from motools.errors import BudgetExceeded, MotoolsError
from motools.middleware.budget import BudgetedTrainingBackend
from motools.middleware.validate import ValidatedTrainingBackend
from motools.status import Capability
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.cache.base import Draft, Record
    from motools.training.base import TrainingBackend, TrainingRun
    from motools.training.estimate import Estimate

WOULD = {
    "submit": "it would be submitted, and paid for",
    "refuse": "it would be refused: it may cost more than its ceiling",
    "hit": "a recorded result{of_when}: nothing would be started or paid ({name})",
    "attach": "it would attach to what is under way since {when}, and pay nothing ({name})",
    "fail": "it failed on {when}, and would only be shown: --retry-failed tries again ({name})",
    "look": "an earlier submission is not settled: it would be looked for before anything is paid ({name})",
}
"""What a request would lead to, by the word for it in JSON."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A training that is asked about; `keywords` are those of `train` that reach the backend."""

    data: str
    model: str
    hyperparameters: Mapping[str, Any] | None
    suffix: str | None
    replicate: int = 0
    refresh: bool = False
    retry_failed: bool = False
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What every method that takes a request has first."""
        return (self.data, self.model, self.hyperparameters, self.suffix)


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What would come of it; `refusal` is the error that it would end with before anything is submitted."""

    would: str
    key: str | None
    record: Record | None
    estimate: Estimate | None
    ceiling: float | None
    refusal: MotoolsError | None


async def foresee(backend: TrainingBackend, wanted: Wanted) -> Foreseen:
    """Say what `train` would do. Raises `DatasetError`, as it would, for data that cannot be trained on."""
    draft, record = await _recorded(backend, wanted)
    would = "submit" if record is None else _would(record, wanted)
    await _validate(backend, wanted)
    estimate = None
    if Capability.ESTIMATE in backend.capabilities:
        estimate = await backend.estimate(*wanted.arguments, **wanted.keywords)
    budget = _budget_in(backend)
    refusal = _refusal(would, record, budget, estimate)
    return Foreseen(
        would="refuse" if isinstance(refusal, BudgetExceeded) else would,
        key=None if draft is None else draft.key,
        record=record,
        estimate=estimate,
        ceiling=None if budget is None else budget.max_cost,
        refusal=refusal,
    )


async def _recorded(backend: TrainingBackend, wanted: Wanted) -> tuple[Draft | None, Record | None]:
    """Return the request as it would be recorded, and the record that there is of it; None without a record of paid work."""
    from motools.cache.asking import cached_in

    layer = cached_in(backend)
    if layer is None:
        return None, None
    draft: Draft = await layer.draft(*wanted.arguments, replicate=wanted.replicate, **wanted.keywords)
    return draft, await layer._asker.ledger.read(draft.key)


def _would(record: Record, wanted: Wanted) -> str:
    from motools.cache.states import UNSETTLED, State

    if record.state is State.SUCCEEDED:
        return "submit" if wanted.refresh else "hit"
    if record.state is State.FAILED:
        return "submit" if wanted.refresh or wanted.retry_failed else "fail"
    if record.state in UNSETTLED:
        return "look"
    return "attach" if record.state.is_live else "submit"


async def _validate(backend: TrainingBackend, wanted: Wanted) -> None:
    """Have the data looked at by the layer that would, with nothing behind it that could be asked."""
    with suppress(_Passed):
        await ValidatedTrainingBackend(_Nothing(backend)).train(*wanted.arguments, **wanted.keywords)


class _Passed(Exception):
    """What is asked of a service got as far as the service."""


class _Nothing(TrainingMiddleware):
    """Stands in the place of a backend, of which it knows the rules, and submits nothing."""

    async def train(self, *_arguments: Any, **_keywords: Any) -> TrainingRun:
        raise _Passed


def _budget_in(backend: TrainingBackend) -> BudgetedTrainingBackend | None:
    while isinstance(backend, TrainingMiddleware):
        if isinstance(backend, BudgetedTrainingBackend):
            return backend
        backend = backend._backend
    return None


def _refusal(
    would: str, record: Record | None, budget: BudgetedTrainingBackend | None, estimate: Estimate | None
) -> MotoolsError | None:
    if would == "fail" and record is not None:
        from motools.cache.kinds import TRAINING
        from motools.cache.paid import failed_before

        return failed_before(TRAINING, record)
    if would == "submit" and budget is not None and estimate is not None:
        try:
            budget.judge(estimate)
        except BudgetExceeded as error:
            return error
    return None


def show(foreseen: Foreseen, wanted: Wanted, backend: str, *, as_json: bool) -> None:
    """Print what would come of a request."""
    estimate, record = foreseen.estimate, foreseen.record
    if as_json:
        put_json(
            {
                "backend": backend,
                "dataset": wanted.data,
                "model": wanted.model,
                "would": foreseen.would,
                "key": foreseen.key,
                "record": record and as_dict(record),
                "estimate": estimate and estimate.as_dict(),
                "ceiling": foreseen.ceiling,
                "refusal": foreseen.refusal and str(foreseen.refusal),
            }
        )
        return
    rows = {"dataset": wanted.data, "model": wanted.model, **estimated(estimate)}
    if foreseen.ceiling is not None:
        from motools.money import money

        rows["ceiling"] = money(foreseen.ceiling)
    rows["would"] = WOULD[foreseen.would].format(
        when=record and when(record.updated_at),
        of_when=record and of_when(record.updated_at),
        name=record and short(record.key),
    )
    notes = (f"The backend {backend!r} does not say what its runs cost.",) if estimate is None else estimate.assumptions
    put("\n".join([fields(rows), "", *(f"- {note}" for note in notes)]))


__all__ = ["Foreseen", "Wanted", "foresee", "show"]
