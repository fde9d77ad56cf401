"""The training backend "local"."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from motools.config import home
from motools.datasets import Dataset
from motools.detached import WorkDirectory
from motools.errors import SettingError, SubmitUnavailable
from motools.settings import check
from motools.status import Capability
from motools.training.base import TrainingBackend
from motools_local import models
from motools_local.run import LocalTrainingRun
from motools_local.settings import LocalHyperparameters, LocalKeywords, LocalOptions, LocalSettings
from motools_local.spec import BELOW_HOME, DATA, VALIDATION, WORKER, TrainingSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from motools.cache.base import Ticket
    from motools.training.base import DatasetLike

SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LocalTrainingBackend(TrainingBackend):
    """LoRA and full fine-tuning on this machine, in a worker that outlives the process that asked for it.

    `model` is "smollm2", the directory of a transformers model, or a name on the model hub. A run can be found by its
    token with certainty: its directory is there or it is not.
    """

    name = "local"
    run_type = LocalTrainingRun
    capabilities = frozenset(
        {Capability.FIND, Capability.LOGS, Capability.MODELS, Capability.METRICS, Capability.CHECKPOINTS}
    )
    find_lag = 0.0
    dataset_keywords = ("validation",)
    Settings: ClassVar[type] = LocalSettings

    def __init__(self, **options: Any) -> None:
        self.options = check(LocalOptions, options, who="local", what="option")

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        validation: DatasetLike | None = None,
        ticket: Ticket | None = None,
        **kwargs: Any,
    ) -> LocalTrainingRun:
        """Start a worker. Everything that can be refused is refused before anything is written.

        Of `validation`, conversations that are held out, the loss is measured after each epoch and at the end.
        """
        check(LocalKeywords, kwargs, who="local", what="keyword")
        wanted = check(LocalHyperparameters, hyperparameters or {}, who="local")
        if suffix is not None and not SUFFIX.fullmatch(suffix):
            raise SettingError(
                f"local: suffix must be up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit, "
                f"not {suffix!r}."
            )
        data = Dataset.of(dataset)
        held_out = None if validation is None else Dataset.of(validation)
        for each in (data, held_out):
            if each is not None:
                await asyncio.to_thread(each.check)
        spec = TrainingSpec(
            model=await models.source(model),
            model_name=model,
            dataset_name=data.name,
            hyperparameters=wanted,
            suffix=suffix,
            device=self.options.device,
            threads=self.options.threads or _usable_cores(),
            save_every=self.options.save_every,
            slots=str(home() / "local" / "slots"),
            runs_at_once=self.options.runs_at_once,
            validation_name=None if held_out is None else held_out.name,
        )
        async with nullcontext() if ticket is None else ticket.paying() as payment:
            run = LocalTrainingRun(_path(uuid4().hex if ticket is None else ticket.token))
            try:
                await asyncio.to_thread(_start, run.work, spec, {DATA: data, VALIDATION: held_out})
            except OSError as error:
                raise SubmitUnavailable(
                    f"The run directory {run.work.path} cannot be written: {error.strerror or error}."
                ) from error
            if payment is not None:
                payment.job_id = run.job_id
        await run.refresh()
        return run

    async def find(self, token: str) -> Sequence[LocalTrainingRun]:
        run = LocalTrainingRun(_path(token))
        if not await asyncio.to_thread(run.work.exists):
            return []
        await run.refresh()
        return [run]

    async def has_model(self, model_id: str) -> bool:
        return await asyncio.to_thread(models.is_here, model_id)

    async def identify(self, model: str) -> Any:
        return await models.identity(model)


def _path(token: str) -> Path:
    if not TOKEN.fullmatch(token):
        raise SettingError(f"{token!r} is no token of a run: those have up to 64 letters, digits, '_' and '-'.")
    return home().joinpath(*BELOW_HOME, token)


def _usable_cores() -> int:
    from motools_local.cores import usable_cores

    return usable_cores()


def _start(work: WorkDirectory, spec: TrainingSpec, files: Mapping[str, Dataset | None]) -> None:
    made = WorkDirectory.create(work.path, spec=spec.as_dict(), module=WORKER, prepare=partial(_copy, files))
    made.start()


def _copy(files: Mapping[str, Dataset | None], directory: Path) -> None:
    for name, data in files.items():
        if data is None:
            continue
        target_path = directory / name
        target_path.touch(0o600)
        with data.open() as source, target_path.open("wb") as target:
            while piece := source.read(2**20):
                target.write(piece)


__all__ = ["LocalTrainingBackend", "LocalTrainingRun"]
