"""The `validate` layer: a bad dataset is refused, naming each line at fault, before anything is uploaded."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from motools.datasets import Dataset
from motools.errors import DatasetError
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from motools.cache.base import Ticket
    from motools.datasets import Format, Report
    from motools.training.base import DatasetLike, TrainingBackend, TrainingRun

log = logging.getLogger("motools.validate")


class ValidatedTrainingBackend(TrainingMiddleware):
    """Raise `DatasetError`, with all findings, for data that the backend's format forbids; log what looks wrong."""

    inside: ClassVar[Mapping[str, str]] = {
        "cache": "a recorded result would wait until all data have been read, and be refused for data that nobody uploads"
    }

    def __init__(self, backend: TrainingBackend) -> None:
        super().__init__(backend)
        self._judged: WeakSet[Ticket] = WeakSet()
        """The tickets of requests whose data are good: one that waits for a slot comes again and again."""

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        ticket: Ticket | None = kwargs.get("ticket")
        if ticket is not None and ticket in self._judged:
            return await super().train(dataset, model, hyperparameters, suffix, **kwargs)
        form = self._backend.formats()[self._backend.format_of(model, kwargs)]
        dataset, training_set = await _examined(dataset, form)
        reports = [training_set]
        for name in self._backend.dataset_keywords:
            if kwargs.get(name) is not None:
                kwargs[name], report = await _examined(kwargs[name], form, trained_on=training_set)
                reports.append(report)
        _judge(reports)
        if ticket is not None:
            self._judged.add(ticket)
        return await super().train(dataset, model, hyperparameters, suffix, **kwargs)


async def _examined(
    source: DatasetLike, form: Format, *, trained_on: Report | None = None
) -> tuple[DatasetLike, Report]:
    """Return what was examined: a path as it was given; of records the copy that was looked at, whatever becomes of the list."""
    dataset = Dataset.of(source)
    report = await asyncio.to_thread(dataset.examine, form, trained_on=trained_on)
    return (dataset if dataset.path is None else source), report


def _judge(reports: Sequence[Report]) -> None:
    if errors := [str(finding) for report in reports for finding in report.errors]:
        raise DatasetError(errors)
    warnings = [str(finding) for report in reports for finding in report.warnings]
    for warning in warnings[: DatasetError.SHOWN]:
        log.warning("%s", warning)
    if (rest := len(warnings) - DatasetError.SHOWN) > 0:
        log.warning("… and %d more warnings: `motools validate` lists them.", rest)


__all__ = ["ValidatedTrainingBackend"]
