"""The run or job that a command's KEY means, and whether its backend has the power that the command needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from motools.cli.records import handle_of, open_ledger, the_one
from motools.errors import UsageError
from motools.evals.base import EvalJob
from motools.status import Capability

if TYPE_CHECKING:
    from motools.training.base import TrainingRun

LACKING = {
    Capability.LOGS: "has no logs of its {} to show",
    Capability.METRICS: "has no metrics of its {} to show",
    Capability.CHECKPOINTS: "has no checkpoints of its {} to show",
    Capability.PAUSE: "cannot pause its {}",
    Capability.VIEW: "has no viewer of its {}",
}
"""What is said of a backend without a power; the noun of its work is filled in."""


async def handle_meant(key: str) -> tuple[TrainingRun | EvalJob, str]:
    """Return the run or job that `key` means, which may be the file of a saved one, and its backend's name."""
    if is_saved(key):
        from motools.files import read_json
        from motools.handles import load_job, load_run

        envelope = await read_json(key, required=("kind", "backend"))
        return await (load_run(key) if envelope["kind"] == "training" else load_job(key)), envelope["backend"]
    ledger = open_ledger()
    record = await the_one(ledger, key)
    return handle_of(record, ledger), record.backend


async def run_with(capability: Capability, key: str) -> TrainingRun:
    """Return the training run that `key` means. Raises `UsageError` where its backend has not the power that is needed."""
    handle, backend = await handle_meant(key)
    check_power(handle, backend, capability)
    if isinstance(handle, EvalJob):
        raise UsageError(f"The backend {backend!r} {LACKING[capability].format('jobs')}: that is for trainings.")
    return handle


def is_saved(key: str) -> bool:
    """Whether `key` is a file that --save has written."""
    return key.endswith(".json") and Path(key).is_file()


def check_power(handle: TrainingRun | EvalJob, backend: str, capability: Capability) -> None:
    """Raise `UsageError` where the backend of a run or job does not declare a power."""
    from motools.plugins.saved import backend_class_of

    kind, noun = ("eval", "jobs") if isinstance(handle, EvalJob) else ("training", "runs")
    if capability not in backend_class_of(backend, kind).capabilities:
        lacking = LACKING[capability].format(noun)
        raise UsageError(f"The backend {backend!r} {lacking} (it does not declare {capability.name}).")


__all__ = ["check_power", "handle_meant", "is_saved", "run_with"]
