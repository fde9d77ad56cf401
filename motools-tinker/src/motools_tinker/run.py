"""A training run over the Tinker API, as its directory and the service tell it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools import RunStatus, TrainingRun, read_handle, write_handle
from motools.detached import WorkDirectory, WorkState, as_sentence, follow_log, own_directory, read_rows
from motools.errors import HandleError, MotoolsError, RunCancelled, RunFailed, RunLost, UsageError
from motools_tinker import checkpoints, keys
from motools_tinker.spec import BELOW_HOME, METRICS, WORKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Self

    from motools import Checkpoint
    from motools.detached import WorkStatus

SPEC_FACTS: tuple[str, ...] = ("model", "dataset_name", "suffix", "hyperparameters")


class DriverDirectory(WorkDirectory):
    """A run's directory, whose driver needs a key."""

    def start(self, *, environment: Mapping[str, str] | None = None) -> bool:
        if not keys.is_there(os.environ | (environment or {})):
            status = self.status()
            if status.state.is_terminal or (status.state is not WorkState.INTERRUPTED and status.attempt):
                return False
            raise MotoolsError(
                f"The tinker run {self.path.name!r} was interrupted at step {status.step}, and this process has no key to "
                f"go on with it. {keys.ADVICE} Then wait for it again: nothing is lost, and nothing goes on meanwhile."
            )
        return super().start(environment=environment)


class TinkerTrainingRun(TrainingRun):
    """A handle of the driver's directory. Its `model_id` is the path of the trained model, `tinker://…`.

    The driver goes on without the process that started it. Where it was killed, or had to stop, the run reads as queued
    and goes on from its last state as soon as somebody who has a key waits for it.
    """

    def __init__(self, directory: str | os.PathLike[str], *, api_key: str | None = None) -> None:
        self.work = DriverDirectory(Path(directory), module=WORKER)
        self.job_id = self.work.path.name
        self.metadata: dict[str, Any] = {"directory": str(self.work.path)}
        self._api_key = api_key

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs beyond what this process has in its environment. Not to be shown or stored."""
        return {"TINKER_API_KEY": self._api_key} if self._api_key else {}

    async def wait(self) -> str:
        try:
            status = await self.work.wait(environment=self.environment, seen=self._take)
        except FileNotFoundError as error:
            raise self._lost() from error
        if status.state is WorkState.CANCELLED:
            raise RunCancelled(f"The tinker run {self.job_id!r} was cancelled after step {status.step}.")
        if status.state is WorkState.INTERRUPTED:
            raise MotoolsError(f"The tinker run {self.job_id!r} cannot go on after step {status.step}. {status.error}")
        if status.state is WorkState.FAILED or self.model_id is None:
            said = as_sentence(status.error or "it left no model")
            raise RunFailed(f"The tinker run {self.job_id!r} failed: {said} Its log: {self.work.log_path}")
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
        """Ask the driver to stop, and wait until it has saved a state and closed its session."""
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

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        return await asyncio.to_thread(read_rows, self.work.path / METRICS)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Return what the run has at the service: states that can be trained on, and the model. Needs a key."""
        return await checkpoints.there(self.work.path, self._base_url, self._api_key)

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        await checkpoints.delete(self.work.path, checkpoint_id, self._base_url, self._api_key)

    async def download(self, directory: str | os.PathLike[str]) -> Path:
        """Put the trained weights into a new directory, as files for local use, where the service gives them out.

        Needs a key. Raises `UsageError` where the run has no final state, or the directory is there already.
        """
        from motools_tinker.downloading import download

        await self.refresh()  # a handle may be old, or say what its directory does not
        state = self.metadata.get("state")
        if not state:
            raise UsageError(f"The tinker run {self.job_id!r} has no final state to download.")
        return await download(state, Path(directory), self.environment | {"TINKER_BASE_URL": self._base_url})

    async def save(self, path: str | os.PathLike[str]) -> None:
        await write_handle(path, self, backend="tinker", directory=str(self.work.path))

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        fields = await read_handle(path, kind="training")
        if "directory" not in fields:
            raise HandleError(f"{os.fspath(path)}: does not name the directory of a tinker run.")
        run = cls(own_directory(fields["directory"], below=BELOW_HOME, handle=path))
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

    @property
    def _base_url(self) -> str:
        return str(self.work.spec["options"]["base_url"])

    def _take(self, status: WorkStatus) -> None:
        self.status = status.state.run_status
        self.progress = status.progress
        spec = self.work.spec
        facts = SPEC_FACTS
        if spec.get("adopted"):
            self.job_id, facts = spec["adopted"], SPEC_FACTS[:1]
        self.metadata = {"directory": str(self.work.path)} | {name: spec[name] for name in facts}
        if status.error:
            self.metadata["error"] = status.error
        if status.result is not None:
            self.model_id = status.result["model"]
            self.metadata |= {name: value for name, value in status.result.items() if name != "model"}

    def _lost(self) -> RunLost:
        return RunLost(f"The directory of the tinker run {self.job_id!r}, {self.work.path}, is gone.")


__all__ = ["DriverDirectory", "TinkerTrainingRun"]
