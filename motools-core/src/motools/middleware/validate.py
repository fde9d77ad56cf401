"""The `validate` layer: a bad dataset is refused, naming each line at fault, before anything is uploaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from motools.datasets import Dataset
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.training.base import DatasetLike, TrainingRun


class ValidatedTrainingBackend(TrainingMiddleware):
    """Raise `DatasetError`, with all findings, for data that no service could train on."""

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        checked = Dataset.of(dataset)
        await asyncio.to_thread(checked.check)
        if checked.path is None:  # records: what was checked is what is trained on, whatever becomes of the list
            dataset = checked
        return await super().train(dataset, model, hyperparameters, suffix, **kwargs)


__all__ = ["ValidatedTrainingBackend"]
