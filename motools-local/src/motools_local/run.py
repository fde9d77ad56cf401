"""A training run on this machine, as its directory tells it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools import Checkpoint
from motools.detached import WorkDirectory, WorkState, as_sentence, follow_log, own_directory, read_rows
from motools.errors import HandleError, RunCancelled, RunFailed, RunLost, UsageError
from motools.files import finite
from motools.handles import read_handle, write_handle
from motools.status import RunStatus
from motools.training.base import TrainingRun
from motools_local import checkpoints
from motools_local.spec import CHECKPOINTS, METRICS, WORKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Self

    from motools.detached import WorkStatus

BELOW_HOME = ("local", "runs")
"""Where each run has its directory."""
SPEC_FACTS = ("model_name", "dataset_name", "suffix")


class LocalTrainingRun(TrainingRun):
    """A handle of the detached worker's directory. Its `model_id` is the absolute path of the trained model.

    Work that was interrupted (the worker was killed, the machine restarted) reads as queued, and goes on from its last
    checkpoint as soon as somebody waits for it.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.work = WorkDirectory(Path(directory), module=WORKER)
        self.job_id = self.work.path.name
        self.metadata: dict[str, Any] = {"directory": str(self.work.path)}
        self._facts: dict[str, Any] = {}

    async def wait(self) -> str:
        try:
            status = await self.work.wait(seen=self._take)
        except FileNotFoundError as error:
            raise self._lost() from error
        if status.state is WorkState.CANCELLED:
            raise RunCancelled(f"The local run {self.job_id!r} was cancelled after step {status.step}.")
        if status.state is WorkState.FAILED or self.model_id is None:
            said = as_sentence(status.error or "it left no model")
            raise RunFailed(f"The local run {self.job_id!r} failed: {said} Its log: {self.work.log_path}")
        return self.model_id

    async def is_complete(self) -> bool:
        if not RunStatus(self.status).is_terminal:
            await self.refresh()
        return RunStatus(self.status).is_terminal

    async def refresh(self) -> None:
        try:
            self._take(await asyncio.to_thread(self.work.status))
        except FileNotFoundError as error:
            raise self._lost() from error

    async def cancel(self) -> None:
        """Ask the worker to stop, and wait until it has written a checkpoint and ended."""
        try:
            await self.work.cancel()
        except FileNotFoundError as error:
            raise self._lost() from error
        await self.refresh()

    async def resume(self) -> bool:
        try:
            return await asyncio.to_thread(self.work.start)
        except FileNotFoundError as error:
            raise self._lost() from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        await write_handle(path, self, backend="local", directory=str(self.work.path))

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        fields = await read_handle(path, kind="training")
        if "directory" not in fields:
            raise HandleError(f"{os.fspath(path)}: does not name the directory of a local run.")
        run = cls(own_directory(fields["directory"], below=BELOW_HOME, handle=path))
        run.model_id = fields["model_id"]
        run.metadata |= fields["metadata"]
        try:
            run.status = RunStatus(fields["status"])
        except ValueError as error:
            raise HandleError(f"{os.fspath(path)}: has the unknown status {fields['status']!r}.") from error
        return run

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        async for line in follow_log(self.work.log_path, self.is_complete if follow else None):
            yield line

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        return await asyncio.to_thread(self._rows)

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

    def _rows(self) -> list[dict[str, Any]]:
        if not self.work.exists():
            raise self._lost()
        rows: list[dict[str, Any]] = finite(read_rows(self.work.path / METRICS))
        return rows

    def _checkpoints(self) -> list[Checkpoint]:
        measured = {row["step"]: row for row in self._rows()}
        found = [(checkpoints.step_of(path), path, at) for path, at in checkpoints.sealed(self.work.path / CHECKPOINTS)]
        return [
            Checkpoint(id=path.name, step=step, created_at=at, metrics=_without_step(measured.get(step, {})))
            for step, path, at in found
        ]

    def _take(self, status: WorkStatus) -> None:
        self.status = status.state.run_status
        self.progress = status.progress
        if not self._facts:
            spec = self.work.spec
            self._facts = {name: spec[name] for name in (*SPEC_FACTS, "hyperparameters")}
        self.metadata = {"directory": str(self.work.path), **self._facts}
        if status.error:
            self.metadata["error"] = status.error
        if status.result is not None:
            self.model_id = str(self.work.path / status.result["model"])
            self.metadata |= {name: value for name, value in status.result.items() if name != "model"}

    def _lost(self) -> RunLost:
        return RunLost(f"The directory of the local run {self.job_id!r}, {self.work.path}, is gone.")


def _without_step(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "step"}


__all__ = ["LocalTrainingRun"]
