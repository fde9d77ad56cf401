"""The `budget` layer: a run that is estimated to cost more than a ceiling is refused before anything is uploaded or paid.

    [backends.openai]
    middleware = ["cache", "validate", "budget"]
    max_cost = 20

It stands inside `cache`, as here: what is recorded already costs nothing. A ceiling holds for each run by
itself. Where the cost is not known the run is refused too: nobody knows that it is below the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, NoReturn

from motools.errors import BudgetExceeded, SettingError
from motools.settings import Range
from motools.training.estimated import EstimatedTrainingBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.evals.base import EvalBackend
    from motools.training.base import TrainingBackend
    from motools.training.estimate import Estimate

CURRENCY = "USD"


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """What the layer is told; it does not do without."""

    max_cost: Annotated[float | None, Range(ge=0), "what a run may cost at most, in US dollars"] = None


class BudgetedTrainingBackend(EstimatedTrainingBackend):
    """Refuse, with `BudgetExceeded`, a run that may cost more than `max_cost`; keep the estimate of the others with them."""

    Options = BudgetOptions
    inside: ClassVar[Mapping[str, str]] = {
        "cache": "a recorded result, which costs nothing, would be refused for what it would cost to train it again"
    }

    def __init__(self, backend: TrainingBackend, options: BudgetOptions | None = None) -> None:
        max_cost = None if options is None else options.max_cost
        if max_cost is None:
            raise SettingError(
                f"The layer 'budget' of the backend {backend.name!r} has no ceiling: set max_cost, in US dollars a run."
            )
        try:
            super().__init__(backend)
        except SettingError as error:
            raise SettingError(
                f"{error} Leave the layer 'budget' out; without estimates it would refuse all."
            ) from error
        self.max_cost = max_cost

    def judge(self, estimate: Estimate) -> None:
        """Raise `BudgetExceeded` unless the cost is known, in dollars, and not above the ceiling."""
        cost = estimate.cost if estimate.currency == CURRENCY else None
        if cost is None or not cost <= self.max_cost:  # written so that no cost which is not a number passes
            raise BudgetExceeded(estimate.cost, self.max_cost, estimate.currency, estimate.assumptions)


def no_evaluations(backend: EvalBackend, options: BudgetOptions | None = None) -> NoReturn:
    """Refuse to be put around a backend of evaluations, which would then be paid for as if there was no ceiling."""
    del options
    raise SettingError(
        f"The layer 'budget' is for training: nothing says what an evaluation with {backend.name!r} costs. Leave it out."
    )


__all__ = ["BudgetOptions", "BudgetedTrainingBackend", "no_evaluations"]
