"""Saved runs and jobs: the JSON envelope around them, and the way back to the right class.

{"schema": 1, "kind": "training" | "eval", "backend": "openai", "job_id": …, "model_id": …, "status": …,
 "metadata": {…}, …whatever else the backend needs to go on…}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.errors import HandleError
from motools.files import read_json, write_json

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from motools.cache.base import Ledger, Record
    from motools.cache.telling import Teller
    from motools.evals.backends.cached import CachedEvalJob
    from motools.evals.base import EvalJob
    from motools.events import Happened
    from motools.training.backends.cached import CachedTrainingRun
    from motools.training.base import TrainingRun

SCHEMA = 1
ENVELOPE = ("schema", "kind", "backend", "job_id", "model_id", "status", "metadata")
TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "kind": ((str,), "a string"),
    "backend": ((str,), "a string"),
    "job_id": ((str,), "a string"),
    "model_id": ((str, type(None)), "a string or null"),
    "status": ((str,), "a string"),
    "metadata": ((dict,), "an object"),
}
"""What the fields of the envelope hold, and how that is called."""


async def write_handle(
    path: str | os.PathLike[str], handle: TrainingRun | EvalJob, *, backend: str, **more: Any
) -> None:
    """Write a handle's envelope and, beside it, the fields that its class needs to go on. For use in `save`."""
    from motools.training.base import TrainingRun

    fields = {
        "schema": SCHEMA,
        "kind": "training" if isinstance(handle, TrainingRun) else "eval",
        "backend": backend,
        "job_id": handle.job_id,
        "model_id": handle.model_id,
        "status": str(handle.status),
        "metadata": dict(handle.metadata),
    }
    await write_json(path, fields | more)


async def read_handle(path: str | os.PathLike[str], *, kind: str | None = None) -> dict[str, Any]:
    """Read what `write_handle` wrote. For use in `load`.

    Raises `HandleError` when the file is no handle, is of another `kind`, or comes from a newer motools. The fields of
    the envelope are of their types; what the class itself has written is for it to check.
    """
    fields = await read_json(path, required=ENVELOPE)
    if fields["schema"] != SCHEMA:
        raise HandleError(
            f"{path}: has schema {fields['schema']!r}, this motools reads {SCHEMA}. Upgrade motools-core to load it."
        )
    for name, (types, called) in TYPES.items():
        if not isinstance(fields[name], types):
            raise HandleError(f"{path}: {name!r} must be {called}, not {fields[name]!r}.")
    if kind is not None and fields["kind"] != kind:
        raise HandleError(f"{path}: holds a handle of kind {fields['kind']!r}, not {kind!r}.")
    return fields


async def load_run(path: str | os.PathLike[str]) -> TrainingRun:
    """Load a saved training run, whichever installed backend it belongs to."""
    from motools.plugins.registry import run_class

    fields = await read_handle(path, kind="training")
    return await run_class(fields).load(path)


async def load_job(path: str | os.PathLike[str]) -> EvalJob:
    """Load a saved evaluation job, whichever installed backend it belongs to."""
    from motools.plugins.registry import job_class

    fields = await read_handle(path, kind="eval")
    return await job_class(fields).load(path)


def run_of(record: Record, ledger: Ledger, tell: Teller | None = None) -> CachedTrainingRun:
    """Return the run of a record; the plugin is imported when something is asked that is not recorded.

    `tell` is told what happens while it is followed.
    """
    from motools.training.backends.cached import CachedTrainingRun

    return CachedTrainingRun(record, ledger, tell=tell, happened=_happened(record))


def job_of(record: Record, ledger: Ledger, tell: Teller | None = None) -> CachedEvalJob:
    """Return the job of a record, as `run_of` does a run."""
    from motools.evals.backends.cached import CachedEvalJob

    return CachedEvalJob(record, ledger, tell=tell, happened=_happened(record))


def _happened(record: Record) -> Happened:
    from motools.events import Happened

    return Happened.CACHE_HIT if record.state.is_ended else Happened.ATTACHED


__all__ = ["job_of", "load_job", "load_run", "read_handle", "run_of", "write_handle"]
