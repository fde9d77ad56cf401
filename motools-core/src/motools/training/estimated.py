"""Training whose cost is estimated before it is submitted."""

from __future__ import annotations

from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING, Any

from motools.datasets import Dataset
from motools.errors import MotoolsError, SettingError, SubmitUnavailable
from motools.status import Capability
from motools.training.middleware import TrainingMiddleware
from motools.words import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.training.base import DatasetLike, TrainingBackend, TrainingRun
    from motools.training.estimate import Estimate


class EstimatedTrainingBackend(TrainingMiddleware):
    """Estimate what each request costs, and keep that with the run, as its `estimate`, until the actual cost is known.

    Raises `SettingError` around a backend that cannot say what its runs cost.
    """

    def __init__(self, backend: TrainingBackend) -> None:
        super().__init__(backend)
        if Capability.ESTIMATE not in self.capabilities:
            raise SettingError(
                f"The backend {self.name!r} cannot say what a run of it would cost (it does not declare ESTIMATE)."
            )

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        dataset = readable_again(dataset)
        kwargs |= {name: readable_again(kwargs[name]) for name in self.dataset_keywords if kwargs.get(name) is not None}
        asked = {name: value for name, value in kwargs.items() if name != "ticket"}
        estimate = await self._estimated(dataset, model, hyperparameters, suffix, **asked)
        self.judge(estimate)
        run = await super().train(dataset, model, hyperparameters, suffix, **kwargs)
        with suppress(AttributeError):  # what takes no attributes is no reason to lose a run that is paid for
            run.estimate = estimate
        return run

    def judge(self, estimate: Estimate) -> None:
        """Refuse, by raising, a request that is estimated like this. The default refuses none."""

    async def _estimated(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None,
        suffix: str | None,
        **asked: Any,
    ) -> Estimate:
        try:
            return await self.estimate(dataset, model, hyperparameters, suffix, **asked)
        except MotoolsError:
            raise
        except (
            Exception
        ) as error:  # whatever it is, nothing has been submitted, and whoever keeps the record must know that
            raise SubmitUnavailable(
                f"What training {model!r} would cost could not be estimated: {said(error)}. Nothing was submitted."
            ) from error


def readable_again(dataset: DatasetLike) -> DatasetLike:
    """Return a dataset that can be read a second time: a path as it is, records as what they are now."""
    return dataset if isinstance(dataset, (str, PathLike)) else Dataset.of(dataset)


__all__ = ["EstimatedTrainingBackend"]
