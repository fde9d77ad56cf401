"""A training run on this machine, as its directory tells it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from motools import Checkpoint
from motools.detached import DetachedTrainingRun
from motools.errors import UsageError
from motools_local import checkpoints
from motools_local.spec import BELOW_HOME, CHECKPOINTS, METRICS, WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPEC_FACTS = ("model_name", "dataset_name", "suffix", "hyperparameters")


class LocalTrainingRun(DetachedTrainingRun):
    """A handle of the detached worker's directory. Its `model_id` is the absolute path of the trained model."""

    backend = "local"
    below_home = BELOW_HOME
    module = WORKER
    rows = METRICS

    def facts(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: spec[name] for name in SPEC_FACTS}

    def model_of(self, result: Mapping[str, Any]) -> str:
        return str(self.work.path / result["model"])

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Return the checkpoints from which training would go on. They are no models to be evaluated."""
        return await asyncio.to_thread(self._checkpoints)

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        there = [checkpoint.id for checkpoint in await self.checkpoints()]
        if checkpoint_id not in there:
            raise UsageError(
                f"The local run {self.job_id!r} has no checkpoint {checkpoint_id!r}. "
                f"There are: {', '.join(there) or 'none'}."
            )
        await asyncio.to_thread(checkpoints.remove, self.work.path / CHECKPOINTS / checkpoint_id)

    def _checkpoints(self) -> list[Checkpoint]:
        measured = {row["step"]: row for row in self._rows()}
        found = [(checkpoints.step_of(path), path, at) for path, at in checkpoints.sealed(self.work.path / CHECKPOINTS)]
        return [
            Checkpoint(id=path.name, step=step, created_at=at, metrics=_without_step(measured.get(step, {})))
            for step, path, at in found
        ]


def _without_step(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "step"}


__all__ = ["LocalTrainingRun"]
