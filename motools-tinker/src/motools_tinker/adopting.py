"""A model that was trained by other means, as a run that has ended: a directory that says so, and no driver."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from motools.config import home
from motools.detached import WorkState, WorkStatus
from motools.errors import RunLost, UsageError
from motools_tinker import checkpoints
from motools_tinker.run import DriverDirectory, TinkerTrainingRun
from motools_tinker.settings import TinkerHyperparameters
from motools_tinker.spec import BELOW_HOME, WORKER, TrainingSpec

if TYPE_CHECKING:
    from motools_tinker.settings import TinkerOptions

MODELS = "/sampler_weights/"


async def adopt(path: str, options: TinkerOptions, api_key: str | None) -> TinkerTrainingRun:
    """Return the ended run of a model at a path. Raises `RunLost` where nothing is there, `UsageError` for other paths."""
    if not path.startswith("tinker://") or MODELS not in path:
        raise UsageError(
            f"{path!r} is no model over Tinker: those are called tinker://RUN/sampler_weights/NAME. What is under `weights` can "
            f"only be trained on; `tinker checkpoint list` shows both."
        )
    if not await checkpoints.has_model(path, options.base_url, api_key):
        raise RunLost(f"The service has no model {path!r} for this account (any more).")
    rest = await checkpoints.client(options.base_url, api_key)
    about = await checkpoints.asked(lambda: rest.get_training_run_by_tinker_path(path))
    wanted = TinkerHyperparameters()
    spec = TrainingSpec(
        model=about.base_model,
        dataset_name="(not known)",
        validation_name=None,
        suffix=None,
        hyperparameters=replace(wanted, lora_rank=about.lora_rank or wanted.lora_rank),
        options=options,
        adopted=path,
    )
    return await asyncio.to_thread(_recorded, spec, path)


def result(spec: TrainingSpec) -> dict[str, Any]:
    """Return the result of a run that was adopted."""
    return {"model": spec.adopted, "base_model": spec.model, "training_runs": []}


def _recorded(spec: TrainingSpec, path: str) -> TinkerTrainingRun:
    name = f"adopted-{hashlib.sha256(path.encode()).hexdigest()[:32]}"
    work = DriverDirectory.create(home().joinpath(*BELOW_HOME, name), spec=spec.as_dict(), module=WORKER)
    work.write_status(WorkStatus(state=WorkState.SUCCEEDED, result=result(spec)))
    run = TinkerTrainingRun(work.path)
    run._take(work.status())
    return run


__all__ = ["adopt", "result"]
