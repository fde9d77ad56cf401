"""The handle of a training that is detached work: what its directory says, in the terms of `TrainingRun`."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from motools.detached.directory import WorkDirectory
from motools.detached.following import follow_log
from motools.detached.ownership import own_directory
from motools.detached.rows import read_rows
from motools.detached.status import WorkState, as_sentence
from motools.errors import HandleError, MotoolsError, RunCancelled, RunFailed, RunLost
from motools.files import finite
from motools.handles import read_handle, write_handle
from motools.status import RunStatus
from motools.training.base import TrainingRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Self

    from motools.detached.status import WorkStatus


class DetachedTrainingRun(TrainingRun):
    """A run that is nothing but the directory of its worker; subclasses say whose it is and what it holds.

    Work that was interrupted (the worker was killed, the machine restarted) reads as queued, and goes on from where it was
    as soon as somebody waits for it.
    """

    backend: ClassVar[str]
    """The name of the backend."""
    below_home: ClassVar[tuple[str, ...]]
    """Where each run has its directory."""
    module: ClassVar[str]
    """The worker's module."""
    directory_type: ClassVar[type[WorkDirectory]] = WorkDirectory
    rows: ClassVar[str]
    """The file of metrics in it."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.work = self.directory_type(Path(directory), module=self.module)
        self.job_id = self.work.path.name
        self.metadata: dict[str, Any] = {"directory": str(self.work.path)}
        self._facts: Mapping[str, Any] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs beyond what this process has in its environment. Not to be shown or stored."""
        return {}

    @abstractmethod
    def facts(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what of the spec belongs into the metadata."""

    def model_of(self, result: Mapping[str, Any]) -> str:
        """Return the model's id, from what the worker returned."""
        return str(result["model"])

    async def wait(self) -> str:
        try:
            status = await self.work.wait(environment=self.environment, seen=self._take)
        except FileNotFoundError as error:
            raise self._lost() from error
        if status.state is WorkState.CANCELLED:
            raise RunCancelled(f"{self._name} was cancelled after step {status.step}.")
        if status.state is WorkState.INTERRUPTED:
            raise MotoolsError(f"{self._name} cannot go on after step {status.step}. {status.error}")
        if status.state is WorkState.FAILED or self.model_id is None:
            said = as_sentence(status.error or "it left no model")
            raise RunFailed(f"{self._name} failed: {said} Its log: {self.work.log_path}")
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
        """Ask the worker to stop, and wait until it has kept what it has and ended."""
        try:
            await self.work.cancel()
        except FileNotFoundError as error:
            raise self._lost() from error
        await self.refresh()

    async def resume(self) -> bool:
        try:
            return await asyncio.to_thread(self.work.start, environment=self.environment)
        except FileNotFoundError as error:
            raise self._lost() from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        await write_handle(path, self, backend=self.backend, directory=str(self.work.path))

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        fields = await read_handle(path, kind="training")
        if "directory" not in fields:
            raise HandleError(f"{os.fspath(path)}: does not name the directory of a {cls.backend} run.")
        run = cls(own_directory(fields["directory"], below=cls.below_home, handle=path))
        run.job_id, run.model_id = fields["job_id"], fields["model_id"]
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

    def _rows(self) -> list[dict[str, Any]]:
        if not self.work.exists():
            raise self._lost()
        rows: list[dict[str, Any]] = finite(read_rows(self.work.path / self.rows))
        return rows

    def _take(self, status: WorkStatus) -> None:
        self.status = status.state.run_status
        self.progress = status.progress
        if self._facts is None:
            self._facts = self.facts(self.work.spec)
        self.metadata = {"directory": str(self.work.path), **self._facts}
        if status.error:
            self.metadata["error"] = status.error
        if status.result is not None:
            self.model_id = self.model_of(status.result)
            self.metadata |= {name: value for name, value in status.result.items() if name != "model"}

    @property
    def _name(self) -> str:
        return f"The {self.backend} run {self.job_id!r}"

    def _lost(self) -> RunLost:
        return RunLost(f"The directory of the {self.backend} run {self.job_id!r}, {self.work.path}, is gone.")


__all__ = ["DetachedTrainingRun"]
