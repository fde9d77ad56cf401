"""The `validate` layer: a bad dataset is refused, naming each line at fault, before anything is uploaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from motools.datasets import Dataset
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.datasets import Format
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
        form = self._backend.formats()[self._backend.format_of(model, kwargs)]
        dataset = await _checked(dataset, form)
        for name in self._backend.dataset_keywords:
            if kwargs.get(name) is not None:
                kwargs[name] = await _checked(kwargs[name], form)
        return await super().train(dataset, model, hyperparameters, suffix, **kwargs)


async def _checked(source: DatasetLike, form: Format) -> DatasetLike:
    """Return what was checked: a path as it was given; of records the copy that was looked at, whatever becomes of the list."""
    dataset = Dataset.of(source)
    await asyncio.to_thread(dataset.check, form.rules)
    return dataset if dataset.path is None else source


__all__ = ["ValidatedTrainingBackend"]
