"""A training run over the Tinker API, as its directory and the service tell it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.detached import DetachedTrainingRun, WorkDirectory, WorkState
from motools.errors import MotoolsError, UsageError
from motools_tinker import checkpoints, keys
from motools_tinker.spec import BELOW_HOME, METRICS, WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from motools import Checkpoint

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


class TinkerTrainingRun(DetachedTrainingRun):
    """A handle of the driver's directory. Its `model_id` is the path of the trained model, `tinker://…`.

    The driver goes on without the process that started it. Where it was killed, or had to stop, somebody who waits for the
    run, and has a key, lets it go on from its last state.
    """

    backend = "tinker"
    below_home = BELOW_HOME
    module = WORKER
    directory_type = DriverDirectory
    rows = METRICS

    def __init__(self, directory: str | os.PathLike[str], *, api_key: str | None = None) -> None:
        super().__init__(directory)
        self._api_key = api_key

    @property
    def environment(self) -> dict[str, str]:
        return {"TINKER_API_KEY": self._api_key} if self._api_key else {}

    def facts(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        names = SPEC_FACTS
        if spec.get("adopted"):
            self.job_id, names = spec["adopted"], SPEC_FACTS[:1]
        return {name: spec[name] for name in names}

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

    @property
    def _base_url(self) -> str:
        return str(self.work.spec["options"]["base_url"])


__all__ = ["DriverDirectory", "TinkerTrainingRun"]
